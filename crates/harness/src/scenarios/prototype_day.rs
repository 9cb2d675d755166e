//! A day of hand-checked messages, good and bad, as the prototype would have sent them.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario, read_record};
use crate::binaries::workspace_root;
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "prototype-day",
    about: "hand-checked messages, good and bad, each meets its verdict",
    default: true,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// One line of the fixture, as far as the outcome is concerned.
#[derive(Debug, Deserialize)]
struct Message {
    name: String,
    verdict: String,
    rule: Option<String>,
    /// The event's id, where the body has one.
    id: Option<String>,
}

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let path = workspace_root().join("fixtures/messages/prototype-day.ndjson");
    let path_text = path.display().to_string();
    let record = run.pipeline.folder().join("record.ndjson");
    let record_text = record.display().to_string();
    let arguments = ["--flat-out", "--messages", &path_text, "--record", &record_text];
    let finished = run.pipeline.run("generate-events", &arguments).await?;
    let text = std::fs::read_to_string(&path).context("read the fixture")?;
    let messages = text
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("read {line:?}")))
        .collect::<anyhow::Result<Vec<Message>>>()?;
    let messages: HashMap<&str, &Message> =
        messages.iter().map(|message| (message.name.as_str(), message)).collect();
    let sent = read_record(&record)?;
    ensure!(sent.len() == messages.len(), "{} of {} sent", sent.len(), messages.len());
    for message in sent {
        let expected = messages.get(message.id.as_str()).context("a message nobody wrote")?;
        let fate = match (expected.verdict.as_str(), &expected.id) {
            ("dead-letter", _) => Fate::DeadLettered { rule: expected.rule.clone() },
            (_, Some(id)) => Fate::Loaded { id: id.clone() },
            (verdict, None) => anyhow::bail!("{}: verdict {verdict} needs an id", expected.name),
        };
        run.sent.push((message.message_id, fate));
    }
    let count = run.sent.len() as u64;
    run.note("generate-events", count, count, finished.seconds);
    let consume = ["--until-empty", "--sqs-polling-timeout", POLLING_TIMEOUT];
    let finished = run.pipeline.run("consume-events", &consume).await?;
    run.note_consumed("consume-events", &finished)?;
    run.upload().await?;
    run.visualize().await
}
