//! A queue and a store in memory, with faults on request.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use events::{Table, Validator};
use runtime::metrics::{Health, Metrics};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Summary;
use crate::batch::BatchLimits;
use crate::dead_letter::Letter;
use crate::error::{CallError, FailedCall};
use crate::object::Compression;
use crate::pipeline::{Pipeline, Tuning};
use crate::progress::Progress;
use crate::queue::{Depth, EntryFailure, Message, Queue, Receipt};
use crate::receive::{LAST_ANSWER_MAX, Polling};

/// What a call ends in, instead of well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No answer, no effect.
    Unavailable,
    /// No answer, but the effect.
    AnswerLost,
    /// The answer comes two seconds later; heeded by SQS and by puts.
    SlowAnswer,
    /// No answer for long, then none at all; heeded by `send` and the puts.
    Hung,
    /// No answer ever.
    Mute,
    /// For good.
    Denied,
    /// The request as such; letters in company only.
    Refused,
    /// The first entry fails, SQS takes the blame.
    FirstEntry,
    /// The first entry fails, SQS blames us.
    FirstEntryForGood,
}

/// How long an attempt may take.
pub(super) const HANGS_FOR: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct World {
    visible: VecDeque<(u64, String)>,
    /// By receipt handle: number, body, when it is visible again.
    in_flight: BTreeMap<Receipt, (u64, String, Instant)>,
    /// Nothing in flight returns before this.
    earliest_return: Option<Instant>,
    handles_given: u64,
    pub(super) has_no_dead_letter_queue: bool,
    /// Added to what the queue says is in flight.
    pub(super) in_flight_elsewhere: u64,
    /// As a queue at its in-flight limit.
    pub(super) hands_out_none: bool,
    pub(super) objects: BTreeMap<String, Vec<String>>,
    /// Parts by number, by upload id.
    pub(super) uploads: BTreeMap<String, BTreeMap<usize, Bytes>>,
    pub(super) part_bytes_max: usize,
    /// The lines of all objects, and the original ids of all letters.
    pub(super) safe: HashSet<String>,
    letters: Vec<(String, BTreeMap<&'static str, String>)>,
    given_back: usize,
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    /// What every call of an operation ends in, after the faults above.
    pub(super) always: BTreeMap<&'static str, Fault>,
    calls: BTreeMap<&'static str, u64>,
    /// Until then nobody answers to anything.
    pub(super) away_until: Option<Instant>,
    /// Puts wait for this, if it is set.
    pub(super) put_gate: Option<Arc<Notify>>,
    pub(super) puts_waiting: usize,
}

/// SQS (both queues) and S3.
#[derive(Debug, Clone, Default)]
pub(super) struct Fakes(Arc<Mutex<World>>);

impl Fakes {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test panicked here")
    }

    /// A world with `count` good events in the queue, numbered from 0.
    pub(super) fn with_events(count: u64) -> Self {
        let fakes = Self::default();
        for number in 0..count {
            fakes.send_body(number, good(number));
        }
        fakes
    }

    pub(super) fn send_body(&self, number: u64, body: String) {
        self.world().visible.push_back((number, body));
    }

    /// The next calls of `operation` end so.
    pub(super) fn fail(&self, operation: &'static str, faults: &[Fault]) {
        self.world().faults.entry(operation).or_default().extend(faults);
    }

    /// Lets a consumer that is not ours take a message for so long.
    pub(super) fn take_elsewhere(&self, visibility_timeout: Duration) {
        self.world().receive(1, visibility_timeout);
    }

    /// Makes puts wait until the gate is notified.
    pub(super) fn close_gate(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.world().put_gate = Some(Arc::clone(&gate));
        gate
    }

    pub(super) fn puts_waiting(&self) -> usize {
        self.world().puts_waiting
    }

    pub(super) fn calls(&self, operation: &str) -> u64 {
        self.world().calls.get(operation).copied().unwrap_or(0)
    }

    pub(super) fn object_keys(&self) -> Vec<String> {
        self.world().objects.keys().cloned().collect()
    }

    pub(super) fn letters(&self) -> Vec<(String, BTreeMap<&'static str, String>)> {
        self.world().letters.clone()
    }

    /// Messages that are visible, and those that somebody holds.
    pub(super) fn left(&self) -> (usize, usize) {
        let mut world = self.world();
        world.return_expired();
        (world.visible.len(), world.in_flight.len())
    }

    pub(super) fn given_back(&self) -> usize {
        self.world().given_back
    }

    /// Counts the call; what the script says about it.
    pub(super) fn enter(&self, operation: &'static str) -> Option<Fault> {
        let mut world = self.world();
        *world.calls.entry(operation).or_default() += 1;
        if world.away_until.is_some_and(|end| Instant::now() < end) {
            return Some(Fault::Unavailable);
        }
        let once = world.faults.get_mut(operation).and_then(VecDeque::pop_front);
        once.or_else(|| world.always.get(operation).copied())
    }

    /// [`Self::enter`], and never more if the script wants no answer.
    pub(super) async fn enter_unless_mute(&self, operation: &'static str) -> Option<Fault> {
        let fault = self.enter(operation);
        if fault == Some(Fault::Mute) {
            std::future::pending::<()>().await;
        }
        fault
    }

    /// Applies a fault to a batch call of which `apply` has the effect on one entry.
    async fn batch(
        &self,
        operation: &'static str,
        count: usize,
        mut apply: impl FnMut(&mut World, usize) -> Result<(), EntryFailure>,
    ) -> Result<Vec<EntryFailure>, CallError> {
        assert!((1..=10).contains(&count), "{operation} with {count} entries");
        let fault = self.enter_unless_mute(operation).await;
        let is_undone = match fault {
            Some(Fault::Refused) => 1 < count,
            Some(Fault::Unavailable | Fault::Denied | Fault::Hung) => true,
            _ => false,
        };
        if fault == Some(Fault::SlowAnswer) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        if is_undone {
            return Err(error(operation, fault.expect("looked at above")));
        }
        let spares_first = matches!(fault, Some(Fault::FirstEntry | Fault::FirstEntryForGood));
        let mut failures = Vec::new();
        for index in 0..count {
            if index == 0 && spares_first {
                let sender_fault = fault == Some(Fault::FirstEntryForGood);
                failures.push(EntryFailure { index, code: "Injected".to_owned(), sender_fault });
            } else if let Err(failure) = apply(&mut self.world(), index) {
                failures.push(failure);
            }
        }
        match fault {
            Some(Fault::AnswerLost) => Err(error(operation, Fault::AnswerLost)),
            _ => Ok(failures),
        }
    }
}

impl World {
    fn return_expired(&mut self) {
        let now = Instant::now();
        if self.earliest_return.is_none_or(|earliest| now < earliest) {
            return;
        }
        let expired: Vec<Receipt> = self
            .in_flight
            .iter()
            .filter(|(_, (_, _, until))| *until <= now)
            .map(|(handle, _)| handle.clone())
            .collect();
        for handle in expired {
            let (number, body, _) = self.in_flight.remove(&handle).expect("just found");
            self.visible.push_back((number, body));
        }
        self.earliest_return = self.in_flight.values().map(|(_, _, until)| *until).min();
    }

    fn receive(&mut self, count: usize, visibility_timeout: Duration) -> Vec<Message> {
        self.return_expired();
        let count = if self.hands_out_none { 0 } else { count.min(self.visible.len()) };
        let taken: Vec<(u64, String)> = self.visible.drain(..count).collect();
        let mut messages = Vec::new();
        for (number, body) in taken {
            let receipt_handle = Receipt::from(format!("{number}#{}", self.handles_given));
            self.handles_given += 1;
            let until = Instant::now() + visibility_timeout;
            self.earliest_return = Some(self.earliest_return.map_or(until, |it| it.min(until)));
            self.in_flight.insert(receipt_handle.clone(), (number, body.clone(), until));
            let id = format!("m-{number}");
            let sent_at = Some(1_772_000_000_000);
            messages.push(Message { id, body, receipt_handle, sent_at });
        }
        messages
    }

    /// The law of the crate.
    fn assert_safe(&self, number: u64, body: &str) {
        let is_safe = self.safe.contains(body) || self.safe.contains(&format!("m-{number}"));
        assert!(is_safe, "message {number} is deleted and nowhere else: {body}");
    }
}

pub(super) fn error(operation: &'static str, fault: Fault) -> CallError {
    let call = FailedCall { operation, resource: "fake".to_owned(), reason: format!("{fault:?}") };
    match fault {
        Fault::Denied => CallError::Denied(call),
        Fault::Refused => CallError::Refused(call),
        _ => CallError::Unavailable(call),
    }
}

impl Queue for Fakes {
    async fn receive(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, CallError> {
        let fault = self.enter_unless_mute("receive").await;
        let deadline = Instant::now() + wait;
        loop {
            if let Some(fault @ (Fault::Unavailable | Fault::Denied)) = fault {
                return Err(error("receive", fault));
            }
            let messages = self.world().receive(10, visibility_timeout);
            if fault == Some(Fault::AnswerLost) {
                return Err(error("receive", Fault::AnswerLost));
            }
            if fault == Some(Fault::SlowAnswer) {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            if !messages.is_empty() || deadline <= Instant::now() {
                // As a network would: others get their turn.
                tokio::time::sleep(Duration::from_millis(1)).await;
                return Ok(messages);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn delete(&self, receipt_handles: &[Receipt]) -> Result<Vec<EntryFailure>, CallError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.batch("delete", receipt_handles.len(), |world, index| {
            world.return_expired();
            let Some((number, body, _)) = world.in_flight.remove(&receipt_handles[index]) else {
                let code = "ReceiptHandleIsInvalid".to_owned();
                return Err(EntryFailure { index, code, sender_fault: true });
            };
            world.assert_safe(number, &body);
            Ok(())
        })
        .await
    }

    async fn change_visibility(
        &self,
        receipt_handles: &[Receipt],
        visibility_timeout: Duration,
    ) -> Result<Vec<EntryFailure>, CallError> {
        let is_gift = visibility_timeout.is_zero();
        let operation = if is_gift { "give_back" } else { "extend" };
        self.batch(operation, receipt_handles.len(), |world, index| {
            world.return_expired();
            let Some((number, body, _)) = world.in_flight.remove(&receipt_handles[index]) else {
                let code = "MessageNotInflight".to_owned();
                return Err(EntryFailure { index, code, sender_fault: true });
            };
            if is_gift {
                world.visible.push_back((number, body));
                world.given_back += 1;
            } else {
                let until = Instant::now() + visibility_timeout;
                world.in_flight.insert(Arc::clone(&receipt_handles[index]), (number, body, until));
            }
            Ok(())
        })
        .await
    }

    async fn send(&self, letters: &[&Letter]) -> Result<Vec<EntryFailure>, CallError> {
        let is_hung = self.world().always.get("send") == Some(&Fault::Hung);
        let takes = if is_hung { HANGS_FOR } else { Duration::from_millis(1) };
        tokio::time::sleep(takes).await;
        self.batch("send", letters.len(), |world, index| {
            let attributes: BTreeMap<_, _> = letters[index].attributes().iter().cloned().collect();
            world.safe.insert(attributes["OriginalMessageId"].clone());
            world.letters.push((letters[index].body().to_owned(), attributes));
            Ok(())
        })
        .await
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        self.enter_unless_mute("depth").await;
        let (visible, not_visible) = self.left();
        let not_visible = not_visible as u64 + self.world().in_flight_elsewhere;
        Ok(Depth { visible: visible as u64, not_visible, delayed: 0 })
    }
}

/// The body of a good event.
pub(super) fn good(number: u64) -> String {
    format!(r#"{{"id":"E{number:06}","count":{number}}}"#)
}

/// Good events as they must be stored.
pub(super) fn all_good(count: u64) -> Vec<String> {
    (0..count).map(good).collect()
}

/// The numbers that a test is not about.
pub(super) fn tuning() -> Tuning {
    Tuning {
        poller_count: 3,
        polling: Polling {
            visibility_timeout: Duration::from_secs(30),
            wait: Duration::from_secs(2),
            wait_again: Duration::from_secs(2),
            last_answer: LAST_ANSWER_MAX,
        },
        limits: BatchLimits {
            events_max: 100,
            bytes_max: 1_000_000,
            age_max: Duration::from_secs(10),
        },
        until_empty: true,
        stop_timeout: Duration::from_secs(20),
        prefix: "lake/".to_owned(),
        compression: Compression::Gzip,
        part_bytes: usize::MAX,
    }
}

/// A run in the background, and the token that stops it.
pub(super) fn start(
    fakes: &Fakes,
    tuning: Tuning,
) -> (CancellationToken, JoinHandle<Result<Summary, CallError>>) {
    start_observed(fakes, tuning, Metrics::new("p"), Health::new())
}

/// The same, with its figures, and what it says about its health.
pub(super) fn start_observed(
    fakes: &Fakes,
    tuning: Tuning,
    metrics: Metrics,
    health: Health,
) -> (CancellationToken, JoinHandle<Result<Summary, CallError>>) {
    let table = "CREATE TABLE t (id VARCHAR(36) NOT NULL, count INTEGER)";
    let table = Table::parse(table).expect("a table");
    let pipeline = Pipeline {
        queue: fakes.clone(),
        dead_letters: (!fakes.world().has_no_dead_letter_queue).then(|| fakes.clone()),
        store: fakes.clone(),
        validator: Arc::new(Validator::new(table, "id").expect("it has an id")),
        tuning,
        progress: Progress::hidden(),
        metrics,
        health,
    };
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    (shutdown, tokio::spawn(async move { pipeline.run(&token).await }))
}

/// A run to its end.
pub(super) async fn run(fakes: &Fakes, tuning: Tuning) -> Result<Summary, CallError> {
    start(fakes, tuning).1.await.expect("no panic")
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// `lines` without doubles.
pub(super) fn distinct(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
