//! What ReceiveMessage answers: the messages, with the attributes that were asked for.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::error::SqsError;
use crate::message::{AttributeValue, MessageAttribute, md5_of_attributes};
use crate::operations::wire::{Hex, Id};
use crate::queue::Delivery;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Names a client can ask for (API Reference, ReceiveMessage, `MessageSystemAttributeNames`).
const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Which attributes the client wants to see.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Names of system attributes; [`SYSTEM_ATTRIBUTES`].
    system: Vec<String>,
    /// Names of message attributes, `All`, `.*`, or prefixes that end in `.*`.
    message: Vec<String>,
}

impl Wanted {
    pub(super) fn new(system: Vec<String>, message: Vec<String>) -> Result<Self, SqsError> {
        let unknown = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str()));
        match unknown {
            Some(name) => Err(SqsError::InvalidAttributeName { attribute: name.clone() }),
            None => Ok(Self { system, message }),
        }
    }

    fn wants_system(&self, name: &str) -> bool {
        self.system.iter().any(|wanted| wanted == "All" || wanted == name)
    }

    fn wants_message(&self, name: &str) -> bool {
        self.message.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    }
}

/// The answer of ReceiveMessage; without messages it is `{}`, as AWS's.
#[derive(Debug)]
pub(crate) struct ReceiveMessageAnswer {
    deliveries: Vec<Delivery>,
    wanted: Wanted,
    sender_id: String,
}

impl ReceiveMessageAnswer {
    /// `sender_id` is the account: who sends is not known here.
    pub(super) fn new(deliveries: Vec<Delivery>, wanted: Wanted, sender_id: &str) -> Self {
        Self { deliveries, wanted, sender_id: sender_id.to_owned() }
    }

    /// About how many bytes the answer has, so that its buffer need not grow.
    pub(crate) fn json_bytes(&self) -> usize {
        let bodies: usize = self.deliveries.iter().map(|each| each.message.body.len()).sum();
        64 + bodies + bodies / 8 + 512 * self.deliveries.len()
    }
}

impl Serialize for ReceiveMessageAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.deliveries.is_empty() {
            return serializer.serialize_map(Some(0))?.end();
        }
        let received: Vec<Received<'_>> =
            self.deliveries.iter().map(|delivery| Received { delivery, answer: self }).collect();
        let mut answer = serializer.serialize_struct("ReceiveMessageResult", 1)?;
        answer.serialize_field("Messages", &received)?;
        answer.end()
    }
}

struct Received<'a> {
    delivery: &'a Delivery,
    answer: &'a ReceiveMessageAnswer,
}

impl Serialize for Received<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { delivery, answer } = self;
        let message = &delivery.message;
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("MessageId", &Id(message.id))?;
        fields.serialize_entry("ReceiptHandle", &delivery.receipt.encode())?;
        fields.serialize_entry("MD5OfBody", &Hex(message.body_md5))?;
        fields.serialize_entry("Body", &message.body)?;
        if !answer.wanted.system.is_empty() {
            fields.serialize_entry("Attributes", &SystemAttributes(self))?;
        }
        let Some(extras) = message.extras.as_deref() else { return fields.end() };
        let names = extras.attributes.keys();
        let wanted_count = names.filter(|name| answer.wanted.wants_message(name)).count();
        if 0 < wanted_count {
            // The digest is over what is returned: SDKs check it against that.
            let wanted =
                || extras.attributes.iter().filter(|(name, _)| answer.wanted.wants_message(name));
            let md5 = extras.attributes_md5.filter(|_| wanted_count == extras.attributes.len());
            let md5 = md5.unwrap_or_else(|| md5_of_attributes(wanted()));
            fields.serialize_entry("MD5OfMessageAttributes", &Hex(md5))?;
            let shown: Vec<_> = wanted().map(|(name, value)| (name, Shown(value))).collect();
            fields.serialize_entry("MessageAttributes", &AsMap(shown))?;
        }
        fields.end()
    }
}

/// `Attributes` of a message: texts, numbers too.
struct SystemAttributes<'a>(&'a Received<'a>);

impl Serialize for SystemAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Received { delivery, answer } = self.0;
        let extras = delivery.message.extras.as_deref();
        let number = |number: u64| Some(number.to_string());
        let mut fields = serializer.serialize_map(None)?;
        for name in &SYSTEM_ATTRIBUTES[1..] {
            if !answer.wanted.wants_system(name) {
                continue;
            }
            let value = match *name {
                "SenderId" => Some(answer.sender_id.clone()),
                "SentTimestamp" => number(delivery.receipt.key.sent_at_ms),
                "ApproximateReceiveCount" => number(u64::from(delivery.receipt.receive_count)),
                "ApproximateFirstReceiveTimestamp" => number(delivery.first_received_at_ms),
                "MessageGroupId" => extras.and_then(|extras| extras.group_id.clone()),
                "AWSTraceHeader" => extras.and_then(|extras| extras.trace_header.clone()),
                "DeadLetterQueueSourceArn" => extras
                    .and_then(|extras| extras.dead_letter_source.as_ref())
                    .map(|arn| arn.to_string()),
                // SequenceNumber and MessageDeduplicationId are of FIFO queues.
                _ => None,
            };
            if let Some(value) = value {
                fields.serialize_entry(name, &value)?;
            }
        }
        fields.end()
    }
}

struct AsMap<'a>(Vec<(&'a String, Shown<'a>)>);

impl Serialize for AsMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A MessageAttributeValue.
struct Shown<'a>(&'a MessageAttribute);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("MessageAttributeValue", 2)?;
        fields.serialize_field("DataType", &self.0.data_type)?;
        match &self.0.value {
            AttributeValue::Text(text) => fields.serialize_field("StringValue", text)?,
            AttributeValue::Binary(bytes) => {
                fields.serialize_field("BinaryValue", &STANDARD.encode(bytes))?;
            }
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, name: &str, expected: bool) {
        let list = Wanted::new(Vec::new(), vec![wanted.to_owned()]).unwrap();
        assert_eq!(expected, list.wants_message(name), "{wanted} {name}");
    }

    #[test]
    fn message_attributes_are_chosen_by_name_prefix_or_all() {
        for everything in ["All", ".*"] {
            check(everything, "anything", true);
        }
        check("bar.*", "bar.one", true);
        check("bar.*", "baz.one", false);
        check("bar", "bar", true);
        check("bar", "bar.one", false);
    }

    #[test]
    fn an_unknown_system_attribute_is_refused_by_name() {
        let refused = Wanted::new(vec!["Sender".to_owned()], Vec::new()).unwrap_err();
        assert_eq!("Unknown Attribute Sender.", refused.to_string());
    }
}
