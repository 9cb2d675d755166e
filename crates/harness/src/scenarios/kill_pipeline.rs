//! The whole pipeline in one process, which dies again and again.

use blueshift::Need;

use super::steps::Point;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-pipeline",
    about: "SIGKILL to run-pipeline while it stores, deletes, commits and archives; the next one goes on",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults],
    // On a machine that is busy with others.
    expected_warnings: &["a run begins late"],
    body: |run| Box::pin(run_scenario(run)),
};

/// Two consumers, and an upload every second.
const PIPELINE: [&str; 8] = [
    "--parts",
    "consume-events,upload-data",
    "--consumers",
    "2",
    "--upload-schedule",
    "* * * * * *",
    "--batch-age-max",
    "0.5",
];

const POINTS: [Point; 6] = [
    Point::after("ReceiveMessage", "*"),
    Point::before("PutObject", "*/events/*"),
    Point::after("DeleteMessageBatch", "*"),
    Point::before("COMMIT", "*"),
    Point::after("COMMIT", "*"),
    Point::after("CopyObject", "*/archive/*"),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.pipeline.set_variable("AWS_SQS_POLLING_TIMEOUT", Some("1"));
    let count = run.events(200).to_string();
    for point in &POINTS {
        run.generate(&["--flat-out", "--count", &count, "--malformed", "0.02"]).await?;
        run.kill_at("run-pipeline", &PIPELINE, point).await?;
        run.let_hidden_messages_return().await?;
    }
    // The consumers store what they hold at the stop only: before the last load, or it is not loaded.
    run.generate(&["--flat-out", "--count", &count]).await?;
    let last = PIPELINE.len() - 1;
    let to_the_end = [&PIPELINE[..last], &["600", "--duration", "1"]].concat();
    run.pipeline.start("run-pipeline", &to_the_end)?.finish_text().await?;
    run.visualize().await
}
