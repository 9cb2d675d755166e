//! Splits text into its rows, over the borders of chunks.
//!
//! Finds only where rows end; what their fields are is for `fields` to say. Memory is bounded: a
//! row may have 4 MB (Database Developer Guide, "COPY", "maximum size of a single input row").

use memchr::{memchr, memchr_iter, memchr2};

use super::delimiter::Delimiter;
use super::split::{Record, RecordKind};

/// "The maximum size of a single input row from any source is 4 MB."
pub(in crate::copy) const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A group is handed on when it has this many bytes.
const GROUP_BYTES: usize = 256 * 1024;

/// Which line breaks end a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum RowEnd {
    /// Each.
    Every,
    /// Each but those after a backslash (ESCAPE).
    Unescaped,
    /// Each but those between quotes (CSV). A quote that is not the first of its field opens
    /// nothing: otherwise one stray quote would swallow the rows after it.
    Unquoted {
        /// The quote.
        quote: u8,
        /// What stands between fields.
        delimiter: Delimiter,
    },
}

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct LineRules {
    pub(in crate::copy) row_end: RowEnd,
    /// IGNOREBLANKLINES
    pub(in crate::copy) skip_blank: bool,
}

/// Splits one file.
pub(in crate::copy) struct LineSplitter {
    rules: LineRules,
    buffer: Vec<u8>,
    records: Vec<Record>,
    /// Where the open row begins.
    start: usize,
    /// Bytes of the buffer that have been looked at.
    scanned: usize,
    /// The line on which the open row begins, from 1.
    line: u64,
    /// Whether the open row may have line breaks inside.
    broken: bool,
    /// Whether a quote is open.
    quoted: bool,
    /// Where the last escaped character ends.
    escaped_end: usize,
    header_rows: u64,
    ended: bool,
}

impl LineSplitter {
    /// `header_rows` rows of the file are skipped, but their lines are counted.
    pub(in crate::copy) fn new(rules: LineRules, header_rows: u64) -> LineSplitter {
        LineSplitter {
            rules,
            buffer: Vec::with_capacity(GROUP_BYTES + GROUP_BYTES / 2),
            records: Vec::new(),
            start: 0,
            scanned: 0,
            line: 1,
            broken: false,
            quoted: false,
            escaped_end: 0,
            header_rows,
            ended: false,
        }
    }

    /// Takes the next bytes of the file; false if a row is too long, which ends the file.
    pub(in crate::copy) fn push(&mut self, chunk: &[u8]) -> bool {
        self.buffer.extend_from_slice(chunk);
        match self.rules.row_end {
            RowEnd::Every => self.scan_lines(),
            RowEnd::Unescaped => self.scan_escaped(),
            RowEnd::Unquoted { quote, delimiter } => self.scan_quoted(quote, &delimiter),
        }
        if !self.ended && self.buffer.len() - self.start > ROW_BYTES_MAX {
            self.end_too_long(self.buffer.len());
        }
        !self.ended
    }

    /// The whole rows so far, if they are enough for a group or if it is the `last`.
    pub(in crate::copy) fn take_group(&mut self, last: bool) -> Option<(Vec<u8>, Vec<Record>)> {
        let cut = if self.ended { self.buffer.len() } else { self.start };
        if (self.buffer.len() < GROUP_BYTES && !last) || cut == 0 {
            return None;
        }
        let mut rest = Vec::with_capacity(GROUP_BYTES + GROUP_BYTES / 2);
        rest.extend_from_slice(&self.buffer[cut..]);
        self.start = 0;
        self.scanned -= cut.min(self.scanned);
        self.escaped_end = self.escaped_end.saturating_sub(cut);
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(cut);
        let records = std::mem::take(&mut self.records);
        if records.is_empty() { None } else { Some((bytes, records)) }
    }

    /// The rest of the file, and how many lines it had in all.
    pub(in crate::copy) fn finish(mut self) -> (Vec<u8>, Vec<Record>, u64) {
        let rest = &self.buffer[self.start..];
        let mut lines = self.line - 1 + memchr_iter(b'\n', rest).count() as u64;
        if rest.last().is_some_and(|byte| *byte != b'\n') {
            lines += 1;
        }
        if !rest.is_empty() {
            self.end_row(self.buffer.len());
        }
        (self.buffer, self.records, lines)
    }

    fn scan_lines(&mut self) {
        while !self.ended {
            let Some(index) = memchr(b'\n', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                return;
            };
            self.end_row(self.scanned + index);
        }
    }

    fn scan_escaped(&mut self) {
        while !self.ended {
            let Some(index) = memchr2(b'\n', b'\\', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                return;
            };
            let at = self.scanned + index;
            if self.buffer[at] == b'\n' {
                self.end_row(at);
                continue;
            }
            // The character after a backslash may come with the next chunk.
            let Some(escaped) = self.buffer.get(at + 1) else {
                self.scanned = at;
                return;
            };
            self.broken |= *escaped == b'\n';
            self.scanned = at + 2;
            self.escaped_end = at + 2;
        }
    }

    fn scan_quoted(&mut self, quote: u8, delimiter: &Delimiter) {
        while !self.ended {
            let unseen = &self.buffer[self.scanned..];
            let found = match self.quoted {
                true => memchr(quote, unseen),
                false => memchr2(b'\n', quote, unseen),
            };
            let Some(index) = found else {
                self.scanned = self.buffer.len();
                return;
            };
            let at = self.scanned + index;
            if self.quoted {
                // Whether the quote is doubled may be seen only with the next chunk.
                let Some(next) = self.buffer.get(at + 1) else {
                    self.scanned = at;
                    return;
                };
                let doubled = *next == quote;
                self.quoted = doubled;
                self.scanned = at + 1 + usize::from(doubled);
            } else if self.buffer[at] == b'\n' {
                self.end_row(at);
            } else {
                let opens = opens_field(&self.buffer[self.start..at], quote, delimiter);
                self.quoted = opens;
                self.broken |= opens;
                self.scanned = at + 1;
            }
        }
    }

    /// Ends the open row before the byte at `end`: its line break, or the end of the file.
    fn end_row(&mut self, end: usize) {
        let row = &self.buffer[self.start..end];
        if row.len() > ROW_BYTES_MAX {
            return self.end_too_long(end);
        }
        // A carriage return before the line break belongs to it, unless it is escaped. [?] §5
        let carriage = row.last() == Some(&b'\r') && self.escaped_end != end;
        let row_end = end - usize::from(carriage);
        let inside = if self.broken { memchr_iter(b'\n', row).count() as u64 } else { 0 };
        let blank = row_end == self.start && self.rules.skip_blank;
        if self.header_rows > 0 {
            self.header_rows -= 1;
        } else if !blank {
            let (kind, start, line) = (RecordKind::Row, self.start, self.line);
            self.records.push(Record { kind, start, end: row_end, line });
        }
        self.line += 1 + inside;
        self.broken = false;
        self.start = self.buffer.len().min(end + 1);
        self.scanned = self.start;
    }

    fn end_too_long(&mut self, end: usize) {
        let (kind, start, line) = (RecordKind::TooLong, self.start, self.line);
        self.records.push(Record { kind, start, end, line });
        self.ended = true;
    }
}

/// Whether a quote after this part of a row opens its field: only white space may stand before it.
fn opens_field(mut before: &[u8], quote: u8, delimiter: &Delimiter) -> bool {
    while let Some((last, rest)) = before.split_last() {
        if before.ends_with(delimiter.bytes()) {
            return true;
        }
        if *last == quote || !is_field_blank(*last) {
            return false;
        }
        before = rest;
    }
    true
}

/// White space between a delimiter and a quote (Database Developer Guide, "Data format parameters",
/// CSV); not if it is the delimiter itself.
pub(super) fn is_field_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests;
