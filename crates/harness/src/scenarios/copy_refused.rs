//! S3 throttles COPY, and refuses it an object: that is no fault of what the object holds.

use anyhow::ensure;
use blueshift::Need;
use blueshift::faults::plan::{Calls, Rule};

use super::steps::{CONSUME, refuse};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "copy-refused",
    about: "S3 throttles COPY, refuses it one object for good: none is set aside, the rest is loaded",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// How `upload-data` ends when an object stays where it is.
const STUCK: i32 = 4;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(700).to_string();
    run.generate(&["--flat-out", "--count", &count, "--duplicates", "0.02"]).await?;
    run.consume().await?;
    let stored = run.probe.objects("events/").await?;
    ensure!(4 <= stored.len(), "{} objects are too few, of {CONSUME:?}", stored.len());
    // From the third object on S3 throttles for longer than anybody waits.
    let slow = |name| refuse(name, "GetObject", 503, "SlowDown").on("*/events/*");
    let numbers = Calls::Numbers((3..1_000).collect());
    expect(run, vec![slow("throttled for long").calls(numbers)], 1).await?;
    ensure!(run.probe.row_count().await? != 0, "the first load was not kept");
    let waiting = run.probe.objects("events/").await?;
    ensure!(2 <= waiting.len(), "{} objects still wait", waiting.len());
    // For a while, and one object is refused for good.
    let chosen = &waiting[run.options.seed as usize % waiting.len()];
    let denied = || refuse("denied", "GetObject", 403, "AccessDenied").on(&format!("*/{chosen}"));
    expect(run, vec![denied(), slow("throttled").at_most(9)], STUCK).await?;
    let left = run.probe.objects("events/").await?;
    ensure!(left == [chosen.as_str()], "{left:?} are left, {chosen} was refused");
    // Nothing else is there: then the rights may be to blame.
    expect(run, vec![denied()], 1).await?;
    run.faults.clear();
    run.upload().await?;
    let archived = run.probe.objects("archive/").await?.len();
    ensure!(archived == stored.len(), "{archived} of {} objects are archived", stored.len());
    run.visualize().await
}

/// Uploads with these faults, two objects at a time; nothing may be set aside.
async fn expect(run: &Run, rules: Vec<Rule>, exit_code: i32) -> anyhow::Result<()> {
    let names: Vec<_> = rules.iter().map(|rule| rule.name.clone()).collect();
    run.set_faults(rules);
    let upload = run.pipeline.start("upload-data", &["--objects-max", "2"])?.until_ended().await?;
    ensure!(upload.code() == Some(exit_code), "{names:?}: upload-data ended with {upload}");
    run.ensure_all_hit()?;
    let aside = run.probe.objects("rejected/").await?;
    ensure!(aside.is_empty(), "{names:?}: {aside:?} were set aside");
    Ok(())
}
