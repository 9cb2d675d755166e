//! S3, in memory: our storage behind the protocol crate [`s3s`].
//!
//! Whoever knocks is let in, with whatever credentials or none; signatures are taken off unread
//! (`credentials`). Checksums, lengths, conditions and limits are S3's, and so are codes and texts
//! of errors. What is not emulated (versions, tags, ACLs, policies, encryption with customer keys)
//! answers `NotImplemented`.
//!
//! Invariants: an object appears whole or not at all, under one lock, after its last byte arrived
//! and its checksums were found right. Objects never change, so a reader keeps what it began to
//! read. The pure rooms (`store`, `listing`, `multipart`, `conditions`, `aws_chunked`) know neither
//! clock nor socket.

mod aws_chunked;
mod body;
mod checksum;
mod conditions;
mod content;
mod credentials;
mod door;
mod error;
mod hosts;
mod limits;
mod listing;
mod multipart;
mod receive;
mod service;
mod store;
mod xml_characters;

use std::ops::Bound::{Included, Unbounded};
use std::sync::{Arc, Mutex, PoisonError};

use emulator_core::clock::Clock;
use emulator_core::serve::{Request, ResponseFuture, Service};
use s3s::service::S3ServiceBuilder;

use crate::store::Buckets;

/// All buckets and what is in them. Clones share it.
#[derive(Debug, Clone)]
pub struct S3Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    buckets: Mutex<Buckets>,
    clock: Clock,
}

impl S3Store {
    /// A store without buckets, whose dates come from `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { buckets: Mutex::default(), clock }) }
    }

    /// Forgets all buckets, objects and unfinished uploads.
    pub fn reset(&self) {
        let forgotten = self.with(std::mem::take);
        drop(forgotten);
    }

    /// The names of all buckets, in order.
    pub fn bucket_names(&self) -> Vec<String> {
        self.with(|buckets| buckets.iter().map(|(name, _)| name.to_owned()).collect())
    }

    /// How many objects of `bucket` have keys that begin with `prefix`; 0 if there is no such
    /// bucket.
    pub fn object_count(&self, bucket: &str, prefix: &str) -> usize {
        self.with(|buckets| {
            let Ok(bucket) = buckets.bucket(bucket) else { return 0 };
            let from_prefix = bucket.objects.range::<str, _>((Included(prefix), Unbounded));
            from_prefix.take_while(|(key, _)| key.starts_with(prefix)).count()
        })
    }

    /// Runs `work` under the lock. What it takes out is to be dropped outside.
    fn with<R>(&self, work: impl FnOnce(&mut Buckets) -> R) -> R {
        // Pure code either finishes a change or has not begun it, so a panic poisons nothing.
        work(&mut self.shared.buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }
}

/// The S3 API in front of `store`.
///
/// Path style, and virtual-host style for `bucket.localhost`, `bucket.s3.localhost` and
/// `bucket.s3.localhost.localstack.cloud`. Any credentials, or none, are accepted.
pub fn service(store: S3Store) -> S3Service {
    let mut builder = S3ServiceBuilder::new(service::Operations::new(store.clone()));
    builder.set_host(hosts::Hosts);
    S3Service { store, s3: builder.build() }
}

/// Answers S3 requests; made by [`service()`]. Clones share the store.
#[derive(Debug, Clone)]
pub struct S3Service {
    store: S3Store,
    s3: s3s::service::S3Service,
}

impl Service for S3Service {
    fn call(&self, request: Request) -> ResponseFuture {
        let s3 = self.s3.clone();
        let now_s = self.store.now_ms() / 1_000;
        Box::pin(async move { door::answer(&s3, now_s, request).await })
    }
}
