//! The seam to SQS: what this crate needs of a queue, and SQS behind it.
//!
//! Batch calls answer 200 with a list of what failed, so every entry that the answer does not
//! name as successful counts as failed here. Knows no event and retries nothing.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};

use crate::dead_letter::Letter;
use crate::error::CallError;

/// Messages of one receive and entries of one batch call, at most (SQS API Reference,
/// "ReceiveMessage", "DeleteMessageBatch").
pub const ENTRIES_MAX: usize = 10;

/// A receipt handle: with it a message is deleted or given back. Shared by all who need it.
pub type Receipt = Arc<str>;

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that SQS gave it.
    pub id: String,
    /// What was sent.
    pub body: String,
    /// With this it is deleted or given back.
    pub receipt_handle: Receipt,
    /// When it was sent (`SentTimestamp`), in milliseconds since 1970.
    pub sent_at: Option<u64>,
}

/// An entry of a batch call that did not take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFailure {
    /// Which entry, from 0.
    pub index: usize,
    /// The error code, e.g. `ReceiptHandleIsInvalid`.
    pub code: String,
    /// Whether trying again is useless.
    pub sender_fault: bool,
}

/// How many messages a queue has. Approximate, as everything SQS says about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: u64,
    /// Received by somebody and not yet deleted.
    pub not_visible: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

impl Depth {
    /// Whether there is nothing at all.
    pub fn is_empty(self) -> bool {
        self.visible == 0 && self.not_visible == 0 && self.delayed == 0
    }
}

/// What this crate needs of a queue. Batch calls take at most [`ENTRIES_MAX`] entries.
pub trait Queue: Clone + Send + Sync + 'static {
    /// Waits up to `wait` for up to [`ENTRIES_MAX`] messages, and hides those it gets from others
    /// for `visibility_timeout`.
    fn receive(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, CallError>> + Send;

    /// Deletes messages.
    fn delete(
        &self,
        receipt_handles: &[Receipt],
    ) -> impl Future<Output = Result<Vec<EntryFailure>, CallError>> + Send;

    /// Hides received messages for so long from now on; zero makes them visible again at once.
    fn change_visibility(
        &self,
        receipt_handles: &[Receipt],
        visibility_timeout: Duration,
    ) -> impl Future<Output = Result<Vec<EntryFailure>, CallError>> + Send;

    /// Sends letters.
    fn send(
        &self,
        letters: &[&Letter],
    ) -> impl Future<Output = Result<Vec<EntryFailure>, CallError>> + Send;

    /// Counts the messages.
    fn depth(&self) -> impl Future<Output = Result<Depth, CallError>> + Send;
}

/// A queue of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    pub(crate) client: aws_sdk_sqs::Client,
    /// Waits for the answer of a long poll.
    poll_client: aws_sdk_sqs::Client,
    pub(crate) url: String,
    /// For errors: `queue <name>`.
    pub(crate) resource: String,
}

impl SqsQueue {
    /// Finds the queue called `name`.
    pub async fn find(client: aws_sdk_sqs::Client, name: &str) -> Result<Self, CallError> {
        let resource = format!("queue {name}");
        let found = client.get_queue_url().queue_name(name).send().await;
        let found = found.map_err(|error| CallError::from_sdk("GetQueueUrl", &resource, &error))?;
        let url = found.queue_url.unwrap_or_default();
        Ok(Self { poll_client: client.clone(), client, url, resource })
    }

    /// The same queue, received from through a client that has more patience than that for all
    /// other calls.
    #[must_use]
    pub fn polled_by(self, poll_client: aws_sdk_sqs::Client) -> Self {
        Self { poll_client, ..self }
    }

    /// Whether the two are one queue under two names.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Receives up to [`ENTRIES_MAX`] messages, with what SQS itself (`system`) and their sender
    /// (`written`) have written about them.
    pub(crate) async fn receive_with(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
        (system, written): (MessageSystemAttributeName, Option<&str>),
    ) -> Result<Vec<aws_sdk_sqs::types::Message>, CallError> {
        let answer = self
            .poll_client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(ENTRIES_MAX).expect("ten"))
            .visibility_timeout(whole_seconds(visibility_timeout))
            .wait_time_seconds(whole_seconds(wait))
            .message_system_attribute_names(system)
            .set_message_attribute_names(written.map(|names| vec![names.to_owned()]))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("ReceiveMessage", &self.resource, &error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Sends entries whose ids are `0`, `1`, …; returns those that SQS took, and all others.
    pub(crate) async fn send_entries(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<(Vec<SendMessageBatchResultEntry>, Vec<EntryFailure>), CallError> {
        let count = entries.len();
        let answer = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("SendMessageBatch", &self.resource, &error))?;
        let successful = answer.successful.iter().map(|entry| entry.id.as_str());
        let failures = unconfirmed(count, successful, &answer.failed);
        Ok((answer.successful, failures))
    }
}

impl Queue for SqsQueue {
    async fn receive(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, CallError> {
        let what = (MessageSystemAttributeName::SentTimestamp, None);
        let received = self.receive_with(visibility_timeout, wait, what).await?;
        Ok(received.into_iter().map(message).collect())
    }

    async fn delete(&self, receipt_handles: &[Receipt]) -> Result<Vec<EntryFailure>, CallError> {
        let entries = receipt_handles.iter().enumerate().map(|(index, receipt_handle)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle.as_ref())
                .build()
                .expect("id and receipt handle are set")
        });
        let answer = self
            .client
            .delete_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("DeleteMessageBatch", &self.resource, &error))?;
        let successful = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(unconfirmed(receipt_handles.len(), successful, &answer.failed))
    }

    async fn change_visibility(
        &self,
        receipt_handles: &[Receipt],
        visibility_timeout: Duration,
    ) -> Result<Vec<EntryFailure>, CallError> {
        let entries = receipt_handles.iter().enumerate().map(|(index, receipt_handle)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(receipt_handle.as_ref())
                .visibility_timeout(whole_seconds(visibility_timeout))
                .build()
                .expect("id and receipt handle are set")
        });
        let answer = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|error| {
                CallError::from_sdk("ChangeMessageVisibilityBatch", &self.resource, &error)
            })?;
        let successful = answer.successful.iter().map(|entry| entry.id.as_str());
        Ok(unconfirmed(receipt_handles.len(), successful, &answer.failed))
    }

    async fn send(&self, letters: &[&Letter]) -> Result<Vec<EntryFailure>, CallError> {
        let entries = letters.iter().enumerate().map(|(index, letter)| {
            let attributes = letter.attributes().iter().map(|(name, value)| {
                let value = MessageAttributeValue::builder()
                    .data_type("String")
                    .string_value(value)
                    .build()
                    .expect("the data type is set");
                ((*name).to_owned(), value)
            });
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(letter.body())
                .set_message_attributes(Some(attributes.collect()))
                .build()
                .expect("id and body are set")
        });
        let (_, failures) = self.send_entries(entries.collect()).await?;
        Ok(failures)
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| CallError::from_sdk("GetQueueAttributes", &self.resource, &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let [visible, not_visible, delayed] = names
            .map(|name| attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0));
        Ok(Depth { visible, not_visible, delayed })
    }
}

/// Every bound of SQS that is a time is less than a day.
pub(crate) fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

fn message(received: aws_sdk_sqs::types::Message) -> Message {
    let mut attributes = received.attributes.unwrap_or_default();
    Message {
        id: received.message_id.unwrap_or_default(),
        body: received.body.unwrap_or_default(),
        receipt_handle: received.receipt_handle.unwrap_or_default().into(),
        sent_at: attributes
            .remove(&MessageSystemAttributeName::SentTimestamp)
            .and_then(|milliseconds| milliseconds.parse().ok()),
    }
}

/// The entries, of `count` whose ids are `0`, `1`, …, that the answer does not call successful.
pub(crate) fn unconfirmed<'a>(
    count: usize,
    successful: impl ExactSizeIterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<EntryFailure> {
    if successful.len() == count && failed.is_empty() {
        return Vec::new();
    }
    let successful: HashSet<&str> = successful.collect();
    (0..count)
        .map(|index| (index, index.to_string()))
        .filter(|(_, id)| !successful.contains(id.as_str()))
        .map(|(index, id)| match failed.iter().find(|entry| entry.id == id) {
            Some(entry) => {
                EntryFailure { index, code: entry.code.clone(), sender_fault: entry.sender_fault }
            }
            None => EntryFailure { index, code: "NoAnswer".to_owned(), sender_fault: false },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_the_answer_forgets_is_not_confirmed() {
        let failed = BatchResultErrorEntry::builder()
            .id("1")
            .code("ReceiptHandleIsInvalid")
            .sender_fault(true)
            .build()
            .expect("complete");
        let failures = unconfirmed(3, ["0"].into_iter(), &[failed]);
        let expected = [(1, "ReceiptHandleIsInvalid", true), (2, "NoAnswer", false)];
        assert_eq!(
            failures,
            expected.map(|(index, code, sender_fault)| EntryFailure {
                index,
                code: code.to_owned(),
                sender_fault
            })
        );
        assert_eq!(unconfirmed(2, ["1", "0"].into_iter(), &[]), []);
    }
}
