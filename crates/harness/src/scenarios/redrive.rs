//! Dead letters, of a queue or of the bucket, are repaired and sent back, by somebody who is killed
//! while he does it.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use blueshift::Need;
use serde_json::{Value, json};

use super::steps::{CONSUME, Point};
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "redrive",
    about: "dead letters, of queue and bucket, are repaired and sent back; SIGKILL round send and delete loses none",
    default: false,
    needs: &[Need::ServiceFaults, Need::Clock],
    expected_warnings: &["no dead-letter queue, malformed messages go to rejected/messages/"],
    body: |run| Box::pin(run_scenario(run)),
};

/// Of letters in a queue: some are left after each.
const OF_QUEUE: [Point; 4] = [
    Point::before("SendMessageBatch", "*"),
    Point::after("SendMessageBatch", "*"),
    Point::before("DeleteMessageBatch", "*-dead-letter"),
    Point::after("DeleteMessageBatch", "*-dead-letter"),
];
/// Of letters in an object: it goes when all of them are sent.
const OF_BUCKET: [Point; 3] = [
    Point::before("SendMessageBatch", "*"),
    Point::after("SendMessageBatch", "*"),
    Point::before("DeleteObject", "*/rejected/messages/*"),
];
const FROM_BUCKET: [&str; 1] = ["--from-rejected"];
/// What is wrong with all of them.
const DEFECT: &str = "seven pieces";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = usize::try_from(run.events(60)).context("that many")?;
    send_defective(run, "QUEUE", count).await?;
    run.consume().await?;
    send_back(run, &OF_QUEUE, &[]).await?;
    run.consume().await?;
    run.upload().await?;
    // And now there is no such queue.
    let sound = run.pipeline.variable("AWS_SQS_DEAD_LETTER_NAME");
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", Some("not-there"));
    send_defective(run, "BUCKET", count).await?;
    let finished = run.pipeline.run("consume-events", &CONSUME).await?;
    let rejected = finished.count("rejected")?;
    ensure!(rejected == count as u64, "{rejected} of {count} letters lie in the bucket");
    send_back(run, &OF_BUCKET, &FROM_BUCKET).await?;
    let left = run.probe.objects("rejected/messages/").await?;
    ensure!(left.is_empty(), "{left:?} are left in the bucket");
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", sound.as_deref());
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}

/// Sends all letters back, and is killed at each of these points before.
pub(super) async fn send_back(run: &Run, points: &[Point], flags: &[&str]) -> anyhow::Result<()> {
    for point in points {
        let repaired = repair(run, flags).await?;
        let redrive = [&["dead-letters", "redrive", "--file", &repaired], flags].concat();
        run.kill_at("consume-events", &redrive, point).await?;
        run.let_hidden_messages_return().await?;
    }
    let repaired = repair(run, flags).await?;
    let redrive = [&["dead-letters", "redrive", "--file", &repaired], flags].concat();
    let finished = run.pipeline.run("consume-events", &redrive).await?;
    ensure!(finished.count("left")? == 0, "letters are left: {}", finished.result);
    Ok(())
}

/// Writes a file of the letters there still are, repaired; gives its name.
async fn repair(run: &Run, flags: &[&str]) -> anyhow::Result<String> {
    let show = [&["dead-letters", "show", "--limit", "1000"], flags].concat();
    let shown = run.pipeline.start("consume-events", &show)?.finish_text().await?;
    ensure!(shown.contains(DEFECT), "no letters are shown: {shown}");
    let path = run.pipeline.folder().join("repaired.ndjson");
    std::fs::write(&path, shown.replace(DEFECT, "7")).context("write the repaired letters")?;
    // It hides what it has looked at.
    run.let_hidden_messages_return().await?;
    Ok(path.display().to_string())
}

/// Sends events that the table takes but for one field; in the end they are all to be loaded.
pub(super) async fn send_defective(run: &mut Run, name: &str, count: usize) -> anyhow::Result<()> {
    let at = "2019-02-11 05:09:12.195000";
    let mut lines = String::new();
    let ids: Vec<String> = (0..count).map(|number| format!("{name}-{number}")).collect();
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
