//! Stores malformed messages in the bucket that no dead-letter queue takes.
//!
//! Where there is no such queue, or it refuses a letter, the message goes to an object under
//! `<prefix>rejected/messages/`, a line of JSON each, with the reason. As everywhere, the original
//! is deleted only when S3 has confirmed the object.
//!
//! A bucket that does not take these objects may well take those of valid events, so nobody waits
//! for it: the messages stay in the queue for a while, and come again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::acknowledge::Acknowledger;
use crate::batch::{BatchLimits, Fill};
use crate::dead_letter::Undeliverable;
use crate::detour::Reminder;
use crate::error::CallError;
use crate::handover::Delay;
use crate::object::{self, Compression, ObjectWriter};
use crate::queue::{Queue, Receipt};
use crate::retry::Persistence;
use crate::state::{Counters, Failure};
use crate::store::ObjectStore;

/// Where rejected messages are kept; `upload-data` looks only under `events/`.
pub(crate) const FOLDER: &str = "rejected/messages";

/// What an object of rejected messages holds at most, before compression.
const BYTES_MAX: usize = 8 * 1024 * 1024;
const MESSAGES_MAX: usize = 5_000;

/// How long an object is tried that gets no answer, or a bad one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Collects rejected messages. While some are stored, the next ones are collected.
#[derive(Debug)]
pub(crate) struct Rejecter<Q, S> {
    pub(crate) inbox: mpsc::Receiver<Undeliverable>,
    pub(crate) limits: BatchLimits,
    /// A notification stores what there is.
    pub(crate) flush: Arc<Notify>,
    pub(crate) shelf: Shelf<Q, S>,
}

impl<Q: Queue, S: ObjectStore> Rejecter<Q, S> {
    /// Works until nobody can put anything into the inbox any more.
    pub(crate) async fn run(mut self) {
        let limits = BatchLimits {
            events_max: MESSAGES_MAX.min(self.limits.events_max),
            bytes_max: BYTES_MAX,
            age_max: self.limits.age_max,
        };
        let mut waiting: Vec<Undeliverable> = Vec::new();
        let mut fill = Fill::default();
        let mut opened = Instant::now();
        let mut keeping: Option<JoinHandle<()>> = None;
        loop {
            let is_open = !waiting.is_empty();
            let closes = tokio::select! {
                biased;
                () = sleep_until(opened + limits.age_max), if is_open => true,
                undeliverable = self.inbox.recv() => {
                    let Some(undeliverable) = undeliverable else { break };
                    if !is_open {
                        opened = Instant::now();
                    }
                    let bytes = undeliverable.letter.bytes();
                    fill = fill.plus(Fill { event_count: 1, bytes });
                    waiting.push(undeliverable);
                    limits.judge(fill, opened.elapsed()).is_some()
                }
                () = self.flush.notified() => is_open,
            };
            if closes {
                fill = Fill::default();
                finish(&mut keeping).await;
                let (shelf, rejected) = (self.shelf.clone(), std::mem::take(&mut waiting));
                keeping = Some(tokio::spawn(async move { shelf.keep(rejected).await }));
            }
        }
        finish(&mut keeping).await;
        if !waiting.is_empty() {
            self.shelf.keep(waiting).await;
        }
    }
}

async fn finish(keeping: &mut Option<JoinHandle<()>>) {
    if let Some(keeping) = keeping.take() {
        keeping.await.expect("keeping messages does not panic");
    }
}

/// Where rejected messages are stored.
#[derive(Debug, Clone)]
pub(crate) struct Shelf<Q, S> {
    pub(crate) store: S,
    /// Put before every key.
    pub(crate) prefix: String,
    /// Patience with these objects, and no others.
    pub(crate) puts: Persistence,
    pub(crate) delay: Delay<Q>,
    pub(crate) reminder: Arc<Reminder>,
    /// Whether a refusal makes it a bad end, when all else is done.
    pub(crate) wants_an_end: bool,
    pub(crate) acknowledger: Acknowledger<Q>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
}

impl<Q: Queue, S: ObjectStore> Shelf<Q, S> {
    /// Stores the messages and deletes them, in this order; leaves them in the queue if S3 does not
    /// take them.
    async fn keep(&self, rejected: Vec<Undeliverable>) {
        if !self.delay.bucket.may_try() {
            return self.delay.put_off(rejected, Duration::ZERO).await;
        }
        let mut object = ObjectWriter::new(Compression::Gzip);
        for undeliverable in &rejected {
            object.append(&undeliverable.letter.line());
        }
        let now = OffsetDateTime::now_utc();
        let key = object::key(&self.prefix, FOLDER, now, Uuid::new_v4(), Compression::Gzip);
        let body = Bytes::from(object.finish());
        let stored = self.puts.call(|| self.store.put(&key, body.clone())).await;
        if let Err(error) = stored {
            self.delay.bucket.close();
            self.say(rejected.len(), &error);
            if self.wants_an_end && !error.is_transient() {
                self.failure.note(error);
            }
            return self.delay.put_off(rejected, Duration::ZERO).await;
        }
        if let Some(closed_for) = self.delay.bucket.open() {
            let seconds = closed_for.as_secs();
            tracing::info!(seconds, "bucket takes malformed messages again");
        }
        self.counters.add_rejected(rejected.len());
        let message_count = rejected.len();
        tracing::info!(message_count, object_key = key, "malformed messages stored");
        let receipts: Vec<Receipt> =
            rejected.iter().map(|it| Arc::clone(&it.receipt_handle)).collect();
        if let Err(error) = self.acknowledger.acknowledge(&receipts).await {
            self.failure.record(error);
        }
    }

    fn say(&self, message_count: usize, error: &CallError) {
        if self.reminder.is_due() {
            let hint = error.hint();
            tracing::warn!(
                message_count, %error, hint, "bucket does not take malformed messages"
            );
        }
    }
}
