//! `consume-events dead-letters`: what an operator does with messages that the table could not
//! take.
//!
//! As careful as the consumer: a dead letter is deleted only after SQS has confirmed that its
//! message is back in the queue of events, failed entries of a batch are tried again, and whatever
//! was only looked at is handed back at once. A crash in between makes a double, never a loss.
//!
//! - [`letter`] reads a dead letter; [`select`] says which ones are meant.
//! - [`sweep`] goes through the queue; [`list`], [`show`] and [`resend`] are what is done on the way.
//! - [`repair`] reads the file of repaired messages.
//! - [`sqs`] is the seam to SQS; [`kept`] is what lies in the bucket instead of a queue, [`line`]
//!   what stands in its objects.

pub mod args;
mod kept;
mod letter;
mod line;
mod list;
mod repair;
mod resend;
mod select;
mod show;
mod sqs;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use runtime::metrics::Metrics;
use runtime::settings::BucketSettings;
use runtime::telemetry::Format;
use tokio_util::sync::CancellationToken;

use crate::acknowledge::Acknowledger;
use crate::ceiling::Ceiling;
use crate::config::Shared;
use crate::custody::Custody;
use crate::error::CallError;
use crate::pipeline::END_WITHIN;
use crate::queue::SqsQueue;
use crate::retry::{Outage, Persistence};
use crate::state::Counters;
use crate::{PROGRAM, START_TIMEOUT, connect_both, hinted};

pub use args::{Action, DeadLetters};
pub use letter::DeadLetter;
pub use sqs::{DeadLetterQueue, Finished, Sent};

use kept::{RejectedMessages, Source};
use sweep::Sweep;

/// Deletes at once.
const CONCURRENCY: usize = 4;

/// How long, after a signal, S3 may still take to delete what was sent or purged.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What was done, and what of it did not succeed.
#[derive(Debug)]
pub struct Outcome {
    /// For stdout.
    pub text: String,
    /// What is to be said on stderr, with an exit code that is not 0.
    pub failure: Option<anyhow::Error>,
}

/// The queues, by name and by what can be done with them.
#[derive(Debug)]
pub(crate) struct Desk<Q> {
    pub(crate) dead_letters: Q,
    pub(crate) dead_letters_name: String,
    pub(crate) events: Q,
    pub(crate) events_name: String,
    pub(crate) sqs: Persistence,
    pub(crate) acknowledger: Acknowledger<Q>,
    /// What sweeps hold.
    pub(crate) custody: Arc<Custody>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) format: Format,
    pub(crate) shutdown: CancellationToken,
    /// After a signal all has an end, however much is to be handed back.
    _ceiling: Ceiling,
}

impl<Q: DeadLetterQueue> Desk<Q> {
    pub(crate) fn new(
        queues: [(Q, String); 2],
        outage: Arc<Outage>,
        format: Format,
        shutdown: CancellationToken,
    ) -> Self {
        let [(dead_letters, dead_letters_name), (events, events_name)] = queues;
        // A second SIGINT ends the process; the first one ends the patience. What is sent and not
        // known to be becomes a double at most.
        let end = CancellationToken::new();
        let signalled = shutdown.clone().cancelled_owned();
        let ceiling = Ceiling::start(signalled, END_WITHIN, end.clone());
        let sqs = Persistence::new(outage, shutdown.clone()).hurried_in_the_end().ending_at(end);
        let counters = Arc::new(Counters::new(&Metrics::new(PROGRAM)));
        let custody = Arc::<Custody>::default();
        let acknowledger = Acknowledger::new(
            dead_letters.clone(),
            sqs.clone(),
            Arc::clone(&custody),
            Arc::clone(&counters),
            CONCURRENCY,
        );
        Self {
            dead_letters,
            dead_letters_name,
            events,
            events_name,
            sqs,
            acknowledger,
            custody,
            counters,
            format,
            shutdown,
            _ceiling: ceiling,
        }
    }

    /// Where the dead letters are, for people.
    fn place(&self) -> String {
        let name = &self.dead_letters_name;
        if name.contains("://") { name.clone() } else { format!("queue {name}") }
    }

    /// A way through the dead letters.
    fn sweep(&self) -> Sweep<'_, Q> {
        Sweep::new(self)
    }

    pub(crate) async fn act(
        &self,
        action: &Action,
        validator: Option<&events::Validator>,
    ) -> anyhow::Result<Outcome> {
        match action {
            Action::List(args) => list::run(self, args).await,
            Action::Show(args) => show::run(self, args).await,
            Action::Redrive(args) => resend::redrive(self, args, validator).await,
            Action::Purge(args) => resend::purge(self, args).await,
        }
    }
}

/// Does what `dead-letters` was asked to do; with a bucket, to the messages that are rejected there.
///
/// # Errors
/// If a setting is missing, a queue does not exist, or SQS refuses. What was held has been handed
/// back, or returns within two minutes.
pub async fn run(
    shared: &Shared,
    rejected: Option<&BucketSettings>,
    action: &Action,
    format: Format,
    shutdown: CancellationToken,
) -> anyhow::Result<Outcome> {
    let validator = match action {
        Action::Redrive(args) if args.file.is_some() => Some(crate::read_table(&shared.table)?),
        _ => None,
    };
    let (sqs, s3) = connect_both(shared).await?;
    let outage = Arc::new(Outage::new("sqs", &Metrics::new(PROGRAM)));
    let patience = shutdown.child_token();
    let _ceiling = Ceiling::start(async {}, START_TIMEOUT, patience.clone());
    let persistence = Persistence::new(Arc::clone(&outage), patience);
    let find = |name| {
        let (sqs, persistence) = (&sqs, &persistence);
        persistence.call(move || SqsQueue::find(sqs.clone(), name))
    };
    let (name, dead_letter_name) = (&shared.queue.name, &shared.queue.dead_letter_name);
    // Also after a signal: what was sent is not to be sent again.
    let s3_patience = CancellationToken::new();
    let signalled = shutdown.clone().cancelled_owned();
    let _s3_ceiling = Ceiling::start(signalled, STOP_WITHIN, s3_patience.clone());
    let s3_outage = Arc::new(Outage::new("s3", &Metrics::new(PROGRAM)));
    let s3_calls = Persistence::new(s3_outage, s3_patience).hurried_until_silence();
    let rejected = rejected.map(|bucket| RejectedMessages::new(s3, bucket, s3_calls));
    let dead_letters = match &rejected {
        Some(rejected) => (Source::Rejected(rejected.clone()), rejected.url()),
        None => {
            let found: Result<SqsQueue, CallError> = find(dead_letter_name).await;
            (Source::Queue(hinted(found)?), dead_letter_name.clone())
        }
    };
    let events = (Source::Queue(hinted(find(name).await)?), name.clone());
    let desk = Desk::new([dead_letters, events], outage, format, shutdown);
    desk.act(action, validator.as_ref()).await
}
