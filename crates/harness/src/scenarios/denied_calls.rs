//! A permission that the consumer had is taken away, and given back.

use anyhow::{Context, ensure};
use blueshift::Need;

use super::stage::POLLING_TIMEOUT;
use super::steps::refuse;
use super::{Run, Scenario};
use crate::pipeline::Running;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "denied-calls",
    about: "deletes, then puts of events, are forbidden for a while: the consumer tries on, says so once, takes no more",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["service refuses, trying on"],
    body: |run| Box::pin(run_scenario(run)),
};

/// Batches have room for all there is: what does not come is not kept off by a full one.
const CONSUME: [&str; 6] = [
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-age-max",
    "0.5",
    "--visibility-timeout",
    "600",
];

/// What is sent while S3 is known to refuse, and how much of it may have been asked for before.
const LATE: u64 = 1_000;
const ASKED_FOR_MAX: u64 = 100;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let mut consumer = run.pipeline.start("consume-events", &CONSUME)?;
    run.generate(&["--flat-out", "--count", "50"]).await?;
    until_empty(run, &mut consumer).await?;

    // Fifty are five calls; each is made again after 0.1, 0.2, 0.4 … seconds.
    run.set_faults(vec![refuse("deletes", "DeleteMessageBatch", 403, "AccessDenied")]);
    run.generate(&["--flat-out", "--count", "50"]).await?;
    run.until_hits(&mut consumer, "deletes", 35).await?;
    let log = std::fs::read_to_string(consumer.log()).context("read the log")?;
    let count = |message: &str| log.matches(message).count();
    let (began, ended) = (count("trying on"), count("service available again"));
    ensure!((began, ended) == (1, 0), "{began} outages of deletes began and {ended} ended");
    run.faults.clear();
    until_empty(run, &mut consumer).await?;

    run.set_faults(vec![refuse("puts", "PutObject", 403, "AccessDenied").on("*/events/*")]);
    run.generate(&["--flat-out", "--count", "50"]).await?;
    run.until_said(&mut consumer, "trying on", 2).await?;
    run.generate(&["--flat-out", "--count", &LATE.to_string()]).await?;
    run.until_hits(&mut consumer, "puts", 7).await?;
    let waiting = run.probe.queue_depth().await?.visible;
    ensure!(
        LATE - ASKED_FOR_MAX <= waiting,
        "only {waiting} of {LATE} late ones wait in the queue"
    );
    run.faults.clear();
    until_empty(run, &mut consumer).await?;
    let finished = consumer.terminate().await?;
    run.note_consumed("consume-events", &finished)?;
    let (received, sent) = (finished.count("received")?, run.sent.len() as u64);
    ensure!(received == sent, "{received} messages were received for {sent} sent");
    run.upload().await?;
    run.visualize().await
}

/// Waits until everything is stored and deleted.
async fn until_empty(run: &Run, consumer: &mut Running) -> anyhow::Result<()> {
    let empty = run.probe.wait_until("the queue is empty", async |probe| {
        let depth = probe.queue_depth().await?;
        Ok((depth.visible, depth.in_flight) == (0, 0))
    });
    consumer.meanwhile(empty).await
}
