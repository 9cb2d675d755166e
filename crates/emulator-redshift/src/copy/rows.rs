//! Turns the records of a group into rows for PostgreSQL, and into rejects. Runs on the workers.

mod fields;
mod fixed;
mod objects;

use std::borrow::Cow;

use bytes::Bytes;

use self::fields::{FieldRows, FieldRules};
use self::objects::{ObjectRows, StructureReader};
use super::convert::{Converted, FieldError, FieldText, Rules};
use super::decode::json::paths::{PathReader, PathTree};
use super::decode::json::{MemberNames, ObjectReader};
use super::decode::split::{Record, RecordKind};
use super::decode::{Group, Layout, Reading};
use super::failure::{CopyFailure, Refusal};
use super::fetch::JSONPATHS_ERROR_CODE;
use super::jsonpaths::Path;
use super::load::{CopyContext, LoadedFile};
use super::options::{CopyOptions, Encoding, Flag, Format, Mapping};
use super::rejects::{
    FieldDetail, LoadError, REJECTS_MAX, Rejects, Replacement, code, raw_text, reason_text,
};
use super::statement::CopyStatement;
use super::target::{ColumnType, TargetColumn, TargetTable, load_columns};

/// So many rejects of a group are kept however few fail the load.
const REJECTS_OF_GROUP_MIN: usize = 1000;

/// Rejects whose fields are kept ("STL_LOADERROR_DETAIL": "a maximum of 20 errors" of a slice).
pub(super) const DETAILED_REJECTS_MAX: usize = 20;

/// Rows with replacements that are kept ("STL_REPLACEMENTS": "the first 100 rows on each node
/// slice").
pub(super) const REPLACEMENTS_KEPT_MAX: usize = 100;

/// Bytes of a chunk of rows; only a single row may be larger.
pub(super) const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// All that the workers need to know of a COPY.
pub(super) struct Plan {
    pub(super) reading: Reading,
    pub(super) columns: Vec<TargetColumn>,
    shape: Shape,
    rules: Rules,
    context: CopyContext,
    table_oid: u32,
    /// So many rejects of a group are kept: as many errors fail the load.
    rejects_max: usize,
}

/// How a record becomes values.
enum Shape {
    /// The members of a JSON object.
    Members(MemberNames),
    /// What the paths of a JSONPaths file lead to.
    Paths(PathTree),
    /// A whole JSON structure.
    Document,
    /// The fields of a row of text.
    Fields(FieldRules),
}

/// What became of a group.
pub(super) struct ConvertedGroup {
    /// Whole rows.
    pub(super) chunks: Vec<Bytes>,
    /// In order; only the first are kept.
    pub(super) rejects: Rejects,
    pub(super) row_count: u64,
    pub(super) reject_count: u64,
    /// Rows with characters replaced.
    pub(super) replaced_count: u64,
    /// The first of them.
    pub(super) replacements: Vec<Replacement>,
    /// A record was too long: the load cannot go on, whatever MAXERROR is.
    pub(super) hopeless: bool,
    /// Why the load ends, in words for the client instead of a reject.
    pub(super) failure: Option<Refusal>,
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
        let (shape, layout) = match &options.format {
            Format::Text | Format::Csv | Format::FixedWidth(_) => {
                let rules = FieldRules::new(options, columns.len())?;
                let layout = Layout::Rows(rules.lines());
                (Shape::Fields(rules), layout)
            }
            Format::Json(Mapping::NoShred) | Format::Avro(Mapping::NoShred) => {
                let [TargetColumn { column_type: ColumnType::Super, .. }] = columns[..] else {
                    let message = "'noshred' loads exactly one column, of type SUPER";
                    return Err(Refusal::new("22023", message).into()); // [?]
                };
                (Shape::Document, Layout::Structures)
            }
            format => {
                let ignore_case = *format == Format::Json(Mapping::AutoIgnoreCase);
                let names = columns.iter().map(|column| column.name.as_str());
                (Shape::Members(MemberNames::new(names, ignore_case)), Layout::Structures)
            }
        };
        Ok(Plan {
            reading: Reading {
                compression: options.compression,
                encoding: options.encoding.unwrap_or(Encoding::Utf8),
                header_lines: options.ignore_header.unwrap_or(0),
                layout,
            },
            shape,
            rules: Rules::new(options)?,
            context: context.clone(),
            table_oid: table.oid,
            columns,
            rejects_max: errors_max(options).map_or(REJECTS_MAX, |max| {
                usize::try_from(max).unwrap_or(REJECTS_MAX).max(REJECTS_OF_GROUP_MIN)
            }),
        })
    }

    /// What becomes of a group, before its first row.
    pub(super) fn nothing_converted(&self) -> ConvertedGroup {
        ConvertedGroup {
            chunks: Vec::new(),
            rejects: Rejects::of_group(self.rejects_max),
            row_count: 0,
            reject_count: 0,
            replaced_count: 0,
            replacements: Vec::new(),
            hopeless: false,
            failure: None,
            file: None,
        }
    }

    /// Takes the values from where a JSONPaths file says.
    ///
    /// # Errors
    /// As many paths as columns are needed.
    pub(super) fn follow(&mut self, paths: &[Path]) -> Result<(), Refusal> {
        let (path_count, column_count) = (paths.len(), self.columns.len());
        if path_count != column_count {
            let message = format!(
                "Number of jsonpaths and the number of columns should match. JSONPath size: \
                 {path_count}, Number of columns in table or column list: {column_count}"
            );
            return Err(Refusal::internal(JSONPATHS_ERROR_CODE, message, ""));
        }
        self.shape = Shape::Paths(PathTree::new(paths));
        Ok(())
    }

    /// Converts all records of a group, in order.
    pub(super) fn convert(&self, group: Group) -> ConvertedGroup {
        let rows = match &self.shape {
            Shape::Members(names) => {
                let reader = ObjectReader::new(names);
                Rows::Objects(ObjectRows::new(self, StructureReader::Members(reader)))
            }
            Shape::Paths(tree) => {
                let reader = PathReader::new(tree);
                Rows::Objects(ObjectRows::new(self, StructureReader::Paths(reader)))
            }
            Shape::Document => Rows::Objects(ObjectRows::new(self, StructureReader::Document)),
            Shape::Fields(rules) => Rows::Fields(FieldRows::new(self, rules, &group.bytes)),
        };
        let mut worker = Worker {
            plan: self,
            group: &group,
            rows,
            chunk: Vec::with_capacity(group.bytes.len().min(CHUNK_BYTES_MAX)),
            converted: self.nothing_converted(),
        };
        for record in &group.records {
            worker.record(record);
        }
        let mut converted = worker.finish();
        converted.file = group.file;
        converted
    }

    /// A row of `stl_load_errors`.
    pub(super) fn load_error(
        &self,
        url: &str,
        line: u64,
        raw_line: &[u8],
        error: &RowError<'_>,
    ) -> LoadError {
        let context = &self.context;
        let (column, text) = match &error.field {
            Some((column, text)) => (Some(*column), raw_text(text)),
            None => (None, String::new()),
        };
        let column_type = column.map(|column| &column.column_type);
        LoadError {
            userid: context.user_id,
            slice: 0,
            tbl: self.table_oid,
            starttime: context.started_at,
            session: context.session_pid,
            query: context.query_id,
            filename: url.chars().take(256).collect(),
            line_number: i64::try_from(line).unwrap_or(i64::MAX),
            colname: column.map_or(String::new(), |column| column.name.clone()),
            column_type: column_type.map_or(String::new(), |t| t.system_name().to_string()),
            col_length: column_type.map_or(String::new(), |t| t.system_length()),
            position: error
                .position
                .unwrap_or_else(|| i32::try_from(error.error.position).unwrap_or(i32::MAX)),
            raw_line: raw_text(raw_line),
            raw_field_value: text,
            err_code: error.error.code,
            err_reason: reason_text(&error.error.reason),
            is_partial: 0,
            start_offset: 0,
            copy_job_id: 0,
            details: Vec::new(),
        }
    }

    /// The fields of a row up to the one that cannot be loaded; `row` is what was written of it.
    ///
    /// "The view contains all data columns including and prior to the column where the parse error
    /// occurred", with "the data value that was actually parsed"; in its example the field that is
    /// no integer is parsed as a null ("STL_LOADERROR_DETAIL"). Fields count from 0. [?]
    pub(super) fn details(&self, row: &[u8], error: &RowError<'_>) -> Vec<FieldDetail> {
        let Some((bad, text)) = &error.field else { return Vec::new() };
        let index = self.columns.iter().position(|column| column.name == bad.name);
        let parsed = row.split(|byte| *byte == b'\t').take(index.unwrap_or(0));
        let detail = |field: usize, value: Option<String>| FieldDetail {
            field: i32::try_from(field).unwrap_or(i32::MAX),
            colname: self.columns[field].name.clone(),
            is_null: i32::from(value.is_none()),
            value: value.unwrap_or_default(),
            column_type: self.columns[field].column_type.system_name().to_string(),
            col_length: self.columns[field].column_type.system_length(),
        };
        let mut details: Vec<FieldDetail> = parsed
            .enumerate()
            .map(|(field, written)| {
                let value = parsed_value(written, &self.columns[field].column_type);
                detail(field, value)
            })
            .collect();
        let is_text = bad.column_type.is_character() && error.error.code != code::NOT_NULL;
        details.push(detail(index.unwrap_or(0), is_text.then(|| raw_text(text))));
        details
    }

    /// A row in which ACCEPTINVCHARS replaced something, first in this column.
    pub(super) fn replacement(
        &self,
        url: &str,
        line_number: i64,
        raw_line: &[u8],
        column: usize,
    ) -> Replacement {
        Replacement {
            filename: url.chars().take(256).collect(),
            line_number,
            colname: self.columns[column].name.clone(),
            raw_line: raw_text(raw_line),
        }
    }

    /// Appends a value to a row, with the tab before it; whether characters were replaced.
    fn put(
        &self,
        index: usize,
        text: Option<FieldText<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<bool, RowError<'_>> {
        self.put_by(&self.rules, index, text, out)
    }

    /// As `put`, by rules that are not the statement's.
    pub(super) fn put_by(
        &self,
        rules: &Rules,
        index: usize,
        text: Option<FieldText<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<bool, RowError<'_>> {
        if index > 0 {
            out.push(b'\t');
        }
        let column = &self.columns[index];
        match rules.convert(text, &column.column_type, column.not_null, out) {
            Ok(converted) => Ok(converted == Converted::Replaced),
            Err(mut error) => {
                if column.identity.is_some() && error.code != code::NOT_NULL {
                    error.code = code::IDENTITY;
                }
                let text = text.map_or(Vec::new(), |text| text.bytes.to_vec());
                Err(RowError::field(column, text, error))
            }
        }
    }
}

/// As many errors fail a load: 0 and 1 both mean that the first does (§11). None do with
/// IGNOREALLERRORS.
pub(super) fn errors_max(options: &CopyOptions) -> Option<u64> {
    match options.has(Flag::IgnoreAllErrors) {
        true => None,
        false => Some(options.max_error.unwrap_or(0).max(1)),
    }
}

/// What reads the records of a group.
enum Rows<'a> {
    Objects(ObjectRows<'a>),
    Fields(FieldRows<'a>),
}

/// Why a row cannot be loaded.
pub(super) struct RowError<'a> {
    /// The column and the text for it; none if the row could not be read at all.
    pub(super) field: Option<(&'a TargetColumn, Cow<'a, [u8]>)>,
    pub(super) error: FieldError,
    /// How many bytes of the record are the row; all if none.
    row_bytes: Option<usize>,
    /// Where the error is, if not where `error` says.
    position: Option<i32>,
    /// Whether it ends the load, whatever MAXERROR is.
    hopeless: bool,
}

impl<'a> RowError<'a> {
    pub(super) fn whole(error: FieldError) -> RowError<'a> {
        RowError { field: None, error, row_bytes: None, position: None, hopeless: false }
    }

    fn field(
        column: &'a TargetColumn,
        text: impl Into<Cow<'a, [u8]>>,
        error: FieldError,
    ) -> RowError<'a> {
        RowError { field: Some((column, text.into())), ..RowError::whole(error) }
    }
}

struct Worker<'a> {
    plan: &'a Plan,
    group: &'a Group,
    rows: Rows<'a>,
    /// Rows that are not in a chunk yet.
    chunk: Vec<u8>,
    converted: ConvertedGroup,
}

/// What a field of PostgreSQL's COPY text format says; `None` is NULL.
fn parsed_value(written: &[u8], column: &ColumnType) -> Option<String> {
    if written == b"\\N" {
        return None;
    }
    let written = match column {
        ColumnType::Varbyte(_) => written.strip_prefix(b"\\\\x").unwrap_or(written),
        // The digit that leaves room for a carry.
        ColumnType::Numeric { .. } => match written {
            [b'0', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
            _ => written,
        },
        _ => written,
    };
    let mut value = Vec::with_capacity(written.len());
    let mut bytes = written.iter();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next() {
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(other) => *other,
                None => b'\\',
            },
            byte => *byte,
        });
    }
    Some(raw_text(&value))
}

impl Worker<'_> {
    fn record(&mut self, record: &Record) {
        let bytes = &self.group.bytes[record.start..record.end];
        let written = self.chunk.len();
        let outcome = match &mut self.rows {
            _ if record.kind == RecordKind::WrongEncoding => Err(wrong_encoding()),
            Rows::Objects(rows) => rows.row(record.kind, bytes, &mut self.chunk),
            Rows::Fields(rows) => match record.kind {
                RecordKind::Row => rows.row(bytes, &mut self.chunk),
                _ => Err(fields::too_long()),
            },
        };
        match outcome {
            Ok(replaced) => {
                self.chunk.push(b'\n');
                self.close_chunk(written);
                self.converted.row_count += 1;
                if let Some(column) = replaced {
                    self.converted.replaced_count += 1;
                    if self.converted.replacements.len() < REPLACEMENTS_KEPT_MAX {
                        let (url, line) = (&self.group.url, record.line);
                        let line = i64::try_from(line).unwrap_or(i64::MAX);
                        let replacement = self.plan.replacement(url, line, bytes, column);
                        self.converted.replacements.push(replacement);
                    }
                }
            }
            Err(error) => {
                let row = self.chunk.split_off(written);
                self.converted.reject_count += 1;
                self.converted.hopeless |= error.hopeless;
                if self.converted.rejects.has_room() {
                    let mut reject = reject(self.plan, self.group, record, &error);
                    if self.converted.rejects.len() < DETAILED_REJECTS_MAX {
                        reject.details = self.plan.details(&row, &error);
                    }
                    self.converted.rejects.push(reject);
                } else {
                    self.converted.rejects.leave_out();
                }
            }
        }
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

    fn finish(mut self) -> ConvertedGroup {
        if !self.chunk.is_empty() {
            self.converted.chunks.push(Bytes::from(self.chunk));
        }
        self.converted
    }
}

/// A file that is not in the encoding of the statement is one error, and is skipped.
fn wrong_encoding<'a>() -> RowError<'a> {
    let reason = "The encoding of the file is not that of the COPY command".to_string(); // [?]
    RowError::whole(FieldError { code: code::ENCODING, reason, position: 0 })
}

fn reject(plan: &Plan, group: &Group, record: &Record, error: &RowError<'_>) -> LoadError {
    let bytes = &group.bytes[record.start..record.end];
    let raw_line = &bytes[..error.row_bytes.unwrap_or(bytes.len())];
    plan.load_error(&group.url, record.line, raw_line, error)
}
