//! A consumer is killed before and after each of its calls that have an effect.

use blueshift::Need;

use super::steps::{CONSUME, Point};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-consumer-steps",
    about: "SIGKILL to a consumer after receive, before and after put, delete and dead letter",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const POINTS: [Point; 7] = [
    Point::after("ReceiveMessage", "*"),
    Point::before("PutObject", "*/events/*"),
    Point::after("PutObject", "*/events/*"),
    Point::before("DeleteMessageBatch", "*"),
    Point::after("DeleteMessageBatch", "*"),
    Point::before("SendMessageBatch", "*-dead-letter"),
    Point::after("SendMessageBatch", "*-dead-letter"),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    for point in &POINTS {
        run.generate(&["--flat-out", "--count", &count, "--malformed", "0.1"]).await?;
        run.kill_at("consume-events", &CONSUME, point).await?;
        run.let_hidden_messages_return().await?;
    }
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
