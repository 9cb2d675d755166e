//! The object that a batch becomes: its key, and its bytes (compressed, one event per line).
//!
//! Deterministic: time and id come from the caller, and no header carries a time or a name, so the
//! same lines are always the same bytes. Knows no S3.

use std::io::Write;

use clap::ValueEnum;
use flate2::write::GzEncoder;
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;
use zstd::stream::write::Encoder as ZstdEncoder;

/// The content type of an object. There is no content encoding: COPY reads the compressed bytes,
/// and a client that undid them in passing would hand out something else than what is stored.
pub const CONTENT_TYPE: &str = "application/x-ndjson";

/// Fast: events repeat their keys, so higher levels cost more than they save.
const GZIP_LEVEL: u32 = 1;

/// Smaller objects than gzip's, for less work.
const ZSTD_LEVEL: i32 = 1;

/// How an object is compressed. COPY takes both (`GZIP`, `ZSTD`), but one of them per statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// One gzip member; `.json.gz`.
    Gzip,
    /// One Zstandard frame with its checksum; `.json.zst`.
    Zstd,
}

impl Compression {
    /// What the keys of such objects end in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gzip => "json.gz",
            Self::Zstd => "json.zst",
        }
    }
}

/// `<prefix><folder>/YYYYMMDD/HHMMSS-<id>.<extension>`, day and time in UTC.
///
/// `prefix` is empty or ends with a slash.
pub fn key(
    prefix: &str,
    folder: &str,
    opened_at: OffsetDateTime,
    id: Uuid,
    compression: Compression,
) -> String {
    let at = opened_at.to_offset(UtcOffset::UTC);
    let (year, month, day) = at.to_calendar_date();
    let month = u8::from(month);
    let (hour, minute, second) = at.to_hms();
    let extension = compression.extension();
    format!(
        "{prefix}{folder}/{year:04}{month:02}{day:02}/{hour:02}{minute:02}{second:02}-{id}.\
         {extension}"
    )
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

/// Compresses lines as they come, so that a batch never stands in memory as text; and hands out
/// what is compressed already, so that a large one does not stand there at all.
pub struct ObjectWriter {
    encoder: Encoder,
}

impl std::fmt::Debug for ObjectWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ObjectWriter").field("ready", &self.ready_bytes()).finish()
    }
}

impl ObjectWriter {
    /// An object without lines.
    pub fn new(compression: Compression) -> Self {
        let encoder = match compression {
            Compression::Gzip => {
                let level = flate2::Compression::new(GZIP_LEVEL);
                Encoder::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Compression::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL).expect("a level");
                encoder.include_checksum(true).expect("nothing is compressed yet");
                Encoder::Zstd(encoder)
            }
        };
        Self { encoder }
    }

    /// Adds whole lines, each with its line feed.
    pub fn append(&mut self, lines: &[u8]) {
        debug_assert!(lines.ends_with(b"\n"), "whole lines");
        let written = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.write_all(lines),
            Encoder::Zstd(encoder) => encoder.write_all(lines),
        };
        written.expect("a Vec takes any number of bytes");
    }

    /// How many compressed bytes [`ObjectWriter::take_ready`] would hand out. The compressor keeps
    /// some more to itself until the end.
    pub fn ready_bytes(&self) -> usize {
        match &self.encoder {
            Encoder::Gzip(encoder) => encoder.get_ref().len(),
            Encoder::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    /// The next compressed bytes of the object.
    pub fn take_ready(&mut self) -> Vec<u8> {
        match &mut self.encoder {
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    /// The last bytes of the object: all of it, if none were taken before.
    pub fn finish(self) -> Vec<u8> {
        let finished = match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        };
        finished.expect("a Vec takes any number of bytes")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;
    use ruzstd::decoding::StreamingDecoder;
    use time::macros::datetime;

    use super::*;

    /// What another implementation than the one that wrote it reads.
    fn decompress(object: &[u8], compression: Compression) -> String {
        let mut text = String::new();
        let read = match compression {
            Compression::Gzip => GzDecoder::new(object).read_to_string(&mut text),
            Compression::Zstd => {
                let decoder = StreamingDecoder::new(object).expect("a frame");
                { decoder }.read_to_string(&mut text)
            }
        };
        read.expect("one member or frame");
        text
    }

    #[test]
    fn the_key_names_day_and_time_of_the_opening_in_utc() {
        let id = Uuid::from_u128(0x1234);
        for (prefix, opened_at, compression, start, end) in [
            (
                "",
                datetime!(2026-03-01 09:08:07.9 UTC),
                Compression::Gzip,
                "events/20260301/090807-",
                ".json.gz",
            ),
            (
                "lake/",
                datetime!(2026-01-01 00:30:00 +1),
                Compression::Zstd,
                "lake/events/20251231/233000-",
                ".json.zst",
            ),
        ] {
            let key = key(prefix, "events", opened_at, id, compression);
            assert_eq!(key, format!("{start}{id}{end}"));
        }
    }

    #[test]
    fn zstandard_objects_are_smaller_than_gzip_ones() {
        let bytes = |compression| {
            let mut writer = ObjectWriter::new(compression);
            for number in 0_u64..5_000 {
                let id = Uuid::from_u64_pair(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number);
                writer.append(format!("{{\"id\":\"{id}\",\"event\":\"sent\"}}\n").as_bytes());
            }
            writer.finish().len()
        };
        let (zstd, gzip) = (bytes(Compression::Zstd), bytes(Compression::Gzip));
        assert!(zstd < gzip, "{zstd} {gzip}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_is_appended_comes_back_whatever_the_portions(
            portions in prop::collection::vec(
                prop::collection::vec("\\PC{0,40}", 1..12), 0..20,
            ),
            compression in prop::sample::select(vec![Compression::Gzip, Compression::Zstd]),
        ) {
            let mut writer = ObjectWriter::new(compression);
            let mut twin = ObjectWriter::new(compression);
            let (mut object, mut expected) = (Vec::new(), String::new());
            for lines in &portions {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                writer.append(text.as_bytes());
                twin.append(text.as_bytes());
                // Taken in pieces or not, the bytes are the same.
                object.extend(writer.take_ready());
                prop_assert_eq!(writer.ready_bytes(), 0);
                expected.push_str(&text);
            }
            object.extend(writer.finish());
            prop_assert_eq!(decompress(&object, compression), expected);
            prop_assert_eq!(object, twin.finish());
        }
    }
}
