//! What was set aside is repaired and put back, as the README says.

use anyhow::ensure;
use blueshift::Need;
use serde_json::json;

use super::bad_objects::{LOOK, cut, gzip, lines};
use super::hostile_bodies::event;
use super::steps::Point;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "repaired-objects",
    about: "objects under rejected/ are repaired, put back and loaded once, however often that is done",
    default: false,
    needs: &[Need::StatementFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const CUT: &str = "events/20190211/000001-cut.json.gz";
const MIXED: &str = "events/20190211/000002-bad-row.json.gz";
/// Events of the object that was cut.
const CUT_EVENTS: usize = 200;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(200).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    run.consume().await?;
    let line = |id: &str, user: &str| event(id, json!({ "user_id": user })) + "\n";
    let mixed = line("GOOD", "7") + &line("REPAIRED", "seven");
    run.probe.put_object(CUT, cut("CUT")).await?;
    run.probe.put_object(MIXED, gzip(&mixed)).await?;
    let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    ensure!(ended.code() == Some(LOOK), "the first upload ended with {ended}");
    let ids = (0..CUT_EVENTS).map(|number| format!("CUT-{number}"));
    let ids = ids.chain(["GOOD", "REPAIRED"].map(str::to_owned));
    run.sent.extend(ids.map(|id| (format!("planted {id}"), Fate::Loaded { id })));

    // Somebody repairs both under their old keys, and is killed round COMMIT when he loads them.
    let repaired = [
        (CUT, gzip(&lines("CUT", CUT_EVENTS))),
        (MIXED, gzip(&(line("GOOD", "7") + &line("REPAIRED", "8")))),
    ];
    put_back(run, &repaired, "").await?;
    let before = run.probe.row_count().await?;
    run.kill_at("upload-data", &[], &Point::before("COMMIT", "*")).await?;
    let rows = run.probe.row_count().await?;
    ensure!(rows == before, "{rows} rows are there without a COMMIT, {before} were before");
    run.kill_at("upload-data", &[], &Point::after("COMMIT", "*")).await?;
    let rows = run.probe.row_count().await? - before;
    // The row beside the bad one is in the table already.
    ensure!(rows == CUT_EVENTS as u64 + 1, "the repaired objects made {rows} rows");
    expect(run, "once more", (0, 0, 0)).await?;

    // The same a second time, under other keys: nothing but doubles.
    put_back(run, &repaired, "again-").await?;
    expect(run, "repaired twice", (2, 0, CUT_EVENTS as u64 + 2)).await?;
    // And the one with the bad row as it was: the ledger knows it, bad row and all.
    run.probe.put_object(MIXED, gzip(&mixed)).await?;
    expect(run, "not repaired", (0, 0, 0)).await?;
    run.visualize().await
}

/// Puts objects into `events/`, with something before their names.
async fn put_back(run: &Run, objects: &[(&str, Vec<u8>)], before: &str) -> anyhow::Result<()> {
    for (key, bytes) in objects {
        let key = key.replace("/0000", &format!("/{before}0000"));
        run.probe.put_object(&key, bytes.clone()).await?;
    }
    Ok(())
}

/// Uploads: so many objects, rows and duplicates are expected, and a good end.
async fn expect(run: &mut Run, when: &str, expected: (u64, u64, u64)) -> anyhow::Result<()> {
    let finished = run.pipeline.run("upload-data", &[]).await?;
    let (rows, duplicates) = (finished.count("rows_loaded")?, finished.count("duplicates")?);
    let found = (finished.count("objects")?, rows, duplicates);
    ensure!(found == expected, "{when}: objects, rows and duplicates {found:?}, not {expected:?}");
    run.note(when, rows + duplicates, rows, finished.seconds);
    Ok(())
}
