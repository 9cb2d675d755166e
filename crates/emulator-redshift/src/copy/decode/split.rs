//! Splits JSON text into its root-level structures, over the borders of chunks.
//!
//! Finds where each structure ends by its brackets and strings; whether it is well formed is for
//! `json` to say. Memory is bounded: white space and what is not JSON is not kept, and a structure
//! may have 4 MB (Database Developer Guide, "COPY from JSON format").

use super::scan::{find_string_stop, is_blank};

/// "The maximum size of a single JSON object or array" (§8).
pub(in crate::copy) const STRUCTURE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A group is handed on when it has this many bytes.
const GROUP_BYTES: usize = 256 * 1024;

/// What stands between white space at root level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum RecordKind {
    /// From `{` to its bracket.
    Object,
    /// From `[` to its bracket.
    Array,
    /// Begun with a bracket that is not closed, or that a string with a line break makes hopeless.
    Broken,
    /// Anything else: one run without white space.
    Stray,
    /// Larger than it may be; only its beginning is there, and it ends the load.
    TooLong,
    /// A row of text, without its line break.
    Row,
    /// A whole file that does not have the encoding of the statement; nothing of it is there.
    WrongEncoding,
}

/// A record of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct Record {
    pub(in crate::copy) kind: RecordKind,
    /// Its bytes in the group.
    pub(in crate::copy) start: usize,
    pub(in crate::copy) end: usize,
    /// The last line of a structure, the first of a row; from 1.
    pub(in crate::copy) line: u64,
}

/// Splits one file.
pub(in crate::copy) struct Splitter {
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been looked at.
    scanned: usize,
    records: Vec<Record>,
    state: State,
    /// Opening brackets of the structure that is open.
    brackets: Vec<u8>,
    /// Line breaks so far.
    breaks: u64,
    header_lines: u64,
    /// Whether the last line has a character.
    line_begun: bool,
}

#[derive(Clone, Copy)]
enum State {
    /// Between structures.
    Between,
    /// In a run that is no JSON; its record exists already.
    Stray,
    /// In a structure that began there, not in a string.
    Inside { start: usize },
    /// In a string of such a structure.
    InString { start: usize },
    /// After a backslash in such a string.
    Escaped { start: usize },
    /// After a structure that was too long.
    Ended,
}

impl Splitter {
    /// `header_lines` lines of the file are skipped, but counted.
    pub(in crate::copy) fn new(header_lines: u64) -> Splitter {
        Splitter {
            buffer: Vec::with_capacity(GROUP_BYTES + GROUP_BYTES / 2),
            scanned: 0,
            records: Vec::new(),
            state: State::Between,
            brackets: Vec::new(),
            breaks: 0,
            header_lines,
            line_begun: false,
        }
    }

    /// Takes the next bytes of the file; false if a structure is too long, which ends the file.
    pub(in crate::copy) fn push(&mut self, chunk: &[u8]) -> bool {
        let chunk = self.skip_header(chunk);
        self.buffer.extend_from_slice(chunk);
        if let Some(last) = chunk.last() {
            self.line_begun = *last != b'\n';
        }
        self.scan();
        if let State::Inside { start } | State::InString { start } | State::Escaped { start } =
            self.state
            && self.scanned - start > STRUCTURE_BYTES_MAX
        {
            self.emit(RecordKind::TooLong, start, self.scanned);
            self.state = State::Ended;
        }
        !matches!(self.state, State::Ended)
    }

    /// The whole records so far, if they are enough for a group or if it is the `last`.
    pub(in crate::copy) fn take_group(&mut self, last: bool) -> Option<(Vec<u8>, Vec<Record>)> {
        if self.buffer.len() < GROUP_BYTES && !last {
            return None;
        }
        let cut = match &mut self.state {
            State::Inside { start } | State::InString { start } | State::Escaped { start } => {
                std::mem::take(start)
            }
            State::Between | State::Stray | State::Ended => self.scanned,
        };
        let mut rest = Vec::with_capacity(GROUP_BYTES + GROUP_BYTES / 2);
        rest.extend_from_slice(&self.buffer[cut..]);
        self.scanned -= cut;
        let mut bytes = std::mem::replace(&mut self.buffer, rest);
        bytes.truncate(cut);
        let records = std::mem::take(&mut self.records);
        // Only white space, or the tail of a run whose record is gone already.
        if records.is_empty() { None } else { Some((bytes, records)) }
    }

    /// The rest of the file, and how many lines it had in all.
    pub(in crate::copy) fn finish(mut self) -> (Vec<u8>, Vec<Record>, u64) {
        if let State::Inside { start } | State::InString { start } | State::Escaped { start } =
            self.state
        {
            self.emit_broken_before(start);
        }
        (self.buffer, self.records, self.breaks + u64::from(self.line_begun))
    }

    fn skip_header<'a>(&mut self, mut chunk: &'a [u8]) -> &'a [u8] {
        while self.header_lines > 0 {
            let Some(index) = chunk.iter().position(|byte| *byte == b'\n') else {
                self.line_begun |= !chunk.is_empty();
                return &[];
            };
            chunk = &chunk[index + 1..];
            self.header_lines -= 1;
            self.breaks += 1;
            self.line_begun = false;
        }
        chunk
    }

    fn emit(&mut self, kind: RecordKind, start: usize, end: usize) {
        self.records.push(Record { kind, start, end, line: self.breaks + 1 });
    }

    fn scan(&mut self) {
        while self.scanned < self.buffer.len() {
            match self.state {
                State::Between => self.scan_between(),
                State::Stray => self.scan_stray(),
                State::Inside { start } => self.scan_inside(start),
                State::InString { start } => self.scan_string(start),
                State::Escaped { start } => {
                    // A line break here is as hopeless as one in the string.
                    let step = usize::from(self.buffer[self.scanned] != b'\n');
                    self.scanned += step;
                    self.state = State::InString { start };
                }
                State::Ended => return,
            }
        }
    }

    fn scan_between(&mut self) {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            match byte {
                b'\n' => self.breaks += 1,
                blank if is_blank(blank) => {}
                b'{' | b'[' => return self.open(byte),
                _ => {
                    self.emit(RecordKind::Stray, self.scanned, self.scanned + 1);
                    self.state = State::Stray;
                    self.scanned += 1;
                    return;
                }
            }
            self.scanned += 1;
        }
    }

    /// One run is one error, up to white space or the next structure. [?] §8: "one per instance".
    fn scan_stray(&mut self) {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            if is_blank(byte) || matches!(byte, b'{' | b'[') {
                self.state = State::Between;
                return;
            }
            self.scanned += 1;
            // After a cut the record is gone with its group: the run was reported there.
            if let Some(record) = self.records.last_mut()
                && record.end + 1 == self.scanned
            {
                record.end = self.scanned;
            }
        }
    }

    fn open(&mut self, bracket: u8) {
        self.brackets.clear();
        self.brackets.push(bracket);
        self.state = State::Inside { start: self.scanned };
        self.scanned += 1;
    }

    fn scan_inside(&mut self, start: usize) {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            match byte {
                b'"' => {
                    self.scanned += 1;
                    self.state = State::InString { start };
                    self.scan_string(start);
                    if !matches!(self.state, State::Inside { .. }) {
                        return;
                    }
                    continue;
                }
                b'{' if self.begins_anew(start) => {
                    self.emit_broken_before(start);
                    return self.open(byte);
                }
                b'{' | b'[' => self.brackets.push(byte),
                b'}' | b']' => {
                    // Whether the brackets match is for `json` to say.
                    let bracket = self.brackets.pop();
                    if self.brackets.is_empty() {
                        self.scanned += 1;
                        return self.close(bracket == Some(b'['), start);
                    }
                }
                b'\n' => self.breaks += 1,
                _ => {}
            }
            self.scanned += 1;
        }
    }

    fn close(&mut self, array: bool, start: usize) {
        let (kind, state) = match array {
            _ if self.scanned - start > STRUCTURE_BYTES_MAX => (RecordKind::TooLong, State::Ended),
            true => (RecordKind::Array, State::Between),
            false => (RecordKind::Object, State::Between),
        };
        self.emit(kind, start, self.scanned);
        self.state = state;
    }

    fn scan_string(&mut self, start: usize) {
        loop {
            self.scanned = find_string_stop(&self.buffer, self.scanned);
            let Some(&byte) = self.buffer.get(self.scanned) else { return };
            match byte {
                b'"' => {
                    self.scanned += 1;
                    self.state = State::Inside { start };
                    return;
                }
                b'\\' if self.buffer.get(self.scanned + 1).is_some_and(|next| *next != b'\n') => {
                    self.scanned += 2;
                }
                b'\\' => {
                    self.scanned += 1;
                    self.state = State::Escaped { start };
                    return;
                }
                b'\n' => {
                    // A string cannot hold a line break: its quote is missing, and were the string
                    // believed, the rest of the file would be read inside out.
                    self.emit(RecordKind::Broken, start, self.scanned);
                    self.state = State::Between;
                    return;
                }
                // Other control characters are errors too, but of this structure alone.
                _ => self.scanned += 1,
            }
        }
    }

    /// Whether this `{`, first on its line, cannot belong to the open structure, whose closing
    /// bracket was forgotten: "COPY goes on to search for the next structure" (§8).
    fn begins_anew(&self, start: usize) -> bool {
        let before = &self.buffer[start..self.scanned];
        let Some(index) = before.iter().rposition(|byte| !is_blank(*byte)) else { return false };
        if !before[index..].contains(&b'\n') {
            return false;
        }
        match before[index] {
            b':' | b'[' => false,
            b',' => self.brackets.last() == Some(&b'{'),
            _ => true,
        }
    }

    /// The open structure ends with its last character; the white space after it is not its own.
    fn emit_broken_before(&mut self, start: usize) {
        let before = &self.buffer[start..self.scanned];
        let length = before.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
        let after = before[length..].iter().filter(|byte| **byte == b'\n').count() as u64;
        let line = self.breaks + 1 - after;
        let end = start + length;
        self.records.push(Record { kind: RecordKind::Broken, start, end, line });
    }
}

#[cfg(test)]
mod tests;
