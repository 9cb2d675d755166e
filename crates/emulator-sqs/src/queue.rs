//! The queue machine of a standard queue.
//!
//! Pure: it is handed the time, ids and digests, and knows neither HTTP nor JSON nor other queues.
//! Invariants, which `model_tests` compares with a naive model:
//! - a message is in exactly one of the three ordered sets `available`, `in_flight`, `delayed`;
//! - nothing is scanned: each operation is O(log n) per message it moves, also with a million more;
//! - what is due is done by [`Queue::settle`], which every operation that looks at messages calls
//!   first, so that nothing happens between two calls.
//!
//! Order is first in, first out by the moment a message became available: a message that returns
//! queues at the end, so that messages nobody can handle do not keep the others waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::attributes::QueueAttributes;
use crate::limits;
use crate::message::Message;
use crate::receipt::Receipt;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

/// Names a message within its queue; ordered by age, so that expiry finds the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageKey {
    pub(crate) sent_at_ms: u64,
    pub(crate) sequence: u64,
}

/// A queue: attributes, tags and messages.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) attributes: QueueAttributes,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at_ms: u64,
    pub(crate) modified_at_ms: u64,
    /// Set by DeleteQueue: whoever still holds the queue treats it as not there.
    pub(crate) is_deleted: bool,
    id: u64,
    in_flight_max: usize,
    pretended_in_flight: usize,
    purged_at_ms: Option<u64>,
    last_sequence: u64,
    messages: BTreeMap<MessageKey, Stored>,
    /// Since when available.
    available: BTreeSet<(u64, MessageKey)>,
    /// Until when invisible.
    in_flight: BTreeSet<(u64, MessageKey)>,
    /// Until when delayed.
    delayed: BTreeSet<(u64, MessageKey)>,
}

#[derive(Debug)]
struct Stored {
    message: Arc<Message>,
    /// Receives in this queue and those before it (`ApproximateReceiveCount`).
    receive_count: u32,
    /// Of these, receives before the message came into this queue.
    receive_count_before: u32,
    first_received_at_ms: u64,
    place: Place,
}

/// Where a message is; the times are those of its entry in the set of that name.
#[derive(Debug, Clone, Copy)]
enum Place {
    Available { since_ms: u64 },
    InFlight { until_ms: u64, received_at_ms: u64 },
    Delayed { until_ms: u64 },
}

/// A message handed out by [`Queue::receive`].
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) message: Arc<Message>,
    pub(crate) receipt: Receipt,
    pub(crate) first_received_at_ms: u64,
}

/// A message that left its queue for the dead-letter queue.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    message: Message,
    sent_at_ms: u64,
    receive_count: u32,
    first_received_at_ms: u64,
}

/// What [`Queue::receive`] took out.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) dead_letters: Vec<DeadLetter>,
}

/// How a message looks without being received.
#[derive(Debug, Clone)]
pub(crate) struct Glimpse {
    pub(crate) message: Arc<Message>,
    pub(crate) sent_at_ms: u64,
    pub(crate) receive_count: u32,
    pub(crate) state: State,
}

/// The state of a message as GetQueueAttributes counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Available,
    InFlight,
    Delayed,
}

/// Why a visibility timeout was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisibilityRefusal {
    /// Deleted, expired, or received again since.
    Gone,
    NotInFlight,
    /// Together with the time since the receive it would be more than 12 hours.
    BeyondLimit,
}

/// Messages by state, as GetQueueAttributes counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) available: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

impl Queue {
    /// An empty queue. `id` marks its receipt handles.
    pub(crate) fn new(id: u64, attributes: QueueAttributes, now_ms: u64) -> Self {
        Self {
            attributes,
            tags: BTreeMap::new(),
            created_at_ms: now_ms,
            modified_at_ms: now_ms,
            is_deleted: false,
            id,
            in_flight_max: limits::IN_FLIGHT_MAX,
            pretended_in_flight: 0,
            purged_at_ms: None,
            last_sequence: 0,
            messages: BTreeMap::new(),
            available: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            delayed: BTreeSet::new(),
        }
    }

    /// As if somebody else held so many messages.
    pub(crate) fn pretend_in_flight(&mut self, message_count: usize) {
        self.pretended_in_flight = message_count;
    }

    /// Marks the receipt handles of this queue.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Takes a message in; `delay_ms` of `None` means the queue's own DelaySeconds.
    pub(crate) fn send(&mut self, message: Message, delay_ms: Option<u64>, now_ms: u64) {
        let delay_ms = delay_ms.unwrap_or(seconds_to_ms(self.attributes.delay_seconds));
        let place = match delay_ms {
            0 => Place::Available { since_ms: now_ms },
            delay_ms => Place::Delayed { until_ms: now_ms + delay_ms },
        };
        let stored = Stored {
            message: Arc::new(message),
            receive_count: 0,
            receive_count_before: 0,
            first_received_at_ms: 0,
            place,
        };
        self.store(now_ms, stored);
    }

    /// Takes in a message that [`Queue::receive`] of the queue `source_arn` gave up. It keeps its
    /// age (SQS Developer Guide, "Setting-up dead-letter queue retention") and its receive count.
    pub(crate) fn accept_dead_letter(
        &mut self,
        letter: DeadLetter,
        source_arn: &Arc<str>,
        now_ms: u64,
    ) {
        let DeadLetter { mut message, sent_at_ms, receive_count, first_received_at_ms } = letter;
        message.mark_dead_letter(Arc::clone(source_arn));
        let stored = Stored {
            message: Arc::new(message),
            receive_count,
            receive_count_before: receive_count,
            first_received_at_ms,
            place: Place::Available { since_ms: now_ms },
        };
        self.store(sent_at_ms, stored);
    }

    /// Hands out up to `count_max` messages, invisible from now on for `visibility_timeout_ms`.
    /// With `redrive`, messages received as often as the redrive policy allows leave the queue
    /// instead (SQS Developer Guide, "Using dead-letter queues").
    pub(crate) fn receive(
        &mut self,
        count_max: usize,
        visibility_timeout_ms: u64,
        redrive: bool,
        now_ms: u64,
    ) -> Reception {
        self.settle(now_ms);
        let policy = self.attributes.redrive_policy.as_ref().filter(|_| redrive);
        let receive_count_max = policy.map_or(u32::MAX, |policy| policy.max_receive_count);
        let mut reception = Reception::default();
        while reception.deliveries.len() < count_max && !self.is_in_flight_full() {
            let Some((_, key)) = self.available.pop_first() else { break };
            let stored = self.messages.get_mut(&key).expect("what is in a set is stored");
            if receive_count_max <= stored.receive_count - stored.receive_count_before {
                let stored = self.messages.remove(&key).expect("it was there a line ago");
                reception.dead_letters.push(DeadLetter {
                    message: Arc::unwrap_or_clone(stored.message),
                    sent_at_ms: key.sent_at_ms,
                    receive_count: stored.receive_count,
                    first_received_at_ms: stored.first_received_at_ms,
                });
                continue;
            }
            if stored.receive_count == 0 {
                stored.first_received_at_ms = now_ms;
            }
            stored.receive_count = stored.receive_count.saturating_add(1);
            let until_ms = now_ms + visibility_timeout_ms;
            stored.place = Place::InFlight { until_ms, received_at_ms: now_ms };
            self.in_flight.insert((until_ms, key));
            let receive_count = stored.receive_count;
            reception.deliveries.push(Delivery {
                message: Arc::clone(&stored.message),
                receipt: Receipt { queue_id: self.id, key, receive_count },
                first_received_at_ms: stored.first_received_at_ms,
            });
        }
        reception
    }

    /// Deletes the message if `receipt` is of its last receive; otherwise does nothing, as AWS does
    /// (API Reference, DeleteMessage).
    pub(crate) fn delete(&mut self, receipt: Receipt, now_ms: u64) {
        self.settle(now_ms);
        if self.of_last_receive(receipt).is_some() {
            self.remove(receipt.key);
        }
    }

    /// Makes the message invisible for `timeout_ms` from now (API Reference,
    /// ChangeMessageVisibility).
    pub(crate) fn change_visibility(
        &mut self,
        receipt: Receipt,
        timeout_ms: u64,
        now_ms: u64,
    ) -> Result<(), VisibilityRefusal> {
        self.settle(now_ms);
        let key = receipt.key;
        let place = self.of_last_receive(receipt).ok_or(VisibilityRefusal::Gone)?;
        let Place::InFlight { until_ms, received_at_ms } = *place else {
            return Err(VisibilityRefusal::NotInFlight);
        };
        let limit_ms = seconds_to_ms(*limits::VISIBILITY_TIMEOUT_SECONDS.end());
        if received_at_ms + limit_ms < now_ms + timeout_ms {
            return Err(VisibilityRefusal::BeyondLimit);
        }
        let moved = match timeout_ms {
            0 => Place::Available { since_ms: now_ms },
            _ => Place::InFlight { until_ms: now_ms + timeout_ms, received_at_ms },
        };
        *place = moved;
        self.in_flight.remove(&(until_ms, key));
        self.enter(moved, key);
        Ok(())
    }

    /// Drops all messages, those in flight too; `Err` within 60 seconds of the last purge.
    pub(crate) fn purge(&mut self, now_ms: u64) -> Result<(), PurgedRecently> {
        let interval_ms = limits::PURGE_INTERVAL_SECONDS * 1_000;
        if self.purged_at_ms.is_some_and(|at_ms| now_ms < at_ms + interval_ms) {
            return Err(PurgedRecently);
        }
        self.purged_at_ms = Some(now_ms);
        self.messages.clear();
        self.available.clear();
        self.in_flight.clear();
        self.delayed.clear();
        Ok(())
    }

    /// Counts the messages by state.
    pub(crate) fn counts(&mut self, now_ms: u64) -> Counts {
        self.settle(now_ms);
        Counts {
            available: self.available.len(),
            in_flight: self.in_flight.len() + self.pretended_in_flight,
            delayed: self.delayed.len(),
        }
    }

    /// The oldest `count_max` messages, in whatever state, untouched.
    pub(crate) fn peek(&mut self, count_max: usize, now_ms: u64) -> Vec<Glimpse> {
        self.settle(now_ms);
        let oldest = self.messages.iter().take(count_max);
        let glimpse = |(key, stored): (&MessageKey, &Stored)| Glimpse {
            message: Arc::clone(&stored.message),
            sent_at_ms: key.sent_at_ms,
            receive_count: stored.receive_count,
            state: match stored.place {
                Place::Available { .. } => State::Available,
                Place::InFlight { .. } => State::InFlight,
                Place::Delayed { .. } => State::Delayed,
            },
        };
        oldest.map(glimpse).collect()
    }

    /// Whether so many messages are in flight that none is handed out.
    pub(crate) fn is_in_flight_full(&self) -> bool {
        self.in_flight_max <= self.in_flight.len() + self.pretended_in_flight
    }

    /// Whether [`Queue::receive`] would find something, as of the last settled moment.
    pub(crate) fn is_deliverable(&self) -> bool {
        !self.available.is_empty() && !self.is_in_flight_full()
    }

    /// When the next message becomes available by itself.
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        let first = |set: &BTreeSet<(u64, MessageKey)>| set.first().map(|(at_ms, _)| *at_ms);
        [first(&self.in_flight), first(&self.delayed)].into_iter().flatten().min()
    }

    fn store(&mut self, sent_at_ms: u64, stored: Stored) {
        self.last_sequence += 1;
        let key = MessageKey { sent_at_ms, sequence: self.last_sequence };
        self.enter(stored.place, key);
        self.messages.insert(key, stored);
    }

    fn enter(&mut self, place: Place, key: MessageKey) {
        match place {
            Place::Available { since_ms } => self.available.insert((since_ms, key)),
            Place::InFlight { until_ms, .. } => self.in_flight.insert((until_ms, key)),
            Place::Delayed { until_ms } => self.delayed.insert((until_ms, key)),
        };
    }

    fn remove(&mut self, key: MessageKey) {
        let Some(stored) = self.messages.remove(&key) else { return };
        let was_there = match stored.place {
            Place::Available { since_ms } => self.available.remove(&(since_ms, key)),
            Place::InFlight { until_ms, .. } => self.in_flight.remove(&(until_ms, key)),
            Place::Delayed { until_ms } => self.delayed.remove(&(until_ms, key)),
        };
        debug_assert!(was_there, "what is stored is in the set of its place");
    }

    /// The place of the message that `receipt` is of, if it was not received again since.
    fn of_last_receive(&mut self, receipt: Receipt) -> Option<&mut Place> {
        let stored = self.messages.get_mut(&receipt.key)?;
        let is_last = receipt.queue_id == self.id && receipt.receive_count == stored.receive_count;
        is_last.then_some(&mut stored.place)
    }

    /// Does what is due by `now_ms`: drops messages past their retention, then lets delayed and
    /// in-flight messages become available.
    fn settle(&mut self, now_ms: u64) {
        let retention_ms = seconds_to_ms(self.attributes.message_retention_period);
        while let Some((key, _)) = self.messages.first_key_value() {
            if now_ms < key.sent_at_ms + retention_ms {
                break;
            }
            self.remove(*key);
        }
        for waiting in [&mut self.in_flight, &mut self.delayed] {
            while let Some((due_ms, key)) = waiting.first().copied() {
                if now_ms < due_ms {
                    break;
                }
                waiting.pop_first();
                let stored = self.messages.get_mut(&key).expect("what is in a set is stored");
                stored.place = Place::Available { since_ms: due_ms };
                self.available.insert((due_ms, key));
            }
        }
    }
}

/// PurgeQueue was called less than 60 seconds ago (API Reference, PurgeQueue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PurgedRecently;

/// AWS counts in seconds, the machine in milliseconds.
pub(crate) fn seconds_to_ms(seconds: u32) -> u64 {
    u64::from(seconds) * 1_000
}
