//! What the runs of a process did, for Prometheus.

use runtime::metrics::{Counter, Metrics};

use crate::summary::Summary;

/// The sums of all summaries.
#[derive(Debug, Clone)]
pub struct Figures {
    objects: Counter,
    rows: Counter,
    duplicates: Counter,
    archived: Counter,
    rejected_objects: Counter,
    rejected_rows: Counter,
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
            archived: metrics.counter("objects_archived_total", "Objects put away"),
            rejected_objects: metrics
                .counter("objects_rejected_total", "Objects set aside, in whole or for some rows"),
            rejected_rows: metrics.counter("rows_rejected_total", "Rows left out of objects"),
        }
    }

    /// Counts one run in.
    pub fn add(&self, summary: &Summary) {
        self.objects.add(summary.objects);
        self.rows.add(summary.rows_loaded);
        self.duplicates.add(summary.duplicates);
        self.archived.add(summary.archived);
        self.rejected_objects.add(summary.rejected);
        self.rejected_rows.add(summary.rows_rejected);
    }
}
