//! What was sent, for Prometheus.

use runtime::metrics::{Counter, Metrics};

use crate::send::Outcome;
use crate::source::Class;

/// Sums over the life of the process.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    sent: Counter,
    malformed: Counter,
    duplicates: Counter,
    late: Counter,
    batches: Counter,
}

impl Figures {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            sent: metrics.counter("messages_sent_total", "Messages that SQS has confirmed"),
            malformed: metrics
                .counter("malformed_sent_total", "Of these, those that the table cannot take"),
            duplicates: metrics
                .counter("duplicates_sent_total", "Of these, good events sent once more"),
            late: metrics.counter("late_sent_total", "Of these, events that happened long ago"),
            batches: metrics.counter("batches_total", "Batches brought to SQS"),
        }
    }

    /// Counts a batch in.
    pub(crate) fn add(&self, outcome: &Outcome) {
        self.batches.add(1);
        for confirmed in &outcome.confirmed {
            self.sent.add(1);
            match confirmed.message.class {
                Class::Good => {}
                Class::Malformed => self.malformed.add(1),
                Class::Duplicate => self.duplicates.add(1),
                Class::Late => self.late.add(1),
            }
        }
    }
}
