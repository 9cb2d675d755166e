//! GetQueueUrl, ListQueues and ListDeadLetterSourceQueues.

use std::borrow::Cow;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::create_queue::QueueUrlAnswer;
use super::{Call, in_range};
use crate::error::SqsError;
use crate::limits;
use crate::registry::SharedQueue;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct GetQueueUrlRequest<'a> {
    #[serde(borrow)]
    queue_name: Cow<'a, str>,
    #[serde(borrow, rename = "QueueOwnerAWSAccountId")]
    queue_owner: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListQueuesRequest {
    queue_name_prefix: String,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListQueuesAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListDeadLetterSourceQueuesRequest<'a> {
    #[serde(borrow)]
    queue_url: Cow<'a, str>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListDeadLetterSourceQueuesAnswer {
    /// In lower case on the wire, unlike that of ListQueues.
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(crate) fn get_queue_url(
    call: &Call<'_>,
    request: GetQueueUrlRequest<'_>,
) -> Result<QueueUrlAnswer, SqsError> {
    if request.queue_name.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "QueueName" });
    }
    let owner = &request.queue_owner;
    if !owner.is_empty() && *owner != call.emulator.account_id {
        return Err(SqsError::QueueDoesNotExist);
    }
    let queue = call.emulator.queues.get(&request.queue_name)?;
    Ok(QueueUrlAnswer { queue_url: call.queue_url(&queue.name) })
}

pub(crate) fn list_queues(
    call: &Call<'_>,
    request: ListQueuesRequest,
) -> Result<ListQueuesAnswer, SqsError> {
    let ListQueuesRequest { queue_name_prefix: prefix, max_results, next_token } = request;
    let matches = |queue: &SharedQueue| queue.name.starts_with(&prefix);
    let (queue_urls, next_token) = page(call, max_results, next_token, matches)?;
    Ok(ListQueuesAnswer { queue_urls, next_token })
}

pub(crate) fn list_dead_letter_source_queues(
    call: &Call<'_>,
    request: ListDeadLetterSourceQueuesRequest<'_>,
) -> Result<ListDeadLetterSourceQueuesAnswer, SqsError> {
    let target = call.queue(&request.queue_url)?;
    let matches = |queue: &SharedQueue| {
        let names_target = queue.look(|queue| {
            let policy = queue.attributes.redrive_policy.as_ref();
            policy.is_some_and(|policy| policy.dead_letter_target_arn == *target.arn)
        });
        names_target.unwrap_or(false)
    };
    let (queue_urls, next_token) = page(call, request.max_results, request.next_token, matches)?;
    Ok(ListDeadLetterSourceQueuesAnswer { queue_urls, next_token })
}

/// One page of queue URLs, sorted by name. A token is the last name of the page before; like AWS,
/// none is given unless MaxResults was.
fn page(
    call: &Call<'_>,
    max_results: Option<i64>,
    token: Option<String>,
    matches: impl Fn(&SharedQueue) -> bool,
) -> Result<(Vec<String>, Option<String>), SqsError> {
    let all = 1..=u32::try_from(limits::LISTED_QUEUES_MAX).expect("a thousand fits");
    let reason = "Must be between 1 and 1000, if provided.";
    let max_results = in_range("MaxResults", max_results, &all, reason)?;
    let count_max = max_results.map_or(limits::LISTED_QUEUES_MAX, |count| count as usize);
    let after = token.map(|token| last_name(&token)).transpose()?;

    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let queues = call.emulator.queues.read();
    let mut matching = queues
        .range::<String, _>((start, Bound::Unbounded))
        .map(|(_, queue)| queue)
        .filter(|queue| matches(queue));
    let found: Vec<_> = matching.by_ref().take(count_max).collect();
    let is_more = max_results.is_some() && matching.next().is_some();
    let last = found.last().filter(|_| is_more);
    let next_token = last.map(|queue| URL_SAFE_NO_PAD.encode(&queue.name));
    Ok((found.iter().map(|queue| call.queue_url(&queue.name)).collect(), next_token))
}

fn last_name(token: &str) -> Result<String, SqsError> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| {
        SqsError::invalid_parameter("NextToken", token, "Invalid or expired next token.")
    })
}
