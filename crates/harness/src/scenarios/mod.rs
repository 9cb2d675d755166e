//! The scenarios: one file each, all ending in the same comparison.

mod bad_objects;
mod codecs;
mod copy_refused;
mod dead_letters_away;
mod denied_calls;
mod duplicates;
mod empty;
mod expired_receipts;
mod full_stdout;
mod held_puts;
mod held_services;
mod hostile_bodies;
mod in_flight_limit;
mod kill_consumer;
mod kill_consumer_steps;
mod kill_multipart;
mod kill_pipeline;
mod kill_set_aside;
mod kill_upload_steps;
mod large_copies;
mod lock_wait;
mod lost_answers;
mod many_consumers;
mod many_objects;
mod moved_doubles;
mod nameless_events;
mod no_dead_letter_queue;
mod overlapping_uploads;
mod partial_failures;
mod poison_flood;
mod prototype_day;
mod redrive;
mod redrive_again;
mod redshift_away;
mod refusals;
mod rejected_denied;
mod repaired_objects;
mod rewritten_objects;
mod secrets;
mod serializable;
mod services_away;
mod shutdown_under_load;
mod slow_put;
mod slow_s3;
mod stage;
mod steps;
mod ten_thousand;
mod until_empty;
mod wrong_counts;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Instant;

use anyhow::Context;
use blueshift::clock::Clock;
use blueshift::faults::Faults;
use blueshift::{Need, Sqs};

use crate::binaries::Binaries;
use crate::ground::{Ground, Place};
use crate::ledger::{Fate, SentMessage, compare};
use crate::log_check;
use crate::pipeline::Pipeline;
use crate::probe::Probe;
use crate::report::{ScenarioReport, Status};

/// What a user can change about a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Replays the generated scenarios.
    pub seed: u64,
    /// Events of the generated scenarios; `None` leaves each its own number.
    pub events: Option<u64>,
    /// Where each scenario makes its folder for logs, records and charts.
    pub folder: PathBuf,
}

/// What a scenario does, until it is time to compare.
type Body<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// One end-to-end scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it proves, in one sentence.
    pub about: &'static str,
    /// Whether it runs when no scenario is named.
    pub default: bool,
    /// What it asks of a stack beyond AWS's own interfaces.
    pub needs: &'static [Need],
    /// Warnings of the programs that belong to it.
    expected_warnings: &'static [&'static str],
    body: for<'a> fn(&'a mut Run) -> Body<'a>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All scenarios, in the order they run; the default ones first.
pub const SCENARIOS: &[Scenario] = &[
    prototype_day::SCENARIO,
    ten_thousand::SCENARIO,
    kill_consumer::SCENARIO,
    kill_consumer_steps::SCENARIO,
    kill_upload_steps::SCENARIO,
    lost_answers::SCENARIO,
    partial_failures::SCENARIO,
    refusals::SCENARIO,
    slow_s3::SCENARIO,
    overlapping_uploads::SCENARIO,
    duplicates::SCENARIO,
    moved_doubles::SCENARIO,
    poison_flood::SCENARIO,
    many_objects::SCENARIO,
    many_consumers::SCENARIO,
    empty::SCENARIO,
    expired_receipts::SCENARIO,
    shutdown_under_load::SCENARIO,
    until_empty::SCENARIO,
    bad_objects::SCENARIO,
    copy_refused::SCENARIO,
    hostile_bodies::SCENARIO,
    codecs::SCENARIO,
    services_away::SCENARIO,
    secrets::SCENARIO,
    in_flight_limit::SCENARIO,
    slow_put::SCENARIO,
    no_dead_letter_queue::SCENARIO,
    redrive::SCENARIO,
    kill_multipart::SCENARIO,
    kill_pipeline::SCENARIO,
    redshift_away::SCENARIO,
    serializable::SCENARIO,
    kill_set_aside::SCENARIO,
    repaired_objects::SCENARIO,
    lock_wait::SCENARIO,
    wrong_counts::SCENARIO,
    held_services::SCENARIO,
    full_stdout::SCENARIO,
    rewritten_objects::SCENARIO,
    nameless_events::SCENARIO,
    large_copies::SCENARIO,
    rejected_denied::SCENARIO,
    dead_letters_away::SCENARIO,
    held_puts::SCENARIO,
    denied_calls::SCENARIO,
    redrive_again::SCENARIO,
];

/// A scenario while it runs.
#[derive(Debug)]
struct Run {
    pipeline: Pipeline,
    probe: Probe,
    faults: Faults,
    /// Where time can be moved.
    clock: Option<Clock>,
    /// Where SQS and S3 listen, if they do so without TLS.
    aws: Option<SocketAddr>,
    /// SQS itself, where it is ours.
    sqs: Option<Sqs>,
    options: Options,
    report: ScenarioReport,
    /// What shall become of each message, by message id.
    sent: Vec<(String, Fate)>,
}

impl Scenario {
    /// Runs it on an in-process stack of its own. Never fails itself: what goes wrong is in the
    /// report.
    pub async fn run(&self, binaries: &Binaries, options: &Options) -> ScenarioReport {
        self.run_on(&Ground::OwnStacks, binaries, options).await
    }

    /// Runs it there, or reports why it cannot. Never fails itself: what goes wrong is in the report.
    pub async fn run_on(
        &self,
        ground: &Ground,
        binaries: &Binaries,
        options: &Options,
    ) -> ScenarioReport {
        let started_at = Instant::now();
        let folder = options.folder.join(self.name);
        let mut report = ScenarioReport::new(self.name, options.seed, folder.clone());
        if let Some(reason) = self.needs.iter().find_map(|need| ground.lacks(*need)) {
            report.status = Status::Skipped;
            report.skipped_because = Some(reason.to_owned());
            return report;
        }
        match self.run_in(ground, binaries, options, &folder, &mut report).await {
            Ok(()) if report.differences.is_empty() => report.status = Status::Passed,
            Ok(()) => report.status = Status::Failed,
            Err(error) => {
                report.status = Status::Failed;
                report.differences.push(format!("{error:#}"));
            }
        }
        // The folder itself may be what could not be made; then there are no logs to name.
        report.logs = log_check::logs(&folder).unwrap_or_default();
        report.seconds = started_at.elapsed().as_secs_f64();
        report
    }

    async fn run_in(
        &self,
        ground: &Ground,
        binaries: &Binaries,
        options: &Options,
        folder: &Path,
        report: &mut ScenarioReport,
    ) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("make the folder {}", folder.display()))?;
        let folder = folder.canonicalize().context("resolve the scenario's folder")?;
        let place = ground.place(self.name, self.needs).await?;
        let outcome = self.run_at(&place, binaries, options, &folder, report).await;
        let left = place.leave().await;
        outcome.and(left)
    }

    async fn run_at(
        &self,
        place: &Place<'_>,
        binaries: &Binaries,
        options: &Options,
        folder: &Path,
        report: &mut ScenarioReport,
    ) -> anyhow::Result<()> {
        let stack = place.stack();
        let is_shared = matches!(place, Place::Leased { .. });
        let pipeline = Pipeline::new(binaries.clone(), folder, place.environment())
            .written_down_in(place.programs());
        let names_callers = stack.takes_any_credentials();
        let mut run = Run {
            pipeline: if names_callers { pipeline } else { pipeline.with_real_credentials() },
            faults: stack.faults().cloned().unwrap_or_default(),
            clock: stack.clock().cloned(),
            aws: plain_address(stack.endpoints().aws.as_deref()),
            sqs: stack.sqs().cloned(),
            probe: Probe::new(stack.endpoints(), place.provisioned().clone()).await,
            options: options.clone(),
            report: report.clone(),
            sent: Vec::new(),
        };
        let outcome = (self.body)(&mut run).await;
        run.faults.clear();
        *report = run.report.clone();
        report.events_sent = run.sent.len() as u64;
        outcome?;
        let (figures, differences) = compare(&run.sent, &run.probe.collect().await?);
        report.set_figures(figures);
        report.differences.extend(differences);
        let mut announced = self.expected_warnings.to_vec();
        if is_shared {
            // LocalStack heeds no condition, also where it stands in for AWS; of AWS it is never said.
            announced.push(NO_CONDITIONAL_DELETES);
        }
        report.differences.extend(log_check::unannounced(folder, &announced)?);
        Ok(())
    }
}

const NO_CONDITIONAL_DELETES: &str = "this S3 knows no conditional deletes: objects that are \
    written anew while they are loaded may be deleted unread";

/// The address in `http://address:port`.
fn plain_address(url: Option<&str>) -> Option<SocketAddr> {
    url?.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
}

/// What `generate-events --record` wrote.
fn read_record(path: &Path) -> anyhow::Result<Vec<SentMessage>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).with_context(|| format!("read the record line {line:?}"))
        })
        .collect()
}
