//! Reads the fields of a row of text, one after the other (Database Developer Guide, "Data format
//! parameters", "Data conversion parameters": ESCAPE, REMOVEQUOTES).
//!
//! Knows no columns: what a field means is for `rows` to say.

use memchr::{memchr, memchr2};

use super::delimiter::Delimiter;
use super::lines::is_field_blank;
use super::scan::find_field_stop;

/// How fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum FieldFormat {
    /// CSV; the quote is no part of the delimiter.
    Csv { delimiter: Delimiter, quote: u8 },
    /// Text with a delimiter; the two options are ESCAPE and REMOVEQUOTES. With ESCAPE the
    /// delimiter has no backslash.
    Delimited { delimiter: Delimiter, escape: bool, remove_quotes: bool },
}

/// A field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct Field<'a> {
    /// Its text, without the quotes and escapes of the format.
    pub(in crate::copy) bytes: &'a [u8],
    /// Known to have no backslash and no control character.
    pub(in crate::copy) plain: bool,
    /// Whether it is written `\N`, of which ESCAPE makes `N`.
    pub(in crate::copy) escaped_null: bool,
    /// Where the next field begins; none after the last.
    pub(in crate::copy) next: Option<usize>,
}

/// A field that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct BadField<'a> {
    /// The text up to where it is wrong.
    pub(in crate::copy) bytes: &'a [u8],
    /// The byte of the field, from 0.
    pub(in crate::copy) position: usize,
    pub(in crate::copy) reason: &'static str,
}

/// Seen in clients' logs, with the code 1214 and the text before the quote.
const INVALID_QUOTE: &str = "Invalid quote formatting for CSV";
const MISSING_END_QUOTE: &str = "Delimited value missing end quote"; // [?]

impl FieldFormat {
    /// What stands between fields.
    pub(in crate::copy) fn delimiter(&self) -> &Delimiter {
        match self {
            FieldFormat::Csv { delimiter, .. } | FieldFormat::Delimited { delimiter, .. } => {
                delimiter
            }
        }
    }

    /// Reads the field that begins at `start`; `scratch` holds its text if it is not in the row.
    pub(in crate::copy) fn read<'a>(
        &self,
        row: &'a [u8],
        start: usize,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Field<'a>, BadField<'a>> {
        match self {
            FieldFormat::Csv { delimiter, quote } => {
                csv(row, start, Csv { delimiter, quote: *quote }, scratch)
            }
            FieldFormat::Delimited { delimiter, escape, remove_quotes } => {
                // The guide's example of ESCAPE with REMOVEQUOTES has a blank before the quote.
                let opening = || skip_to_quote(row, start, delimiter);
                if *remove_quotes && let Some(opening) = opening() {
                    return unquote(row, opening, delimiter, *escape, scratch);
                }
                if *escape {
                    let end = find_unescaped_delimiter(row, start, delimiter);
                    return Ok(unescaped(&row[start..end], next(row, end, delimiter), scratch));
                }
                let (end, plain) = find_end(row, start, delimiter, delimiter.first());
                let next = next(row, end, delimiter);
                Ok(Field { bytes: &row[start..end], plain, escaped_null: false, next })
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Csv<'f> {
    delimiter: &'f Delimiter,
    quote: u8,
}

fn csv<'a>(
    row: &'a [u8],
    start: usize,
    format: Csv<'_>,
    scratch: &'a mut Vec<u8>,
) -> Result<Field<'a>, BadField<'a>> {
    let Csv { delimiter, quote } = format;
    let opening = skip_blanks(row, start, format);
    if row.get(opening) == Some(&quote) {
        return quoted(row, start, opening + 1, format, scratch);
    }
    let (end, plain) = find_end(row, start, delimiter, quote);
    let bytes = &row[start..end];
    if row.get(end) == Some(&quote) {
        return Err(BadField { bytes, position: end - start, reason: INVALID_QUOTE });
    }
    Ok(Field { bytes, plain, escaped_null: false, next: next(row, end, delimiter) })
}

/// Reads a field whose text begins at `first`, after its quote. Quotes inside are doubled.
fn quoted<'a>(
    row: &'a [u8],
    start: usize,
    first: usize,
    format: Csv<'_>,
    scratch: &'a mut Vec<u8>,
) -> Result<Field<'a>, BadField<'a>> {
    let Csv { delimiter, quote } = format;
    let mut plain = true;
    let mut run = first;
    scratch.clear();
    let close = loop {
        let (close, run_plain) = find(row, run, quote, quote);
        plain &= run_plain;
        if close == row.len() {
            let position = close - start;
            return Err(BadField { bytes: &row[first..], position, reason: INVALID_QUOTE });
        }
        if row.get(close + 1) != Some(&quote) {
            break close;
        }
        scratch.extend_from_slice(&row[run..=close]);
        // The quote itself is text now.
        plain &= b' ' <= quote && quote != b'\\';
        run = close + 2;
    };
    let after = skip_blanks(row, close + 1, format);
    if after < row.len() && !delimiter.is_at(row, after) {
        let (bytes, position) = (&row[first..close], after - start);
        return Err(BadField { bytes, position, reason: INVALID_QUOTE });
    }
    let bytes = match run == first {
        true => &row[first..close],
        false => {
            scratch.extend_from_slice(&row[run..close]);
            &scratch[..]
        }
    };
    Ok(Field { bytes, plain, escaped_null: false, next: next(row, after, delimiter) })
}

/// Where the field begins with a quote, blanks before it aside; none if it does not.
fn skip_to_quote(row: &[u8], start: usize, delimiter: &Delimiter) -> Option<usize> {
    let visible = |at: &usize| !is_field_blank(row[*at]) || delimiter.is_at(row, *at);
    let opening = (start..row.len()).find(visible)?;
    let quote = matches!(row[opening], b'\'' | b'"') && !delimiter.is_at(row, opening);
    quote.then_some(opening)
}

/// Strips the quotes of a field that begins with one: up to the first that stands before a
/// delimiter or at the end of the row (REMOVEQUOTES; `''Black''` gives `'Black'`).
fn unquote<'a>(
    row: &'a [u8],
    start: usize,
    delimiter: &Delimiter,
    escape: bool,
    scratch: &'a mut Vec<u8>,
) -> Result<Field<'a>, BadField<'a>> {
    let quote = row[start];
    let mut close = start + 1;
    loop {
        close = match escape {
            true => find_unescaped(row, close, quote),
            false => memchr(quote, &row[close..]).map_or(row.len(), |index| close + index),
        };
        if close == row.len() {
            let bytes = &row[start..];
            return Err(BadField { bytes, position: 0, reason: MISSING_END_QUOTE });
        }
        if close + 1 == row.len() || delimiter.is_at(row, close + 1) {
            break;
        }
        close += 1;
    }
    let (text, next) = (&row[start + 1..close], next(row, close + 1, delimiter));
    if escape {
        return Ok(unescaped(text, next, scratch));
    }
    let plain = find_field_stop(text, 0, b'\\', b'\\') == text.len();
    Ok(Field { bytes: text, plain, escaped_null: false, next })
}

/// A field without its backslashes; each makes the next character an ordinary one. One at the very
/// end is kept. [?]
fn unescaped<'a>(raw: &'a [u8], next: Option<usize>, scratch: &'a mut Vec<u8>) -> Field<'a> {
    let (first, plain) = find(raw, 0, b'\\', b'\\');
    if first == raw.len() {
        return Field { bytes: raw, plain, escaped_null: false, next };
    }
    scratch.clear();
    let mut rest = raw;
    while let Some(index) = memchr(b'\\', rest) {
        scratch.extend_from_slice(&rest[..index]);
        scratch.push(rest.get(index + 1).copied().unwrap_or(b'\\'));
        rest = rest.get(index + 2..).unwrap_or_default();
    }
    scratch.extend_from_slice(rest);
    Field { bytes: scratch, plain: false, escaped_null: raw == b"\\N", next }
}

/// The first of two bytes at or after `from`, or the length; and whether what is before it needs no
/// escapes.
fn find(row: &[u8], from: usize, one: u8, other: u8) -> (usize, bool) {
    let stop = find_field_stop(row, from, one, other);
    match row.get(stop) {
        Some(byte) if *byte != one && *byte != other => {
            let found = memchr2(one, other, &row[stop..]);
            (found.map_or(row.len(), |index| stop + index), false)
        }
        _ => (stop, true),
    }
}

/// The first delimiter or `other` at or after `from`, or the length; and whether what is before it
/// needs no escapes.
fn find_end(row: &[u8], from: usize, delimiter: &Delimiter, other: u8) -> (usize, bool) {
    let first = delimiter.first();
    let (mut end, mut plain) = find(row, from, first, other);
    while row.get(end) == Some(&first) && !delimiter.is_at(row, end) {
        // Only the beginning of a delimiter, so it is text.
        let (next, run_plain) = find(row, end + 1, first, other);
        plain &= run_plain && b' ' <= first && first != b'\\';
        end = next;
    }
    (end, plain)
}

/// The first delimiter that no backslash stands before, or the length.
fn find_unescaped_delimiter(row: &[u8], from: usize, delimiter: &Delimiter) -> usize {
    let mut end = find_unescaped(row, from, delimiter.first());
    while end < row.len() && !delimiter.is_at(row, end) {
        end = find_unescaped(row, end + 1, delimiter.first());
    }
    end
}

/// The first `target` that no backslash stands before, or the length.
fn find_unescaped(row: &[u8], from: usize, target: u8) -> usize {
    let mut at = from;
    while let Some(index) = row.get(at..).and_then(|rest| memchr2(target, b'\\', rest)) {
        at += index;
        if row[at] == target {
            return at;
        }
        at += 2;
    }
    row.len()
}

fn skip_blanks(row: &[u8], mut at: usize, format: Csv<'_>) -> usize {
    while let Some(byte) = row.get(at)
        && is_field_blank(*byte)
        && *byte != format.quote
        && !format.delimiter.is_at(row, at)
    {
        at += 1;
    }
    at
}

/// Where the next field begins if this one ends at `end`.
fn next(row: &[u8], end: usize, delimiter: &Delimiter) -> Option<usize> {
    (end < row.len()).then(|| end + delimiter.length())
}

#[cfg(test)]
mod tests;
