//! Objects that COPY cannot read, and rows that it cannot take, hold up nobody.

use std::io::Write;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::hostile_bodies::event;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "bad-objects",
    about: "a cut object, one that is no gzip and one with a bad row are set aside, the rest is loaded",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// How `upload-data` ends when it has done all it could.
pub(super) const LOOK: i32 = 4;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    run.consume().await?;
    let sound = run.probe.objects("events/").await?.len();
    // What they hold was not sent, but for one row: of a cut object nothing may be loaded.
    let good = event("GOOD-BESIDE-BAD", json!({ "user_id": "7" }));
    let bad = event("BAD-ROW", json!({ "user_id": "seven" }));
    let mixed = gzip(&format!("{good}\n{bad}\n"));
    run.sent.push(("planted".to_owned(), Fate::Loaded { id: "GOOD-BESIDE-BAD".to_owned() }));
    let planted = [
        ("events/20190211/000001-cut.json.gz", cut("CUT")),
        ("events/20190211/000002-no-gzip.json.gz", b"this was never compressed".to_vec()),
        ("events/20190211/000003-bad-row.json.gz", mixed),
    ];
    for (key, bytes) in &planted {
        run.probe.put_object(key, bytes.clone()).await?;
    }
    let upload = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    ensure!(upload.code() == Some(LOOK), "upload-data set things aside and ended with {upload}");
    for (key, bytes) in &planted {
        run.check_set_aside(key, bytes).await?;
    }
    let archived = run.probe.objects("archive/").await?.len();
    ensure!(sound <= archived, "{archived} objects are in the archive, {sound} are sound");
    // The next run finds nothing to do.
    let again = run.pipeline.run("upload-data", &[]).await?;
    ensure!(again.count("objects")? == 0, "objects were loaded again: {}", again.result);
    run.visualize().await
}

impl Run {
    /// An error unless the object lies under `rejected/` as it was, with the reasons beside it.
    pub(super) async fn check_set_aside(&self, key: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let aside = format!("rejected/{key}");
        let kept = self.probe.get_object(&aside).await?;
        ensure!(kept == bytes, "{aside} is not what was stored as {key}");
        let reasons = self.probe.get_object(&format!("{aside}.errors.json")).await?;
        let reasons: serde_json::Value =
            serde_json::from_slice(&reasons).with_context(|| format!("the reasons of {key}"))?;
        ensure!(reasons.as_array().is_some_and(|all| !all.is_empty()), "{key}: {reasons}");
        Ok(())
    }
}

/// The first half of an object of many events, whose ids begin with `id`.
pub(super) fn cut(id: &str) -> Vec<u8> {
    let whole = gzip(&lines(id, 200));
    whole[..whole.len() / 2].to_vec()
}

/// So many events, whose ids begin with `id`, a line each.
pub(super) fn lines(id: &str, count: usize) -> String {
    (0..count).map(|number| event(&format!("{id}-{number}"), json!({})) + "\n").collect()
}

pub(super) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}
