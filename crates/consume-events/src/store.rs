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
    /// The bucket called `name`. Whether it exists, [`S3Bucket::look_for`] tells.
    pub fn new(client: aws_sdk_s3::Client, name: &str) -> Self {
        Self { client, name: name.to_owned(), resource: format!("bucket {name}") }
    }

    /// Looks whether the bucket exists, so that a wrong name shows before messages are held.
    ///
    /// # Errors
    /// [`CallError::Missing`] and no other: whoever may put objects need not be allowed to look
    /// (`HeadBucket` takes `s3:ListBucket`), and an S3 that is away may be back when the first
    /// batch closes.
    pub async fn look_for(&self) -> Result<(), CallError> {
        let Err(error) = self.client.head_bucket().bucket(&self.name).send().await else {
            return Ok(());
        };
        match CallError::from_sdk("HeadBucket", &self.resource, &error) {
            missing @ CallError::Missing(_) => Err(missing),
            error => {
                tracing::debug!(%error, "bucket not looked for");
                Ok(())
            }
        }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

    use super::*;

    /// A bucket of an S3 that answers the first request with that status.
    fn bucket_answering(status: &'static str) -> S3Bucket {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a client");
            let _ = connection.read(&mut [0; 4096]);
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
            connection.write_all(answer.as_bytes()).expect("the client listens");
        });
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(format!("http://127.0.0.1:{port}"))
            .retry_config(RetryConfig::disabled())
            .force_path_style(true);
        S3Bucket::new(aws_sdk_s3::Client::from_conf(config.build()), "lake")
    }

    #[tokio::test]
    async fn only_a_bucket_that_is_not_there_is_missed() {
        for (status, is_missing) in [
            ("200 OK", false),
            ("404 Not Found", true),
            ("403 Forbidden", false),
            ("301 Moved Permanently", false),
            ("503 Slow Down", false),
        ] {
            let looked = bucket_answering(status).look_for().await;
            assert_eq!(looked.is_err(), is_missing, "{status}: {looked:?}");
        }
    }
}
