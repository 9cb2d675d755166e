//! Somebody writes an object anew under its old key while it is being loaded.

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::bad_objects::{gzip, lines};
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "rewritten-objects",
    about: "an object is written anew during COPY, COMMIT, archive copy and delete: what is new is loaded too",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults, Need::ConditionalDelete],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// Events in the object at first, and how many more later.
const OLD: usize = 20;
const NEW: usize = 5;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(60).to_string();
    for (number, operation) in
        ["COPY", "COMMIT", "CopyObject", "DeleteObject"].into_iter().enumerate()
    {
        run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
        run.consume().await?;
        let key = format!("events/20190211/00000{number}-rewritten.json.gz");
        let resource = match operation {
            "CopyObject" => format!("*archive/{key}"),
            "DeleteObject" => format!("*{key}"),
            _ => "*".to_owned(),
        };
        let hold = Rule::new("rewritten here", operation, Action::Hold(Moment::Before));
        rewrite_at(run, &key, hold.on(&resource).at_most(1))
            .await
            .with_context(|| format!("before {operation}"))?;
    }
    let left = run.probe.objects("events/").await?;
    ensure!(left.is_empty(), "the uploads left {left:?}");
    run.visualize().await
}

/// Plants an object, writes it anew when the upload is held by the rule, and lets two uploads do
/// the rest.
async fn rewrite_at(run: &mut Run, key: &str, hold: Rule) -> anyhow::Result<()> {
    let is_archived_before = hold.operation == "DeleteObject";
    let (old, new) = (format!("OLD-{key}"), format!("NEW-{key}"));
    let (old, new) = (old.replace(['/', '.'], "-"), new.replace(['/', '.'], "-"));
    let (old, new) = (&old[..30.min(old.len())], &new[..30.min(new.len())]);
    run.probe.put_object(key, gzip(&lines(old, OLD))).await?;
    run.set_faults(vec![hold]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, "rewritten here").await?;
    let rewritten = lines(old, OLD) + &lines(new, NEW);
    run.probe.put_object(key, gzip(&rewritten)).await?;
    let ids = (0..OLD).map(|number| format!("{old}-{number}"));
    let ids = ids.chain((0..NEW).map(|number| format!("{new}-{number}")));
    run.sent.extend(ids.map(|id| (format!("planted {id}"), Fate::Loaded { id })));
    ensure!(run.faults.release(Release::Continue) == 1, "the upload was not held");
    let finished = upload.finish().await?;
    run.faults.clear();
    let loaded = finished.count("rows_loaded")?;
    run.note("held upload", loaded + finished.count("duplicates")?, loaded, finished.seconds);
    let left = run.probe.objects("events/").await?;
    ensure!(left.iter().any(|it| it.ends_with(key)), "{key} was written anew and is gone");
    let archived = run.probe.objects("archive/").await?.iter().any(|it| it.ends_with(key));
    ensure!(
        archived == is_archived_before,
        "{key} is in the archive: {archived}, and it was written anew before that"
    );
    run.upload().await
}
