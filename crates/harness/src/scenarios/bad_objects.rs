//! Objects that COPY cannot read, and rows that it cannot take, hold up nobody.

use std::io::Write;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

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
const SET_ASIDE: i32 = 4;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    run.consume().await?;
    let sound = run.probe.objects("events/").await?.len();
    let model = run.probe.stored_events("events/").await?;
    let model = model.first().context("nothing is stored")?;
    let with = |id: &str, user: serde_json::Value| {
        let mut event = model.clone();
        event["id"] = json!(id);
        event["user_id"] = user;
        format!("{event}\n")
    };
    // What it holds was not sent: of a cut object nothing may be loaded.
    let cut = gzip(&(0..200).map(|n| with(&format!("CUT-{n}"), json!("1"))).collect::<String>());
    let mixed = gzip(&(with("GOOD-BESIDE-BAD", json!("7")) + &with("BAD-ROW", json!("seven"))));
    run.sent.push(("planted".to_owned(), Fate::Loaded { id: "GOOD-BESIDE-BAD".to_owned() }));
    let planted = [
        ("events/20190211/000001-cut.json.gz", cut[..cut.len() / 2].to_vec()),
        ("events/20190211/000002-no-gzip.json.gz", b"this was never compressed".to_vec()),
        ("events/20190211/000003-bad-row.json.gz", mixed),
    ];
    for (key, bytes) in &planted {
        run.probe.put_object(key, bytes.clone()).await?;
    }
    let upload = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    ensure!(
        upload.code() == Some(SET_ASIDE),
        "upload-data set things aside and ended with {upload}"
    );
    for (key, bytes) in &planted {
        let aside = format!("rejected/{key}");
        let kept = run.probe.get_object(&aside).await?;
        ensure!(kept == *bytes, "{aside} is not what was stored as {key}");
        let reasons = run.probe.get_object(&format!("{aside}.errors.json")).await?;
        let reasons: serde_json::Value =
            serde_json::from_slice(&reasons).with_context(|| format!("the reasons of {key}"))?;
        ensure!(reasons.as_array().is_some_and(|all| !all.is_empty()), "{key}: {reasons}");
    }
    let archived = run.probe.objects("archive/").await?.len();
    ensure!(sound <= archived, "{archived} objects are in the archive, {sound} are sound");
    // The next run finds nothing to do.
    let again = run.pipeline.run("upload-data", &[]).await?;
    ensure!(again.count("objects")? == 0, "objects were loaded again: {}", again.result);
    run.visualize().await
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}
