//! Numbers (Database Developer Guide, "Numeric types"; §10).

use memchr::memchr2;

use super::{FieldError, trim};
use crate::copy::rejects::code;

/// An integer type, as the error messages name it.
pub(super) struct IntegerType {
    name: &'static str,
    min: i64,
    max: i64,
}

pub(super) const SHORT: IntegerType =
    IntegerType { name: "Short", min: i16::MIN as i64, max: i16::MAX as i64 };
pub(super) const INTEGER: IntegerType =
    IntegerType { name: "Integer", min: i32::MIN as i64, max: i32::MAX as i64 };
pub(super) const LONG: IntegerType = IntegerType { name: "Long", min: i64::MIN, max: i64::MAX };

/// A sign and digits, blanks around them.
pub(super) fn integer(
    text: &[u8],
    integer_type: &IntegerType,
    out: &mut Vec<u8>,
) -> Result<(), FieldError> {
    let (before, number) = trim(text);
    let (negative, sign) = sign(number);
    let digits = &number[sign..];
    let mut value = 0_i64;
    let mut overflow = false;
    for (index, byte) in digits.iter().enumerate() {
        if !byte.is_ascii_digit() {
            return Err(bad_digit(text, before + sign + index, integer_type.name));
        }
        let digit = i64::from(byte - b'0');
        // Counted downwards, since there is one more negative number.
        let next = value.checked_mul(10).and_then(|value| value.checked_sub(digit));
        overflow |= next.is_none();
        value = next.unwrap_or(value);
    }
    if digits.is_empty() {
        return Err(bad_digit(text, before, integer_type.name));
    }
    let value = if negative { Some(value) } else { value.checked_neg() };
    match value {
        Some(value) if !overflow && (integer_type.min..=integer_type.max).contains(&value) => {
            out.extend_from_slice(if negative { number } else { digits });
            Ok(())
        }
        _ => {
            // As clients have seen it: snowplow/snowplow #664.
            let IntegerType { name, min, max } = integer_type;
            let reason = format!("Overflow ({name} valid range {min} to {max})");
            Err(FieldError::at(before, code::OVERFLOW, reason))
        }
    }
}

/// A sign, digits, a point, digits. Digits beyond the scale are cut, or rounded with ROUNDEC.
pub(super) fn decimal(
    text: &[u8],
    precision: u32,
    scale: u32,
    round: bool,
    out: &mut Vec<u8>,
) -> Result<(), FieldError> {
    let (before, number) = trim(text);
    let (negative, sign) = sign(number);
    let mut point = None;
    for (index, byte) in number.iter().enumerate().skip(sign) {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point.is_none() => point = Some(index),
            _ => return Err(bad_digit(text, before + index, "Decimal")),
        }
    }
    let whole = &number[sign..point.unwrap_or(number.len())];
    let fraction = point.map_or(&[][..], |point| &number[point + 1..]);
    if whole.is_empty() && fraction.is_empty() {
        return Err(FieldError::at(before, code::DECIMAL, "Invalid decimal format or value"));
    }
    let scale = scale as usize;
    let kept = &fraction[..fraction.len().min(scale)];
    let up = round && fraction.get(scale).is_some_and(|digit| *digit >= b'5');
    let start = out.len();
    if negative {
        out.push(b'-');
    }
    let first = out.len();
    out.push(b'0'); // Room for a carry; leading zeros do no harm.
    out.extend_from_slice(whole);
    if !kept.is_empty() {
        out.push(b'.');
        out.extend_from_slice(kept);
    }
    if up {
        carry(&mut out[first..]);
    }
    let digits = out[first..].split(|byte| *byte == b'.').next().unwrap_or_default();
    let significant = digits.iter().skip_while(|digit| **digit == b'0').count();
    if significant + scale > precision as usize && significant > 0 {
        out.truncate(start);
        let reason = format!("Overflow for NUMERIC({precision},{scale})");
        // "Input data exceeded the acceptable range for the data type." [?]
        return Err(FieldError::at(before, code::TOO_LONG, reason));
    }
    Ok(())
}

/// Larger exponents are nobody's, and would be as many zeros.
const EXPONENT_MAX: usize = 1000;

/// Replaces `digits` by a JSON number without its exponent: `1250` of `1.25E3`. False if it has
/// none, is no number, or would be endless.
pub(in crate::copy) fn write_out_exponent(number: &[u8], digits: &mut Vec<u8>) -> bool {
    let Some(at) = memchr2(b'e', b'E', number) else { return false };
    let (mantissa, exponent) = (&number[..at], &number[at + 1..]);
    let exponent = std::str::from_utf8(exponent).ok().and_then(|text| text.parse::<i32>().ok());
    let Some(exponent) = exponent else { return false };
    let shift = exponent.unsigned_abs() as usize;
    let (negative, sign) = sign(mantissa);
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let whole = mantissa.get(sign..point).unwrap_or_default();
    let fraction = mantissa.get(point + 1..).unwrap_or_default();
    let all = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    if whole.is_empty() || !all(whole) || !all(fraction) || EXPONENT_MAX < shift {
        return false;
    }
    digits.clear();
    if negative {
        digits.push(b'-');
    }
    if exponent < 0 {
        digits.extend_from_slice(&whole[..whole.len().saturating_sub(shift)]);
        if whole.len() <= shift {
            digits.push(b'0');
        }
        digits.push(b'.');
        digits.resize(digits.len() + shift.saturating_sub(whole.len()), b'0');
        digits.extend_from_slice(&whole[whole.len().saturating_sub(shift)..]);
        digits.extend_from_slice(fraction);
    } else {
        let moved = fraction.len().min(shift);
        digits.extend_from_slice(whole);
        digits.extend_from_slice(&fraction[..moved]);
        digits.resize(digits.len() + shift - moved, b'0');
        digits.push(b'.');
        digits.extend_from_slice(&fraction[moved..]);
    }
    // A whole number is one for an integer too.
    let end = digits.iter().rposition(|byte| *byte != b'0').unwrap_or(0);
    digits.truncate(if digits[end] == b'.' { end } else { end + 1 });
    true
}

/// Adds one to the last digit; the first is a zero that can take the carry.
fn carry(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev().filter(|byte| **byte != b'.') {
        if *digit != b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

/// What PostgreSQL reads too, NaN and Infinity included [?]; a value that underflows becomes 0.
pub(super) fn float(text: &[u8], single: bool, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let (before, number) = trim(text);
    let name = if single { "Float" } else { "Double" };
    let invalid = || {
        let reason = format!("Invalid floating point format or value, Type: {name}"); // [?]
        FieldError::at(before, code::FLOAT, reason)
    };
    let written = std::str::from_utf8(number).map_err(|_| invalid())?;
    let value = match single {
        true => written.parse::<f32>().map(f64::from),
        false => written.parse::<f64>(),
    };
    let value = value.map_err(|_| invalid())?;
    let has_digit = number.iter().any(u8::is_ascii_digit);
    if value.is_infinite() && has_digit {
        let reason = format!("Overflow, Type: {name}"); // [?]
        return Err(FieldError::at(before, code::TOO_LONG, reason));
    }
    out.extend_from_slice(match value {
        0.0 => b"0",
        nan if nan.is_nan() => b"NaN",
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ => number,
    });
    Ok(())
}

/// Whether the number is negative, and how many bytes its sign has.
fn sign(number: &[u8]) -> (bool, usize) {
    match number.first() {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    }
}

fn bad_digit(text: &[u8], position: usize, name: &str) -> FieldError {
    let character = match text.get(position) {
        Some(byte) if byte.is_ascii_graphic() || *byte == b' ' => char::from(*byte),
        _ => '.',
    };
    let reason = format!("Invalid digit, Value '{character}', Pos {position}, Type: {name}");
    FieldError::at(position, code::DIGIT, reason)
}
