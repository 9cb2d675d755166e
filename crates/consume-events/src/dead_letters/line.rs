//! What stands in the objects under `rejected/messages/`: lines, and dead letters of them.
//!
//! Pure. What the consumer did not write is told from what it did, and is never a dead letter.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Read;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::letter::DeadLetter;

/// What is read of one object at most, compressed and uncompressed; the consumer makes none of half
/// of it.
pub(super) const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A line, as [`crate::dead_letter::Letter::line`] writes it.
#[derive(Debug, Deserialize)]
struct Line {
    body: String,
    error_code: Option<String>,
    error_message: Option<String>,
    error_field: Option<String>,
    event_id: Option<String>,
    original_message_id: Option<String>,
    first_sent_at: Option<String>,
}

/// Whether a line is one of ours: one with a body.
pub(super) fn is_ours(line: &[u8]) -> bool {
    Line::read(line).is_some()
}

impl Line {
    /// `None` if it is no line of ours: one with a body.
    fn read(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

/// What an object is, uncompressed.
pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let reader = flate2::read::MultiGzDecoder::new(bytes);
    let read = reader.take(OBJECT_BYTES_MAX + 1).read_to_end(&mut unpacked);
    read.map_err(|error| error.to_string())?;
    if OBJECT_BYTES_MAX < unpacked.len() as u64 {
        return Err(format!("more than {OBJECT_BYTES_MAX} bytes, uncompressed"));
    }
    Ok(unpacked)
}

/// The lines that are not empty, numbered from 0.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).enumerate()
}

/// A line as a dead letter, if it is one. Its id is that of the message it was, which stays when
/// lines before it are gone; what was met before gets a number besides.
pub(super) fn letter(
    key: &str,
    index: usize,
    line: &[u8],
    met: &mut HashMap<u64, u32>,
) -> Option<DeadLetter> {
    let said = Line::read(line)?;
    let mut message_id =
        said.original_message_id.clone().unwrap_or_else(|| format!("{:016x}", hash(line)));
    let times = met.entry(hash(message_id.as_bytes())).or_default();
    *times += 1;
    if 1 < *times {
        message_id = format!("{message_id}#{times}");
    }
    let first_sent_at = said.first_sent_at.and_then(|text| {
        let at = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
        Some((at.unix_timestamp_nanos() / 1_000_000).to_string())
    });
    let attributes = [
        ("ErrorCode", said.error_code),
        ("ErrorMessage", said.error_message),
        ("ErrorField", said.error_field),
        ("EventId", said.event_id),
        ("OriginalMessageId", said.original_message_id),
        ("FirstSentAt", first_sent_at),
    ];
    let attributes = attributes.into_iter();
    Some(DeadLetter {
        message_id,
        receipt_handle: format!("{index} {key}").into(),
        body: said.body,
        sent_at: None,
        by_sqs: false,
        attributes: attributes.filter_map(|(name, it)| Some((name.to_owned(), it?))).collect(),
    })
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use events::{Refusal, Rule};

    use super::*;
    use crate::dead_letter::Letter;

    #[test]
    fn a_line_is_read_as_it_was_written_and_known_by_the_message_it_was() {
        let refusal = Refusal {
            rule: Rule::NotJson,
            reason: "it is no JSON".to_owned(),
            field: None,
            id: None,
        };
        let sent_at = Some(1_772_000_000_123);
        let written = Letter::new("so \"what\n".to_owned(), refusal, "o-1".to_owned(), sent_at);
        let mut met = HashMap::new();
        let text = [written.line(), b"\nnonsense\n{}\n{\"body\":\"b\"}\n".to_vec(), written.line()]
            .concat();
        let read = lines(&text).filter_map(|(index, line)| letter("k", index, line, &mut met));
        let read: Vec<_> = read.collect();
        let ids: Vec<_> = read.iter().map(|it| it.message_id.as_str()).collect();
        assert_eq!((ids[0], ids[1].len(), ids[2], ids.len()), ("o-1", 16, "o-1#2", 3));
        assert_eq!((read[0].body.as_str(), read[0].first_sent_at()), ("so \"what\n", sent_at));
        assert_eq!((read[0].code(), read[0].reason()), ("not-json", Some("it is no JSON")));
        assert_eq!((read[1].body.as_str(), read[1].code()), ("b", "unknown"));
        assert!(read[2].is_called("o-1") && &*read[2].receipt_handle == "4 k");
    }
}
