//! Somebody else holds as many messages as SQS hands out.

use anyhow::{Context, ensure};
use blueshift::Need;

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "in-flight-limit",
    about: "a queue at its in-flight limit hands out nothing: that is said, and it is waited for",
    default: false,
    needs: &[Need::InFlightLimit],
    expected_warnings: &["queue at in-flight limit"],
    body: |run| Box::pin(run_scenario(run)),
};

/// Messages that a standard queue lets be in flight (SQS Developer Guide, "Standard queue quotas").
const IN_FLIGHT_MAX: usize = 120_000;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    let sqs = run.sqs.clone().context("this stack's SQS is not ours")?;
    let queue = run.probe.queue_name().to_owned();
    ensure!(sqs.pretend_in_flight(&queue, IN_FLIGHT_MAX), "there is no queue {queue}");
    let flags = ["--sqs-polling-timeout", POLLING_TIMEOUT];
    let mut consumer = run.pipeline.start("consume-events", &flags)?;
    run.until_said(&mut consumer, "queue at in-flight limit", 1).await?;
    ensure!(run.probe.objects("events/").await?.is_empty(), "something was stored");
    sqs.pretend_in_flight(&queue, 0);
    run.until_said(&mut consumer, "queue below its in-flight limit again", 1).await?;
    let received = run.probe.wait_until("everything is received", async |probe| {
        Ok(probe.queue_depth().await?.visible == 0)
    });
    consumer.meanwhile(received).await?;
    let finished = consumer.terminate().await?;
    run.note_consumed("consume-events", &finished)?;
    run.upload().await?;
    run.visualize().await
}
