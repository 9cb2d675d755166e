//! Where pollers leave malformed messages, without waiting long for anybody.
//!
//! The dead-letter queue first, then the bucket. A place that is merely busy is waited for, a
//! second at most and not by everybody; what finds no room anywhere stays in the queue, hidden for
//! a while, and comes again. So a place that is slow, away or forbidden costs valid events nothing,
//! and memory is bounded by the few messages that have room.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::acknowledge::Acknowledger;
use crate::dead_letter::Undeliverable;
use crate::detour::{Detour, Reminder};
use crate::queue::{Queue, Receipt};

/// How long a poller waits for room.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a message is hidden that no place takes: as long as the trouble has lasted, so that it
/// comes back ever less often, within these bounds.
const PUT_OFF_MIN: Duration = Duration::from_secs(10);
const PUT_OFF_MAX: Duration = Duration::from_secs(300);

/// How long the places may have no room without a warning.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// How long a poller waits for SQS to hide messages. Without an answer they are hidden for the rest
/// of their visibility timeout.
const PUT_OFF_WITHIN: Duration = Duration::from_secs(2);

/// One of the places, and whether it is worth a wait.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    room: mpsc::Sender<Undeliverable>,
    jam: Arc<Detour>,
}

impl Way {
    pub(crate) fn new(room: mpsc::Sender<Undeliverable>) -> Self {
        Self { room, jam: Arc::default() }
    }

    /// Hands over what finds room, and returns the rest.
    async fn take(&self, undeliverables: Vec<Undeliverable>) -> Vec<Undeliverable> {
        let wait = if self.jam.may_try() { WAIT_MAX } else { Duration::ZERO };
        let deadline = Instant::now() + wait;
        let mut undeliverables = undeliverables.into_iter();
        while let Some(next) = undeliverables.next() {
            let Ok(room) = timeout_at(deadline, self.room.reserve()).await else {
                self.jam.close();
                return std::iter::once(next).chain(undeliverables).collect();
            };
            room.expect("whoever takes them lives as long as the pollers").send(next);
        }
        if !wait.is_zero() {
            self.jam.open();
        }
        Vec::new()
    }
}

/// All places, and what to do if none has room.
#[derive(Debug, Clone)]
pub(crate) struct Handover<Q> {
    /// In the order in which they are tried.
    pub(crate) ways: Vec<Way>,
    pub(crate) delay: Delay<Q>,
}

impl<Q: Queue> Handover<Q> {
    /// Returns soon, whatever becomes of the messages.
    pub(crate) async fn pass(&self, undeliverables: Vec<Undeliverable>) {
        let mut left = undeliverables;
        for way in &self.ways {
            if left.is_empty() {
                return;
            }
            left = way.take(left).await;
        }
        if !left.is_empty() {
            // Whether it took effect matters little: they return in any case.
            let jam = self.ways.last().map_or(Duration::ZERO, |way| way.jam.closed_for());
            let _ = tokio::time::timeout(PUT_OFF_WITHIN, self.delay.put_off(left, jam)).await;
        }
    }
}

/// Leaves in the queue what no place takes.
#[derive(Debug, Clone)]
pub(crate) struct Delay<Q> {
    pub(crate) acknowledger: Acknowledger<Q>,
    /// The last of the places.
    pub(crate) bucket: Arc<Detour>,
    pub(crate) reminder: Arc<Reminder>,
    pub(crate) stop: CancellationToken,
}

impl<Q: Queue> Delay<Q> {
    /// Hides the messages for a while; at a stop others may have them at once. `jam` is for how
    /// long there has been no room for them.
    pub(crate) async fn put_off(&self, undeliverables: Vec<Undeliverable>, jam: Duration) {
        let receipts: Vec<Receipt> =
            undeliverables.iter().map(|it| Arc::clone(&it.receipt_handle)).collect();
        if self.stop.is_cancelled() {
            return self.acknowledger.give_back(&receipts).await;
        }
        let trouble = self.bucket.closed_for();
        let pause = trouble.clamp(PUT_OFF_MIN, PUT_OFF_MAX);
        if is_worth_a_warning(trouble, jam) && self.reminder.is_due() {
            let (message_count, seconds) = (receipts.len(), pause.as_secs());
            let hint = "neither a dead-letter queue nor rejected/messages/ takes them, or not as \
                        fast as they come: look at the warnings about these";
            tracing::warn!(message_count, seconds, hint, "malformed messages stay in the queue");
        }
        self.acknowledger.put_off(&receipts, pause).await;
    }
}

/// A place that is busy for a moment works; nobody has to look at it. `trouble` is for how long the
/// last place has failed, `jam` for how long it has had no room.
fn is_worth_a_warning(trouble: Duration, jam: Duration) -> bool {
    !trouble.is_zero() || BUSY_MAX <= jam
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_busy_for_a_moment_is_no_cause_for_a_warning() {
        let moment = Duration::from_secs(1);
        assert!(!is_worth_a_warning(Duration::ZERO, Duration::ZERO));
        assert!(!is_worth_a_warning(Duration::ZERO, moment));
        assert!(is_worth_a_warning(Duration::ZERO, BUSY_MAX));
        assert!(is_worth_a_warning(moment, Duration::ZERO));
    }
}
