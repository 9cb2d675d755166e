//! The seam to S3, and the way of a closed batch: stored, confirmed, then acknowledged.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::acknowledge::Acknowledger;
use crate::batch::{CloseReason, Fill};
use crate::error::CallError;
use crate::in_flight::Held;
use crate::progress::Progress;
use crate::queue::{Queue, Receipt};
use crate::state::{Counters, Failure};
use crate::upload::Upload;

/// A part of an object, as S3 confirmed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPart {
    /// Its entity tag.
    pub e_tag: String,
    /// Its checksum, where S3 made one.
    pub crc32: Option<String>,
}

/// What this crate needs of a bucket.
pub trait ObjectStore: Clone + Send + Sync + 'static {
    /// Stores an object; `Ok` means that it is there to stay. The same key always comes with the
    /// same bytes, so a repetition does no harm.
    fn put(&self, key: &str, body: Bytes) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Begins an object that comes in parts; returns the upload's id.
    fn begin(&self, key: &str) -> impl Future<Output = Result<String, CallError>> + Send;

    /// Stores part `number`, counted from 1. A repetition replaces it.
    fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: usize,
        body: Bytes,
    ) -> impl Future<Output = Result<StoredPart, CallError>> + Send;

    /// Makes the object of its parts; `Ok` means that it is there to stay.
    fn complete(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Throws the parts away.
    fn abort(
        &self,
        key: &str,
        upload_id: &str,
    ) -> impl Future<Output = Result<(), CallError>> + Send;

    /// Whether the object is there.
    fn is_there(&self, key: &str) -> impl Future<Output = Result<bool, CallError>> + Send;
}

/// A batch that takes no more events.
#[derive(Debug)]
pub(crate) struct ClosedBatch<S> {
    /// What S3 has of it so far.
    pub(crate) upload: Upload<S>,
    /// The rest.
    pub(crate) last: Bytes,
    /// All of it, compressed.
    pub(crate) compressed_bytes: usize,
    pub(crate) fill: Fill,
    pub(crate) reason: CloseReason,
    /// Of every message in the object.
    pub(crate) receipt_handles: Vec<Receipt>,
    /// In milliseconds since 1970.
    pub(crate) oldest_sent_at: Option<u64>,
    pub(crate) held: Held,
}

/// Stores closed batches and acknowledges their messages.
#[derive(Debug, Clone)]
pub(crate) struct Keeper<Q> {
    pub(crate) acknowledger: Acknowledger<Q>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
    pub(crate) progress: Progress,
}

impl<Q: Queue> Keeper<Q> {
    /// Stores the batch and deletes its messages, in this order; gives them back if S3 refuses it.
    ///
    /// Must run to its end: nothing here may be cancelled.
    pub(crate) async fn keep<S: ObjectStore>(&self, batch: ClosedBatch<S>) {
        let object_key = batch.upload.key().to_owned();
        let closed_at = Instant::now();
        // The bytes are gone from memory when this returns.
        let stored = batch.upload.finish(batch.last).await;
        if let Err((error, remains)) = stored {
            match error {
                CallError::Gone(_) => {
                    tracing::warn!(%error, object_key, "object lost, its messages come again");
                }
                // Stops our own pollers before they can have again what is given back.
                error => self.failure.record(error),
            }
            self.acknowledger.give_back(&batch.receipt_handles).await;
            remains.abort().await;
            return;
        }
        let Fill { event_count, bytes } = batch.fill;
        self.counters.add_object(event_count, batch.compressed_bytes, bytes);
        self.counters.add_put(closed_at.elapsed());
        self.counters.set_store_lag(batch.oldest_sent_at);
        self.progress.suspend(|| {
            tracing::info!(
                event_count,
                bytes = batch.compressed_bytes,
                raw_bytes = bytes,
                reason = batch.reason.as_str(),
                object_key,
                "batch stored"
            );
        });
        if let Err(error) = self.acknowledger.acknowledge(&batch.receipt_handles).await {
            self.failure.record(error);
        }
        drop(batch.held);
    }
}
