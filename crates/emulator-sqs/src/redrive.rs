//! Redrive policies: when a message goes to which dead-letter queue, and who may send it there.
//!
//! Reads and checks the two JSON attributes (SQS Developer Guide, "Using dead-letter queues"). The
//! move itself is done at receive, by [`crate::queue::Queue::receive`].

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use crate::error::SqsError;
use crate::limits;

/// A checked `RedrivePolicy`.
#[derive(Debug, Clone)]
pub(crate) struct RedrivePolicy {
    /// The attribute as it was set; it is returned byte for byte.
    pub(crate) json: String,
    pub(crate) dead_letter_target_arn: String,
    pub(crate) max_receive_count: u32,
}

/// Two policies are the same if they do the same, however their JSON is laid out.
impl PartialEq for RedrivePolicy {
    fn eq(&self, other: &Self) -> bool {
        self.dead_letter_target_arn == other.dead_letter_target_arn
            && self.max_receive_count == other.max_receive_count
    }
}

impl RedrivePolicy {
    /// Checks all that can be checked without knowing the other queues.
    pub(crate) fn parse(json: &str) -> Result<Self, SqsError> {
        let refused = |reason: &str| SqsError::invalid_parameter("RedrivePolicy", json, reason);
        let Ok(mut policy) = serde_json::from_str::<HashMap<String, Value>>(json) else {
            return Err(refused("Redrive policy is not a valid JSON map."));
        };
        let Some(target) = policy.remove("deadLetterTargetArn") else {
            return Err(refused(
                "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.",
            ));
        };
        let Some(count) = policy.remove("maxReceiveCount") else {
            return Err(refused(
                "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
            ));
        };
        if !policy.is_empty() {
            return Err(refused(
                "Only following attributes are supported: \
                [deadLetterTargetArn, maxReceiveCount].",
            ));
        }
        let Value::String(dead_letter_target_arn) = target else {
            return Err(refused("Invalid value for deadLetterTargetArn."));
        };
        // Both 5 and "5" are accepted.
        let max_receive_count = match &count {
            Value::String(digits) => digits.parse().ok(),
            number => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        let max_receive_count =
            max_receive_count.filter(|count| limits::MAX_RECEIVE_COUNT.contains(count));
        let Some(max_receive_count) = max_receive_count else {
            let shown = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
            return Err(refused(&format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from {} to {} both \
                 inclusive.",
                limits::MAX_RECEIVE_COUNT.start(),
                limits::MAX_RECEIVE_COUNT.end(),
            )));
        };
        Ok(Self { json: json.to_owned(), dead_letter_target_arn, max_receive_count })
    }

    /// The policy cannot be set: why.
    pub(crate) fn refusal(&self, reason: &str) -> SqsError {
        SqsError::invalid_parameter("RedrivePolicy", &self.json, reason)
    }
}

/// A checked `RedriveAllowPolicy`: which queues may name this one as their dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct RedriveAllowPolicy {
    /// The attribute as it was set; it is returned byte for byte.
    pub(crate) json: String,
    permission: Permission,
    source_queue_arns: Vec<String>,
}

impl PartialEq for RedriveAllowPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.permission == other.permission && self.source_queue_arns == other.source_queue_arns
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Permission {
    AllowAll,
    DenyAll,
    ByQueue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AllowPolicyDocument {
    redrive_permission: Permission,
    #[serde(default)]
    source_queue_arns: Vec<String>,
}

impl RedriveAllowPolicy {
    /// Reads the attribute (API Reference, SetQueueAttributes, `RedriveAllowPolicy`).
    pub(crate) fn parse(json: &str) -> Result<Self, SqsError> {
        let refused =
            |reason: &str| Err(SqsError::invalid_parameter("RedriveAllowPolicy", json, reason));
        let Ok(policy) = serde_json::from_str::<AllowPolicyDocument>(json) else {
            return refused(
                "Amazon SQS can't create the redrive allow policy: it must be a JSON \
                map of redrivePermission (allowAll, denyAll or byQueue) and sourceQueueArns.",
            );
        };
        let by_queue = policy.redrive_permission == Permission::ByQueue;
        if by_queue == policy.source_queue_arns.is_empty() {
            return refused(
                "sourceQueueArns must be given if redrivePermission is byQueue, and \
                only then.",
            );
        }
        if limits::SOURCE_QUEUE_ARNS_MAX < policy.source_queue_arns.len() {
            return refused("At most 10 sourceQueueArns can be given.");
        }
        Ok(Self {
            json: json.to_owned(),
            permission: policy.redrive_permission,
            source_queue_arns: policy.source_queue_arns,
        })
    }

    /// Whether the queue `source_arn` may use this one as its dead-letter queue.
    pub(crate) fn allows(&self, source_arn: &str) -> bool {
        match self.permission {
            Permission::AllowAll => true,
            Permission::DenyAll => false,
            Permission::ByQueue => self.source_queue_arns.iter().any(|arn| arn == source_arn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:eu-central-1:000000000000:dead";

    #[test]
    fn a_count_may_be_a_number_or_digits() {
        for count in ["5", "\"5\""] {
            let json = format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":{count}}}"#);
            let policy = RedrivePolicy::parse(&json).unwrap();
            assert_eq!(5, policy.max_receive_count);
            assert_eq!(json, policy.json);
            assert_eq!(ARN, policy.dead_letter_target_arn);
        }
    }

    fn check_refused(json: &str, reason: &str) {
        let error = RedrivePolicy::parse(json).unwrap_err().to_string();
        assert!(error.ends_with(reason), "{error}");
    }

    #[test]
    fn a_policy_that_says_too_little_or_too_much_is_refused() {
        check_refused("nonsense", "Redrive policy is not a valid JSON map.");
        check_refused("{}", "mandatory attribute: deadLetterTargetArn.");
        let with = |rest: &str| format!(r#"{{"deadLetterTargetArn":"{ARN}"{rest}}}"#);
        check_refused(&with(""), "mandatory attribute: maxReceiveCount.");
        for count in ["0", "1001", "\"many\"", "-1", "1.5"] {
            let json = with(&format!(r#","maxReceiveCount":{count}"#));
            check_refused(&json, "valid values are from 1 to 1000 both inclusive.");
        }
        let extra = with(r#","maxReceiveCount":1,"other":2"#);
        check_refused(&extra, "[deadLetterTargetArn, maxReceiveCount].");
    }

    fn check_allows(json: &str, expected: Option<bool>) {
        let allows = RedriveAllowPolicy::parse(json).ok().map(|policy| policy.allows("arn:a"));
        assert_eq!(expected, allows, "{json}");
    }

    #[test]
    fn an_allow_policy_names_those_who_may() {
        check_allows(r#"{"redrivePermission":"allowAll"}"#, Some(true));
        check_allows(r#"{"redrivePermission":"denyAll"}"#, Some(false));
        let by_queue =
            |arns: &str| format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":{arns}}}"#);
        check_allows(&by_queue(r#"["arn:a"]"#), Some(true));
        check_allows(&by_queue(r#"["arn:b"]"#), Some(false));
        check_allows(&by_queue("[]"), None);
        check_allows(r#"{"redrivePermission":"denyAll","sourceQueueArns":["arn:a"]}"#, None);
        check_allows(r#"{"redrivePermission":"nobody"}"#, None);
        let many: Vec<String> = (0..11).map(|index| format!("\"arn:{index}\"")).collect();
        check_allows(&by_queue(&format!("[{}]", many.join(","))), None);
    }
}
