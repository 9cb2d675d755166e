//! Dead letters are repaired and sent back, by somebody who is killed while he does it.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use blueshift::Need;
use serde_json::{Value, json};

use super::steps::Point;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "redrive",
    about: "dead letters are repaired and sent back; SIGKILL round send and delete loses and doubles none",
    default: false,
    needs: &[Need::ServiceFaults, Need::Clock],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const POINTS: [Point; 4] = [
    Point::before("SendMessageBatch", "*"),
    Point::after("SendMessageBatch", "*"),
    Point::before("DeleteMessageBatch", "*-dead-letter"),
    Point::after("DeleteMessageBatch", "*-dead-letter"),
];
/// What is wrong with all of them.
const DEFECT: &str = "seven pieces";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = usize::try_from(run.events(60)).context("that many")?;
    send_defective(run, count).await?;
    run.consume().await?;
    for point in &POINTS {
        let repaired = repair(run).await?;
        let redrive = ["dead-letters", "redrive", "--file", &repaired];
        run.kill_at("consume-events", &redrive, point).await?;
        run.let_hidden_messages_return().await?;
    }
    let repaired = repair(run).await?;
    let redrive = ["dead-letters", "redrive", "--file", &repaired];
    let finished = run.pipeline.run("consume-events", &redrive).await?;
    ensure!(finished.count("left")? == 0, "letters are left: {}", finished.result);
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}

/// Writes a file of the letters there still are, repaired; gives its name.
async fn repair(run: &Run) -> anyhow::Result<String> {
    let show = ["dead-letters", "show", "--limit", "1000"];
    let shown = run.pipeline.start("consume-events", &show)?.finish_text().await?;
    ensure!(shown.contains(DEFECT), "no letters are shown: {shown}");
    let path = run.pipeline.folder().join("repaired.ndjson");
    std::fs::write(&path, shown.replace(DEFECT, "7")).context("write the repaired letters")?;
    // It hides what it has looked at.
    run.let_hidden_messages_return().await?;
    Ok(path.display().to_string())
}

/// Sends events that the table takes but for one field; in the end they are all to be loaded.
async fn send_defective(run: &mut Run, count: usize) -> anyhow::Result<()> {
    let at = "2019-02-11 05:09:12.195000";
    let mut lines = String::new();
    let ids: Vec<String> = (0..count).map(|number| format!("REPAIRED-{number}")).collect();
    for id in &ids {
        let body: Value = json!({
            "id": id, "anonymous_id": "A", "context_device_type": "ios", "user_id": DEFECT,
            "event": "another_event", "event_text": "anotherEvent", "timestamp": at,
            "sent_at": at, "received_at": at,
        });
        let line = json!({ "name": id, "verdict": "dead-letter", "body": body.to_string() });
        writeln!(lines, "{line}").context("write a message")?;
    }
    let path = run.pipeline.folder().join("defective.ndjson");
    std::fs::write(&path, lines).context("write the messages")?;
    let path = path.display().to_string();
    run.pipeline.run("generate-events", &["--flat-out", "--messages", &path]).await?;
    run.sent.extend(ids.into_iter().map(|id| (id.clone(), Fate::Loaded { id })));
    Ok(())
}
