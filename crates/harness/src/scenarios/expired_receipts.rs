//! S3 is so slow that the messages are back in the queue before they can be deleted.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "expired-receipts",
    about: "visibility timeouts end while S3 holds a put: others take the messages, none doubles",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["messages not acknowledged, they will come again"],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    let hold = Rule::new("slow put", "PutObject", Action::Hold(Moment::Before)).at_most(1);
    run.set_faults(vec![hold]);
    let mut slow = run.start_forgetful("consume-events", &CONSUME)?;
    run.until_held(&mut slow, "slow put").await?;
    if run.clock.is_none() {
        // Else it would hide its messages anew.
        slow.pause()?;
    }
    run.let_hidden_messages_return().await?;
    let mut quick = run.pipeline.start("consume-events", &CONSUME)?;
    let stored = run.probe.wait_until("the quick consumer has stored some", async |probe| {
        Ok(!probe.objects("events/").await?.is_empty())
    });
    quick.meanwhile(stored).await?;
    if run.clock.is_none() {
        slow.go_on()?;
    }
    ensure!(run.faults.release(Release::Continue) == 1, "the put was not held any more");
    let (quick, slow) = tokio::try_join!(quick.finish(), slow.finish())?;
    run.note_consumed("quick consumer", &quick)?;
    run.note_consumed("slow consumer", &slow)?;
    let stored = quick.count("stored")? + slow.count("stored")?;
    ensure!(run.sent.len() as u64 <= stored, "only {stored} events were stored");
    run.upload().await?;
    run.visualize().await
}
