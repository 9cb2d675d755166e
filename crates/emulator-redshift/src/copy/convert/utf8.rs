//! What is wrong with bytes that are not UTF-8 (Database Developer Guide, "Multibyte character load
//! errors").

use super::FieldError;
use crate::copy::rejects::code;

/// A sequence that VARCHAR does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadSequence {
    pub(super) start: usize,
    pub(super) length: usize,
    /// The number in the guide's list.
    pub(super) error: u8,
}

impl BadSequence {
    pub(super) fn error(&self, bytes: &[u8]) -> FieldError {
        let reason = format!(
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: {} \
             (error {})",
            hex(&bytes[self.start..self.start + self.length]),
            self.error,
        );
        FieldError::at(self.start, code::UTF8, reason)
    }
}

/// The first sequence that is not UTF-8, or NUL, which PostgreSQL cannot hold.
pub(super) fn first_bad(bytes: &[u8]) -> Option<BadSequence> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    if let Some(start) = bytes[..valid].iter().position(|byte| *byte == 0) {
        return Some(BadSequence { start, length: 1, error: 9 });
    }
    let rest = &bytes[valid..];
    let lead = *rest.first()?;
    let wanted = sequence_length_of(lead);
    let error = match (lead, rest.get(1)) {
        (0xF8..=0xFD, _) => 1,
        (0x80..=0xC1 | 0xFE | 0xFF, _) => 3,
        (0xF5..=0xF7, _) | (0xF4, Some(0x90..=0xBF)) => 8,
        (0xED, Some(0xA0..=0xBF)) => 5,
        _ if rest.len() < wanted && rest[1..].iter().all(|byte| byte & 0xC0 == 0x80) => 2,
        _ => 4,
    };
    Some(BadSequence { start: valid, length: wanted.min(rest.len()), error })
}

/// Bytes of the character that begins here, valid or not; at least one, at most what there is.
pub(super) fn sequence_length(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |lead| sequence_length_of(*lead).min(bytes.len()))
}

fn sequence_length_of(lead: u8) -> usize {
    match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    }
}

/// Bytes as `e0 a1`.
pub(super) fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}

/// Writes the text with each byte of what is not UTF-8, no character, or NUL replaced; whether
/// there was any (ACCEPTINVCHARS).
pub(super) fn replace(bytes: &[u8], replacement: u8, out: &mut Vec<u8>) -> bool {
    let mut replaced = false;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let length = character.len_utf8();
            if is_no_character(character) {
                replaced = true;
                out.extend(std::iter::repeat_n(replacement, length));
            } else {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        replaced |= !chunk.invalid().is_empty();
        out.extend(chunk.invalid().iter().map(|_| replacement));
    }
    replaced
}

fn is_no_character(character: char) -> bool {
    let code_point = character as u32;
    code_point == 0 || (0xFDD0..=0xFDEF).contains(&code_point) || code_point & 0xFFFE == 0xFFFE
}
