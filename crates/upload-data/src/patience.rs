//! How often, and after which pauses, something that failed for now is tried again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Tries of one load in all. With the pauses between them they last about six seconds; for what
/// takes longer, there is the next run.
const TRIES_MAX: u32 = 6;
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Before an object that COPY could not read is tried a last time.
const LAST_TRY_PAUSE: Duration = Duration::from_secs(1);

/// Waits, so that what ailed S3 for a moment is no verdict.
pub(crate) async fn pause_before_last_try(shutdown: &CancellationToken) {
    shutdown.run_until_cancelled(tokio::time::sleep(LAST_TRY_PAUSE)).await;
}

/// Counts the tries of one thing.
pub(crate) struct Patience<'a> {
    failure_count: u32,
    /// Cuts pauses short.
    shutdown: &'a CancellationToken,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(shutdown: &'a CancellationToken) -> Self {
        Self { failure_count: 0, shutdown }
    }

    /// Counts a failure; false if it was the last try.
    pub(crate) fn allows_another(&mut self) -> bool {
        self.failure_count += 1;
        self.failure_count < TRIES_MAX
    }

    /// How many tries have failed.
    pub(crate) fn failure_count(&self) -> u32 {
        self.failure_count
    }

    /// Waits longer after each failure; a half is left to chance, so that two loads that got into
    /// each other's way do not do so again.
    pub(crate) async fn pause(&self) {
        let pause = pause_after(self.failure_count, Uuid::new_v4().as_u64_pair().1 as u32);
        self.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

fn pause_after(failure_count: u32, random: u32) -> Duration {
    let doublings = failure_count.saturating_sub(1).min(TRIES_MAX);
    let share = f64::from(random) / (f64::from(u32::MAX) + 1.0);
    (PAUSE_MIN * (1 << doublings)).mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_half_of_each_is_chance() {
        for (failure_count, random, expected) in
            [(1, 0, 100), (1, u32::MAX, 200), (2, 0, 200), (2, u32::MAX, 400), (5, 0, 1600)]
        {
            let pause = pause_after(failure_count, random);
            assert_eq!(pause.as_millis(), expected, "{failure_count} failures, {random}");
        }
    }

    #[test]
    fn there_is_an_end_to_it() {
        let shutdown = CancellationToken::new();
        let mut patience = Patience::new(&shutdown);
        let tries = 1 + (0..100).take_while(|_| patience.allows_another()).count();
        assert_eq!(tries, 6);
    }
}
