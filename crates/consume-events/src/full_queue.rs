//! A queue that has handed out all it may: it has messages, answers with none, and says nothing.
//!
//! A standard queue lets about 120,000 messages be in flight; after that a long poll brings none,
//! without an error, and a short poll brings `OverLimit` (SQS Developer Guide, "Amazon SQS standard
//! queue quotas"). Only its counts tell this silence from an empty queue, so they are looked at when
//! every poller has heard nothing for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::in_flight::InFlight;
use crate::queue::{Depth, Queue};
use crate::until_empty::Silence;

/// Messages in flight at which a queue that has more counts as full. SQS's limit is 120,000, its
/// counts are approximate.
const FULL_AT: u64 = 115_000;

/// How often it is looked whether all pollers are silent.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a silent queue is asked for its counts, and how often a full one.
const ASK_EVERY: Duration = Duration::from_secs(60);
const ASK_FULL_EVERY: Duration = Duration::from_secs(10);

/// What pollers wait between two receives from a full queue.
pub(crate) const FULL_PAUSE: Duration = Duration::from_secs(5);

/// Whether the queue is full, for all who poll it.
#[derive(Debug, Default)]
pub(crate) struct Fullness(AtomicBool);

impl Fullness {
    /// Whether the queue was full when it was last looked at.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether a queue with these counts, from which nothing comes, has handed out all it may.
fn is_full(depth: Depth) -> bool {
    0 < depth.visible && FULL_AT <= depth.not_visible
}

/// Looks why nothing comes.
#[derive(Debug)]
pub(crate) struct Lookout<Q> {
    pub(crate) queue: Q,
    pub(crate) silence: Arc<Silence>,
    pub(crate) fullness: Arc<Fullness>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) stop: CancellationToken,
}

impl<Q: Queue> Lookout<Q> {
    /// Returns when the run stops.
    pub(crate) async fn run(self) {
        let mut full_since: Option<Instant> = None;
        let mut asked: Option<Instant> = None;
        let sleep = || self.stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY));
        while sleep().await.is_some() {
            let pause = if full_since.is_some() { ASK_FULL_EVERY } else { ASK_EVERY };
            let is_silent = self.silence.is_complete();
            let is_due = asked.is_none_or(|asked| pause <= asked.elapsed());
            if full_since.is_none() && !is_silent || !is_due {
                continue;
            }
            asked = Some(Instant::now());
            let depth = match self.stop.run_until_cancelled(self.queue.depth()).await {
                None => return,
                Some(Ok(depth)) => depth,
                Some(Err(error)) => {
                    // Whoever consumes need not be allowed to look.
                    tracing::debug!(%error, "queue not looked at");
                    continue;
                }
            };
            let is_full = is_full(depth) && is_silent;
            self.fullness.0.store(is_full, Ordering::Release);
            full_since = self.say(depth, is_full, full_since);
        }
    }

    fn say(&self, depth: Depth, is_full: bool, since: Option<Instant>) -> Option<Instant> {
        match (is_full, since) {
            (true, None) => {
                let Depth { visible, not_visible, .. } = depth;
                let held_here = self.in_flight.held();
                let hint = "SQS hands out no more until some are deleted or their visibility \
                            timeouts end: are there consumers that were killed, or that are stuck?";
                tracing::warn!(visible, not_visible, held_here, hint, "queue at in-flight limit");
                Some(Instant::now())
            }
            (false, Some(since)) => {
                let seconds = since.elapsed().as_secs_f64();
                tracing::info!(seconds, "queue below its in-flight limit again");
                None
            }
            _ => since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_full_only_if_it_has_more_than_it_hands_out() {
        for (visible, not_visible, expected) in [
            (1, 120_000, true),
            (500_000, 115_000, true),
            (500_000, 114_999, false),
            (0, 120_000, false),
            (10, 0, false),
        ] {
            let depth = Depth { visible, not_visible, delayed: 0 };
            assert_eq!(is_full(depth), expected, "{depth:?}");
        }
    }
}
