//! The steps scenarios share: each runs a program and notes its stage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use events::Kind;
use serde::Deserialize;
use serde_json::Value;

use super::{Run, read_record};
use crate::content;
use crate::ledger::Fate;
use crate::pipeline::Finished;
use crate::report::Stage;

/// Seconds of a long poll in scenarios, so that an empty queue is noticed soon.
pub(super) const POLLING_TIMEOUT: &str = "1";

/// One line of a file of messages, as far as the outcome is concerned.
#[derive(Debug, Deserialize)]
struct Message {
    name: String,
    verdict: String,
    rule: Option<String>,
    /// The event's id, where the body has one.
    id: Option<String>,
}

/// Where there are malformed messages, at least this many kinds of them are expected …
const KINDS_MIN: usize = 3;
/// … among at least this many messages.
const KINDS_FROM: u64 = 5_000;

impl Run {
    /// Sends random events and notes what shall become of each.
    pub(super) async fn generate(&mut self, arguments: &[&str]) -> anyhow::Result<()> {
        let record = self.pipeline.folder().join("record.ndjson").display().to_string();
        // Another seed for each generation of one scenario, or their ids would be the same.
        let seed = self.options.seed.wrapping_add(self.sent.len() as u64).to_string();
        let mut all = vec!["--seed", &seed, "--record", &record];
        all.extend(arguments);
        let finished = self.pipeline.run("generate-events", &all).await?;
        self.note_generated(&finished)
    }

    /// Sends the messages of a file and notes what shall become of each: `verdict`, `rule`, `id`.
    pub(super) async fn send_messages(&mut self, path: &Path) -> anyhow::Result<()> {
        let record = self.pipeline.folder().join("record.ndjson");
        let (path_text, record_text) = (path.display().to_string(), record.display().to_string());
        let arguments = ["--flat-out", "--messages", &path_text, "--record", &record_text];
        let finished = self.pipeline.run("generate-events", &arguments).await?;
        let text = std::fs::read_to_string(path).context("read the messages")?;
        let messages = text
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("read {line:?}")))
            .collect::<anyhow::Result<Vec<Message>>>()?;
        let messages: BTreeMap<&str, &Message> =
            messages.iter().map(|message| (message.name.as_str(), message)).collect();
        let sent = read_record(&record)?;
        ensure!(sent.len() == messages.len(), "{} of {} sent", sent.len(), messages.len());
        let count = sent.len() as u64;
        for message in sent {
            let expected = messages.get(message.id.as_str()).context("a message nobody wrote")?;
            let fate = match (expected.verdict.as_str(), &expected.id) {
                ("dead-letter", _) => Fate::DeadLettered { rule: expected.rule.clone() },
                (_, Some(id)) => Fate::Loaded { id: id.clone() },
                (verdict, None) => bail!("{}: verdict {verdict} needs an id", expected.name),
            };
            self.sent.push((message.message_id, fate));
        }
        self.note("generate-events", count, count, finished.seconds);
        Ok(())
    }

    /// Reads the record of a generator that has ended.
    pub(super) fn note_generated(&mut self, finished: &Finished) -> anyhow::Result<()> {
        let record = read_record(&self.pipeline.folder().join("record.ndjson"))?;
        let sent = finished.count("sent")?;
        ensure!(record.len() as u64 == sent, "{sent} messages sent, {} recorded", record.len());
        let malformed: BTreeSet<String> = record
            .iter()
            .filter(|message| broken_rule(&message.kind).is_ok())
            .map(|message| message.kind.clone())
            .collect();
        ensure!(
            malformed.is_empty() || sent < KINDS_FROM || KINDS_MIN <= malformed.len(),
            "only {malformed:?} among {sent} messages"
        );
        for message in record {
            let fate = match message.kind.as_str() {
                "valid" | "late" | "duplicate" => Fate::Loaded { id: message.id },
                kind => Fate::DeadLettered { rule: Some(broken_rule(kind)?) },
            };
            self.sent.push((message.message_id, fate));
        }
        self.note("generate-events", sent, sent, finished.seconds);
        Ok(())
    }

    /// Notes what a consumer reports.
    pub(super) fn note_consumed(&mut self, name: &str, finished: &Finished) -> anyhow::Result<()> {
        let out = finished.count("stored")? + finished.count("dead_lettered")?;
        self.note(name, finished.count("received")?, out, finished.seconds);
        Ok(())
    }

    /// Loads everything that is in the bucket.
    pub(super) async fn upload(&mut self) -> anyhow::Result<()> {
        let finished = self.pipeline.run("upload-data", &[]).await?;
        let loaded = finished.count("rows_loaded")?;
        self.note("upload-data", loaded + finished.count("duplicates")?, loaded, finished.seconds);
        Ok(())
    }

    /// Draws the charts of what is in the table, and the report that has them all.
    pub(super) async fn visualize(&mut self) -> anyhow::Result<()> {
        let folder = self.pipeline.folder().join("charts").display().to_string();
        let finished = self.pipeline.run("visualize", &["--out", &folder]).await?;
        let charts = finished.result["charts"].as_array().context("visualize lists no charts")?;
        let drawn = charts.len() as u64;
        for chart in charts.iter().chain([&finished.result["report"]]) {
            let path = self.pipeline.folder().join(chart.as_str().unwrap_or_default());
            let bytes = std::fs::metadata(&path)
                .with_context(|| format!("look at the chart {}", path.display()))?
                .len();
            ensure!(bytes != 0, "the chart {} is empty", path.display());
            self.report.charts.push(path);
        }
        ensure!(drawn != 0, "no chart was drawn");
        self.note("visualize", finished.count("rows")?, drawn, finished.seconds);
        Ok(())
    }

    /// Holds every row against the event of the archived object it came from.
    pub(super) async fn compare_contents(&mut self) -> anyhow::Result<()> {
        let mut sent: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for event in self.probe.stored_events("archive/").await? {
            let id = event["id"].as_str().context("an archived event has no id")?.to_owned();
            sent.entry(id).or_default().push(event);
        }
        for (id, row) in self.probe.rows().await? {
            // Of several events with one id, any one may have been loaded first.
            let against = sent.get(&id).map_or(&[][..], Vec::as_slice);
            let fewest = against
                .iter()
                .map(|event| content::differences(&id, event, &row))
                .min_by_key(Vec::len)
                .unwrap_or_else(|| vec![format!("event {id} is in no archived object")]);
            self.report.differences.extend(fewest);
        }
        Ok(())
    }

    pub(super) fn note(&mut self, stage: &str, r#in: u64, out: u64, seconds: f64) {
        self.report.stages.push(Stage { stage: stage.to_owned(), r#in, out, seconds });
    }

    /// How many events a generated scenario sends.
    pub(super) fn events(&self, default: u64) -> u64 {
        self.options.events.unwrap_or(default)
    }
}

/// The code of the rule that messages of this malformed kind break.
fn broken_rule(kind: &str) -> anyhow::Result<String> {
    let known = Kind::MALFORMED.into_iter().find(|known| known.as_str() == kind);
    let rule = known.and_then(Kind::broken_rule);
    rule.map(|rule| rule.code().to_owned()).with_context(|| format!("unknown kind {kind:?}"))
}
