//! The text of typed values: what Redshift's conversions read, or JSON.

use std::io::Write;

use super::scalar::Style;

/// Days as `YYYY-MM-DD`.
pub(super) fn push_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    let era = if year <= 0 { " BC" } else { "" };
    let year = if year <= 0 { 1 - year } else { year };
    put(out, format_args!("{year:04}-{month:02}-{day:02}{era}"));
}

/// Microseconds since 1970 as `YYYY-MM-DD HH:MI:SS[.ffffff]`.
pub(super) fn push_timestamp(microseconds: i64, out: &mut Vec<u8>) {
    push_date(microseconds.div_euclid(86_400_000_000), out);
    out.push(b' ');
    push_time(microseconds.rem_euclid(86_400_000_000), out);
}

/// Microseconds of a day as `HH:MI:SS[.ffffff]`.
pub(super) fn push_time(microseconds: i64, out: &mut Vec<u8>) {
    let seconds = microseconds / 1_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    put(out, format_args!("{hour:02}:{minute:02}:{second:02}"));
    if microseconds % 1_000_000 != 0 {
        put(out, format_args!(".{:06}", microseconds % 1_000_000));
    }
}

/// Year, month and day of a count of days since 1970-01-01, in years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// A whole number with a point before its last `scale` digits.
pub(super) fn push_decimal(unscaled: i128, scale: u32, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let digits = unscaled.unsigned_abs().to_string();
    let scale = scale as usize;
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// A big-endian number in two's complement; `None` if it has more than 16 bytes.
pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let filler = if negative { 0xFF } else { 0 };
    let excess = bytes.len().saturating_sub(16);
    let (padding, bytes) = bytes.split_at(excess);
    let mut array = [filler; 16];
    array[16 - bytes.len()..].copy_from_slice(bytes);
    let value = i128::from_be_bytes(array);
    // Leading bytes may only repeat the sign.
    (padding.iter().all(|byte| *byte == filler) && (value < 0) == negative).then_some(value)
}

pub(super) fn push_integer(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    put(out, format_args!("{value}"));
}

/// The shortest text that reads back the same; in JSON there is no NaN and no infinity.
pub(super) fn push_float(value: f64, json: bool, out: &mut Vec<u8>) {
    match value {
        _ if json && !value.is_finite() => out.extend_from_slice(b"null"),
        _ if value.is_nan() => out.extend_from_slice(b"NaN"),
        _ if value.is_infinite() && value > 0.0 => out.extend_from_slice(b"Infinity"),
        _ if value.is_infinite() => out.extend_from_slice(b"-Infinity"),
        _ => put(out, format_args!("{value:?}")),
    }
}

/// As [`push_float`], with the digits that a single-precision number has.
pub(super) fn push_single(value: f32, json: bool, out: &mut Vec<u8>) {
    match value.is_finite() {
        true => put(out, format_args!("{value:?}")),
        false => push_float(f64::from(value), json, out),
    }
}

pub(super) fn push_boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// `0123abcd-…`, of 16 bytes.
pub(super) fn push_uuid(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        put(out, format_args!("{byte:02x}"));
    }
}

/// Bytes that nothing says are text, in the style of their column.
pub(super) fn push_bytes(bytes: &[u8], style: Style, out: &mut Vec<u8>) {
    match style {
        Style::Plain => out.extend_from_slice(bytes),
        Style::Json => push_json_string(bytes, out),
        Style::Hexadecimal => bytes.iter().for_each(|byte| put(out, format_args!("{byte:02x}"))),
    }
}

/// A JSON string; bytes that are not UTF-8 become U+FFFD.
pub(super) fn push_json_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control < ' ' => put(out, format_args!("\\u{:04x}", u32::from(control))),
            _ => {
                let mut buffer = [0; 4];
                out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
            }
        }
    }
    out.push(b'"');
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(push: impl FnOnce(&mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        push(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn dates_and_times_are_those_of_the_calendar() {
        check(|out| push_date(0, out), "1970-01-01");
        check(|out| push_date(-719_162, out), "0001-01-01");
        check(|out| push_date(-719_163, out), "0001-12-31 BC");
        check(|out| push_date(11_016, out), "2000-02-29");
        check(|out| push_timestamp(-1, out), "1969-12-31 23:59:59.999999");
        check(|out| push_timestamp(1_565_086_272_000_000, out), "2019-08-06 10:11:12");
        check(|out| push_time(45_000_250_000, out), "12:30:00.250000");
        // No count of days is too large to be written.
        push_date(i64::MAX, &mut Vec::new());
        push_date(i64::MIN, &mut Vec::new());
    }

    #[test]
    fn decimals_keep_their_scale() {
        check(|out| push_decimal(-5, 2, out), "-0.05");
        check(|out| push_decimal(12_345, 2, out), "123.45");
        check(|out| push_decimal(7, 0, out), "7");
        let least = "-170141183460469231731687303715884105728";
        check(|out| push_decimal(i128::MIN, 0, out), least);
        for (bytes, expected) in [
            (&[][..], Some(0)),
            (&[0x80], Some(-128)),
            (&[0, 0x80], Some(128)),
            (&[0xFF; 20], Some(-1)),
            (&[0; 20], Some(0)),
            (&[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[1; 17], None),
        ] {
            assert_eq!(big_endian(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn json_has_what_json_can_have() {
        check(|out| push_float(f64::NAN, true, out), "null");
        check(|out| push_float(f64::NEG_INFINITY, false, out), "-Infinity");
        check(|out| push_single(0.1, true, out), "0.1");
        check(|out| push_float(1e300, false, out), "1e300");
        check(|out| push_json_string(b"a\"\\\n\x01\xffz", out), "\"a\\\"\\\\\\n\\u0001\u{FFFD}z\"");
        check(|out| push_uuid(&[0xAB; 16], out), "abababab-abab-abab-abab-abababababab");
    }
}
