//! The figures of a benchmark, for people and for scripts.

use std::fmt::Write as _;

use serde::Serialize;

/// One way to load the rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// What was done.
    pub name: &'static str,
    /// Rows in the table afterwards.
    pub rows: u64,
    /// Bytes of the rows, not compressed.
    pub bytes: u64,
    /// Seconds of each round.
    pub seconds: Vec<f64>,
    /// The most memory the kit's process held, its S3 included; not for Postgres' own COPY.
    pub peak_rss_bytes: Option<u64>,
    /// Why it could not be measured.
    pub refused: Option<String>,
}

/// How much memory the stand-alone Redshift took for a large COPY.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// What was loaded.
    pub name: &'static str,
    /// How many objects it was.
    pub objects: u64,
    /// Their bytes, not compressed.
    pub bytes: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// The memory of the process before.
    pub rss_before_bytes: u64,
    /// The most it held meanwhile, without its Postgres.
    pub peak_rss_bytes: u64,
}

/// All figures of `bench copy`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CopyReport {
    /// The last is Postgres' own, which the others are compared with.
    pub measurements: Vec<Measurement>,
    /// The large COPYs, unless they were left out.
    pub memory: Vec<Memory>,
}

const MEGABYTE: f64 = 1e6;
const MEBIBYTE: f64 = 1_048_576.0;

impl Measurement {
    /// The median round.
    pub fn median_seconds(&self) -> f64 {
        let mut seconds = self.seconds.clone();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Rows per second of the median round.
    pub fn rows_per_second(&self) -> f64 {
        self.rows as f64 / self.median_seconds()
    }
}

impl CopyReport {
    /// How fast a measurement is, with Postgres' own COPY as 1.
    pub fn ratio(&self, measurement: &Measurement) -> Option<f64> {
        let own = self.measurements.last()?;
        let ratio = measurement.rows_per_second() / own.rows_per_second();
        Some(ratio).filter(|ratio| ratio.is_finite())
    }

    /// For people.
    pub fn to_table(&self) -> String {
        let mut text = format!(
            "{:<24}{:>12}{:>9}{:>8}{:>10}  rounds\n",
            "", "rows/s", "MB/s", "ratio", "peak MiB"
        );
        for measurement in &self.measurements {
            let name = measurement.name;
            if let Some(reason) = &measurement.refused {
                writeln!(text, "{name:<24}not measured: {reason}").expect("a string takes it");
                continue;
            }
            let rate = measurement.bytes as f64 / MEGABYTE / measurement.median_seconds();
            let ratio = self.ratio(measurement).map_or(String::new(), |r| format!("{r:.2}"));
            let peak = measurement.peak_rss_bytes.map(|bytes| bytes as f64 / MEBIBYTE);
            let peak = peak.map_or(String::new(), |peak| format!("{peak:.0}"));
            let rounds: Vec<_> = measurement.seconds.iter().map(|s| format!("{s:.2} s")).collect();
            let rows = measurement.rows_per_second();
            let rounds = rounds.join(" ");
            writeln!(text, "{name:<24}{rows:>12.0}{rate:>9.1}{ratio:>8}{peak:>10}  {rounds}")
                .expect("a string takes it");
        }
        for memory in &self.memory {
            writeln!(
                text,
                "Redshift alone, {}: {:.0} MiB in {} objects, {:.1} s: peak {:.0} MiB ({:.0} before)",
                memory.name,
                memory.bytes as f64 / MEBIBYTE,
                memory.objects,
                memory.seconds,
                memory.peak_rss_bytes as f64 / MEBIBYTE,
                memory.rss_before_bytes as f64 / MEBIBYTE,
            )
            .expect("a string takes it");
        }
        text
    }

    /// One object for scripts: the figures, and what follows from them.
    pub fn to_json(&self) -> serde_json::Value {
        let measurements = self.measurements.iter().map(|measurement| {
            let mut value = serde_json::json!(measurement);
            if measurement.refused.is_none() {
                let rows = measurement.rows_per_second();
                value["rows_per_second"] = rows.into();
                value["megabytes_per_second"] =
                    (measurement.bytes as f64 / MEGABYTE / measurement.median_seconds()).into();
                value["ratio"] = self.ratio(measurement).into();
            }
            value
        });
        serde_json::json!({
            "measurements": measurements.collect::<Vec<_>>(),
            "memory": self.memory,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(name: &'static str, seconds: &[f64]) -> Measurement {
        Measurement {
            name,
            rows: 1_000_000,
            bytes: 500_000_000,
            seconds: seconds.to_vec(),
            peak_rss_bytes: None,
            refused: None,
        }
    }

    #[test]
    fn the_median_round_counts_and_postgres_is_one() {
        let refused = Some("CSV is not emulated yet".to_owned());
        let report = CopyReport {
            measurements: vec![
                Measurement {
                    peak_rss_bytes: Some(200 << 20),
                    ..measurement("JSON", &[9.0, 5.0, 4.0])
                },
                Measurement { refused, ..measurement("CSV", &[]) },
                measurement("Postgres", &[4.0]),
            ],
            memory: vec![Memory {
                name: "events, gzip",
                objects: 40,
                bytes: 1 << 30,
                seconds: 10.0,
                rss_before_bytes: 20 << 20,
                peak_rss_bytes: 200 << 20,
            }],
        };
        insta::assert_snapshot!(report.to_table(), @r"
                                      rows/s     MB/s   ratio  peak MiB  rounds
        JSON                          200000    100.0    0.80       200  9.00 s 5.00 s 4.00 s
        CSV                     not measured: CSV is not emulated yet
        Postgres                      250000    125.0    1.00            4.00 s
        Redshift alone, events, gzip: 1024 MiB in 40 objects, 10.0 s: peak 200 MiB (20 before)
        ");
        let json = report.to_json();
        assert_eq!(json["measurements"][0]["ratio"], 0.8);
        assert_eq!(json["measurements"][1]["ratio"], serde_json::Value::Null);
        assert_eq!(json["memory"][0]["peak_rss_bytes"], 200 << 20);
    }
}
