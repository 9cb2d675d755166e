//! Statements, manifests, JSONPaths files: what is read as a whole.

use super::Target;
use crate::copy::statement::{is_copy, parse};
use crate::copy::{jsonpaths, manifest};

#[test]
fn any_statement_is_read_or_refused_at_a_place_in_it() {
    let samples: &[&[u8]] = &[
        b"COPY s.t (a, \"B\") FROM 's3://b/k' IAM_ROLE 'arn:aws:iam::1:role/r' JSON 'auto' GZIP;",
        b"copy t from 's3://b/k' credentials 'aws_access_key_id=a;aws_secret_access_key=s' csv \
          quote as '%' delimiter '\\t' null as '\\000' ignoreheader 1 dateformat 'auto'",
        b"COPY d.s.t FROM 's3://b/k' ACCESS_KEY_ID 'a' SECRET_ACCESS_KEY 'b' SESSION_TOKEN 'c' \
          FIXEDWIDTH 'a:1,b:22' MAXERROR AS 10, TIMEFORMAT 'epochsecs' /* x */ ENCODING UTF16LE",
        b"COPY t FROM 's3://b/k' IAM_ROLE default FORMAT AS PARQUET SERIALIZETOJSON MANIFEST",
        b"COPY t FROM 's3://b/k' iam_role default AVRO 's3://b/paths' ACCEPTINVCHARS AS '^' \
          COMPUPDATE PRESET STATUPDATE OFF COMPROWS 9 READRATIO 5 BZIP2 -- end",
    ];
    let words: &[&[u8]] = &[
        b"'",
        b"\"",
        b"''",
        b"\\",
        b"(",
        b")",
        b",",
        b";",
        b"--",
        b"/*",
        b"*/",
        b"$$",
        b"AS ",
        b"FROM ",
        b"'s3://b/k' ",
        b"JSON ",
        b"NULL ",
        b"E'",
        b"U&'",
        b"\0",
        b"\xff",
        b"\xc3",
        b"9999999999999999999999",
        b"IAM_ROLE default ",
        b"\xf0\x9f\xa6\x80",
        b".",
        b"-1 ",
    ];
    let check = |input: &[u8], _: &mut _| {
        let sql = String::from_utf8_lossy(input);
        is_copy(&sql);
        match parse(&sql) {
            Ok(statement) => assert!(!statement.table.is_empty(), "a table has a name"),
            Err(error) => {
                let places = 1..=sql.chars().count() + 1;
                assert!(places.contains(&error.position), "{error:?} of {places:?}");
                assert!(!error.message.is_empty());
            }
        }
    };
    Target { samples, words, check: &check }.run();
}

#[test]
fn any_manifest_names_objects_or_is_refused() {
    let samples: &[&[u8]] = &[
        br#"{"entries": [{"url": "s3://a/b c", "mandatory": true}, {"url": "s3://b/k"}]}"#,
        br#"{"entries": [{"url": "s3://a/b", "meta": {"content_length": 5}}], "author": {}}"#,
        br#"{"entries": []}"#,
    ];
    let words: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b",",
        b":",
        b"null",
        b"s3://",
        b"\\u0000",
        b"\\ud800",
        b"\"entries\"",
        b"\"url\"",
        b"1e999",
        b"\xff",
        b"\"meta\"",
        b"-1",
        b"\"content_length\"",
    ];
    let check = |input: &[u8], _: &mut _| {
        for wanted in manifest::parse(input).unwrap_or_default() {
            assert!(!wanted.object.bucket.is_empty() && !wanted.object.key.is_empty());
        }
    };
    Target { samples, words, check: &check }.run();
}

#[test]
fn any_jsonpaths_file_has_paths_or_is_refused() {
    let samples: &[&[u8]] = &[
        br#"{"jsonpaths": ["$['a']['b c'][0]", "$['d']", "$[12]"]}"#,
        br#"{"jsonpaths": ["$.a.b[0]", "$", "$.c"]}"#,
        br#"{"other": ["$['a']"]}"#,
    ];
    let words: &[&[u8]] = &[
        b"$",
        b"['",
        b"']",
        b"[",
        b"]",
        b".",
        b"\"",
        b"*",
        b"..",
        b"[-1]",
        b"'",
        b"\\u0000",
        b",",
        b"[99999999999999999999]",
        b"\"jsonpaths\"",
        b"null",
        b"{}",
        b"\\",
        b"?(@.a)",
        b"\xff",
    ];
    let check = |input: &[u8], _: &mut _| {
        if let Err(error) = jsonpaths::parse(input) {
            assert!(!error.to_string().is_empty());
        }
    };
    Target { samples, words, check: &check }.run();
}
