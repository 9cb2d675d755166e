//! The list of objects that one COPY loads (Database Developer Guide, "Using a manifest to specify
//! data files").
//!
//! Pure. A manifest holds at most as many objects as one load takes, `--objects-max`.

use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::store::StoredObject;

/// How an object is compressed. COPY is told, it does not guess, and one COPY takes one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Newline-delimited JSON as it is: `….json`.
    Plain,
    /// The same, gzipped: `….json.gz`.
    Gzip,
}

impl Compression {
    /// Every kind, in the order they are copied.
    pub const ALL: [Self; 2] = [Self::Gzip, Self::Plain];

    /// What the key says; `None` for an object that is not one of ours.
    pub fn of(key: &str) -> Option<Self> {
        if key.ends_with(".json.gz") {
            Some(Self::Gzip)
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
    let time = now
        .format(format_description!("[year][month][day]/[hour][minute][second]"))
        .expect("the format has date and time only");
    format!("{prefix}manifests/{time}-{load_id}-{}.json", compression.name())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn object(key: &str) -> StoredObject {
        StoredObject { key: key.to_owned(), etag: "e".to_owned(), bytes: 1 }
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
    fn the_suffix_tells_the_compression() {
        for (key, expected) in [
            ("events/a.json.gz", Some(Compression::Gzip)),
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
