//! What a program has to say goes nowhere.

use std::fs::OpenOptions;

use anyhow::{Context, ensure};

use super::stage::POLLING_TIMEOUT;
use super::{Run, Scenario};
use crate::ledger::Fate;
use crate::pipeline::Running;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "full-stdout",
    about: "run-pipeline with a stdout that takes nothing: all parts end in order, and the code is 1",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.pipeline.set_variable("AWS_SQS_POLLING_TIMEOUT", Some(POLLING_TIMEOUT));
    // What comes back sooner than in an hour was given back.
    run.pipeline.set_variable("EVENTS_VISIBILITY_TIMEOUT", Some("3600"));
    let count = run.events(300);
    let seeds = [0, 1].map(|number| run.options.seed.wrapping_add(number).to_string());

    // To its limit: all that was sent is in the table.
    let (events, seed) = (count.to_string(), ["--seed", &seeds[0]]);
    let flags = ["--batch-age-max", "0.5", "--flat-out", "--events", &events];
    let limited = [&seed[..], &flags].concat();
    end(start(run, &limited)?).await.context("to its limit")?;
    let rows = run.probe.row_count().await?;
    ensure!(rows == count, "{rows} rows are in the table, {count} events were sent");

    // Until SIGTERM, and then with a batch that is still open.
    let endless = ["--batch-age-max", "2", "--seed", &seeds[1], "--rate", "200"];
    let mut running = start(run, &endless)?;
    let stored = run.probe.wait_until("something is stored", async |probe| {
        let depth = probe.queue_depth().await?;
        Ok(!probe.objects("events/").await?.is_empty() && depth.in_flight != 0)
    });
    running.meanwhile(stored).await?;
    running.ask_to_stop()?;
    end(running).await.context("after SIGTERM")?;
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "{} messages are hidden after a stop", depth.in_flight);
    run.consume().await?;
    run.upload().await?;
    // The programs could not say what they sent: each stored event must be there once.
    for (number, event) in run.probe.stored_events("archive/").await?.into_iter().enumerate() {
        let id = event["id"].as_str().context("an archived event has no id")?.to_owned();
        run.sent.push((format!("stored {number}"), Fate::Loaded { id }));
    }
    run.visualize().await
}

/// Starts the pipeline with a device for its stdout that is always full.
fn start(run: &Run, flags: &[&str]) -> anyhow::Result<Running> {
    let full = OpenOptions::new().write(true).open("/dev/full").context("open /dev/full")?;
    run.pipeline.start_into("run-pipeline", flags, full)
}

/// It must end with 1 and say why, part by part, without a panic.
async fn end(running: Running) -> anyhow::Result<()> {
    let said = running.log().with_extension("txt");
    let ended = running.until_ended().await?;
    let said = std::fs::read_to_string(&said).context("read what it said")?;
    ensure!(!said.contains("panicked"), "it panicked: {said}");
    ensure!(ended.code() == Some(1), "it ended with {ended}");
    for part in ["generate-events", "consume-events"] {
        let line =
            said.lines().find(|line| line.contains("print the result") && line.contains(part));
        ensure!(line.is_some(), "nothing is said about the result of {part}: {said}");
    }
    Ok(())
}
