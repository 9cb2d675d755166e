//! AWS JSON 1.0: names operations, reads requests, writes answers and errors.
//!
//! Pages: Smithy, "AWS JSON 1.0 protocol"; SQS Developer Guide, "Interpreting Amazon SQS JSON API
//! responses".

use emulator_core::serve::{Response, full};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::SqsError;
use crate::operations::{
    Call, change_visibility, create_queue, delete_message, find_queues, queue_attributes,
    receive_message, remove_queue, send_message, tags,
};

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Runs one operation on a request in JSON; returns the answer's JSON.
pub(crate) async fn dispatch(
    call: &Call<'_>,
    operation: &str,
    body: &[u8],
) -> Result<Vec<u8>, SqsError> {
    match operation {
        "SendMessage" => write(&send_message::send_message(call, read(body)?)?, 256),
        "SendMessageBatch" => write(&send_message::send_message_batch(call, read(body)?)?, 2_048),
        "ReceiveMessage" => {
            let answer = receive_message::receive_message(call, read(body)?).await?;
            write(&answer, answer.json_bytes())
        }
        "DeleteMessage" => write(&delete_message::delete_message(call, read(body)?)?, 2),
        "DeleteMessageBatch" => {
            write(&delete_message::delete_message_batch(call, read(body)?)?, 512)
        }
        "ChangeMessageVisibility" => {
            write(&change_visibility::change_message_visibility(call, read(body)?)?, 2)
        }
        "ChangeMessageVisibilityBatch" => {
            write(&change_visibility::change_message_visibility_batch(call, read(body)?)?, 512)
        }
        "CreateQueue" => write(&create_queue::create_queue(call, read(body)?)?, 128),
        "DeleteQueue" => write(&remove_queue::delete_queue(call, read(body)?)?, 2),
        "PurgeQueue" => write(&remove_queue::purge_queue(call, read(body)?)?, 2),
        "GetQueueUrl" => write(&find_queues::get_queue_url(call, read(body)?)?, 128),
        "ListQueues" => write(&find_queues::list_queues(call, read(body)?)?, 1_024),
        "ListDeadLetterSourceQueues" => {
            write(&find_queues::list_dead_letter_source_queues(call, read(body)?)?, 1_024)
        }
        "GetQueueAttributes" => {
            write(&queue_attributes::get_queue_attributes(call, read(body)?)?, 1_024)
        }
        "SetQueueAttributes" => {
            write(&queue_attributes::set_queue_attributes(call, read(body)?)?, 2)
        }
        "TagQueue" => write(&tags::tag_queue(call, read(body)?)?, 2),
        "UntagQueue" => write(&tags::untag_queue(call, read(body)?)?, 2),
        "ListQueueTags" => write(&tags::list_queue_tags(call, read(body)?)?, 512),
        "StartMessageMoveTask" | "CancelMessageMoveTask" | "ListMessageMoveTasks" => {
            Err(SqsError::UnsupportedOperation { what: "Message move tasks are" })
        }
        "AddPermission" | "RemovePermission" => Err(SqsError::UnsupportedOperation {
            what: "AddPermission and RemovePermission (no policy is enforced here) are",
        }),
        other => Err(SqsError::UnknownOperation { operation: other.to_owned() }),
    }
}

/// The HTTP answer of an operation that succeeded.
pub(crate) fn succeeded(json: Vec<u8>, request_id: Uuid) -> Response {
    response(StatusCode::OK, json, request_id)
}

/// The HTTP answer of an operation that failed.
pub(crate) fn failed(error: &SqsError, request_id: Uuid) -> Response {
    #[derive(Serialize)]
    struct Fault<'a> {
        #[serde(rename = "__type")]
        shape: &'a str,
        message: &'a str,
    }
    let code = error.code();
    let fault = Fault { shape: code.shape, message: &error.to_string() };
    let json = serde_json::to_vec(&fault).expect("two texts are JSON");
    let status = StatusCode::from_u16(code.status).expect("a status of ours is a valid one");
    let mut response = response(status, json, request_id);
    let query = HeaderValue::try_from(format!("{};Sender", code.query));
    response.headers_mut().insert("x-amzn-query-error", query.expect("a code is plain ASCII"));
    response
}

fn response(status: StatusCode, json: Vec<u8>, request_id: Uuid) -> Response {
    let mut buffer = Uuid::encode_buffer();
    let request_id = request_id.hyphenated().encode_lower(&mut buffer);
    let request_id = HeaderValue::from_str(request_id).expect("a UUID is plain ASCII");
    let mut response = Response::new(full(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response.headers_mut().insert("x-amzn-requestid", request_id);
    response
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, SqsError> {
    // A request without parameters may have no body at all.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| SqsError::Serialization { reason: error.to_string() })
}

fn write<T: Serialize>(answer: &T, bytes_hint: usize) -> Result<Vec<u8>, SqsError> {
    let mut json = Vec::with_capacity(bytes_hint);
    serde_json::to_writer(&mut json, answer).expect("an answer has nothing that JSON lacks");
    Ok(json)
}
