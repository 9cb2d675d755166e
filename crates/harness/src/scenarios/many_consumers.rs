//! Many consumers on one queue.

use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "many-consumers",
    about: "eight consumers share one queue while events still come in",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const CONSUMER_COUNT: usize = 8;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(4_000).to_string();
    let flags = ["--flat-out", "--count", &count, "--malformed", "0.01", "--duplicates", "0.01"];
    run.generate(&flags).await?;
    let mut consumers = Vec::new();
    for _ in 0..CONSUMER_COUNT {
        consumers.push(run.pipeline.start("consume-events", &CONSUME)?);
    }
    run.generate(&flags).await?;
    for (index, consumer) in consumers.into_iter().enumerate() {
        let finished = consumer.finish().await?;
        run.note_consumed(&format!("consume-events {}", index + 1), &finished)?;
    }
    // What came in after the last of them had found the queue empty.
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
