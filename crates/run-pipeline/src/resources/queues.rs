//! Queues and their redrive policy.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use serde_json::Value;

use super::Refusal;

/// A message goes to the dead-letter queue after so many receives. High, because an outage or a
/// few restarts of a consumer must not dead-letter good events.
pub const RECEIVES_MAX: u64 = 100;

/// SQS's own default. Consumers pass theirs on receive; below this others would get messages twice.
pub const VISIBILITY_TIMEOUT_MIN: u64 = 30;

/// Seconds below which messages end before anybody has noticed that no consumer runs.
pub const RETENTION_MIN: u64 = 86_400;

/// How [`Queue::differences`] names the want of one.
pub const NO_REDRIVE_POLICY: &str = "it has no redrive policy";

/// A queue as it is.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Where calls go.
    pub url: String,
    attributes: HashMap<Name, String>,
}

/// The redrive policy of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The ARN of the dead-letter queue.
    pub target: String,
    /// After so many receives.
    pub receives_max: u64,
}

impl Queue {
    /// Looks for a queue; `None` if there is none of that name.
    ///
    /// # Errors
    /// If SQS does not answer or refuses us.
    pub async fn find(sqs: &Client, name: &str) -> Result<Option<Self>, Refusal> {
        let url = match sqs.get_queue_url().queue_name(name).send().await {
            Ok(found) => found.queue_url.unwrap_or_default(),
            Err(error) => {
                let service = error.as_service_error();
                if service.is_some_and(|error| error.is_queue_does_not_exist()) {
                    return Ok(None);
                }
                return Err(Refusal::of(error));
            }
        };
        let asked = sqs.get_queue_attributes().queue_url(&url).attribute_names(Name::All);
        let attributes = asked.send().await.map_err(Refusal::of)?.attributes;
        Ok(Some(Self { url, attributes: attributes.unwrap_or_default() }))
    }

    /// A number among its attributes.
    pub fn number(&self, name: Name) -> Option<u64> {
        self.attributes.get(&name)?.parse().ok()
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        self.attributes.get(&Name::QueueArn).map_or("", String::as_str)
    }

    /// Whether it has a redrive policy, be it one that we cannot read.
    pub fn has_redrive_policy(&self) -> bool {
        self.attributes.get(&Name::RedrivePolicy).is_some_and(|policy| !policy.is_empty())
    }

    /// Its redrive policy, if it has one that can be read.
    pub fn redrive(&self) -> Option<Redrive> {
        redrive(self.attributes.get(&Name::RedrivePolicy)?)
    }

    /// How it differs from a queue with this dead-letter queue; `None`: there is none, or it is the
    /// dead-letter queue itself.
    pub fn differences(&self, dead_letters: Option<&Queue>) -> Vec<String> {
        let mut found = Vec::new();
        match (self.redrive(), dead_letters) {
            (None, None) => {}
            (Some(redrive), None) => {
                let Redrive { target, receives_max } = redrive;
                found.push(format!(
                    "it gives messages up to {target} after {receives_max} receives, which is not \
                     the dead-letter queue of the settings"
                ));
            }
            (None, Some(_)) => found.push(NO_REDRIVE_POLICY.to_owned()),
            (Some(redrive), Some(dead_letters)) => {
                if redrive.target != dead_letters.arn() {
                    found.push(format!(
                        "its dead-letter queue is {}, not {}",
                        redrive.target,
                        dead_letters.arn()
                    ));
                }
                if redrive.receives_max != RECEIVES_MAX {
                    let is = redrive.receives_max;
                    found.push(format!("maxReceiveCount is {is}, not {RECEIVES_MAX}"));
                }
            }
        }
        if let Some(seconds) = self.number(Name::VisibilityTimeout)
            && seconds < VISIBILITY_TIMEOUT_MIN
        {
            let least = VISIBILITY_TIMEOUT_MIN;
            found.push(format!("VisibilityTimeout is {seconds} s, less than {least} s"));
        }
        if let Some(seconds) = self.number(Name::MessageRetentionPeriod)
            && seconds < RETENTION_MIN
        {
            found.push(format!(
                "MessageRetentionPeriod is {seconds} s, less than {RETENTION_MIN} s: what nobody \
                 takes so long is lost"
            ));
        }
        found
    }
}

/// The policy that a queue with this dead-letter queue shall have.
pub fn policy(dead_letter_arn: &str) -> String {
    serde_json::json!({ "deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": RECEIVES_MAX })
        .to_string()
}

/// SQS gives the count back as it took it, as a number or as a text.
fn redrive(policy: &str) -> Option<Redrive> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let count = &policy["maxReceiveCount"];
    Some(Redrive {
        target: policy["deadLetterTargetArn"].as_str()?.to_owned(),
        receives_max: count.as_u64().or_else(|| count.as_str()?.parse().ok())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(attributes: &[(Name, &str)]) -> Queue {
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
        Queue { url: String::new(), attributes: attributes.collect() }
    }

    #[test]
    fn differences_are_named_one_by_one() {
        let dead_letters = queue(&[(Name::QueueArn, "arn:dead")]);
        let good = policy("arn:dead");
        for (policy, visibility, expected) in [
            (good.as_str(), "30", vec![]),
            (r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":"100"}"#, "600", vec![]),
            (
                r#"{"deadLetterTargetArn":"arn:other","maxReceiveCount":5}"#,
                "0",
                vec![
                    "its dead-letter queue is arn:other, not arn:dead",
                    "maxReceiveCount is 5, not 100",
                    "VisibilityTimeout is 0 s, less than 30 s",
                ],
            ),
        ] {
            let queue =
                queue(&[(Name::RedrivePolicy, policy), (Name::VisibilityTimeout, visibility)]);
            assert_eq!(queue.differences(Some(&dead_letters)), expected, "{policy}");
        }
        let plain = queue(&[]);
        assert_eq!(plain.differences(Some(&dead_letters)), ["it has no redrive policy"]);
        assert_eq!(plain.differences(None), Vec::<String>::new());
        let half_made = r#"{"deadLetterTargetArn":"arn:gone","maxReceiveCount":1}"#;
        let half_made =
            queue(&[(Name::RedrivePolicy, half_made), (Name::MessageRetentionPeriod, "60")]);
        assert_eq!(
            half_made.differences(None),
            [
                "it gives messages up to arn:gone after 1 receives, which is not the dead-letter \
                 queue of the settings",
                "MessageRetentionPeriod is 60 s, less than 86400 s: what nobody takes so long is \
                 lost",
            ]
        );
    }
}
