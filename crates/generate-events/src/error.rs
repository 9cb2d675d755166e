//! Why a run ended early, and what helps.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use runtime::failure::WithHint;
use runtime::settings::SettingsError;

use crate::run::Summary;

/// Any error of a dependency.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why not everything was sent.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A flag, the environment or the settings file is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The shares leave less than nothing for good events.
    #[error("the shares of malformed, duplicate and late messages add up to {sum}, more than 1")]
    SharesBeyondOne {
        /// What they add up to.
        sum: f64,
    },
    /// The file of messages cannot be read.
    #[error("read messages from {}", path.display())]
    Messages {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A line of the file of messages is not one.
    #[error("{}, line {line}: not a message with name, verdict and body", path.display())]
    MessageLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The record cannot be written.
    #[error("write the record {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is no region, or there are no credentials.
    #[error(transparent)]
    Account(#[from] runtime::aws::AccountError),
    /// The queue is not there.
    #[error("there is no queue {queue_name}")]
    NoQueue {
        /// The queue's name.
        queue_name: String,
    },
    /// SQS does not answer, or cannot.
    #[error("look up the queue {queue_name}: {reason}")]
    LookUp {
        /// The queue's name.
        queue_name: String,
        /// What the SDK says, all of it.
        reason: String,
    },
    /// SQS does not let us look the queue up.
    #[error("look up the queue {queue_name}: {reason}")]
    LookUpDenied {
        /// The queue's name.
        queue_name: String,
        /// SQS's words.
        reason: String,
    },
    /// Sending failed; everything in flight was finished first.
    #[error("{} messages were sent, then", sent.sent)]
    Interrupted {
        /// What SQS confirmed.
        sent: Summary,
        /// What ended it.
        #[source]
        source: Box<GenerateError>,
    },
    /// A batch could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Why a batch, or an entry of it, could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// SQS refuses this entry for what it is.
    #[error("sqs refuses message {id}: {code}: {reason}")]
    EntryRefused {
        /// The message's id, as the record would name it.
        id: String,
        /// SQS's error code.
        code: String,
        /// SQS's words.
        reason: String,
    },
    /// SQS failed to take these entries again and again, by its own fault.
    #[error("{count} messages, {id} among them, were not taken in {attempts} attempts: {reason}")]
    Exhausted {
        /// How many messages.
        count: usize,
        /// The first of them.
        id: String,
        /// How often each was sent.
        attempts: u32,
        /// What the last attempt met.
        reason: String,
    },
    /// The program was stopped, and SQS did not answer in time.
    #[error(
        "{count} messages, {id} among them, were not answered within {waited:?} of the stop; SQS may \
         have them"
    )]
    Unanswered {
        /// How many messages.
        count: usize,
        /// The first of them.
        id: String,
        /// How long an answer was awaited after the stop.
        waited: Duration,
    },
    /// SQS has not answered for as long as we wait for a batch.
    #[error(
        "{count} messages, {id} among them, were not answered within {waited:?} (--patience); SQS \
         may have them"
    )]
    Silent {
        /// How many messages.
        count: usize,
        /// The first of them.
        id: String,
        /// How long the batch was tried.
        waited: Duration,
    },
    /// The queue was there when we began.
    #[error("the queue {queue_url} is gone")]
    QueueGone {
        /// The queue's URL.
        queue_url: String,
    },
    /// SQS does not let us send to the queue.
    #[error("send a batch: {reason}")]
    CallDenied {
        /// The queue's URL.
        queue_url: String,
        /// SQS's words.
        reason: String,
    },
    /// SQS refuses the whole call.
    #[error("send a batch: {reason}")]
    CallRefused {
        /// What the SDK says, all of it.
        reason: String,
    },
}

/// Adds the hint that the error itself knows.
///
/// # Errors
/// Always: the error given.
pub fn hinted<T>(error: GenerateError) -> anyhow::Result<T> {
    match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    }
}

impl GenerateError {
    /// What the user can do about it, where we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoQueue { queue_name } => Some(format!(
                "the queue must exist; make it, and all else, with: run-pipeline provision, or: aws sqs \
                 create-queue --queue-name {queue_name}; or start a local stack that has it with: \
                 blueshift up --settings settings.ini"
            )),
            Self::LookUpDenied { queue_name, .. } => {
                Some(denied_hint("sqs:GetQueueUrl", &format!("the queue {queue_name}")))
            }
            Self::Send(SendError::CallDenied { queue_url, .. }) => {
                Some(denied_hint("sqs:SendMessage", queue_url))
            }
            Self::LookUp { .. } | Self::Send(SendError::Silent { .. }) => {
                Some(runtime::aws::UNREACHABLE_HINT.to_owned())
            }
            Self::Account(error) => Some(error.hint().to_owned()),
            Self::Settings(error) => error.hint().map(str::to_owned),
            Self::SharesBeyondOne { .. } => {
                Some("lower --malformed, --duplicates or --late".to_owned())
            }
            Self::Interrupted { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// What helps when SQS does not let us do that (SQS Developer Guide, "Amazon SQS API permissions":
/// a batch needs the right of the single call).
fn denied_hint(action: &str, resource: &str) -> String {
    format!("are these the right credentials, and do they allow {action} on {resource}?")
}
