//! Which messages this process holds, and until when SQS hides them from others.
//!
//! A batch is stored long before that, unless S3 is slow or away. Then the messages are hidden
//! anew, ten at a time, and only those that need it: what is never slow costs no request. A message
//! that cannot be hidden any longer (its receipt handle has expired, or 12 hours are over) is let
//! go: it comes again, and the load removes the double.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::queue::{ENTRIES_MAX, Queue, Receipt};
use crate::state::Counters;

/// A message is hidden anew when less than this share of its visibility timeout is left: a batch
/// that is stored at once has two thirds of it left.
const SHORT_SHARE: u32 = 3;

/// How often in a visibility timeout it is looked how much is left of it.
const LOOKS: u32 = 12;

/// The bounds of the pause between two looks.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(250);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(10);

/// Calls at once.
const CONCURRENCY: usize = 8;

/// The messages that are held.
#[derive(Debug, Default)]
pub(crate) struct Custody {
    hidden_until: Mutex<HashMap<Receipt, Instant>>,
}

impl Custody {
    /// Takes note of messages that are hidden until then.
    pub(crate) fn take<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>, until: Instant) {
        let mut hidden_until = self.lock();
        hidden_until.extend(receipts.map(|receipt| (Arc::clone(receipt), until)));
    }

    /// Forgets messages that are deleted, given back or let go.
    pub(crate) fn release<'a>(&self, receipts: impl IntoIterator<Item = &'a Receipt>) {
        let mut hidden_until = self.lock();
        for receipt in receipts {
            hidden_until.remove(receipt);
        }
    }

    /// Those that are hidden no longer than until `then`.
    fn short_before(&self, then: Instant) -> Vec<Receipt> {
        let hidden_until = self.lock();
        let short = hidden_until.iter().filter(|(_, until)| **until <= then);
        short.map(|(receipt, _)| Arc::clone(receipt)).collect()
    }

    /// Takes note of more time for messages, unless they are not held any more.
    fn renew<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>, until: Instant) {
        let mut hidden_until = self.lock();
        for receipt in receipts {
            if let Some(known) = hidden_until.get_mut(receipt) {
                *known = until;
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Receipt, Instant>> {
        self.hidden_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hides messages anew whose time runs short, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Extender {
    task: JoinHandle<()>,
}

impl Extender {
    /// Looks after what is in `custody`, which was received from `queue` with this timeout.
    pub(crate) fn start<Q: Queue>(
        queue: Q,
        custody: Arc<Custody>,
        visibility_timeout: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let pause = (visibility_timeout / LOOKS).clamp(LOOK_EVERY_MIN, LOOK_EVERY_MAX);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                let short = custody.short_before(Instant::now() + visibility_timeout / SHORT_SHARE);
                if !short.is_empty() {
                    extend(&queue, &custody, visibility_timeout, &short, &counters).await;
                }
            }
        });
        Self { task }
    }
}

impl Drop for Extender {
    /// A call under way is abandoned: whether it takes effect matters to nobody any more, because
    /// nothing is held.
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn extend<Q: Queue>(
    queue: &Q,
    custody: &Custody,
    visibility_timeout: Duration,
    short: &[Receipt],
    counters: &Counters,
) {
    let extended = AtomicUsize::new(0);
    stream::iter(short.chunks(ENTRIES_MAX))
        .for_each_concurrent(CONCURRENCY, |chunk| async {
            // SQS counts from the call's arrival, which is later.
            let until = Instant::now() + visibility_timeout;
            let failures = match queue.change_visibility(chunk, visibility_timeout).await {
                Ok(failures) => failures,
                Err(error) => {
                    // The next look tries again.
                    tracing::debug!(%error, message_count = chunk.len(), "visibility not extended");
                    return;
                }
            };
            let has_failed = |index| failures.iter().any(|failure| failure.index == index);
            let succeeded = chunk.iter().enumerate().filter(|(index, _)| !has_failed(*index));
            custody.renew(succeeded.map(|(_, receipt)| receipt), until);
            let hopeless = failures.iter().filter(|failure| failure.sender_fault);
            custody.release(hopeless.map(|failure| &chunk[failure.index]));
            extended.fetch_add(chunk.len() - failures.len(), Ordering::Relaxed);
        })
        .await;
    let extended = extended.into_inner();
    counters.add_extended(extended);
    if 0 < extended {
        tracing::info!(message_count = extended, "messages hidden anew");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_is_held_and_runs_short_is_due() {
        let custody = Custody::default();
        let receipts: Vec<Receipt> = ["a", "b", "c"].map(Receipt::from).to_vec();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        custody.take(receipts[..2].iter(), after(30));
        custody.take(receipts[2..].iter(), after(60));
        assert_eq!(custody.short_before(after(29)), []);
        custody.release([&receipts[0]]);
        assert_eq!(custody.short_before(after(30)), receipts[1..2]);
        custody.renew(receipts[..2].iter(), after(90));
        assert_eq!(custody.short_before(after(60)), receipts[2..], "one is renewed, one is gone");
        custody.release(&receipts);
        assert!(custody.is_empty());
    }
}
