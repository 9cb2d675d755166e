//! The attributes of a queue that a client can set: their names, ranges and defaults.
//!
//! Knows no queue: attributes that are counted or derived (`ApproximateNumberOf…`, `QueueArn`) are
//! added by the operation that answers them. Pages: API Reference, CreateQueue and
//! SetQueueAttributes.

use std::ops::RangeInclusive;

use crate::error::SqsError;
use crate::limits;
use crate::redrive::{RedriveAllowPolicy, RedrivePolicy};

/// What CreateQueue and SetQueueAttributes set, of standard queues.
#[derive(Debug, Clone)]
pub(crate) struct QueueAttributes {
    pub(crate) delay_seconds: u32,
    pub(crate) maximum_message_size: u32,
    pub(crate) message_retention_period: u32,
    pub(crate) receive_message_wait_time_seconds: u32,
    pub(crate) visibility_timeout: u32,
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    pub(crate) redrive_allow_policy: Option<RedriveAllowPolicy>,
    policy: Option<String>,
    kms_master_key_id: Option<String>,
    kms_data_key_reuse_period_seconds: u32,
    sqs_managed_sse_enabled: bool,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            delay_seconds: *limits::DELAY_SECONDS.start(),
            maximum_message_size: *limits::MESSAGE_BYTES.end(),
            message_retention_period: limits::RETENTION_SECONDS_DEFAULT,
            receive_message_wait_time_seconds: *limits::WAIT_TIME_SECONDS.start(),
            visibility_timeout: limits::VISIBILITY_TIMEOUT_SECONDS_DEFAULT,
            redrive_policy: None,
            redrive_allow_policy: None,
            policy: None,
            kms_master_key_id: None,
            kms_data_key_reuse_period_seconds: limits::KMS_DATA_KEY_REUSE_SECONDS_DEFAULT,
            sqs_managed_sse_enabled: true,
        }
    }
}

/// Names a client can set on a standard queue, in the order GetQueueAttributes answers them.
pub(crate) const SETTABLE: [&str; 11] = [
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

impl QueueAttributes {
    /// Sets one attribute; an empty text takes a policy or key away.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        let invalid = || SqsError::InvalidAttributeValue { attribute: name.to_owned() };
        let number = |range: RangeInclusive<u32>| {
            value.parse().ok().filter(|number| range.contains(number)).ok_or_else(invalid)
        };
        let present = !value.is_empty();
        match name {
            "DelaySeconds" => self.delay_seconds = number(limits::DELAY_SECONDS)?,
            "MaximumMessageSize" => self.maximum_message_size = number(limits::MESSAGE_BYTES)?,
            "MessageRetentionPeriod" => {
                self.message_retention_period = number(limits::RETENTION_SECONDS)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.receive_message_wait_time_seconds = number(limits::WAIT_TIME_SECONDS)?;
            }
            "VisibilityTimeout" => {
                self.visibility_timeout = number(limits::VISIBILITY_TIMEOUT_SECONDS)?;
            }
            "RedrivePolicy" => {
                self.redrive_policy = present.then(|| RedrivePolicy::parse(value)).transpose()?;
            }
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy =
                    present.then(|| RedriveAllowPolicy::parse(value)).transpose()?;
            }
            "Policy" => {
                if present
                    && !serde_json::from_str::<serde_json::Value>(value)
                        .is_ok_and(|json| json.is_object())
                {
                    return Err(invalid());
                }
                self.policy = present.then(|| value.to_owned());
            }
            "KmsMasterKeyId" => {
                self.kms_master_key_id = present.then(|| value.to_owned());
                self.sqs_managed_sse_enabled &= !present;
            }
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_data_key_reuse_period_seconds =
                    number(limits::KMS_DATA_KEY_REUSE_SECONDS)?;
            }
            "SqsManagedSseEnabled" => {
                self.sqs_managed_sse_enabled = value.parse().map_err(|_| invalid())?;
            }
            _ => return Err(SqsError::InvalidAttributeName { attribute: name.to_owned() }),
        }
        Ok(())
    }

    /// The value of one attribute of [`SETTABLE`]; `None` if it is not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match name {
            "DelaySeconds" => Some(self.delay_seconds.to_string()),
            "MaximumMessageSize" => Some(self.maximum_message_size.to_string()),
            "MessageRetentionPeriod" => Some(self.message_retention_period.to_string()),
            "ReceiveMessageWaitTimeSeconds" => {
                Some(self.receive_message_wait_time_seconds.to_string())
            }
            "VisibilityTimeout" => Some(self.visibility_timeout.to_string()),
            "RedrivePolicy" => self.redrive_policy.as_ref().map(|policy| policy.json.clone()),
            "RedriveAllowPolicy" => {
                self.redrive_allow_policy.as_ref().map(|policy| policy.json.clone())
            }
            "Policy" => self.policy.clone(),
            "KmsMasterKeyId" => self.kms_master_key_id.clone(),
            // Says nothing on a queue without a key.
            "KmsDataKeyReusePeriodSeconds" => {
                self.kms_master_key_id.as_ref()?;
                Some(self.kms_data_key_reuse_period_seconds.to_string())
            }
            "SqsManagedSseEnabled" => Some(self.sqs_managed_sse_enabled.to_string()),
            _ => None,
        }
    }

    /// The attributes with `changes` made, or the first thing wrong with them.
    pub(crate) fn with<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, SqsError> {
        let mut changed = self.clone();
        for (name, value) in changes {
            changed.set(name, value)?;
        }
        Ok(changed)
    }

    /// The first of `names` whose value differs in `other`.
    pub(crate) fn first_difference<'a>(
        &self,
        other: &Self,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Option<&'a String> {
        names.into_iter().find(|name| match name.as_str() {
            "RedrivePolicy" => self.redrive_policy != other.redrive_policy,
            "RedriveAllowPolicy" => self.redrive_allow_policy != other.redrive_allow_policy,
            name => self.get(name) != other.get(name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, accepted: bool) {
        let mut attributes = QueueAttributes::default();
        let set = attributes.set(name, value);
        assert_eq!(accepted, set.is_ok(), "{name}={value}: {set:?}");
        if accepted {
            assert_eq!(Some(value), attributes.get(name).as_deref(), "{name}");
        } else {
            let wrong = SqsError::InvalidAttributeValue { attribute: name.to_owned() };
            assert_eq!(Err(wrong), set);
        }
    }

    #[test]
    fn numbers_are_accepted_within_the_limits_of_aws_only() {
        for (name, smallest, largest) in [
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1_024, 1_048_576),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("VisibilityTimeout", 0, 43_200),
        ] {
            check(name, &smallest.to_string(), true);
            check(name, &largest.to_string(), true);
            check(name, &(smallest - 1).to_string(), false);
            check(name, &(largest + 1).to_string(), false);
            check(name, "", false);
            check(name, "many", false);
        }
        check("SqsManagedSseEnabled", "false", true);
        check("SqsManagedSseEnabled", "perhaps", false);
        check("Policy", r#"{"Version":"2012-10-17"}"#, true);
        check("Policy", "no JSON", false);
    }

    #[test]
    fn every_settable_name_is_known_and_no_other() {
        let mut attributes = QueueAttributes::default();
        for name in SETTABLE {
            let set = attributes.set(name, "");
            let unknown = matches!(set, Err(SqsError::InvalidAttributeName { .. }));
            assert!(!unknown, "{name}");
        }
        let unknown = SqsError::InvalidAttributeName { attribute: "QueueArn".to_owned() };
        assert_eq!(Err(unknown), attributes.set("QueueArn", "arn"));
    }

    #[test]
    fn an_empty_text_takes_a_policy_away() {
        let mut attributes = QueueAttributes::default();
        attributes.set("Policy", "{}").unwrap();
        attributes.set("Policy", "").unwrap();
        assert_eq!(None, attributes.get("Policy"));
    }
}
