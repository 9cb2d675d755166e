//! Fills the open batch and closes it; while one batch is kept, the next one fills.
//!
//! At most two batches exist at any time. When both are full, nobody takes portions here any more,
//! and the pollers wait: that is the back-pressure. Of a batch whose object is large, all but the
//! last parts are with S3 already.

use std::sync::Arc;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;
use uuid::Uuid;

use crate::batch::{BatchLimits, CloseReason, Fill};
use crate::in_flight::Held;
use crate::object::{self, Compression, ObjectWriter};
use crate::queue::{Queue, Receipt};
use crate::retry::Persistence;
use crate::store::{ClosedBatch, Keeper, ObjectStore};
use crate::upload::Upload;

/// Where upload-data looks for events.
const EVENTS_FOLDER: &str = "events";

const UPLOAD_PANICS: &str = "storing a part does not panic";

/// The valid events of one receive.
#[derive(Debug)]
pub(crate) struct Portion {
    /// One per event, each with its line feed.
    pub(crate) lines: Vec<u8>,
    pub(crate) receipt_handles: Vec<Receipt>,
    /// In milliseconds since 1970.
    pub(crate) oldest_sent_at: Option<u64>,
    pub(crate) held: Held,
    /// What the lines take of the room between the pollers and the collector.
    #[expect(dead_code, reason = "dropping it is its use: there is room again")]
    pub(crate) room: OwnedSemaphorePermit,
}

impl Portion {
    fn fill(&self) -> Fill {
        Fill { event_count: self.receipt_handles.len(), bytes: self.lines.len() }
    }
}

/// What the objects are like, and where they go.
#[derive(Debug, Clone)]
pub(crate) struct Destination<S> {
    pub(crate) store: S,
    pub(crate) s3: Persistence,
    /// Put before every key.
    pub(crate) prefix: String,
    pub(crate) compression: Compression,
    /// Compressed bytes that are sent ahead as soon as there are so many.
    pub(crate) part_bytes: usize,
}

/// A batch that takes events. Of each message only the receipt handle is kept.
#[derive(Debug)]
struct OpenBatch<S> {
    id: Uuid,
    opened: Instant,
    fill: Fill,
    object: ObjectWriter,
    /// The part before the next one, on its way.
    upload: JoinHandle<Upload<S>>,
    /// Compressed bytes that have been sent ahead.
    sent_bytes: usize,
    receipt_handles: Vec<Receipt>,
    oldest_sent_at: Option<u64>,
    held: Held,
}

impl<S: ObjectStore> OpenBatch<S> {
    fn open(first: Portion, to: &Destination<S>) -> Self {
        let id = Uuid::new_v4();
        let now = OffsetDateTime::now_utc();
        let key = object::key(&to.prefix, EVENTS_FOLDER, now, id, to.compression);
        let upload = Upload::new(to.store.clone(), to.s3.clone(), key);
        let mut batch = Self {
            id,
            opened: Instant::now(),
            fill: first.fill(),
            object: ObjectWriter::new(to.compression),
            upload: tokio::spawn(async { upload }),
            sent_bytes: 0,
            receipt_handles: first.receipt_handles,
            oldest_sent_at: first.oldest_sent_at,
            held: first.held,
        };
        batch.object.append(&first.lines);
        batch
    }

    fn append(&mut self, more: Portion) {
        self.fill = self.fill.plus(more.fill());
        self.object.append(&more.lines);
        self.receipt_handles.extend(more.receipt_handles);
        self.oldest_sent_at = self.oldest_sent_at.into_iter().chain(more.oldest_sent_at).min();
        self.held.merge(more.held);
    }

    /// Sends ahead what is compressed, once the part before it is stored. Whether the object has a
    /// future.
    async fn send_part(&mut self) -> bool {
        let part = Bytes::from(self.object.take_ready());
        self.sent_bytes += part.len();
        let upload = (&mut self.upload).await.expect(UPLOAD_PANICS);
        let has_failed = upload.has_failed();
        self.upload = tokio::spawn(upload.add(part).in_current_span());
        !has_failed
    }

    async fn close(self, reason: CloseReason) -> ClosedBatch<S> {
        let last = Bytes::from(self.object.finish());
        ClosedBatch {
            upload: self.upload.await.expect(UPLOAD_PANICS),
            compressed_bytes: self.sent_bytes + last.len(),
            last,
            fill: self.fill,
            reason,
            receipt_handles: self.receipt_handles,
            oldest_sent_at: self.oldest_sent_at,
            held: self.held,
        }
    }
}

/// Makes batches of portions.
#[derive(Debug)]
pub(crate) struct Collector<Q, S> {
    limits: BatchLimits,
    destination: Destination<S>,
    keeper: Keeper<Q>,
    open: Option<OpenBatch<S>>,
    keeping: Option<JoinHandle<()>>,
}

impl<Q: Queue, S: ObjectStore> Collector<Q, S> {
    /// Objects go to `destination`, and from there on `keeper` sees to them.
    pub(crate) fn new(limits: BatchLimits, destination: Destination<S>, keeper: Keeper<Q>) -> Self {
        Self { limits, destination, keeper, open: None, keeping: None }
    }

    /// Works until all pollers are gone and everything they brought is kept or given back.
    ///
    /// A notification of `flush` closes the open batch whatever its size.
    pub(crate) async fn run(mut self, mut portions: mpsc::Receiver<Portion>, flush: Arc<Notify>) {
        loop {
            let is_open = self.open.is_some();
            let closes_at = self.open.as_ref().map(|batch| batch.opened + self.limits.age_max);
            tokio::select! {
                biased;
                () = sleep_until(closes_at.unwrap_or_else(Instant::now)), if is_open => {
                    self.close(CloseReason::Old).await;
                }
                portion = portions.recv() => match portion {
                    Some(portion) => self.add(portion).await,
                    None => break,
                },
                () = flush.notified() => self.close(CloseReason::Flushed).await,
            }
        }
        self.close(CloseReason::Stopped).await;
        self.finish_keeping().await;
    }

    async fn add(&mut self, portion: Portion) {
        let admitted =
            self.open.as_ref().is_none_or(|batch| self.limits.admit(batch.fill, portion.fill()));
        if !admitted {
            self.close(CloseReason::Full).await;
        }
        match &mut self.open {
            Some(batch) => batch.append(portion),
            None => self.open = Some(OpenBatch::open(portion, &self.destination)),
        }
        let Some(batch) = &mut self.open else { return };
        let closes = match self.limits.judge(batch.fill, batch.opened.elapsed()) {
            None if self.destination.part_bytes <= batch.object.ready_bytes() => {
                // Without a future it ends now, and its messages go back.
                if batch.send_part().await { None } else { Some(CloseReason::Failed) }
            }
            closes => closes,
        };
        if let Some(reason) = closes {
            self.close(reason).await;
        }
    }

    /// Hands the open batch, if there is one, to the keeper, once the batch before it is kept.
    async fn close(&mut self, reason: CloseReason) {
        let Some(batch) = self.open.take() else { return };
        self.finish_keeping().await;
        let span = tracing::info_span!("batch", batch_id = %batch.id);
        let keeper = self.keeper.clone();
        let keep = async move { keeper.keep(batch.close(reason).await).await };
        self.keeping = Some(tokio::spawn(keep.instrument(span)));
    }

    async fn finish_keeping(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            keeping.await.expect("keeping a batch does not panic");
        }
    }
}
