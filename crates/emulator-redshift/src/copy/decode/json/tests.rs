//! Values of columns are those that serde_json reads, and what it refuses is refused.

use proptest::prelude::*;

use super::*;

const COLUMNS: [&str; 4] = ["a", "b", "name", "ü"];

fn read(text: &[u8], ignore_case: bool) -> Result<Vec<(ValueKind, String)>, usize> {
    let names = MemberNames::new(COLUMNS.into_iter(), ignore_case);
    let mut reader = ObjectReader::new(&names);
    let mut values = [ValueRange::MISSING; COLUMNS.len()];
    // Twice: the second time the order of the names is known.
    let first = reader.read(text, &mut values);
    let values_first = values;
    assert_eq!(reader.read(text, &mut values), first);
    if let Err(NotJson(at)) = first {
        return Err(at);
    }
    assert_eq!(values, values_first);
    let shown = |value: &ValueRange| {
        (value.kind, String::from_utf8_lossy(&text[value.start..value.end]).into_owned())
    };
    Ok(values.iter().map(shown).collect())
}

const PLAIN: ValueKind = ValueKind::String { escaped: false };
const ESCAPED: ValueKind = ValueKind::String { escaped: true };

fn check(text: &str, expected: &[(usize, ValueKind, &str)]) {
    check_case(text, false, expected);
}

fn check_case(text: &str, ignore_case: bool, expected: &[(usize, ValueKind, &str)]) {
    let mut rows = vec![(ValueKind::Missing, String::new()); COLUMNS.len()];
    for (column, kind, text) in expected {
        rows[*column] = (*kind, text.to_string());
    }
    assert_eq!(read(text.as_bytes(), ignore_case), Ok(rows), "{text}");
}

#[test]
fn members_find_their_columns() {
    check("{}", &[]);
    check("{ }", &[]);
    check(
        r#"{"b": "x y", "x": {"a": 1}, "a" :-1.5e3,"name":null}"#,
        &[(0, ValueKind::Literal, "-1.5e3"), (1, PLAIN, "x y"), (2, ValueKind::Null, "null")],
    );
    check(
        "{\"a\":true,\"b\":{\"x\" : [ 1 ]},\"name\":[\n],\"ü\":\"é\"}",
        &[
            (0, ValueKind::Literal, "true"),
            (1, ValueKind::Nested, "{\"x\" : [ 1 ]}"),
            (2, ValueKind::Nested, "[\n]"),
            (3, PLAIN, "é"),
        ],
    );
    check(r#"{"\u0061":"\n"}"#, &[(0, ESCAPED, r"\n")]);
}

#[test]
fn the_last_of_equal_names_wins() {
    // [?] §8: undocumented.
    check(r#"{"a":1,"a":2}"#, &[(0, ValueKind::Literal, "2")]);
    check(
        r#"{"a":1,"b":2,"a":null}"#,
        &[(0, ValueKind::Null, "null"), (1, ValueKind::Literal, "2")],
    );
}

#[test]
fn case_counts_unless_the_statement_says_ignorecase() {
    check(r#"{"A":1,"Name":2}"#, &[]);
    check_case(
        r#"{"A":1,"NaMe":2,"Ü":3}"#,
        true,
        &[(0, ValueKind::Literal, "1"), (2, ValueKind::Literal, "2"), (3, ValueKind::Literal, "3")],
    );
}

#[test]
fn what_is_not_json_is_refused_where_it_stops() {
    for (text, at) in [
        ("{\"a\":1]", 6),
        ("{\"a\" 1}", 5),
        ("{a:1}", 1),
        ("{\"a\":1,}", 7),
        ("{\"a\":}", 5),
        ("{\"a\":tru}", 5),
        ("{\"a\":01}", 6),
        ("{\"a\":1.}", 7),
        ("{\"a\":-}", 6),
        ("{\"a\":1e}", 7),
        ("{\"a\":+1}", 5),
        ("{\"a\":NaN}", 5),
        ("{\"a\":'x'}", 5),
        ("{\"a\":\"\\x\"}", 6),
        ("{\"a\":\"\\u12g4\"}", 6),
        ("{\"a\":\"\t\"}", 6),
        ("{\"a\":[1,]}", 8),
        ("{\"a\":[1}}", 7),
        ("{\"a\":{\"b\"}}", 9),
        ("{\"a\":{\"b\":1,}}", 12),
        ("{\"a\":{,}}", 6),
        ("{\"a\":[1 2]}", 8),
        ("{\"a\":1}}", 7),
        ("{", 1),
        ("", 0),
    ] {
        assert_eq!(read(text.as_bytes(), false), Err(at), "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = 1_000_000;
    let text = format!("{{\"a\":{}{}}}", "[".repeat(deep), "]".repeat(deep));
    assert!(read(text.as_bytes(), false).is_ok());
    let text = format!("{{\"a\":{}", "{\"a\":".repeat(deep));
    assert!(read(text.as_bytes(), false).is_err());
}

#[test]
fn strings_are_decoded() {
    for (raw, decoded) in [
        (r#"a\"\\\/\b\f\n\r\t"#, &b"a\"\\/\x08\x0c\n\r\t"[..]),
        (r"\u00fc\u20AC", "ü€".as_bytes()),
        (r"\ud834\udd1e!", "𝄞!".as_bytes()),
        (r"\u0000", b"\0"),
        // Half a pair has no UTF-8: §10 "error 5".
        (r"\ud834x", b"\xed\xa0\xb4x"),
        (r"\udd1e", b"\xed\xb4\x9e"),
        (r"\ud834\ud834\udd1e", b"\xed\xa0\xb4\xf0\x9d\x84\x9e"),
        (r"\ud834\n", b"\xed\xa0\xb4\n"),
    ] {
        let mut found = Vec::new();
        decode_string(raw.as_bytes(), &mut found);
        assert_eq!(found, decoded, "{raw}");
    }
}

/// Mostly JSON: an object that was printed, then damaged in a few places.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just("null".to_string()),
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
        "\"([ a-z]|\\\\n|\\\\u[0-9a-f]{4})*\"",
        "\\[([0-9],?){0,3}\\]",
        "\\{(\"[a-c]\": ?[0-9],?){0,2}\\}",
    ];
    let member =
        ("\"(a|b|name|x|\\\\u0061)\"", value).prop_map(|(name, value)| format!("{name} :{value}"));
    (
        prop::collection::vec(member, 0..6),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
    )
        .prop_map(|(members, damages)| {
            let mut text = format!("{{{}}}", members.join(", ")).into_bytes();
            for (index, byte) in damages {
                let index = index.index(text.len());
                text[index] = byte;
            }
            text
        })
}

#[test]
fn nested_values_lose_their_line_breaks_and_indentation_only() {
    for (raw, expected) in [
        ("[\n  \"a b\",\n  1\n]", "[\"a b\",1]"),
        ("{\r\n\t\"id\": 1,\r\n\r\n \"n\":  [ 2 ]\r\n}", "{\"id\": 1,\"n\":  [ 2 ]}"),
        ("{ \"a\": \"x\\n  y\" }", "{ \"a\": \"x\\n  y\" }"),
        ("[1, \n2]", "[1, 2]"),
    ] {
        let mut joined = b"old".to_vec();
        join_lines(raw.as_bytes(), &mut joined);
        assert_eq!(String::from_utf8(joined).unwrap(), expected, "{raw:?}");
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in damaged()) {
        let found = read(&text, false);
        // Surrogates and UTF-8 are the column's matter here; serde_json judges them at once.
        let Ok(valid) = std::str::from_utf8(&text) else { return Ok(()) };
        let expected: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_str(valid);
        let Ok(map) = expected else {
            prop_assert!(found.is_err() || valid.contains("\\u"), "{}", valid);
            return Ok(());
        };
        let found = match found {
            Ok(found) => found,
            Err(at) => return Err(TestCaseError::fail(format!("{valid} refused at {at}"))),
        };
        for (column, (kind, text)) in COLUMNS.iter().zip(found) {
            match map.get(*column) {
                None => prop_assert_eq!(kind, ValueKind::Missing),
                Some(serde_json::Value::String(string)) => {
                    let mut decoded = Vec::new();
                    decode_string(text.as_bytes(), &mut decoded);
                    prop_assert_eq!(String::from_utf8(decoded).unwrap(), string.as_str());
                }
                Some(value) => {
                    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(&read, value);
                }
            }
        }
    }
}
