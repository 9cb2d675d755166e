//! Malformed messages, and no queue to put them into.

use anyhow::ensure;
use blueshift::Need;

use super::steps::{CONSUME, Point};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "no-dead-letter-queue",
    about: "a flood of malformed messages without a dead-letter queue lands in rejected/, reasons and all",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["no dead-letter queue, malformed messages go to rejected/messages/"],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(1_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.8"]).await?;
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", Some("not-there"));
    // Also when it is killed round the put that makes them safe.
    for point in
        [Point::before("PutObject", "*/rejected/*"), Point::after("PutObject", "*/rejected/*")]
    {
        run.kill_at("consume-events", &CONSUME, &point).await?;
        run.let_hidden_messages_return().await?;
    }
    let finished = run.pipeline.run("consume-events", &CONSUME).await?;
    let rejected = finished.count("rejected")?;
    ensure!(rejected != 0, "nothing was rejected: {}", finished.result);
    let out = finished.count("stored")? + rejected;
    run.note("consume-events", finished.count("received")?, out, finished.seconds);
    run.upload().await?;
    run.visualize().await
}
