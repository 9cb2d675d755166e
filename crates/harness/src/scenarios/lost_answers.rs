//! Calls take effect, but their answers never arrive.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Action, Calls, Rule};

use super::steps::share;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "lost-answers",
    about: "answers of put, delete, dead letter, COPY and COMMIT are lost; nothing doubles",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults],
    expected_warnings: &[
        "service unavailable, trying on",
        "messages not acknowledged, they will come again",
        "outcome of COMMIT unknown, asking the ledger",
        "load starts over",
    ],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(1_500).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.02", "--duplicates", "0.02"])
        .await?;
    let first = || Calls::Numbers(vec![1]);
    run.set_faults(vec![
        Rule::new("first put", "PutObject", Action::Lose).on("*/events/*").calls(first()),
        Rule::new("puts", "PutObject", Action::Lose).on("*/events/*").calls(share(0.2)),
        Rule::new("deletes", "DeleteMessageBatch", Action::Lose).calls(share(0.2)),
        Rule::new("letters", "SendMessageBatch", Action::Lose).calls(first()),
    ]);
    run.consume().await?;
    ensure!(run.faults.journal().iter().any(|hit| hit.rule == "letters"), "no letter was lost");
    ensure!(run.faults.hits("first put") != 0, "no put was lost");
    ensure!(run.faults.hits("deletes") != 0, "no delete was lost");
    run.set_faults(vec![
        Rule::new("copy", "COPY", Action::Lose).at_most(1),
        Rule::new("commit", "COMMIT", Action::Lose).at_most(1),
    ]);
    let finished = run.pipeline.run("upload-data", &[]).await?;
    run.ensure_all_hit()?;
    let loaded = finished.count("rows_loaded")?;
    let rows = run.probe.row_count().await?;
    ensure!(rows == loaded, "the upload says {loaded} rows, the table says {rows}");
    run.note("upload-data", loaded + finished.count("duplicates")?, loaded, finished.seconds);

    // The same silence, but this time COMMIT did not count.
    run.generate(&["--flat-out", "--count", "200"]).await?;
    run.consume().await?;
    run.set_faults(vec![Rule::new("commit", "COMMIT", Action::Cut).at_most(1)]);
    run.upload().await?;
    run.ensure_all_hit()?;
    run.visualize().await
}
