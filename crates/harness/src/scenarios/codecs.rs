//! Objects of both kinds of compression in one load.

use anyhow::ensure;

use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "codecs",
    about: "GZIP and ZSTD objects wait for one upload; COPY takes one kind at a time",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(400).to_string();
    for compression in ["gzip", "zstd"] {
        run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.05"]).await?;
        let flags = [&CONSUME[..], &["--compression", compression]].concat();
        let finished = run.pipeline.run("consume-events", &flags).await?;
        run.note_consumed(compression, &finished)?;
    }
    let keys = run.probe.objects("events/").await?;
    for ending in [".json.gz", ".json.zst"] {
        ensure!(keys.iter().any(|key| key.ends_with(ending)), "no {ending} among {keys:?}");
    }
    run.upload().await?;
    run.visualize().await
}
