//! The sending itself: takes what is due, keeps several batches in flight, ends in order.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use futures_util::stream::{FuturesUnordered, StreamExt};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Input};
use crate::error::GenerateError;
use crate::figures::Figures;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::record::Record;
use crate::send::{Confirmed, ENTRIES_MAX, Outcome, STOP_GRACE, Sender, batches};
use crate::source::{Class, Outgoing, Source};

/// Batches in flight at once.
const IN_FLIGHT_MAX: usize = 16;

/// What SQS has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// All messages.
    pub sent: u64,
    /// Those that the table cannot take.
    pub malformed: u64,
    /// Good events that were sent once more.
    pub duplicates: u64,
    /// Good events that happened long ago.
    pub late: u64,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "as_seconds")]
    pub took: Duration,
}

fn as_seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, malformed, duplicates, late, took } = self;
        let seconds = took.as_secs_f64();
        write!(
            formatter,
            "sent {sent} messages ({malformed} malformed, {duplicates} duplicates, {late} late) \
             in {seconds:.1} s"
        )
    }
}

/// Sends until the input ends, `shutdown` is cancelled, or something fails.
///
/// Whatever the end is, batches in flight are finished first, and what SQS confirmed is recorded;
/// after a stop SQS has [`STOP_GRACE`] for that.
///
/// # Errors
/// [`GenerateError::Interrupted`] once messages may have been sent; any other error before that.
pub async fn run(config: &Config, shutdown: &CancellationToken) -> Result<Summary, GenerateError> {
    let sdk = runtime::aws::load(&config.aws).await;
    runtime::aws::check_account(&sdk).await?;
    run_with(runtime::aws::sqs(&sdk), config, shutdown).await
}

/// [`run`] with a client of SQS that is there already.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    client: Client,
    config: &Config,
    shutdown: &CancellationToken,
) -> Result<Summary, GenerateError> {
    let seed = match &config.input {
        Input::Random { seed, .. } => seed.unwrap_or_else(any_seed),
        Input::File(_) => 0,
    };
    let source = Source::open(&config.input, seed, OffsetDateTime::now_utc())?;
    let record = Record::create(config.record.as_deref())?;
    let connecting = Sender::connect(client, &config.queue_name, config.patience);
    let Some(sender) = shutdown.run_until_cancelled(connecting).await else {
        return Ok(Summary::default());
    };
    let sender = sender?;
    tracing::info!(queue_name = config.queue_name, seed, "sending begins");
    // The order of a file is kept by sending one batch after the other.
    let in_flight_max = if matches!(source, Source::File(_)) { 1 } else { IN_FLIGHT_MAX };
    let mut dispatch = Dispatch {
        progress: Progress::start(config.show_progress, source.left()),
        source,
        pace: Pace::new(seed, config.rate, config.flat_out),
        look_at: Duration::ZERO,
        ready: VecDeque::new(),
        sender,
        record,
        in_flight_max,
        batch_count: 0,
        started_at: Instant::now(),
        summary: Summary::default(),
        figures: Figures::new(&config.metrics),
    };
    let failure = dispatch.run(shutdown).await;
    dispatch.summary.took = dispatch.started_at.elapsed();
    dispatch.progress.finish();
    match failure {
        None => Ok(dispatch.summary),
        Some(failure) => {
            let source = Box::new(failure);
            Err(GenerateError::Interrupted { sent: dispatch.summary, source })
        }
    }
}

/// A seed nobody chose. Small enough to be typed again.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds each of these from the system's randomness.
    std::hash::RandomState::new().build_hasher().finish() & u64::from(u32::MAX)
}

struct Dispatch {
    source: Source,
    pace: Pace,
    /// When to ask the pace again, counted from the start.
    look_at: Duration,
    /// Batches that wait for room.
    ready: VecDeque<Vec<Outgoing>>,
    sender: Sender,
    record: Record,
    progress: Progress,
    in_flight_max: usize,
    batch_count: u64,
    started_at: Instant,
    summary: Summary,
    figures: Figures,
}

impl Dispatch {
    /// Sends; answers with what ended it, unless it ended as it should.
    async fn run(&mut self, shutdown: &CancellationToken) -> Option<GenerateError> {
        let given_up = CancellationToken::new();
        let mut in_flight = FuturesUnordered::new();
        let mut failure = None;
        let mut is_stopped = false;
        let time_is_up = async {
            shutdown.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::pin!(time_is_up);
        loop {
            while !is_stopped && in_flight.len() < self.in_flight_max {
                let Some(batch) = self.next_batch(self.in_flight_max - in_flight.len()) else {
                    break;
                };
                self.batch_count += 1;
                let (sender, jitter_seed) = (self.sender.clone(), self.batch_count);
                let given_up = &given_up;
                in_flight.push(async move { sender.send(batch, jitter_seed, given_up).await });
            }
            let has_more = !is_stopped && !self.is_exhausted();
            if !has_more && in_flight.is_empty() {
                return failure;
            }
            let may_take = has_more && in_flight.len() < self.in_flight_max;
            tokio::select! {
                Some(outcome) = in_flight.next() => {
                    if let Err(error) = self.settle(outcome) {
                        is_stopped = true;
                        failure.get_or_insert(error);
                    }
                }
                () = shutdown.cancelled(), if !is_stopped => is_stopped = true,
                () = &mut time_is_up, if !given_up.is_cancelled() => given_up.cancel(),
                () = tokio::time::sleep_until(self.wake_at()), if may_take => {}
            }
        }
    }

    fn is_exhausted(&self) -> bool {
        self.ready.is_empty() && self.source.left() == Some(0)
    }

    /// A pace that is slower than any calendar is looked at once a day.
    fn wake_at(&self) -> Instant {
        let a_day_on = || Instant::now() + Duration::from_secs(24 * 60 * 60);
        self.started_at.checked_add(self.look_at).unwrap_or_else(a_day_on)
    }

    /// The next batch that is due. If none is ready, takes what is due for `room` batches.
    fn next_batch(&mut self, room: usize) -> Option<Vec<Outgoing>> {
        let elapsed = self.started_at.elapsed();
        if self.ready.is_empty() && self.look_at <= elapsed {
            let count_max = room * ENTRIES_MAX;
            let due = self.take_due(elapsed, count_max);
            // More may be due already if there was no room for it.
            let is_cut = due.len() == count_max;
            self.look_at = if is_cut { elapsed } else { self.pace.wake_at(elapsed) };
            self.ready.extend(batches(due));
        }
        self.ready.pop_front()
    }

    /// What is due, at most `count_max` messages.
    fn take_due(&mut self, elapsed: Duration, count_max: usize) -> Vec<Outgoing> {
        let mut due = Vec::new();
        while due.len() < count_max && self.source.left() != Some(0) {
            let Some(place) = self.pace.take_due(elapsed) else { break };
            due.extend(self.source.next(place, OffsetDateTime::now_utc()));
        }
        due
    }

    /// Records and counts what SQS has taken of a batch.
    fn settle(&mut self, outcome: Outcome) -> Result<(), GenerateError> {
        for Confirmed { message, .. } in &outcome.confirmed {
            self.summary.sent += 1;
            match message.class {
                Class::Good => {}
                Class::Malformed => self.summary.malformed += 1,
                Class::Duplicate => self.summary.duplicates += 1,
                Class::Late => self.summary.late += 1,
            }
        }
        self.figures.add(&outcome);
        self.progress.show(self.summary.sent);
        let recorded = self.record.write(&outcome.confirmed);
        recorded.and(outcome.failure.map_or(Ok(()), |failure| Err(failure.into())))
    }
}
