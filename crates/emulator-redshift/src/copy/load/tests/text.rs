//! CSV and delimited text: what is loaded, what is NULL, and what is rejected.

use super::*;

const PAIR: &[&str] = &["integer", "character varying(20)"];

async fn check_into(types: &[&str], options: &str, text: impl AsRef<[u8]>, expected: &str) {
    let loaded = load_text(types, options, text.as_ref()).await;
    if let Err(failure) = &loaded.outcome {
        panic!("{options}: {failure:?}");
    }
    assert_eq!(loaded.rows, expected, "{options}");
}

/// Checks the rows that a file gives in a table `(a integer, b varchar(20))`.
async fn check(options: &str, text: impl AsRef<[u8]>, expected: &str) {
    check_into(PAIR, options, text, expected).await;
}

/// Checks the errors of a file: line, column, code and reason of each.
async fn check_errors(options: &str, text: impl AsRef<[u8]>, expected: &[&str]) {
    let loaded = load_text(PAIR, &format!("{options} MAXERROR 100"), text.as_ref()).await;
    let rejects = loaded.rejects();
    let rejects: Vec<&str> =
        rejects.iter().filter_map(|reject| reject.strip_prefix("f:")).collect();
    assert_eq!(rejects, expected, "{options}");
}

#[tokio::test]
async fn csv_is_read_as_the_guide_says() {
    // "Data format parameters", CSV.
    check("CSV", "1,a\n2,\"b,\"\"c\"\"\nd\"\r\n3,\"\"", "1\ta\n2\tb,\"c\"\\nd\n3\t\n").await;
    check("CSV", "1, \"a\" \n \"2\" ,\\b\n", "1\ta\n2\t\\\\b\n").await;
    check("FORMAT AS CSV QUOTE AS '%'", "1,%a,%%\"%\n", "1\ta,%\"\n").await;
    check("CSV DELIMITER '\\t'", "1\t\"a\tb\"\n", "1\ta\\tb\n").await;
    check("DELIMITER AS '\\001' CSV", "1\u{1}a,\n", "1\ta,\n").await;
    check("CSV IGNOREHEADER 1", "a,b\n1,x\n", "1\tx\n").await;
    check("CSV IGNOREBLANKLINES", "\n1,x\n\r\n\n2,y\n", "1\tx\n2\ty\n").await;
    check("(b, a) CSV", "x,1\n", "x\t1\n").await;
    check("(b) CSV", "x\n", "x\n").await;
}

#[tokio::test]
async fn csv_quotes_that_do_not_fit_cost_their_row() {
    let reason = "1214 Invalid quote formatting for CSV";
    check_errors(
        "CSV",
        "1,a\"b\n2,x\n3,\"x\"y\n",
        &[&format!("1 b {reason}"), &format!("3 b {reason}")],
    )
    .await;
    check_errors("CSV", "1,x\n2,\"y\n3,z\n", &[&format!("2 b {reason}")]).await;
    let loaded = load_text(PAIR, "CSV", b"1,aaaa\"zzzz\n").await;
    let reject = &loaded.failure().rejects()[0];
    assert_eq!((reject.raw_field_value.as_str(), reject.position), ("aaaa", 4));
    assert_eq!(
        (reject.raw_line.as_str(), reject.column_type.as_str()),
        ("1,aaaa\"zzzz", "varchar")
    );
}

#[tokio::test]
async fn delimited_text_is_the_default() {
    // "Data format parameters", DELIMITER; "Preparing your input data": the last field may be
    // followed by a delimiter.
    check("", "1|a\n2|b|\n3|\"c\"", "1\ta\n2\tb\n3\t\"c\"\n").await;
    check("DELIMITER ','", "1,a|b\n", "1\ta|b\n").await;
    check("DELIMITER '\\t'", "1\ta\r\n2\tb\r\n", "1\ta\n2\tb\n").await;
    check("", "1|a\\b\n2|x\ry\n", "1\ta\\\\b\n2\tx\\ry\n").await;
    check("IGNOREHEADER 1 IGNOREBLANKLINES", "a|b\n\n1|x\n\n", "1\tx\n").await;
    check_into(&["character varying(9)"], "", "x\n\ny|\n", "x\n\ny\n").await;
}

#[tokio::test]
async fn escape_and_removequotes_are_as_in_the_guide() {
    // "Data conversion parameters", ESCAPE, REMOVEQUOTES.
    check("ESCAPE", "1|A\\|B\\\\C\\\nD\n2|\\012\n", "1\tA|B\\\\C\\nD\n2\t012\n").await;
    check("ESCAPE", "1|\\N\n2|\\\\N\n", "1\t\\N\n2\t\\N\n").await;
    check("ESCAPE NULL AS 'x'", "1|\\N\n2|x\n", "1\tN\n2\t\\N\n").await;
    check(
        "REMOVEQUOTES",
        "'1'|\"a|b\"\n2|Blue'\n3|''B''\n4|''\n",
        "1\ta|b\n2\tBlue'\n3\t'B'\n4\t\n",
    )
    .await;
    check("ESCAPE REMOVEQUOTES", "4|'A Night\\'s Dream'\n", "4\tA Night's Dream\n").await;
    let reason = "1 b 1214 Delimited value missing end quote";
    check_errors("REMOVEQUOTES", "1|'Blue\n2|x\n", &[reason]).await;
}

#[tokio::test]
async fn nulls_depend_on_type_and_options() {
    // "Data conversion parameters", NULL AS, EMPTYASNULL, BLANKSASNULL.
    for (options, separator) in [("", "|"), ("CSV", ",")] {
        for (option, text, expected) in [
            ("", "1,\\N\n\\N,x\n", "1\t\\N\n\\N\tx\n"),
            ("", ",\n  , \n", "\\N\t\n\\N\t \n"),
            ("EMPTYASNULL", "1,\n2, \n", "1\t\\N\n2\t \n"),
            ("NULL AS ''", "1,\n,x\n2, \n", "1\t\\N\n\\N\tx\n2\t \n"),
            ("BLANKSASNULL", "1,\n2, \t\n", "1\t\n2\t\\N\n"),
            ("BLANKSASNULL EMPTYASNULL", "1,\n2,  \n", "1\t\\N\n2\t\\N\n"),
            ("NULL AS 'none'", "1,none\nnone,\\N\n2,nones\n", "1\t\\N\n\\N\t\\\\N\n2\tnones\n"),
            ("NULL AS '\\000'", "1,\0\n\0,x\n", "1\t\\N\n\\N\tx\n"),
            ("TRIMBLANKS", "1,x  \n2,  \n", "1\tx\n2\t\n"),
        ] {
            let text = text.replace(',', separator);
            check(&format!("{options} {option}"), text, expected).await;
        }
    }
    // An empty quoted field is an empty field too. [?] §6
    check("CSV EMPTYASNULL", "1,\"\"\n\"\",x\n", "1\t\\N\n\\N\tx\n").await;
    let loaded = load_text(&["integer!", "integer"], "MAXERROR 9", b"|1\n\\N|1\n").await;
    let reason = "a 1213 Missing data for not-null field";
    assert_eq!(loaded.rejects(), [format!("f:1 {reason}"), format!("f:2 {reason}")]);
}

#[tokio::test]
async fn nul_ends_a_record_unless_it_is_null() {
    // The guide's tutorial, "Load the PART table using NULL AS"; §13.3.
    let reason = "1216 Missing newline: Unexpected character 0x2c found at location 11";
    check_errors("CSV", b"15,NUL next,\0,x\n2,y\n", &[&format!("1  {reason}")]).await;
    let loaded = load_text(PAIR, "CSV", b"15,NUL next,\0,x\n").await;
    let reject = &loaded.failure().rejects()[0];
    assert_eq!((reject.raw_line.as_str(), reject.position), ("15,NUL next,", 0));
    let lzop = b"\x89LZO\0\r\n\x1a\n";
    let reason = "1  1216 Missing newline: Unexpected character 0x4f found at location 3";
    let loaded = load_text(PAIR, "", lzop).await;
    assert_eq!(loaded.rejects(), [format!("f:{reason}")]);
    assert_eq!(loaded.failure().rejects()[0].raw_line, ".LZO");
    let reason = "1 b 1218 Invalid null byte - field longer than 1 byte";
    check_errors("NULL AS '\\0'", b"1|a\0\n2|\0\n", &[reason]).await;
}

#[tokio::test]
async fn rows_must_have_a_field_for_each_column() {
    // "Load error reference": 1202, 1211, 1214.
    check_errors(
        "",
        "1\n1|a|b\n1|a||\n\n1|ok|\n",
        &[
            "1 a 1214 Delimiter not found",
            "2  1202 Extra column(s) found",
            "3  1202 Extra column(s) found",
            "4  1211 Input line contained no data",
        ],
    )
    .await;
    check_errors(
        "CSV",
        "1\n1,a,\n1,a,b\n",
        &[
            "1 a 1214 Delimiter not found",
            "2  1202 Extra column(s) found",
            "3  1202 Extra column(s) found",
        ],
    )
    .await;
    let loaded = load_text(PAIR, "CSV", b"x|1\n").await;
    let reject = &loaded.failure().rejects()[0];
    assert_eq!((reject.raw_field_value.as_str(), reject.position), ("x|1", 3));
}

#[tokio::test]
async fn fillrecord_fills_what_is_missing_at_the_end() {
    // "Data conversion parameters", FILLRECORD.
    let types = ["integer", "character varying(9)", "character(3)", "integer"];
    check_into(
        &types,
        "FILLRECORD",
        "1\n2|x\n3|x|y|4\n\n",
        "1\t\t\\N\t\\N\n2\tx\t\\N\t\\N\n3\tx\ty\t4\n\\N\t\t\\N\t\\N\n",
    )
    .await;
    check_into(&types, "CSV FILLRECORD EMPTYASNULL", "1\n", "1\t\\N\t\\N\t\\N\n").await;
    let loaded = load_text(&["integer", "integer!"], "FILLRECORD", b"1\n").await;
    assert_eq!(loaded.rejects(), ["f:1 b 1213 Missing data for not-null field"]);
}

#[tokio::test]
async fn one_bad_row_is_one_error() {
    // "Data load operations", MAXERROR.
    let text = "x|y|z\nx|12345678901234567890123\n1|good\n";
    check_errors(
        "",
        text,
        &[
            "1 a 1207 Invalid digit, Value 'x', Pos 0, Type: Integer",
            "2 a 1207 Invalid digit, Value 'x', Pos 0, Type: Integer",
        ],
    )
    .await;
    for (options, loads) in [("MAXERROR 2", false), ("MAXERROR 3", true), ("IGNOREALLERRORS", true)]
    {
        let loaded = load_text(PAIR, options, text.as_bytes()).await;
        assert_eq!(loaded.outcome.is_ok(), loads, "{options}");
    }
}

#[tokio::test]
async fn the_line_of_an_error_is_where_its_row_begins() {
    let text = "h\n\n1,\"a\nb\"\nx,\"c\nd\"\n2,y\n";
    let reason = "a 1207 Invalid digit, Value 'x', Pos 0, Type: Integer";
    check_errors("CSV IGNOREHEADER 1 IGNOREBLANKLINES", text, &[&format!("5 {reason}")]).await;
    check_errors("ESCAPE IGNOREHEADER 2", "h\n\n1|a\\\nb\nx|\n", &[&format!("5 {reason}")]).await;
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_rejected_or_replaced() {
    // "Multibyte character load errors", ACCEPTINVCHARS.
    let text = b"1|\xc3\xbc\n2|a\xa4\n3|\xe0\xa1\xc7\n";
    let reason = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence:";
    let expected = [
        format!("2 b 1220 {reason} a4 (error 3)"),
        format!("3 b 1220 {reason} e0 a1 c7 (error 4)"),
    ];
    check_errors("", text, &[&expected[0], &expected[1]]).await;
    check("ACCEPTINVCHARS AS '^'", text, "1\t\u{fc}\n2\ta^\n3\t^^^\n").await;
    // Only VARCHAR takes it.
    let loaded = load_text(&["character(5)"], "ACCEPTINVCHARS", b"\xa4\n").await;
    assert_eq!(loaded.failure().rejects()[0].err_code, 1220);
}

#[tokio::test]
async fn a_row_of_more_than_4_mb_fails_the_load_whatever_maxerror_is() {
    let reason = "Row exceeds the maximum size of 4194304 bytes";
    let long = format!("1|{}", "x".repeat(5 << 20));
    // Pipes count twice.
    let pipes = format!("1|{}", "|".repeat(3 << 20));
    for (line, text) in [(2, format!("1|a\n{long}\n2|b\n")), (1, long), (1, pipes)] {
        let loaded = load_text(PAIR, "IGNOREALLERRORS", text.as_bytes()).await;
        assert_eq!(loaded.rejects(), [format!("f:{line}  1216 {reason}")]);
        assert_eq!(loaded.failure().rejects()[0].raw_line.len(), 1024);
    }
    let wide = format!("1|{}\n", "x".repeat(3 << 20));
    check("TRUNCATECOLUMNS", wide, &format!("1\t{}\n", "x".repeat(20))).await;
}

#[tokio::test]
async fn characters_that_cannot_work_are_refused() {
    for (options, message) in [
        ("DELIMITER '\\n'", "DELIMITER cannot have a newline or carriage return"),
        ("DELIMITER '|\\r'", "DELIMITER cannot have a newline or carriage return"),
        ("DELIMITER 'seventeen bytes !'", "DELIMITER must have from 1 to 16 bytes"),
        ("CSV QUOTE '\\r'", "QUOTE cannot be a newline or carriage return"),
        ("CSV QUOTE ','", "DELIMITER and QUOTE must be different"),
        ("CSV DELIMITER '\"'", "DELIMITER and QUOTE must be different"),
        ("CSV DELIMITER '|\"'", "DELIMITER and QUOTE must be different"),
        ("ESCAPE DELIMITER '\\\\'", "DELIMITER cannot have a backslash with ESCAPE"),
        ("NULL AS 'a\\n'", "NULL AS cannot contain a newline: it ends a row"),
    ] {
        let loaded = load_text(PAIR, options, b"").await;
        assert_eq!(loaded.failure().message("t"), message, "{options}");
    }
}

#[tokio::test]
async fn utf16_is_converted_and_another_encoding_is_an_error() {
    // "Data conversion parameters", ENCODING.
    let encode = |text: &str, big: bool| -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    };
    let (little, big) = (encode("\u{feff}1|\u{fc}\n", false), encode("\u{feff}1|\u{fc}\n", true));
    check("ENCODING UTF16", &little, "1\t\u{fc}\n").await;
    check("ENCODING AS UTF16", &big, "1\t\u{fc}\n").await;
    check("ENCODING UTF16LE", &little[2..], "1\t\u{fc}\n").await;
    check("ENCODING UTF16BE", &big, "1\t\u{fc}\n").await;
    let csv = encode("\u{feff}1,\"\u{1d11e}\n\"\r\n", false);
    check("CSV ENCODING UTF16", csv, "1\t\u{1d11e}\\n\n").await;
    let reason = "1  1221 The encoding of the file is not that of the COPY command";
    check_errors("ENCODING UTF16", &little[2..], &[reason]).await;
    check_errors("ENCODING UTF16LE", &big, &[reason]).await;
    check_errors("", &little, &[reason]).await;
    // Half a pair.
    let half = [b'1', 0, b'|', 0, 0x34, 0xD8, b'\n', 0];
    let reason = "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence:";
    check_errors("ENCODING UTF16LE", half, &[&format!("1 b 1220 {reason} ed a0 b4 (error 5)")])
        .await;
    check("ENCODING UTF16LE ACCEPTINVCHARS", half, "1\t???\n").await;
}
