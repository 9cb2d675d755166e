//! VARBYTE: hexadecimal digits (Database Developer Guide, "VARBYTE type").

use super::{FieldError, trim};
use crate::copy::rejects::code;

/// Writes `\x…` as PostgreSQL's COPY reads a `bytea`.
pub(super) fn hexadecimal(text: &[u8], length: usize, out: &mut Vec<u8>) -> Result<(), FieldError> {
    let (start, digits) = trim(text);
    let bad = digits.iter().position(|byte| !byte.is_ascii_hexdigit());
    // An odd digit at the end is half a byte.
    let bad = bad.or((digits.len() % 2 == 1).then(|| digits.len() - 1));
    if let Some(position) = bad {
        let reason = "Invalid hexadecimal digit for VARBYTE"; // [?]
        return Err(FieldError::at(start + position, code::TYPE, reason));
    }
    if length < digits.len() / 2 {
        let reason = "Varbyte length exceeds DDL length"; // [?]
        return Err(FieldError::at(start + length * 2, code::TOO_LONG, reason));
    }
    out.extend_from_slice(b"\\\\x");
    out.extend_from_slice(digits);
    Ok(())
}
