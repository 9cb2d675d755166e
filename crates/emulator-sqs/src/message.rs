//! A message as the queue keeps it, and its digests.
//!
//! Knows neither queues nor JSON. A message's content never changes after it was sent (but for the
//! mark a dead-letter queue leaves), so it is shared, not copied, when it is handed out.

use std::collections::BTreeMap;
use std::sync::Arc;

use md5::{Digest, Md5};
use uuid::Uuid;

use crate::error::SqsError;

/// A 128-bit MD5 digest.
pub(crate) type Md5Digest = [u8; 16];

/// The content of a message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) body: Box<str>,
    pub(crate) body_md5: Md5Digest,
    /// What most messages do not have.
    pub(crate) extras: Option<Box<Extras>>,
}

/// The parts of a message's content that are rare.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub(crate) attributes: MessageAttributes,
    pub(crate) attributes_md5: Option<Md5Digest>,
    /// The system attribute `AWSTraceHeader`.
    pub(crate) trace_header: Option<String>,
    /// `MessageGroupId`: on a standard queue a tenant of a fair queue, without influence here.
    pub(crate) group_id: Option<String>,
    /// The queue from which a redrive policy moved the message.
    pub(crate) dead_letter_source: Option<Arc<str>>,
}

/// Message attributes by name; MD5OfMessageAttributes wants them sorted.
pub(crate) type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// One message attribute (SQS Developer Guide, "Message metadata").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageAttribute {
    /// `String`, `Number` or `Binary`, perhaps with a custom label after a dot.
    pub(crate) data_type: String,
    pub(crate) value: AttributeValue,
}

/// The value of a [`MessageAttribute`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    /// Of the types `String` and `Number`.
    Text(String),
    /// Of the type `Binary`.
    Binary(Vec<u8>),
}

impl AttributeValue {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl Message {
    /// What counts towards MaximumMessageSize: the body and all parts of all message attributes
    /// (SQS Developer Guide, "Message metadata"; system attributes do not count).
    pub(crate) fn payload_bytes(&self) -> usize {
        let attributes = self.extras.iter().flat_map(|extras| &extras.attributes);
        attributes.fold(self.body.len(), |sum, (name, attribute)| {
            sum + name.len() + attribute.data_type.len() + attribute.value.bytes().len()
        })
    }

    /// Marks the message as moved from the queue `source_arn` by its redrive policy.
    pub(crate) fn mark_dead_letter(&mut self, source_arn: Arc<str>) {
        self.extras.get_or_insert_default().dead_letter_source = Some(source_arn);
    }
}

/// The digest of a body.
pub(crate) fn md5_of(bytes: &[u8]) -> Md5Digest {
    Md5::digest(bytes).into()
}

/// The digest of message attributes as documented in the SQS Developer Guide, "Message metadata",
/// "Calculating the MD5 message digest for message attributes": for each one by name, the lengths
/// (big-endian, 4 bytes) and bytes of name, type and value; before the value's length its transport
/// type, 1 for text and 2 for binary.
pub(crate) fn md5_of_attributes<'a>(
    sorted: impl IntoIterator<Item = (&'a String, &'a MessageAttribute)>,
) -> Md5Digest {
    let mut digest = Md5::new();
    for (name, attribute) in sorted {
        update_with_length(&mut digest, name.as_bytes());
        update_with_length(&mut digest, attribute.data_type.as_bytes());
        digest.update(match attribute.value {
            AttributeValue::Text(_) => [1],
            AttributeValue::Binary(_) => [2],
        });
        update_with_length(&mut digest, attribute.value.bytes());
    }
    digest.finalize().into()
}

fn update_with_length(digest: &mut Md5, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a request is shorter than 4 GiB");
    digest.update(length.to_be_bytes());
    digest.update(bytes);
}

/// Refuses characters that SQS does not carry (API Reference, SendMessage, `MessageBody`).
pub(crate) fn check_characters(text: &str) -> Result<(), SqsError> {
    // Most texts are plain: look at bytes first. 0xEF begins every character from U+F000 to
    // U+FFFF; surrogates cannot stand in a Rust string.
    let suspicious = |byte: &u8| *byte < 0x20 || *byte == 0xEF;
    if !text.as_bytes().iter().any(suspicious) {
        return Ok(());
    }
    match text.chars().find(|character| !is_allowed(*character)) {
        None => Ok(()),
        Some(character) => Err(SqsError::InvalidMessageContents { character }),
    }
}

fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => ' ' <= other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digest: Md5Digest) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn text(data_type: &str, value: &str) -> MessageAttribute {
        let value = AttributeValue::Text(value.to_owned());
        MessageAttribute { data_type: data_type.to_owned(), value }
    }

    fn check_md5(attributes: &[(&str, MessageAttribute)], expected: &str) {
        let attributes: MessageAttributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert_eq!(expected, hex(md5_of_attributes(&attributes)));
    }

    /// The expected digests are published by the npm package aws-md5-of-message-attributes.
    #[test]
    fn attribute_digests_are_those_of_aws() {
        let plain = text("String", "attribValue 1");
        let number = text("Number.float", "4563442423554324324264524243.32543234");
        let value = AttributeValue::Binary(b"Hello binary world!".to_vec());
        let binary = MessageAttribute { data_type: "Binary".to_owned(), value };
        check_md5(&[("attribName1", plain.clone())], "19e27d4e946b072f3f58da80d94fd778");
        check_md5(
            &[("customNumberTypeAttrib", number.clone())],
            "9fe1b90bbd9965bdf77bac517c7d2495",
        );
        check_md5(&[("binaryAttribute", binary.clone())], "31a92b15d92f8db860eda32aceb656c3");
        let all = [
            ("attribName1", plain),
            ("customNumberTypeAttrib", number),
            ("binaryAttribute", binary),
        ];
        check_md5(&all, "c932db14a896c663f83c260297d594ff");
    }

    #[test]
    fn characters_are_those_of_xml_1_0() {
        for allowed in ["", "plain", "tab\tline\r\n", "\u{7F}", "\u{D7FF}\u{E000}", "\u{FFFD}🦀"]
        {
            assert_eq!(Ok(()), check_characters(allowed), "{allowed:?}");
        }
        for character in ['\0', '\u{8}', '\u{B}', '\u{C}', '\u{1F}', '\u{FFFE}', '\u{FFFF}'] {
            let refused = Err(SqsError::InvalidMessageContents { character });
            assert_eq!(refused, check_characters(&format!("a{character}b")));
        }
    }
}
