//! A day of hand-checked messages, good and bad, as the prototype would have sent them.

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};
use crate::binaries::workspace_root;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "prototype-day",
    about: "hand-checked messages, good and bad, each meets its verdict",
    default: true,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.send_messages(&workspace_root().join("fixtures/messages/prototype-day.ndjson")).await?;
    let consume = ["--until-empty", "--sqs-polling-timeout", POLLING_TIMEOUT];
    let finished = run.pipeline.run("consume-events", &consume).await?;
    run.note_consumed("consume-events", &finished)?;
    run.upload().await?;
    run.visualize().await
}
