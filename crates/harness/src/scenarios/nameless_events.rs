//! Events without an id, in a table whose column of ids may be NULL.

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::bad_objects::{LOOK, gzip, lines};
use super::hostile_bodies::event;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "nameless-events",
    about: "an object with an event that has no id is set aside with the reason, the rest is loaded",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

const NAMELESS: &str = "events/20190211/000002-nameless.json.gz";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let_ids_be_null(run).await?;
    let count = run.events(200).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    run.consume().await?;
    for number in [1, 3] {
        let id = format!("GOOD-{number}");
        let key = format!("events/20190211/00000{number}-good.json.gz");
        run.probe.put_object(&key, gzip(&lines(&id, 10))).await?;
        let ids = (0..10).map(|number| format!("{id}-{number}"));
        run.sent.extend(ids.map(|id| (format!("planted {id}"), Fate::Loaded { id })));
    }
    let mut nameless: Value = serde_json::from_str(&event("NOBODY", json!({})))?;
    nameless.as_object_mut().context("an event is an object")?.remove("id");
    let nameless = gzip(&format!("{nameless}\n"));
    run.probe.put_object(NAMELESS, nameless.clone()).await?;
    let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    ensure!(ended.code() == Some(LOOK), "upload-data met no id and ended with {ended}");
    run.check_set_aside(NAMELESS, &nameless).await?;
    let reasons = run.probe.get_object(&format!("rejected/{NAMELESS}.errors.json")).await?;
    let reasons = String::from_utf8(reasons).context("read the reasons")?;
    ensure!(reasons.contains("have no id"), "the reasons of {NAMELESS} are {reasons}");
    // The next run finds nothing to do.
    let again = run.pipeline.run("upload-data", &[]).await?;
    ensure!(again.count("objects")? == 0, "objects were loaded again: {}", again.result);
    run.visualize().await
}

/// Another table in the place of the prototype's, and its CREATE TABLE file in that of ours.
async fn let_ids_be_null(run: &mut Run) -> anyhow::Result<()> {
    let name = "REDSHIFT_CREATE_TABLE";
    let path = run.pipeline.variable(name).context("the programs read no CREATE TABLE file")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let (before, after) = text.split_once("NOT NULL").context("the first column is the id")?;
    let text = format!("{before}{after}");
    let path = run.pipeline.folder().join("nullable.sql");
    std::fs::write(&path, &text).context("write the CREATE TABLE file")?;
    run.pipeline.set_variable(name, Some(&path.display().to_string()));
    let table = run.probe.table();
    run.probe.query(&format!("DROP TABLE {table}")).await?;
    run.probe.query(&text.replacen("events", &table, 1)).await?;
    Ok(())
}
