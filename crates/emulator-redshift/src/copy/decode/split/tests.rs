//! Where records end, on which line, and that chunk borders change nothing.

use proptest::prelude::*;

use super::*;

type Found = Vec<(RecordKind, String, u64)>;

/// Splits text that comes in chunks of the given sizes (the last size repeats).
fn split(text: &[u8], sizes: &[usize], header_lines: u64) -> (Found, u64) {
    let mut splitter = Splitter::new(header_lines);
    let mut found = Vec::new();
    let mut keep = |bytes: &[u8], records: Vec<Record>| {
        for record in records {
            let text = String::from_utf8_lossy(&bytes[record.start..record.end]).into_owned();
            found.push((record.kind, text, record.line));
        }
    };
    let mut rest = text;
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(sizes[sizes.len() - 1]));
    while !rest.is_empty() {
        let size = sizes.next().expect("sizes repeat").clamp(1, rest.len());
        let goes_on = splitter.push(&rest[..size]);
        rest = &rest[size..];
        if let Some((bytes, records)) = splitter.take_group(!goes_on) {
            keep(&bytes, records);
        }
        if !goes_on {
            return (found, 0);
        }
    }
    let (bytes, records, lines) = splitter.finish();
    keep(&bytes, records);
    (found, lines)
}

use RecordKind::{Array, Broken, Object, Stray};

fn check(text: &str, expected: &[(RecordKind, &str, u64)]) {
    let expected: Found =
        expected.iter().map(|(kind, text, line)| (*kind, text.to_string(), *line)).collect();
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(split(text.as_bytes(), &[size], 0).0, expected, "{text} in chunks of {size}");
    }
}

#[test]
fn objects_may_be_separated_by_white_space_or_nothing() {
    check("", &[]);
    check(" \n\t\r\n ", &[]);
    check(
        "{\"a\":1}\n{\"b\":{\"c\":[1,{}]}}{}  {}\n",
        &[
            (Object, "{\"a\":1}", 1),
            (Object, "{\"b\":{\"c\":[1,{}]}}", 2),
            (Object, "{}", 2),
            (Object, "{}", 2),
        ],
    );
}

#[test]
fn brackets_quotes_and_backslashes_in_strings_are_text() {
    check(
        r#"{"}":"]{","a\"}":"\\"}{"x":"\\\""}"#,
        &[(Object, r#"{"}":"]{","a\"}":"\\"}"#, 1), (Object, r#"{"x":"\\\""}"#, 1)],
    );
}

#[test]
fn the_line_of_a_record_is_its_last() {
    check("\n{\n\"a\":\n1\n}\n\n{}\n", &[(Object, "{\n\"a\":\n1\n}", 5), (Object, "{}", 7)]);
}

#[test]
fn a_top_level_array_is_one_record() {
    check("[{\"a\":1},\n{\"a\":2}]\n", &[(Array, "[{\"a\":1},\n{\"a\":2}]", 2)]);
}

#[test]
fn each_run_between_structures_is_one_error_and_the_search_goes_on() {
    check(
        "{},{}\nxx yy{}",
        &[
            (Object, "{}", 1),
            (Stray, ",", 1),
            (Object, "{}", 1),
            (Stray, "xx", 2),
            (Stray, "yy", 2),
            (Object, "{}", 2),
        ],
    );
    check("\u{feff}{}", &[(Stray, "\u{feff}", 1), (Object, "{}", 1)]);
    check("]}", &[(Stray, "]}", 1)]);
}

#[test]
fn a_string_cannot_run_over_a_line() {
    check("{\"a\":\"x}\n{\"b\":1}\n", &[(Broken, "{\"a\":\"x}", 1), (Object, "{\"b\":1}", 2)]);
    check("{\"a\":\"x\\\n{}", &[(Broken, "{\"a\":\"x\\", 1), (Object, "{}", 2)]);
}

#[test]
fn a_forgotten_bracket_costs_only_its_own_object() {
    check("{\"a\":1\n{\"b\":2}\n", &[(Broken, "{\"a\":1", 1), (Object, "{\"b\":2}", 2)]);
    check("{\"a\":1,\n\n{\"b\":2}", &[(Broken, "{\"a\":1,", 1), (Object, "{\"b\":2}", 3)]);
    check("{\"a\":[1}\n{}", &[(Broken, "{\"a\":[1}", 1), (Object, "{}", 2)]);
    // These belong together, however they are laid out.
    check("{\"a\":\n{\"b\":[\n{},\n{}]}}", &[(Object, "{\"a\":\n{\"b\":[\n{},\n{}]}}", 4)]);
    // On one line it is one bad object.
    check("{\"a\":1 {\"b\":2}}", &[(Object, "{\"a\":1 {\"b\":2}}", 1)]);
}

#[test]
fn the_end_of_the_file_ends_an_open_structure() {
    check("{}\n{\"a\":1\n\n", &[(Object, "{}", 1), (Broken, "{\"a\":1", 2)]);
    check("{\"a\":\"x", &[(Broken, "{\"a\":\"x", 1)]);
    check("{\"a\":\"x\\", &[(Broken, "{\"a\":\"x\\", 1)]);
    check("[", &[(Broken, "[", 1)]);
}

#[test]
fn header_lines_are_skipped_but_counted() {
    for size in [1, 4, 100] {
        let (found, lines) = split(b"{x\n\n{}\n{}", &[size], 2);
        assert_eq!(found, [(Object, "{}".into(), 3), (Object, "{}".into(), 4)]);
        assert_eq!(lines, 4);
        assert_eq!(split(b"a\nb", &[size], 5), (Vec::new(), 2));
    }
}

#[test]
fn lines_are_counted_with_or_without_a_last_line_break() {
    for (text, lines) in [("", 0), ("{}", 1), ("{}\n", 1), ("{}\n\n{}", 3), ("\n\n", 2)] {
        assert_eq!(split(text.as_bytes(), &[3], 0).1, lines, "{text:?}");
    }
}

#[test]
fn white_space_and_junk_without_end_are_not_kept() {
    let mut splitter = Splitter::new(0);
    let mut records = Vec::new();
    for chunk in [[b' '; 65536], [b'x'; 65536]] {
        for _ in 0..64 {
            assert!(splitter.push(&chunk));
            records.extend(splitter.take_group(false).into_iter().flat_map(|group| group.1));
            assert!(splitter.buffer.len() <= GROUP_BYTES);
        }
    }
    records.extend(splitter.finish().1);
    // One run, one error, however many groups it spans.
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].kind, Stray);
}

#[test]
fn a_structure_of_more_than_4_mb_ends_the_file() {
    let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(STRUCTURE_BYTES_MAX - 8));
    assert_eq!(exact.len(), STRUCTURE_BYTES_MAX);
    let (found, _) = split(format!("{exact}{{}}").as_bytes(), &[65536], 0);
    assert_eq!(found.iter().map(|record| record.0).collect::<Vec<_>>(), [Object, Object]);
    for (long, begins) in [
        (format!("{{}}{{\"a\":\"{}\"}}{{}}", "x".repeat(STRUCTURE_BYTES_MAX)), "{\"a\":\"xx"),
        (format!("{{}}{{\"a\":\"{}", "x".repeat(3 * STRUCTURE_BYTES_MAX)), "{\"a\":\"xx"),
        (format!("{{}}{}", "[".repeat(STRUCTURE_BYTES_MAX + 100_000)), "[[[["),
        (format!("{{}}{}", "{\"a\":[".repeat(STRUCTURE_BYTES_MAX)), "{\"a\":[{"),
    ] {
        for size in [65536, 8 * STRUCTURE_BYTES_MAX] {
            let (found, _) = split(long.as_bytes(), &[size], 0);
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].0, Object);
            assert_eq!(found[1].0, RecordKind::TooLong);
            assert!(found[1].1.starts_with(begins));
        }
    }
}

/// A JSON value, printed with white space as `spaces` says.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "[ -~\n\t\\\\\"{}\\[\\]]{0,12}".prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c{}\"]{0,3}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn splits_what_serde_json_splits(
        values in prop::collection::vec((json(), any::<bool>(), "[ \n\t\r]{0,3}"), 0..8),
        sizes in prop::collection::vec(1..40usize, 1..20),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (value, pretty, space) in values {
            if !value.is_object() && !value.is_array() {
                continue;
            }
            let printed = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            text.push_str(&printed);
            let kind = if value.is_array() { Array } else { Object };
            let line = text.matches('\n').count() as u64 + 1;
            expected.push((kind, printed, line));
            text.push_str(&space);
        }
        let (found, lines) = split(text.as_bytes(), &sizes, 0);
        prop_assert_eq!(found, expected);
        prop_assert_eq!(lines, text.lines().count() as u64);
    }

    #[test]
    fn chunk_borders_change_nothing(
        text in "[{}\\[\\]\",:\\\\ \na1]{0,60}",
        sizes in prop::collection::vec(1..9usize, 1..20),
    ) {
        prop_assert_eq!(split(text.as_bytes(), &sizes, 0), split(text.as_bytes(), &[1000], 0));
    }
}
