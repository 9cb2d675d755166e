//! An answer as a flat list of named values, without what must differ.

use std::collections::BTreeMap;

use serde_json::Value;

/// Headers that say nothing about what was asked.
const IGNORED: [&str; 12] = [
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "server",
    "transfer-encoding",
    "vary",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-localstack",
];

/// Values that are drawn or measured: only that they are there is compared.
const DRAWN: [&str; 15] = [
    "ApproximateFirstReceiveTimestamp",
    "ContinuationToken",
    "CreatedTimestamp",
    "HostId",
    "ID",
    "DisplayName",
    "LastModified",
    "LastModifiedTimestamp",
    "MessageId",
    "NextContinuationToken",
    "ReceiptHandle",
    "RequestId",
    "SentTimestamp",
    "UploadId",
    "last-modified",
];

/// Status, headers and the body's leaves.
pub(super) fn of<'a>(
    status: u16,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::from([("status".to_owned(), status.to_string())]);
    for (name, value) in headers.filter(|(name, _)| is_compared(name)) {
        fields.insert(format!("header {name}"), normal(name, value));
    }
    let text = String::from_utf8_lossy(body);
    match serde_json::from_str(&text) {
        Ok(value) => json("body", &value, &mut fields),
        Err(_) if text.trim_start().starts_with('<') => xml(&text, &mut fields),
        Err(_) if text.is_empty() => {}
        Err(_) => drop(fields.insert("body".to_owned(), text.into_owned())),
    }
    fields
}

fn is_compared(name: &str) -> bool {
    !IGNORED.contains(&name) && !name.starts_with("access-control-")
}

/// Its own value, unless that must differ.
fn normal(name: &str, value: &str) -> String {
    if DRAWN.contains(&name) {
        return "<drawn>".to_owned();
    }
    // Where something listens: `http://127.0.0.1:43210/000000000000/q`.
    match value.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, path)) if value.starts_with("http") => format!("<endpoint>/{path}"),
        _ => value.to_owned(),
    }
}

fn json(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let leaf = path.rsplit(['.', ' ']).next().unwrap_or_default();
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| json(&format!("{path}.{name}"), value, fields));
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                json(&format!("{path}.{index}"), value, fields);
            }
        }
        Value::String(text) => drop(fields.insert(path.to_owned(), normal(leaf, text))),
        other => drop(fields.insert(path.to_owned(), normal(leaf, &other.to_string()))),
    }
}

/// The leaves of a document without attributes of interest; the n-th of equal siblings by its number.
fn xml(text: &str, fields: &mut BTreeMap<String, String>) {
    let mut path: Vec<String> = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_empty = false;
    for part in text.split('<').skip(1) {
        let Some((tag, rest)) = part.split_once('>') else { continue };
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if tag.starts_with('/') {
            if std::mem::take(&mut is_empty) {
                fields.insert(format!("body {}", path.join(".")), String::new());
            }
            path.pop();
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        let parent = path.join(".");
        let count = counts.entry(format!("{parent}.{name}")).or_default();
        *count += 1;
        let here = if *count == 1 { name.to_owned() } else { format!("{name}#{count}") };
        path.push(here);
        let is_leaf = !rest.trim().is_empty() || tag.ends_with('/');
        if is_leaf {
            fields.insert(format!("body {}", path.join(".")), normal(name, rest.trim()));
        }
        // Unless a child follows, which says so again.
        is_empty = !is_leaf;
        if tag.ends_with('/') {
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_xml_become_the_same_kind_of_list() {
        let headers = [("server", "x"), ("etag", "\"e\""), ("last-modified", "now")];
        let body = br#"{"Failed":[],"Messages":[{"MessageId":"1","Body":"b"}],"QueueUrl":"http://h:1/0/q"}"#;
        let fields = of(200, headers.into_iter(), body);
        let expected = [
            ("body.Messages.0.Body", "b"),
            ("body.Messages.0.MessageId", "<drawn>"),
            ("body.QueueUrl", "<endpoint>/0/q"),
            ("header etag", "\"e\""),
            ("status", "200"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut of_json = fields;
        assert_eq!(of_json.remove("header last-modified").as_deref(), Some("<drawn>"));
        assert_eq!(of_json, BTreeMap::from(expected));
        let body =
            b"<?xml version=\"1.0\"?><A x=\"y\"><B><C>1</C></B><B><C>2</C><D/><E></E></B></A>";
        let fields = of(404, [].into_iter(), body);
        let expected = [
            ("body A.B#2.C", "2"),
            ("body A.B#2.D", ""),
            ("body A.B#2.E", ""),
            ("body A.B.C", "1"),
            ("status", "404"),
        ];
        assert_eq!(fields.len(), expected.len(), "{fields:?}");
        for (name, value) in expected {
            assert_eq!(fields.get(name).map(String::as_str), Some(value), "{fields:?}");
        }
    }
}
