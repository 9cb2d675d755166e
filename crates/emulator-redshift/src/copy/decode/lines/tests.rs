//! Where rows end, on which line, and that chunk borders change nothing.

use proptest::prelude::*;

use super::*;

fn csv(separator: &str, quote: u8) -> RowEnd {
    RowEnd::Unquoted { quote, delimiter: Delimiter::new(separator).unwrap() }
}

type Found = Vec<(String, u64)>;

/// Splits text that comes in chunks of the given sizes (the last size repeats).
fn split(rules: LineRules, text: &[u8], sizes: &[usize], header_rows: u64) -> (Found, u64) {
    let mut splitter = LineSplitter::new(rules, header_rows);
    let mut found = Vec::new();
    let mut keep = |bytes: &[u8], records: Vec<Record>| {
        for record in records {
            let text = String::from_utf8_lossy(&bytes[record.start..record.end]).into_owned();
            found.push((text, record.line));
        }
    };
    let mut rest = text;
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(sizes[sizes.len() - 1]));
    while !rest.is_empty() {
        let size = sizes.next().expect("sizes repeat").clamp(1, rest.len());
        assert!(splitter.push(&rest[..size]), "no row here is too long");
        rest = &rest[size..];
        if let Some((bytes, records)) = splitter.take_group(true) {
            keep(&bytes, records);
        }
    }
    let (bytes, records, lines) = splitter.finish();
    keep(&bytes, records);
    (found, lines)
}

fn check_rules(rules: LineRules, text: &str, expected: &[(&str, u64)]) {
    let expected: Found = expected.iter().map(|(text, line)| (text.to_string(), *line)).collect();
    for size in [1, 2, 3, 1000] {
        let found = split(rules, text.as_bytes(), &[size], 0).0;
        assert_eq!(found, expected, "{rules:?} {text:?} in chunks of {size}");
    }
}

fn check(row_end: RowEnd, text: &str, expected: &[(&str, u64)]) {
    check_rules(LineRules { row_end, skip_blank: false }, text, expected);
}

#[test]
fn line_breaks_end_rows_with_or_without_carriage_return() {
    for row_end in [RowEnd::Every, RowEnd::Unescaped, csv(",", b'"')] {
        check(row_end, "", &[]);
        check(row_end, "a", &[("a", 1)]);
        check(row_end, "a\r\n\nb\rc\n", &[("a", 1), ("", 2), ("b\rc", 3)]);
        check(row_end, "\n", &[("", 1)]);
        check(row_end, "a\r", &[("a", 1)]);
    }
}

#[test]
fn escaped_line_breaks_are_text() {
    check(RowEnd::Unescaped, "a\\\nb\nc\n", &[("a\\\nb", 1), ("c", 3)]);
    check(RowEnd::Unescaped, "a\\\\\nb", &[("a\\\\", 1), ("b", 2)]);
    // ESCAPE: "you might need to use two escape characters: one for the carriage return and one
    // for the line feed".
    check(RowEnd::Unescaped, "a\\\r\\\nb\r\nc", &[("a\\\r\\\nb", 1), ("c", 3)]);
    check(RowEnd::Unescaped, "a\\\r\nb", &[("a\\\r", 1), ("b", 2)]);
    check(RowEnd::Unescaped, "a\\", &[("a\\", 1)]);
    check(RowEnd::Every, "a\\\nb", &[("a\\", 1), ("b", 2)]);
}

#[test]
fn quoted_line_breaks_are_text() {
    check(csv(",", b'"'), "\"a\nb\"\nc\n", &[("\"a\nb\"", 1), ("c", 3)]);
    check(csv(",", b'"'), "x, \"a\r\n\"\"\n\" ,y\r\nz", &[("x, \"a\r\n\"\"\n\" ,y", 1), ("z", 4)]);
    check(csv(",", b'"'), "\"\"\n\"\"\"\n\"\n", &[("\"\"", 1), ("\"\"\"\n\"", 2)]);
    // One that is not closed takes the rest of the file.
    check(csv(",", b'"'), "a\n\"b\nc\n", &[("a", 1), ("\"b\nc\n", 2)]);
    check(RowEnd::Every, "\"a\nb\"", &[("\"a", 1), ("b\"", 2)]);
}

#[test]
fn a_stray_quote_costs_only_its_own_row() {
    check(csv(",", b'"'), "a\"b\nc\n", &[("a\"b", 1), ("c", 2)]);
    check(csv(",", b'"'), "\"a\"b\"\nc\n", &[("\"a\"b\"", 1), ("c", 2)]);
    check(csv(",", b'"'), "\"a\" \"b\nc\n", &[("\"a\" \"b", 1), ("c", 2)]);
}

#[test]
fn white_space_before_a_quote_opens_unless_it_is_the_delimiter() {
    let tabs = csv("\t", b'\'');
    check(tabs, "a\t '\n'\nb", &[("a\t '\n'", 1), ("b", 3)]);
    check(tabs, "\"\nb", &[("\"", 1), ("b", 2)]);
    check(tabs, "a '\nb", &[("a '", 1), ("b", 2)]);
}

#[test]
fn blank_lines_can_be_skipped_but_are_counted() {
    let rules = LineRules { row_end: RowEnd::Every, skip_blank: true };
    check_rules(rules, "\n\r\na\n\n \nb", &[("a", 3), (" ", 5), ("b", 6)]);
}

#[test]
fn header_rows_are_skipped_but_counted() {
    let rules = LineRules { row_end: csv(",", b'"'), skip_blank: false };
    for size in [1, 4, 100] {
        let (found, lines) = split(rules, b"\"h\n1\"\n\na\nb", &[size], 2);
        assert_eq!(found, [("a".to_string(), 4), ("b".to_string(), 5)]);
        assert_eq!(lines, 5);
        assert_eq!(split(rules, b"a\nb", &[size], 5), (Vec::new(), 2));
    }
}

#[test]
fn lines_are_counted_with_or_without_a_last_line_break() {
    for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("\n\n", 2), ("\"a\nb", 2)] {
        let rules = LineRules { row_end: csv(",", b'"'), skip_blank: false };
        assert_eq!(split(rules, text.as_bytes(), &[3], 0).1, lines, "{text:?}");
    }
}

#[test]
fn a_row_of_more_than_4_mb_ends_the_file() {
    let row = |bytes: usize| "x".repeat(bytes);
    for (text, kinds) in [
        (row(ROW_BYTES_MAX) + "\na\n", vec![RecordKind::Row, RecordKind::Row]),
        (format!("a\n{}\nb\n", row(ROW_BYTES_MAX + 1)), vec![RecordKind::Row, RecordKind::TooLong]),
        (format!("a\n\"{}", "\n".repeat(9_000_000)), vec![RecordKind::Row, RecordKind::TooLong]),
    ] {
        for size in [65_536, 20_000_000] {
            let mut splitter =
                LineSplitter::new(LineRules { row_end: csv(",", b'"'), skip_blank: false }, 0);
            let mut found = Vec::new();
            let mut goes_on = true;
            for chunk in text.as_bytes().chunks(size) {
                goes_on = splitter.push(chunk);
                assert!(splitter.buffer.len() <= ROW_BYTES_MAX + GROUP_BYTES + size);
                found.extend(splitter.take_group(!goes_on).into_iter().flat_map(|group| group.1));
                if !goes_on {
                    break;
                }
            }
            if goes_on {
                found.extend(splitter.finish().1);
            }
            assert_eq!(found.iter().map(|record| record.kind).collect::<Vec<_>>(), kinds);
        }
    }
}

proptest! {
    #[test]
    fn chunk_borders_change_nothing(
        text in "[\",\\\\ \r\na|]{0,60}",
        sizes in prop::collection::vec(1..9usize, 1..20),
        skip_blank: bool,
    ) {
        for row_end in [RowEnd::Every, RowEnd::Unescaped, csv(",", b'"')] {
            let rules = LineRules { row_end, skip_blank };
            prop_assert_eq!(
                split(rules, text.as_bytes(), &sizes, 1),
                split(rules, text.as_bytes(), &[1000], 1)
            );
        }
    }
}
