//! Parameters of type VARBYTE: a text for one is hexadecimal digits, as drivers send it, while a
//! literal in the statement stands for its own bytes ("VARBYTE type"; `redshift_connector`).
//!
//! Which parameters are VARBYTEs is known from what a client declares or asks to be described. Of
//! the others the relay asks Postgres itself, once a value could be meant.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{Fields, Frame};

/// The type's OID, by which drivers know it.
const VARBYTE: i32 = 6551;
/// What a client declares that leaves the type to Postgres: nothing, or `unknown`.
const UNDECLARED: [i32; 2] = [0, 705];

/// What is known of the parameters of prepared statements, by the statements' names.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// The OIDs of the types. A statement that is not here may have parameters of any.
    statements: HashMap<Vec<u8>, Vec<i32>>,
    parse_count: u64,
}

/// What becomes of a Bind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// It stays as it is.
    Same,
    /// This is its body.
    Changed(Bytes),
    /// Postgres has to be asked for the types first.
    Unknown,
}

/// A description that was asked for: the statement, and how many there had been before.
#[derive(Debug)]
pub(crate) struct Asked {
    statement: Vec<u8>,
    parse_count: u64,
}

impl Parameters {
    /// A statement is prepared; `types` is what Parse says of its parameters.
    pub(crate) fn declared(&mut self, statement: &[u8], types: &[u8]) {
        self.parse_count += 1;
        self.forget(statement);
        let mut fields = Fields::new(types);
        let count = fields.array().map_or(0, u16::from_be_bytes);
        let types: Vec<i32> = (0..count).map_while(|_| fields.int32()).collect();
        if !types.is_empty() {
            self.statements.insert(statement.to_vec(), types);
        }
    }

    /// A statement is to be described.
    pub(crate) fn asked(&self, statement: &[u8]) -> Asked {
        Asked { statement: statement.to_vec(), parse_count: self.parse_count }
    }

    /// Reads a ParameterDescription.
    pub(super) fn described(&mut self, asked: Asked, frame: &Frame) {
        if asked.parse_count != self.parse_count {
            return; // The name may mean another statement by now.
        }
        let mut fields = frame.fields();
        let count = fields.array().map_or(0, u16::from_be_bytes);
        let types = (0..count).map_while(|_| fields.int32()).collect();
        self.statements.insert(asked.statement, types);
    }

    /// A statement is no more.
    pub(crate) fn forget(&mut self, statement: &[u8]) {
        self.statements.remove(statement);
    }

    /// Something failed: nobody knows which statements there are.
    pub(super) fn forget_all(&mut self) {
        self.statements.clear();
    }

    /// A Bind as Postgres is to have it.
    pub(crate) fn bind(&self, frame: &Frame) -> Binding {
        let mut fields = frame.fields();
        let types = match (fields.text(), fields.text()) {
            (Some(_), Some(statement)) => self.statements.get(statement),
            _ => return Binding::Same,
        };
        // Of a malformed one Postgres says what is wrong.
        bound(frame, types.map_or(&[], Vec::as_slice)).unwrap_or(Binding::Same)
    }
}

fn bound(frame: &Frame, types: &[i32]) -> Option<Binding> {
    let mut fields = frame.fields();
    let names = (fields.text()?, fields.text()?);
    let format_count = fields.array().map(u16::from_be_bytes)?;
    let formats: Vec<i16> =
        (0..format_count).map(|_| fields.array().map(i16::from_be_bytes)).collect::<Option<_>>()?;
    let count = fields.array().map(u16::from_be_bytes)?;
    let mut values = Vec::with_capacity(usize::from(count));
    let mut has_digits = false;
    for number in 0..usize::from(count) {
        let Ok(bytes) = usize::try_from(fields.int32()?) else {
            values.push((None, false));
            continue;
        };
        let value = fields.bytes(bytes)?;
        // One format counts for all, none means text.
        let format = if formats.len() == 1 { formats.first() } else { formats.get(number) };
        let may_be_meant = format.is_none_or(|format| *format == 0) && is_hexadecimal(value);
        let is_digits = may_be_meant
            && match types.get(number) {
                Some(declared) if !UNDECLARED.contains(declared) => *declared == VARBYTE,
                _ => return Some(Binding::Unknown),
            };
        has_digits |= is_digits;
        values.push((Some(value), is_digits));
    }
    if !has_digits {
        return Some(Binding::Same);
    }
    let mut body = BytesMut::with_capacity(frame.body().len() + 2 * values.len());
    for name in [names.0, names.1] {
        body.put_slice(name);
        body.put_u8(0);
    }
    body.put_u16(format_count);
    formats.iter().for_each(|format| body.put_i16(*format));
    body.put_u16(count);
    for (value, is_digits) in values {
        let Some(value) = value else {
            body.put_i32(-1); // NULL
            continue;
        };
        let prefix: &[u8] = if is_digits { b"\\x" } else { b"" };
        body.put_i32(i32::try_from(prefix.len() + value.len()).ok()?);
        body.put_slice(prefix);
        body.put_slice(value);
    }
    body.put_slice(fields.rest());
    Some(Binding::Changed(body.freeze()))
}

fn is_hexadecimal(value: &[u8]) -> bool {
    !value.is_empty() && value.len().is_multiple_of(2) && value.iter().all(u8::is_ascii_hexdigit)
}
