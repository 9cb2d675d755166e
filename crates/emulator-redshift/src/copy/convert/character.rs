//! CHAR and VARCHAR (Database Developer Guide, "Character types", "Multibyte character load
//! errors").

use super::utf8::{self, hex};
use super::{Converted, FieldError, FieldText, Rules, is_white};
use crate::copy::rejects::code;

impl Rules {
    /// At most `length` bytes of UTF-8; blanks beyond are cut silently.
    pub(super) fn varchar(
        &self,
        text: FieldText<'_>,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<Converted, FieldError> {
        let mut replaced = Vec::new();
        let mut bytes = text.bytes;
        let mut converted = Converted::Value;
        let clean = text.utf8 && (text.plain || !bytes.contains(&0));
        // With ACCEPTINVCHARS also characters that are UTF-8 but no characters are replaced.
        if !clean || (self.accept_inv_chars.is_some() && !bytes.is_ascii()) {
            if let Some(replacement) = self.accept_inv_chars {
                if utf8::replace(bytes, replacement, &mut replaced) {
                    converted = Converted::Replaced;
                    bytes = &replaced;
                }
            } else if let Some(bad) = utf8::first_bad(bytes) {
                return Err(bad.error(bytes));
            }
        }
        if self.trim_blanks {
            let end = bytes.iter().rposition(|byte| !is_white(*byte)).map_or(0, |last| last + 1);
            bytes = &bytes[..end];
        }
        let cut = self.fit(bytes, length, "String length exceeds DDL length")?;
        write_escaped(&bytes[..cut], text.plain && converted == Converted::Value, out);
        Ok(converted)
    }

    /// At most `length` bytes of ASCII.
    pub(super) fn char(
        &self,
        text: FieldText<'_>,
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError> {
        let bytes = text.bytes;
        if let Some(position) = bytes.iter().position(|byte| !byte.is_ascii() || *byte == 0) {
            let tail = &bytes[position..];
            let bad = &tail[..utf8::sequence_length(tail)];
            let reason = format!(
                "Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid \
                 char: {}",
                hex(bad)
            );
            return Err(FieldError::at(position, code::UTF8, reason));
        }
        let cut = self.fit(bytes, length, "Char length exceeds DDL length")?;
        write_escaped(&bytes[..cut], text.plain, out);
        Ok(())
    }

    /// How many bytes of the text the column takes.
    fn fit(&self, bytes: &[u8], length: usize, reason: &str) -> Result<usize, FieldError> {
        if bytes.len() <= length {
            return Ok(bytes.len());
        }
        if self.truncate_columns {
            // Never in the middle of a character [?] §5
            let continues = |index: &usize| bytes[*index] & 0xC0 == 0x80;
            return Ok((0..=length).rev().find(|index| !continues(index)).unwrap_or(0));
        }
        match bytes[length..].iter().all(|byte| *byte == b' ') {
            true => Ok(length),
            false => Err(FieldError::at(length, code::TOO_LONG, reason)),
        }
    }
}

/// Writes text with the escapes of PostgreSQL's COPY; `plain` text needs none.
fn write_escaped(text: &[u8], plain: bool, out: &mut Vec<u8>) {
    if plain {
        return out.extend_from_slice(text);
    }
    let mut rest = text;
    let special = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r');
    while let Some(index) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..index]);
        out.extend_from_slice(match rest[index] {
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            _ => b"\\\\",
        });
        rest = &rest[index + 1..];
    }
    out.extend_from_slice(rest);
}
