//! The one result of a run, and the sums of all runs of a process.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use runtime::metrics::{Counter, Gauge, Metrics};
use serde::Serialize;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The files written: for each event its PNG, then its SVG.
    pub charts: Vec<PathBuf>,
    /// Table rows the charts show, all together.
    pub rows: u64,
    /// Whether a signal ended the run before there was anything to draw.
    pub stopped: bool,
    /// From start to end.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub took: Duration,
}

fn as_seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> =
            self.charts.iter().map(|path| path.display().to_string()).collect();
        let seconds = self.took.as_secs_f64();
        if self.stopped {
            return write!(formatter, "STOPPED before redshift answered, drew nothing");
        }
        write!(formatter, "drew {} rows in {seconds:.1} s: {}", self.rows, paths.join(", "))
    }
}

/// The sums of all summaries, for Prometheus.
#[derive(Debug, Clone)]
pub struct Figures {
    charts: Counter,
    rows: Gauge,
}

impl Figures {
    /// All at zero, or where an earlier part of this process left them.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            charts: metrics.counter("charts_written_total", "Files written"),
            rows: metrics.gauge("rows", "Table rows that the last charts show"),
        }
    }

    /// Counts one run in.
    pub fn add(&self, summary: &Summary) {
        self.charts.add(summary.charts.len() as u64);
        self.rows.set(summary.rows as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_a_line_and_as_an_object() {
        let charts = vec![PathBuf::from("charts/a.png"), PathBuf::from("charts/a.svg")];
        let summary =
            Summary { charts, rows: 7, stopped: false, took: Duration::from_millis(1_250) };
        let json = serde_json::to_string(&summary).unwrap();
        insta::assert_snapshot!(summary, @"drew 7 rows in 1.2 s: charts/a.png, charts/a.svg");
        insta::assert_snapshot!(json, @r#"{"charts":["charts/a.png","charts/a.svg"],"rows":7,"stopped":false,"seconds":1.25}"#);
        let stopped = Summary { charts: Vec::new(), rows: 0, stopped: true, ..summary };
        insta::assert_snapshot!(stopped, @"STOPPED before redshift answered, drew nothing");
    }
}
