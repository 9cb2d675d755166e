//! The object that a batch becomes: its key, and its bytes (gzip, one event per line).
//!
//! Deterministic: time and id come from the caller, and the gzip header carries neither a time nor
//! a name, so the same lines are always the same bytes. Knows no S3.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

/// The content type of an object. There is no content encoding: COPY reads the gzip bytes, and a
/// client that undid them in passing would hand out something else than what is stored.
pub const CONTENT_TYPE: &str = "application/x-ndjson";

/// Fast: events repeat their keys, so higher levels cost more than they save.
const LEVEL: u32 = 1;

/// `<prefix>events/YYYYMMDD/HHMMSS-<id>.json.gz`, day and time in UTC.
///
/// `prefix` is empty or ends with a slash.
pub fn key(prefix: &str, opened_at: OffsetDateTime, id: Uuid) -> String {
    let at = opened_at.to_offset(UtcOffset::UTC);
    let (year, month, day) = at.to_calendar_date();
    let month = u8::from(month);
    let (hour, minute, second) = at.to_hms();
    format!(
        "{prefix}events/{year:04}{month:02}{day:02}/{hour:02}{minute:02}{second:02}-{id}.json.gz"
    )
}

/// Compresses lines as they come, so that a batch never stands in memory as text.
#[derive(Debug)]
pub struct ObjectWriter {
    encoder: GzEncoder<Vec<u8>>,
}

impl ObjectWriter {
    /// An object without lines.
    #[expect(clippy::new_without_default, reason = "an empty object is nothing one stores")]
    pub fn new() -> Self {
        Self { encoder: GzEncoder::new(Vec::new(), Compression::new(LEVEL)) }
    }

    /// Adds whole lines, each with its line feed.
    pub fn append(&mut self, lines: &[u8]) {
        debug_assert!(lines.ends_with(b"\n"), "whole lines");
        self.encoder.write_all(lines).expect("a Vec takes any number of bytes");
    }

    /// The object's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.encoder.finish().expect("a Vec takes any number of bytes")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn decompress(object: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(object).read_to_string(&mut text).expect("one gzip member");
        text
    }

    #[test]
    fn the_key_names_day_and_time_of_the_opening_in_utc() {
        let id = Uuid::from_u128(0x1234);
        for (prefix, opened_at, expected) in [
            ("", datetime!(2026-03-01 09:08:07.9 UTC), "events/20260301/090807-"),
            ("lake/", datetime!(2026-01-01 00:30:00 +1), "lake/events/20251231/233000-"),
        ] {
            let key = key(prefix, opened_at, id);
            assert_eq!(key, format!("{expected}{id}.json.gz"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_is_appended_comes_back_whatever_the_portions(
            portions in prop::collection::vec(
                prop::collection::vec("\\PC{0,40}", 1..12), 0..20,
            ),
        ) {
            let mut writer = ObjectWriter::new();
            let mut twin = ObjectWriter::new();
            let mut expected = String::new();
            for lines in &portions {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                writer.append(text.as_bytes());
                twin.append(text.as_bytes());
                expected.push_str(&text);
            }
            let object = writer.finish();
            prop_assert_eq!(decompress(&object), expected);
            prop_assert_eq!(object, twin.finish());
        }
    }
}
