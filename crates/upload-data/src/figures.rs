//! What the runs of a process did, for Prometheus.

use runtime::metrics::{Counter, Gauge, Histogram, Metrics};

use crate::summary::Summary;
use crate::tally::Counts;

/// Bounds of what a run's COPYs take, in seconds.
const COPY_SECONDS: [f64; 10] = [0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// The sums of all summaries, and how things stood in the latest run.
#[derive(Debug, Clone)]
pub struct Figures {
    objects: Counter,
    rows: Counter,
    duplicates: Counter,
    archived: Counter,
    rejected_objects: Counter,
    rejected_rows: Counter,
    stuck_objects: Gauge,
    bytes: Counter,
    copies: Counter,
    retries: Counter,
    copy_seconds: Histogram,
    lock_wait_seconds: Histogram,
    pending_objects: Gauge,
    lag_seconds: Gauge,
}

impl Figures {
    /// All at zero, or where an earlier part of this process left them.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            objects: metrics.counter("objects_loaded_total", "Objects loaded"),
            rows: metrics.counter("rows_loaded_total", "Rows that the table has more"),
            duplicates: metrics.counter(
                "duplicates_total",
                "Events not loaded because their id was there already or came more than once",
            ),
            archived: metrics
                .counter("objects_archived_total", "Objects moved to the archive, or deleted"),
            rejected_objects: metrics
                .counter("objects_rejected_total", "Objects set aside, in whole or for some rows"),
            rejected_rows: metrics.counter("rows_rejected_total", "Rows left out of objects"),
            stuck_objects: metrics.gauge(
                "stuck_objects",
                "Objects that S3 refused to hand to COPY, to move or to delete in the latest run",
            ),
            bytes: metrics.counter("bytes_loaded_total", "Bytes of the objects loaded, as stored"),
            copies: metrics.counter("copies_total", "COPYs sent, failed ones included"),
            retries: metrics.counter(
                "retries_total",
                "Loads begun anew: connections lost, conflicts with other transactions",
            ),
            copy_seconds: metrics.histogram(
                "copy_seconds",
                "How long the COPYs of a run took that sent any",
                &COPY_SECONDS,
            ),
            lock_wait_seconds: metrics.histogram(
                "lock_wait_seconds",
                "How long a run with objects to load waited for the ledger",
                &COPY_SECONDS,
            ),
            pending_objects: metrics.gauge(
                "pending_objects",
                "Objects listed and not loaded when the latest run ended",
            ),
            lag_seconds: metrics.gauge(
                "lag_seconds",
                "Age of the oldest object that waited when the latest run began",
            ),
        }
    }

    /// Counts one run in.
    pub fn add(&self, summary: &Summary) {
        self.objects.add(summary.objects);
        self.rows.add(summary.rows_loaded);
        self.duplicates.add(summary.duplicates);
        self.archived.add(summary.archived + summary.deleted);
        self.rejected_objects.add(summary.rejected);
        self.rejected_rows.add(summary.rows_rejected);
        self.stuck_objects.set(summary.stuck as f64);
        self.bytes.add(summary.bytes);
    }

    /// Counts in what a run did and met on its way, whether it came to a good end or not.
    pub(crate) fn add_counts(&self, counts: &Counts) {
        self.copies.add(counts.copies);
        self.retries.add(counts.retries);
        if 0 < counts.copies {
            self.copy_seconds.observe(counts.copy_time.as_secs_f64());
        }
        if 0 < counts.listed {
            self.lock_wait_seconds.observe(counts.lock_wait.as_secs_f64());
        }
        self.pending_objects.set(counts.listed.saturating_sub(counts.settled) as f64);
        self.lag_seconds.set(counts.oldest_age.unwrap_or_default().as_secs_f64());
    }
}
