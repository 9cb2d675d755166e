//! SUPER: a JSON value (Database Developer Guide, "Loading semistructured data into Amazon
//! Redshift").
//!
//! The value is kept as text, in the order of the file; only white space between its parts goes.

use serde::de::IgnoredAny;

use super::FieldError;
use super::utf8;
use crate::copy::rejects::code;

/// Writes the JSON text with the escapes of PostgreSQL's COPY.
pub(super) fn document(text: &[u8], out: &mut Vec<u8>) -> Result<(), FieldError> {
    if let Some(bad) = utf8::first_bad(text) {
        return Err(bad.error(text));
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(text) {
        let position = error.column().saturating_sub(1).min(text.len());
        let reason = "The value of a SUPER column is not well-formed JSON"; // [?]
        return Err(FieldError::at(position, code::SUPER, reason));
    }
    let mut in_string = false;
    let mut escaped = false;
    for byte in text {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => continue,
            b'\\' => out.extend_from_slice(b"\\\\"),
            byte => out.push(*byte),
        }
        if *byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = *byte == b'\\' && !escaped;
    }
    Ok(())
}
