//! DeleteMessage and DeleteMessageBatch.

use std::borrow::Cow;

use serde::Deserialize;

use super::batch::{self, BatchAnswer, DoneEntry};
use super::{Call, Nothing, receipt_handle};
use crate::error::SqsError;
use crate::queue::Queue;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeleteMessageRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct DeleteMessageBatchRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<DeleteMessageBatchRequestEntry<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DeleteMessageBatchRequestEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
}

pub(crate) fn delete_message(
    call: &Call<'_>,
    request: DeleteMessageRequest<'_>,
) -> Result<Nothing, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    queue.with(|queue| delete(queue, &request.receipt_handle, call.now_ms()))??;
    Ok(Nothing {})
}

pub(crate) fn delete_message_batch<'a>(
    call: &Call<'_>,
    request: DeleteMessageBatchRequest<'a>,
) -> Result<BatchAnswer<'a, DoneEntry<'a>>, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let ids: Vec<&str> = request.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids(&ids, "DeleteMessageBatchRequestEntry")?;
    queue.with(|queue| {
        let now_ms = call.now_ms();
        let mut answer = BatchAnswer::default();
        for DeleteMessageBatchRequestEntry { id, receipt_handle } in request.entries {
            match delete(queue, &receipt_handle, now_ms) {
                Ok(()) => answer.successful.push(DoneEntry { id }),
                Err(error) => answer.fail(id, &error),
            }
        }
        answer
    })
}

fn delete(queue: &mut Queue, receipt_handle: &str, now_ms: u64) -> Result<(), SqsError> {
    let receipt = receipt_handle::read(receipt_handle, queue)?;
    queue.delete(receipt, now_ms);
    Ok(())
}
