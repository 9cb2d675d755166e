//! S3 takes longer for an object than its messages are hidden.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "slow-put",
    about: "S3 holds a put for longer than the visibility timeout: it is extended, none comes twice",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(150);
    run.generate(&["--flat-out", "--count", &count.to_string()]).await?;
    run.set_faults(vec![Rule::new("slow put", "PutObject", Action::Hold(Moment::Before))]);
    let flags = [&CONSUME[..], &["--visibility-timeout", "12"]].concat();
    let mut consumer = run.pipeline.start("consume-events", &flags)?;
    run.until_held(&mut consumer, "slow put").await?;
    // Extended after eight seconds and after sixteen, four before they are back: a busy machine may
    // be late.
    run.until_said(&mut consumer, "messages hidden anew", 2).await?;
    run.faults.clear();
    let finished = consumer.finish().await?;
    run.note_consumed("consume-events", &finished)?;
    let received = finished.count("received")?;
    ensure!(received == count, "{received} messages were received for {count} sent");
    run.upload().await?;
    run.visualize().await
}
