//! Starts the parts together and ends them in order.
//!
//! ```text
//! stop ─► generator ─► consumers store what they hold ─► upload ends ─► charts end
//!                      └ with a limit: until the queue is empty
//!                                                        └ one more    └ one more
//! ```

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use generate_events::GenerateError;
use generate_events::config::Input;
use runtime::failure;
use runtime::metrics::{Health, Metrics};
use runtime::periodic::{Done, Periodic};
use runtime::run_record::{Place, RunRecord};
use runtime::schedule::{Runs, Schedule};
use runtime::telemetry::Format;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::flags::{PartName, RunArgs};
use crate::parts::Configs;
use crate::results::{self, Sums};
use crate::supervise::{Part, keep_running};

const GENERATE: &str = "generate-events";
const CONSUME: &str = "consume-events";
const UPLOAD: &str = "upload-data";
const VISUALIZE: &str = "visualize";

/// How long the generator may take to end: longer than SQS has to answer for its last batches.
const GENERATOR_ENDS_WITHIN: Duration = Duration::from_secs(20);

/// How long any other part may. Each ends by itself much sooner; the upload, after its grace.
const ENDS_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How long the last load and the last charts have together after a signal; then they are stopped
/// as those before were.
const FINAL_TIME_MAX: Duration = Duration::from_secs(5 * 60);

/// Everything a run needs.
#[derive(Debug)]
pub struct Pipeline {
    /// How to run.
    pub args: RunArgs,
    /// What the parts do.
    pub configs: Configs,
    /// Where records of runs are kept.
    pub place: Option<Place>,
    /// The figures of all parts.
    pub metrics: Metrics,
    /// The health of all parts.
    pub health: Health,
}

/// Why everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// `shutdown` was cancelled.
    Signal,
    /// So many events, or so many seconds.
    Limit,
    /// A part failed for good.
    GivenUp,
}

/// A part that runs.
struct Running<T> {
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<T>>,
}

impl<T> Running<T> {
    /// Stops it and waits for its end, which comes within the part's ceiling.
    async fn end(self) -> anyhow::Result<T> {
        self.stop.cancel();
        self.task.await.unwrap_or_else(|panic| Err(anyhow!(panic)))
    }
}

/// Runs until a limit is reached, a part is given up, or `shutdown` is cancelled; answers with the
/// exit code.
///
/// # Errors
/// If a limit and the parts contradict each other.
pub async fn run(pipeline: Pipeline, shutdown: &CancellationToken) -> anyhow::Result<u8> {
    let args = &pipeline.args;
    if args.events.is_some() && !args.parts.contains(&PartName::GenerateEvents) {
        bail!("--events counts what generate-events sends, and --parts leaves that out");
    }
    // Boxed, as the parts are: their types together are deeper than the compiler looks.
    Box::pin(Arc::new(pipeline).run(shutdown)).await
}

impl Pipeline {
    async fn run(self: Arc<Self>, shutdown: &CancellationToken) -> anyhow::Result<u8> {
        let given_up = CancellationToken::new();
        let has = |part| self.args.parts.contains(&part);
        let sent = CancellationToken::new();
        let mut generator = has(PartName::GenerateEvents).then(|| {
            let (this, sent) = (Arc::clone(&self), sent.clone());
            spawn((GENERATE, GENERATOR_ENDS_WITHIN), &given_up, async move |stop| {
                let sums = this.generate(&stop).await;
                sent.cancel();
                sums
            })
        });
        let consumer_count = if has(PartName::ConsumeEvents) { self.args.consumers } else { 0 };
        let consumers: Vec<_> = (0..consumer_count)
            .map(|index| {
                let this = Arc::clone(&self);
                let health = self.health_of_consumer(index);
                let part = (CONSUME, ENDS_WITHIN);
                spawn(part, &given_up, async move |stop| this.consume(&health, &stop).await)
            })
            .collect();
        let upload = has(PartName::UploadData).then(|| {
            let this = Arc::clone(&self);
            let part = (UPLOAD, self.upload_ends_within());
            spawn(part, &given_up, async move |stop| Ok(this.upload(&stop).await))
        });
        let charts = has(PartName::Visualize).then(|| {
            let this = Arc::clone(&self);
            let part = (VISUALIZE, ENDS_WITHIN);
            spawn(part, &given_up, async move |stop| Ok(this.visualize(&stop).await))
        });
        let end = self.wait(shutdown, &sent, &given_up).await;
        tracing::info!(because = ?end, "stopping: generator, consumers, upload, charts");
        let mut codes = Runs::default();
        if let Some(generator) = generator.take() {
            let outcome = generator.end().await;
            self.settle(GENERATE, outcome, &mut codes);
        }
        self.end_consumers(consumers, end, shutdown, &mut codes).await;
        let once_more = end == End::Limit || (end == End::Signal && self.args.final_upload);
        let is_loading = upload.is_some();
        if let Some(upload) = upload {
            codes.add(self.exit_code(UPLOAD, upload.end().await));
        }
        let last = once_more.then(|| stop_of_last_runs(end, shutdown));
        if let (true, Some(last)) = (is_loading, &last) {
            codes.add(self.upload_once(last).await);
        }
        if let Some(charts) = charts {
            codes.add(self.exit_code(VISUALIZE, charts.end().await));
            if let Some(last) = &last {
                codes.add(self.visualize_once(last).await);
            }
        }
        Ok(codes.exit_code)
    }

    /// Longer than Redshift has for the load in hand.
    fn upload_ends_within(&self) -> Duration {
        ENDS_WITHIN + self.configs.upload.as_ref().map_or(Duration::ZERO, |it| it.stop_grace)
    }

    async fn wait(
        &self,
        shutdown: &CancellationToken,
        sent: &CancellationToken,
        given_up: &CancellationToken,
    ) -> End {
        let time_is_up = async {
            match self.args.duration {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => End::Signal,
            () = given_up.cancelled() => End::GivenUp,
            () = sent.cancelled(), if self.args.events.is_some() => End::Limit,
            () = time_is_up => End::Limit,
        }
    }

    /// Stops the consumers together; after a limit one more empties the queue.
    async fn end_consumers(
        &self,
        consumers: Vec<Running<Sums>>,
        end: End,
        shutdown: &CancellationToken,
        codes: &mut Runs,
    ) {
        if consumers.is_empty() {
            return;
        }
        consumers.iter().for_each(|consumer| consumer.stop.cancel());
        // Each result counts on from the one before, as the figures that they share do.
        let mut sums = Ok(Sums::default());
        for consumer in consumers {
            sums = results::latest(sums, consumer.end().await);
        }
        if let (End::Limit, Ok(_), Some(drain)) = (end, &sums, &self.configs.drain) {
            let span = tracing::info_span!("part", name = CONSUME);
            let health = self.health.part(CONSUME);
            let drained = self.consume_once(drain, &health, shutdown);
            let drained = drained.instrument(span).await;
            sums = results::latest(sums, drained);
        }
        self.settle(CONSUME, sums, codes);
    }

    async fn generate(&self, stop: &CancellationToken) -> anyhow::Result<Sums> {
        let part = Part::new(GENERATE, &self.metrics, self.health.part(GENERATE));
        let sent = Mutex::new(Sums::default());
        keep_running(&part, self.args.failures_max.into(), stop, async || {
            let sums = || sent.lock().unwrap_or_else(PoisonError::into_inner);
            let config = self.rest_to_send(sums().count("sent"), part.restarts.get());
            let outcome = Box::pin(generate_events::run(&config, stop)).await;
            if let Ok(summary) | Err(GenerateError::Interrupted { sent: summary, .. }) = &outcome {
                sums().add(&Sums::of(summary)?);
            }
            outcome.map(|_| ()).or_else(generate_events::hinted)
        })
        .await?;
        Ok(sent.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is left after `sent_count` messages. Another start has another seed, or it would send
    /// the same events again.
    fn rest_to_send(&self, sent_count: u64, restart_count: u64) -> generate_events::Config {
        let mut config = self.configs.generate.clone().expect("generate-events runs");
        config.metrics = self.metrics.part(GENERATE);
        config.show_progress = false;
        if let Input::Random { count, seed, .. } = &mut config.input {
            *count = count.map(|count| count.saturating_sub(sent_count));
            *seed = seed.map(|seed| seed.wrapping_add(restart_count));
        }
        config
    }

    /// Each has its own, so that one that is well does not hide another that is not.
    fn health_of_consumer(&self, index: u8) -> Health {
        if 1 < self.args.consumers {
            self.health.part(&format!("{CONSUME} {}", index + 1))
        } else {
            self.health.part(CONSUME)
        }
    }

    async fn consume(&self, health: &Health, stop: &CancellationToken) -> anyhow::Result<Sums> {
        let part = Part::new(CONSUME, &self.metrics, health.clone());
        let config = self.configs.consume.as_ref().expect("consume-events runs");
        keep_running(&part, self.args.failures_max.into(), stop, async || {
            self.consume_once(config, health, stop).await
        })
        .await
    }

    async fn consume_once(
        &self,
        config: &consume_events::Config,
        health: &Health,
        stop: &CancellationToken,
    ) -> anyhow::Result<Sums> {
        let metrics = self.metrics.part(CONSUME);
        let config = consume_events::Config { show_progress: false, ..config.clone() };
        let stop = stop.clone();
        let running = consume_events::run_observed(config, &metrics, health, stop);
        Sums::of(&Box::pin(running).await?)
    }

    async fn upload(&self, stop: &CancellationToken) -> Runs {
        let schedule = self.schedule(&self.args.upload_schedule);
        let figures = upload_data::Figures::new(&self.metrics.part(UPLOAD));
        let config = self.configs.upload.as_ref().expect("upload-data runs");
        let mut job = || Box::pin(upload_data::run_counted(config, stop, &figures));
        let print = |record: &RunRecord, _: &upload_data::Summary| self.print_run(record);
        self.periodic(UPLOAD).run_scheduled(&schedule, stop, &mut job, &print).await
    }

    async fn upload_once(&self, stop: &CancellationToken) -> u8 {
        let figures = upload_data::Figures::new(&self.metrics.part(UPLOAD));
        let config = self.configs.upload.as_ref().expect("upload-data runs");
        let work = Box::pin(upload_data::run_counted(config, stop, &figures));
        self.once(UPLOAD, until_ceiling(stop, self.upload_ends_within(), work)).await
    }

    async fn visualize(&self, stop: &CancellationToken) -> Runs {
        let schedule = self.schedule(&self.args.visualize_schedule);
        let figures = visualize::Figures::new(&self.metrics.part(VISUALIZE));
        let config = self.configs.visualize.as_ref().expect("visualize runs");
        let mut job = || Box::pin(visualize::run_counted(config, stop, &figures));
        let print = |record: &RunRecord, _: &visualize::Summary| self.print_run(record);
        self.periodic(VISUALIZE).run_scheduled(&schedule, stop, &mut job, &print).await
    }

    async fn visualize_once(&self, stop: &CancellationToken) -> u8 {
        let figures = visualize::Figures::new(&self.metrics.part(VISUALIZE));
        let config = self.configs.visualize.as_ref().expect("visualize runs");
        let work = Box::pin(visualize::run_counted(config, stop, &figures));
        self.once(VISUALIZE, until_ceiling(stop, ENDS_WITHIN, work)).await
    }

    /// One run beside the schedule; a failure is logged, and the exit code says so.
    async fn once<S: serde::Serialize>(
        &self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<Done<S>>>,
    ) -> u8 {
        let span = tracing::info_span!("part", name);
        let (record, outcome) = self.periodic(name).run_once(work).instrument(span).await;
        match outcome.and_then(|_| self.print_run(&record)) {
            Ok(()) => record.exit_code,
            Err(error) => self.exit_code(name, Err(error)),
        }
    }

    fn periodic(&self, name: &'static str) -> Periodic {
        let (metrics, health) = (self.metrics.part(name), self.health.part(name));
        Periodic::new(name, self.place.clone(), &metrics, &health)
    }

    fn schedule(&self, expression: &runtime::schedule::Expression) -> Schedule {
        Schedule::new(expression.clone(), self.args.time_zone.clone())
    }

    /// Prints what a part did, or logs why it failed. A result that cannot be printed ends nothing:
    /// other parts still hold messages.
    fn settle(&self, name: &'static str, outcome: anyhow::Result<Sums>, codes: &mut Runs) {
        let printed = outcome.and_then(|sums| self.print(name, &sums.value()));
        if let Err(error) = printed {
            codes.add(self.exit_code(name, Err(error)));
        }
    }

    fn exit_code(&self, name: &'static str, outcome: anyhow::Result<Runs>) -> u8 {
        match outcome {
            Ok(runs) => runs.exit_code,
            Err(error) => {
                let hint = failure::hint(&error);
                tracing::error!(part = name, hint, error = format!("{error:#}"), "part failed");
                1
            }
        }
    }

    fn print_run(&self, record: &RunRecord) -> anyhow::Result<()> {
        let mut result = record.summary.clone();
        result["run_id"] = Value::from(record.run_id.to_string());
        self.print(record.program, &result)
    }

    fn print(&self, name: &'static str, result: &Value) -> anyhow::Result<()> {
        let line = match self.args.shared.output.output {
            Format::Human => format!("{name}: {}", results::human(result)),
            Format::Json => {
                let mut line = json!({ "part": name });
                for (key, value) in result.as_object().into_iter().flatten() {
                    line[key] = value.clone();
                }
                line.to_string()
            }
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("print the result")
    }
}

/// Starts a part, on a thread of its own; if it fails for good, or panics, `given_up` is cancelled.
/// So long after its stop it is given up, so that the parts behind it are stopped too.
fn spawn<T, Work>(
    (name, ends_within): (&'static str, Duration),
    given_up: &CancellationToken,
    work: impl FnOnce(CancellationToken) -> Work + Send + 'static,
) -> Running<T>
where
    T: Send + 'static,
    Work: Future<Output = anyhow::Result<T>>,
{
    let stop = CancellationToken::new();
    let part_stop = stop.clone();
    let given_up = given_up.clone();
    let task = tokio::spawn(async move {
        let part = tokio::task::spawn_blocking(move || {
            let work = Box::pin(work(part_stop.clone()));
            let work = work.instrument(tracing::info_span!("part", name));
            let work = until_ceiling(&part_stop, ends_within, work);
            tokio::runtime::Handle::current().block_on(work)
        });
        let outcome = part.await.unwrap_or_else(|panic| Err(anyhow!(panic)));
        if outcome.is_err() {
            given_up.cancel();
        }
        outcome
    });
    Running { stop, task }
}

/// What the work gives, unless it goes on for so long after its stop.
async fn until_ceiling<T>(
    stop: &CancellationToken,
    ends_within: Duration,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let ceiling = async {
        stop.cancelled().await;
        tokio::time::sleep(ends_within).await;
    };
    tokio::select! {
        outcome = work => outcome,
        () = ceiling => Err(anyhow!("no end within {ends_within:?} of the stop")),
    }
}

/// What stops the last load and the last charts: after a limit the signal, if it comes; after a
/// signal, which is over, the end of their time.
fn stop_of_last_runs(end: End, shutdown: &CancellationToken) -> CancellationToken {
    if end == End::Limit {
        return shutdown.clone();
    }
    let stop = CancellationToken::new();
    let timer = stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(FINAL_TIME_MAX).await;
        tracing::warn!(time_max = ?FINAL_TIME_MAX, "--final-upload had its time, stopping it");
        timer.cancel();
    });
    stop
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_runs_after_a_signal_are_stopped_when_their_time_is_over() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let (stop, started) = (stop_of_last_runs(End::Signal, &shutdown), Instant::now());
        assert!(!stop.is_cancelled(), "the signal stopped the last load before it began");
        let stopped = tokio::time::timeout(2 * FINAL_TIME_MAX, stop.cancelled()).await;
        stopped.expect("the last load is never stopped");
        assert_eq!(started.elapsed(), FINAL_TIME_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_runs_after_a_limit_are_stopped_by_a_signal_alone() {
        let shutdown = CancellationToken::new();
        let stop = stop_of_last_runs(End::Limit, &shutdown);
        let stopped = tokio::time::timeout(2 * FINAL_TIME_MAX, stop.cancelled()).await;
        assert!(stopped.is_err(), "stopped without a signal");
        shutdown.cancel();
        assert!(stop.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_heeds_no_stop_is_given_up() {
        let (stop, started) = (CancellationToken::new(), Instant::now());
        stop.cancel();
        let given_up = until_ceiling(&stop, ENDS_WITHIN, pending::<anyhow::Result<()>>());
        let error = given_up.await.expect_err("it has no end");
        assert_eq!(error.to_string(), "no end within 1800s of the stop");
        assert_eq!(started.elapsed(), ENDS_WITHIN);
    }
}
