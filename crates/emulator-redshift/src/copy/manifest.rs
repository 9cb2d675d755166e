//! The manifest of a COPY: a list of objects (Database Developer Guide, "Using a manifest to
//! specify data files").
//!
//! Reads text only; fetching it and what it names is `fetch`'s.

use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;

use super::statement::CopySource;

/// An object to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) object: CopySource,
    /// Whether the COPY fails if the object is missing.
    pub(super) mandatory: bool,
    /// Found in the bucket's list, not in a manifest.
    pub(super) listed: bool,
    /// Its bytes, as `meta` says; only columnar files need it.
    pub(super) content_length: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ManifestError {
    #[error("manifest is not a JSON object with entries: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("manifest entry {index} is not an s3:// url of an object: {url}")]
    NotAnObject { index: usize, url: String },
    #[error("manifest entry {index}: {member} is {value}, which is not {wanted}")]
    NotSaid { index: usize, member: &'static str, value: Value, wanted: &'static str },
}

// Other members (what UNLOAD writes beside the entries and in `meta`) are ignored.
#[derive(Deserialize)]
struct Manifest {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    url: String,
    #[serde(default)]
    mandatory: Option<Value>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    content_length: Option<Value>,
}

/// A value, or the text of one: `true` or `"true"`, `484` or `"484"`. [?]
fn said<T: FromStr>(value: &Value) -> Option<T> {
    match value {
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        value => value.to_string().parse().ok(),
    }
}

/// The text without a UTF-8 byte order mark before it.
pub(super) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// The objects in the order of the manifest; one that is listed twice is loaded twice.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Wanted>, ManifestError> {
    let manifest: Manifest = serde_json::from_slice(without_bom(text))?;
    let mut wanted = Vec::with_capacity(manifest.entries.len());
    for (index, entry) in manifest.entries.into_iter().enumerate() {
        let object = CopySource::parse(&entry.url).filter(|source| !source.key.is_empty());
        let Some(object) = object else {
            return Err(ManifestError::NotAnObject { index, url: entry.url });
        };
        let refuse = |member, value: &Value, wanted| {
            let value = value.clone();
            ManifestError::NotSaid { index, member, value, wanted }
        };
        let mandatory = match entry.mandatory {
            Some(value) => said(&value).ok_or_else(|| refuse("mandatory", &value, "a boolean"))?,
            None => false,
        };
        let content_length = match entry.meta.and_then(|meta| meta.content_length) {
            Some(value) => {
                let length = said(&value);
                Some(length.ok_or_else(|| refuse("content_length", &value, "a number of bytes"))?)
            }
            None => None,
        };
        wanted.push(Wanted { object, mandatory, listed: false, content_length });
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, bool)], &str>) {
        match (parse(text.as_bytes()), expected) {
            (Ok(wanted), Ok(rows)) => {
                let found: Vec<(String, bool)> =
                    wanted.iter().map(|w| (w.object.to_string(), w.mandatory)).collect();
                let rows: Vec<(String, bool)> =
                    rows.iter().map(|(url, flag)| (url.to_string(), *flag)).collect();
                assert_eq!(found, rows);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn entries_keep_their_order_and_unknown_members_are_ignored() {
        check(
            r#"{"entries":[
                {"url":"s3://a/x y","mandatory":true},
                {"url":"s3://b/k","meta":{"content_length":5}},
                {"url":"s3://a/x y","mandatory":false}],
               "author":{"name":"Amazon Redshift"}}"#,
            Ok(&[("s3://a/x y", true), ("s3://b/k", false), ("s3://a/x y", false)]),
        );
        check(r#"{"entries":[]}"#, Ok(&[]));
    }

    #[test]
    fn values_may_be_written_as_text_after_a_byte_order_mark() {
        check(
            "\u{feff}{\"entries\":[{\"url\":\"s3://a/x\",\"mandatory\":\"true\"}, \
             {\"url\":\"s3://a/y\",\"mandatory\":\"False\"}]}",
            Ok(&[("s3://a/x", true), ("s3://a/y", false)]),
        );
        let text = |length: &str| {
            format!(r#"{{"entries":[{{"url":"s3://b/k","meta":{{"content_length":{length}}}}}]}}"#)
        };
        for length in ["484", "\"484\""] {
            let wanted = parse(text(length).as_bytes()).unwrap();
            assert_eq!(wanted[0].content_length, Some(484), "{length}");
        }
        check(&text("null"), Ok(&[("s3://b/k", false)]));
        check(&text("\"many\""), Err("content_length is \"many\""));
        check(&text("-1"), Err("not a number of bytes"));
        check(&text("[]"), Err("not a number of bytes"));
    }

    #[test]
    fn a_malformed_manifest_is_an_error() {
        check("", Err("not a JSON object"));
        check("[]", Err("not a JSON object"));
        check("{}", Err("entries"));
        check(r#"{"entries":[{}]}"#, Err("url"));
        check(r#"{"entries":[{"url":"s3://b/k","mandatory":"yes"}]}"#, Err("boolean"));
        check(r#"{"entries":[{"url":"s3://b/k"},{"url":"s3://b"}]}"#, Err("entry 1"));
        check(r#"{"entries":[{"url":"http://b/k"}]}"#, Err("http://b/k"));
    }
}
