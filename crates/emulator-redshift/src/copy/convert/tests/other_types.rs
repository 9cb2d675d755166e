//! TIME, SUPER and VARBYTE.

use super::*;

#[test]
fn times_of_day_are_read_with_and_without_zone() {
    // "Datetime types": TIME and TIMETZ have microseconds; TIMETZ is UTC without an offset.
    check("time without time zone", "12:34:56", "12:34:56");
    check("time without time zone", " 01:02:03.4567 ", "01:02:03.456700");
    check("time without time zone", "23:59", "23:59:00");
    check("time with time zone", "12:34:56", "12:34:56+00:00");
    check("time with time zone", "12:34:56.5-08", "12:34:56.500000-08:00");
    check("time with time zone", "12:34:56 PST", "12:34:56-08:00");
    check_with("TIMEFORMAT 'auto'", "time without time zone", "2019-02-11 05:09:12", "05:09:12");
    let reason = "Invalid time format or value [HH24:MI:SS]";
    for text in ["24:00:00", "12", "1:2:3", "x", "12:34:56+01", "12:34.5"] {
        check_error("time without time zone", text.as_bytes(), 1206, reason, 0);
    }
}

#[test]
fn super_keeps_the_json_without_its_white_space() {
    // "Loading semistructured data": the value is kept as it is, numbers and order included.
    for (text, expected) in [
        (r#"{"b" : 1.50, "a":[ 1 , "x y" ]}"#, r#"{"b":1.50,"a":[1,"x y"]}"#),
        (r#" "a \" b" "#, r#""a \\" b""#),
        (r#""\\ " "#, r#""\\\\ ""#),
        ("1e3", "1e3"),
        ("true", "true"),
        ("{\n}", "{}"),
    ] {
        check("super", text, expected);
    }
    let reason = "The value of a SUPER column is not well-formed JSON";
    check_error("super", b"{\"a\": }", 1224, reason, 6);
    check_error("super", b"abc", 1224, reason, 0);
    assert_eq!(convert("", "super", b"\"\xff\"").unwrap_err().0, 1220);
}

#[test]
fn varbyte_is_hexadecimal_within_its_length() {
    // "VARBYTE type": COPY reads hexadecimal digits.
    check("varbyte(3)", "616263", r"\\x616263");
    check("varbyte(3)", " fF ", r"\\xfF");
    check_error("varbyte(3)", b"6x", 1223, "Invalid hexadecimal digit for VARBYTE", 1);
    check_error("varbyte(3)", b"616", 1223, "Invalid hexadecimal digit for VARBYTE", 2);
    check_error("varbyte(3)", b"61626364", 1204, "Varbyte length exceeds DDL length", 6);
}
