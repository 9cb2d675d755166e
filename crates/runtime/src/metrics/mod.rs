//! Figures for Prometheus, and whether a program is well, on a port of its own.
//!
//! A [`Metrics`] hands out counters, gauges and histograms by name; asking for the same name twice
//! gives the same one, so that a part of a program may be started again. Names follow Prometheus'
//! conventions: base units, `_seconds`, `_bytes`, and `_total` on counters.
//!
//! Labels are deliberately not offered: no name out of the events may make a series.

mod health;
mod server;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter as RawCounter;
use prometheus_client::metrics::gauge::Gauge as RawGauge;
use prometheus_client::metrics::histogram::Histogram as RawHistogram;
use prometheus_client::registry::Registry;

pub use health::Health;
pub use server::{MetricsServer, serve};

use crate::failure::WithHint;

/// The flag of programs that run long.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct MetricsFlags {
    /// Serve Prometheus' /metrics, and /healthz, at this address, such as 127.0.0.1:9090 or
    /// 0.0.0.0:9090 [default: off].
    #[arg(long, value_name = "ADDRESS", env = "METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
}

impl MetricsFlags {
    /// Serves, if the user asked for it; keep what comes back for as long as the program runs.
    ///
    /// # Errors
    /// If the address cannot be listened at; it is named.
    pub fn serve(
        &self,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Option<MetricsServer>> {
        use anyhow::Context;
        let Some(listen) = self.metrics_listen else { return Ok(None) };
        let server = serve(listen, metrics.clone(), health.clone())
            .with_context(|| format!("listen for Prometheus at {listen}"))
            .hint("name a free port of this machine: --metrics-listen 127.0.0.1:PORT")?;
        Ok(Some(server))
    }
}

/// A number that only grows.
#[derive(Debug, Clone)]
pub struct Counter(RawCounter<u64, AtomicU64>);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.inc_by(count);
    }

    /// The number so far.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A number that goes up and down.
#[derive(Debug, Clone)]
pub struct Gauge(RawGauge<f64, AtomicU64>);

impl Gauge {
    /// It is `value` from now on.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// The number now.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// How often what was seen was how large.
#[derive(Debug, Clone)]
pub struct Histogram(RawHistogram);

impl Histogram {
    /// Counts `value` in.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}

#[derive(Debug, Clone)]
enum Known {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

#[derive(Default)]
struct Shared {
    registry: Registry,
    known: HashMap<String, Known>,
}

/// The figures of a program. Cheap to clone; all clones are the same figures.
#[derive(Clone)]
pub struct Metrics {
    program: &'static str,
    shared: Arc<Mutex<Shared>>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Metrics {
    /// No figures yet. `program` with `_` for `-` becomes the prefix of all names.
    pub fn new(program: &'static str) -> Self {
        Self { program, shared: Arc::default() }
    }

    /// The figures of a part that shares this process: shown together, under its own prefix.
    pub fn part(&self, program: &'static str) -> Self {
        Self { program, shared: Arc::clone(&self.shared) }
    }

    /// A counter; its name ends in `_total`, said here or not.
    ///
    /// # Panics
    /// If the name is that of a gauge or a histogram.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        // The encoder adds the suffix.
        let name = name.strip_suffix("_total").unwrap_or(name);
        let found = self.find(name, |registry, name| {
            let counter = Counter(RawCounter::default());
            registry.register(name, help, counter.0.clone());
            Known::Counter(counter)
        });
        let Known::Counter(counter) = found else { panic!("{name} is no counter") };
        counter
    }

    /// A gauge.
    ///
    /// # Panics
    /// If the name is that of a counter or a histogram.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        let found = self.find(name, |registry, name| {
            let gauge = Gauge(RawGauge::default());
            registry.register(name, help, gauge.0.clone());
            Known::Gauge(gauge)
        });
        let Known::Gauge(gauge) = found else { panic!("{name} is no gauge") };
        gauge
    }

    /// A histogram with these upper bounds, rising; what is above the last one is counted too.
    ///
    /// # Panics
    /// If the name is that of a counter or a gauge.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let found = self.find(name, |registry, name| {
            let histogram = Histogram(RawHistogram::new(buckets.iter().copied()));
            registry.register(name, help, histogram.0.clone());
            Known::Histogram(histogram)
        });
        let Known::Histogram(histogram) = found else { panic!("{name} is no histogram") };
        histogram
    }

    fn find(&self, name: &str, make: impl FnOnce(&mut Registry, String) -> Known) -> Known {
        let name = format!("{}_{name}", self.program.replace('-', "_"));
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let Shared { registry, known } = &mut *shared;
        known.entry(name.clone()).or_insert_with(|| make(registry, name)).clone()
    }

    /// All figures as Prometheus reads them (OpenMetrics text).
    pub fn text(&self) -> String {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &shared.registry)
            .expect("writing to a string does not fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_prometheus_expects_them() {
        let metrics = Metrics::new("consume-events");
        let events = metrics.counter("events_total", "Events stored");
        events.add(3);
        metrics.gauge("lag_seconds", "Age of the oldest event").set(1.5);
        let took = metrics.histogram("put_seconds", "Time of one put", &[0.1, 1.0]);
        took.observe(0.5);
        took.observe(7.0);
        metrics.part("upload-data").counter("rows", "Rows").add(1);
        insta::assert_snapshot!(metrics.text(), @r#"
        # HELP consume_events_events Events stored.
        # TYPE consume_events_events counter
        consume_events_events_total 3
        # HELP consume_events_lag_seconds Age of the oldest event.
        # TYPE consume_events_lag_seconds gauge
        consume_events_lag_seconds 1.5
        # HELP consume_events_put_seconds Time of one put.
        # TYPE consume_events_put_seconds histogram
        consume_events_put_seconds_sum 7.5
        consume_events_put_seconds_count 2
        consume_events_put_seconds_bucket{le="0.1"} 0
        consume_events_put_seconds_bucket{le="1.0"} 1
        consume_events_put_seconds_bucket{le="+Inf"} 2
        # HELP upload_data_rows Rows.
        # TYPE upload_data_rows counter
        upload_data_rows_total 1
        # EOF
        "#);
    }

    #[test]
    fn the_same_name_is_the_same_figure_also_after_a_restart() {
        let metrics = Metrics::new("p");
        metrics.counter("events_total", "Events").add(1);
        let again = metrics.clone().counter("events_total", "Events");
        again.add(1);
        assert_eq!(again.get(), 2);
        assert_eq!(metrics.text().matches("# HELP").count(), 1);
        assert_eq!(metrics.part("q").counter("events_total", "Events").get(), 0);
    }
}
