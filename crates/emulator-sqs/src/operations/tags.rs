//! TagQueue, UntagQueue and ListQueueTags.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::remove_queue::QueueUrlRequest;
use super::{Call, Nothing};
use crate::error::SqsError;
use crate::limits;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct TagQueueRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct UntagQueueRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQueueTagsAnswer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

pub(crate) fn tag_queue(
    call: &Call<'_>,
    request: TagQueueRequest<'_>,
) -> Result<Nothing, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    if request.tags.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "Tags" });
    }
    check(&request.tags)?;
    queue.with(|queue| queue.tags.extend(request.tags))?;
    Ok(Nothing {})
}

pub(crate) fn untag_queue(
    call: &Call<'_>,
    request: UntagQueueRequest<'_>,
) -> Result<Nothing, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    if request.tag_keys.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "TagKeys" });
    }
    queue.with(|queue| queue.tags.retain(|key, _| !request.tag_keys.contains(key)))?;
    Ok(Nothing {})
}

pub(crate) fn list_queue_tags(
    call: &Call<'_>,
    request: QueueUrlRequest<'_>,
) -> Result<ListQueueTagsAnswer, SqsError> {
    let queue = call.queue(&request.queue_url)?;
    let tags = queue.look(|queue| queue.tags.clone())?;
    Ok(ListQueueTagsAnswer { tags })
}

/// Keys have 1 to 128 characters, values up to 256.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), SqsError> {
    for (key, value) in tags {
        if !(1..=limits::TAG_KEY_CHARS_MAX).contains(&key.chars().count()) {
            return Err(SqsError::invalid_parameter("Tags", key, "Keys have 1 to 128 characters."));
        }
        if limits::TAG_VALUE_CHARS_MAX < value.chars().count() {
            let reason = "Values have up to 256 characters.";
            return Err(SqsError::invalid_parameter("Tags", value, reason));
        }
    }
    Ok(())
}
