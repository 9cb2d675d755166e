//! Polls the queue, and sorts what comes: valid events to the batch, the rest to the dead letters.
//!
//! The stop is heeded at one place, while waiting for messages. The last answer of a queue that
//! has messages is waited for, some seconds if need be; a long poll of a silent queue is abandoned
//! at once. Should it be answered at that very instant, its messages return after their visibility
//! timeout.
//!
//! While S3 takes no events nothing is received: what is held already waits for it, and what is not
//! held can wait in the queue. Malformed messages are waited for by nobody.

use std::sync::Arc;
use std::time::Duration;

use events::{Validator, Verdict};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::collect::Portion;
use crate::custody::Custody;
use crate::dead_letter::{Letter, Undeliverable};
use crate::full_queue::{FULL_PAUSE, Fullness};
use crate::handover::Handover;
use crate::in_flight::{Held, InFlight};
use crate::queue::{ENTRIES_MAX, Message, Queue};
use crate::retry::{Outage, Persistence};
use crate::state::{Counters, Failure};
use crate::until_empty::Silence;

/// An empty answer that comes faster than this is waited out, or short polls and a queue at its
/// in-flight limit would be asked thousands of times a second.
const EMPTY_PAUSE: Duration = Duration::from_millis(250);

/// How long a stop waits at most for the answer of a queue that has messages: they would stay
/// hidden from everybody for their visibility timeout.
pub(crate) const LAST_ANSWER_MAX: Duration = Duration::from_secs(3);

/// How many bytes of lines wait for the collector, all pollers together; a single receive may
/// bring more.
pub(crate) const ROOM_BYTES: usize = 8 * 1024 * 1024;

/// How a queue is polled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Polling {
    /// How long a message is ours.
    pub(crate) visibility_timeout: Duration,
    /// How long one poll waits for messages.
    pub(crate) wait: Duration,
    /// How long every second one waits while nothing comes.
    pub(crate) wait_again: Duration,
    /// How long a stop waits for the answer of a queue that has messages.
    pub(crate) last_answer: Duration,
}

/// One of several that poll the same queue.
#[derive(Debug, Clone)]
pub(crate) struct Poller<Q> {
    pub(crate) index: usize,
    pub(crate) queue: Q,
    pub(crate) polling: Polling,
    /// Gives up when the run stops.
    pub(crate) sqs: Persistence,
    /// Of what takes the events.
    pub(crate) s3: Arc<Outage>,
    pub(crate) stop: CancellationToken,
    pub(crate) validator: Arc<Validator>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) custody: Arc<Custody>,
    pub(crate) fullness: Arc<Fullness>,
    pub(crate) portions: mpsc::Sender<Portion>,
    /// Bytes of lines that may wait for the collector.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) handover: Handover<Q>,
    pub(crate) silence: Arc<Silence>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
}

impl<Q: Queue> Poller<Q> {
    /// Polls until the run stops.
    pub(crate) async fn run(self) {
        loop {
            let received = tokio::select! {
                biased;
                received = self.receive() => received,
                () = self.stopped() => None,
            };
            let Some((messages, held)) = received else { return };
            // From here to the acknowledgement nothing may be cancelled.
            self.hand_over(messages, held).await;
        }
    }

    /// Returns when there is nothing to wait for any more.
    async fn stopped(&self) {
        self.stop.cancelled().await;
        if !self.silence.is_complete() {
            tokio::time::sleep(self.polling.last_answer).await;
        }
    }

    /// Messages, as soon as they may be held; `None` if no more are wanted.
    async fn receive(&self) -> Option<(Vec<Message>, Held)> {
        let Polling { visibility_timeout, mut wait, mut wait_again, .. } = self.polling;
        let message_count_max = u32::try_from(ENTRIES_MAX).expect("ten");
        let slots = self.in_flight.reserve(message_count_max).await;
        while !self.stop.is_cancelled() {
            self.s3.over().await;
            let asked = Instant::now();
            let received = self.sqs.call(|| self.queue.receive(visibility_timeout, wait)).await;
            let messages = match received {
                Ok(messages) => messages,
                // Given up, because the run stops.
                Err(error) if error.is_transient() || self.stop.is_cancelled() => return None,
                Err(error) => {
                    self.failure.record(error);
                    return None;
                }
            };
            self.silence.heard(self.index, messages.len());
            self.counters.set_receive_lag(oldest(&messages));
            if !messages.is_empty() {
                let receipts = messages.iter().map(|message| &message.receipt_handle);
                self.custody.take(receipts, Instant::now() + visibility_timeout);
                let held = slots.hold(messages.len());
                return Some((messages, held));
            }
            std::mem::swap(&mut wait, &mut wait_again);
            let pause = if self.fullness.is_full() { FULL_PAUSE } else { EMPTY_PAUSE };
            tokio::time::sleep_until(asked + pause).await;
        }
        None
    }

    async fn hand_over(&self, messages: Vec<Message>, mut held: Held) {
        self.counters.add_received(messages.len());
        self.counters.set_in_flight(self.in_flight.held());
        let oldest_sent_at = oldest(&messages);
        let body_bytes = messages.iter().map(|message| message.body.len() + 1).sum();
        let mut lines = Vec::with_capacity(body_bytes);
        let mut receipt_handles = Vec::with_capacity(messages.len());
        let mut undeliverables = Vec::new();
        for message in messages {
            match self.validator.validate(&message.body) {
                Verdict::Valid(event) => {
                    lines.extend_from_slice(event.line.as_bytes());
                    lines.push(b'\n');
                    receipt_handles.push(message.receipt_handle);
                }
                Verdict::Refused(refusal) => {
                    let Message { id, body, receipt_handle, sent_at } = message;
                    tracing::debug!(
                        message_id = id,
                        rule = refusal.rule.code(),
                        reason = refusal.reason,
                        "event refused"
                    );
                    let letter = Letter::new(body, refusal, id, sent_at);
                    undeliverables.push((letter, receipt_handle));
                }
            }
        }
        let mut held_apart = held.split(undeliverables.len());
        if !receipt_handles.is_empty() {
            let bytes = u32::try_from(lines.len().min(ROOM_BYTES)).expect("bounded");
            let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
            let room = room.expect("nobody closes the semaphore");
            let portion = Portion { lines, receipt_handles, oldest_sent_at, held, room };
            let sent = self.portions.send(portion).await;
            sent.expect("the collector lives as long as the pollers");
        }
        let undeliverables = undeliverables.into_iter().map(|(letter, receipt_handle)| {
            Undeliverable { letter, receipt_handle, held: held_apart.split(1) }
        });
        self.handover.pass(undeliverables.collect()).await;
    }
}

/// When the oldest of the messages was sent.
fn oldest(messages: &[Message]) -> Option<u64> {
    messages.iter().filter_map(|message| message.sent_at).min()
}
