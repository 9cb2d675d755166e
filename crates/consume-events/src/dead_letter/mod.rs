//! Moves messages that the table cannot take to the dead-letter queue, with the reason.
//!
//! They do not wait for a batch, and no batch waits for them. The original is deleted only when
//! its copy was accepted; a crash in between leaves both, which is why dead letters compare by
//! their original message id. A copy that SQS refuses, or that would have no room for the reason,
//! goes to the bucket instead (see [`crate::rejected`]), and so does everything while the queue as a
//! whole refuses, or has not answered well for some seconds: a malformed message is never dropped,
//! and never in the way.

mod letter;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout_at};

use crate::acknowledge::Acknowledger;
use crate::detour::{Detour, Reminder};
use crate::error::CallError;
use crate::in_flight::Held;
use crate::queue::{ENTRIES_MAX, Queue, Receipt};
use crate::retry::Persistence;
use crate::state::{Counters, Failure};

pub(crate) use letter::readable_time;
pub use letter::{LETTER_BYTES_MAX, Letter};

/// How long the first letter of a group waits for others, to save requests.
const LINGER: Duration = Duration::from_millis(500);

/// How often a letter is sent that SQS failed to take without blaming us.
const ATTEMPTS_MAX: u32 = 5;

/// How long a letter is tried that gets no answer, or a bad one: there is another place for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A received message that the table cannot take, and the letter about it.
#[derive(Debug)]
pub(crate) struct Undeliverable {
    pub(crate) letter: Letter,
    pub(crate) receipt_handle: Receipt,
    #[expect(dead_code, reason = "dropping it is its use: the message is no longer held")]
    pub(crate) held: Held,
}

/// Where undeliverable messages wait for their transport.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: mpsc::Receiver<Undeliverable>,
    /// Did not fit into the last group.
    leftover: Option<Undeliverable>,
}

impl Inbox {
    pub(crate) fn new(receiver: mpsc::Receiver<Undeliverable>) -> Self {
        Self { receiver, leftover: None }
    }

    /// As many letters as one batch takes and a short wait brings; `None` when all is done.
    async fn next_group(&mut self) -> Option<Vec<Undeliverable>> {
        let first = match self.leftover.take() {
            Some(leftover) => leftover,
            None => self.receiver.recv().await?,
        };
        let mut bytes = first.letter.bytes();
        let mut group = vec![first];
        let deadline = Instant::now() + LINGER;
        while group.len() < ENTRIES_MAX {
            let Ok(Some(next)) = timeout_at(deadline, self.receiver.recv()).await else { break };
            bytes += next.letter.bytes();
            if LETTER_BYTES_MAX < bytes {
                self.leftover = Some(next);
                break;
            }
            group.push(next);
        }
        Some(group)
    }
}

/// Sends letters and deletes the originals. Several carriers share one inbox.
#[derive(Debug, Clone)]
pub(crate) struct Carrier<Q> {
    pub(crate) inbox: Arc<Mutex<Inbox>>,
    pub(crate) dead_letters: Q,
    /// For what that queue does not take.
    pub(crate) rejects: mpsc::Sender<Undeliverable>,
    /// Whether that queue is worth trying.
    pub(crate) detour: Arc<Detour>,
    pub(crate) reminder: Arc<Reminder>,
    pub(crate) acknowledger: Acknowledger<Q>,
    /// Patience with that queue, and no other.
    pub(crate) sends: Persistence,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
}

impl<Q: Queue> Carrier<Q> {
    /// Works until nobody can put anything into the inbox any more.
    pub(crate) async fn run(self) {
        loop {
            let group = self.inbox.lock().await.next_group().await;
            let Some(group) = group else { return };
            self.carry(group).await;
        }
    }

    async fn carry(&self, group: Vec<Undeliverable>) {
        let (fit, unfit) = group.into_iter().partition(|it| it.letter.is_fit());
        self.divert(unfit).await;
        // A group of unfit letters alone leaves nothing to send, which SQS would refuse.
        let mut groups: Vec<Vec<Undeliverable>> =
            [fit].into_iter().filter(|group: &Vec<_>| !group.is_empty()).collect();
        while let Some(group) = groups.pop() {
            if !self.detour.may_try() {
                self.divert(group).await;
                continue;
            }
            let (accepted, error) = self.send(&group).await;
            if let Err(error) = self.acknowledge(&group, &accepted).await {
                self.failure.record(error);
            }
            let all = group.into_iter().enumerate();
            let left = all.filter(|(index, _)| !accepted.contains(index)).map(|(_, it)| it);
            let left: Vec<Undeliverable> = left.collect();
            match error {
                // One letter spoils the batch: each by itself, then.
                Some(CallError::Refused(_)) if 1 < left.len() => {
                    groups.extend(left.into_iter().map(|one| vec![one]));
                }
                Some(error) if error.is_transient() && self.sends.has_given_up() => {
                    let unsent: Vec<Receipt> =
                        left.iter().map(|it| Arc::clone(&it.receipt_handle)).collect();
                    self.acknowledger.give_back(&unsent).await;
                    self.failure.record(error);
                }
                error => {
                    self.judge(left.len(), error.as_ref());
                    self.divert(left).await;
                }
            }
        }
    }

    /// Whether the queue is worth trying, after an attempt that ended so.
    fn judge(&self, message_count: usize, error: Option<&CallError>) {
        match error {
            Some(error) if error.is_transient() || error.is_refusal() => self.detour.close(),
            _ => {
                if let Some(closed_for) = self.detour.open() {
                    let seconds = closed_for.as_secs();
                    tracing::info!(seconds, "dead-letter queue takes letters again");
                }
            }
        }
        if let Some(error) = error.filter(|_| self.reminder.is_due()) {
            let hint = error.hint();
            tracing::warn!(
                message_count, %error, hint, "dead letters refused, storing them in the bucket"
            );
        }
    }

    /// To the bucket with what the dead-letter queue does not take.
    async fn divert(&self, undeliverables: Vec<Undeliverable>) {
        for undeliverable in undeliverables {
            let sent = self.rejects.send(undeliverable).await;
            sent.expect("the rejecter lives as long as the carriers");
        }
    }

    /// Which letters of the group were accepted, and what ended the attempts before all were.
    async fn send(&self, group: &[Undeliverable]) -> (Vec<usize>, Option<CallError>) {
        let mut accepted = Vec::new();
        let mut pending: Vec<usize> = (0..group.len()).collect();
        for attempt in 1..=ATTEMPTS_MAX {
            let letters: Vec<&Letter> = pending.iter().map(|index| &group[*index].letter).collect();
            let failures = match self.sends.call(|| self.dead_letters.send(&letters)).await {
                Ok(failures) => failures,
                Err(error) => return (accepted, Some(error)),
            };
            let mut hopeful = Vec::new();
            for (entry, &index) in pending.iter().enumerate() {
                match failures.iter().find(|failure| failure.index == entry) {
                    None => accepted.push(index),
                    Some(failure) if failure.sender_fault || attempt == ATTEMPTS_MAX => {
                        let code = failure.code.as_str();
                        tracing::warn!(code, "dead letter refused, storing it in the bucket");
                    }
                    Some(_) => hopeful.push(index),
                }
            }
            if hopeful.is_empty() {
                break;
            }
            pending = hopeful;
            self.sends.pause(attempt).await;
        }
        (accepted, None)
    }

    async fn acknowledge(
        &self,
        group: &[Undeliverable],
        accepted: &[usize],
    ) -> Result<(), CallError> {
        self.counters.add_dead_lettered(accepted.len());
        let originals = accepted.iter().map(|index| Arc::clone(&group[*index].receipt_handle));
        let originals: Vec<Receipt> = originals.collect();
        self.acknowledger.acknowledge(&originals).await
    }
}
