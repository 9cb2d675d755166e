//! What a scenario reports: for people a table, for scripts one JSON object.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::ledger::Figures;

/// How a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything arrived as it should.
    Passed,
    /// Something differs, or a program failed.
    Failed,
    /// This stack cannot run it.
    Skipped,
}

/// One program's part in a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// The program.
    pub stage: String,
    /// What went in: messages, objects or rows.
    pub r#in: u64,
    /// What came out.
    pub out: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// One scenario's outcome.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// The scenario's name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// The seed that replays it.
    pub seed: u64,
    /// Messages SQS accepted.
    pub events_sent: u64,
    /// Rows in the table.
    pub rows_loaded: u64,
    /// Different messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// Valid messages that shared their id with an earlier one.
    pub duplicates_absorbed: u64,
    /// The programs, in the order they ran.
    pub stages: Vec<Stage>,
    /// Paths of the charts, and of the HTML report.
    pub charts: Vec<PathBuf>,
    /// Why this stack cannot run it, if it was skipped.
    pub skipped_because: Option<String>,
    /// What differs; empty if it passed.
    pub differences: Vec<String>,
    /// Where logs, results and records are.
    pub folder: PathBuf,
    /// The programs' logs there.
    pub logs: Vec<String>,
    /// Wall-clock time, the stack's start and stop included.
    pub seconds: f64,
}

/// All scenarios of a run, as printed by `--output json`.
#[derive(Debug, Clone, Serialize)]
pub struct Reports {
    /// In the order they ran.
    pub scenarios: Vec<ScenarioReport>,
}

impl ScenarioReport {
    /// A report that still lacks everything but its name.
    pub fn new(name: &str, seed: u64, folder: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            status: Status::Failed,
            seed,
            events_sent: 0,
            rows_loaded: 0,
            dead_lettered: 0,
            duplicates_absorbed: 0,
            stages: Vec::new(),
            charts: Vec::new(),
            skipped_because: None,
            differences: Vec::new(),
            folder,
            logs: Vec::new(),
            seconds: 0.0,
        }
    }

    /// Takes the figures of the comparison.
    pub fn set_figures(&mut self, figures: Figures) {
        self.events_sent = figures.events_sent;
        self.rows_loaded = figures.rows_loaded;
        self.dead_lettered = figures.dead_lettered;
        self.duplicates_absorbed = figures.duplicates_absorbed;
    }

    /// The report for people.
    pub fn to_table(&self) -> String {
        let mut text = String::new();
        let status = match self.status {
            Status::Passed => "passed",
            Status::Failed => "FAILED",
            Status::Skipped => "skipped",
        };
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("a String takes everything");
            text.push('\n');
        };
        if let Some(reason) = &self.skipped_because {
            line(format_args!("{}: skipped: {reason}", self.name));
            return text;
        }
        line(format_args!("{}: {status} in {:.1} s, seed {}", self.name, self.seconds, self.seed));
        line(format_args!(
            "  {:<18}{:>9}{:>9}{:>9}{:>12}",
            "stage", "in", "out", "seconds", "in/second"
        ));
        for stage in &self.stages {
            let rate = if 0.0 < stage.seconds { stage.r#in as f64 / stage.seconds } else { 0.0 };
            line(format_args!(
                "  {:<18}{:>9}{:>9}{:>9.2}{:>12.0}",
                stage.stage, stage.r#in, stage.out, stage.seconds, rate
            ));
        }
        line(format_args!(
            "  {} sent, {} loaded, {} dead-lettered, {} duplicates absorbed",
            self.events_sent, self.rows_loaded, self.dead_lettered, self.duplicates_absorbed
        ));
        for chart in &self.charts {
            line(format_args!("  chart {}", chart.display()));
        }
        for difference in self.differences.iter().take(20) {
            line(format_args!("  DIFFERS: {difference}"));
        }
        if 20 < self.differences.len() {
            line(format_args!("  and {} more differences", self.differences.len() - 20));
        }
        if self.status == Status::Failed {
            line(format_args!("  logs, records and results are in {}:", self.folder.display()));
            for name in &self.logs {
                line(format_args!("    {name}"));
            }
        }
        text
    }
}

impl Reports {
    /// 0 if something passed and nothing failed, 1 on failure, 3 if all was skipped.
    pub fn exit_code(&self) -> u8 {
        let any = |status| self.scenarios.iter().any(|report| report.status == status);
        match (any(Status::Failed), any(Status::Passed)) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(statuses: &[Status]) -> Reports {
        let scenarios = statuses
            .iter()
            .map(|status| ScenarioReport {
                status: *status,
                ..ScenarioReport::new("x", 1, PathBuf::new())
            })
            .collect();
        Reports { scenarios }
    }

    #[test]
    fn the_exit_code_tells_failure_from_nothing_done() {
        use Status::{Failed, Passed, Skipped};
        for (statuses, code) in [
            (&[Passed, Skipped][..], 0),
            (&[Passed, Failed], 1),
            (&[Failed, Skipped], 1),
            (&[Skipped], 3),
            (&[], 3),
        ] {
            assert_eq!(reports(statuses).exit_code(), code, "{statuses:?}");
        }
    }

    #[test]
    fn the_table_shows_stages_and_differences() {
        let mut report = ScenarioReport::new("ten-thousand", 7, PathBuf::from("runs/x"));
        report.stages.push(Stage {
            stage: "consume-events".to_owned(),
            r#in: 10_000,
            out: 9_900,
            seconds: 0.5,
        });
        report.differences.push("event A is in the table 2 times".to_owned());
        report.logs.push("02-consume-events.log".to_owned());
        insta::assert_snapshot!(report.to_table(), @r"
        ten-thousand: FAILED in 0.0 s, seed 7
          stage                    in      out  seconds   in/second
          consume-events        10000     9900     0.50       20000
          0 sent, 0 loaded, 0 dead-lettered, 0 duplicates absorbed
          DIFFERS: event A is in the table 2 times
          logs, records and results are in runs/x:
            02-consume-events.log
        ");
    }
}
