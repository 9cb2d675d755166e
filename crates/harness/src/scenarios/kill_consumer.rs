//! A consumer dies in the middle; another goes on; nothing is lost, nothing is there twice.

use anyhow::ensure;

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-consumer",
    about: "SIGKILL to a consumer in the middle, another goes on, each event exactly once",
    default: true,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// A killed consumer's messages come back after three seconds instead of after minutes; batches
/// have to be stored before that. Small batches and few pollers make a middle to be killed in.
const CONSUME: [&str; 8] = [
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--visibility-timeout",
    "3",
    "--batch-age-max",
    "1",
    "--pollers",
    "2",
];

/// Fewer events than this are gone before anybody can be killed.
const EVENTS_MIN: u64 = 1_000;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    // A batch is at least ten events; fewer than a few of those leave no middle.
    let count = run.events(4_000).max(EVENTS_MIN);
    let batch = (count / 20).max(10).to_string();
    let count = count.to_string();
    let consume = [&CONSUME[..], &["--batch-events-max", &batch]].concat();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.01", "--duplicates", "0.01"])
        .await?;
    let mut victim = run.pipeline.start("consume-events", &consume)?;
    let in_the_middle =
        run.probe.wait_until("the consumer has stored some and holds others", async |probe| {
            let depth = probe.queue_depth().await?;
            Ok(0 < depth.in_flight && !probe.objects("events/").await?.is_empty())
        });
    victim.meanwhile(in_the_middle).await?;
    victim.kill().await?;
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.visible + depth.in_flight != 0, "the consumer was done before it was killed");
    let heir =
        run.pipeline.start("consume-events", &[&consume[..], &["--until-empty"]].concat())?;
    let finished = heir.finish().await?;
    run.note_consumed("consume-events", &finished)?;
    run.upload().await?;
    run.compare_contents().await?;
    run.visualize().await
}
