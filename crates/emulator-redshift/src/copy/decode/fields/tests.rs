//! What the fields of a row are; random records, rendered and cut at random borders, read back.

use proptest::prelude::*;

use super::*;
use crate::copy::decode::lines::{LineRules, LineSplitter, RowEnd};

const QUOTE: u8 = b'"';

fn delimiter(text: &str) -> Delimiter {
    Delimiter::new(text).unwrap()
}

fn csv_of(separator: &str, quote: u8) -> FieldFormat {
    FieldFormat::Csv { delimiter: delimiter(separator), quote }
}

fn delimited(escape: bool, remove_quotes: bool) -> FieldFormat {
    delimited_by("|", escape, remove_quotes)
}

fn delimited_by(separator: &str, escape: bool, remove_quotes: bool) -> FieldFormat {
    FieldFormat::Delimited { delimiter: delimiter(separator), escape, remove_quotes }
}

type Texts = Vec<String>;

/// The fields of a row, or why it has none, with the text and the place of it.
fn read(format: FieldFormat, row: &[u8]) -> Result<Texts, (String, usize, &'static str)> {
    let mut scratch = Vec::new();
    let mut found = Vec::new();
    let mut next = Some(0);
    while let Some(start) = next {
        let field = format.read(row, start, &mut scratch).map_err(|bad| {
            (String::from_utf8_lossy(bad.bytes).into_owned(), bad.position, bad.reason)
        })?;
        let special = |byte: &u8| *byte < b' ' || *byte == b'\\';
        assert!(!(field.plain && field.bytes.iter().any(special)), "{format:?} {row:?}");
        found.push(String::from_utf8_lossy(field.bytes).into_owned());
        next = field.next;
    }
    Ok(found)
}

fn check(format: FieldFormat, row: &str, expected: &[&str]) {
    let expected: Texts = expected.iter().map(|text| text.to_string()).collect();
    assert_eq!(read(format, row.as_bytes()), Ok(expected), "{format:?} {row:?}");
}

#[test]
fn csv_fields_may_be_quoted() {
    for (row, expected) in [
        ("a,b c,", &["a", "b c", ""][..]),
        ("", &[""]),
        (",", &["", ""]),
        // "Data format parameters", CSV: the guide's own example.
        (r#""A ""quoted"" word""#, &["A \"quoted\" word"]),
        (r#""a,b","c""#, &["a,b", "c"]),
        ("\"a\nb\r\n\",\"\"", &["a\nb\r\n", ""]),
        // "white space between the delimiters and the quote characters is ignored"
        ("a,  \"b\" \t, c ", &["a", "b", " c "]),
        (" \"\"\"\" ", &["\""]),
        (r"a\,\N", &[r"a\", r"\N"]),
    ] {
        check(csv_of(",", QUOTE), row, expected);
    }
    let percent = csv_of("\t", b'%');
    check(percent, "%a\tb%%%\t \"c\" \t%%", &["a\tb%", " \"c\" ", ""]);
    let backslash = csv_of(",", b'\\');
    check(backslash, r"\a\\b\,c", &[r"a\b", "c"]);
}

#[test]
fn csv_quotes_that_do_not_fit_are_refused_where_they_stand() {
    let reason = "Invalid quote formatting for CSV";
    for (row, text, position) in [
        ("aaaa\"zzzz,1", "aaaa", 4),
        ("\"a\"b,1", "a", 3),
        ("\"a\" \"b\"", "a", 4),
        ("\"a,1", "a,1", 4),
        ("\"", "", 1),
        ("\"a\"\"", "a\"\"", 4),
        ("a\"\"", "a", 1),
    ] {
        let found = read(csv_of(",", QUOTE), row.as_bytes());
        assert_eq!(found, Err((text.to_string(), position, reason)), "{row}");
    }
}

#[test]
fn delimited_fields_are_raw_bytes() {
    for (row, expected) in [
        ("a|b c|", &["a", "b c", ""][..]),
        ("", &[""]),
        ("\"a|b\"|'c'", &["\"a", "b\"", "'c'"]),
        (r"a\|\\|\N", &[r"a\", r"\\", r"\N"]),
        ("\t|\u{1}", &["\t", "\u{1}"]),
    ] {
        check(delimited(false, false), row, expected);
    }
    let control = delimited_by("\u{1}", false, false);
    check(control, "a\u{1}b|\t\u{1}c", &["a", "b|\t", "c"]);
}

#[test]
fn escape_makes_the_next_character_ordinary() {
    // "Data conversion parameters", ESCAPE: the guide's examples.
    for (row, expected) in [
        ("1|The quick brown fox\\\njumped", &["1", "The quick brown fox\njumped"][..]),
        (r"2| A\\B\\C", &["2", r" A\B\C"]),
        (r"3| A \| B \| C", &["3", " A | B | C"]),
        (r"\012|\t|\", &["012", "t", r"\"]),
        (r"\N|\\N", &["N", r"\N"]),
    ] {
        check(delimited(true, false), row, expected);
    }
    check(
        delimited(true, true),
        r"4|'A Midsummer Night\'s Dream'",
        &["4", "A Midsummer Night's Dream"],
    );
    check(delimited(true, true), r"\'a'|'b\|c\'|'", &["'a'", "b|c'|"]);
}

#[test]
fn the_null_string_is_seen_before_it_is_unescaped() {
    let mut scratch = Vec::new();
    let format = delimited(true, false);
    assert!(format.read(br"\N|x", 0, &mut scratch).unwrap().escaped_null);
    assert!(!format.read(br"\\N|x", 0, &mut scratch).unwrap().escaped_null);
    assert!(!delimited(false, false).read(br"\N|x", 0, &mut scratch).unwrap().escaped_null);
}

#[test]
fn removequotes_strips_one_pair() {
    // "Data conversion parameters", REMOVEQUOTES: the guide's table.
    for (row, expected) in [
        (
            "\"The delimiter is a pipe (|) character\"|x",
            &["The delimiter is a pipe (|) character", "x"][..],
        ),
        ("'Black'", &["Black"]),
        ("\"White\"", &["White"]),
        ("Blue'", &["Blue'"]),
        ("''Black''", &["'Black'"]),
        ("''", &[""]),
        ("'it's'|\"a'\"", &["it's", "a'"]),
        (" 'a'|b", &["a", "b"]),
        (" a'|b", &[" a'", "b"]),
    ] {
        check(delimited(false, true), row, expected);
    }
    for row in ["'Blue", "\"Blue", "'", "'a' |b", "\"a'"] {
        let found = read(delimited(false, true), row.as_bytes());
        let expected = (row.to_string(), 0, "Delimited value missing end quote");
        assert_eq!(found, Err(expected), "{row}");
    }
}

/// Renders a field so that it reads back as `text`.
fn render(format: FieldFormat, text: &str, quoted: bool) -> String {
    match format {
        FieldFormat::Csv { delimiter, quote } => {
            let quote = quote as char;
            let special = |c| delimiter.contains(c as u8) || c == quote || "\r\n \t".contains(c);
            if !quoted && !text.contains(special) {
                return text.to_string();
            }
            format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
        }
        FieldFormat::Delimited { escape: true, .. } => {
            let mut rendered = String::new();
            for character in text.chars() {
                if quoted || "\\|~\r\n'\"".contains(character) {
                    rendered.push('\\');
                }
                rendered.push(character);
            }
            rendered
        }
        FieldFormat::Delimited { remove_quotes: true, .. } => {
            // What is quoted may hold delimiters, but not the quote before one.
            format!("'{}'", text.replace(['\'', '\r', '\n'], "_"))
        }
        FieldFormat::Delimited { .. } => text.replace(['|', '~', '\r', '\n'], "_"),
    }
}

fn row_end(format: FieldFormat) -> RowEnd {
    match format {
        FieldFormat::Csv { delimiter, quote } => RowEnd::Unquoted { quote, delimiter },
        FieldFormat::Delimited { escape: true, .. } => RowEnd::Unescaped,
        FieldFormat::Delimited { .. } => RowEnd::Every,
    }
}

/// Reads all rows of a text that comes in chunks of the given sizes.
fn read_all(format: FieldFormat, text: &[u8], sizes: &[usize]) -> Vec<Result<Texts, &'static str>> {
    let rules = LineRules { row_end: row_end(format), skip_blank: false };
    let mut splitter = LineSplitter::new(rules, 0);
    let mut found = Vec::new();
    let mut keep = |bytes: &[u8], records: Vec<crate::copy::decode::split::Record>| {
        for record in records {
            let row = &bytes[record.start..record.end];
            found.push(read(format, row).map_err(|(_, _, reason)| reason));
        }
    };
    let mut rest = text;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let size = (*size).min(rest.len());
        splitter.push(&rest[..size]);
        rest = &rest[size..];
        if let Some((bytes, records)) = splitter.take_group(true) {
            keep(&bytes, records);
        }
    }
    let (bytes, records, _) = splitter.finish();
    keep(&bytes, records);
    found
}

fn formats() -> impl Strategy<Value = FieldFormat> {
    prop_oneof![
        Just(csv_of(",", QUOTE)),
        Just(csv_of("\t", b'\'')),
        Just(csv_of("|~|", QUOTE)),
        Just(csv_of(", ", QUOTE)),
        Just(delimited_by("|~", false, false)),
        Just(delimited_by("~|", true, false)),
        Just(delimited_by("~|~", true, true)),
        Just(delimited(false, false)),
        Just(delimited(true, false)),
        Just(delimited(false, true)),
        Just(delimited(true, true)),
    ]
}

proptest! {
    #[test]
    fn rendered_records_are_read_back(
        format in formats(),
        records in prop::collection::vec(
            prop::collection::vec(("[a\"'|,\\\\\t\r\nü~ ]{0,6}", any::<bool>()), 1..5),
            0..6,
        ),
        sizes in prop::collection::vec(1..20usize, 1..8),
        windows: bool,
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for record in records {
            let rendered: Texts =
                record.iter().map(|(text, quoted)| render(format, text, *quoted)).collect();
            text += &rendered.join(&String::from_utf8_lossy(format.delimiter().bytes()));
            text += if windows { "\r\n" } else { "\n" };
            let plain = delimited(false, false);
            expected.push(Ok(record.iter().map(|(text, quoted)| match format {
                FieldFormat::Delimited { escape: false, remove_quotes: true, .. } => {
                    let rendered = render(format, text, *quoted);
                    rendered[1..rendered.len() - 1].to_string()
                }
                FieldFormat::Delimited { escape: false, .. } => render(plain, text, false),
                _ => text.clone(),
            }).collect::<Texts>()));
        }
        prop_assert_eq!(read_all(format, text.as_bytes(), &sizes), expected, "{:?}", text);
    }

    #[test]
    fn anything_is_read_without_panic_the_same_over_all_borders(
        format in formats(),
        text in "[a\"'|,\\\\\t\r\nü~ ]{0,40}",
        sizes in prop::collection::vec(1..9usize, 1..8),
    ) {
        let whole = read_all(format, text.as_bytes(), &[1000]);
        prop_assert_eq!(read_all(format, text.as_bytes(), &sizes), whole);
    }
}
