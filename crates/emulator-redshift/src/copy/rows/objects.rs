//! A JSON structure becomes a row (Database Developer Guide, "COPY from JSON format").

use memchr::{memchr, memchr2};

use super::fields::{count_pipes, nul_in_field, too_long as row_too_long};
use super::{Plan, RowError};
use crate::copy::convert::{FieldError, FieldText, write_out_exponent};
use crate::copy::decode::json::paths::PathReader;
use crate::copy::decode::json::{
    NotJson, ObjectReader, ValueKind, ValueRange, decode_string, join_lines,
};
use crate::copy::decode::lines::ROW_BYTES_MAX;
use crate::copy::decode::split::{RecordKind, STRUCTURE_BYTES_MAX};
use crate::copy::rejects::code;
use crate::copy::target::ColumnType;

/// What finds the values of the columns in a structure.
pub(super) enum StructureReader<'a> {
    /// By the names of the members.
    Members(ObjectReader<'a>),
    /// By JSONPaths.
    Paths(PathReader<'a>),
    /// The structure is the value of the one column there is.
    Document,
}

impl StructureReader<'_> {
    fn read(&mut self, bytes: &[u8], values: &mut [ValueRange]) -> Result<(), NotJson> {
        match self {
            StructureReader::Members(reader) => reader.read(bytes, values),
            StructureReader::Paths(reader) => reader.read(bytes, values),
            StructureReader::Document => {
                values.fill(ValueRange { kind: ValueKind::Nested, start: 0, end: bytes.len() });
                Ok(())
            }
        }
    }
}

/// Reads the structures of a group.
pub(super) struct ObjectRows<'a> {
    plan: &'a Plan,
    reader: StructureReader<'a>,
    values: Vec<ValueRange>,
    decoded: Vec<u8>,
}

impl<'a> ObjectRows<'a> {
    pub(super) fn new(plan: &'a Plan, reader: StructureReader<'a>) -> ObjectRows<'a> {
        let values = vec![ValueRange::MISSING; plan.columns.len()];
        ObjectRows { plan, reader, values, decoded: Vec::new() }
    }

    /// Appends the row of a record; the first column in which characters were replaced.
    pub(super) fn row(
        &mut self,
        kind: RecordKind,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, RowError<'a>> {
        let by_name = matches!(self.reader, StructureReader::Members(_));
        match kind {
            RecordKind::Array if by_name => Err(RowError::whole(not_an_object())),
            RecordKind::Object | RecordKind::Array => self.structure(bytes, out),
            RecordKind::TooLong => {
                let array = by_name && bytes[0] == b'[';
                let error = if array { not_an_object() } else { too_long() };
                Err(RowError { hopeless: true, ..RowError::whole(error) })
            }
            RecordKind::Broken
            | RecordKind::Stray
            | RecordKind::Row
            | RecordKind::WrongEncoding => Err(RowError::whole(invalid_value(self.offset(bytes)))),
        }
    }

    fn structure(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, RowError<'a>> {
        self.reader
            .read(bytes, &mut self.values)
            .map_err(|NotJson(offset)| RowError::whole(invalid_value(offset)))?;
        // "In calculating row size, Amazon Redshift internally counts pipe characters ( | ) twice."
        if ROW_BYTES_MAX / 2 < bytes.len() && ROW_BYTES_MAX < row_bytes(bytes, &self.values) {
            return Err(row_too_long());
        }
        let utf8 = std::str::from_utf8(bytes).is_ok();
        let mut replaced = None;
        for (index, (value, column)) in self.values.iter().zip(&self.plan.columns).enumerate() {
            let missed = match value.kind {
                ValueKind::NotAnObject => Some(not_an_object()),
                ValueKind::NotAnElement => Some(not_an_element()),
                _ => None,
            };
            if let Some(error) = missed {
                return Err(RowError::field(column, Vec::new(), error));
            }
            let text = match column.column_type {
                ColumnType::Super => json_text(bytes, *value, utf8),
                _ => field_text(bytes, *value, utf8, &column.column_type, &mut self.decoded),
            };
            let text = match (text, &column.column_type) {
                (Some(text), ColumnType::Varchar(_) | ColumnType::Char(_)) if !text.plain => {
                    up_to_nul(text)
                        .map_err(|error| RowError::field(column, text.bytes.to_vec(), error))?
                }
                (text, _) => text,
            };
            let put = self.plan.put(index, text, out);
            if put.map_err(|error| error.of_literal(bytes, *value))? {
                replaced.get_or_insert(index);
            }
        }
        Ok(replaced)
    }

    /// Where a record that is no structure stops being one.
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
    column: &ColumnType,
    decoded: &'b mut Vec<u8>,
) -> Option<FieldText<'b>> {
    let raw = &bytes[value.start..value.end];
    match value.kind {
        ValueKind::Missing | ValueKind::Null | ValueKind::NotAnObject | ValueKind::NotAnElement => {
            None
        }
        ValueKind::Literal if is_exact(column) && write_out_exponent(raw, decoded) => {
            Some(FieldText { bytes: decoded, utf8: true, plain: true })
        }
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
        ValueKind::Nested => {
            let lines = memchr2(b'\n', b'\r', raw).is_some();
            if lines {
                join_lines(raw, decoded);
            }
            let bytes = if lines { decoded } else { raw };
            Some(FieldText { bytes, utf8, plain: false })
        }
    }
}

/// Whether the column takes digits only, where a JSON number may have an exponent. [?]
fn is_exact(column: &ColumnType) -> bool {
    use ColumnType::{BigInt, Integer, Numeric, SmallInt, Timestamp, TimestampTz};
    matches!(column, SmallInt | Integer | BigInt | Numeric { .. } | Timestamp | TimestampTz)
}

impl RowError<'_> {
    /// With a number as the file has it.
    fn of_literal(mut self, bytes: &[u8], value: ValueRange) -> Self {
        if let (ValueKind::Literal, Some((_, text))) = (value.kind, &mut self.field) {
            *text = bytes[value.start..value.end].to_vec().into();
        }
        self
    }
}

/// What the values of the columns have, a vertical bar twice.
fn row_bytes(bytes: &[u8], values: &[ValueRange]) -> usize {
    let values = values.iter().map(|value| &bytes[value.start..value.end]);
    values.map(|value| value.len() + count_pipes(value)).sum()
}

/// A NUL ends a character string; one that begins with a NUL is NULL if nothing follows, else an
/// error (seen by estuary/connectors #839).
fn up_to_nul(text: FieldText<'_>) -> Result<Option<FieldText<'_>>, FieldError> {
    match memchr(0, text.bytes) {
        None => Ok(Some(text)),
        Some(0) if text.bytes.len() == 1 => Ok(None),
        Some(0) => Err(nul_in_field(0)),
        Some(end) => Ok(Some(FieldText { bytes: &text.bytes[..end], ..text })),
    }
}

/// The value as JSON, for a SUPER column; `None` is NULL.
fn json_text(bytes: &[u8], value: ValueRange, utf8: bool) -> Option<FieldText<'_>> {
    let range = match value.kind {
        ValueKind::Missing | ValueKind::Null | ValueKind::NotAnObject | ValueKind::NotAnElement => {
            return None;
        }
        ValueKind::String { .. } => value.start - 1..value.end + 1,
        ValueKind::Literal | ValueKind::Nested => value.start..value.end,
    };
    Some(FieldText { bytes: &bytes[range], utf8, plain: false })
}

/// "Member is not an object": what a top-level array gives under 'auto' (§8).
fn not_an_object() -> FieldError {
    whole_row(0, "Invalid JSONPath format: Member is not an object.".to_string())
}

/// In the words of the guide ("JSONPath expressions").
fn not_an_element() -> FieldError {
    whole_row(0, "Invalid JSONPath format: Not an array or index out of range.".to_string())
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
