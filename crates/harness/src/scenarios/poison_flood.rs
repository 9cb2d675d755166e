//! Most messages are malformed.

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "poison-flood",
    about: "nine of ten messages are malformed; the good ones pass, each bad one has its reason",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(2_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.9"]).await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
