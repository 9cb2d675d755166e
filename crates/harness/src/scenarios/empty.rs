//! Nothing to do is no error.

use anyhow::ensure;

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "empty",
    about: "an empty queue, an empty bucket and an empty table crash nobody",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.consume().await?;
    let stored = run.probe.objects("").await?;
    ensure!(stored.is_empty(), "nothing came in, but there is {stored:?}");
    run.upload().await?;
    run.upload().await?;
    run.visualize().await
}
