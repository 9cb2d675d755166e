//! Fills the open batch and closes it; while one batch is kept, the next one fills.
//!
//! At most two batches exist at any time. When both are full, nobody takes portions here any more,
//! and the pollers wait: that is the back-pressure.

use std::sync::Arc;

use bytes::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;
use uuid::Uuid;

use crate::batch::{BatchLimits, CloseReason, Fill};
use crate::in_flight::Held;
use crate::object::{self, ObjectWriter};
use crate::queue::Queue;
use crate::store::{ClosedBatch, Keeper, ObjectStore};

/// The valid events of one receive.
#[derive(Debug)]
pub(crate) struct Portion {
    /// One per event, each with its line feed.
    pub(crate) lines: Vec<u8>,
    pub(crate) receipt_handles: Vec<String>,
    pub(crate) held: Held,
}

impl Portion {
    fn fill(&self) -> Fill {
        Fill { event_count: self.receipt_handles.len(), bytes: self.lines.len() }
    }
}

/// A batch that takes events. Of each message only the receipt handle is kept.
#[derive(Debug)]
struct OpenBatch {
    id: Uuid,
    opened_at: OffsetDateTime,
    opened: Instant,
    fill: Fill,
    object: ObjectWriter,
    receipt_handles: Vec<String>,
    held: Held,
}

impl OpenBatch {
    fn open(first: Portion) -> Self {
        let mut batch = Self {
            id: Uuid::new_v4(),
            opened_at: OffsetDateTime::now_utc(),
            opened: Instant::now(),
            fill: first.fill(),
            object: ObjectWriter::new(),
            receipt_handles: first.receipt_handles,
            held: first.held,
        };
        batch.object.append(&first.lines);
        batch
    }

    fn append(&mut self, more: Portion) {
        self.fill = self.fill.plus(more.fill());
        self.object.append(&more.lines);
        self.receipt_handles.extend(more.receipt_handles);
        self.held.merge(more.held);
    }

    fn close(self, prefix: &str, reason: CloseReason) -> ClosedBatch {
        ClosedBatch {
            key: object::key(prefix, self.opened_at, self.id),
            body: Bytes::from(self.object.finish()),
            fill: self.fill,
            reason,
            receipt_handles: self.receipt_handles,
            held: self.held,
        }
    }
}

/// Makes batches of portions.
#[derive(Debug)]
pub(crate) struct Collector<Q, S> {
    limits: BatchLimits,
    prefix: String,
    keeper: Keeper<Q, S>,
    open: Option<OpenBatch>,
    keeping: Option<JoinHandle<()>>,
}

impl<Q: Queue, S: ObjectStore> Collector<Q, S> {
    /// Objects get keys that begin with `prefix`.
    pub(crate) fn new(limits: BatchLimits, prefix: String, keeper: Keeper<Q, S>) -> Self {
        Self { limits, prefix, keeper, open: None, keeping: None }
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
            None => self.open = Some(OpenBatch::open(portion)),
        }
        let full =
            self.open.as_ref().and_then(|it| self.limits.judge(it.fill, it.opened.elapsed()));
        if let Some(reason) = full {
            self.close(reason).await;
        }
    }

    /// Hands the open batch, if there is one, to the keeper, once the batch before it is kept.
    async fn close(&mut self, reason: CloseReason) {
        let Some(batch) = self.open.take() else { return };
        self.finish_keeping().await;
        let span = tracing::info_span!("batch", batch_id = %batch.id);
        let closed = batch.close(&self.prefix, reason);
        let keeper = self.keeper.clone();
        let keep = async move { keeper.keep(closed).await };
        self.keeping = Some(tokio::spawn(keep.instrument(span)));
    }

    async fn finish_keeping(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            keeping.await.expect("keeping a batch does not panic");
        }
    }
}
