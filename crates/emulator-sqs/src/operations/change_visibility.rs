//! ChangeMessageVisibility and ChangeMessageVisibilityBatch.

use std::borrow::Cow;

use serde::Deserialize;

use super::batch::{self, BatchAnswer, DoneEntry};
use super::{Call, Nothing, in_range, receipt_handle};
use crate::error::SqsError;
use crate::limits;
use crate::queue::{Queue, VisibilityRefusal, seconds_to_ms};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeMessageVisibilityRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
    visibility_timeout: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeMessageVisibilityBatchRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<ChangeMessageVisibilityBatchRequestEntry<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ChangeMessageVisibilityBatchRequestEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
    visibility_timeout: Option<i64>,
}

pub(crate) fn change_message_visibility(
    call: &Call<'_>,
    request: ChangeMessageVisibilityRequest<'_>,
) -> Result<Nothing, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let ChangeMessageVisibilityRequest { receipt_handle, visibility_timeout, .. } = request;
    queue.with(|queue| change(queue, &receipt_handle, visibility_timeout, call.now_ms()))??;
    Ok(Nothing {})
}

pub(crate) fn change_message_visibility_batch<'a>(
    call: &Call<'_>,
    request: ChangeMessageVisibilityBatchRequest<'a>,
) -> Result<BatchAnswer<'a, DoneEntry<'a>>, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let ids: Vec<&str> = request.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids(&ids, "ChangeMessageVisibilityBatchRequestEntry")?;
    queue.with(|queue| {
        let now_ms = call.now_ms();
        let mut answer = BatchAnswer::default();
        for entry in request.entries {
            match change(queue, &entry.receipt_handle, entry.visibility_timeout, now_ms) {
                Ok(()) => answer.successful.push(DoneEntry { id: entry.id }),
                Err(error) => answer.fail(entry.id, &error),
            }
        }
        answer
    })
}

fn change(
    queue: &mut Queue,
    receipt_handle: &str,
    visibility_timeout: Option<i64>,
    now_ms: u64,
) -> Result<(), SqsError> {
    const NAME: &str = "VisibilityTimeout";
    let receipt = receipt_handle::read(receipt_handle, queue)?;
    let range = limits::VISIBILITY_TIMEOUT_SECONDS;
    let timeout = in_range(NAME, visibility_timeout, &range, "Must be between 0 and 43200.")?
        .ok_or(SqsError::MissingParameter { parameter: NAME })?;
    queue.change_visibility(receipt, seconds_to_ms(timeout), now_ms).map_err(|refusal| {
        match refusal {
            VisibilityRefusal::Gone => SqsError::invalid_parameter(
                "ReceiptHandle",
                receipt_handle,
                "Message does not exist or is not available for visibility timeout change.",
            ),
            // Documented; observed on AWS is also an answer of success that changes nothing.
            VisibilityRefusal::NotInFlight => SqsError::MessageNotInflight,
            VisibilityRefusal::BeyondLimit => SqsError::invalid_parameter(
                NAME,
                timeout,
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ),
        }
    })
}
