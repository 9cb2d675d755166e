//! From the text of a field to what PostgreSQL's COPY reads, by Redshift's rules (Database
//! Developer Guide, "Data conversion parameters"; §10).
//!
//! Pure. What is written is checked and canonical: PostgreSQL reads it the same whatever its
//! DateStyle, and finds nothing to refuse.

mod automatic;
mod binary;
mod character;
mod document;
mod moment;
mod number;
mod pattern;
mod temporal;
mod utf8;
mod zone;

pub(super) use self::number::write_out_exponent;
use self::temporal::{DateStyle, TimeStyle};
use super::failure::Refusal;
use super::options::{CopyOptions, Flag};
use super::rejects::code;
use super::target::ColumnType;

/// Why a field cannot be loaded: a row of "Load error reference".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldError {
    pub(super) code: i32,
    pub(super) reason: String,
    /// The byte of the field, from 0.
    pub(super) position: usize,
}

impl FieldError {
    fn new(code: i32, reason: impl Into<String>) -> FieldError {
        FieldError { code, reason: reason.into(), position: 0 }
    }

    fn at(position: usize, code: i32, reason: impl Into<String>) -> FieldError {
        FieldError { code, reason: reason.into(), position }
    }
}

/// The text of a field, and what its decoder knows of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldText<'a> {
    pub(super) bytes: &'a [u8],
    /// Known to be UTF-8.
    pub(super) utf8: bool,
    /// Known to have no backslash and no control character: it needs no escapes.
    pub(super) plain: bool,
}

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Converted {
    /// Loaded as it is.
    Value,
    /// Loaded with characters replaced (ACCEPTINVCHARS).
    Replaced,
    /// Loaded as NULL.
    Null,
}

/// The conversion options of a COPY.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    accept_any_date: bool,
    accept_inv_chars: Option<u8>,
    blanks_as_null: bool,
    empty_as_null: bool,
    round_ec: bool,
    trim_blanks: bool,
    truncate_columns: bool,
    date: DateStyle,
    time: TimeStyle,
}

impl Rules {
    /// # Errors
    /// A DATEFORMAT or TIMEFORMAT that is not a format.
    pub(super) fn new(options: &CopyOptions) -> Result<Rules, Refusal> {
        Ok(Rules {
            accept_any_date: options.has(Flag::AcceptAnyDate),
            accept_inv_chars: options.accept_inv_chars.map(|character| character as u8),
            blanks_as_null: options.has(Flag::BlanksAsNull),
            empty_as_null: options.has(Flag::EmptyAsNull),
            round_ec: options.has(Flag::RoundEc),
            trim_blanks: options.has(Flag::TrimBlanks),
            truncate_columns: options.has(Flag::TruncateColumns),
            date: DateStyle::new(options.date_format.as_deref())?,
            time: TimeStyle::new(options.time_format.as_deref())?,
        })
    }

    /// Appends a field to `out`; `None` is NULL.
    ///
    /// # Errors
    /// A field that its column cannot hold; `out` may then have a part of it.
    pub(super) fn convert(
        &self,
        text: Option<FieldText<'_>>,
        column: &ColumnType,
        not_null: bool,
        out: &mut Vec<u8>,
    ) -> Result<Converted, FieldError> {
        let converted = match text {
            Some(text) if !self.is_null(text.bytes, column) => self.value(text, column, out)?,
            _ => Converted::Null,
        };
        if converted == Converted::Null {
            if not_null {
                return Err(FieldError::new(code::NOT_NULL, "Missing data for not-null field"));
            }
            out.extend_from_slice(b"\\N");
        }
        Ok(converted)
    }

    /// An empty or blank field is NULL, unless it is text; then it depends (§5).
    fn is_null(&self, text: &[u8], column: &ColumnType) -> bool {
        // Whatever begins with something visible is neither.
        if text.first().is_some_and(|byte| *byte > b' ') {
            return false;
        }
        if text.is_empty() {
            return self.empty_as_null || !column.is_character();
        }
        let wanted = self.blanks_as_null || !column.is_character();
        wanted && text.iter().all(|byte| is_white(*byte))
    }

    fn value(
        &self,
        text: FieldText<'_>,
        column: &ColumnType,
        out: &mut Vec<u8>,
    ) -> Result<Converted, FieldError> {
        let bytes = text.bytes;
        match column {
            ColumnType::Varchar(length) => return self.varchar(text, *length as usize, out),
            ColumnType::Char(length) => self.char(text, *length as usize, out)?,
            ColumnType::SmallInt => number::integer(bytes, &number::SHORT, out)?,
            ColumnType::Integer => number::integer(bytes, &number::INTEGER, out)?,
            ColumnType::BigInt => number::integer(bytes, &number::LONG, out)?,
            ColumnType::Numeric { precision, scale } => {
                number::decimal(bytes, *precision, *scale, self.round_ec, out)?;
            }
            ColumnType::Real => number::float(bytes, true, out)?,
            ColumnType::Double => number::float(bytes, false, out)?,
            ColumnType::Boolean => boolean(bytes, out)?,
            ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz => {
                let written = out.len();
                let outcome = match column {
                    ColumnType::Date => self.date.convert(bytes, out),
                    _ => self.time.convert(bytes, *column == ColumnType::TimestampTz, out),
                };
                if outcome.is_err() && self.accept_any_date {
                    out.truncate(written);
                    return Ok(Converted::Null);
                }
                outcome?;
            }
            ColumnType::Time | ColumnType::TimeTz => {
                self.time.convert_time_of_day(bytes, *column == ColumnType::TimeTz, out)?;
            }
            ColumnType::Super => document::document(bytes, out)?,
            ColumnType::Varbyte(length) => binary::hexadecimal(bytes, *length as usize, out)?,
            // `load_columns` refuses such a column.
            ColumnType::Other(name) => {
                return Err(FieldError::new(code::TOO_LONG, format!("Type {name} unsupported")));
            }
        }
        Ok(Converted::Value)
    }
}

/// "t true y yes 1 / f false n no 0"; in any case [?] §10
fn boolean(text: &[u8], out: &mut Vec<u8>) -> Result<(), FieldError> {
    let text = trim(text).1;
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(&["true", "t", "1", "yes", "y"]) {
        out.push(b't');
    } else if is(&["false", "f", "0", "no", "n"]) {
        out.push(b'f');
    } else {
        return Err(FieldError::new(code::BOOLEAN, "Unknown boolean format"));
    }
    Ok(())
}

/// White space of a field.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

/// The text without white space around it, and how much was before it.
fn trim(text: &[u8]) -> (usize, &[u8]) {
    let start = text.iter().position(|byte| !is_white(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_white(*byte)).map_or(start, |last| last + 1);
    (start, &text[start..end])
}

#[cfg(test)]
mod tests;
