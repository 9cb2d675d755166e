//! Moves events from SQS to S3, one compressed object per batch.
//!
//! The law of this crate: a message is deleted only after S3 has confirmed the object that holds
//! it, or the dead-letter queue its copy. From the close of a batch to its last acknowledgement
//! nothing is cancelled; a crash anywhere makes doubles, which the load removes, and never a loss.
//!
//! - [`config`] is what the user says, checked.
//! - [`batch`] and [`object`] are pure: when a batch closes, and the bytes and key of its object.
//! - [`queue`] and [`store`] (with [`s3_bucket`] behind it) are the seams to SQS and S3; everything between them is tested
//!   against fakes in memory.
//! - [`error`] says what can be tried again.
//!
//! Deliberately unknown here: Redshift, COPY, what the events mean beyond the verdict of
//! [`events::Validator`], and which stack answers.

mod acknowledge;
pub mod batch;
mod ceiling;
pub mod cli;
mod collect;
pub mod config;
mod custody;
pub mod dead_letter;
pub mod dead_letters;
mod detour;
pub mod error;
mod full_queue;
mod handover;
mod in_flight;
pub mod object;
mod pipeline;
mod progress;
pub mod queue;
mod receive;
mod rejected;
mod retry;
pub mod s3_bucket;
mod state;
pub mod store;
mod until_empty;
mod upload;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_config::SdkConfig;
use aws_sdk_sqs::config::StalledStreamProtectionConfig;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use events::{Table, Validator};
use runtime::failure::WithHint;
use runtime::metrics::{Health, Metrics};
use runtime::settings::TableSettings;
use tokio_util::sync::CancellationToken;

pub use config::{Args, Config};

use crate::ceiling::Ceiling;
use crate::config::{ANOTHER_QUEUE, ConfigError, Shared};
use crate::error::CallError;
use crate::pipeline::{Pipeline, Tuning};
use crate::progress::Progress;
use crate::queue::SqsQueue;
use crate::receive::{LAST_ANSWER_MAX, Polling};
use crate::retry::{Outage, Persistence};
use crate::s3_bucket::S3Bucket;
use crate::state::Counters;
use crate::upload::PART_BYTES;

/// The program's name, also in the names of its figures.
pub const PROGRAM: &str = "consume-events";

/// How long an answer of SQS may take, beyond the wait of a long poll.
const SQS_TIMEOUT: Duration = Duration::from_secs(15);

/// How long storing an object of some MiB may take in one attempt.
const S3_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the queues are looked for before the program says that nobody answers.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Messages received, those that came twice counted twice.
    pub received: u64,
    /// Events in stored objects.
    pub stored: u64,
    /// Messages moved to the dead-letter queue.
    pub dead_lettered: u64,
    /// Malformed messages that no dead-letter queue took: stored under `rejected/messages/`.
    pub rejected: u64,
    /// Objects stored.
    pub objects: u64,
    /// From start to end.
    pub seconds: f64,
}

impl Summary {
    fn of(counters: &Counters, elapsed: Duration) -> Self {
        Self {
            received: counters.received(),
            stored: counters.stored(),
            dead_lettered: counters.dead_lettered(),
            rejected: counters.rejected(),
            objects: counters.objects(),
            seconds: (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received, stored, dead_lettered, rejected, objects, seconds } = self;
        write!(
            formatter,
            "received {received} messages, stored {stored} events in {objects} objects, \
             dead-lettered {dead_lettered}, rejected {rejected}, in {seconds:.1} s"
        )
    }
}

/// Consumes until `shutdown` is cancelled or, if the configuration says so, the queue is empty.
///
/// # Errors
/// If the table cannot be read, a queue does not exist, or AWS refuses what no patience can heal.
/// Whatever was held by then has been stored or given back.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<Summary> {
    run_observed(config, &Metrics::new(PROGRAM), &Health::new(), shutdown).await
}

/// [`run`], with its figures in `metrics`, and with `health` failing while SQS or S3 has been away
/// for more than a minute.
///
/// # Errors
/// As [`run`].
pub async fn run_observed(
    config: Config,
    metrics: &Metrics,
    health: &Health,
    shutdown: CancellationToken,
) -> anyhow::Result<Summary> {
    let validator = Arc::new(read_table(&config.shared.table)?);
    let clients = connect(&config).await?;
    let found = find_queues(&clients.sqs, &config, metrics, &shutdown).await?;
    let Some((queue, dead_letters)) = found else {
        return Ok(Summary::of(&Counters::new(metrics), Duration::ZERO));
    };
    let queue = queue.polled_by(clients.polls);
    let bucket = config.bucket.bucket.as_str();
    let store = S3Bucket::new(clients.s3, bucket);
    let looking = tokio::time::timeout(START_TIMEOUT, store.look_for());
    if let Some(Ok(Err(missing))) = shutdown.run_until_cancelled(looking).await {
        let create = "create it: aws s3 mb s3://";
        let hint = match missing {
            CallError::Missing(_) => {
                format!("{create}{bucket}, or name another one: --s3-bucket NAME")
            }
            ref elsewhere if elsewhere.is_elsewhere() => elsewhere.hint(),
            _ => "buckets have names of 3 to 63 lower-case letters, digits, hyphens and dots: \
                  --s3-bucket NAME, or s3_bucket in the settings"
                .to_owned(),
        };
        Err(missing).context("find the bucket").hint(hint)?;
    }
    let pipeline = Pipeline {
        queue,
        dead_letters,
        store,
        validator,
        tuning: Tuning {
            poller_count: config.poller_count,
            polling: Polling {
                visibility_timeout: config.visibility_timeout,
                wait: config.shared.queue.polling_timeout,
                wait_again: config.shared.queue.polling_timeout,
                last_answer: LAST_ANSWER_MAX.min(config.stop_timeout),
            },
            limits: config.limits,
            until_empty: config.until_empty,
            stop_timeout: config.stop_timeout,
            prefix: config.bucket.prefix,
            compression: config.compression,
            part_bytes: PART_BYTES,
        },
        progress: Progress::on_terminal(config.show_progress),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    hinted(pipeline.run(&shutdown).await)
}

/// A failed call together with what can be done about it.
fn hinted<T>(outcome: Result<T, CallError>) -> anyhow::Result<T> {
    let hint = outcome.as_ref().err().map(CallError::hint).unwrap_or_default();
    outcome.hint(hint)
}

fn read_table(settings: &TableSettings) -> anyhow::Result<Validator> {
    let file = settings.create_table.display();
    let sql = settings.read_create_table()?;
    let table = Table::parse(&sql).with_context(|| format!("read table from {file}"))?;
    Validator::new(table, &settings.id_column)
        .with_context(|| format!("use table of {file}"))
        .hint("name the column that identifies an event: --redshift-id-column COLUMN")
}

struct Clients {
    sqs: aws_sdk_sqs::Client,
    /// The same for long polls.
    polls: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
}

async fn connect(config: &Config) -> anyhow::Result<Clients> {
    let account = sign_in(&config.shared).await?;
    let s3 = runtime::aws::s3(&trying_once(&account, S3_TIMEOUT));
    let polls = sqs_client(&account, config.shared.queue.polling_timeout + SQS_TIMEOUT);
    Ok(Clients { sqs: sqs_client(&account, SQS_TIMEOUT), polls, s3 })
}

/// Clients for those who look after dead letters.
async fn connect_both(
    shared: &Shared,
) -> anyhow::Result<(aws_sdk_sqs::Client, aws_sdk_s3::Client)> {
    let account = sign_in(shared).await?;
    let s3 = runtime::aws::s3(&trying_once(&account, S3_TIMEOUT));
    Ok((sqs_client(&account, SQS_TIMEOUT), s3))
}

async fn sign_in(shared: &Shared) -> anyhow::Result<SdkConfig> {
    let account = runtime::aws::load(&shared.aws).await;
    if let Err(error) = runtime::aws::check_account(&account).await {
        let hint = error.hint();
        return Err(error).hint(hint);
    }
    Ok(account)
}

fn sqs_client(account: &SdkConfig, attempt_timeout: Duration) -> aws_sdk_sqs::Client {
    let once = trying_once(account, attempt_timeout);
    // A long poll is silent on purpose.
    let silent = StalledStreamProtectionConfig::disabled();
    runtime::aws::sqs(&once.into_builder().stalled_stream_protection(silent).build())
}

/// The SDK tries each call once; trying again is [`retry`]'s, which knows when to stop.
fn trying_once(account: &SdkConfig, attempt_timeout: Duration) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_timeout).build();
    let once = account.clone().into_builder().retry_config(RetryConfig::disabled());
    once.timeout_config(timeouts).build()
}

/// The queue of events and, if there is one, that of dead letters; `None` if the program is stopped
/// meanwhile.
async fn find_queues(
    sqs: &aws_sdk_sqs::Client,
    config: &Config,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<(SqsQueue, Option<SqsQueue>)>> {
    let patience = CancellationToken::new();
    let _ceiling = Ceiling::start(async {}, START_TIMEOUT, patience.clone());
    let persistence = Persistence::new(Arc::new(Outage::new("sqs", metrics)), patience);
    let find = |name| {
        let persistence = &persistence;
        persistence.call(move || SqsQueue::find(sqs.clone(), name))
    };
    let both = async {
        let queue = hinted(find(&config.shared.queue.name).await)?;
        let name = config.shared.queue.dead_letter_name.as_str();
        let dead_letters = match find(name).await {
            Err(CallError::Missing(_)) => {
                let hint = format!("aws sqs create-queue --queue-name {name}");
                tracing::warn!(
                    queue = name,
                    hint,
                    "no dead-letter queue, malformed messages go to rejected/messages/"
                );
                None
            }
            found => Some(hinted(found)?),
        };
        if dead_letters.as_ref().is_some_and(|dead_letters| queue.is_same_as(dead_letters)) {
            let name = name.to_owned();
            Err(ConfigError::OneQueue { name }).hint(ANOTHER_QUEUE)?;
        }
        anyhow::Ok((queue, dead_letters))
    };
    shutdown.run_until_cancelled(both).await.transpose()
}
