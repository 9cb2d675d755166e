//! Reads one JSON object in one pass: which bytes are the value of which column.
//!
//! Strict (RFC 8259), without recursion and without a tree: values are ranges of the object's
//! bytes. The last of several members with one name wins. [?] §8

pub(in crate::copy) mod paths;

use std::collections::HashMap;

use memchr::memchr2;

use super::scan::{find_string_stop, is_blank};

/// What a member's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum ValueKind {
    /// There is no such member.
    Missing,
    Null,
    /// A string; the range is what stands between its quotes.
    String {
        /// Whether it has a backslash.
        escaped: bool,
    },
    /// A number, `true` or `false`.
    Literal,
    /// An object or an array.
    Nested,
    /// A path takes a member of what is no object.
    NotAnObject,
    /// A path takes an element of what is no array, or beyond its end.
    NotAnElement,
}

/// The value of a column: its bytes in the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct ValueRange {
    pub(in crate::copy) kind: ValueKind,
    pub(in crate::copy) start: usize,
    pub(in crate::copy) end: usize,
}

impl ValueRange {
    pub(in crate::copy) const MISSING: ValueRange =
        ValueRange { kind: ValueKind::Missing, start: 0, end: 0 };

    /// Where the value ends, its quote included.
    fn after(&self) -> usize {
        self.end + usize::from(matches!(self.kind, ValueKind::String { .. }))
    }
}

/// Where an object stops being JSON: a byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct NotJson(pub(in crate::copy) usize);

/// Why a text is not one JSON value, and the byte where it stops being one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum NotDocument {
    /// It is no JSON.
    NotJson(usize),
    /// Something follows a value.
    More(usize),
}

/// Checks that a text is one JSON value, however deep it is.
pub(in crate::copy) fn check_document(bytes: &[u8]) -> Result<(), NotDocument> {
    let value = value(&mut Vec::new(), bytes, skip_blanks(bytes, 0))
        .map_err(|NotJson(offset)| NotDocument::NotJson(offset))?;
    let after = skip_blanks(bytes, value.after());
    if after == bytes.len() { Ok(()) } else { Err(NotDocument::More(after)) }
}

/// The columns by the names of their members.
#[derive(Debug, Clone)]
pub(in crate::copy) struct MemberNames {
    columns: HashMap<Box<[u8]>, usize>,
    ignore_case: bool,
}

impl MemberNames {
    /// `ignore_case` is `'auto ignorecase'`; otherwise the case must be the column's.
    pub(in crate::copy) fn new<'a>(
        names: impl Iterator<Item = &'a str>,
        ignore_case: bool,
    ) -> MemberNames {
        let fold = |name: &str| match ignore_case {
            true => name.to_lowercase(),
            false => name.to_string(),
        };
        let columns = names
            .enumerate()
            .map(|(index, name)| (fold(name).into_bytes().into_boxed_slice(), index))
            .collect();
        MemberNames { columns, ignore_case }
    }

    fn column(&self, name: &[u8]) -> Option<usize> {
        if !self.ignore_case {
            return self.columns.get(name).copied();
        }
        let folded = std::str::from_utf8(name).ok()?.to_lowercase();
        self.columns.get(folded.as_bytes()).copied()
    }
}

/// Reads objects; remembers the order of members, which is mostly that of the object before.
pub(in crate::copy) struct ObjectReader<'a> {
    names: &'a MemberNames,
    /// Names as they came, each with its column.
    seen: Vec<(Vec<u8>, Option<usize>)>,
    expected: usize,
    brackets: Vec<u8>,
    decoded: Vec<u8>,
}

/// How many remembered names are compared before the table is asked.
const NAMES_AHEAD: usize = 4;
/// How many names are remembered at most.
const NAMES_MAX: usize = 1024;

impl<'a> ObjectReader<'a> {
    pub(in crate::copy) fn new(names: &'a MemberNames) -> ObjectReader<'a> {
        let (seen, brackets, decoded) = (Vec::new(), Vec::new(), Vec::new());
        ObjectReader { names, seen, expected: 0, brackets, decoded }
    }

    /// Reads an object from its `{` to its `}`; `values` has one place for each column.
    pub(in crate::copy) fn read(
        &mut self,
        bytes: &[u8],
        values: &mut [ValueRange],
    ) -> Result<(), NotJson> {
        values.fill(ValueRange::MISSING);
        self.expected = 0;
        let mut at = skip_blanks(bytes, expect(bytes, 0, b'{')?);
        if bytes.get(at) == Some(&b'}') {
            return end(bytes, at + 1);
        }
        loop {
            expect(bytes, at, b'"')?;
            let (name_end, escaped) = string_end(bytes, at + 1)?;
            let column = self.column(&bytes[at + 1..name_end], escaped);
            at = skip_blanks(bytes, name_end + 1);
            at = skip_blanks(bytes, expect(bytes, at, b':')?);
            let value = value(&mut self.brackets, bytes, at)?;
            at = skip_blanks(bytes, value.after());
            if let Some(column) = column {
                values[column] = value;
            }
            match bytes.get(at) {
                Some(b',') => at = skip_blanks(bytes, at + 1),
                Some(b'}') => return end(bytes, at + 1),
                _ => return Err(NotJson(at)),
            }
        }
    }

    fn column(&mut self, name: &[u8], escaped: bool) -> Option<usize> {
        let ahead = self.seen.iter().enumerate().skip(self.expected).take(NAMES_AHEAD);
        for (index, (known, column)) in ahead {
            if known == name {
                self.expected = index + 1;
                return *column;
            }
        }
        let column = if escaped {
            self.decoded.clear();
            decode_string(name, &mut self.decoded);
            self.names.column(&self.decoded)
        } else {
            self.names.column(name)
        };
        if self.expected == self.seen.len() && self.seen.len() < NAMES_MAX {
            self.seen.push((name.to_vec(), column));
            self.expected += 1;
        }
        column
    }
}

/// Any value, from its first byte.
fn value(brackets: &mut Vec<u8>, bytes: &[u8], at: usize) -> Result<ValueRange, NotJson> {
    let (kind, start, end) = match bytes.get(at) {
        Some(b'"') => {
            let (end, escaped) = string_end(bytes, at + 1)?;
            (ValueKind::String { escaped }, at + 1, end)
        }
        Some(b'{' | b'[') => (ValueKind::Nested, at, nested_end(brackets, bytes, at)?),
        Some(b'n') => (ValueKind::Null, at, scalar_end(bytes, at)?),
        _ => (ValueKind::Literal, at, scalar_end(bytes, at)?),
    };
    Ok(ValueRange { kind, start, end })
}

/// Where a nested object or array ends. The stack is ours: depth costs no stack of the thread.
fn nested_end(brackets: &mut Vec<u8>, bytes: &[u8], start: usize) -> Result<usize, NotJson> {
    brackets.clear();
    let mut at = start;
    loop {
        // A value begins here.
        at = skip_blanks(bytes, at);
        match bytes.get(at) {
            Some(&bracket @ (b'{' | b'[')) => {
                brackets.push(bracket);
                at = skip_blanks(bytes, at + 1);
                let closing = bracket + 2; // In ASCII both pairs are two apart.
                if bytes.get(at) != Some(&closing) {
                    at = if bracket == b'{' { member_value(bytes, at)? } else { at };
                    continue;
                }
                brackets.pop();
                at += 1;
            }
            Some(b'"') => at = string_end(bytes, at + 1)?.0 + 1,
            _ => at = scalar_end(bytes, at)?,
        }
        // A value has ended here: close brackets until there is a comma.
        loop {
            let Some(bracket) = brackets.last().copied() else { return Ok(at) };
            at = skip_blanks(bytes, at);
            match bytes.get(at) {
                Some(b',') if bracket == b'{' => {
                    at = member_value(bytes, skip_blanks(bytes, at + 1))?;
                    break;
                }
                Some(b',') => {
                    at += 1;
                    break;
                }
                Some(&closing) if closing == bracket + 2 => {
                    brackets.pop();
                    at += 1;
                }
                _ => return Err(NotJson(at)),
            }
        }
    }
}

/// From the name of a member to where its value may begin.
fn member_value(bytes: &[u8], at: usize) -> Result<usize, NotJson> {
    let (name_end, _) = string_end(bytes, expect(bytes, at, b'"')?)?;
    expect(bytes, skip_blanks(bytes, name_end + 1), b':')
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<usize, NotJson> {
    if bytes.get(at) == Some(&byte) { Ok(at + 1) } else { Err(NotJson(at)) }
}

fn end(bytes: &[u8], at: usize) -> Result<(), NotJson> {
    if at == bytes.len() { Ok(()) } else { Err(NotJson(at)) }
}

/// From after the opening quote to the closing quote, and whether there is a backslash between.
fn string_end(bytes: &[u8], from: usize) -> Result<(usize, bool), NotJson> {
    let mut at = from;
    let mut escaped = false;
    loop {
        at = find_string_stop(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += match bytes.get(at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                    Some(b'u') if hex4(&bytes[at + 2..]).is_some() => 6,
                    _ => return Err(NotJson(at)),
                };
            }
            _ => return Err(NotJson(at)),
        }
    }
}

/// The end of a number, `true`, `false` or `null`.
fn scalar_end(bytes: &[u8], start: usize) -> Result<usize, NotJson> {
    for word in [&b"true"[..], b"false", b"null"] {
        if bytes[start.min(bytes.len())..].starts_with(word) {
            return Ok(start + word.len());
        }
    }
    let digits = |mut at: usize| {
        let first = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at > first { Ok(at) } else { Err(NotJson(at)) }
    };
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut at = match bytes.get(first) {
        Some(b'0') => first + 1,
        _ => digits(first)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = digits(at + 1 + usize::from(signed))?;
    }
    Ok(at)
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.get(..4)?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + char::from(*digit).to_digit(16)?;
    }
    Some(value)
}

/// Writes a well-formed value as COPY loads it into a string: each line break goes, with the
/// indentation after it, other blanks stay (the values that "COPY from JSON format" shows for
/// `$['tags']` and `$['friends'][1]`). There are no line breaks within strings.
pub(in crate::copy) fn join_lines(raw: &[u8], joined: &mut Vec<u8>) {
    joined.clear();
    let mut rest = raw;
    while let Some(line_end) = memchr2(b'\n', b'\r', rest) {
        joined.extend_from_slice(&rest[..line_end]);
        rest = &rest[skip_blanks(rest, line_end)..];
    }
    joined.extend_from_slice(rest);
}

/// Decodes the inside of a string whose escapes are well formed.
///
/// A surrogate without its other half becomes the three bytes that would encode it: not UTF-8, so
/// that the check of the column sees it and reports it as such (error 5, "Multibyte character load
/// errors").
pub(in crate::copy) fn decode_string(raw: &[u8], decoded: &mut Vec<u8>) {
    let mut at = 0;
    while at < raw.len() {
        let run = raw[at..].iter().position(|byte| *byte == b'\\').unwrap_or(raw.len() - at);
        decoded.extend_from_slice(&raw[at..at + run]);
        at += run;
        let Some(escape) = raw.get(at + 1) else { return };
        at += 2;
        match escape {
            b'b' => decoded.push(8),
            b'f' => decoded.push(12),
            b'n' => decoded.push(b'\n'),
            b'r' => decoded.push(b'\r'),
            b't' => decoded.push(b'\t'),
            b'u' => {
                let Some(unit) = hex4(&raw[at..]) else { return };
                at += 4;
                let low = match raw.get(at..at + 2) {
                    Some(b"\\u") => hex4(&raw[at + 2..]),
                    _ => None,
                };
                at += push_unit(unit, low, decoded);
            }
            other => decoded.push(*other),
        }
    }
}

/// Writes a UTF-16 unit, with the one after it if they are a pair; gives the bytes which that took.
fn push_unit(unit: u32, next: Option<u32>, decoded: &mut Vec<u8>) -> usize {
    let mut buffer = [0; 4];
    if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (unit, next) {
        let scalar = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        let character = char::from_u32(scalar).expect("a surrogate pair is a character");
        decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        return "\\uXXXX".len();
    }
    match char::from_u32(unit) {
        Some(character) => decoded.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
        None => decoded.extend_from_slice(&[
            0xED,
            0x80 | ((unit >> 6) & 0x3F) as u8,
            0x80 | (unit & 0x3F) as u8,
        ]),
    }
    0
}

#[cfg(test)]
mod tests;
