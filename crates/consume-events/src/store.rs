//! The seam to S3, and the way of a closed batch: stored, confirmed, then acknowledged.

use std::future::Future;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::acknowledge::Acknowledger;
use crate::batch::{CloseReason, Fill};
use crate::error::CallError;
use crate::in_flight::Held;
use crate::object::CONTENT_TYPE;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::retry::Persistence;
use crate::state::{Counters, Failure};

/// What this crate needs of a bucket.
pub trait ObjectStore: Clone + Send + Sync + 'static {
    /// Stores an object; `Ok` means that it is there to stay. The same key always comes with the
    /// same bytes, so a repetition does no harm.
    fn put(&self, key: &str, body: Bytes) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    client: aws_sdk_s3::Client,
    name: String,
    /// For errors: `bucket <name>`.
    resource: String,
}

impl S3Bucket {
    /// The bucket called `name`. Whether it exists shows when the first object is stored.
    pub fn new(client: aws_sdk_s3::Client, name: &str) -> Self {
        Self { client, name: name.to_owned(), resource: format!("bucket {name}") }
    }
}

impl ObjectStore for S3Bucket {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), CallError> {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type(CONTENT_TYPE)
            .body(ByteStream::from(body))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("PutObject", &self.resource, &error))?;
        Ok(())
    }
}

/// A batch that takes no more events.
#[derive(Debug)]
pub(crate) struct ClosedBatch {
    pub(crate) key: String,
    pub(crate) body: Bytes,
    pub(crate) fill: Fill,
    pub(crate) reason: CloseReason,
    /// Of every message in the object.
    pub(crate) receipt_handles: Vec<String>,
    pub(crate) held: Held,
}

/// Stores closed batches and acknowledges their messages.
#[derive(Debug, Clone)]
pub(crate) struct Keeper<Q, S> {
    pub(crate) store: S,
    pub(crate) s3: Persistence,
    pub(crate) acknowledger: Acknowledger<Q>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) failure: Failure,
    pub(crate) progress: Progress,
}

impl<Q: Queue, S: ObjectStore> Keeper<Q, S> {
    /// Stores the batch and deletes its messages, in this order; gives them back if S3 refuses it.
    ///
    /// Must run to its end: nothing here may be cancelled.
    pub(crate) async fn keep(&self, batch: ClosedBatch) {
        let stored = self.s3.call(|| self.store.put(&batch.key, batch.body.clone())).await;
        if let Err(error) = stored {
            self.acknowledger.give_back(&batch.receipt_handles).await;
            self.failure.record(error);
            return;
        }
        self.counters.add_object(batch.fill.event_count);
        self.progress.suspend(|| {
            tracing::info!(
                event_count = batch.fill.event_count,
                bytes = batch.body.len(),
                raw_bytes = batch.fill.bytes,
                reason = batch.reason.as_str(),
                object_key = %batch.key,
                "batch stored"
            );
        });
        // The object is confirmed; its bytes are not needed any more.
        let ClosedBatch { receipt_handles, held, body, .. } = batch;
        drop(body);
        if let Err(error) = self.acknowledger.acknowledge(&receipt_handles).await {
            self.failure.record(error);
        }
        drop(held);
    }
}
