//! Random sequences of calls, on the queue machine and on a model that is a plain list.
//!
//! The model scans everything on every call, so it has no sets to get out of step. Each call must
//! have the same outcome on both; with that no message is ever lost before its retention, handed
//! out while invisible, or back after its deletion, and the counts add up.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::redrive::RedrivePolicy;

const IN_FLIGHT_MAX: usize = 6;
const RETENTION_MS: u64 = 60_000;
const MAX_RECEIVE_COUNT: u32 = 4;

#[derive(Debug, Clone)]
enum Step {
    Send {
        delay_ms: u64,
    },
    Receive {
        count_max: usize,
        timeout_ms: u64,
    },
    /// The receipts are chosen among all handed out so far, old ones too.
    Delete {
        receipt: usize,
    },
    ChangeVisibility {
        receipt: usize,
        timeout_ms: u64,
    },
    Advance {
        by_ms: u64,
    },
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    let timeout_ms = || prop_oneof![Just(0), 1..20_000_u64];
    let delay_ms = prop_oneof![3 => Just(0), 1 => 1..20_000_u64];
    prop_oneof![
        8 => delay_ms.prop_map(|delay_ms| Step::Send { delay_ms }),
        8 => (1..=10_usize, timeout_ms())
            .prop_map(|(count_max, timeout_ms)| Step::Receive { count_max, timeout_ms }),
        5 => any::<usize>().prop_map(|receipt| Step::Delete { receipt }),
        5 => (any::<usize>(), timeout_ms())
            .prop_map(|(receipt, timeout_ms)| Step::ChangeVisibility { receipt, timeout_ms }),
        8 => prop_oneof![Just(1), 1..15_000_u64].prop_map(|by_ms| Step::Advance { by_ms }),
        1 => Just(Step::Purge),
    ]
}

/// A message of the model; its place in the list is the order of sending.
#[derive(Debug, Clone)]
struct Known {
    id: Uuid,
    sent_at_ms: u64,
    available_at_ms: u64,
    /// Invisible because received, not because delayed.
    is_received: bool,
    receive_count: u32,
    is_gone: bool,
}

#[derive(Debug, Default)]
struct Model {
    messages: Vec<Known>,
    purged_at_ms: Option<u64>,
}

impl Model {
    fn expire(&mut self, now_ms: u64) {
        for known in &mut self.messages {
            known.is_gone |= known.sent_at_ms + RETENTION_MS <= now_ms;
            known.is_received &= now_ms < known.available_at_ms;
        }
    }

    fn counts(&self, now_ms: u64) -> Counts {
        let mut counts = Counts { available: 0, in_flight: 0, delayed: 0 };
        for known in self.messages.iter().filter(|known| !known.is_gone) {
            match (known.available_at_ms <= now_ms, known.is_received) {
                (true, _) => counts.available += 1,
                (false, true) => counts.in_flight += 1,
                (false, false) => counts.delayed += 1,
            }
        }
        counts
    }

    /// Ids delivered and ids given up.
    fn receive(
        &mut self,
        count_max: usize,
        timeout_ms: u64,
        now_ms: u64,
    ) -> (Vec<Uuid>, Vec<Uuid>) {
        let mut in_flight = self.counts(now_ms).in_flight;
        let is_visible = |known: &&mut Known| !known.is_gone && known.available_at_ms <= now_ms;
        let mut visible: Vec<&mut Known> = self.messages.iter_mut().filter(is_visible).collect();
        visible.sort_by_key(|known| known.available_at_ms);
        let (mut delivered, mut given_up) = (Vec::new(), Vec::new());
        for known in visible {
            if delivered.len() == count_max || in_flight == IN_FLIGHT_MAX {
                break;
            }
            if known.receive_count == MAX_RECEIVE_COUNT {
                known.is_gone = true;
                given_up.push(known.id);
                continue;
            }
            known.receive_count += 1;
            known.available_at_ms = now_ms + timeout_ms;
            known.is_received = true;
            in_flight += 1;
            delivered.push(known.id);
        }
        (delivered, given_up)
    }

    fn of_last_receive(&mut self, id: Uuid, receipt: Receipt) -> Option<&mut Known> {
        let is_it = |known: &&mut Known| known.id == id && !known.is_gone;
        let known = self.messages.iter_mut().find(is_it)?;
        (known.receive_count == receipt.receive_count).then_some(known)
    }

    fn change_visibility(
        &mut self,
        id: Uuid,
        receipt: Receipt,
        timeout_ms: u64,
        now_ms: u64,
    ) -> Result<(), VisibilityRefusal> {
        let known = self.of_last_receive(id, receipt).ok_or(VisibilityRefusal::Gone)?;
        if !known.is_received {
            return Err(VisibilityRefusal::NotInFlight);
        }
        known.available_at_ms = now_ms + timeout_ms;
        known.is_received = timeout_ms != 0;
        Ok(())
    }
}

/// Machine, model and what their client knows.
struct Pair {
    queue: Queue,
    model: Model,
    receipts: Vec<(Uuid, Receipt)>,
    now_ms: u64,
}

impl Pair {
    fn new() -> Self {
        let json = format!(
            r#"{{"deadLetterTargetArn":"arn:dead","maxReceiveCount":{MAX_RECEIVE_COUNT}}}"#
        );
        let mut queue = Queue::new(1, QueueAttributes::default(), 0);
        queue.in_flight_max = IN_FLIGHT_MAX;
        queue.attributes.message_retention_period = 60;
        queue.attributes.redrive_policy = Some(RedrivePolicy::parse(&json).unwrap());
        Self { queue, model: Model::default(), receipts: Vec::new(), now_ms: 1_000 }
    }

    fn run(&mut self, step: &Step) {
        let Self { queue, model, receipts, now_ms } = self;
        let now_ms = *now_ms;
        model.expire(now_ms);
        match *step {
            Step::Send { delay_ms } => {
                let id = Uuid::from_u128(model.messages.len() as u128 + 1);
                let message = Message { id, body: "body".into(), body_md5: [0; 16], extras: None };
                queue.send(message, Some(delay_ms), now_ms);
                model.messages.push(Known {
                    id,
                    sent_at_ms: now_ms,
                    available_at_ms: now_ms + delay_ms,
                    is_received: false,
                    receive_count: 0,
                    is_gone: false,
                });
            }
            Step::Receive { count_max, timeout_ms } => {
                let reception = queue.receive(count_max, timeout_ms, true, now_ms);
                let (delivered, given_up) = model.receive(count_max, timeout_ms, now_ms);
                let ids = |delivery: &Delivery| delivery.message.id;
                assert_eq!(delivered, reception.deliveries.iter().map(ids).collect::<Vec<_>>());
                let ids = |letter: &DeadLetter| letter.message.id;
                assert_eq!(given_up, reception.dead_letters.iter().map(ids).collect::<Vec<_>>());
                for delivery in reception.deliveries {
                    receipts.push((delivery.message.id, delivery.receipt));
                }
            }
            Step::Delete { receipt } if !receipts.is_empty() => {
                let (id, receipt) = receipts[receipt % receipts.len()];
                queue.delete(receipt, now_ms);
                if let Some(known) = model.of_last_receive(id, receipt) {
                    known.is_gone = true;
                }
            }
            Step::ChangeVisibility { receipt, timeout_ms } if !receipts.is_empty() => {
                let (id, receipt) = receipts[receipt % receipts.len()];
                assert_eq!(
                    model.change_visibility(id, receipt, timeout_ms, now_ms),
                    queue.change_visibility(receipt, timeout_ms, now_ms),
                );
            }
            Step::Delete { .. } | Step::ChangeVisibility { .. } => {}
            Step::Advance { by_ms } => self.now_ms += by_ms,
            Step::Purge => {
                let may = model.purged_at_ms.is_none_or(|at_ms| at_ms + 60_000 <= now_ms);
                assert_eq!(may, queue.purge(now_ms).is_ok());
                if may {
                    model.purged_at_ms = Some(now_ms);
                    model.messages.iter_mut().for_each(|known| known.is_gone = true);
                }
            }
        }
    }

    fn check(&mut self) {
        self.model.expire(self.now_ms);
        let counts = self.queue.counts(self.now_ms);
        assert_eq!(self.model.counts(self.now_ms), counts);
        let sum = counts.available + counts.in_flight + counts.delayed;
        assert_eq!(self.queue.messages.len(), sum);
        let alive = self.model.messages.iter().filter(|known| !known.is_gone);
        let alive: Vec<Uuid> = alive.map(|known| known.id).collect();
        let peeked = self.queue.peek(usize::MAX, self.now_ms);
        assert_eq!(alive, peeked.iter().map(|glimpse| glimpse.message.id).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_model_does(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.run(step);
            pair.check();
        }
    }
}
