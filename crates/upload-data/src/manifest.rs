//! The list of objects that one COPY loads (Database Developer Guide, "Using a manifest to specify
//! data files").
//!
//! Pure. A manifest holds at most as many objects as one load takes, `--objects-max`.

use serde::Serialize;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::store::StoredObject;

/// How a key tells the time, in UTC.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]/[hour][minute][second]");

/// How an object is compressed. COPY is told, it does not guess, and one COPY takes one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Newline-delimited JSON as it is: `….json`.
    Plain,
    /// The same, gzipped: `….json.gz`.
    Gzip,
    /// The same, as Zstandard: `….json.zst`.
    Zstd,
}

impl Compression {
    /// Every kind, in the order they are copied.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Zstd, Self::Plain];

    /// What the key says; `None` for an object that is not one of ours.
    pub fn of(key: &str) -> Option<Self> {
        if key.ends_with(".json.gz") {
            Some(Self::Gzip)
        } else if key.ends_with(".json.zst") {
            Some(Self::Zstd)
        } else if key.ends_with(".json") {
            Some(Self::Plain)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

#[derive(Serialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    url: String,
    mandatory: bool,
}

/// The manifest of these objects. All are mandatory: the ledger will say that each was loaded.
pub fn render<'a>(bucket: &str, objects: impl IntoIterator<Item = &'a StoredObject>) -> String {
    let entries = objects
        .into_iter()
        .map(|object| Entry { url: object_url(bucket, &object.key), mandatory: true })
        .collect();
    serde_json::to_string_pretty(&Manifest { entries }).expect("texts and booleans are JSON")
}

/// An object's address as Redshift reads it: the key stands there as it is, nothing is encoded.
pub fn object_url(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

/// The key of a manifest. No two loads share one: a late write of a load that lost its connection
/// must not change what another COPY reads.
pub fn key(prefix: &str, now: OffsetDateTime, load_id: Uuid, compression: Compression) -> String {
    let time = now.to_utc().format(TIME).expect("the format has date and time only");
    format!("{}{time}-{load_id}-{}.json", self::prefix(prefix), compression.name())
}

/// Where manifests are.
pub fn prefix(prefix: &str) -> String {
    format!("{prefix}manifests/")
}

/// When the manifest with that key was written; `None` if the key is none that [`key`] makes.
pub fn written_at(prefix: &str, key: &str) -> Option<OffsetDateTime> {
    let name = key.strip_prefix(&self::prefix(prefix))?.strip_suffix(".json")?;
    let (time, name) = name.split_at_checked("YYYYMMDD/HHMMSS".len())?;
    let (load_id, kind) =
        name.strip_prefix('-')?.split_at_checked(uuid::fmt::Hyphenated::LENGTH)?;
    let kind = kind.strip_prefix('-')?;
    let is_ours = Uuid::try_parse(load_id).is_ok()
        && Compression::ALL.iter().any(|compression| compression.name() == kind);
    let time = PrimitiveDateTime::parse(time, TIME).ok()?;
    is_ours.then(|| time.assume_utc())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn object(key: &str) -> StoredObject {
        StoredObject { key: key.to_owned(), etag: "e".to_owned(), bytes: 1, stored_at: None }
    }

    #[test]
    fn hostile_keys_stand_in_the_manifest_as_they_are() {
        let objects = [
            object("events/20260101/120000-a.json.gz"),
            object("o'clock/\"quoted\"\\back.json"),
            object("a b+c%20?d#e.json"),
            object("zeile\nzwei/ü🦀.json"),
        ];
        insta::assert_snapshot!(render("lake", &objects), @r#"
        {
          "entries": [
            {
              "url": "s3://lake/events/20260101/120000-a.json.gz",
              "mandatory": true
            },
            {
              "url": "s3://lake/o'clock/\"quoted\"\\back.json",
              "mandatory": true
            },
            {
              "url": "s3://lake/a b+c%20?d#e.json",
              "mandatory": true
            },
            {
              "url": "s3://lake/zeile\nzwei/ü🦀.json",
              "mandatory": true
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_manifest_is_named_after_time_load_and_kind() {
        let now = datetime!(2026-02-03 04:05:06.789 UTC);
        let key = key("pipe/", now, Uuid::nil(), Compression::Gzip);
        insta::assert_snapshot!(key, @"pipe/manifests/20260203/040506-00000000-0000-0000-0000-000000000000-gzip.json");
    }

    #[test]
    fn only_a_name_that_we_give_tells_when_a_manifest_was_written() {
        let now = datetime!(2026-02-03 04:05:06 UTC);
        let key = key("pipe/", now, Uuid::nil(), Compression::Zstd);
        assert_eq!(written_at("pipe/", &key), Some(now));
        for (from, to) in [
            ("pipe/", ""),
            ("manifests/", "mine/"),
            ("0203/", "0230/"),
            ("0000-zstd", "0000-lzop"),
            ("00000000-", "0000000x-"),
            (".json", ".json.bak"),
            ("-zstd.json", ".json"),
            ("20260203/", ""),
            ("2026", "\u{fc}26"),
        ] {
            assert!(key.contains(from), "{key}");
            assert_eq!(written_at("pipe/", &key.replace(from, to)), None, "{from} -> {to}");
        }
    }

    #[test]
    fn the_suffix_tells_the_compression() {
        for (key, expected) in [
            ("events/a.json.gz", Some(Compression::Gzip)),
            ("events/a.json.zst", Some(Compression::Zstd)),
            ("events/a.zst", None),
            ("events/a.json", Some(Compression::Plain)),
            ("events/", None),
            ("events/_SUCCESS", None),
            ("events/a.gz", None),
            ("events/a.json.gz.tmp", None),
        ] {
            assert_eq!(Compression::of(key), expected, "{key}");
        }
    }
}
