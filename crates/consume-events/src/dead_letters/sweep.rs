//! Goes through the dead-letter queue, each message once, and hands back what is not deleted.
//!
//! SQS offers no way to look without receiving, so what is looked at is hidden from others until
//! the sweep ends, anew if that takes long: two minutes more at most if this process is killed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::letter::DeadLetter;
use super::{DeadLetterQueue, Desk};
use crate::custody::Extender;
use crate::error::CallError;
use crate::queue::{Depth, Receipt};

/// How long a message that is looked at is hidden from others, at most.
const HIDDEN_FOR: Duration = Duration::from_secs(120);

/// How much of that may be over when a letter is kept.
const KNOWN_LATE: Duration = Duration::from_secs(60);

/// How long a sweep that only looks may take: well before the first message returns by itself.
const LOOK_FOR: Duration = Duration::from_secs(60);

/// How long a receive waits: long enough to ask all servers of SQS.
const WAIT: Duration = Duration::from_secs(1);

/// Empty answers in a row that mean the end.
const EMPTY_ANSWERS: u32 = 2;

/// Answers in a row with nothing but what was seen before, which mean the end too if the queue says
/// that it has nothing else.
const REPEATS: u32 = 3;

/// And so many mean that the rest is not seen for all that.
const REPEATS_MAX: u32 = 30;

/// Messages held at once: a queue hands out about 120,000.
const HELD_MAX: usize = 100_000;

/// Messages that one sweep sees at most: the ids of what was sent and seen are remembered.
const SEEN_MAX: usize = 1_000_000;

/// A way through the queue.
#[derive(Debug)]
pub(crate) struct Sweep<'a, Q> {
    desk: &'a Desk<Q>,
    /// By message id, so that one that returns meanwhile is known.
    held: HashMap<String, Receipt>,
    /// How many were seen, those that were deleted included.
    seen: usize,
    started: Instant,
    only_looks: bool,
    is_complete: bool,
    /// Hides anew what is held.
    _extender: Option<Extender>,
}

impl<'a, Q: DeadLetterQueue> Sweep<'a, Q> {
    pub(crate) fn new(desk: &'a Desk<Q>) -> Self {
        let (held, started) = (HashMap::new(), Instant::now());
        let _extender = desk.dead_letters.hides().then(|| {
            let (queue, custody) = (desk.dead_letters.clone(), Arc::clone(&desk.custody));
            Extender::start(queue, custody, HIDDEN_FOR, Arc::clone(&desk.counters))
        });
        Self { desk, held, seen: 0, started, only_looks: false, is_complete: false, _extender }
    }

    /// It only looks, and must not take long.
    pub(crate) fn only_looking(self, only_looks: bool) -> Self {
        Self { only_looks, ..self }
    }

    /// How many messages the queue has, about.
    pub(crate) async fn depth(&self) -> Result<Depth, CallError> {
        self.desk.sqs.call(|| self.desk.dead_letters.depth()).await
    }

    /// Dead letters that were not seen before; `None` at the end. Each must be deleted, or given to
    /// [`Sweep::keep`].
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, CallError> {
        let (mut empty_answers, mut repeats) = (0, 0);
        while !self.must_end() {
            let read = || self.desk.dead_letters.read(HIDDEN_FOR, WAIT);
            let hidden_until = Instant::now() + HIDDEN_FOR;
            let mut letters = if self.desk.dead_letters.hides() {
                self.desk.sqs.call(read).await?
            } else {
                // A bucket has its own patience, and what it settles first must not be broken off.
                read().await?
            };
            if letters.is_empty() {
                empty_answers += 1;
                if EMPTY_ANSWERS <= empty_answers {
                    self.is_complete = true;
                    break;
                }
                continue;
            }
            letters.retain(|letter| match self.held.get_mut(&letter.message_id) {
                Some(receipt) => {
                    let now = Receipt::clone(&letter.receipt_handle);
                    self.desk.custody.release([&*receipt]);
                    self.desk.custody.take([&now].into_iter(), hidden_until);
                    *receipt = now;
                    false
                }
                None => true,
            });
            if !letters.is_empty() {
                self.seen += letters.len();
                return Ok(Some(letters));
            }
            // What is held is hidden; if it comes all the same, others may come after it.
            repeats += 1;
            if REPEATS <= repeats && self.depth().await?.visible == 0 {
                self.is_complete = true;
                break;
            }
            if REPEATS_MAX <= repeats {
                break;
            }
        }
        Ok(None)
    }

    fn must_end(&self) -> bool {
        self.is_complete
            || self.desk.shutdown.is_cancelled()
            || HELD_MAX <= self.held.len()
            || SEEN_MAX <= self.seen
            || self.only_looks && LOOK_FOR <= self.started.elapsed()
    }

    /// Holds the letter until the end, and hands it back then.
    pub(crate) fn keep(&mut self, letter: &DeadLetter) {
        let hidden_until = Instant::now() + HIDDEN_FOR - KNOWN_LATE;
        self.desk.custody.take([&letter.receipt_handle].into_iter(), hidden_until);
        self.held.insert(letter.message_id.clone(), Receipt::clone(&letter.receipt_handle));
    }

    /// Whether everything in the queue was seen.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many are held.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Hands back what is held. The end of every sweep, also of one that failed.
    pub(crate) async fn hand_back(self) {
        let receipts: Vec<Receipt> = self.held.into_values().collect();
        if !receipts.is_empty() && self.desk.dead_letters.hides() {
            self.desk.acknowledger.give_back(&receipts).await;
        }
    }
}
