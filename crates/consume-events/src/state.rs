//! What all tasks of a run share: the figures, and the failure that ends it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use runtime::metrics::{Counter, Gauge, Histogram, Metrics};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::CallError;

/// What has been done so far, for the result, the progress line and Prometheus.
///
/// A second run in the same process counts on where the first one ended.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    received: Counter,
    stored: Counter,
    objects: Counter,
    object_bytes: Counter,
    raw_bytes: Counter,
    dead_lettered: Counter,
    rejected: Counter,
    deleted: Counter,
    not_deleted: Counter,
    given_back: Counter,
    put_off: Counter,
    extended: Counter,
    batch_events: Histogram,
    batch_bytes: Histogram,
    put_seconds: Histogram,
    in_flight: Gauge,
    receive_lag: Gauge,
    /// When the queue last answered, and the lag then, in seconds.
    last_answer: Arc<Mutex<Option<(Instant, f64)>>>,
    store_lag: Gauge,
}

const BATCH_EVENTS: [f64; 9] =
    [10.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 15_000.0, 20_000.0];
const BATCH_BYTES: [f64; 8] = [1e4, 1e5, 5e5, 1e6, 5e6, 1e7, 1e8, 1e9];
const PUT_SECONDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0];

impl Counters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help);
        Self {
            received: counter("received_messages_total", "Messages received, doubles included"),
            stored: counter("stored_events_total", "Events in stored objects"),
            objects: counter("stored_objects_total", "Objects stored"),
            object_bytes: counter("stored_bytes_total", "Bytes of stored objects, compressed"),
            raw_bytes: counter("stored_raw_bytes_total", "The same before compression"),
            dead_lettered: counter("dead_lettered_messages_total", "Moved to the dead letters"),
            rejected: counter("rejected_messages_total", "Malformed and stored under rejected/"),
            deleted: counter("deleted_messages_total", "Messages deleted from the queue"),
            not_deleted: counter("delete_failures_total", "Deletes refused; they come again"),
            given_back: counter("given_back_messages_total", "Messages made visible again"),
            put_off: counter("put_off_messages_total", "Malformed, and no place took them yet"),
            extended: counter("extended_messages_total", "Visibility timeouts begun anew"),
            batch_events: metrics.histogram("batch_events", "Events of an object", &BATCH_EVENTS),
            batch_bytes: metrics.histogram("batch_bytes", "Bytes of an object", &BATCH_BYTES),
            put_seconds: metrics.histogram(
                "put_seconds",
                "From the close of a batch to its confirmed object",
                &PUT_SECONDS,
            ),
            in_flight: metrics.gauge("in_flight_messages", "Received, not yet deleted"),
            receive_lag: metrics.gauge(
                "receive_lag_seconds",
                "Age of the oldest message of the last receive, 0 if there was none; while \
                 nothing is received, the time since then is added",
            ),
            last_answer: Arc::default(),
            store_lag: metrics.gauge(
                "store_lag_seconds",
                "Age of the oldest message of the last object when it was confirmed",
            ),
        }
    }

    pub(crate) fn add_received(&self, message_count: usize) {
        self.received.add(message_count as u64);
    }

    pub(crate) fn add_object(&self, event_count: usize, bytes: usize, raw_bytes: usize) {
        self.stored.add(event_count as u64);
        self.objects.add(1);
        self.object_bytes.add(bytes as u64);
        self.raw_bytes.add(raw_bytes as u64);
        self.batch_events.observe(event_count as f64);
        self.batch_bytes.observe(bytes as f64);
    }

    pub(crate) fn add_put(&self, took: Duration) {
        self.put_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn add_dead_lettered(&self, message_count: usize) {
        self.dead_lettered.add(message_count as u64);
    }

    pub(crate) fn add_rejected(&self, message_count: usize) {
        self.rejected.add(message_count as u64);
    }

    pub(crate) fn add_deleted(&self, message_count: usize) {
        self.deleted.add(message_count as u64);
    }

    pub(crate) fn add_not_deleted(&self, message_count: usize) {
        self.not_deleted.add(message_count as u64);
    }

    pub(crate) fn add_given_back(&self, message_count: usize) {
        self.given_back.add(message_count as u64);
    }

    pub(crate) fn add_put_off(&self, message_count: usize) {
        self.put_off.add(message_count as u64);
    }

    pub(crate) fn add_extended(&self, message_count: usize) {
        self.extended.add(message_count as u64);
    }

    pub(crate) fn set_in_flight(&self, message_count: usize) {
        self.in_flight.set(message_count as f64);
    }

    /// The oldest message of a receive was sent then, in milliseconds since 1970; or none came.
    pub(crate) fn set_receive_lag(&self, oldest_sent_at: Option<u64>) {
        let lag = oldest_sent_at.map_or(0.0, seconds_since);
        *self.last_answer.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), lag));
        self.receive_lag.set(lag);
    }

    /// Lets the lag grow if the queue has not answered, or was not asked, for longer than `usual`.
    pub(crate) fn age_receive_lag(&self, usual: Duration) {
        let last_answer = self.last_answer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((at, lag)) = *last_answer else { return };
        if usual < at.elapsed() {
            self.receive_lag.set(lag + at.elapsed().as_secs_f64());
        }
    }

    /// The oldest message of a confirmed object was sent then.
    pub(crate) fn set_store_lag(&self, oldest_sent_at: Option<u64>) {
        if let Some(sent_at) = oldest_sent_at {
            self.store_lag.set(seconds_since(sent_at));
        }
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    pub(crate) fn stored(&self) -> u64 {
        self.stored.get()
    }

    pub(crate) fn dead_lettered(&self) -> u64 {
        self.dead_lettered.get()
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.get()
    }

    pub(crate) fn deleted(&self) -> u64 {
        self.deleted.get()
    }

    pub(crate) fn objects(&self) -> u64 {
        self.objects.get()
    }
}

/// Seconds from then, in milliseconds since 1970, to now; 0 if the clock of SQS is ahead of ours.
fn seconds_since(sent_at: u64) -> f64 {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    let milliseconds = now.saturating_sub(i128::from(sent_at)).max(0);
    milliseconds as f64 / 1_000.0
}

/// The first failure that ends the run. Recording one stops the receiving; what is held is still
/// brought to safety or given back.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    first: Arc<OnceLock<CallError>>,
    /// Ends the run badly, but not before everything else is done.
    last: Arc<OnceLock<CallError>>,
    stop: CancellationToken,
}

impl Failure {
    /// Recording a failure cancels `stop`.
    pub(crate) fn new(stop: CancellationToken) -> Self {
        Self { first: Arc::default(), last: Arc::default(), stop }
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

    /// The run goes on, but will not have been a good one.
    pub(crate) fn note(&self, error: CallError) {
        // Only the first one is told, as above.
        let _ = self.last.set(error);
    }

    /// Whether a failure was noted.
    pub(crate) fn is_noted(&self) -> bool {
        self.last.get().is_some()
    }

    /// Why the run ends badly.
    pub(crate) fn first(&self) -> Option<CallError> {
        self.first.get().or(self.last.get()).cloned()
    }
}
