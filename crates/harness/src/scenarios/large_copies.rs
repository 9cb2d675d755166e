//! Objects that S3 does not copy in one call, as it does with those of more than 5 GB.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Calls, Moment, Rule};

use super::steps::refuse;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "large-copies",
    about: "objects too large for one CopyObject are archived in parts; SIGKILL in between loses none",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count]).await?;
    run.consume().await?;
    // One whose key tries to get out of its quotes; the ledger has to find it again.
    let first = run.probe.objects("events/").await?.swap_remove(0);
    let odd = run.probe.get_object(&first).await?;
    run.probe.put_object("events/20190211/000000-o'clock\\.json.gz", odd).await?;
    let mut stored = Vec::new();
    for key in run.probe.objects("events/").await? {
        stored.push((format!("archive/{key}"), run.probe.get_object(&key).await?));
    }
    // What S3 says of a source of more than 5 GB (S3 API Reference, "CopyObject").
    let too_large = || refuse("too large", "CopyObject", 400, "InvalidRequest").on("*/archive/*");
    // Not to be put together either: then nothing is left of the parts, and the objects stay.
    let denied = refuse("denied", "CompleteMultipartUpload", 403, "AccessDenied");
    run.set_faults(vec![too_large(), denied]);
    let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    run.ensure_all_hit()?;
    ensure!(ended.code() == Some(1), "S3 let no object go, and upload-data ended with {ended}");
    let left = run.probe.objects("events/").await?.len();
    ensure!(left == stored.len(), "{left} of {} objects are left", stored.len());
    unfinished(run, 0).await?;
    // Killed when all parts are there.
    let complete = Rule::new("complete", "CompleteMultipartUpload", Action::Hold(Moment::Before));
    run.set_faults(vec![too_large(), complete]);
    let mut victim = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut victim, "complete").await?;
    victim.kill().await?;
    run.faults.release(Release::Cut);
    let left = run.probe.objects("events/").await?.len();
    ensure!(left == stored.len(), "{left} of {} objects are left after a kill", stored.len());
    let killed = run.probe.unfinished_uploads("archive/").await?;
    // Put together, and nobody hears of it: the copy is there all the same.
    let lost = Rule::new("lost", "CompleteMultipartUpload", Action::Lose);
    run.set_faults(vec![too_large(), lost.calls(Calls::Numbers(vec![1]))]);
    let finished = run.pipeline.run("upload-data", &[]).await?;
    run.ensure_all_hit()?;
    run.faults.clear();
    let (loaded, archived) = (finished.count("rows_loaded")?, finished.count("archived")?);
    ensure!((loaded, archived) == (0, stored.len() as u64), "{loaded} rows, {archived} archived");
    for (key, bytes) in &stored {
        ensure!(run.probe.get_object(key).await? == *bytes, "{key} is not what was stored");
    }
    unfinished(run, killed).await?;
    run.visualize().await
}

async fn unfinished(run: &Run, expected: usize) -> anyhow::Result<()> {
    let count = run.probe.unfinished_uploads("archive/").await?;
    ensure!(count == expected, "{count} uploads to the archive are unfinished, not {expected}");
    Ok(())
}
