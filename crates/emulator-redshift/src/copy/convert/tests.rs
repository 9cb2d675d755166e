//! The conversion rules, type by type. Doubtful rules name their section of our notes.

mod other_types;
mod properties;
mod temporal;

use super::*;
use crate::copy::statement::parse;

/// The rules of a COPY with these options.
fn rules(options: &str) -> Rules {
    let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default JSON {options}");
    Rules::new(&parse(&sql).expect(options).options).expect(options)
}

fn field(bytes: &[u8]) -> FieldText<'_> {
    FieldText { bytes, utf8: std::str::from_utf8(bytes).is_ok(), plain: false }
}

/// Converts one field into a nullable column of this type, as PostgreSQL writes it.
fn convert(options: &str, column: &str, text: &[u8]) -> Result<String, (i32, String, usize)> {
    let mut out = Vec::new();
    rules(options)
        .convert(Some(field(text)), &ColumnType::from_postgres(column), false, &mut out)
        .map(|_| String::from_utf8(out).expect("what is written is UTF-8"))
        .map_err(|error| (error.code, error.reason, error.position))
}

fn check(column: &str, text: &str, expected: &str) {
    check_with("", column, text, expected);
}

fn check_with(options: &str, column: &str, text: &str, expected: &str) {
    let found = convert(options, column, text.as_bytes());
    assert_eq!(found.as_deref(), Ok(expected), "{column} {options}: {text:?}");
}

fn check_error(column: &str, text: &[u8], code: i32, reason: &str, position: usize) {
    let found = convert("", column, text);
    assert_eq!(found, Err((code, reason.to_string(), position)), "{column}: {text:?}");
}

#[test]
fn integers_are_a_sign_and_digits() {
    for (column, text, expected) in [
        ("integer", "42", "42"),
        ("integer", "-42", "-42"),
        ("integer", "+42", "42"),
        ("integer", " 7\t", "7"), // [?] §10
        ("integer", "007", "007"),
        ("smallint", "32767", "32767"),
        ("smallint", "-32768", "-32768"),
        ("integer", "2147483647", "2147483647"),
        ("integer", "-2147483648", "-2147483648"),
        ("bigint", "9223372036854775807", "9223372036854775807"),
        ("bigint", "-9223372036854775808", "-9223372036854775808"),
        ("bigint", "00000000000000000000000001", "00000000000000000000000001"),
    ] {
        check(column, text, expected);
    }
    for (column, text, reason, position) in [
        ("integer", "1.5", "Invalid digit, Value '.', Pos 1, Type: Integer", 1),
        ("integer", "x", "Invalid digit, Value 'x', Pos 0, Type: Integer", 0),
        ("integer", " 1e3", "Invalid digit, Value 'e', Pos 2, Type: Integer", 2),
        ("integer", "12 34", "Invalid digit, Value ' ', Pos 2, Type: Integer", 2),
        ("smallint", "-", "Invalid digit, Value '-', Pos 0, Type: Short", 0),
        ("bigint", "--1", "Invalid digit, Value '-', Pos 1, Type: Long", 1),
        ("bigint", "1\u{fc}", "Invalid digit, Value '.', Pos 1, Type: Long", 1),
        ("integer", "99999999999999999999x", "Invalid digit, Value 'x', Pos 20, Type: Integer", 20),
        ("integer", "true", "Invalid digit, Value 't', Pos 0, Type: Integer", 0),
    ] {
        check_error(column, text.as_bytes(), 1207, reason, position);
    }
    let short = "Overflow (Short valid range -32768 to 32767)";
    let integer = "Overflow (Integer valid range -2147483648 to 2147483647)";
    let long = "Overflow (Long valid range -9223372036854775808 to 9223372036854775807)";
    for (column, text, reason) in [
        ("smallint", "32768", short),
        ("smallint", "-32769", short),
        ("integer", "2147483648", integer),
        ("bigint", "9223372036854775808", long),
        ("bigint", "-9223372036854775809", long),
        ("bigint", "99999999999999999999999", long),
    ] {
        check_error(column, text.as_bytes(), 1222, reason, 0);
    }
}

#[test]
fn decimals_are_cut_to_their_scale() {
    for (text, cut, rounded) in [
        ("20.259", "020.25", "020.26"),
        ("-20.255", "-020.25", "-020.26"),
        ("20.254", "020.25", "020.25"),
        ("9.999", "09.99", "10.00"),
        ("99.995", "099.99", "100.00"),
        ("-0.005", "-00.00", "-00.01"),
        ("7", "07", "07"),
        ("7.", "07", "07"),
        (".5", "0.5", "0.5"),
        ("+00012.3", "000012.3", "000012.3"),
        (" 1.25 ", "01.25", "01.25"),
    ] {
        check("numeric(5,2)", text, cut);
        check_with("ROUNDEC", "numeric(5,2)", text, rounded);
    }
    check("numeric(18,0)", "1.9", "01");
    check_with("ROUNDEC", "numeric(18,0)", "1.5", "02");
    check("numeric(2,2)", "0.999", "00.99");
    let overflow = "Overflow for NUMERIC(5,2)";
    check_error("numeric(5,2)", b"1000", 1204, overflow, 0);
    check_error("numeric(5,2)", b"-1000.00", 1204, overflow, 0);
    let found = convert("ROUNDEC", "numeric(5,2)", b"999.995");
    assert_eq!(found, Err((1204, overflow.to_string(), 0)));
    check_error("numeric(2,2)", b"1", 1204, "Overflow for NUMERIC(2,2)", 0);
    for (text, reason, position) in [
        ("1,5", "Invalid digit, Value ',', Pos 1, Type: Decimal", 1),
        ("1e2", "Invalid digit, Value 'e', Pos 1, Type: Decimal", 1),
        ("1.2.3", "Invalid digit, Value '.', Pos 3, Type: Decimal", 3),
    ] {
        check_error("numeric(5,2)", text.as_bytes(), 1207, reason, position);
    }
    for text in [".", "-", "+."] {
        let reason = "Invalid decimal format or value";
        check_error("numeric(5,2)", text.as_bytes(), 1209, reason, 0);
    }
}

#[test]
fn floats_have_a_point_and_an_exponent() {
    for (column, text, expected) in [
        ("double precision", "12.123", "12.123"),
        ("real", "1.0E4", "1.0E4"),
        ("real", " -1e-3 ", "-1e-3"),
        ("double precision", "nan", "NaN"),
        ("double precision", "-inf", "-Infinity"),
        ("double precision", "1e-999", "0"),
        ("real", "1e-60", "0"),
        ("double precision", "-0", "0"),
    ] {
        check(column, text, expected);
    }
    for text in ["x", "1.2.3", "0x10", "1e", "--1", "1 2"] {
        let reason = "Invalid floating point format or value, Type: Double"; // [?]
        check_error("double precision", text.as_bytes(), 1208, reason, 0);
    }
    check_error("real", b"1e39", 1204, "Overflow, Type: Float", 0);
    check_error("double precision", b"1e999", 1204, "Overflow, Type: Double", 0);
}

#[test]
fn booleans_are_words_in_any_case() {
    for text in ["t", "true", "y", "yes", "1", "TRUE", "Yes", " t "] {
        check("boolean", text, "t");
    }
    for text in ["f", "false", "n", "no", "0", "False", "N"] {
        check("boolean", text, "f");
    }
    for text in ["on", "off", "tr", "2", "01", "null"] {
        check_error("boolean", text.as_bytes(), 1210, "Unknown boolean format", 0);
    }
}

#[test]
fn varchar_counts_bytes_and_cuts_blanks_beyond() {
    let v3 = "character varying(3)";
    check(v3, "abc", "abc");
    check(v3, "abc   ", "abc");
    check(v3, "ab    ", "ab ");
    check(v3, "a  ", "a  ");
    check(v3, "ü", "ü");
    check(v3, "      ", "   ");
    let reason = "String length exceeds DDL length";
    check_error(v3, b"abcd", 1204, reason, 3);
    check_error(v3, "üü".as_bytes(), 1204, reason, 3);
    check_error(v3, b"abc\t", 1204, reason, 3);
    check("character varying(4)", "𝄞", "𝄞");
    check_with("TRUNCATECOLUMNS", v3, "abcd", "abc");
    check_with("TRUNCATECOLUMNS", v3, "aüü", "aü");
    // Never in the middle of a character [?] §5.
    check_with("TRUNCATECOLUMNS", v3, "ab€", "ab");
    check_with("TRUNCATECOLUMNS", v3, "𝄞", "");
    check_with("TRIMBLANKS", v3, "ab \t \n", "ab");
    check_with("TRIMBLANKS", v3, "   ", "");
}

#[test]
fn char_is_single_byte() {
    check("character(3)", "abc", "abc");
    check("character(3)", "a", "a");
    check("character(3)", "abc  ", "abc");
    check_with("TRUNCATECOLUMNS", "character(3)", "abcd", "abc");
    // "Applies only to VARCHAR" ("Data conversion parameters", TRIMBLANKS).
    check_with("TRIMBLANKS", "character(3)", "a ", "a ");
    check_error("character(3)", b"abcd", 1204, "Char length exceeds DDL length", 3);
    let multibyte = |hex: &str| {
        format!(
            "Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: \
             {hex}"
        )
    };
    check_error("character(9)", "aü".as_bytes(), 1220, &multibyte("c3 bc"), 1);
    check_error("character(9)", "€".as_bytes(), 1220, &multibyte("e2 82 ac"), 0);
    check_error("character(9)", b"\xff", 1220, &multibyte("ff"), 0);
    // "ACCEPTINVCHARS is valid only for VARCHAR columns."
    assert!(convert("ACCEPTINVCHARS", "character(9)", b"\xff").is_err());
}

#[test]
fn text_is_escaped_for_postgres() {
    check("text", "a\tb\nc\rd\\e", r"a\tb\nc\rd\\e");
    check("text", "\\N", r"\\N");
    check("text", "\\.", r"\\.");
    check("character(2)", "\\\n", r"\\\n");
    check("text", "\u{8}\u{b}\u{7f}", "\u{8}\u{b}\u{7f}");
}

#[test]
fn bytes_that_are_not_utf8_have_the_guides_error_numbers() {
    for (bytes, hex, number, position) in [
        (&b"\xf8\x88\x80\x80\x80"[..], "f8", 1, 0),
        (b"ab\xe0\xa4", "e0 a4", 2, 2),
        (b"\xc3", "c3", 2, 0),
        (b"\xa4", "a4", 3, 0),
        (b"x\xff", "ff", 3, 1),
        (b"\xc0\x80", "c0", 3, 0),
        (b"\xe9mi", "e9 6d 69", 4, 0),
        (b"\xe0\x80\x80", "e0 80 80", 4, 0),
        (b"\xed\xa0\x80", "ed a0 80", 5, 0),
        (b"\xf4\x90\x80\x80", "f4 90 80 80", 8, 0),
        (b"\xf5\x80\x80\x80", "f5 80 80 80", 8, 0),
        // PostgreSQL cannot hold NUL (§13.3).
        (b"a\0", "00", 9, 1),
    ] {
        let reason = format!(
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {hex} \
             (error {number})"
        );
        check_error("text", bytes, 1220, &reason, position);
    }
}

#[test]
fn acceptinvchars_replaces_as_many_bytes_as_are_bad() {
    let check = |options: &str, bytes: &[u8], expected: &str, converted: Converted| {
        let mut out = Vec::new();
        let found =
            rules(options).convert(Some(field(bytes)), &ColumnType::Varchar(99), false, &mut out);
        assert_eq!(found, Ok(converted), "{bytes:?}");
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{bytes:?}");
    };
    check("ACCEPTINVCHARS", b"a\xffb", "a?b", Converted::Replaced);
    check("ACCEPTINVCHARS AS '^'", b"\xed\xa0\x80", "^^^", Converted::Replaced);
    check("ACCEPTINVCHARS", b"\xe2\x82\"", "??\"", Converted::Replaced);
    check("ACCEPTINVCHARS", b"\0", "?", Converted::Replaced);
    check("ACCEPTINVCHARS '\t'", b"\xff", "\\t", Converted::Replaced);
    check("ACCEPTINVCHARS", "ü".as_bytes(), "ü", Converted::Value);
    // Noncharacters pass without the option and are replaced with it (§13.2).
    check("ACCEPTINVCHARS", "\u{fdd0}\u{1fffe}".as_bytes(), "???????", Converted::Replaced);
    check("", "\u{fdd0}\u{ffff}".as_bytes(), "\u{fdd0}\u{ffff}", Converted::Value);
}

#[test]
fn empty_and_blank_fields_may_be_null() {
    const NULL: &str = "\\N";
    for column in ["integer", "numeric(5,2)", "real", "boolean", "date"] {
        check(column, "", NULL);
        check(column, " \t", NULL);
    }
    for column in ["timestamp without time zone", "timestamp with time zone"] {
        check(column, "", NULL);
        check(column, "  ", NULL);
    }
    for column in ["text", "character(3)"] {
        check(column, "", "");
        check(column, "  ", "  ");
        check_with("EMPTYASNULL", column, "", NULL);
        check_with("EMPTYASNULL", column, " ", " ");
        check_with("BLANKSASNULL", column, " \t ", NULL);
        check_with("BLANKSASNULL", column, "", "");
        check_with("BLANKSASNULL", column, " x", " x");
    }
}

#[test]
fn null_into_not_null_is_an_error() {
    let missing = FieldError::new(1213, "Missing data for not-null field");
    for (options, column, text) in [
        ("", ColumnType::Integer, None),
        ("", ColumnType::Integer, Some("")),
        ("", ColumnType::Varchar(3), None),
        ("EMPTYASNULL", ColumnType::Varchar(3), Some("")),
        ("ACCEPTANYDATE", ColumnType::Date, Some("x")),
    ] {
        let text = text.map(|text| field(text.as_bytes()));
        let mut out = Vec::new();
        let found = rules(options).convert(text, &column, true, &mut out);
        assert_eq!(found, Err(missing.clone()), "{column:?}");
        assert_eq!(rules(options).convert(text, &column, false, &mut out), Ok(Converted::Null));
        assert_eq!(out, b"\\N");
    }
    let mut out = Vec::new();
    let empty = rules("").convert(Some(field(b"")), &ColumnType::Varchar(3), true, &mut out);
    assert_eq!(empty, Ok(Converted::Value));
}
