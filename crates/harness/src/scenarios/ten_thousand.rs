//! Ten thousand events, some malformed, some sent twice, two consumers on one queue.

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "ten-thousand",
    about: "events, 1 % malformed and 1 % duplicates, through two consumers, each exactly once",
    default: true,
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const CONSUME: [&str; 3] = ["--until-empty", "--sqs-polling-timeout", POLLING_TIMEOUT];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(10_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.01", "--duplicates", "0.01"])
        .await?;
    let first = run.pipeline.start("consume-events", &CONSUME)?;
    let second = run.pipeline.start("consume-events", &CONSUME)?;
    let (first, second) = tokio::try_join!(first.finish(), second.finish())?;
    run.note_consumed("consume-events 1", &first)?;
    run.note_consumed("consume-events 2", &second)?;
    run.upload().await?;
    run.compare_contents().await?;
    run.visualize().await
}
