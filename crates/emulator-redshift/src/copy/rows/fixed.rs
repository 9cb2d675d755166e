//! A row whose fields have fixed widths (Database Developer Guide, "Data format parameters",
//! FIXEDWIDTH).

use super::fields::{Filling, TextRules};
use super::{Plan, RowError};
use crate::copy::convert::FieldError;
use crate::copy::decode::fields::Field;
use crate::copy::failure::Refusal;
use crate::copy::rejects::code;

/// Reads `'label:width, …'`; labels mean nothing, and white space may stand round them (the
/// guide's tutorial has `c_region :12`).
///
/// # Errors
/// What is not such a list, or has another length than the columns.
pub(super) fn parse_widths(spec: &str, column_count: usize) -> Result<Vec<usize>, Refusal> {
    let mut widths = Vec::new();
    for part in spec.split(',') {
        let width = part.rsplit_once(':').map(|(_, width)| width.trim());
        let digits = width.filter(|width| width.bytes().all(|byte| byte.is_ascii_digit()));
        let width = digits.and_then(|width| width.parse().ok()).filter(|width| 0 < *width);
        let Some(width) = width else {
            let part = part.trim();
            let message = format!("FIXEDWIDTH needs 'label:width, ...', not '{part}'"); // [?]
            return Err(Refusal::new("22023", message));
        };
        widths.push(width);
    }
    if widths.len() != column_count {
        let message = format!(
            "FIXEDWIDTH has {} widths, but {column_count} columns are loaded", // [?]
            widths.len()
        );
        return Err(Refusal::new("22023", message));
    }
    Ok(widths)
}

/// Appends a row; the first column in which characters were replaced. Widths are in characters
/// ("Data conversion parameters", ENCODING); the last field may be shorter.
pub(super) fn fixed_row<'a>(
    plan: &'a Plan,
    rules: &TextRules,
    widths: &[usize],
    row: &[u8],
    out: &mut Vec<u8>,
) -> Result<Option<usize>, RowError<'a>> {
    let utf8 = std::str::from_utf8(row).is_ok();
    let ascii = row.is_ascii();
    let mut replaced = None;
    let mut at = 0;
    // As in the guide's tutorial: -1 in the first field, 34 after 35 characters.
    let mut position = -1_i32;
    for (index, (column, width)) in plan.columns.iter().zip(widths).enumerate() {
        let rest = &row[at..];
        let bytes = &rest[..prefix_bytes(rest, *width, ascii)];
        at += bytes.len();
        let locate = |error: RowError<'a>| RowError { position: Some(position), ..error };
        let text = if bytes.is_empty() && 0 < index {
            if !rules.fill_record {
                let reason = "Missing data for fixed width column".to_string(); // [?]
                let error = FieldError { code: code::MISSING_COLUMNS, reason, position: 0 };
                return Err(locate(RowError::field(column, Vec::new(), error)));
            }
            column.filling()
        } else {
            // A padded field can only be the null string without its blanks. [?]
            let trimmed = bytes.trim_ascii_end();
            let null = [bytes, trimmed].contains(&rules.null.as_slice());
            let field = Field { bytes, plain: false, escaped_null: null, next: None };
            if null { None } else { rules.text(column, &field, utf8).map_err(locate)? }
        };
        if plan.put(index, text, out).map_err(locate)? {
            replaced.get_or_insert(index);
        }
        position = position.saturating_add(i32::try_from(*width).unwrap_or(i32::MAX));
    }
    if !row[at..].trim_ascii().is_empty() {
        let reason = "Extra column(s) found".to_string();
        let error = FieldError { code: code::EXTRA_COLUMNS, reason, position: at };
        return Err(RowError::whole(error));
    }
    Ok(replaced)
}

/// The bytes of the first `width` characters, or of all; what is not UTF-8 counts by its first
/// bytes.
fn prefix_bytes(text: &[u8], width: usize, ascii: bool) -> usize {
    if ascii {
        return width.min(text.len());
    }
    let begins = |(_, byte): &(usize, &u8)| **byte & 0xC0 != 0x80;
    let starts = text.iter().enumerate().filter(begins).map(|(index, _)| index);
    // A tail without head at the very start belongs to the first character.
    starts.filter(|index| 0 < *index).nth(width - 1).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_read_and_counted() {
        // "Data format parameters", FIXEDWIDTH; the tutorial's specification.
        for (spec, expected) in [
            ("a:1", &[1][..]),
            ("c_custkey:10, c_name:25,\nc_region :12 , 5: 3", &[10, 25, 12, 3]),
            ("a:b:7", &[7]),
            (":2", &[2]),
        ] {
            assert_eq!(parse_widths(spec, expected.len()).unwrap(), expected, "{spec}");
        }
        for (spec, message) in [
            ("", "FIXEDWIDTH needs 'label:width, ...', not ''"),
            ("a:1,", "FIXEDWIDTH needs 'label:width, ...', not ''"),
            ("a", "FIXEDWIDTH needs 'label:width, ...', not 'a'"),
            ("a:0", "FIXEDWIDTH needs 'label:width, ...', not 'a:0'"),
            ("a:-1", "FIXEDWIDTH needs 'label:width, ...', not 'a:-1'"),
            ("a:+1", "FIXEDWIDTH needs 'label:width, ...', not 'a:+1'"),
            ("a:1,b:2", "FIXEDWIDTH has 2 widths, but 1 columns are loaded"),
        ] {
            assert_eq!(parse_widths(spec, 1).unwrap_err().message, message, "{spec}");
        }
    }

    #[test]
    fn widths_count_characters() {
        for (text, width, bytes) in
            [("abc", 2, 2), ("abc", 5, 3), ("üab", 1, 2), ("a€𝄞b", 3, 8), ("ü", 1, 2), ("", 3, 0)]
        {
            assert_eq!(prefix_bytes(text.as_bytes(), width, text.is_ascii()), bytes, "{text}");
        }
        assert_eq!(prefix_bytes(b"\xa4\xa4ab", 1, false), 2);
    }
}
