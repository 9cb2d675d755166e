//! SQS, S3 and Redshift accept calls and connections, and do not answer.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, ensure};
use blueshift::Need;
use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Rule};
use tokio::net::TcpListener;

use super::stage::POLLING_TIMEOUT;
use super::steps::{CONSUME, Point, refuse};
use super::{Run, Scenario};
use crate::pipeline::Running;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "held-services",
    about: "SQS, S3 or Redshift accept and do not answer: SIGTERM ends all soon, a second one at once, without one they go on",
    default: false,
    needs: &[Need::ServiceFaults, Need::StatementFaults],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// How long a program may take to end after SIGTERM. Shorter than one attempt of the SDK, so that a
/// program which only waits for that is caught.
const ENDS_WITHIN: Duration = Duration::from_secs(25);

/// How long a program may take to end after a second signal: less than any grace.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What Redshift is given after a stop, where nothing is to be gained by waiting.
const SHORT_GRACE: [&str; 2] = ["--stop-grace", "1"];

/// Batches that are open when the stop comes.
const PIPELINE: [&str; 7] = [
    "--parts",
    "generate-events,consume-events",
    "--flat-out",
    "--events",
    "2000",
    "--batch-age-max",
    "600",
];

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    run.pipeline.set_variable("AWS_SQS_POLLING_TIMEOUT", Some(POLLING_TIMEOUT));
    let count = run.events(300).to_string();
    run.generate(&["--flat-out", "--count", &count, "--malformed", "0.02"]).await?;
    run.consume().await?;
    let waiting = run.probe.objects("events/").await?;

    let ended = stop_at_mute_redshift(run).await.context("a mute Redshift")?;
    ensure!(ended.success(), "a mute Redshift: upload-data ended with {ended}");
    stop_at_statements(run).await?;
    stop_at_calls_of_s3(run, &waiting).await?;
    run.upload().await?;
    stop_after_commit(run).await?;

    let sending = Point::before("SendMessageBatch", "*");
    let flags = ["--flat-out", "--count", "200"];
    let (ended, said) = stop_at(run, "generate-events", &flags, &sending).await?;
    ensure!(ended.code() == Some(1), "{sending}: generate-events ended with {ended}");
    ensure!(said.contains("not answered within 5s of the stop"), "{sending}: it said {said}");
    stop_at_once(run).await?;

    // The consumers behind a generator that hangs give back what they hold.
    run.generate(&["--flat-out", "--count", "100"]).await?;
    // What comes back sooner than in an hour was given back.
    run.pipeline.set_variable("EVENTS_VISIBILITY_TIMEOUT", Some("3600"));
    let (ended, _) = stop_at(run, "run-pipeline", &PIPELINE, &sending).await?;
    run.pipeline.set_variable("EVENTS_VISIBILITY_TIMEOUT", None);
    ensure!(ended.code() == Some(1), "{sending}: run-pipeline ended with {ended}");
    let depth = run.probe.queue_depth().await?;
    ensure!(depth.in_flight == 0, "{} messages are hidden after a stop", depth.in_flight);
    run.consume().await?;

    one_call_without_an_answer(run).await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}

/// Redshift takes a statement and does not answer: it has its grace, then the load is given up, and
/// nothing of it is in the table.
async fn stop_at_statements(run: &mut Run) -> anyhow::Result<()> {
    for operation in ["BEGIN", "LOCK", "COPY", "INSERT", "COMMIT"] {
        let point = Point::before(operation, "*");
        let (ended, said) = stop_at(run, "upload-data", &SHORT_GRACE, &point).await?;
        // Waiting for the ledger is waiting for work.
        let code = if operation == "LOCK" { 0 } else { 1 };
        ensure!(ended.code() == Some(code), "{point}: upload-data ended with {ended}: {said}");
        let is_given_up = said.contains("no answer within 1s of the stop");
        ensure!(is_given_up == (code == 1), "{point}: it said {said}");
        let rows = run.probe.row_count().await?;
        ensure!(rows == 0, "{point}: {rows} rows are in the table");
    }
    Ok(())
}

async fn stop_at_calls_of_s3(run: &mut Run, waiting: &[String]) -> anyhow::Result<()> {
    // Nothing is begun when the listing is cut short, nothing is loaded without a manifest, and
    // after COMMIT the rows are there.
    let listing = Point::before("ListObjectsV2", "*");
    let (ended, _) = stop_at(run, "upload-data", &[], &listing).await?;
    ensure!(ended.success(), "{listing}: upload-data ended with {ended}");
    // What S3 says of an object that it does not copy in one call.
    let parts = || vec![refuse("too large", "CopyObject", 400, "InvalidRequest").on("*/archive/*")];
    // Copies have the whole grace, everything else has five seconds.
    let grace = ["--stop-grace", "7"];
    for (point, others, is_loaded, waited) in [
        (Point::before("PutObject", "*/manifests/*"), vec![], false, "5s"),
        (Point::before("CopyObject", "*/archive/*"), vec![], true, "7s"),
        (Point::before("DeleteObject", "*/events/*"), vec![], true, "5s"),
        (Point::before("HeadObject", "*/events/*"), parts(), true, "5s"),
        (Point::before("CreateMultipartUpload", "*/archive/*"), parts(), true, "5s"),
        (Point::before("UploadPartCopy", "*/archive/*"), parts(), true, "7s"),
    ] {
        let (ended, said) = stop_among(run, "upload-data", &grace, &point, others).await?;
        ensure!(ended.code() == Some(1), "{point}: upload-data ended with {ended}");
        let reason = format!("none within {waited} of the stop");
        ensure!(said.contains(&reason), "{point}: it said {said}");
        let rows = run.probe.row_count().await?;
        ensure!((rows != 0) == is_loaded, "{point}: {rows} rows are in the table");
        let left = run.probe.objects("events/").await?;
        ensure!(left == waiting, "{point}: {left:?} are left of {waiting:?}");
        let parts = run.probe.unfinished_uploads("archive/").await?;
        ensure!(parts == 0, "{point}: {parts} uploads to the archive are unfinished");
    }
    Ok(())
}

/// COMMIT took effect, and its answer never comes: the ledger tells the next run.
async fn stop_after_commit(run: &mut Run) -> anyhow::Result<()> {
    run.generate(&["--flat-out", "--count", "100"]).await?;
    run.consume().await?;
    let before = run.probe.row_count().await?;
    let point = Point::after("COMMIT", "*");
    let (ended, said) = stop_at(run, "upload-data", &SHORT_GRACE, &point).await?;
    ensure!(ended.code() == Some(1), "{point}: upload-data ended with {ended}");
    ensure!(said.contains("the outcome of COMMIT is unknown"), "{point}: it said {said}");
    let finished = run.pipeline.run("upload-data", &[]).await?;
    let (loaded, rows) = (finished.count("rows_loaded")?, run.probe.row_count().await? - before);
    ensure!((loaded, rows) == (0, 100), "{point}: {loaded} rows loaded again, {rows} there");
    Ok(())
}

/// The second signal does not wait for what the first one waits for.
async fn stop_at_once(run: &mut Run) -> anyhow::Result<()> {
    run.generate(&["--flat-out", "--count", "20"]).await?;
    let consume = ("consume-events", &CONSUME[..], Point::before("PutObject", "*/events/*"));
    second_signal(run, consume, Running::interrupt, 130).await?;
    run.let_hidden_messages_return().await?;
    run.consume().await?;
    let upload = ("upload-data", &[][..], Point::before("COPY", "*"));
    second_signal(run, upload, Running::ask_to_stop, 143).await?;
    let send = Point::before("SendMessageBatch", "*");
    let generate = ("generate-events", &["--flat-out", "--count", "20"][..], send);
    second_signal(run, generate, Running::interrupt, 130).await?;
    let send = Point::before("SendMessageBatch", "*");
    let all = ("run-pipeline", &["--parts", "generate-events", "--flat-out"][..], send);
    second_signal(run, all, Running::ask_to_stop, 143).await
}

/// Starts a program, holds every call at that point, and sends the signal twice.
async fn second_signal(
    run: &Run,
    (program, flags, point): (&str, &[&str], Point),
    signal: fn(&Running) -> anyhow::Result<()>,
    expected: i32,
) -> anyhow::Result<()> {
    run.set_faults(vec![hold("held", point.operation).on(point.resource)]);
    let mut running = run.start_forgetful(program, flags)?;
    run.until_held(&mut running, "held").await?;
    signal(&running)?;
    run.until_said(&mut running, "stopping; once more to stop at once", 1).await?;
    signal(&running)?;
    let said = running.log().with_extension("txt");
    let ended = tokio::time::timeout(AT_ONCE, running.until_ended()).await;
    run.faults.release(Release::Cut);
    run.faults.clear();
    let ended = ended.with_context(|| format!("{program} runs {AT_ONCE:?} after the second"))??;
    let code = ended.code();
    ensure!(code == Some(expected), "after two signals {program} ended with {ended}");
    let said = std::fs::read_to_string(&said).context("read what it said")?;
    ensure!(said.contains("stopped at once"), "{program} said {said}");
    Ok(())
}

/// One call that is never answered costs an attempt, and no more.
async fn one_call_without_an_answer(run: &mut Run) -> anyhow::Result<()> {
    let manifest = hold("manifest", "PutObject").on("*/manifests/*").at_most(1);
    run.set_faults(vec![manifest, hold("batch", "SendMessageBatch").at_most(1)]);
    let mut upload = run.pipeline.start("upload-data", &[])?;
    run.until_held(&mut upload, "manifest").await?;
    run.generate(&["--flat-out", "--count", "100"]).await.context("one batch without an answer")?;
    let finished = upload.finish().await.context("after one PutObject without an answer")?;
    let loaded = finished.count("rows_loaded")?;
    run.note("upload-data", loaded + finished.count("duplicates")?, loaded, finished.seconds);
    run.ensure_all_hit()?;
    run.faults.release(Release::Cut);
    run.faults.clear();
    Ok(())
}

/// Starts an upload before a Redshift that accepts connections and says nothing, and stops it.
async fn stop_at_mute_redshift(run: &mut Run) -> anyhow::Result<ExitStatus> {
    let mute = TcpListener::bind(("127.0.0.1", 0)).await.context("listen")?;
    let port = mute.local_addr()?.port().to_string();
    let names = ["REDSHIFT_HOST", "REDSHIFT_PORT"];
    let own = names.map(|name| run.pipeline.variable(name));
    for (name, value) in names.into_iter().zip(["127.0.0.1", port.as_str()]) {
        run.pipeline.set_variable(name, Some(value));
    }
    let mut upload = run.pipeline.start("upload-data", &[])?;
    for (name, value) in names.into_iter().zip(&own) {
        run.pipeline.set_variable(name, value.as_deref());
    }
    let accepted = async { mute.accept().await.context("accept a connection") };
    let _connection = upload.meanwhile(accepted).await?;
    Ok(stop(upload).await?.0)
}

fn hold(name: &str, operation: &str) -> Rule {
    Rule::new(name, operation, Action::Hold(Moment::Before))
}

/// Starts a program, holds every call at that point, and sends SIGTERM: it must end soon all the
/// same. What is held has no effect. Returns how it ended and what it said.
async fn stop_at(
    run: &Run,
    program: &str,
    flags: &[&str],
    point: &Point,
) -> anyhow::Result<(ExitStatus, String)> {
    stop_among(run, program, flags, point, vec![]).await
}

/// [`stop_at`] among other faults.
async fn stop_among(
    run: &Run,
    program: &str,
    flags: &[&str],
    point: &Point,
    others: Vec<Rule>,
) -> anyhow::Result<(ExitStatus, String)> {
    let mut rules = vec![hold("held", point.operation).on(point.resource)];
    rules[0].action = Action::Hold(point.moment);
    rules.extend(others);
    run.set_faults(rules);
    let mut running = run.pipeline.start(program, flags)?;
    run.until_held(&mut running, "held").await.with_context(|| point.to_string())?;
    let ended = stop(running).await.with_context(|| point.to_string());
    run.faults.release(Release::Cut);
    run.faults.clear();
    ended
}

/// SIGTERM, and how it ends.
async fn stop(running: Running) -> anyhow::Result<(ExitStatus, String)> {
    running.ask_to_stop()?;
    let said = running.log().with_extension("txt");
    let ended = tokio::time::timeout(ENDS_WITHIN, running.until_ended()).await;
    let ended = ended.with_context(|| format!("it still runs {ENDS_WITHIN:?} after SIGTERM"))??;
    Ok((ended, std::fs::read_to_string(&said).context("read what it said")?))
}
