//! TIME, SUPER and VARBYTE.

use super::*;

#[test]
fn times_of_day_are_read_with_and_without_zone() {
    // "Datetime types": TIME and TIMETZ have microseconds; TIMETZ is UTC without an offset.
    check("time without time zone", "12:34:56", "12:34:56");
    check("time without time zone", " 01:02:03.4567 ", "01:02:03.456700");
    check("time without time zone", "23:59", "23:59:00");
    // "Date, time, and timestamp literals".
    for (text, expected) in [
        ("04:05:06.789", "04:05:06.789000"),
        ("04:05", "04:05:00"),
        ("040506", "04:05:06"),
        ("040506.5", "04:05:06.500000"),
        ("04:05 AM", "04:05:00"),
        ("04:05 PM", "16:05:00"),
        ("12:00:01am", "00:00:01"),
        ("1:2:3", "01:02:03"),
        ("24:00:00", "24:00:00"),
    ] {
        check("time without time zone", text, expected);
    }
    check("time with time zone", "04:05 PM EST", "16:05:00-05:00");
    check("time with time zone", "04:05 Etc/GMT-2", "04:05:00+02:00");
    check("time with time zone", "12:34:56", "12:34:56+00:00");
    check("time with time zone", "12:34:56.5-08", "12:34:56.500000-08:00");
    check("time with time zone", "12:34:56 PST", "12:34:56-08:00");
    check_with("TIMEFORMAT 'auto'", "time without time zone", "2019-02-11 05:09:12", "05:09:12");
    // A format without a date is one of these two types.
    for (format, text, expected) in [
        ("HH:MI:SS", "10:11:12", "10:11:12"),
        ("HH12.MI AM", "10.11 PM", "22:11:00"),
        ("HHMI", "1011", "10:11:00"),
        ("HH:MI:SS.000", "10:11:12.5", "10:11:12.500000"),
    ] {
        check_with(&format!("TIMEFORMAT '{format}'"), "time without time zone", text, expected);
        let zoned = format!("{expected}+00:00");
        check_with(&format!("TIMEFORMAT '{format}'"), "time with time zone", text, &zoned);
    }
    let reason = "Invalid time format or value [HH24:MI:SS]";
    for text in [
        "24:00:01",
        "24:00 PM",
        "25:00:00",
        "12",
        "10:11:12:13",
        "13:00 PM",
        "10:60",
        "x",
        "12:34:56+01",
        "12:34.5",
        "101112 040506",
    ] {
        check_error("time without time zone", text.as_bytes(), 1206, reason, 0);
    }
    // The offset of such a zone is that of a date.
    let reason = "Invalid time format or value [HH24:MI:SSOF]";
    check_error("time with time zone", b"04:05 America/New_York", 1206, reason, 0);
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

#[test]
fn exponents_of_json_numbers_are_written_out() {
    for (number, expected) in [
        ("1.541121934796E12", "1541121934796"),
        ("1e3", "1000"),
        ("-1.25e+1", "-12.5"),
        ("1.50e1", "15"),
        ("12.5e0", "12.5"),
        ("5e-1", "0.5"),
        ("-12e-4", "-0.0012"),
        ("1234.5E-2", "12.345"),
        ("100e-2", "1"),
        ("0e5", "000000"),
        ("0.0e-3", "0"),
    ] {
        let mut digits = b"old".to_vec();
        assert!(write_out_exponent(number.as_bytes(), &mut digits), "{number}");
        assert_eq!(String::from_utf8(digits).unwrap(), expected, "{number}");
    }
    for other in
        ["", "12.5", "true", "false", "e5", "1e", "1e1001", "1e-99999999999", "-e1", "1e5.0"]
    {
        assert!(!write_out_exponent(other.as_bytes(), &mut Vec::new()), "{other}");
    }
}
