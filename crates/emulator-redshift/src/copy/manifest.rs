//! The manifest of a COPY: a list of objects (Database Developer Guide, "Using a manifest to
//! specify data files").
//!
//! Reads text only; fetching it and what it names is `fetch`'s.

use serde::Deserialize;

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
    mandatory: bool,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    content_length: Option<u64>,
}

/// The objects in the order of the manifest; one that is listed twice is loaded twice.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Wanted>, ManifestError> {
    let manifest: Manifest = serde_json::from_slice(text)?;
    let mut wanted = Vec::with_capacity(manifest.entries.len());
    for (index, entry) in manifest.entries.into_iter().enumerate() {
        let object = CopySource::parse(&entry.url).filter(|source| !source.key.is_empty());
        let Some(object) = object else {
            return Err(ManifestError::NotAnObject { index, url: entry.url });
        };
        let content_length = entry.meta.and_then(|meta| meta.content_length);
        wanted.push(Wanted { object, mandatory: entry.mandatory, listed: false, content_length });
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
