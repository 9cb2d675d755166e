//! Somebody else writes into the table while an upload is about to commit, and the database is
//! isolated SERIALIZABLE: error 1023.

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};
use serde_json::Value;

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "serializable",
    about: "another writer inserts an event that is being loaded: error 1023, then loaded once",
    default: false,
    needs: &[Need::StatementFaults, Need::Serializable],
    expected_warnings: &["load starts over"],
    body: |run| Box::pin(run_scenario(run)),
};

/// What the table wants of an event at least.
const COLUMNS: [&str; 8] = [
    "id",
    "anonymous_id",
    "context_device_type",
    "event",
    "event_text",
    "timestamp",
    "sent_at",
    "received_at",
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    // Makes the ledger.
    run.generate(&["--flat-out", "--count", "20"]).await?;
    run.consume().await?;
    run.upload().await?;
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    run.consume().await?;
    let events = run.probe.stored_events("events/").await?;
    let event = events.first().context("nothing is stored")?;
    run.set_faults(vec![Rule::new("commits", "COMMIT", Action::Hold(Moment::Before)).at_most(1)]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, "commits").await?;
    upload.meanwhile(write_as_well(run, event)).await?;
    ensure!(run.faults.release(Release::Continue) == 1, "the COMMIT was not held any more");
    run.until_said(&mut upload, "1023", 1).await?;
    let finished = upload.finish().await?;
    let (loaded, duplicates) = (finished.count("rows_loaded")?, finished.count("duplicates")?);
    // The other writer's row was there first.
    ensure!(duplicates == 1, "{duplicates} duplicates instead of one");
    run.note("upload-data", loaded + duplicates, loaded, finished.seconds);
    run.visualize().await
}

/// Reads the table, sees no such event, and inserts it: what two loads without a ledger would do.
async fn write_as_well(run: &Run, event: &Value) -> anyhow::Result<()> {
    let literals = COLUMNS.map(|column| {
        let value = event[column].as_str().unwrap_or_default();
        format!("'{}'", value.replace('\'', "''"))
    });
    let (columns, values) = (COLUMNS.join(", "), literals.join(", "));
    let id = &literals[0];
    let seen = run
        .probe
        .query(&format!(
            "BEGIN; SELECT COUNT(*) FROM events WHERE id = {id}; \
             INSERT INTO events ({columns}) VALUES ({values}); COMMIT"
        ))
        .await?;
    ensure!(seen == [[Some("0".to_owned())]], "the event was seen before COMMIT: {seen:?}");
    Ok(())
}
