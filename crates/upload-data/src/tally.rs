//! What a run has done and waited for, counted where it happens.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts of one run, failed attempts included.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// COPYs sent.
    pub copies: u64,
    /// How long they took.
    pub copy_time: Duration,
    /// How long `LOCK` took.
    pub lock_wait: Duration,
    /// Loads begun anew after something that passes.
    pub retries: u64,
    /// Objects found under `events/` so far.
    pub listed: u64,
    /// How old the oldest of them is.
    pub oldest_age: Option<Duration>,
    /// Of those listed, how many are loaded or set aside.
    pub settled: u64,
}

impl Tally {
    pub(crate) fn copied(&self, took: Duration) {
        self.change(|counts| {
            counts.copies += 1;
            counts.copy_time += took;
        });
    }

    pub(crate) fn waited(&self, took: Duration) {
        self.change(|counts| counts.lock_wait += took);
    }

    pub(crate) fn started_over(&self) {
        self.change(|counts| counts.retries += 1);
    }

    pub(crate) fn listed(&self, count: u64, oldest_age: Option<Duration>) {
        self.change(|counts| (counts.listed, counts.oldest_age) = (count, oldest_age));
    }

    pub(crate) fn settled(&self, count: usize) {
        self.change(|counts| counts.settled += count as u64);
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
