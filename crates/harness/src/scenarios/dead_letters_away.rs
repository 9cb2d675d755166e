//! The dead-letter queue is not there, and all else is.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::rejected_denied::STAY;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "dead-letters-away",
    about: "the dead-letter queue alone throttles or hangs: events flow, the rest goes to rejected/",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[
        "service throttles, trying on",
        "service unavailable, trying on",
        "dead letters refused, storing them in the bucket",
        "bucket does not take malformed messages",
        "messages given back to the queue",
        "malformed messages stay in the queue",
    ],
    body: |run| Box::pin(run_scenario(run)),
};

const RULE: &str = "dead letters away";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(600);
    let flags = ["--flat-out", "--count", &count.to_string(), "--malformed", "0.5"];
    let letters = |action| Rule::new(RULE, "SendMessageBatch", action).on("*-dead-letter");
    let throttle = Action::Refuse { status: 400, code: "RequestThrottled".to_owned() };
    // Until ten seconds are over the first letters are held; all others pass them by.
    run.set_faults(vec![letters(throttle)]);
    // Not the generator's: it sends to the other queue.
    run.generate(&flags).await?;
    let mut consumer = run.pipeline.start("consume-events", &STAY)?;
    let kept = run.probe.wait_until("malformed messages go to the bucket", async |probe| {
        let depth = probe.queue_depth().await?;
        Ok((depth.visible, depth.in_flight) == (0, 0))
    });
    consumer.meanwhile(kept).await?;
    ensure!(run.faults.hits(RULE) != 0, "no letter was sent");
    let rejected = run.probe.stored_events("rejected/messages/").await?.len();
    ensure!(rejected != 0, "nothing is in the bucket");
    // It hangs, and so does the other place: valid events pass all the same.
    run.set_faults(vec![
        letters(Action::Hold(Moment::Before)),
        Rule::new("rejected too", "PutObject", Action::Hold(Moment::Before)).on("*/rejected/*"),
    ]);
    let stored = run.probe.stored_events("events/").await?.len() as u64;
    // More than all hands on the way can hold.
    run.generate(&flags).await?;
    run.generate(&flags).await?;
    run.generate(&["--flat-out", "--count", &count.to_string()]).await?;
    // All of the last lot, and half of those before less what chance makes of a half.
    run.until_stored(&mut consumer, stored + count + count * 2 / 3).await?;
    run.faults.clear();
    let finished = consumer.terminate().await?;
    run.note_consumed("consume-events", &finished)?;
    run.let_hidden_messages_return().await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
