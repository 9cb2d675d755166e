//! The figures of the pipeline, for people and for scripts, and how they stand to the goals.

use std::fmt::Write as _;

use serde::Serialize;

const MEBIBYTE: f64 = 1_048_576.0;

/// All figures of `bench pipeline`. Rates are of whole runs of a program, its start included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineReport {
    /// Events of each round.
    pub events: u64,
    /// Rounds; the median counts.
    pub rounds: u32,
    /// `generate-events --flat-out`.
    pub generate_events_per_second: f64,
    /// `consume-events`, from its start to its end after SIGTERM once the queue was empty.
    pub consume_events_per_second: f64,
    /// User and system time of `consume-events`, validation and compression included.
    pub consume_cpu_us_per_event: f64,
    /// The most memory it held.
    pub consume_peak_rss_bytes: u64,
    /// All requests that it made of SQS, counted in front of SQS.
    pub sqs_requests_per_1000_events: f64,
    /// `upload-data`, rows per second, with few rows in the table.
    pub upload_rows_per_second_10k: f64,
    /// The same with many.
    pub upload_rows_per_second_10m: Option<f64>,
    /// How many rows those few were.
    pub rows_present_few: u64,
    /// How many rows those many were.
    pub rows_present_many: u64,
    /// A much longer queue.
    pub backlog: Option<Backlog>,
    /// The others.
    pub peers: Peers,
}

/// What `consume-events` did with a much longer queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backlog {
    /// Messages that waited.
    pub events: u64,
    /// As in [`PipelineReport`].
    pub consume_events_per_second: f64,
    /// As in [`PipelineReport`].
    pub consume_cpu_us_per_event: f64,
    /// As in [`PipelineReport`].
    pub consume_peak_rss_bytes: u64,
}

/// Who else consumed from the same kit in the same run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peers {
    /// A loop as the prototype's.
    pub prototype_loop: Outcome,
}

/// Figures, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It ran.
    Measured(Peer),
    /// It could not run here.
    Skipped {
        /// Why.
        skipped: String,
    },
}

/// The figures of another consumer; its start is not counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peer {
    /// Messages that it consumed.
    pub events: u64,
    /// Received, deleted and stored.
    pub consume_events_per_second: f64,
    /// User and system time.
    pub consume_cpu_us_per_event: f64,
    /// The most memory it held.
    pub consume_peak_rss_bytes: u64,
}

/// A figure beside its goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Goal {
    /// What is compared.
    pub name: &'static str,
    /// Our figure; `None` if it was not measured.
    pub ours: Option<f64>,
    /// What it shall reach, or not exceed.
    pub goal: f64,
    /// How far beyond the goal it is: 1 is exactly there, 2 is twice as good.
    pub ratio: Option<f64>,
    /// Whether it is there.
    pub reached: Option<bool>,
}

impl Goal {
    fn at_least(name: &'static str, goal: f64, ours: Option<f64>) -> Self {
        Self::new(name, goal, ours, ours.map(|ours| ours / goal))
    }

    fn at_most(name: &'static str, goal: f64, ours: Option<f64>) -> Self {
        Self::new(name, goal, ours, ours.map(|ours| goal / ours))
    }

    fn new(name: &'static str, goal: f64, ours: Option<f64>, ratio: Option<f64>) -> Self {
        Self { name, ours, goal, ratio, reached: ratio.map(|ratio| 1.0 <= ratio) }
    }
}

impl PipelineReport {
    /// Our goals (`shared/design.md`, "Numbers to reach") and where we stand.
    pub fn goals(&self) -> Vec<Goal> {
        let backlog_mib =
            self.backlog.as_ref().map(|it| it.consume_peak_rss_bytes as f64 / MEBIBYTE);
        let few = self.upload_rows_per_second_10k;
        vec![
            Goal::at_least("consume events/s, times the prototype's loop", 20.0, self.times()),
            Goal::at_most("consume CPU us per event", 60.0, Some(self.consume_cpu_us_per_event)),
            Goal::at_most(
                "SQS requests per 1,000 events",
                205.0,
                Some(self.sqs_requests_per_1000_events),
            ),
            Goal::at_most("consume peak MiB with the backlog", 128.0, backlog_mib),
            Goal::at_least(
                "upload rows/s with many rows present, of that with few",
                0.5,
                self.upload_rows_per_second_10m.map(|many| many / few),
            ),
        ]
    }

    /// How many times as fast as the prototype's loop.
    fn times(&self) -> Option<f64> {
        match &self.peers.prototype_loop {
            Outcome::Measured(peer) => {
                Some(self.consume_events_per_second / peer.consume_events_per_second)
            }
            Outcome::Skipped { .. } => None,
        }
    }

    /// For people.
    pub fn to_table(&self) -> String {
        let mut text = format!(
            "{:<30}{:>10}{:>12}{:>14}{:>10}\n",
            "", "events", "events/s", "CPU us/event", "peak MiB"
        );
        let mut row = |name: &str, events: u64, rate: f64, cpu: f64, rss: u64| {
            let mib = rss as f64 / MEBIBYTE;
            writeln!(text, "{name:<30}{events:>10}{rate:>12.0}{cpu:>14.1}{mib:>10.1}")
                .expect("a string takes it");
        };
        row(
            "consume-events",
            self.events,
            self.consume_events_per_second,
            self.consume_cpu_us_per_event,
            self.consume_peak_rss_bytes,
        );
        if let Some(backlog) = &self.backlog {
            row(
                "consume-events, backlog",
                backlog.events,
                backlog.consume_events_per_second,
                backlog.consume_cpu_us_per_event,
                backlog.consume_peak_rss_bytes,
            );
        }
        match &self.peers.prototype_loop {
            Outcome::Measured(peer) => row(
                "the prototype's loop",
                peer.events,
                peer.consume_events_per_second,
                peer.consume_cpu_us_per_event,
                peer.consume_peak_rss_bytes,
            ),
            Outcome::Skipped { skipped } => {
                writeln!(text, "the prototype's loop: skipped, {skipped}").expect("it takes it");
            }
        }
        self.write_rates(&mut text).expect("a string takes it");
        text
    }

    fn write_rates(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "generate-events: {:.0} events/s", self.generate_events_per_second)?;
        let uploads = [
            (self.rows_present_few, Some(self.upload_rows_per_second_10k)),
            (self.rows_present_many, self.upload_rows_per_second_10m),
        ];
        for (present, rate) in uploads {
            if let Some(rate) = rate {
                writeln!(text, "upload-data, {present} rows present: {rate:.0} rows/s")?;
            }
        }
        for goal in self.goals() {
            let Goal { name, goal: limit, .. } = goal;
            match (goal.ours, goal.ratio) {
                (Some(ours), Some(ratio)) => {
                    let verdict = if 1.0 <= ratio { "reached" } else { "MISSED" };
                    writeln!(text, "goal {verdict}: {name}: {ours:.1} for {limit} ({ratio:.2})")?;
                }
                _ => writeln!(text, "goal not measured: {name}: {limit}")?,
            }
        }
        Ok(())
    }

    /// One object for scripts: our figures on top, the others under `peers`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut value = serde_json::json!(self);
        value["goals"] = serde_json::json!(self.goals());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> PipelineReport {
        PipelineReport {
            events: 100_000,
            rounds: 3,
            generate_events_per_second: 40_000.0,
            consume_events_per_second: 30_000.0,
            consume_cpu_us_per_event: 50.0,
            consume_peak_rss_bytes: 60 << 20,
            sqs_requests_per_1000_events: 201.0,
            upload_rows_per_second_10k: 20_000.0,
            upload_rows_per_second_10m: Some(8_000.0),
            rows_present_few: 10_000,
            rows_present_many: 10_000_000,
            backlog: None,
            peers: Peers {
                prototype_loop: Outcome::Measured(Peer {
                    events: 5_000,
                    consume_events_per_second: 1_000.0,
                    consume_cpu_us_per_event: 600.0,
                    consume_peak_rss_bytes: 40 << 20,
                }),
            },
        }
    }

    #[test]
    fn figures_stand_beside_their_goals() {
        insta::assert_snapshot!(report().to_table(), @r"
                                          events    events/s  CPU us/event  peak MiB
        consume-events                    100000       30000          50.0      60.0
        the prototype's loop                5000        1000         600.0      40.0
        generate-events: 40000 events/s
        upload-data, 10000 rows present: 20000 rows/s
        upload-data, 10000000 rows present: 8000 rows/s
        goal reached: consume events/s, times the prototype's loop: 30.0 for 20 (1.50)
        goal reached: consume CPU us per event: 50.0 for 60 (1.20)
        goal reached: SQS requests per 1,000 events: 201.0 for 205 (1.02)
        goal not measured: consume peak MiB with the backlog: 128
        goal MISSED: upload rows/s with many rows present, of that with few: 0.4 for 0.5 (0.80)
        ");
    }

    #[test]
    fn scripts_find_ours_on_top_and_the_others_under_peers() {
        let skipped = Outcome::Skipped { skipped: "no python3".to_owned() };
        let without = PipelineReport { peers: Peers { prototype_loop: skipped }, ..report() };
        for (report, peer, ratio) in [
            (report(), "/peers/prototype_loop/consume_events_per_second", Some(1.5)),
            (without, "/peers/prototype_loop/skipped", None),
        ] {
            let json = report.to_json();
            assert_eq!(json["consume_cpu_us_per_event"], 50.0);
            assert_eq!(json["sqs_requests_per_1000_events"], 201.0);
            assert!(json.pointer(peer).is_some(), "{json}");
            assert_eq!(json["goals"][0]["ratio"].as_f64(), ratio);
        }
    }
}
