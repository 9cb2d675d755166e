//! A JSON structure becomes a row (Database Developer Guide, "COPY from JSON format").

use super::{Plan, RowError};
use crate::copy::convert::{FieldError, FieldText};
use crate::copy::decode::json::{
    MemberNames, NotJson, ObjectReader, ValueKind, ValueRange, decode_string,
};
use crate::copy::decode::split::{RecordKind, STRUCTURE_BYTES_MAX};
use crate::copy::rejects::code;
use crate::copy::target::ColumnType;

/// Reads the objects of a group by the names of their members.
pub(super) struct ObjectRows<'a> {
    plan: &'a Plan,
    reader: ObjectReader<'a>,
    values: Vec<ValueRange>,
    decoded: Vec<u8>,
}

impl<'a> ObjectRows<'a> {
    pub(super) fn new(plan: &'a Plan, names: &'a MemberNames) -> ObjectRows<'a> {
        ObjectRows {
            plan,
            reader: ObjectReader::new(names),
            values: vec![ValueRange::MISSING; plan.columns.len()],
            decoded: Vec::new(),
        }
    }

    /// Appends the row of a record; whether characters were replaced.
    pub(super) fn row(
        &mut self,
        kind: RecordKind,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, RowError<'a>> {
        match kind {
            RecordKind::Object => self.object(bytes, out),
            RecordKind::Array => Err(RowError::whole(not_an_object())),
            RecordKind::Broken
            | RecordKind::Stray
            | RecordKind::Row
            | RecordKind::WrongEncoding => Err(RowError::whole(invalid_value(self.offset(bytes)))),
            RecordKind::TooLong => {
                let error = if bytes[0] == b'[' { not_an_object() } else { too_long() };
                Err(RowError { hopeless: true, ..RowError::whole(error) })
            }
        }
    }

    fn object(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<bool, RowError<'a>> {
        self.reader
            .read(bytes, &mut self.values)
            .map_err(|NotJson(offset)| RowError::whole(invalid_value(offset)))?;
        let utf8 = std::str::from_utf8(bytes).is_ok();
        let mut replaced = false;
        for (index, value) in self.values.iter().enumerate() {
            let text = match self.plan.columns[index].column_type {
                ColumnType::Super => json_text(bytes, *value, utf8),
                _ => field_text(bytes, *value, utf8, &mut self.decoded),
            };
            replaced |= self.plan.put(index, text, out)?;
        }
        Ok(replaced)
    }

    /// Where a record that is no object stops being one.
    fn offset(&mut self, bytes: &[u8]) -> usize {
        match self.reader.read(bytes, &mut self.values) {
            Ok(()) => 0,
            Err(NotJson(offset)) => offset,
        }
    }
}

/// The text of a value; `None` is NULL.
fn field_text<'b>(
    bytes: &'b [u8],
    value: ValueRange,
    utf8: bool,
    decoded: &'b mut Vec<u8>,
) -> Option<FieldText<'b>> {
    let raw = &bytes[value.start..value.end];
    match value.kind {
        ValueKind::Missing | ValueKind::Null => None,
        // JSON strings have no control characters but as escapes.
        ValueKind::String { escaped: false } | ValueKind::Literal => {
            Some(FieldText { bytes: raw, utf8, plain: true })
        }
        ValueKind::String { escaped: true } => {
            decoded.clear();
            decode_string(raw, decoded);
            let utf8 = std::str::from_utf8(decoded).is_ok();
            Some(FieldText { bytes: decoded, utf8, plain: false })
        }
        ValueKind::Nested => Some(FieldText { bytes: raw, utf8, plain: false }),
    }
}

/// The value as JSON, for a SUPER column; `None` is NULL.
fn json_text(bytes: &[u8], value: ValueRange, utf8: bool) -> Option<FieldText<'_>> {
    let range = match value.kind {
        ValueKind::Missing | ValueKind::Null => return None,
        ValueKind::String { .. } => value.start - 1..value.end + 1,
        ValueKind::Literal | ValueKind::Nested => value.start..value.end,
    };
    Some(FieldText { bytes: &bytes[range], utf8, plain: false })
}

/// "Member is not an object": what a top-level array gives under 'auto' (§8).
fn not_an_object() -> FieldError {
    whole_row(0, "Invalid JSONPath format: Member is not an object.".to_string())
}

fn invalid_value(position: usize) -> FieldError {
    whole_row(position, "Invalid value.".to_string()) // [?]
}

fn too_long() -> FieldError {
    whole_row(0, format!("JSON object exceeds the maximum size of {STRUCTURE_BYTES_MAX} bytes")) // [?]
}

fn whole_row(position: usize, reason: String) -> FieldError {
    FieldError { code: code::INPUT_LINE, reason, position }
}
