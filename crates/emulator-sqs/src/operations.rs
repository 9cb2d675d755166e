//! The operations of SQS, one file per operation or close family.
//!
//! Requests and answers are plain structures with AWS's names; how they are written on the wire is
//! `protocol`'s business. An operation checks, then calls the queue machine.

use std::sync::Arc;

use serde::Serialize;

use crate::Emulator;
use crate::error::SqsError;
use crate::registry::SharedQueue;

pub(crate) mod batch;
pub(crate) mod change_visibility;
pub(crate) mod create_queue;
pub(crate) mod delete_message;
pub(crate) mod find_queues;
mod outgoing_attributes;
pub(crate) mod queue_attributes;
mod receipt_handle;
pub(crate) mod receive_message;
pub(crate) mod remove_queue;
pub(crate) mod send_message;
pub(crate) mod tags;
mod wire;

/// One request: on which emulator, and by which host name it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) host: &'a str,
}

/// The answer of an operation that has nothing to say.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

impl Call<'_> {
    fn now_ms(&self) -> u64 {
        self.emulator.clock.now_ms()
    }

    /// The queue a QueueUrl names. Only the last part of the path counts: a URL stays good whatever
    /// name or port the emulator is reached by.
    fn queue(&self, queue_url: &str) -> Result<Arc<SharedQueue>, SqsError> {
        if queue_url.is_empty() {
            return Err(SqsError::MissingParameter { parameter: "QueueUrl" });
        }
        match queue_url.trim_end_matches('/').rsplit_once('/') {
            Some((_, name)) if !name.is_empty() => self.emulator.queues.get(name),
            _ => Err(SqsError::InvalidAddress { address: queue_url.to_owned() }),
        }
    }

    fn queue_url(&self, name: &str) -> String {
        format!("http://{}/{}/{name}", self.host, self.emulator.account_id)
    }
}

/// Checks that an optional number lies in AWS's range; `reason` is AWS's text if it does not.
fn in_range(
    parameter: &'static str,
    value: Option<i64>,
    range: &std::ops::RangeInclusive<u32>,
    reason: &str,
) -> Result<Option<u32>, SqsError> {
    let Some(value) = value else { return Ok(None) };
    let checked = u32::try_from(value).ok().filter(|number| range.contains(number));
    checked.map(Some).ok_or_else(|| SqsError::invalid_parameter(parameter, value, reason))
}
