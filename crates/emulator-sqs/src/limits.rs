//! AWS's numbers for SQS, each with the page that documents it.
//!
//! Pages are those of the *SQS Developer Guide* (`…/SQSDeveloperGuide/<page>.html`) and of the *SQS
//! API Reference* (`…/APIReference/API_<operation>.html`) under
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/>.
//!
//! Deliberately absent: the 60 seconds that must pass before a deleted queue's name is free again
//! (API_DeleteQueue). Here a deleted queue is gone at once: test suites recreate theirs.

use std::ops::RangeInclusive;

/// Characters of a queue name. Page: quotas-queues, "Queue name".
pub(crate) const QUEUE_NAME_CHARS_MAX: usize = 80;
/// Queues in one answer of ListQueues. Page: quotas-queues, "Listed queues".
pub(crate) const LISTED_QUEUES_MAX: usize = 1_000;
/// Characters of a tag's key. Page: quotas-queues, "Queue tag".
pub(crate) const TAG_KEY_CHARS_MAX: usize = 128;
/// Characters of a tag's value. Page: quotas-queues, "Queue tag".
pub(crate) const TAG_VALUE_CHARS_MAX: usize = 256;

/// Messages of a standard queue that may be in flight. Page: quotas-queues, "Messages per queue (in
/// flight)": past it a short poll is answered with `OverLimit`, a long poll with no messages.
pub(crate) const IN_FLIGHT_MAX: usize = 120_000;

/// DelaySeconds of a queue or message. Page: quotas-queues, "Delay queue".
pub(crate) const DELAY_SECONDS: RangeInclusive<u32> = 0..=900;
/// VisibilityTimeout in seconds. Page: sqs-visibility-timeout; counted from the receive, extended
/// or not ("Setting and adjusting the visibility timeout").
pub(crate) const VISIBILITY_TIMEOUT_SECONDS: RangeInclusive<u32> = 0..=43_200;
/// Default VisibilityTimeout. Page: API_CreateQueue.
pub(crate) const VISIBILITY_TIMEOUT_SECONDS_DEFAULT: u32 = 30;
/// MessageRetentionPeriod in seconds. Page: quotas-messages, "Message retention".
pub(crate) const RETENTION_SECONDS: RangeInclusive<u32> = 60..=1_209_600;
/// Default MessageRetentionPeriod: four days. Page: API_CreateQueue.
pub(crate) const RETENTION_SECONDS_DEFAULT: u32 = 345_600;
/// WaitTimeSeconds of a receive or queue. Page: quotas-queues, "Long polling wait time".
pub(crate) const WAIT_TIME_SECONDS: RangeInclusive<u32> = 0..=20;
/// MaximumMessageSize in bytes. Page: API_CreateQueue (1 MiB since August 2025).
pub(crate) const MESSAGE_BYTES: RangeInclusive<u32> = 1_024..=1_048_576;
/// Bytes of all messages of a SendMessageBatch together. Page: API_SendMessageBatch.
pub(crate) const BATCH_BYTES_MAX: usize = 1_048_576;
/// KmsDataKeyReusePeriodSeconds. Page: API_CreateQueue.
pub(crate) const KMS_DATA_KEY_REUSE_SECONDS: RangeInclusive<u32> = 60..=86_400;
/// Default KmsDataKeyReusePeriodSeconds. Page: API_CreateQueue.
pub(crate) const KMS_DATA_KEY_REUSE_SECONDS_DEFAULT: u32 = 300;
/// `maxReceiveCount` of a redrive policy. Page: sqs-dead-letter-queues.
pub(crate) const MAX_RECEIVE_COUNT: RangeInclusive<u32> = 1..=1_000;
/// `sourceQueueArns` of a redrive allow policy. Page: API_SetQueueAttributes.
pub(crate) const SOURCE_QUEUE_ARNS_MAX: usize = 10;

/// Entries of a batch request. Page: quotas-messages, "Batched messages".
pub(crate) const BATCH_ENTRIES_MAX: usize = 10;
/// Characters of a batch entry's id. Page: quotas-messages, "Batched message ID".
pub(crate) const BATCH_ENTRY_ID_CHARS_MAX: usize = 80;
/// MaxNumberOfMessages of a receive. Page: API_ReceiveMessage.
pub(crate) const RECEIVED_MESSAGES: RangeInclusive<u32> = 1..=10;
/// Attributes of a message. Page: quotas-messages, "Message attributes".
pub(crate) const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Characters of a message attribute's name and of its type. Page: sqs-message-metadata.
pub(crate) const ATTRIBUTE_NAME_CHARS_MAX: usize = 256;
/// Characters of a MessageGroupId. Page: quotas-messages.
pub(crate) const GROUP_ID_CHARS_MAX: usize = 128;

/// Seconds between two PurgeQueue of one queue. Page: API_PurgeQueue.
pub(crate) const PURGE_INTERVAL_SECONDS: u64 = 60;

/// Bytes of an HTTP request: ours, not AWS's. Room for a batch of 1 MiB in which every character is
/// escaped as `\u0000`, attributes in base64, and the request's own fields.
pub(crate) const REQUEST_BYTES_MAX: usize = 8 << 20;
