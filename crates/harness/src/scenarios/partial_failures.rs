//! Batch calls of SQS answer 200 and list some of their entries as failed.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Action, Rule};

use super::steps::share;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "partial-failures",
    about: "send, delete and dead-letter batches succeed, but for some of their entries",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["messages not taken, sending again"],
    body: |run| Box::pin(run_scenario(run)),
};

fn fail(name: &str, operation: &str) -> Rule {
    let code = "InternalError".to_owned();
    Rule::new(name, operation, Action::FailEntries { count: 3, code, sender_fault: false })
}

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(1_000);
    // Here and below: seldom enough that no message meets it in each of the attempts that it has.
    run.set_faults(vec![fail("sends", "SendMessageBatch").calls(share(0.1))]);
    run.generate(&["--flat-out", "--count", &count.to_string(), "--malformed", "0.05"]).await?;
    run.ensure_all_hit()?;
    ensure!(run.sent.len() as u64 == count, "{} of {count} events were sent", run.sent.len());
    run.set_faults(vec![
        fail("letters", "SendMessageBatch").at_most(3),
        fail("deletes", "DeleteMessageBatch").calls(share(0.1)),
    ]);
    let finished = run.pipeline.run("consume-events", &super::steps::CONSUME).await?;
    run.ensure_all_hit()?;
    run.note_consumed("consume-events", &finished)?;
    // What failed was tried again at once, and did not have to come again.
    let received = finished.count("received")?;
    ensure!(received == count, "{received} messages received for {count} sent");
    run.upload().await?;
    run.visualize().await
}
