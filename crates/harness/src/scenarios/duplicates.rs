//! The same events several times: within one object, across objects, across loads.

use anyhow::ensure;
use blueshift::Need;

use super::steps::Point;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "duplicates",
    about: "a third of the messages are doubles, and SQS delivers a batch a second time",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(600).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.3"]).await?;
    // Its object is stored, its messages come again: into another object, and another load.
    let point = Point::before("DeleteMessageBatch", "*");
    run.kill_at("consume-events", &super::steps::CONSUME, &point).await?;
    run.upload().await?;
    let stored = run.report.stages.last().map_or(0, |stage| stage.out);
    ensure!(stored != 0, "nothing was stored before the consumer was killed");
    run.let_hidden_messages_return().await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
