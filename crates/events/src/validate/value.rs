//! Whether one JSON value fits a column type, by COPY's conversions (Database Developer Guide,
//! "COPY from JSON format" and "Data conversion parameters").

use std::borrow::Cow;

use super::object::{RawValue, is_string};
use super::refusal::{Misfit, Rule};
use super::{number, text, time};
use crate::schema::ColumnType;

/// What a value that fits becomes in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loads {
    /// Itself.
    Value,
    /// NULL: an empty string in a column that is not of a character type.
    Null,
}

/// Whether `raw`, which is not `null`, fits `column_type`.
pub(super) fn fit(column_type: ColumnType, raw: RawValue<'_>) -> Result<Loads, Misfit> {
    match column_type {
        ColumnType::Super => return Ok(Loads::Value),
        ColumnType::Varbyte(_) | ColumnType::Opaque(_) => {
            let complaint = format!("cannot be loaded: COPY does not fill {column_type} from JSON");
            return Err(Misfit::of_value(Rule::UnsupportedType, raw, &complaint));
        }
        _ => {}
    }
    let text = as_text(raw)?;
    let refuse = |rule, complaint: &str| Err(Misfit::of_value(rule, raw, complaint));
    match column_type {
        ColumnType::Varchar(bytes) => return text::fit_varchar(raw, &text, bytes),
        ColumnType::Char(bytes) => return text::fit_char(raw, &text, bytes),
        _ => {}
    }
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return Ok(Loads::Null);
    }
    match column_type {
        ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => {
            number::fit_integer(raw, text, column_type)
        }
        ColumnType::Decimal { precision, scale } => {
            number::fit_decimal(raw, text, precision, scale)
        }
        ColumnType::Real | ColumnType::DoublePrecision => number::fit_float(raw, text, column_type),
        ColumnType::Boolean if !is_boolean(text) => {
            refuse(Rule::Boolean, "is not a BOOLEAN (true, t, yes, y, 1 or false, f, no, n, 0)")
        }
        ColumnType::Date if !time::is_date(text) => {
            refuse(Rule::Date, "is not a DATE (such as 2019-02-11)")
        }
        ColumnType::Time if !time::is_time(text) => {
            refuse(Rule::Time, "is not a TIME (such as 05:09:12.195)")
        }
        ColumnType::TimeTz if !time::is_time(text) => {
            refuse(Rule::Time, "is not a TIMETZ (such as 05:09:12.195+01)")
        }
        ColumnType::Timestamp | ColumnType::TimestampTz if !time::is_timestamp(text) => {
            let epoch = if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
                "; TIMEFORMAT 'auto' does not take epoch numbers"
            } else {
                ""
            };
            let complaint =
                format!("is not a {column_type} (such as 2019-02-11 05:09:12.195){epoch}");
            refuse(Rule::Timestamp, &complaint)
        }
        _ => Ok(Loads::Value),
    }
}

/// A value as text: a string's characters, anything else as the message writes it.
pub(super) fn as_text(raw: RawValue<'_>) -> Result<Cow<'_, str>, Misfit> {
    if !is_string(raw) {
        return Ok(Cow::Borrowed(raw));
    }
    if !raw.contains('\\') {
        return Ok(Cow::Borrowed(&raw[1..raw.len() - 1]));
    }
    serde_json::from_str::<String>(raw).map(Cow::Owned).map_err(|error| {
        Misfit::of_value(Rule::NotJson, raw, &format!("is not a JSON string: {error}"))
    })
}

fn is_boolean(text: &str) -> bool {
    ["true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}
