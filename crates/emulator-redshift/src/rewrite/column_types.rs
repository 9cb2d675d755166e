//! The types that columns are declared with, and their lengths.
//!
//! Defaults and limits are those of "Character types", "Numeric types" and "VARBYTE type".

use super::attributes::bytes;
use super::edits::Edits;
use super::table::Column;
use crate::error::SqlError;
use crate::sql::statement::Statement;

/// VARCHAR without a length; lengths of text are in bytes.
const VARCHAR_DEFAULT: &str = "(256)";
const VARCHAR_BYTES_MAX: u32 = 65_535;
const CHAR_BYTES_MAX: u32 = 4_096;
/// VARBYTE without a length.
const VARBYTE_DEFAULT: &str = "(64000)";
const VARBYTE_BYTES_MAX: u32 = 16_777_216;
/// DECIMAL without a precision, which is no decimals at all.
pub(super) const NUMERIC_DEFAULT: &str = "(18,0)";
const NUMERIC_PRECISION_MAX: u64 = 38;
const NUMERIC_SCALE_MAX: u64 = 37;

/// Gives a column's type its default length, and refuses one out of bounds.
pub(super) fn column_type(
    statement: &Statement<'_>,
    column: &Column,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let at = column.type_index();
    let name = bytes(statement, at..at + 1);
    match statement.text(at).to_ascii_lowercase().as_str() {
        "text" => edits.replace(name, format!("varchar{VARCHAR_DEFAULT}")),
        "bpchar" if !statement.is_symbol(at + 1, b'(') => edits.replace(name, "char(256)"),
        "bpchar" => edits.replace(name, "char"),
        "datetime" => edits.replace(name, "timestamp"),
        "decimal" | "numeric" | "dec" => numeric(statement, at, edits)?,
        "varbyte" | "varbinary" => varbyte(statement, at, edits)?,
        "binary" if statement.is_word(at + 1, "varying") => varbyte(statement, at + 1, edits)?,
        "varchar" => varchar(statement, at, edits)?,
        "nvarchar" => {
            edits.replace(name, "varchar");
            varchar(statement, at, edits)?;
        }
        "character" | "char" | "nchar" => {
            if statement.is_word(at, "nchar") {
                edits.replace(name, "char");
            }
            match statement.is_word(at + 1, "varying") {
                true => varchar(statement, at + 1, edits)?,
                false => length_within(statement, at + 1, "char", CHAR_BYTES_MAX)?,
            }
        }
        _ => {}
    }
    Ok(())
}

/// `last` is the last word of the type's name.
fn varchar(statement: &Statement<'_>, last: usize, edits: &mut Edits) -> Result<(), SqlError> {
    if !statement.is_symbol(last + 1, b'(') {
        edits.insert(statement.tokens[last].end(), VARCHAR_DEFAULT);
        return Ok(());
    }
    length_within(statement, last + 1, "varchar", VARCHAR_BYTES_MAX)
}

/// `last` is the last word of the type's name.
fn varbyte(statement: &Statement<'_>, last: usize, edits: &mut Edits) -> Result<(), SqlError> {
    if !statement.is_symbol(last + 1, b'(') {
        edits.insert(statement.tokens[last].end(), VARBYTE_DEFAULT);
        return Ok(());
    }
    length_within(statement, last + 1, "varbyte", VARBYTE_BYTES_MAX)
}

fn length_within(
    statement: &Statement<'_>,
    open: usize,
    name: &str,
    bytes_max: u32,
) -> Result<(), SqlError> {
    let digits = statement.text(open + 1);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if statement.is_symbol(open, b'(')
        && is_number
        && digits.parse::<u32>().is_ok_and(|bytes| bytes <= bytes_max) != is_number
    {
        let message = format!("length for type {name} cannot exceed {bytes_max}");
        return Err(SqlError::new("22023", message));
    }
    Ok(())
}

/// NUMERIC is NUMERIC(18, 0); more than 38 digits or 37 decimals are refused ("Numeric types").
fn numeric(statement: &Statement<'_>, name: usize, edits: &mut Edits) -> Result<(), SqlError> {
    if !statement.is_symbol(name + 1, b'(') {
        edits.insert(statement.tokens[name].end(), NUMERIC_DEFAULT);
        return Ok(());
    }
    let Ok(precision) = statement.text(name + 2).parse::<u64>() else { return Ok(()) };
    if !(1..=NUMERIC_PRECISION_MAX).contains(&precision) {
        let message =
            format!("NUMERIC precision {precision} must be between 1 and {NUMERIC_PRECISION_MAX}");
        return Err(SqlError::new("22023", message).at(statement, name + 2));
    }
    let Ok(scale) = statement.text(name + 4).parse::<u64>() else { return Ok(()) };
    let scale_max = precision.min(NUMERIC_SCALE_MAX);
    if statement.is_symbol(name + 3, b',') && scale_max < scale {
        let message = format!("NUMERIC scale {scale} must be between 0 and {scale_max}");
        return Err(SqlError::new("22023", message).at(statement, name + 4));
    }
    Ok(())
}
