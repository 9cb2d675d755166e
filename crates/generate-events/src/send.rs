//! Brings messages to SQS in batches, and brings again what SQS failed to take.
//!
//! A batch call answers 200 even if entries failed, so each entry's own outcome is read (SQS API
//! Reference, "SendMessageBatch").

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{GenerateError, SendError};
use crate::source::Outgoing;

/// Entries per batch (SQS API Reference, "SendMessageBatch").
pub const ENTRIES_MAX: usize = 10;
/// Bytes of all bodies of a batch (SQS API Reference, "SendMessageBatch").
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// How often an entry is sent before we give up; the SDK repeats failed calls on top of that.
const ATTEMPTS_MAX: u32 = 6;
/// After a stop, SQS has so long to answer for the batches in flight.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// A message that SQS has.
#[derive(Debug)]
pub struct Confirmed {
    /// The message.
    pub message: Outgoing,
    /// SQS's id of it.
    pub message_id: String,
}

/// What became of a batch. Entries may have been taken even if others failed.
#[derive(Debug)]
pub struct Outcome {
    /// What SQS has.
    pub confirmed: Vec<Confirmed>,
    /// Why the rest was not sent, if there is a rest.
    pub failure: Option<SendError>,
}

impl Outcome {
    /// Nobody waits any longer to hear what became of those that wait.
    fn given_up(self, waiting: &[Outgoing]) -> Self {
        self.failed(SendError::Unanswered {
            count: waiting.len(),
            id: first_id(waiting),
            waited: STOP_GRACE,
        })
    }

    /// SQS has had all the time that it gets for those that wait.
    fn too_long(self, waiting: &[Outgoing], waited: Duration) -> Self {
        self.failed(SendError::Silent { count: waiting.len(), id: first_id(waiting), waited })
    }

    fn failed(mut self, failure: SendError) -> Self {
        self.failure.get_or_insert(failure);
        self
    }
}

fn first_id(waiting: &[Outgoing]) -> String {
    waiting.first().map(|message| message.id.clone()).unwrap_or_default()
}

/// Cuts messages into batches that SQS takes, in order. A message that is too large for any batch
/// gets one of its own, which SQS then refuses by name.
pub fn batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        bytes += message.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES_MAX && bytes <= BATCH_BYTES_MAX => {
                batch.push(message);
            }
            _ => {
                bytes = message.body.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

/// Sends to one queue.
#[derive(Debug, Clone)]
pub struct Sender {
    client: Client,
    queue_url: String,
    /// How long one batch may take, its repetitions included.
    patience: Duration,
}

impl Sender {
    /// Looks the queue up. `patience` is how long a batch may take, its repetitions included.
    ///
    /// # Errors
    /// If the queue is not there, or SQS does not answer.
    pub async fn connect(
        client: Client,
        queue_name: &str,
        patience: Duration,
    ) -> Result<Sender, GenerateError> {
        let queue_name = queue_name.to_owned();
        match client.get_queue_url().queue_name(&queue_name).send().await {
            Ok(answer) => {
                let queue_url = answer.queue_url().unwrap_or_default().to_owned();
                Ok(Sender { client, queue_url, patience })
            }
            Err(error) if is_queue_missing(&error) => Err(GenerateError::NoQueue { queue_name }),
            Err(error) if is_denied(&error) => {
                Err(GenerateError::LookUpDenied { queue_name, reason: words(&error) })
            }
            Err(error) => Err(GenerateError::LookUp { queue_name, reason: words(&error) }),
        }
    }

    /// Sends one batch of at most [`ENTRIES_MAX`] messages. What SQS fails to take by its own
    /// fault is sent again after a pause; `jitter_seed` decides how long the pauses are. Once
    /// `given_up` is cancelled, or the batch has taken too long, nothing is awaited any more.
    pub async fn send(
        &self,
        batch: Vec<Outgoing>,
        jitter_seed: u64,
        given_up: &CancellationToken,
    ) -> Outcome {
        let mut random = ChaCha8Rng::seed_from_u64(jitter_seed);
        let mut outcome = Outcome { confirmed: Vec::with_capacity(batch.len()), failure: None };
        let mut waiting = batch;
        let mut attempt = 0;
        let deadline = Instant::now() + self.patience;
        loop {
            attempt += 1;
            let sending = given_up.run_until_cancelled(self.send_once(&waiting));
            let Ok(answer) = tokio::time::timeout_at(deadline, sending).await else {
                return outcome.too_long(&waiting, self.patience);
            };
            let reason = match answer.transpose() {
                Ok(None) => return outcome.given_up(&waiting),
                Ok(Some(answer)) => {
                    let sorted = sort(waiting, answer);
                    outcome.confirmed.extend(sorted.confirmed);
                    outcome.failure = outcome.failure.or(sorted.refused);
                    waiting = sorted.failed;
                    sorted.reason
                }
                Err(error) => {
                    if let Some(failure) = self.judge(&error) {
                        outcome.failure.get_or_insert(failure);
                        return outcome;
                    }
                    words(&error)
                }
            };
            let Some(first) = waiting.first() else { return outcome };
            let count = waiting.len();
            if ATTEMPTS_MAX <= attempt {
                let id = first.id.clone();
                let failure = SendError::Exhausted { count, id, attempts: attempt, reason };
                outcome.failure.get_or_insert(failure);
                return outcome;
            }
            tracing::warn!(count, attempt, %reason, "messages not taken, sending again");
            let pause = tokio::time::sleep(backoff(attempt, &mut random));
            if given_up.run_until_cancelled(pause).await.is_none() {
                return outcome.given_up(&waiting);
            }
        }
    }

    async fn send_once(
        &self,
        messages: &[Outgoing],
    ) -> Result<SendMessageBatchOutput, SdkError<SendMessageBatchError>> {
        let entries = messages
            .iter()
            .enumerate()
            .map(|(index, message)| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(&message.body)
                    .build()
                    .expect("id and body are set")
            })
            .collect();
        self.client
            .send_message_batch()
            .queue_url(&self.queue_url)
            .set_entries(Some(entries))
            .send()
            .await
    }

    /// Why a failed call is final; `None` if another attempt may succeed.
    fn judge(&self, error: &SdkError<SendMessageBatchError>) -> Option<SendError> {
        let SdkError::ServiceError(refusal) = error else {
            let is_ours = matches!(error, SdkError::ConstructionFailure(_));
            return is_ours.then(|| refused(error));
        };
        if is_queue_missing(error) {
            return Some(SendError::QueueGone { queue_url: self.queue_url.clone() });
        }
        if is_denied(error) {
            let (queue_url, reason) = (self.queue_url.clone(), words(error));
            return Some(SendError::CallDenied { queue_url, reason });
        }
        let is_throttled = refusal.err().is_request_throttled()
            || refusal.err().code().is_some_and(|code| code.contains("Throttl"));
        let is_transient = is_throttled || refusal.raw().status().is_server_error();
        (!is_transient).then(|| refused(error))
    }
}

fn refused(error: &SdkError<SendMessageBatchError>) -> SendError {
    SendError::CallRefused { reason: words(error) }
}

/// Known under its name in the query protocol, and under its own by servers that leave that out.
fn is_queue_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    matches!(code, Some("AWS.SimpleQueueService.NonExistentQueue" | "QueueDoesNotExist"))
}

/// Whether SQS does not know us, or does not let us do that.
fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let SdkError::ServiceError(answer) = error else { return false };
    let is_named = answer.err().code().is_some_and(|code| code.contains("AccessDenied"));
    is_named || matches!(answer.raw().status().as_u16(), 401 | 403)
}

/// What SQS, or the way to it, has to say: code and message, or the chain of causes.
fn words<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(refusal) = error.as_service_error() {
        let code = refusal.code().unwrap_or("an error without code");
        return format!("{code}: {}", refusal.message().unwrap_or("without a reason"));
    }
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

/// The entries of one call by what became of them.
struct Sorted {
    confirmed: Vec<Confirmed>,
    /// Not taken, by SQS's own fault.
    failed: Vec<Outgoing>,
    /// Why, of one of them.
    reason: String,
    /// The first entry that SQS refuses for what it is.
    refused: Option<SendError>,
}

fn sort(messages: Vec<Outgoing>, answer: SendMessageBatchOutput) -> Sorted {
    let message_ids: HashMap<&str, &str> =
        answer.successful().iter().map(|entry| (entry.id(), entry.message_id())).collect();
    let failures: HashMap<&str, _> =
        answer.failed().iter().map(|entry| (entry.id(), entry)).collect();
    let mut sorted =
        Sorted { confirmed: Vec::new(), failed: Vec::new(), reason: String::new(), refused: None };
    for (index, message) in messages.into_iter().enumerate() {
        let entry_id = index.to_string();
        if let Some(message_id) = message_ids.get(entry_id.as_str()) {
            sorted.confirmed.push(Confirmed { message, message_id: (*message_id).to_owned() });
            continue;
        }
        let (is_refused, code, reason) = match failures.get(entry_id.as_str()) {
            Some(entry) => (entry.sender_fault(), entry.code(), entry.message()),
            None => (false, "NoAnswer", Some("the answer does not mention the entry")),
        };
        let reason = reason.unwrap_or("without a reason").to_owned();
        if is_refused {
            let (id, code) = (message.id, code.to_owned());
            sorted.refused.get_or_insert(SendError::EntryRefused { id, code, reason });
        } else {
            sorted.reason = format!("{code}: {reason}");
            sorted.failed.push(message);
        }
    }
    sorted
}

/// How long to wait after attempt number `attempt` (from 1): doubling up to a ceiling, the upper
/// half of it left to chance, so that batches do not come back all at once.
fn backoff(attempt: u32, random: &mut ChaCha8Rng) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    let full = BACKOFF_MIN.saturating_mul(1 << doublings).min(BACKOFF_MAX);
    full.mul_f64(0.5 + random.random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::Class;

    fn message(id: usize, bytes: usize) -> Outgoing {
        let body = "x".repeat(bytes);
        Outgoing { id: id.to_string(), kind: "valid", class: Class::Good, body }
    }

    proptest! {
        #[test]
        fn batches_keep_the_order_and_both_limits(
            sizes in prop::collection::vec(prop_oneof![1_usize..2_000, 200_000..1_100_000_usize], 0..40)
        ) {
            let messages: Vec<_> =
                sizes.iter().enumerate().map(|(id, bytes)| message(id, *bytes)).collect();
            let batches = batches(messages.clone());
            for batch in &batches {
                let bytes: usize = batch.iter().map(|message| message.body.len()).sum();
                prop_assert!((1..=ENTRIES_MAX).contains(&batch.len()));
                prop_assert!(bytes <= BATCH_BYTES_MAX || batch.len() == 1);
            }
            prop_assert_eq!(batches.concat(), messages);
        }

        #[test]
        fn pauses_grow_to_their_ceiling(attempt: u32, seed: u64) {
            let pause = backoff(attempt, &mut ChaCha8Rng::seed_from_u64(seed));
            prop_assert!(BACKOFF_MIN / 2 <= pause && pause <= BACKOFF_MAX);
        }
    }

    #[test]
    fn small_messages_fill_batches_of_ten() {
        let sizes = |count: usize| -> Vec<usize> {
            let messages = (0..count).map(|id| message(id, 900)).collect();
            batches(messages).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(25), [10, 10, 5]);
        assert_eq!(sizes(10), [10]);
        assert!(sizes(0).is_empty());
    }
}
