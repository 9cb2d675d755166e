//! Turns the records of a group into rows for PostgreSQL, and into rejects. Runs on the workers.

use std::borrow::Cow;

use bytes::Bytes;

use super::convert::{Converted, FieldError, FieldText, Rules};
use super::decode::json::{
    MemberNames, NotJson, ObjectReader, ValueKind, ValueRange, decode_string,
};
use super::decode::split::{Record, RecordKind, STRUCTURE_BYTES_MAX};
use super::decode::{Group, Reading};
use super::failure::{CopyFailure, Refusal};
use super::load::{CopyContext, LoadedFile};
use super::options::{Format, Mapping};
use super::rejects::{LoadError, code, raw_text, reason_text};
use super::statement::CopyStatement;
use super::target::{ColumnType, TargetColumn, TargetTable, load_columns};

/// Rejects that are kept; the others are counted.
pub(super) const REJECTS_KEPT_MAX: usize = 1000;

/// Bytes of a chunk of rows; only a single row may be larger.
pub(super) const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// All that the workers need to know of a COPY.
pub(super) struct Plan {
    pub(super) reading: Reading,
    columns: Vec<TargetColumn>,
    names: MemberNames,
    rules: Rules,
    context: CopyContext,
    table_oid: u32,
}

/// What became of a group.
#[derive(Default)]
pub(super) struct ConvertedGroup {
    /// Whole rows.
    pub(super) chunks: Vec<Bytes>,
    /// In order; only the first are kept.
    pub(super) rejects: Vec<LoadError>,
    pub(super) row_count: u64,
    pub(super) reject_count: u64,
    /// Rows with characters replaced.
    pub(super) replaced_count: u64,
    /// A record was too long: the load cannot go on, whatever MAXERROR is.
    pub(super) hopeless: bool,
    pub(super) file: Option<LoadedFile>,
}

impl Plan {
    /// # Errors
    /// What the stand-in does not emulate, columns that the table lacks, formats that are none.
    pub(super) fn new(
        statement: &CopyStatement,
        table: &TargetTable,
        context: &CopyContext,
    ) -> Result<Plan, CopyFailure> {
        let options = &statement.options;
        if let Some(option) = options.unsupported() {
            return Err(Refusal::not_emulated(&option).into());
        }
        if statement.database.as_ref().is_some_and(|name| *name != context.database) {
            return Err(Refusal::not_emulated("COPY into another database").into());
        }
        let columns: Vec<TargetColumn> =
            load_columns(statement, table)?.into_iter().cloned().collect();
        let ignore_case = options.format == Format::Json(Mapping::AutoIgnoreCase);
        let names = columns.iter().map(|column| column.name.as_str());
        Ok(Plan {
            reading: Reading {
                compression: options.compression,
                header_lines: options.ignore_header.unwrap_or(0),
            },
            names: MemberNames::new(names, ignore_case),
            rules: Rules::new(options)?,
            context: context.clone(),
            table_oid: table.oid,
            columns,
        })
    }

    /// Converts all records of a group, in order.
    pub(super) fn convert(&self, group: Group) -> ConvertedGroup {
        let mut worker = Worker {
            plan: self,
            group: &group,
            reader: ObjectReader::new(&self.names),
            values: vec![ValueRange::MISSING; self.columns.len()],
            decoded: Vec::new(),
            chunk: Vec::with_capacity(group.bytes.len().min(CHUNK_BYTES_MAX)),
            converted: ConvertedGroup::default(),
        };
        for record in &group.records {
            worker.record(record);
        }
        let mut converted = worker.finish();
        converted.file = group.file;
        converted
    }
}

struct Worker<'a> {
    plan: &'a Plan,
    group: &'a Group,
    reader: ObjectReader<'a>,
    values: Vec<ValueRange>,
    decoded: Vec<u8>,
    /// Rows that are not in a chunk yet.
    chunk: Vec<u8>,
    converted: ConvertedGroup,
}

/// Why a row cannot be loaded.
struct RowError<'a> {
    /// The column and the text for it; none if the row could not be read at all.
    field: Option<(&'a TargetColumn, Cow<'a, [u8]>)>,
    error: FieldError,
}

impl<'a> Worker<'a> {
    fn record(&mut self, record: &Record) {
        let bytes = &self.group.bytes[record.start..record.end];
        let whole = |error| RowError { field: None, error };
        let outcome = match record.kind {
            RecordKind::Object => {
                let written = self.chunk.len();
                let outcome = self.object(bytes);
                if outcome.is_err() {
                    self.chunk.truncate(written);
                }
                outcome
            }
            RecordKind::Array => Err(whole(not_an_object())),
            RecordKind::Broken | RecordKind::Stray => Err(whole(invalid_value(self.offset(bytes)))),
            RecordKind::TooLong => {
                self.converted.hopeless = true;
                Err(whole(if bytes[0] == b'[' { not_an_object() } else { too_long() }))
            }
        };
        match outcome {
            Ok(replaced) => {
                self.converted.row_count += 1;
                self.converted.replaced_count += u64::from(replaced);
            }
            Err(error) => {
                self.converted.reject_count += 1;
                if self.converted.rejects.len() < REJECTS_KEPT_MAX {
                    let reject = self.reject(record, error);
                    self.converted.rejects.push(reject);
                }
            }
        }
    }

    /// Appends the row of an object; whether characters were replaced.
    fn object(&mut self, bytes: &'a [u8]) -> Result<bool, RowError<'a>> {
        self.reader
            .read(bytes, &mut self.values)
            .map_err(|NotJson(offset)| RowError { field: None, error: invalid_value(offset) })?;
        let written = self.chunk.len();
        let utf8 = std::str::from_utf8(bytes).is_ok();
        let mut replaced = false;
        for (index, column) in self.plan.columns.iter().enumerate() {
            if index > 0 {
                self.chunk.push(b'\t');
            }
            let value = self.values[index];
            let text = match column.column_type {
                ColumnType::Super => json_text(bytes, value, utf8),
                _ => field_text(bytes, value, utf8, &mut self.decoded),
            };
            let converted = self.plan.rules.convert(
                text,
                &column.column_type,
                column.not_null,
                &mut self.chunk,
            );
            match converted {
                Ok(converted) => replaced |= converted == Converted::Replaced,
                Err(mut error) => {
                    if column.identity.is_some() && error.code != code::NOT_NULL {
                        error.code = code::IDENTITY;
                    }
                    let text = text.map_or(Vec::new(), |text| text.bytes.to_vec());
                    return Err(RowError { field: Some((column, Cow::Owned(text))), error });
                }
            }
        }
        self.chunk.push(b'\n');
        self.close_chunk(written);
        Ok(replaced)
    }

    /// Ends the chunk before the row that began at `row` if that would make it too large.
    fn close_chunk(&mut self, row: usize) {
        if self.chunk.len() <= CHUNK_BYTES_MAX || row == 0 {
            return;
        }
        let rest = self.chunk.split_off(row);
        let full = std::mem::replace(&mut self.chunk, rest);
        self.converted.chunks.push(Bytes::from(full));
    }

    /// Where a record that is no object stops being one.
    fn offset(&mut self, bytes: &[u8]) -> usize {
        match self.reader.read(bytes, &mut self.values) {
            Ok(()) => 0,
            Err(NotJson(offset)) => offset,
        }
    }

    fn reject(&self, record: &Record, error: RowError<'_>) -> LoadError {
        let context = &self.plan.context;
        let bytes = &self.group.bytes[record.start..record.end];
        let (column, text) = match &error.field {
            Some((column, text)) => (Some(*column), raw_text(text)),
            None => (None, String::new()),
        };
        let column_type = column.map(|column| &column.column_type);
        LoadError {
            userid: context.user_id,
            slice: 0,
            tbl: self.plan.table_oid,
            starttime: context.started_at,
            session: context.session_pid,
            query: context.query_id,
            filename: self.group.url.chars().take(256).collect(),
            line_number: i64::try_from(record.line).unwrap_or(i64::MAX),
            colname: column.map_or(String::new(), |column| column.name.clone()),
            column_type: column_type.map_or(String::new(), |t| t.system_name().to_string()),
            col_length: column_type.map_or(String::new(), |t| t.system_length()),
            position: i32::try_from(error.error.position).unwrap_or(i32::MAX),
            raw_line: raw_text(bytes),
            raw_field_value: text,
            err_code: error.error.code,
            err_reason: reason_text(&error.error.reason),
            is_partial: 0,
            start_offset: 0,
            copy_job_id: 0,
        }
    }

    fn finish(mut self) -> ConvertedGroup {
        if !self.chunk.is_empty() {
            self.converted.chunks.push(Bytes::from(self.chunk));
        }
        self.converted
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
