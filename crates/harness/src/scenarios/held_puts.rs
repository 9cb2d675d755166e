//! S3 accepts the calls of a consumer, and does not answer; then the consumer is stopped.

use std::time::Duration;

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "held-puts",
    about: "S3 accepts puts, parts and aborts and does not answer: SIGTERM ends the consumer soon, all is given back",
    default: false,
    needs: &[Need::ServiceFaults, Need::Clock],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// How long a consumer may take to end: its patience, a moment for each call, and some time for a
/// busy machine. An attempt of a put takes two minutes.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Longer than queues hide messages unless told otherwise, shorter than these consumers tell them.
const A_WHILE: Duration = Duration::from_secs(1_800);

/// Batches that do not close by their age, of messages that do not return by themselves.
const CONSUME: [&str; 8] = [
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-age-max",
    "600",
    "--visibility-timeout",
    "3600",
    "--stop-timeout",
    "1",
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300);
    run.generate(&["--flat-out", "--count", &count.to_string()]).await?;
    // One batch is on its way, and one is open.
    let small = [&CONSUME[..], &["--batch-events-max", "100"]].concat();
    stop_at(run, &small, &["PutObject"], 200.min(count)).await?;
    let stored = run.probe.objects("events/").await?;
    ensure!(stored.is_empty(), "{stored:?} are stored");
    run.consume().await?;

    super::kill_multipart::send_large(run).await?;
    let large = [&CONSUME[..], &["--batch-bytes-max", "100000000"]].concat();
    stop_at(run, &large, &["UploadPart", "AbortMultipartUpload"], 15).await?;
    // Nobody knows what became of the abort: a rule of the bucket's life cycle ends it.
    let unfinished = run.probe.unfinished_uploads("events/").await?;
    ensure!(unfinished == 1, "{unfinished} unfinished uploads");
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}

/// Starts a consumer, holds all of these calls, and stops it when it holds so many messages.
async fn stop_at(
    run: &Run,
    flags: &[&str],
    operations: &[&str],
    message_count: u64,
) -> anyhow::Result<()> {
    let hold = |it: &&str| Rule::new(it, it, Action::Hold(Moment::Before)).on("*/events/*");
    run.set_faults(operations.iter().map(hold).collect());
    let mut consumer = run.pipeline.start("consume-events", flags)?;
    run.until_held(&mut consumer, operations[0]).await?;
    let held = run.probe.wait_until("the consumer holds enough", async |probe| {
        Ok(message_count <= probe.queue_depth().await?.in_flight)
    });
    consumer.meanwhile(held).await?;
    run.clock.as_ref().context("the scenario needs a clock")?.advance(A_WHILE);
    let depth = run.probe.queue_depth().await?;
    ensure!(message_count <= depth.in_flight, "only {} messages are still hidden", depth.in_flight);
    consumer.ask_to_stop()?;
    let ended = tokio::time::timeout(ENDS_WITHIN, consumer.until_ended()).await;
    let ended = ended.with_context(|| {
        format!("{operations:?} are held: it still runs {ENDS_WITHIN:?} after SIGTERM")
    })??;
    ensure!(ended.success(), "{operations:?} are held: consume-events ended with {ended}");
    let depth = run.probe.queue_depth().await?;
    run.faults.release(Release::Cut);
    run.faults.clear();
    ensure!(depth.in_flight == 0, "{} messages were not given back", depth.in_flight);
    Ok(())
}
