//! What is sent back is refused again, or taken out by two at once.

use std::time::Duration;

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};

use super::redrive::{send_back, send_defective};
use super::rejected_denied::STAY;
use super::steps::CONSUME;
use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "redrive-again",
    about: "dead letters that come back while they are sent are sent once; two who send from one object undo nothing",
    default: false,
    needs: &[Need::ServiceFaults, Need::Clock],
    expected_warnings: &["no dead-letter queue, malformed messages go to rejected/messages/"],
    body: |run| Box::pin(run_scenario(run)),
};

/// A redrive that sends again what it has sent never ends.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// How long it may take to end at a bucket that does not answer. An attempt takes two minutes.
const STOPS_WITHIN: Duration = Duration::from_secs(40);

/// The first redrive is held before it writes what is left of the object.
const RULE: &str = "first rest";

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let count = run.events(30);
    send_defective(run, "AGAIN", usize::try_from(count).context("that many")?).await?;
    run.consume().await?;
    let consumer = run.pipeline.start("consume-events", &STAY)?;
    let redrive = run.pipeline.run("consume-events", &["dead-letters", "redrive"]);
    let redriven = tokio::time::timeout(ENDS_WITHIN, redrive).await;
    let redriven = redriven.context("the redrive sends for ever what comes back")??;
    let sent = redriven.count("sent")?;
    ensure!(sent == count, "{sent} messages were sent back for {count} dead letters");
    consumer.terminate().await?;
    run.consume().await?;
    send_back(run, &[], &[]).await?;
    run.consume().await?;
    two_at_once(run).await?;
    run.upload().await?;
    run.visualize().await
}

/// Two send different messages of one object back: who writes last does not undo the other.
async fn two_at_once(run: &mut Run) -> anyhow::Result<()> {
    let queue = run.pipeline.variable("AWS_SQS_DEAD_LETTER_NAME");
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", Some("not-there"));
    send_defective(run, "TWO", 3).await?;
    run.pipeline.run("consume-events", &CONSUME).await?;
    let objects = run.probe.objects("rejected/messages/").await?;
    ensure!(objects.len() == 1, "the messages are in {objects:?}, not in one object");

    let redrive = |id| ["dead-letters", "redrive", "--from-rejected", "--id", id];
    let rest = Rule::new(RULE, "PutObject", Action::Hold(Moment::Before)).on("*/rejected/*");
    run.set_faults(vec![rest.clone()]);
    let mut stopped = run.pipeline.start("consume-events", &redrive("TWO-0"))?;
    run.until_held(&mut stopped, RULE).await?;
    stopped.ask_to_stop()?;
    let ended = tokio::time::timeout(STOPS_WITHIN, stopped.until_ended()).await;
    let ended =
        ended.with_context(|| format!("it still runs {STOPS_WITHIN:?} after SIGTERM"))??;
    ensure!(ended.code() == Some(1), "who cannot take out what he sent ended with {ended}");
    run.faults.release(Release::Cut);
    run.set_faults(vec![rest.at_most(1)]);
    let mut first = run.pipeline.start("consume-events", &redrive("TWO-0"))?;
    run.until_held(&mut first, RULE).await?;
    run.pipeline.run("consume-events", &redrive("TWO-1")).await?;
    run.faults.release(Release::Continue);
    let ended = first.until_ended().await?;
    run.faults.clear();
    let left = run.probe.stored_events("rejected/messages/").await?;
    let mut left: Vec<&str> = left.iter().filter_map(|it| it["event_id"].as_str()).collect();
    left.sort_unstable();
    ensure!(left == ["TWO-0", "TWO-2"], "{left:?} are left: the later one undid the other");
    ensure!(ended.code() == Some(1), "who could not take out what he sent ended with {ended}");
    // As wrong as they were, they are rejected again.
    run.pipeline.run("consume-events", &CONSUME).await?;
    send_back(run, &[], &["--from-rejected"]).await?;
    run.pipeline.set_variable("AWS_SQS_DEAD_LETTER_NAME", queue.as_deref());
    run.consume().await
}
