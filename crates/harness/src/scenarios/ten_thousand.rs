//! Ten thousand events, some malformed, some sent twice, two consumers on one queue.

use anyhow::ensure;

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "ten-thousand",
    about: "events, 1 % malformed and 1 % duplicates, through two consumers, each exactly once",
    default: true,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const CONSUME: [&str; 3] = ["--until-empty", "--sqs-polling-timeout", POLLING_TIMEOUT];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(10_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.01", "--duplicates", "0.01"])
        .await?;
    let is_malformed = |(_, fate): &&(String, Fate)| matches!(fate, Fate::DeadLettered { .. });
    let malformed = run.sent.iter().filter(is_malformed).count();
    // One in a hundred: none at all among thousands means that none was asked for.
    ensure!(run.sent.len() < 2_000 || malformed != 0, "no message is malformed");
    let first = run.pipeline.start("consume-events", &CONSUME)?;
    let second = run.pipeline.start("consume-events", &CONSUME)?;
    let (first, second) = tokio::try_join!(first.finish(), second.finish())?;
    run.note_consumed("consume-events 1", &first)?;
    run.note_consumed("consume-events 2", &second)?;
    run.upload().await?;
    run.compare_contents().await?;
    run.visualize().await
}
