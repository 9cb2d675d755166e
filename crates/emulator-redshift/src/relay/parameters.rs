//! Parameters of type VARBYTE: a text for one is hexadecimal digits, as drivers send it, while a
//! literal in the statement stands for its own bytes ("VARBYTE type"; `redshift_connector`).
//!
//! Which parameters are VARBYTEs is known once a client has asked to describe its statement.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::Frame;

/// The type's OID, by which drivers know it.
const VARBYTE: i32 = 6551;

/// The prepared statements with such parameters, by name.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    statements: HashMap<Vec<u8>, Vec<bool>>,
}

impl Parameters {
    /// Reads a ParameterDescription.
    pub(super) fn described(&mut self, statement: &[u8], frame: &Frame) {
        let mut fields = frame.fields();
        let count = fields.array().map_or(0, u16::from_be_bytes);
        let varbytes: Vec<bool> = (0..count).map(|_| fields.int32() == Some(VARBYTE)).collect();
        if varbytes.contains(&true) {
            self.statements.insert(statement.to_vec(), varbytes);
        } else {
            self.statements.remove(statement);
        }
    }

    /// A statement is prepared anew.
    pub(crate) fn forget(&mut self, statement: &[u8]) {
        if !self.statements.is_empty() {
            self.statements.remove(statement);
        }
    }

    /// The body of a Bind as Postgres is to have it; `None` if it may stay as it is.
    pub(crate) fn bind(&self, frame: &Frame) -> Option<Bytes> {
        if self.statements.is_empty() {
            return None;
        }
        let mut fields = frame.fields();
        let (portal, statement) = (fields.text()?, fields.text()?);
        let varbytes = self.statements.get(statement)?;
        let mut body = BytesMut::with_capacity(frame.body().len() + 64);
        for name in [portal, statement] {
            body.put_slice(name);
            body.put_u8(0);
        }
        let format_count = fields.array().map(u16::from_be_bytes)?;
        body.put_u16(format_count);
        let mut formats = Vec::new();
        for _ in 0..format_count {
            let format = fields.array().map(u16::from_be_bytes)?;
            body.put_u16(format);
            formats.push(format);
        }
        let count = fields.array().map(u16::from_be_bytes)?;
        body.put_u16(count);
        for number in 0..usize::from(count) {
            let length = fields.int32()?;
            let Ok(bytes) = usize::try_from(length) else {
                body.put_i32(length); // NULL
                continue;
            };
            let value = fields.bytes(bytes)?;
            // One format counts for all, none means text.
            let format = if formats.len() == 1 { formats.first() } else { formats.get(number) };
            let is_text = format.is_none_or(|format| *format == 0);
            let prefix: &[u8] = match varbytes.get(number) {
                Some(true) if is_text && is_hexadecimal(value) => b"\\x",
                _ => b"",
            };
            body.put_i32(length + i32::try_from(prefix.len()).ok()?);
            body.put_slice(prefix);
            body.put_slice(value);
        }
        body.put_slice(fields.rest());
        Some(body.freeze())
    }
}

fn is_hexadecimal(value: &[u8]) -> bool {
    value.len().is_multiple_of(2) && value.iter().all(u8::is_ascii_hexdigit)
}
