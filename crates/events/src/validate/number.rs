//! Integers, decimals and floating point numbers, from their text.

use std::borrow::Cow;

use super::object::RawValue;
use super::refusal::{Misfit, Rule};
use super::value::Loads;
use crate::schema::ColumnType;

/// Whether `text` is an integer within the range of `column_type`: digits with an optional sign.
pub(super) fn fit_integer(
    raw: RawValue<'_>,
    text: &str,
    column_type: ColumnType,
) -> Result<Loads, Misfit> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let article = if column_type == ColumnType::Integer { "an" } else { "a" };
        let complaint = format!("is not {article} {column_type} (digits with an optional sign)");
        return Err(Misfit::of_value(Rule::Integer, raw, &complaint));
    }
    let (minimum, maximum) = match column_type {
        ColumnType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        ColumnType::Integer => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    // All digits, so parsing fails only if the number is beyond any range.
    if text.parse::<i64>().is_ok_and(|number| (minimum..=maximum).contains(&number)) {
        return Ok(Loads::Value);
    }
    let complaint = format!("is beyond {column_type} ({minimum} to {maximum})");
    Err(Misfit::of_value(Rule::IntegerRange, raw, &complaint))
}

/// An integer that fits, without sign and zeros that do not matter: `+007` and `7` are one id.
pub(super) fn canonical_integer(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.trim_matches(' ').parse::<i64>() {
        Ok(number) => Cow::Owned(number.to_string()),
        Err(_) => text,
    }
}

/// Whether `text` is a number with at most `precision - scale` digits before the point. Digits
/// beyond the scale are cut by COPY, and so allowed.
pub(super) fn fit_decimal(
    raw: RawValue<'_>,
    text: &str,
    precision: u32,
    scale: u32,
) -> Result<Loads, Misfit> {
    let Some(digits) = whole_digits(text) else {
        let complaint = "is not a DECIMAL (digits with an optional sign and point)";
        return Err(Misfit::of_value(Rule::Decimal, raw, complaint));
    };
    let whole_digits_max = precision.saturating_sub(scale);
    if u32::try_from(digits).is_ok_and(|digits| digits <= whole_digits_max) {
        return Ok(Loads::Value);
    }
    let complaint = format!(
        "is beyond DECIMAL({precision},{scale}) ({whole_digits_max} digits before the point)"
    );
    Err(Misfit::of_value(Rule::DecimalRange, raw, &complaint))
}

/// How many digits stand before the point, leading zeros left out; `None` if this is no number.
/// An exponent is refused: the guide shows it for floating point columns only.
fn whole_digits(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let is_number = whole.len() + fraction.len() != 0
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    is_number.then(|| whole.trim_start_matches('0').len())
}

/// Whether `text` is a floating point number within the range of `column_type`.
pub(super) fn fit_float(
    raw: RawValue<'_>,
    text: &str,
    column_type: ColumnType,
) -> Result<Loads, Misfit> {
    // Words such as NaN and Infinity are numbers here, and never out of range.
    let digits = text.split(['e', 'E']).next().unwrap_or(text);
    let is_written_in_digits = digits.bytes().any(|byte| byte.is_ascii_digit());
    let is_zero = !digits.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    // Whether it is a number at all, and infinitely large or small only for being out of range.
    let parsed = match column_type {
        ColumnType::Real => text.parse::<f32>().map(f64::from),
        _ => text.parse::<f64>(),
    };
    match parsed {
        Ok(number)
            if is_written_in_digits && (number.is_infinite() || number == 0.0 && !is_zero) =>
        {
            let complaint = format!("is beyond the range of {column_type}");
            Err(Misfit::of_value(Rule::Float, raw, &complaint))
        }
        Ok(_) => Ok(Loads::Value),
        Err(_) => {
            let complaint = format!("is not a {column_type} (such as 12.5 or 1.25E1)");
            Err(Misfit::of_value(Rule::Float, raw, &complaint))
        }
    }
}
