//! A queue is not empty while somebody else holds its messages.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Action, Rule};

use super::steps::{CONSUME, Point};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "until-empty",
    about: "--until-empty waits for messages that a killed consumer has taken, however long",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    // An hour, or what can be waited for.
    let seconds = if run.clock.is_some() { "3600" } else { "20" };
    let long = [&CONSUME[..], &["--visibility-timeout", seconds]].concat();
    run.kill_at("consume-events", &long, &Point::before("PutObject", "*/events/*")).await?;
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight != 0, "the killed consumer held nothing");
    // The heir finds no more messages, asks the queue whether that is all, and goes on asking.
    run.set_faults(vec![
        Rule::new("asks", "GetQueueAttributes", Action::Delay { ms: 0 })
            .from(&run.pipeline.next_caller("consume-events")),
    ]);
    let mut heir = run.pipeline.start("consume-events", &CONSUME)?;
    run.until_hits(&mut heir, "asks", 3).await?;
    run.let_hidden_messages_return().await?;
    let finished = heir.finish().await?;
    run.note_consumed("consume-events", &finished)?;
    run.upload().await?;
    run.visualize().await
}
