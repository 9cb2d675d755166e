//! SIGTERM in the middle, once with everything well and once with S3 away.

use anyhow::ensure;
use blueshift::Need;

use super::stage::POLLING_TIMEOUT;
use super::steps::refuse;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "shutdown-under-load",
    about: "SIGTERM under load: what is open is stored, or given back if S3 is away",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["service unavailable, trying on", "given up, because the program stops"],
    body: |run| Box::pin(run_scenario(run)),
};

/// Hides messages for an hour: whatever comes back sooner was given back.
const CONSUME: [&str; 8] = [
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--visibility-timeout",
    "3600",
    "--batch-events-max",
    "200",
    "--stop-timeout",
    "0.5",
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(3_000).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.01"]).await?;
    let mut consumer = run.pipeline.start("consume-events", &CONSUME)?;
    let in_the_middle = run.probe.wait_until("something is stored", async |probe| {
        Ok(!probe.objects("events/").await?.is_empty())
    });
    consumer.meanwhile(in_the_middle).await?;
    let finished = consumer.terminate().await?;
    run.note_consumed("until SIGTERM", &finished)?;
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "{} messages are hidden after a stop", depth.in_flight);

    run.generate(&["--flat-out", "--count", "500"]).await?;
    run.set_faults(vec![refuse("s3 is away", "PutObject", 503, "ServiceUnavailable")]);
    let mut consumer = run.pipeline.start("consume-events", &CONSUME)?;
    run.until_hits(&mut consumer, "s3 is away", 2).await?;
    let finished = consumer.terminate().await?;
    run.note_consumed("without S3", &finished)?;
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "{} messages were not given back", depth.in_flight);
    run.faults.clear();
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
