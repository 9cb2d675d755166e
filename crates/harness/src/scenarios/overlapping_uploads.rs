//! Two uploads of the same objects at the same time.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "overlapping-uploads",
    about: "a second upload starts while the first is about to commit; it waits its turn",
    default: false,
    needs: &[Need::StatementFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(500).to_string();
    // Makes the ledger: two first runs would meet at its creation instead.
    run.generate(&["--flat-out", "--count", "20"]).await?;
    run.consume().await?;
    run.upload().await?;
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    run.consume().await?;
    let hold =
        |name, operation| Rule::new(name, operation, Action::Hold(Moment::Before)).at_most(1);
    // The first puts nothing away before the second is done: what lies there could be loaded again.
    let first_archives = Rule::new("first archives", "CopyObject", Action::Hold(Moment::Before));
    let first_caller = run.pipeline.next_caller("upload-data");
    run.set_faults(vec![
        hold("first commits", "COMMIT"),
        first_archives.on("*/archive/*").from(&first_caller),
    ]);
    let mut first = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut first, "first commits").await?;
    let mut second = run.pipeline.start("upload-data", &[])?;
    let waits = run.probe.wait_until("the second upload waits for the ledger", async |probe| {
        let waiting = "SELECT COUNT(*) FROM pg_catalog.pg_locks WHERE NOT granted";
        Ok(probe.query(waiting).await? == [[Some("1".to_owned())]])
    });
    second.meanwhile(waits).await?;
    ensure!(run.faults.release(Release::Continue) == 1, "the first COMMIT was not held");
    run.until_held(&mut first, "first archives").await?;
    let second = first.meanwhile(second.finish()).await?;
    run.faults.clear();
    let first = first.finish().await?;
    for (name, finished) in [("first upload", &first), ("second upload", &second)] {
        let loaded = finished.count("rows_loaded")?;
        run.note(name, loaded + finished.count("duplicates")?, loaded, finished.seconds);
    }
    let again = second.count("objects")?;
    ensure!(again == 0, "the second upload loaded {again} objects again");
    run.visualize().await
}
