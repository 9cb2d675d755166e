//! More objects than one page of a listing holds.

use anyhow::ensure;

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "many-objects",
    about: "more than 1,000 objects: listed page by page, loaded at once, all known to a second upload",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// Objects of at most ten events.
const CONSUME: [&str; 7] = [
    "--until-empty",
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-events-max",
    "10",
    "--pollers",
    "8",
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(10_300).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.01"]).await?;
    let finished = run.pipeline.run("consume-events", &CONSUME).await?;
    run.note_consumed("consume-events", &finished)?;
    let objects = run.probe.objects("events/").await?.len();
    ensure!(run.options.events.is_some() || 1_000 < objects, "only {objects} objects");
    // They stay where they are: the second upload has to find each of them in the ledger.
    let kept = run.pipeline.run("upload-data", &["--after-load", "keep"]).await?;
    let loaded = kept.count("rows_loaded")?;
    run.note("upload-data", loaded + kept.count("duplicates")?, loaded, kept.seconds);
    let again = run.pipeline.run("upload-data", &[]).await?;
    let again = (again.count("rows_loaded")?, again.count("duplicates")?);
    ensure!(again == (0, 0), "rows and duplicates of objects loaded again: {again:?}");
    run.visualize().await
}
