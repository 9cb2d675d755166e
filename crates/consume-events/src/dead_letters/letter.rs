//! A dead letter as it is read from the queue.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::dead_letter::readable_time;
use crate::queue::Receipt;

/// The code of messages that SQS itself moved here: received too often, never deleted.
pub(crate) const BY_SQS: &str = "received-too-often";

/// The code of messages that say nothing about why they are here.
pub(crate) const UNKNOWN: &str = "unknown";

/// A message of the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id that SQS gave it in this queue.
    pub message_id: String,
    /// With this it is deleted or handed back.
    pub receipt_handle: Receipt,
    /// The original body.
    pub body: String,
    /// When it was sent to this queue, in milliseconds since 1970.
    pub sent_at: Option<u64>,
    /// Whether SQS moved it here, because of the queue's redrive policy.
    pub by_sqs: bool,
    /// What the consumer wrote about it, by name.
    pub attributes: BTreeMap<String, String>,
}

impl DeadLetter {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The rule that the message breaks.
    pub fn code(&self) -> &str {
        let unsaid = if self.by_sqs { BY_SQS } else { UNKNOWN };
        self.attribute("ErrorCode").unwrap_or(unsaid)
    }

    /// The column at fault.
    pub fn field(&self) -> Option<&str> {
        self.attribute("ErrorField")
    }

    /// The rule, in a sentence.
    pub fn reason(&self) -> Option<&str> {
        self.attribute("ErrorMessage")
    }

    /// The id that the message had in the queue of events: SQS keeps it when it moves a message.
    pub fn original_message_id(&self) -> Option<&str> {
        let kept = self.by_sqs.then_some(self.message_id.as_str());
        self.attribute("OriginalMessageId").or(kept)
    }

    /// The event's id.
    pub fn event_id(&self) -> Option<&str> {
        self.attribute("EventId")
    }

    /// When the message was first sent to the queue of events, as far as is known.
    pub fn first_sent_at(&self) -> Option<u64> {
        let said = self.attribute("FirstSentAt").and_then(|text| text.parse().ok());
        said.or(self.sent_at)
    }

    /// Whether it is known by this id.
    pub fn is_called(&self, id: &str) -> bool {
        let ids = [Some(self.message_id.as_str()), self.original_message_id(), self.event_id()];
        ids.contains(&Some(id))
    }

    /// For people and for `redrive --file`.
    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown {
            message_id: &self.message_id,
            original_message_id: self.original_message_id(),
            event_id: self.event_id(),
            error_code: self.code(),
            error_field: self.field(),
            error_message: self.reason(),
            first_sent_at: self.first_sent_at().and_then(readable_time),
            dead_lettered_at: self.sent_at.and_then(readable_time),
            body: &self.body,
        }
    }
}

/// `text` for a terminal: what a sender wrote must not command it, nor turn its lines round.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    shown(text, |it| matches!(it, '\n' | '\t'))
}

/// The same for a cell of a table, which has no lines.
pub(crate) fn harmless_cell(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Whether a character does something else than to stand there: controls (C0, C1), line and
/// paragraph separators, marks that turn the direction of writing (UAX 9) or cannot be seen.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

fn shown(text: &str, is_allowed: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |it: char| is_harmful(it) && !is_allowed(it);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A dead letter as `show` prints it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    message_id: &'a str,
    original_message_id: Option<&'a str>,
    event_id: Option<&'a str>,
    error_code: &'a str,
    error_field: Option<&'a str>,
    error_message: Option<&'a str>,
    first_sent_at: Option<String>,
    dead_lettered_at: Option<String>,
    body: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_wrote_does_not_command_the_terminal() {
        for (text, expected) in [
            ("plain ü", "plain ü"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("back\rto", "back\\rto"),
            ("c1 \u{9b}2J \u{85}", "c1 \\u{9b}2J \\u{85}"),
            ("abc\u{202e}fed\u{2066}", "abc\\u{202e}fed\\u{2066}"),
            ("hid\u{200b}den\u{feff}", "hid\\u{200b}den\\u{feff}"),
        ] {
            assert_eq!(harmless(text), expected);
        }
        assert_eq!(harmless_cell("a\tb\nc\u{2028}d"), "a\\tb\\nc\\u{2028}d");
    }
}
