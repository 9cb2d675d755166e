//! SUPER: a JSON value (Database Developer Guide, "Loading semistructured data into Amazon
//! Redshift").
//!
//! The value is kept as text, in the order of the file; only white space between its parts goes.

use super::FieldError;
use super::utf8;
use crate::copy::decode::json::{NotDocument, check_document, decode_string};
use crate::copy::rejects::code;

/// Of a string in a SUPER value ("Limitations", SUPER).
const STRING_BYTES_MAX: usize = 65_535;
/// Of arrays and objects (there).
const DEPTH_MAX: usize = 1000;

/// Writes the JSON text with the escapes of PostgreSQL's COPY.
pub(super) fn document(text: &[u8], out: &mut Vec<u8>) -> Result<(), FieldError> {
    if let Some(bad) = utf8::first_bad(text) {
        return Err(bad.error(text));
    }
    check_document(text).map_err(|error| match error {
        NotDocument::NotJson(position) => {
            let reason = "The value of a SUPER column is not well-formed JSON"; // [?]
            FieldError::at(position, code::SUPER, reason)
        }
        // As clients have seen it: spark-redshift-community/spark-redshift #156.
        NotDocument::More(position) => {
            let reason = "Format with multiple values without array or object";
            FieldError::at(position, code::SUPER, reason)
        }
    })?;
    check_limits(text)?;
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

/// Refuses well-formed JSON that SUPER does not hold.
fn check_limits(text: &[u8]) -> Result<(), FieldError> {
    let (mut depth, mut string, mut escaped) = (0, None, false);
    for (index, byte) in text.iter().enumerate() {
        match (byte, string) {
            (b'"', Some(start)) if !escaped => {
                if is_long(&text[start..index]) {
                    // As clients have seen it, with this code.
                    let reason = "String value exceeds the max size of 65535 bytes";
                    return Err(FieldError::at(start, code::SUPER, reason));
                }
                string = None;
            }
            (b'"', None) => string = Some(index + 1),
            (b'{' | b'[', None) => depth += 1,
            (b'}' | b']', None) => depth -= 1,
            _ => {}
        }
        if DEPTH_MAX < depth {
            let reason = "The value of a SUPER column is nested deeper than 1000 levels"; // [?]
            return Err(FieldError::at(index, code::SUPER, reason));
        }
        escaped = *byte == b'\\' && !escaped;
    }
    Ok(())
}

fn is_long(raw: &[u8]) -> bool {
    if raw.len() <= STRING_BYTES_MAX {
        return false;
    }
    let mut decoded = Vec::with_capacity(raw.len());
    decode_string(raw, &mut decoded);
    STRING_BYTES_MAX < decoded.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(), (usize, &str)>) {
        let mut out = Vec::new();
        let outcome = document(text.as_bytes(), &mut out);
        let outcome = outcome.map_err(|error| (error.position, error.reason));
        let shown = outcome.as_ref().map_err(|(position, reason)| (*position, reason.as_str()));
        assert_eq!(shown.copied(), expected, "{}", &text[..text.len().min(60)]);
        if let Err((_, reason)) = outcome {
            assert!(out.is_empty(), "{reason} left {} bytes", out.len());
        }
    }

    #[test]
    fn a_value_is_as_deep_and_its_strings_as_long_as_super_holds() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        check(&nested(1000), Ok(()));
        let deep = "The value of a SUPER column is nested deeper than 1000 levels";
        check(&nested(1001), Err((1000, deep)));
        let long = |bytes: usize| format!("{{\"a\": \"{}\"}}", "x".repeat(bytes));
        check(&long(65_535), Ok(()));
        check(&long(65_536), Err((7, "String value exceeds the max size of 65535 bytes")));
        check(&format!("\"{}\"", "\\n".repeat(65_535)), Ok(()));
        check("[\"[\", \"\\\"{\", {}]", Ok(()));
    }

    #[test]
    fn what_follows_a_value_is_one_value_too_many() {
        let more = "Format with multiple values without array or object";
        check("{\"a\": 1} {\"a\": 2}", Err((9, more)));
        check("\"{\"created", Err((3, more)));
        check(" 1 ", Ok(()));
        check("text", Err((0, "The value of a SUPER column is not well-formed JSON")));
    }
}
