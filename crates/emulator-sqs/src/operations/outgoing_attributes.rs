//! Message attributes as a client sends them: read, checked, turned into those of a message.
//!
//! Pages: SQS Developer Guide, "Message metadata"; API Reference, MessageAttributeValue.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::{MessageAttributeError, SqsError};
use crate::limits;
use crate::message::{AttributeValue, MessageAttribute, MessageAttributes, check_characters};

/// Attributes by name, unchecked.
pub(super) type SentAttributes = BTreeMap<String, SentAttribute>;

/// MessageAttributeValue, without the list values that AWS reserves for later.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SentAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

/// Checks the attributes of one message.
pub(super) fn check(sent: SentAttributes) -> Result<MessageAttributes, SqsError> {
    if limits::MESSAGE_ATTRIBUTES_MAX < sent.len() {
        return Err(MessageAttributeError::TooMany { sent: sent.len() }.into());
    }
    sent.into_iter().map(|(name, attribute)| checked(name, attribute)).collect()
}

/// The system attribute `AWSTraceHeader`, the only one that can be sent.
pub(super) fn trace_header(sent: SentAttributes) -> Result<Option<String>, SqsError> {
    let mut header = None;
    for (name, attribute) in sent {
        match attribute.string_value {
            Some(text)
                if name == "AWSTraceHeader"
                    && attribute.data_type == "String"
                    && !text.is_empty() =>
            {
                header = Some(text);
            }
            _ => return Err(MessageAttributeError::InvalidSystemAttribute { name }.into()),
        }
    }
    Ok(header)
}

fn checked(name: String, sent: SentAttribute) -> Result<(String, MessageAttribute), SqsError> {
    let SentAttribute { data_type, string_value, binary_value } = sent;
    check_name(&name)?;
    if data_type.is_empty() {
        return Err(MessageAttributeError::EmptyType { name }.into());
    }
    let label = data_type.split_once('.').map_or(&*data_type, |(label, _)| label);
    let too_long = limits::ATTRIBUTE_NAME_CHARS_MAX < data_type.chars().count();
    if too_long || !["String", "Number", "Binary"].contains(&label) {
        return Err(MessageAttributeError::InvalidType { name }.into());
    }
    let value = if label == "Binary" {
        let encoded = binary_value.filter(|encoded| !encoded.is_empty());
        let Some(encoded) = encoded else {
            return Err(MessageAttributeError::EmptyValue { name, value: "Binary" }.into());
        };
        let bytes = STANDARD.decode(encoded);
        AttributeValue::Binary(bytes.map_err(|_| SqsError::Serialization {
            reason: format!("the value of message attribute '{name}' is not base64"),
        })?)
    } else {
        let text = string_value.filter(|text| !text.is_empty());
        let Some(text) = text else {
            return Err(MessageAttributeError::EmptyValue { name, value: "String" }.into());
        };
        check_characters(&text)?;
        if label == "Number" && text.parse::<f64>().is_err() {
            return Err(MessageAttributeError::NotANumber { name }.into());
        }
        AttributeValue::Text(text)
    };
    Ok((name, MessageAttribute { data_type, value }))
}

fn check_name(name: &str) -> Result<(), MessageAttributeError> {
    if name.is_empty() {
        return Err(MessageAttributeError::EmptyName);
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let lower = name.to_ascii_lowercase();
    let is_wrong = limits::ATTRIBUTE_NAME_CHARS_MAX < name.chars().count()
        || !name.bytes().all(is_legal)
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
        || lower.starts_with("aws.")
        || lower.starts_with("amazon.");
    if is_wrong {
        return Err(MessageAttributeError::InvalidName { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, json: &str, expected: Option<&str>) {
        let attribute: SentAttribute = serde_json::from_str(json).unwrap();
        let refused = check(BTreeMap::from([(name.to_owned(), attribute)])).err();
        let refused = refused.map(|error| error.to_string());
        match expected {
            None => assert_eq!(None, refused, "{name} {json}"),
            Some(part) => assert!(refused.clone().unwrap().contains(part), "{refused:?}"),
        }
    }

    const TEXT: &str = r#"{"DataType":"String","StringValue":"v"}"#;

    #[test]
    fn names_follow_the_rules_of_aws() {
        let (long, too_long) = ("n".repeat(256), "n".repeat(257));
        for legal in ["a", "A-b_c.9", "AWSome", &long] {
            check_one(legal, TEXT, None);
        }
        for illegal in [".a", "a.", "a..b", "a b", "ä", "AWS.x", "amazon.x", "aWs.x", &too_long] {
            check_one(illegal, TEXT, Some("attribute name"));
        }
        check_one("", TEXT, Some("non-empty message attribute name"));
    }

    #[test]
    fn types_and_values_follow_the_rules_of_aws() {
        check_one("a", r#"{"DataType":"String.json","StringValue":"{}"}"#, None);
        check_one("a", r#"{"DataType":"Number","StringValue":"-1.5e3"}"#, None);
        check_one("a", r#"{"DataType":"Binary.png","BinaryValue":"AAE="}"#, None);
        check_one("a", r#"{"StringValue":"v"}"#, Some("non-empty message attribute type"));
        check_one("a", r#"{"DataType":"string","StringValue":"v"}"#, Some("type prefixes"));
        check_one("a", r#"{"DataType":"Strings","StringValue":"v"}"#, Some("type prefixes"));
        check_one("a", r#"{"DataType":"String"}"#, Some("non-empty value of type 'String'"));
        check_one("a", r#"{"DataType":"String","StringValue":""}"#, Some("of type 'String'"));
        check_one("a", r#"{"DataType":"Binary","StringValue":"v"}"#, Some("of type 'Binary'"));
        check_one("a", r#"{"DataType":"Number","StringValue":"one"}"#, Some("to a number"));
        check_one("a", r#"{"DataType":"Binary","BinaryValue":"?"}"#, Some("not base64"));
        check_one("a", r#"{"DataType":"String","StringValue":"\u0001"}"#, Some("'#x1'"));
    }

    #[test]
    fn a_message_has_at_most_ten_attributes() {
        let sent = |count: usize| -> SentAttributes {
            let one = || serde_json::from_str(TEXT).unwrap();
            (0..count).map(|index| (format!("n{index}"), one())).collect()
        };
        assert!(check(sent(10)).is_ok());
        let error = check(sent(11)).unwrap_err().to_string();
        assert_eq!("Number of message attributes [11] exceeds the allowed maximum [10].", error);
    }
}
