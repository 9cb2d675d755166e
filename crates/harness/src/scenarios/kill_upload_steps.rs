//! An upload is killed before and after each of its steps.

use anyhow::ensure;
use blueshift::Need;

use super::steps::Point;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-upload-steps",
    about: "SIGKILL to an upload before and after LOCK, manifest, COPY, COMMIT, archive copy, delete",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// After these nothing was loaded.
const BEFORE_COMMIT: [Point; 8] = [
    Point::before("LOCK", "*"),
    Point::after("LOCK", "*"),
    Point::before("PutObject", "*/manifests/*"),
    Point::after("PutObject", "*/manifests/*"),
    Point::before("COPY", "*"),
    Point::before("GetObject", "*/events/*"),
    Point::after("COPY", "*"),
    Point::before("COMMIT", "*"),
];

/// At these everything was loaded, and at least one object is not put away before the last.
const AFTER_COMMIT: [Point; 4] = [
    Point::before("CopyObject", "*/archive/*"),
    Point::after("CopyObject", "*/archive/*"),
    Point::before("DeleteObject", "*/events/*"),
    Point::after("DeleteObject", "*/events/*"),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(500).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    run.consume().await?;
    let stored = run.probe.objects("events/").await?.len();
    for point in &BEFORE_COMMIT {
        run.kill_at("upload-data", &[], point).await?;
        let rows = run.probe.row_count().await?;
        ensure!(rows == 0, "{point}: {rows} rows are there without a COMMIT");
    }
    run.kill_at("upload-data", &[], &Point::after("COMMIT", "*")).await?;
    for point in &AFTER_COMMIT {
        let copies = run.kill_at("upload-data", &[], point).await?;
        ensure!(copies == 0, "{point}: COPY again, though the ledger knows the objects");
    }
    let finished = run.pipeline.run("upload-data", &[]).await?;
    let (objects, rows) = (finished.count("objects")?, finished.count("rows_loaded")?);
    ensure!((objects, rows) == (0, 0), "{objects} objects, {rows} rows were loaded again");
    let archived = run.probe.objects("archive/").await?.len();
    ensure!(archived == stored, "{archived} objects are in the archive, {stored} were stored");
    // And it goes on.
    run.generate(&["--flat-out", "--count", "100"]).await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}
