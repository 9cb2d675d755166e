//! S3 takes its time, longer than a batch needs to fill.

use blueshift::Need;
use blueshift::faults::plan::{Action, Rule};

use super::steps::share;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow-s3",
    about: "S3 answers late, to the consumer, to COPY and to the archive",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(1_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    let slow = |name, operation, ms| Rule::new(name, operation, Action::Delay { ms });
    run.set_faults(vec![
        slow("put", "PutObject", 400),
        slow("get", "GetObject", 50),
        slow("copy", "CopyObject", 50).calls(share(0.5)),
    ]);
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
