//! The one result of a run, and the sums of all runs of a process.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use runtime::metrics::{Counter, Gauge, Metrics};
use serde::Serialize;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The files written: for each event its PNG, then its SVG.
    pub charts: Vec<PathBuf>,
    /// The page that has them all; `None` if nothing was drawn.
    pub report: Option<PathBuf>,
    /// `s3://…` of each of these files that is in the bucket.
    pub objects: Vec<String>,
    /// Table rows the charts show, all together.
    pub rows: u64,
    /// Whether a signal ended the run before there was anything to draw, or before all was in the
    /// bucket.
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
        let Some(report) = &self.report else {
            return write!(formatter, "STOPPED before redshift answered, drew nothing");
        };
        let files: Vec<String> =
            self.charts.iter().chain([report]).map(|path| path.display().to_string()).collect();
        let (rows, seconds) = (self.rows, self.took.as_secs_f64());
        write!(formatter, "drew {rows} rows in {seconds:.1} s: {}", files.join(", "))?;
        if !self.objects.is_empty() {
            write!(formatter, "; put {}", self.objects.join(", "))?;
        }
        if self.stopped {
            let (put, all) = (self.objects.len(), files.len());
            write!(formatter, "; STOPPED when {put} of {all} files were in the bucket")?;
        }
        Ok(())
    }
}

/// The sums of all summaries, for Prometheus.
#[derive(Debug, Clone)]
pub struct Figures {
    charts: Counter,
    reports: Counter,
    objects: Counter,
    rows: Gauge,
}

impl Figures {
    /// All at zero, or where an earlier part of this process left them.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            charts: metrics.counter("charts_written_total", "Files with a chart written"),
            reports: metrics.counter("reports_written_total", "HTML reports written"),
            objects: metrics.counter("objects_put_total", "Of both, files put into the bucket"),
            rows: metrics.gauge("rows", "Table rows that the last charts show"),
        }
    }

    /// Counts one run in.
    pub fn add(&self, summary: &Summary) {
        self.charts.add(summary.charts.len() as u64);
        self.reports.add(u64::from(summary.report.is_some()));
        self.objects.add(summary.objects.len() as u64);
        self.rows.set(summary.rows as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_a_line_and_as_an_object() {
        let charts = vec![PathBuf::from("charts/a.png"), PathBuf::from("charts/a.svg")];
        let summary = Summary {
            charts,
            report: Some("charts/r.html".into()),
            rows: 7,
            took: Duration::from_millis(1_250),
            ..Summary::default()
        };
        let json = |summary: &Summary| serde_json::to_string(summary).unwrap();
        insta::assert_snapshot!(summary, @"drew 7 rows in 1.2 s: charts/a.png, charts/a.svg, charts/r.html");
        insta::assert_snapshot!(json(&summary), @r#"{"charts":["charts/a.png","charts/a.svg"],"report":"charts/r.html","objects":[],"rows":7,"stopped":false,"seconds":1.25}"#);
        let objects = vec!["s3://lake/charts/a.png".to_owned()];
        let cut_short = Summary { objects, stopped: true, ..summary };
        insta::assert_snapshot!(cut_short, @"drew 7 rows in 1.2 s: charts/a.png, charts/a.svg, charts/r.html; put s3://lake/charts/a.png; STOPPED when 1 of 3 files were in the bucket");
        insta::assert_snapshot!(json(&cut_short), @r#"{"charts":["charts/a.png","charts/a.svg"],"report":"charts/r.html","objects":["s3://lake/charts/a.png"],"rows":7,"stopped":true,"seconds":1.25}"#);
        let stopped = Summary { stopped: true, ..Summary::default() };
        insta::assert_snapshot!(stopped, @"STOPPED before redshift answered, drew nothing");
    }
}
