//! CHAR and VARCHAR: lengths are in bytes, and blanks beyond them are cut ("Character types").

use std::borrow::Cow;

use super::object::RawValue;
use super::refusal::{Misfit, Rule};
use super::value::Loads;

/// Whether `text` fits VARCHAR(`bytes_max`).
pub(super) fn fit_varchar(raw: RawValue<'_>, text: &str, bytes_max: u32) -> Result<Loads, Misfit> {
    if text.contains('\0') {
        let complaint = "holds the NUL character, which the warehouse cannot store";
        return Err(Misfit::of_value(Rule::NulCharacter, raw, complaint));
    }
    let bytes = text.len();
    if bytes_max as usize >= bytes {
        return Ok(Loads::Value);
    }
    let bytes = text.trim_end_matches(' ').len();
    if bytes_max as usize >= bytes {
        return Ok(Loads::Value);
    }
    let characters = text.trim_end_matches(' ').chars().count();
    let counted = if characters == bytes { "" } else { " (lengths count bytes, not characters)" };
    let complaint = format!("has {bytes} bytes, the column takes {bytes_max}{counted}");
    Err(Misfit::of_value(Rule::TooLong, raw, &complaint))
}

/// Whether `text` fits CHAR(`bytes_max`): as VARCHAR, but ASCII only.
pub(super) fn fit_char(raw: RawValue<'_>, text: &str, bytes_max: u32) -> Result<Loads, Misfit> {
    if let Some(character) = text.chars().find(|character| !character.is_ascii()) {
        let complaint = format!(
            "holds {character:?}, which has {} bytes; CHAR takes single-byte characters only",
            character.len_utf8()
        );
        return Err(Misfit::of_value(Rule::Multibyte, raw, &complaint));
    }
    fit_varchar(raw, text, bytes_max)
}

/// A text that fits, as the column will hold it: without the blanks beyond its length.
pub(super) fn as_stored(text: Cow<'_, str>, bytes_max: u32) -> Cow<'_, str> {
    let end = bytes_max as usize;
    if text.len() <= end {
        return text;
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.is_char_boundary(end) {
                text.truncate(end);
            }
            Cow::Owned(text)
        }
    }
}
