//! SendMessage and SendMessageBatch.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::batch::{self, BatchAnswer};
use super::outgoing_attributes::{self, SentAttributes};
use super::wire::{Hex, Id};
use super::{Call, in_range};
use crate::error::SqsError;
use crate::limits;
use crate::message::{
    AttributeValue, Extras, Message, MessageAttribute, check_characters, md5_of, md5_of_attributes,
};
use crate::queue::{Queue, seconds_to_ms};

/// A message to send: SendMessageRequest, or SendMessageBatchRequestEntry, which differs only in
/// having an `Id` and no `QueueUrl`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SendMessageRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    message_body: Box<str>,
    delay_seconds: Option<i64>,
    message_attributes: SentAttributes,
    message_system_attributes: SentAttributes,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SendMessageBatchRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    #[serde(borrow)]
    entries: Vec<SendMessageRequest<'a>>,
}

/// What SendMessage answers; in a batch with the entry's id.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Sent<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: Cow<'a, str>,
    message_id: Id,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: Hex,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<Hex>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<Hex>,
}

/// A message that passed every check which does not need the queue.
struct Checked {
    message: Message,
    payload_bytes: usize,
    delay_ms: Option<u64>,
    md5_of_system_attributes: Option<Hex>,
}

pub(crate) fn send_message<'a>(
    call: &Call<'_>,
    request: SendMessageRequest<'a>,
) -> Result<Sent<'a>, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let checked = check(call, request)?;
    queue
        .with(|queue| send(queue, Cow::Borrowed(""), checked, call.now_ms()))?
        .map_err(|(_, error)| error)
}

pub(crate) fn send_message_batch<'a>(
    call: &Call<'_>,
    request: SendMessageBatchRequest<'a>,
) -> Result<BatchAnswer<'a, Sent<'a>>, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let ids: Vec<&str> = request.entries.iter().map(|entry| &*entry.id).collect();
    batch::check_ids(&ids, "SendMessageBatchRequestEntry")?;

    let mut answer = BatchAnswer::default();
    let mut accepted = Vec::with_capacity(request.entries.len());
    for mut entry in request.entries {
        let id = std::mem::take(&mut entry.id);
        match check(call, entry) {
            Ok(checked) => accepted.push((id, checked)),
            Err(error) => answer.fail(id, &error),
        }
    }
    let bytes = accepted.iter().map(|(_, checked)| checked.payload_bytes).sum();
    if limits::BATCH_BYTES_MAX < bytes {
        return Err(SqsError::BatchRequestTooLong { bytes });
    }
    queue.with(|queue| {
        let now_ms = call.now_ms();
        for (id, checked) in accepted {
            match send(queue, id, checked, now_ms) {
                Ok(sent) => answer.successful.push(sent),
                Err((id, error)) => answer.fail(id, &error),
            }
        }
        answer
    })
}

fn check(call: &Call<'_>, request: SendMessageRequest<'_>) -> Result<Checked, SqsError> {
    let body = request.message_body;
    if body.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "MessageBody" });
    }
    check_characters(&body)?;
    let delay_seconds = in_range(
        "DelaySeconds",
        request.delay_seconds,
        &limits::DELAY_SECONDS,
        "DelaySeconds must be >= 0 and <= 900.",
    )?;
    if let Some(id) = request.message_deduplication_id {
        return Err(SqsError::invalid_parameter(
            "MessageDeduplicationId",
            id,
            "The request include parameter that is not valid for this queue type.",
        ));
    }
    let group_id = request.message_group_id.map(check_group_id).transpose()?;
    let attributes = outgoing_attributes::check(request.message_attributes)?;
    let trace_header = outgoing_attributes::trace_header(request.message_system_attributes)?;
    let md5_of_system_attributes = trace_header.as_ref().map(|header| Hex(md5_of_trace(header)));

    let has_extras = !attributes.is_empty() || trace_header.is_some() || group_id.is_some();
    let extras = has_extras.then(|| {
        let attributes_md5 = (!attributes.is_empty()).then(|| md5_of_attributes(&attributes));
        let dead_letter_source = None;
        Box::new(Extras { attributes, attributes_md5, trace_header, group_id, dead_letter_source })
    });
    let body_md5 = md5_of(body.as_bytes());
    let message = Message { id: call.emulator.ids.uuid(), body, body_md5, extras };
    let payload_bytes = message.payload_bytes();
    let delay_ms = delay_seconds.map(seconds_to_ms);
    Ok(Checked { message, payload_bytes, delay_ms, md5_of_system_attributes })
}

fn send<'a>(
    queue: &mut Queue,
    id: Cow<'a, str>,
    checked: Checked,
    now_ms: u64,
) -> Result<Sent<'a>, (Cow<'a, str>, SqsError)> {
    let Checked { message, payload_bytes, delay_ms, md5_of_system_attributes } = checked;
    let bytes_max = queue.attributes.maximum_message_size;
    if u64::from(bytes_max) < payload_bytes as u64 {
        return Err((id, SqsError::MessageTooLong { bytes_max }));
    }
    let extras = message.extras.as_deref();
    let sent = Sent {
        id,
        message_id: Id(message.id),
        md5_of_body: Hex(message.body_md5),
        md5_of_attributes: extras.and_then(|extras| extras.attributes_md5).map(Hex),
        md5_of_system_attributes,
    };
    queue.send(message, delay_ms, now_ms);
    Ok(sent)
}

/// On a standard queue a group names a tenant (SQS Developer Guide, "Fair queues").
fn check_group_id(group_id: String) -> Result<String, SqsError> {
    let is_legal = (1..=limits::GROUP_ID_CHARS_MAX).contains(&group_id.len())
        && group_id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_legal {
        return Ok(group_id);
    }
    Err(SqsError::invalid_parameter(
        "MessageGroupId",
        group_id,
        "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in \
         length.",
    ))
}

fn md5_of_trace(header: &str) -> [u8; 16] {
    let value = AttributeValue::Text(header.to_owned());
    let attribute = MessageAttribute { data_type: "String".to_owned(), value };
    md5_of_attributes([(&"AWSTraceHeader".to_owned(), &attribute)])
}
