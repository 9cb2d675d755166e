//! FIXEDWIDTH: what is loaded, and what is rejected.

use super::*;

const TYPES: &[&str] = &["integer", "character varying(5)", "character(2)"];

async fn check(options: &str, text: impl AsRef<[u8]>, expected: &str) {
    let options = format!("FIXEDWIDTH 'a:3, b:5,c:2' {options}");
    let loaded = load_text(TYPES, &options, text.as_ref()).await;
    if let Err(failure) = &loaded.outcome {
        panic!("{options}: {failure:?}");
    }
    assert_eq!(loaded.rows, expected, "{options}");
}

#[tokio::test]
async fn fields_have_so_many_characters() {
    // "Data format parameters", FIXEDWIDTH; "Data conversion parameters", ENCODING.
    check("", "  1abcdeXY\n22 a   bZ \r\n", "1\tabcde\tXY\n22\ta   b\tZ \n").await;
    check("", "1  \u{fc}\u{fc}a  XY\n", "1\t\u{fc}\u{fc}a\tXY\n").await;
    check("", "1  |\\t\"|\\N", "1\t|\\\\t\"|\t\\N\n").await;
    // A short last field is tolerated.
    check("", "1  abcdeX\n", "1\tabcde\tX\n").await;
    check("IGNOREHEADER 1 IGNOREBLANKLINES TRIMBLANKS", "head\n\n1  a    XY\n", "1\ta\tXY\n").await;
    check("", "1  abcdeXY   \n", "1\tabcde\tXY\n").await;
}

#[tokio::test]
async fn blank_fields_are_null_where_they_cannot_be_text() {
    check("", "             \n", "\\N\t     \t  \n").await;
    check("BLANKSASNULL", "             \n", "\\N\t\\N\t\\N\n").await;
    check("NULL AS 'none'", "1  none XY\n2  nonesXY\n", "1\t\\N\tXY\n2\tnones\tXY\n").await;
    check("", "\\N \\N     \n", "\\N\t\\N\t  \n").await;
    check("NULL AS '\\0'", "1  \0    XY\n".replace("\0    ", "abcde"), "1\tabcde\tXY\n").await;
}

#[tokio::test]
async fn rows_that_are_too_short_or_too_long_are_rejected() {
    let options = "FIXEDWIDTH 'a:3,b:5,c:2' MAXERROR 9";
    let text = "1  abc\n1  abcdeXYZ\n\nx  abcdeXY\n1  a\0bcdXY\n1  \u{fc}abcdXYZ\n";
    let loaded = load_text(TYPES, options, text.as_bytes()).await;
    assert_eq!(
        loaded.rejects(),
        [
            "f:1 c 1203 Missing data for fixed width column",
            "f:2  1202 Extra column(s) found",
            "f:3  1211 Input line contained no data",
            "f:4 a 1207 Invalid digit, Value 'x', Pos 0, Type: Integer",
            "f:5  1216 Missing newline: Unexpected character 0x61 found at location 3",
            "f:6 b 1204 String length exceeds DDL length",
        ]
    );
    // As the guide's tutorial shows it: -1 in the first field.
    let positions: Vec<i32> =
        loaded.report().rejects.iter().map(|reject| reject.position).collect();
    assert_eq!(positions, [7, 10, 0, -1, 0, 2]);
    check("FILLRECORD", "1  \n2  ab\n", "1\t\t\\N\n2\tab\t\\N\n").await;
}

#[tokio::test]
async fn the_specification_must_fit() {
    for (options, message) in [
        ("FIXEDWIDTH 'a:3'", "FIXEDWIDTH has 1 widths, but 3 columns are loaded"),
        ("FIXEDWIDTH 'a'", "FIXEDWIDTH needs 'label:width, ...', not 'a'"),
        ("FIXEDWIDTH 'a:1,b:1,c:1' ENCODING UTF16", "FIXEDWIDTH needs files in UTF8"),
    ] {
        assert_eq!(load_text(TYPES, options, b"").await.failure().message("t"), message);
    }
    let loaded = load_text(TYPES, "(b) FIXEDWIDTH '1:2'", b"xy\n").await;
    assert_eq!(loaded.rows, "xy\n");
}
