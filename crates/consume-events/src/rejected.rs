//! Stores malformed messages in the bucket that no dead-letter queue takes.
//!
//! Where there is no such queue, or it refuses a letter, the message goes to an object under
//! `<prefix>rejected/messages/`, a line of JSON each, with the reason. As everywhere, the original
//! is deleted only when S3 has confirmed the object.

use std::sync::Arc;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::acknowledge::Acknowledger;
use crate::batch::{BatchLimits, Fill};
use crate::collect::Destination;
use crate::dead_letter::Undeliverable;
use crate::object::{self, Compression, ObjectWriter};
use crate::queue::{Queue, Receipt};
use crate::state::{Counters, Failure};
use crate::store::ObjectStore;

/// Where rejected messages are kept; `upload-data` looks only under `events/`.
pub(crate) const FOLDER: &str = "rejected/messages";

/// What an object of rejected messages holds at most, before compression.
const BYTES_MAX: usize = 8 * 1024 * 1024;
const MESSAGES_MAX: usize = 5_000;

/// Collects rejected messages, and stores them.
#[derive(Debug)]
pub(crate) struct Rejecter<Q, S> {
    pub(crate) inbox: mpsc::Receiver<Undeliverable>,
    /// Compression and parts of it are not heeded: these objects are small, and for people.
    pub(crate) destination: Destination<S>,
    pub(crate) limits: BatchLimits,
    /// A notification stores what there is.
    pub(crate) flush: Arc<Notify>,
    pub(crate) acknowledger: Acknowledger<Q>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
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
                self.keep(std::mem::take(&mut waiting)).await;
            }
        }
        if !waiting.is_empty() {
            self.keep(waiting).await;
        }
    }

    /// Stores the messages and deletes them, in this order; gives them back if S3 refuses them.
    async fn keep(&self, rejected: Vec<Undeliverable>) {
        let Destination { store, s3, prefix, .. } = &self.destination;
        let mut object = ObjectWriter::new(Compression::Gzip);
        for undeliverable in &rejected {
            object.append(&undeliverable.letter.line());
        }
        let now = OffsetDateTime::now_utc();
        let key = object::key(prefix, FOLDER, now, Uuid::new_v4(), Compression::Gzip);
        let body = Bytes::from(object.finish());
        let receipts: Vec<Receipt> =
            rejected.iter().map(|it| Arc::clone(&it.receipt_handle)).collect();
        let stored = s3.call(|| store.put(&key, body.clone())).await;
        if let Err(error) = stored {
            self.acknowledger.give_back(&receipts).await;
            self.failure.record(error);
            return;
        }
        self.counters.add_rejected(rejected.len());
        let message_count = rejected.len();
        tracing::info!(message_count, object_key = key, "malformed messages stored");
        if let Err(error) = self.acknowledger.acknowledge(&receipts).await {
            self.failure.record(error);
        }
    }
}
