//! GetQueueAttributes and SetQueueAttributes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Call, Nothing};
use crate::attributes::{QueueAttributes, SETTABLE};
use crate::error::SqsError;

/// What a queue has besides [`SETTABLE`] (API Reference, GetQueueAttributes).
const DERIVED: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetQueueAttributesRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    attribute_names: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetQueueAttributesAnswer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SetQueueAttributesRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    attributes: BTreeMap<String, String>,
}

pub(crate) fn get_queue_attributes(
    call: &Call<'_>,
    request: GetQueueAttributesRequest<'_>,
) -> Result<GetQueueAttributesAnswer, SqsError> {
    let shared = call.queue(&request.queue_url)?;
    let names = request.attribute_names;
    let known = || DERIVED.into_iter().chain(SETTABLE);
    // The attributes of FIFO queues are unknown to a standard queue.
    let unknown = names.iter().find(|name| *name != "All" && !known().any(|known| known == *name));
    if let Some(name) = unknown {
        return Err(SqsError::InvalidAttributeName { attribute: name.clone() });
    }
    let wanted = |known: &&str| names.iter().any(|name| name == "All" || name == known);
    let attributes = shared.with(|queue| {
        let counts = queue.counts(call.now_ms());
        let seconds = |ms: u64| (ms / 1_000).to_string();
        let value = |name| match name {
            "QueueArn" => Some(shared.arn.to_string()),
            "CreatedTimestamp" => Some(seconds(queue.created_at_ms)),
            "LastModifiedTimestamp" => Some(seconds(queue.modified_at_ms)),
            "ApproximateNumberOfMessages" => Some(counts.available.to_string()),
            "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
            "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
            settable => queue.attributes.get(settable),
        };
        known().filter(wanted).filter_map(|name| Some((name, value(name)?))).collect()
    })?;
    Ok(GetQueueAttributesAnswer { attributes })
}

pub(crate) fn set_queue_attributes(
    call: &Call<'_>,
    request: SetQueueAttributesRequest<'_>,
) -> Result<Nothing, SqsError> {
    let shared = call.queue(&request.queue_url)?;
    if request.attributes.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "Attribute.Name" });
    }
    // Checked on a copy: either all attributes are set or none.
    let changed = shared.look(|queue| queue.attributes.with(&request.attributes))??;
    check_redrive(call, &shared.arn, &changed)?;
    shared.with(|queue| {
        queue.attributes = queue.attributes.with(&request.attributes)?;
        queue.modified_at_ms = call.now_ms();
        Ok(Nothing {})
    })?
}

/// A redrive policy must name a queue that exists and that allows it.
pub(super) fn check_redrive(
    call: &Call<'_>,
    source_arn: &str,
    attributes: &QueueAttributes,
) -> Result<(), SqsError> {
    let Some(policy) = &attributes.redrive_policy else { return Ok(()) };
    let target = call.emulator.queue_of_arn(&policy.dead_letter_target_arn);
    let allows = target.and_then(|target| {
        target.look(|queue| {
            let allow_policy = queue.attributes.redrive_allow_policy.as_ref();
            allow_policy.is_none_or(|allow| allow.allows(source_arn))
        })
    });
    match allows {
        Ok(true) => Ok(()),
        Ok(false) => Err(policy.refusal(
            "The redrive allow policy of the dead letter target does not allow this queue.",
        )),
        Err(_) => Err(policy.refusal("Dead letter target does not exist.")),
    }
}
