//! A second upload does not wait for ever.

use std::time::Duration;

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "lock-wait",
    about: "a second upload gives up after --lock-wait, says so, ends with 1, and loses nothing",
    default: false,
    needs: &[Need::StatementFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// How long the second may take with a wait of one second.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(30);

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    // Makes the ledger.
    run.generate(&["--flat-out", "--count", "20"]).await?;
    run.consume().await?;
    run.upload().await?;
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    run.consume().await?;
    let waiting = run.probe.objects("events/").await?;
    let hold = Rule::new("first commits", "COMMIT", Action::Hold(Moment::Before)).at_most(1);
    run.set_faults(vec![hold]);
    let mut first = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut first, "first commits").await?;
    let second = run.pipeline.start("upload-data", &["--lock-wait", "1"])?;
    let said = second.log().with_extension("txt");
    let ended = tokio::time::timeout(GIVES_UP_WITHIN, first.meanwhile(second.until_ended()));
    let ended = ended.await.context("the second upload still waits for the ledger")??;
    ensure!(ended.code() == Some(1), "the second upload ended with {ended}");
    let said = std::fs::read_to_string(&said).context("read what the second said")?;
    for words in ["another load held the ledger", "for more than 1s", "--lock-wait"] {
        ensure!(said.contains(words), "the second upload did not say {words:?}: {said}");
    }
    let left = run.probe.objects("events/").await?;
    ensure!(left == waiting, "the second upload moved objects: {left:?} of {waiting:?}");
    ensure!(run.faults.release(Release::Continue) == 1, "the first COMMIT was not held");
    let first = first.finish().await?;
    run.faults.clear();
    let loaded = first.count("rows_loaded")?;
    ensure!(loaded != 0, "the first upload loaded nothing: {}", first.result);
    run.note("first upload", loaded + first.count("duplicates")?, loaded, first.seconds);
    // And nothing is left for the next one.
    let again = run.pipeline.run("upload-data", &[]).await?;
    ensure!(again.count("objects")? == 0, "objects were loaded again: {}", again.result);
    run.visualize().await
}
