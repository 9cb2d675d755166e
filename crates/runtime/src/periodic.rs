//! A job that runs once or by a schedule: every run is counted, recorded and printed.
//!
//! Does not know what the job does: it answers with a summary and an exit code, or fails.

use std::fmt::Display;
use std::io::Write;
use std::time::Instant;

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::failure;
use crate::metrics::{Counter, Gauge, Health, Histogram, Metrics};
use crate::run_record::{Place, Run, RunRecord};
use crate::schedule::{self, Runs, Schedule};
use crate::telemetry::Format;

/// Upper bounds of the histogram of run times, in seconds.
const RUN_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0];

/// What a run that did its work answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<S> {
    /// What it did: a line to people, an object to programs.
    pub summary: S,
    /// 0, or the program's own code for "done, but a human should look".
    pub exit_code: u8,
}

/// A job and what is kept of its runs.
#[derive(Debug, Clone)]
pub struct Periodic {
    program: &'static str,
    place: Option<Place>,
    health: Health,
    runs: Counter,
    failed_runs: Counter,
    seconds: Histogram,
    succeeded_at: Gauge,
}

impl Periodic {
    /// A job called `program`; its records are kept at `place`, if anywhere.
    pub fn new(
        program: &'static str,
        place: Option<Place>,
        metrics: &Metrics,
        health: &Health,
    ) -> Self {
        Self {
            program,
            place,
            health: health.clone(),
            runs: metrics.counter("runs_total", "Runs that ended"),
            failed_runs: metrics.counter("runs_failed_total", "Runs that ended with an error"),
            seconds: metrics.histogram("run_seconds", "How long runs took", RUN_SECONDS),
            succeeded_at: metrics.gauge(
                "last_success_timestamp_seconds",
                "When the last run ended that did its work, in seconds since 1970",
            ),
        }
    }

    /// Runs once, or by the schedule until `shutdown`, and prints every run; answers with the exit
    /// code.
    ///
    /// # Errors
    /// If the only run fails, or stdout is closed. By a schedule, a failing run is logged and
    /// recorded, and the exit code says so at the end.
    pub async fn run<S, Job, Work>(
        &self,
        schedule: Option<&Schedule>,
        shutdown: &CancellationToken,
        format: Format,
        mut job: Job,
    ) -> anyhow::Result<u8>
    where
        S: Serialize + Display,
        Job: FnMut() -> Work,
        Work: Future<Output = anyhow::Result<Done<S>>>,
    {
        let Some(schedule) = schedule else {
            let (record, outcome) = self.run_once(job()).await;
            print(format, &record, &outcome?)?;
            return Ok(record.exit_code);
        };
        let print = |record: &RunRecord, summary: &S| print(format, record, summary);
        Ok(self.run_scheduled(schedule, shutdown, &mut job, &print).await.exit_code)
    }

    /// Runs by the schedule until `shutdown`; `print` gets every run that did its work.
    pub async fn run_scheduled<S, Job, Work>(
        &self,
        schedule: &Schedule,
        shutdown: &CancellationToken,
        job: &mut Job,
        print: &impl Fn(&RunRecord, &S) -> anyhow::Result<()>,
    ) -> Runs
    where
        S: Serialize,
        Job: FnMut() -> Work,
        Work: Future<Output = anyhow::Result<Done<S>>>,
    {
        schedule::run_on_schedule(schedule, shutdown, |_| {
            let work = job();
            async move {
                let (record, outcome) = self.run_once(work).await;
                match outcome {
                    Ok(summary) => {
                        if let Err(error) = print(&record, &summary) {
                            let error = format!("{error:#}");
                            tracing::error!(error, "the result cannot be printed");
                            return record.exit_code.max(1);
                        }
                        record.exit_code
                    }
                    Err(error) => {
                        let hint = failure::hint(&error);
                        let run_id = record.run_id;
                        let error = format!("{error:#}");
                        let stopping = shutdown.is_cancelled();
                        tracing::error!(%run_id, stopping, hint, error, "run failed");
                        record.exit_code
                    }
                }
            }
        })
        .await
    }

    /// One run, recorded and counted.
    pub async fn run_once<S: Serialize>(
        &self,
        work: impl Future<Output = anyhow::Result<Done<S>>>,
    ) -> (RunRecord, anyhow::Result<S>) {
        let run = Run::begin(self.program);
        let started = Instant::now();
        let span = tracing::info_span!("run", run_id = %run.id());
        let outcome = work.instrument(span).await;
        self.runs.add(1);
        self.seconds.observe(started.elapsed().as_secs_f64());
        let record = match &outcome {
            Ok(done) => {
                self.succeeded_at.set(Timestamp::now().as_duration().as_secs_f64());
                self.health.ok();
                run.finish(done.exit_code, &done.summary)
            }
            Err(error) => {
                self.failed_runs.add(1);
                self.health.failing(format!("the last run failed: {error:#}"));
                run.fail(error)
            }
        };
        if let Some(place) = &self.place {
            record.store(place).await;
        }
        (record, outcome.map(|done| done.summary))
    }
}

fn print(
    format: Format,
    record: &RunRecord,
    summary: &(impl Serialize + Display),
) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => summary.to_string(),
        Format::Json => record.result_line(),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", text.trim_end())
        .and_then(|()| stdout.flush())
        .context("print the result")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    #[derive(Debug, Serialize)]
    struct Rows(u64);

    #[tokio::test]
    async fn a_failing_run_is_counted_and_shown_until_one_succeeds() {
        let (metrics, health) = (Metrics::new("p"), Health::new());
        let job = Periodic::new("p", None, &metrics, &health);
        let failing = async { bail!("redshift is away") };
        let (record, outcome) = job.run_once::<Rows>(failing).await;
        assert_eq!(record.exit_code, 1);
        assert_eq!(outcome.expect_err("it failed").to_string(), "redshift is away");
        assert_eq!(health.reason().as_deref(), Some("the last run failed: redshift is away"));
        let done = async { Ok(Done { summary: Rows(3), exit_code: 4 }) };
        let (record, outcome) = job.run_once(done).await;
        assert_eq!((record.exit_code, outcome.expect("it worked").0), (4, 3));
        assert_eq!(health.reason(), None);
        let text = metrics.text();
        assert!(text.contains("p_runs_total 2\n"), "{text}");
        assert!(text.contains("p_runs_failed_total 1\n"), "{text}");
    }

    #[tokio::test]
    async fn by_a_schedule_a_failing_run_ends_nothing_and_counts_also_during_a_stop() {
        let job = Periodic::new("p", None, &Metrics::new("p"), &Health::new());
        let every_second = "* * * * * *".parse().expect("cron");
        let schedule = Schedule::new(every_second, Default::default());
        let shutdown = CancellationToken::new();
        let (count, printed) = (Cell::new(0), Cell::new(0));
        let mut run = || {
            count.set(count.get() + 1);
            let number = count.get();
            let shutdown = shutdown.clone();
            async move {
                match number {
                    1 => bail!("the first fails"),
                    2 => Ok(Done { summary: Rows(number), exit_code: 0 }),
                    _ => {
                        shutdown.cancel();
                        bail!("s3 was away when it was stopped")
                    }
                }
            }
        };
        let print = |_: &RunRecord, rows: &Rows| {
            printed.set(rows.0);
            Ok(())
        };
        let running = job.run_scheduled(&schedule, &shutdown, &mut run, &print);
        let runs = running.await;
        assert_eq!(runs, Runs { count: 3, failed_count: 2, exit_code: 1 });
        assert_eq!(printed.get(), 2);
    }
}
