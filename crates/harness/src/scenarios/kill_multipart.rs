//! Objects that go to S3 in parts, and consumers that die on the way.

use std::io::Write;

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::plan::{Action, Calls, Rule};
use serde_json::json;

use super::hostile_bodies::event;
use super::stage::POLLING_TIMEOUT;
use super::steps::{Point, refuse};
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "kill-multipart",
    about: "SIGKILL before and after each call of an upload in parts; nobody ever sees half an object",
    default: false,
    needs: &[Need::ServiceFaults],
    expected_warnings: &["service unavailable, trying on", "given up, because the program stops"],
    body: |run| Box::pin(run_scenario(run)),
};

/// One batch, and a little more than a part of 8 MiB, compressed as well.
const MESSAGES: usize = 15;
const BODY_BYTES: usize = 600_000;
const CONSUME: [&str; 5] =
    ["--until-empty", "--sqs-polling-timeout", POLLING_TIMEOUT, "--batch-age-max", "20"];
/// Where the clock cannot be moved: what a victim held has to be waited for.
const CONSUME_SOON: [&str; 7] = [
    "--until-empty",
    "--sqs-polling-timeout",
    POLLING_TIMEOUT,
    "--batch-age-max",
    "8",
    "--visibility-timeout",
    "9",
];

/// Each with how many unfinished uploads are in the bucket then, those of the points before included.
const POINTS: [(Point, usize); 6] = [
    (Point::before("CreateMultipartUpload", "*/events/*"), 0),
    (Point::after("CreateMultipartUpload", "*/events/*"), 1),
    (Point::before("UploadPart", "*/events/*"), 2),
    (Point::after("UploadPart", "*/events/*"), 3),
    (Point::before("CompleteMultipartUpload", "*/events/*"), 4),
    (Point::after("CompleteMultipartUpload", "*/events/*"), 4),
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    send_large(run).await?;
    let consume = if run.clock.is_some() { &CONSUME[..] } else { &CONSUME_SOON };
    stop(run, consume).await?;
    for (point, unfinished_expected) in &POINTS {
        run.kill_at("consume-events", consume, point).await?;
        let stored = run.probe.objects("events/").await?.len();
        let is_complete = std::ptr::eq(point, &POINTS[POINTS.len() - 1].0);
        ensure!(stored == usize::from(is_complete), "{point}: {stored} objects are there");
        // They cost storage until a rule of the bucket's life cycle ends them: the README says so.
        let unfinished = run.probe.unfinished_uploads("events/").await?;
        ensure!(unfinished == *unfinished_expected, "{point}: {unfinished} unfinished uploads");
        run.let_hidden_messages_return().await?;
    }
    finish(run).await?;
    run.upload().await?;
    run.visualize().await
}

/// Nobody killed it: then nothing is left of an upload that came to nothing.
async fn stop(run: &Run, consume: &[&str]) -> anyhow::Result<()> {
    run.set_faults(vec![refuse("parts", "UploadPart", 503, "ServiceUnavailable")]);
    let flags = [&consume[1..], &["--stop-timeout", "0.5"]].concat();
    let mut consumer = run.pipeline.start("consume-events", &flags)?;
    run.until_hits(&mut consumer, "parts", 2).await?;
    let finished = consumer.terminate().await?;
    run.faults.clear();
    let (stored, unfinished) =
        (finished.count("stored")?, run.probe.unfinished_uploads("events/").await?);
    ensure!((stored, unfinished) == (0, 0), "{unfinished} unfinished uploads after a stop");
    if run.sqs.is_none() {
        // LocalStack goes on with a long poll when nobody waits for it any more, and hides what was
        // given back.
        return run.let_hidden_messages_return().await;
    }
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "{} messages were not given back", depth.in_flight);
    Ok(())
}

/// Lost answers on the way cost nothing: each message is received once more, and stored once.
async fn finish(run: &mut Run) -> anyhow::Result<()> {
    let lose = |name, operation| {
        Rule::new(name, operation, Action::Lose).on("*/events/*").calls(Calls::Numbers(vec![1]))
    };
    run.set_faults(vec![
        lose("lost part", "UploadPart"),
        lose("lost completion", "CompleteMultipartUpload"),
    ]);
    let finished = run.pipeline.run("consume-events", &CONSUME).await?;
    run.ensure_all_hit()?;
    run.faults.clear();
    run.note_consumed("consume-events", &finished)?;
    let (received, stored) = (finished.count("received")?, finished.count("stored")?);
    let sent = run.sent.len() as u64;
    ensure!((received, stored) == (sent, sent), "{received} received, {stored} stored of {sent}");
    Ok(())
}

pub(super) async fn send_large(run: &mut Run) -> anyhow::Result<()> {
    let path = run.pipeline.folder().join("messages.ndjson");
    let mut file = std::fs::File::create(&path).context("create the file of messages")?;
    let mut state = run.options.seed | 1;
    for number in 0..MESSAGES {
        let id = format!("LARGE-{number}");
        let body = event(&id, json!({ "more": noise(&mut state) }));
        let line = json!({ "name": id, "verdict": "loaded", "id": id, "body": body });
        writeln!(file, "{line}").context("write a message")?;
    }
    run.send_messages(&path).await
}

/// What no compressor makes much smaller: six bits of chance (xorshift) in each character.
fn noise(state: &mut u64) -> String {
    const CHARACTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let characters = std::iter::repeat_with(|| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        char::from(CHARACTERS[(*state >> 58) as usize])
    });
    characters.take(BODY_BYTES).collect()
}
