//! `--until-empty`: knows when there is nothing left to do.
//!
//! Three things must hold. Every poller has come back empty-handed several times in a row. Nothing
//! is held: whatever came in is stored, or dead-lettered, and deleted; the open batch is closed
//! early for that. And the queue says that it has no message, visible, delayed or in flight: one
//! that a killed consumer took is in flight until its visibility timeout is over, and so are those
//! that another consumer is working on.
//!
//! If malformed messages are left that no place may take, it is the end, and a bad one, when nothing
//! else is visible.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::in_flight::InFlight;
use crate::queue::Queue;
use crate::retry::Persistence;
use crate::state::Failure;

/// Empty answers in a row after which a poller counts as silent.
const EMPTY_ANSWERS: u32 = 2;

/// How often the conditions at home are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How often the queue is asked how many messages it has.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// What the pollers hear from the queue.
#[derive(Debug)]
pub(crate) struct Silence {
    empty_answers: Vec<AtomicU32>,
}

impl Silence {
    pub(crate) fn new(poller_count: usize) -> Self {
        Self { empty_answers: (0..poller_count).map(|_| AtomicU32::new(0)).collect() }
    }

    /// The poller with this index got so many messages.
    pub(crate) fn heard(&self, poller_index: usize, message_count: usize) {
        let empty_answers = &self.empty_answers[poller_index];
        if message_count == 0 {
            empty_answers.fetch_add(1, Ordering::AcqRel);
        } else {
            empty_answers.store(0, Ordering::Release);
        }
    }

    /// Whether no poller has heard anything for several answers.
    pub(crate) fn is_complete(&self) -> bool {
        let mut counts = self.empty_answers.iter();
        counts.all(|count| EMPTY_ANSWERS <= count.load(Ordering::Acquire))
    }
}

/// Stops the run when the queue is empty and everything is done.
#[derive(Debug)]
pub(crate) struct Watch<Q> {
    pub(crate) queue: Q,
    pub(crate) sqs: Persistence,
    pub(crate) silence: Arc<Silence>,
    pub(crate) in_flight: Arc<InFlight>,
    /// Each stores something that waits for more.
    pub(crate) flushes: [Arc<Notify>; 2],
    pub(crate) stop: CancellationToken,
    pub(crate) failure: Failure,
}

impl<Q: Queue> Watch<Q> {
    /// Returns when the run stops, for whatever reason.
    pub(crate) async fn run(self) {
        while !self.stop.is_cancelled() {
            tokio::time::sleep(LOOK_EVERY).await;
            if !self.silence.is_complete() {
                continue;
            }
            if 0 < self.in_flight.held() {
                self.flushes.iter().for_each(|flush| flush.notify_one());
                continue;
            }
            match self.sqs.call(|| self.queue.depth()).await {
                Ok(depth) if depth.is_empty() && self.silence.is_complete() => self.stop.cancel(),
                Ok(depth) if self.failure.is_noted() && depth.visible + depth.delayed == 0 => {
                    self.stop.cancel();
                }
                Ok(depth) => {
                    tracing::debug!(?depth, "queue not empty yet");
                    tokio::time::sleep(ASK_EVERY).await;
                }
                Err(error) => self.failure.record(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_for_one_poller_breaks_the_silence() {
        let silence = Silence::new(2);
        for poller_index in [0, 0, 1] {
            assert!(!silence.is_complete());
            silence.heard(poller_index, 0);
        }
        assert!(!silence.is_complete(), "one empty answer is not enough");
        silence.heard(1, 0);
        assert!(silence.is_complete());
        silence.heard(0, 3);
        assert!(!silence.is_complete());
    }
}
