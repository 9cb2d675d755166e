//! All four actions against two queues in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::Parser;
use events::{Table, Validator};
use runtime::metrics::Metrics;
use runtime::telemetry::Format;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::sqs::{DeadLetterQueue, Sent};
use super::{Action, DeadLetter, DeadLetters, Desk, Outcome};
use crate::dead_letter::Letter;
use crate::error::{CallError, FailedCall};
use crate::pipeline::END_WITHIN;
use crate::queue::{Depth, EntryFailure, Message, Queue, Receipt};
use crate::retry::Outage;

/// What the next calls of an operation end in.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Unavailable,
    Denied,
    /// No answer ever.
    Mute,
    /// The first entry fails: with the blame on us, or not.
    FirstEntry(bool),
}

#[derive(Debug, Default)]
struct World {
    visible: VecDeque<DeadLetter>,
    held: BTreeMap<Receipt, DeadLetter>,
    /// Bodies in the queue of events.
    events: Vec<String>,
    /// Of those that a consumer at work refuses at once.
    refused: Option<&'static str>,
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    received: usize,
    hidden_anew: usize,
    /// Letters that come again in every answer, however hidden they are.
    returning: usize,
    /// How long an answer takes.
    slowness: Duration,
}

/// The dead-letter queue and the queue of events; the same for both.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<World>>);

impl Memory {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("no test panicked here")
    }

    fn add(&self, number: usize, code: &str, body: &str) {
        let said = [
            ("ErrorCode", code.to_owned()),
            ("ErrorField", "count".to_owned()),
            ("ErrorMessage", format!("it is no {code}")),
            ("OriginalMessageId", format!("o-{number}")),
            ("EventId", format!("E{number}")),
            ("FirstSentAt", (1_772_000_000_000 + number * 1_000).to_string()),
        ];
        self.world().visible.push_back(DeadLetter {
            message_id: format!("m-{number}"),
            receipt_handle: Receipt::from(""),
            body: body.to_owned(),
            sent_at: Some(1_772_000_500_000),
            by_sqs: false,
            attributes: said.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        });
    }

    /// Twenty letters of two reasons.
    fn filled() -> Self {
        let memory = Self::default();
        for number in 0..20 {
            let code = if number % 4 == 0 { "missing" } else { "integer" };
            memory.add(number, code, &format!("bad {number}"));
        }
        memory
    }

    fn fail(&self, operation: &'static str, faults: &[Fault]) {
        self.world().faults.entry(operation).or_default().extend(faults);
    }

    async fn enter(&self, operation: &'static str) -> Result<Option<Fault>, CallError> {
        let fault = self.world().faults.get_mut(operation).and_then(VecDeque::pop_front);
        let (resource, reason) = ("fake".to_owned(), "injected".to_owned());
        let call = FailedCall { operation, resource, reason };
        match fault {
            Some(Fault::Unavailable) => Err(CallError::Unavailable(call)),
            Some(Fault::Denied) => Err(CallError::Denied(call)),
            Some(Fault::Mute) => std::future::pending().await,
            fault => Ok(fault),
        }
    }

    /// Visible, held, and bodies in the queue of events.
    fn left(&self) -> (usize, usize, usize) {
        let world = self.world();
        (world.visible.len(), world.held.len(), world.events.len())
    }

    async fn act(&self, line: &[&str]) -> anyhow::Result<Outcome> {
        self.act_until(line, CancellationToken::new()).await
    }

    async fn act_until(
        &self,
        line: &[&str],
        shutdown: CancellationToken,
    ) -> anyhow::Result<Outcome> {
        let queues = ["dlq", "main"].map(|name| (self.clone(), name.to_owned()));
        let outage = Arc::new(Outage::new("sqs", &Metrics::new("p")));
        let desk = Desk::new(queues, outage, Format::Json, shutdown);
        let table = Table::parse("CREATE TABLE t (id VARCHAR(36) NOT NULL, count INTEGER)");
        let validator = Validator::new(table.expect("a table"), "id").expect("it has an id");
        desk.act(&action(line), Some(&validator)).await
    }

    /// The result of an action without a failure.
    async fn result(&self, line: &[&str]) -> Value {
        let outcome = self.act(line).await.expect("it succeeds");
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        serde_json::from_str(&outcome.text).expect("one line of JSON")
    }
}

fn action(line: &[&str]) -> Action {
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        dead_letters: DeadLetters,
    }
    Line::parse_from(std::iter::once(&"dead-letters").chain(line)).dead_letters.action
}

/// Applies a fault to the entries of a batch.
fn batch(
    fault: Option<Fault>,
    count: usize,
    mut apply: impl FnMut(usize) -> bool,
) -> Vec<EntryFailure> {
    assert!((1..=10).contains(&count), "{count} entries");
    let failure = |index, sender_fault| EntryFailure { index, code: "X".to_owned(), sender_fault };
    let mut failures = Vec::new();
    for index in 0..count {
        match fault {
            Some(Fault::FirstEntry(blame)) if index == 0 => failures.push(failure(0, blame)),
            _ if !apply(index) => failures.push(failure(index, true)),
            _ => {}
        }
    }
    failures
}

impl Queue for Memory {
    async fn receive(&self, _: Duration, _: Duration) -> Result<Vec<Message>, CallError> {
        unreachable!("dead letters are read")
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<EntryFailure>, CallError> {
        let fault = self.enter("delete").await?;
        let mut world = self.world();
        Ok(batch(fault, receipts.len(), |index| world.held.remove(&receipts[index]).is_some()))
    }

    async fn change_visibility(
        &self,
        receipts: &[Receipt],
        visibility_timeout: Duration,
    ) -> Result<Vec<EntryFailure>, CallError> {
        self.enter("show").await?;
        let mut world = self.world();
        Ok(batch(None, receipts.len(), |index| {
            if !visibility_timeout.is_zero() {
                world.hidden_anew += 1;
                return world.held.contains_key(&receipts[index]);
            }
            let letter = world.held.remove(&receipts[index]);
            let is_there = letter.is_some();
            world.visible.extend(letter);
            is_there
        }))
    }

    async fn send(&self, _: &[&Letter]) -> Result<Vec<EntryFailure>, CallError> {
        unreachable!("bodies are sent")
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let (visible, held, _) = self.left();
        Ok(Depth { visible: visible as u64, not_visible: held as u64, delayed: 0 })
    }
}

impl DeadLetterQueue for Memory {
    async fn read(&self, _: Duration, _: Duration) -> Result<Vec<DeadLetter>, CallError> {
        self.enter("read").await?;
        let slowness = self.world().slowness;
        tokio::time::sleep(slowness).await;
        let mut world = self.world();
        let returning: Vec<Receipt> =
            world.held.keys().take(world.returning).map(Arc::clone).collect();
        for receipt in returning {
            let letter = world.held.remove(&receipt);
            letter.into_iter().for_each(|letter| world.visible.push_front(letter));
        }
        let count = world.visible.len().min(10);
        let mut letters: Vec<DeadLetter> = world.visible.drain(..count).collect();
        for letter in &mut letters {
            world.received += 1;
            letter.receipt_handle = Receipt::from(format!("r-{}", world.received));
            world.held.insert(Arc::clone(&letter.receipt_handle), letter.clone());
        }
        Ok(letters)
    }

    async fn send_bodies(
        &self,
        bodies: &[&str],
    ) -> Result<(Vec<Sent>, Vec<EntryFailure>), CallError> {
        let fault = self.enter("send").await?;
        let mut sent = Vec::new();
        let mut refused = Vec::new();
        let mut world = self.world();
        let failures = batch(fault, bodies.len(), |index| {
            let message_id = format!("n-{}", world.events.len());
            world.events.push(bodies[index].to_owned());
            if world.refused.is_some_and(|part| bodies[index].contains(part)) {
                refused.push((message_id.clone(), bodies[index].to_owned()));
            }
            sent.push(Sent { index, message_id });
            true
        });
        for (number, (message_id, body)) in refused.into_iter().enumerate() {
            // As a consumer at work does.
            let number = 1_000 + world.events.len() * 10 + number;
            drop(world);
            self.add(number, "integer", &body);
            world = self.world();
            let letter = world.visible.back_mut().expect("just added");
            letter.attributes.insert("OriginalMessageId".to_owned(), message_id);
        }
        Ok((sent, failures))
    }
}

#[tokio::test(start_paused = true)]
async fn list_counts_by_reason_and_hands_everything_back() {
    let memory = Memory::filled();
    let listed = memory.result(&["list"]).await;
    assert_eq!((&listed["messages"], &listed["complete"]), (&Value::from(20), &Value::from(true)));
    let reasons = listed["reasons"].as_array().expect("a list");
    assert_eq!(reasons.len(), 2);
    assert_eq!((&reasons[0]["code"], &reasons[0]["count"]), (&"integer".into(), &15.into()));
    assert_eq!(reasons[1]["first_sent_at"], "2026-02-25T06:13:20Z");
    assert_eq!(reasons[1]["last_sent_at"], "2026-02-25T06:13:36Z");
    assert_eq!(memory.left(), (20, 0, 0));
    let listed = memory.result(&["list", "--sample", "5"]).await;
    assert_eq!((&listed["sampled"], &listed["complete"]), (&10.into(), &false.into()));
    memory.fail("read", &[Fault::Denied]);
    assert!(memory.act(&["list"]).await.is_err());
    assert_eq!(memory.left(), (20, 0, 0), "also after a failure");
}

#[tokio::test(start_paused = true)]
async fn show_selects_by_code_and_by_any_id() {
    let memory = Memory::filled();
    for (line, expected) in [
        (&["show", "--limit", "3"][..], 3),
        (&["show", "--limit", "50", "--code", "missing"], 5),
        (&["show", "--id", "m-3", "--id", "o-5", "--id", "E7"], 3),
        (&["show", "--id", "m-3", "--code", "missing"], 0),
    ] {
        let outcome = memory.act(line).await.expect("shown");
        assert_eq!(outcome.text.lines().count(), expected, "{line:?}");
        assert_eq!(memory.left(), (20, 0, 0), "{line:?}");
    }
    let shown = memory.result(&["show", "--id", "E7"]).await;
    assert_eq!((&shown["body"], &shown["original_message_id"]), (&"bad 7".into(), &"o-7".into()));
}

#[tokio::test(start_paused = true)]
async fn redrive_sends_what_is_chosen_unchanged_and_deletes_only_that() {
    let memory = Memory::filled();
    let would = memory.result(&["redrive", "--code", "missing", "--dry-run"]).await;
    assert_eq!((&would["sent"], &would["left"]), (&5.into(), &15.into()));
    assert_eq!(memory.left(), (20, 0, 0));
    let done = memory.result(&["redrive", "--code", "missing"]).await;
    assert_eq!((&done["from"], &done["to"]), (&"dlq".into(), &"main".into()));
    assert_eq!(
        (&done["sent"], &done["deleted"], &done["left"]),
        (&5.into(), &5.into(), &15.into())
    );
    assert_eq!(memory.left(), (15, 0, 5));
    assert!(memory.world().events.contains(&"bad 4".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_deleted_only_after_its_message_is_confirmed() {
    let memory = Memory::filled();
    memory.fail("send", &[Fault::FirstEntry(false), Fault::Unavailable, Fault::FirstEntry(true)]);
    memory.fail("delete", &[Fault::FirstEntry(false), Fault::Unavailable]);
    let outcome = memory.act(&["redrive"]).await.expect("it ends");
    let failure = outcome.failure.expect("one is refused").to_string();
    assert_eq!(failure, "1 messages were refused by queue main");
    // Everything else is there once, and one dead letter stays.
    assert_eq!(memory.left(), (1, 0, 19));
    memory.fail("send", &[Fault::Denied]);
    let outcome = memory.act(&["redrive"]).await.expect("it says so");
    assert!(outcome.failure.is_some());
    assert_eq!(memory.left(), (1, 0, 19));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_again_meanwhile_is_not_sent_in_circles() {
    let memory = Memory::filled();
    memory.world().refused = Some("bad");
    let done = memory.result(&["redrive"]).await;
    assert_eq!((&done["sent"], &done["left"]), (&20.into(), &20.into()));
    assert_eq!(memory.left(), (20, 0, 20));
}

#[tokio::test(start_paused = true)]
async fn repaired_messages_replace_their_dead_letters_by_whatever_id_they_name() {
    let memory = Memory::filled();
    // A second letter about the message of number 3.
    memory.add(3, "integer", "bad 3");
    memory.world().visible.back_mut().expect("just added").message_id = "m-3b".to_owned();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let lines = [
        r#"{"original_message_id":"o-3","body":"{\"id\":\"E3\",\"count\":3}"}"#,
        r#"{"message_id":"m-4","body":{"id":"E4","count":4}}"#,
        r#"{"id":"E5","count":5}"#,
        r#"{"id":"E99"}"#,
    ];
    std::fs::write(file.path(), lines.join("\n")).expect("written");
    let path = file.path().to_str().expect("a name in UTF-8");
    let outcome = memory.act(&["redrive", "--file", path, "--dry-run"]).await.expect("read");
    assert!(outcome.text.contains(r#""sent":3,"#), "{}", outcome.text);
    let outcome = memory.act(&["redrive", "--file", path]).await.expect("it ends");
    let failure = outcome.failure.expect("one line is for nobody").to_string();
    assert_eq!(failure, "1 lines of the file match no dead letter of queue dlq: 4");
    assert_eq!(memory.left(), (17, 0, 3), "two letters had one message");
    assert!(memory.world().events.contains(&r#"{"id":"E5","count":5}"#.to_owned()));

    std::fs::write(file.path(), r#"{"id":"E6","count":"six"}"#).expect("written");
    let error = memory.act(&["redrive", "--file", path]).await.expect_err("still wrong");
    assert!(format!("{error:#}").contains("line 1: "), "{error:#}");
    assert_eq!(memory.left(), (17, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn purge_deletes_all_only_if_it_is_told_twice() {
    let memory = Memory::filled();
    let error = memory.act(&["purge"]).await.expect_err("not told");
    assert_eq!(error.to_string(), "this would delete all of about 20 dead letters of queue dlq");
    let would = memory.result(&["purge", "--dry-run"]).await;
    assert_eq!((&would["deleted"], memory.left().0), (&20.into(), 20));
    let done = memory.result(&["purge", "--code", "missing"]).await;
    assert_eq!((&done["deleted"], &done["left"]), (&5.into(), &15.into()));
    memory.result(&["purge", "--yes"]).await;
    assert_eq!(memory.left(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_hands_back_what_is_held() {
    let memory = Memory::filled();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let outcome = memory.act_until(&["redrive"], shutdown).await.expect("it ends");
    assert!(outcome.failure.expect("not all was seen").to_string().contains("run it again"));
    assert_eq!(memory.left(), (20, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_queue_that_does_not_answer() {
    for operation in ["read", "send", "delete", "show"] {
        let memory = Memory::filled();
        memory.fail(operation, &[Fault::Mute; 100]);
        let shutdown = CancellationToken::new();
        let stop = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            shutdown.cancel();
        };
        let line = ["redrive", "--code", "missing"];
        let act = memory.act_until(&line, shutdown.clone());
        let ended = tokio::time::timeout(END_WITHIN, async { tokio::join!(act, stop) });
        let (outcome, ()) = ended.await.expect(operation);
        outcome.expect("it says what it did");
        let (visible, held, sent) = memory.left();
        assert!(20 <= visible + held + sent, "{operation}: {visible} {held} {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_long_sweep_holds_is_hidden_anew() {
    let memory = Memory::default();
    (0..500).for_each(|number| memory.add(number, "integer", "bad"));
    memory.world().slowness = Duration::from_secs(5);
    let redriven = memory.result(&["redrive", "--code", "missing"]).await;
    assert_eq!((&redriven["left"], &redriven["complete"]), (&500.into(), &true.into()));
    assert!(500 < memory.world().hidden_anew, "{}", memory.world().hidden_anew);
    assert_eq!(memory.left(), (500, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_sees_the_same_again_and_again_does_not_call_itself_complete() {
    let memory = Memory::default();
    (0..40).for_each(|number| memory.add(number, "integer", "bad"));
    // A whole answer of what is held, while thirty others wait behind it.
    memory.world().returning = 10;
    let outcome = memory.act(&["redrive", "--code", "missing"]).await.expect("an answer");
    let redriven: Value = serde_json::from_str(&outcome.text).expect("one line of JSON");
    assert_eq!((&redriven["left"], &redriven["complete"]), (&10.into(), &false.into()));
    assert!(outcome.failure.expect("a warning").to_string().contains("run it again"));
    assert_eq!(memory.left(), (40, 0, 0));
}
