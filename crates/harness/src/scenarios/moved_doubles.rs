//! Events that come again in another load, with another time.

use std::fmt::Write as _;

use anyhow::{Context, ensure};
use serde_json::json;

use super::hostile_bodies::event;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "moved-doubles",
    about: "events come again with times up to seven days off, or years with an unlimited window",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// Id, time of the event that is loaded, time of its double: both ends of the window of seven days,
/// for days that lie far apart, so that each has a range of its own.
const IN_THE_WINDOW: [(&str, &str, &str); 6] = [
    ("SAME-TIME", "2019-02-11 05:09:12.195000", "2019-02-11 05:09:12.195000"),
    ("MIDNIGHT", "2019-02-12 00:00:00.000000", "2019-02-12 00:00:00.000000"),
    ("LATE-IN-THE-WINDOW", "2019-02-18 23:59:59.999999", "2019-02-11 00:00:00.000000"),
    ("EARLY-IN-THE-WINDOW", "2019-02-04 00:00:00.000000", "2019-02-11 23:59:59.999999"),
    ("LATE-YEARS-AGO", "1999-03-07 12:00:00.000000", "1999-02-28 12:00:00.000000"),
    ("EARLY-YEARS-AGO", "2004-02-23 12:00:00.000000", "2004-03-01 12:00:00.000000"),
];
const FAR_AWAY: [(&str, &str, &str); 2] = [
    ("DECADES-LATER", "1989-11-09 19:00:00.000000", "2019-02-11 05:09:12.195000"),
    ("DECADES-SOONER", "2019-02-11 05:09:12.195000", "1989-11-09 19:00:00.000000"),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let firsts = IN_THE_WINDOW.iter().chain(&FAR_AWAY).map(|(id, first, _)| (*id, *first));
    send(run, firsts.collect()).await?;
    run.generate(&["--flat-out", "--count", "100"]).await?;
    run.consume().await?;
    run.upload().await?;
    send(run, IN_THE_WINDOW.iter().map(|(id, _, again)| (*id, *again)).collect()).await?;
    absorb(run, IN_THE_WINDOW.len()).await?;
    run.pipeline.set_variable("REDSHIFT_DUPLICATE_WINDOW_DAYS", Some("unlimited"));
    send(run, FAR_AWAY.iter().map(|(id, _, again)| (*id, *again)).collect()).await?;
    absorb(run, FAR_AWAY.len()).await?;
    run.visualize().await
}

/// Loads what is nothing but doubles.
async fn absorb(run: &mut Run, count: usize) -> anyhow::Result<()> {
    run.consume().await?;
    let finished = run.pipeline.run("upload-data", &[]).await?;
    let (loaded, duplicates) = (finished.count("rows_loaded")?, finished.count("duplicates")?);
    ensure!(
        (loaded, duplicates) == (0, count as u64),
        "of {count} doubles {duplicates} were noticed, {loaded} loaded"
    );
    run.note("upload-data", duplicates, 0, finished.seconds);
    Ok(())
}

async fn send(run: &mut Run, events: Vec<(&str, &str)>) -> anyhow::Result<()> {
    let mut lines = String::new();
    for (id, at) in events {
        let body = event(id, json!({ "timestamp": at }));
        let line = json!({ "name": id, "verdict": "loaded", "id": id, "body": body });
        writeln!(lines, "{line}").context("write a message")?;
    }
    let path = run.pipeline.folder().join("messages.ndjson");
    std::fs::write(&path, lines).context("write the messages")?;
    run.send_messages(&path).await
}
