//! CreateQueue.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Call, queue_attributes, tags};
use crate::attributes::QueueAttributes;
use crate::error::SqsError;
use crate::limits;
use crate::queue::Queue;
use crate::registry::SharedQueue;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CreateQueueRequest {
    queue_name: String,
    attributes: BTreeMap<String, String>,
    /// In lower case on the wire, alone among the parameters.
    #[serde(rename = "tags", alias = "Tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueueUrlAnswer {
    pub(super) queue_url: String,
}

/// Creates a queue, or answers the one there is if no requested attribute differs.
pub(crate) fn create_queue(
    call: &Call<'_>,
    request: CreateQueueRequest,
) -> Result<QueueUrlAnswer, SqsError> {
    let CreateQueueRequest { queue_name: name, attributes, tags } = request;
    check_name(&name)?;
    if attributes.get("FifoQueue").is_some_and(|value| value == "true") {
        return Err(SqsError::UnsupportedOperation { what: "FIFO queues (FifoQueue=true) are" });
    }
    tags::check(&tags)?;
    let arn = format!("{}{name}", call.emulator.arn_prefix);
    let requested = QueueAttributes::default().with(&attributes)?;
    queue_attributes::check_redrive(call, &arn, &requested)?;

    let mut queues = call.emulator.queues.write();
    if let Some(existing) = queues.get(&name) {
        // Attributes that are not in the request do not count.
        let differing = existing.look(|queue| {
            let same = queue.attributes.with(&attributes)?;
            let differing = queue.attributes.first_difference(&same, attributes.keys());
            Ok::<_, SqsError>(differing.cloned())
        })??;
        if let Some(attribute) = differing {
            return Err(SqsError::QueueNameExists { attribute });
        }
    } else {
        let mut queue = Queue::new(call.emulator.ids.number(), requested, call.now_ms());
        queue.tags = tags;
        queues.insert(name.clone(), Arc::new(SharedQueue::new(&name, arn, queue)));
    }
    Ok(QueueUrlAnswer { queue_url: call.queue_url(&name) })
}

fn check_name(name: &str) -> Result<(), SqsError> {
    if name.is_empty() {
        return Err(SqsError::MissingParameter { parameter: "QueueName" });
    }
    let is_legal = |name: &str| {
        name.len() <= limits::QUEUE_NAME_CHARS_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match name.strip_suffix(".fifo") {
        Some(stem) if is_legal(stem) => {
            Err(SqsError::UnsupportedOperation { what: "FIFO queues (names ending in .fifo) are" })
        }
        None if is_legal(name) => Ok(()),
        _ => Err(SqsError::invalid_parameter(
            "QueueName",
            name,
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_up_to_80_letters_digits_hyphens_and_underscores() {
        let (long, too_long) = ("q".repeat(80), "q".repeat(81));
        for legal in ["q", "A-b_9", &long] {
            assert_eq!(Ok(()), check_name(legal));
        }
        for illegal in ["a b", "a/b", "a.b", "ä", &too_long] {
            let refused = check_name(illegal).unwrap_err();
            assert_eq!("InvalidParameterValue", refused.code().query, "{illegal}");
        }
        assert!(check_name("").unwrap_err().to_string().contains("QueueName"));
        assert!(check_name("q.fifo").unwrap_err().to_string().starts_with("FIFO queues"));
    }
}
