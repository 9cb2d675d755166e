//! What all tasks of a run share: the counts, and the failure that ends it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::error::CallError;

/// What has been done so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    received: AtomicU64,
    stored: AtomicU64,
    dead_lettered: AtomicU64,
    objects: AtomicU64,
}

impl Counters {
    pub(crate) fn add_received(&self, message_count: usize) {
        self.received.fetch_add(message_count as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_object(&self, event_count: usize) {
        self.stored.fetch_add(event_count as u64, Ordering::Relaxed);
        self.objects.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_dead_lettered(&self, message_count: usize) {
        self.dead_lettered.fetch_add(message_count as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Relaxed)
    }

    pub(crate) fn dead_lettered(&self) -> u64 {
        self.dead_lettered.load(Ordering::Relaxed)
    }

    pub(crate) fn objects(&self) -> u64 {
        self.objects.load(Ordering::Relaxed)
    }
}

/// The first failure that ends the run. Recording one stops the receiving; what is held is still
/// brought to safety or given back.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    first: Arc<OnceLock<CallError>>,
    stop: CancellationToken,
}

impl Failure {
    /// Recording a failure cancels `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { first: Arc::default(), stop }
    }

    /// Ends the run, unless the error is a transient one that was given up because the run is
    /// already ending: nothing is lost by that, and it was asked for.
    pub(crate) fn record(&self, error: CallError) {
        if error.is_transient() && self.stop.is_cancelled() {
            tracing::warn!(%error, "given up, because the program stops");
            return;
        }
        // Only the first one is told: the others follow from it.
        let _ = self.first.set(error);
        self.stop.cancel();
    }

    pub(crate) fn first(&self) -> Option<CallError> {
        self.first.get().cloned()
    }
}
