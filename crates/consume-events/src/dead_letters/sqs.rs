//! The seam to SQS for those who look after dead letters.

use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};

use super::letter::DeadLetter;
use crate::error::CallError;
use crate::queue::{EntryFailure, Queue, SqsQueue};

/// A message that SQS has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Which entry, from 0.
    pub index: usize,
    /// The id that SQS gave it.
    pub message_id: String,
}

/// What looking after dead letters needs of a queue besides.
pub trait DeadLetterQueue: Queue {
    /// Receives, with all that was written about the messages.
    fn read(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, CallError>> + Send;

    /// Sends messages that are nothing but their bodies, at most
    /// [`ENTRIES_MAX`](crate::queue::ENTRIES_MAX).
    fn send_bodies(
        &self,
        bodies: &[&str],
    ) -> impl Future<Output = Result<(Vec<Sent>, Vec<EntryFailure>), CallError>> + Send;

    /// Whether what is read is hidden from others until it is handed back.
    fn hides(&self) -> bool {
        true
    }

    /// Ends the deletions that were begun; of a queue there are none.
    fn finish(&self) -> impl Future<Output = Finished> + Send {
        std::future::ready(Finished::default())
    }
}

/// What became of deletions.
#[derive(Debug, Default)]
pub struct Finished {
    /// Messages that were taken for deleted and are not.
    pub stayed: usize,
    /// What ended the attempts.
    pub error: Option<CallError>,
}

impl DeadLetterQueue for SqsQueue {
    async fn read(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> Result<Vec<DeadLetter>, CallError> {
        let what = (MessageSystemAttributeName::All, Some("All"));
        let received = self.receive_with(visibility_timeout, wait, what).await?;
        Ok(received.into_iter().map(dead_letter).collect())
    }

    async fn send_bodies(
        &self,
        bodies: &[&str],
    ) -> Result<(Vec<Sent>, Vec<EntryFailure>), CallError> {
        let entries = bodies.iter().enumerate().map(|(index, body)| {
            SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(*body)
                .build()
                .expect("id and body are set")
        });
        let (successful, failures) = self.send_entries(entries.collect()).await?;
        let sent = successful.into_iter().filter_map(|entry| {
            let index = entry.id.parse().ok()?;
            Some(Sent { index, message_id: entry.message_id })
        });
        Ok((sent.filter(|sent| sent.index < bodies.len()).collect(), failures))
    }
}

fn dead_letter(received: aws_sdk_sqs::types::Message) -> DeadLetter {
    let system = received.attributes.unwrap_or_default();
    let written = received.message_attributes.unwrap_or_default();
    DeadLetter {
        message_id: received.message_id.unwrap_or_default(),
        receipt_handle: received.receipt_handle.unwrap_or_default().into(),
        body: received.body.unwrap_or_default(),
        sent_at: system
            .get(&MessageSystemAttributeName::SentTimestamp)
            .and_then(|milliseconds| milliseconds.parse().ok()),
        by_sqs: system.contains_key(&MessageSystemAttributeName::DeadLetterQueueSourceArn),
        attributes: written
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.string_value?)))
            .collect(),
    }
}
