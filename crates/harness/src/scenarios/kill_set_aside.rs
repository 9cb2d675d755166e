//! An upload is killed while it sets aside what COPY refuses.

use anyhow::ensure;
use blueshift::Need;
use serde_json::json;

use super::bad_objects::{LOOK, cut, gzip};
use super::hostile_bodies::event;
use super::steps::Point;
use super::{Run, Scenario};
use crate::ledger::Fate;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-set-aside",
    about: "SIGKILL before and after each call that sets a refused object, or a bad row, aside",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["bad rows left out", "object set aside"],
    body: |run| Box::pin(run_scenario(run)),
};

/// An object that COPY refuses: the copy, the reasons, the original.
const WHOLE: [Point; 6] = [
    Point::before("CopyObject", "*/rejected/*"),
    Point::after("CopyObject", "*/rejected/*"),
    Point::before("PutObject", "*/rejected/*.errors.json"),
    Point::after("PutObject", "*/rejected/*.errors.json"),
    Point::before("DeleteObject", "*/events/*-bad.*"),
    Point::after("DeleteObject", "*/events/*-bad.*"),
];
/// An object of which COPY refuses a row: what is kept before COMMIT.
const ROWS: [Point; 5] = [
    Point::before("CopyObject", "*/rejected/*"),
    Point::after("CopyObject", "*/rejected/*"),
    Point::before("PutObject", "*/rejected/*.errors.json"),
    Point::after("PutObject", "*/rejected/*.errors.json"),
    Point::before("CopyObject", "*/archive/*-bad.*"),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    for (index, point) in WHOLE.iter().enumerate() {
        let refused = cut(&format!("CUT-{index}"));
        let is_last = index + 1 == WHOLE.len();
        die_and_go_on(run, point, &format!("whole-{index}"), refused, !is_last).await?;
    }
    for (index, point) in ROWS.iter().enumerate() {
        let (good, bad) = (format!("GOOD-{index}"), format!("BAD-{index}"));
        let good_line = event(&good, json!({ "user_id": "7" }));
        let bad_line = event(&bad, json!({ "user_id": "seven" }));
        let mixed = gzip(&format!("{good_line}\n{bad_line}\n"));
        run.sent.push((format!("planted {good}"), Fate::Loaded { id: good }));
        // When the ledger knows the object, nobody looks at its rows again.
        let is_last = index + 1 == ROWS.len();
        die_and_go_on(run, point, &format!("rows-{index}"), mixed, !is_last).await?;
    }
    run.visualize().await
}

/// Beside sound objects in some cases: without them a refused one is set aside by another way.
/// `is_open` is whether there is something to be set aside after the kill.
async fn die_and_go_on(
    run: &mut Run,
    point: &Point,
    name: &str,
    bytes: Vec<u8>,
    is_open: bool,
) -> anyhow::Result<()> {
    if run.options.seed.wrapping_add(name.bytes().map(u64::from).sum()).is_multiple_of(2) {
        run.generate(&["--flat-out", "--count", "20"]).await?;
        run.consume().await?;
    }
    let key = format!("events/20190211/000001-{name}-bad.json.gz");
    let aside = format!("rejected/{key}");
    run.probe.put_object(&key, bytes.clone()).await?;
    run.kill_at("upload-data", &[], point).await?;
    let mut is_safe = false;
    for key in [&key, &aside] {
        is_safe |= run.probe.get_object(key).await.is_ok_and(|kept| kept == bytes);
    }
    ensure!(is_safe, "{point}: {key} is lost");
    // LocalStack knows no conditional DeleteObject: the first one of a program has no effect there.
    let is_kept = point.operation == "DeleteObject" && run.probe.get_object(&key).await.is_ok();
    let is_open = is_open || (is_kept && run.sqs.is_none());
    let ended = run.pipeline.start("upload-data", &[])?.until_ended().await?;
    let expected = if is_open { LOOK } else { 0 };
    ensure!(ended.code() == Some(expected), "{point}: the next upload-data ended with {ended}");
    run.check_set_aside(&key, &bytes).await?;
    let left = run.probe.objects("events/").await?;
    ensure!(left.is_empty(), "{point}: {left:?} still wait after the next run");
    Ok(())
}
