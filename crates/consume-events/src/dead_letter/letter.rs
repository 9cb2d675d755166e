//! What is written to the dead-letter queue: the message as it was, and why it is there.
//!
//! Pure. SQS accepts every letter made here: it holds only legal characters, no empty attribute,
//! and never more than the largest message, whatever the event's sender put into the body.

use events::Refusal;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The largest message, attributes included, and the largest batch of messages (SQS Developer
/// Guide, "Message quotas": 1 MiB).
pub const LETTER_BYTES_MAX: usize = 1_048_576;

/// A value longer than this is cut: it is there to be read.
const VALUE_BYTES_MAX: usize = 1_024;

/// The type of every attribute; its name counts for the message's size.
const DATA_TYPE: &str = "String";

/// A copy of a message that the table cannot take, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    body: String,
    refusal: Refusal,
    message_id: String,
    sent_at: Option<u64>,
    attributes: Vec<(&'static str, String)>,
}

/// Without these a letter is of no use; the reason and the id are what redriving needs.
const ESSENTIAL: [&str; 2] = ["ErrorCode", "OriginalMessageId"];

impl Letter {
    /// A letter about the message `message_id`, which was sent at `sent_at` (milliseconds since
    /// 1970).
    ///
    /// Attributes that a large body leaves no room for are left out, the least telling ones first.
    pub fn new(body: String, refusal: Refusal, message_id: String, sent_at: Option<u64>) -> Self {
        let sent_at_text = sent_at.map(|milliseconds| milliseconds.to_string());
        let all = [
            ("ErrorCode", Some(refusal.rule.code())),
            ("OriginalMessageId", Some(message_id.as_str())),
            ("ErrorMessage", Some(refusal.reason.as_str())),
            ("FirstSentAt", sent_at_text.as_deref()),
            ("ErrorField", refusal.field.as_deref()),
            ("EventId", refusal.id.as_deref()),
        ];
        let mut bytes = body.len();
        let mut attributes = Vec::with_capacity(all.len());
        for (name, value) in all {
            let value = legible(value.unwrap_or_default());
            let more = attribute_bytes(name, &value);
            if !value.is_empty() && bytes + more <= LETTER_BYTES_MAX {
                bytes += more;
                attributes.push((name, value));
            }
        }
        Self { body, refusal, message_id, sent_at, attributes }
    }

    /// Whether the body leaves room for what a dead letter must say. The body itself may be one
    /// that SQS takes from others but not from us: it takes no empty one.
    pub fn is_fit(&self) -> bool {
        let names = self.attributes.iter().map(|(name, _)| *name);
        !self.body.is_empty() && names.filter(|name| ESSENTIAL.contains(name)).count() == 2
    }

    /// The letter as a line of an object under `rejected/messages/`, with its line feed.
    pub fn line(&self) -> Vec<u8> {
        let line = RejectedLine {
            body: &self.body,
            error_code: self.refusal.rule.code(),
            error_message: &self.refusal.reason,
            error_field: self.refusal.field.as_deref(),
            event_id: self.refusal.id.as_deref(),
            original_message_id: &self.message_id,
            first_sent_at: self.sent_at.and_then(readable_time),
        };
        let mut line = serde_json::to_vec(&line).expect("texts are JSON");
        line.push(b'\n');
        line
    }

    /// The original body.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Names and values, all of type `String`.
    pub fn attributes(&self) -> &[(&'static str, String)] {
        &self.attributes
    }

    /// What SQS counts as the size of the message.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| attribute_bytes(name, value));
        self.body.len() + attributes.sum::<usize>()
    }
}

/// A rejected message, for people: `dead-letters` looks only at the queue.
#[derive(Debug, Serialize)]
struct RejectedLine<'a> {
    body: &'a str,
    error_code: &'a str,
    error_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    original_message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sent_at: Option<String>,
}

/// Milliseconds since 1970 as RFC 3339 writes it, in UTC.
pub(crate) fn readable_time(milliseconds: u64) -> Option<String> {
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    at.format(&Rfc3339).ok()
}

fn attribute_bytes(name: &str, value: &str) -> usize {
    name.len() + DATA_TYPE.len() + value.len()
}

/// `text` without characters that SQS refuses (API Reference, "SendMessage"), cut to its bound.
fn legible(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(VALUE_BYTES_MAX));
    for character in text.chars() {
        let character = if is_legal(character) { character } else { char::REPLACEMENT_CHARACTER };
        if VALUE_BYTES_MAX < clean.len() + character.len_utf8() {
            break;
        }
        clean.push(character);
    }
    clean
}

/// #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.
fn is_legal(character: char) -> bool {
    !matches!(
        character,
        '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use events::Rule;
    use proptest::prelude::*;

    use super::*;

    fn refusal(reason: &str) -> Refusal {
        Refusal {
            id: Some("E1".to_owned()),
            field: Some("user_id".to_owned()),
            rule: Rule::Integer,
            reason: reason.to_owned(),
        }
    }

    fn letter(body: &str, reason: &str) -> Letter {
        Letter::new(body.to_owned(), refusal(reason), "m-1".to_owned(), Some(1_772_000_000_000))
    }

    #[test]
    fn a_letter_says_what_is_wrong_with_which_message() {
        let letter = letter("{}", "\"x\" is no integer");
        let expected = [
            ("ErrorCode", "integer"),
            ("OriginalMessageId", "m-1"),
            ("ErrorMessage", "\"x\" is no integer"),
            ("FirstSentAt", "1772000000000"),
            ("ErrorField", "user_id"),
            ("EventId", "E1"),
        ];
        assert_eq!(letter.attributes(), expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(letter.body(), "{}");
    }

    #[test]
    fn a_rejected_line_says_the_same_and_keeps_the_body_as_it_was() {
        let letter = letter("{\"a\": \"\u{1}\n\"", "\"x\" is no integer");
        let line = String::from_utf8(letter.line()).expect("JSON");
        let expected = r#"{"body":"{\"a\": \"\u0001\n\"","error_code":"integer","#.to_owned()
            + r#""error_message":"\"x\" is no integer","error_field":"user_id","#
            + r#""event_id":"E1","original_message_id":"m-1","#
            + r#""first_sent_at":"2026-02-25T06:13:20Z"}"#
            + "\n";
        assert_eq!(line, expected);
    }

    #[test]
    fn a_body_that_sqs_takes_from_nobody_is_not_fit() {
        assert!(!letter("", "empty").is_fit());
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let refusal = Refusal { id: None, field: None, ..refusal("") };
        let letter = Letter::new(String::new(), refusal, "m-1".to_owned(), None);
        let names: Vec<&str> = letter.attributes().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["ErrorCode", "OriginalMessageId"]);
    }

    #[test]
    fn a_body_that_fills_a_message_keeps_only_what_fits() {
        for (spare, is_fit, expected) in [
            (0, false, &[][..]),
            (30, false, &["ErrorCode"]),
            (60, true, &["ErrorCode", "OriginalMessageId"]),
            (
                5_000,
                true,
                &[
                    "ErrorCode",
                    "OriginalMessageId",
                    "ErrorMessage",
                    "FirstSentAt",
                    "ErrorField",
                    "EventId",
                ],
            ),
        ] {
            let body = "x".repeat(LETTER_BYTES_MAX - spare);
            let letter = letter(&body, &"r".repeat(9_000));
            let names: Vec<&str> = letter.attributes().iter().map(|(name, _)| *name).collect();
            assert_eq!(names, expected, "{spare}");
            assert_eq!(letter.is_fit(), is_fit, "{spare}");
        }
    }

    proptest! {
        #[test]
        fn every_letter_is_one_that_sqs_takes(reason: String, body_bytes in 0..=LETTER_BYTES_MAX) {
            let letter = letter(&"b".repeat(body_bytes), &reason);
            prop_assert!(letter.bytes() <= LETTER_BYTES_MAX);
            for (name, value) in letter.attributes() {
                prop_assert!(!value.is_empty(), "{}", name);
                prop_assert!(value.len() <= VALUE_BYTES_MAX);
                prop_assert!(value.chars().all(is_legal));
            }
        }
    }
}
