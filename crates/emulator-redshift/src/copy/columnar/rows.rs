//! Turns rows of text fields into rows for PostgreSQL, and into rejects. Runs on the workers.

use bytes::Bytes;

use super::fields::{Field, FieldGroup, FieldKind};
use super::{https_url, scan_refusal};
use crate::copy::convert::{FieldError, FieldText, Rules};
use crate::copy::decode::Group;
use crate::copy::decode::split::{Record, RecordKind};
use crate::copy::failure::Refusal;
use crate::copy::options::{CopyOptions, Format, Mapping};
use crate::copy::rejects::code;
use crate::copy::rows::{
    CHUNK_BYTES_MAX, ConvertedGroup, DETAILED_REJECTS_MAX, Plan, REPLACEMENTS_KEPT_MAX, RowError,
};
use crate::copy::target::ColumnType;

/// How the rows of a load are converted.
pub(in crate::copy) struct ValueRules {
    /// The statement's.
    text: Rules,
    /// For dates and times that are written without options.
    moments: Rules,
    /// Each row is a JSON object, which is read as one of a JSON file.
    whole_records: bool,
    /// The region of the bucket, if the messages are those of Redshift Spectrum.
    spectrum: Option<String>,
}

impl ValueRules {
    /// # Errors
    /// A DATEFORMAT or TIMEFORMAT that is not a format.
    pub(in crate::copy) fn new(options: &CopyOptions, region: &str) -> Result<ValueRules, Refusal> {
        let plain = CopyOptions { date_format: None, time_format: None, ..options.clone() };
        let spectrum = matches!(options.format, Format::Parquet | Format::Orc);
        Ok(ValueRules {
            text: Rules::new(options)?,
            moments: Rules::new(&plain)?,
            whole_records: matches!(
                options.format,
                Format::Avro(Mapping::Paths(_) | Mapping::NoShred)
            ),
            spectrum: spectrum.then(|| region.to_string()),
        })
    }
}

impl ValueRules {
    /// The line that system tables show for a row: "-1 indicates that the line number is not
    /// available, such as, when copying from a columnar data file" ("STL_REPLACEMENTS").
    fn line_number(&self, row: u64) -> i64 {
        match self.spectrum {
            Some(_) => -1,
            None => i64::try_from(row).unwrap_or(i64::MAX),
        }
    }
}

/// Converts all rows of a group, in order.
pub(in crate::copy) fn convert(
    plan: &Plan,
    rules: &ValueRules,
    mut group: FieldGroup,
) -> ConvertedGroup {
    let broken = group.broken.take();
    let width = if rules.whole_records { 1 } else { plan.columns.len().max(1) };
    let next_line = group.first_row + (group.fields.len() / width) as u64;
    let url = group.url.clone();
    let mut converted = match rules.whole_records {
        true => plan.convert(objects(group)),
        false => convert_fields(plan, rules, group),
    };
    if let Some(reason) = broken {
        let error = RowError::whole(FieldError { code: code::INPUT_LINE, reason, position: 0 });
        converted.rejects.push(plan.load_error(&url, next_line, b"", &error));
        converted.reject_count += 1;
        converted.hopeless = true;
    }
    converted
}

/// The rows as the records of a JSON file.
fn objects(group: FieldGroup) -> Group {
    let record = |(field, line): (&Field, u64)| Record {
        kind: RecordKind::Object,
        start: field.start,
        end: field.end,
        line,
    };
    let records = group.fields.iter().zip(group.first_row..).map(record).collect();
    Group { url: group.url, bytes: group.bytes, records, file: group.file }
}

fn convert_fields(plan: &Plan, rules: &ValueRules, group: FieldGroup) -> ConvertedGroup {
    let mut converted = plan.nothing_converted();
    let mut chunk = Vec::with_capacity(group.bytes.len().min(CHUNK_BYTES_MAX));
    let rows = group.fields.chunks_exact(plan.columns.len().max(1));
    for (line, fields) in (group.first_row..).zip(rows) {
        let start = chunk.len();
        match row(plan, rules, &group, fields, &mut chunk) {
            Ok(replaced) => {
                converted.row_count += 1;
                if let Some(column) = replaced {
                    converted.replaced_count += 1;
                    if converted.replacements.len() < REPLACEMENTS_KEPT_MAX {
                        let raw_line = raw_line(&group, fields);
                        let line = rules.line_number(line);
                        let replacement = plan.replacement(&group.url, line, &raw_line, column);
                        converted.replacements.push(replacement);
                    }
                }
                if chunk.len() > CHUNK_BYTES_MAX && start > 0 {
                    let rest = chunk.split_off(start);
                    converted.chunks.push(Bytes::from(std::mem::replace(&mut chunk, rest)));
                }
            }
            Err(error) => {
                let written = chunk.split_off(start);
                if let Some(region) = &rules.spectrum
                    && let Some(context) = too_long(&error)
                {
                    let file = https_url(&group.url, region);
                    converted.failure = Some(scan_refusal(format!("{context}, File name: {file}")));
                    return converted;
                }
                converted.reject_count += 1;
                if converted.rejects.has_room() {
                    let raw_line = raw_line(&group, fields);
                    let mut reject = plan.load_error(&group.url, line, &raw_line, &error);
                    if converted.rejects.len() < DETAILED_REJECTS_MAX {
                        reject.details = plan.details(&written, &error);
                    }
                    converted.rejects.push(reject);
                } else {
                    converted.rejects.leave_out();
                }
            }
        }
    }
    if !chunk.is_empty() {
        converted.chunks.push(Bytes::from(chunk));
    }
    converted.file = group.file;
    converted
}

/// Appends a row; the first column in which characters were replaced.
fn row<'p>(
    plan: &'p Plan,
    rules: &ValueRules,
    group: &FieldGroup,
    fields: &[Field],
    chunk: &mut Vec<u8>,
) -> Result<Option<usize>, RowError<'p>> {
    let mut replaced = None;
    for (index, field) in fields.iter().enumerate() {
        let bytes = &group.bytes[field.start..field.end];
        let column = &plan.columns[index].column_type;
        if field.kind == FieldKind::Text && bytes.is_empty() && is_binary(column) {
            // A value of no bytes, where text of no characters would be NULL.
            chunk.extend_from_slice(if index > 0 { b"\t\\\\x" } else { b"\\\\x" });
            continue;
        }
        let utf8 = std::str::from_utf8(bytes).is_ok();
        let text = FieldText { bytes, utf8, plain: false };
        let (text, rules) = match field.kind {
            FieldKind::Null => (None, &rules.text),
            FieldKind::Text => (Some(text), &rules.text),
            FieldKind::Moment => (Some(text), &rules.moments),
        };
        if plan.put_by(rules, index, text, chunk)? {
            replaced.get_or_insert(index);
        }
    }
    chunk.push(b'\n');
    Ok(replaced)
}

fn is_binary(column: &ColumnType) -> bool {
    matches!(column, ColumnType::Varbyte(_))
}

/// There are no lines in these files: the fields with `|` between them. [?]
fn raw_line(group: &FieldGroup, fields: &[Field]) -> Vec<u8> {
    let fields: Vec<&[u8]> =
        fields.iter().map(|field| &group.bytes[field.start..field.end]).collect();
    fields.join(&b'|')
}

/// What Redshift Spectrum says of a text that is too long.
fn too_long(error: &RowError<'_>) -> Option<String> {
    let (column, text) = error.field.as_ref()?;
    let lengths = column.column_type.is_character() && error.error.code == code::TOO_LONG;
    lengths.then(|| {
        format!(
            "The length of the data column {} is longer than the length defined in the table. \
             Table: {}, Data: {}",
            column.name,
            column.column_type.system_length(),
            text.len(),
        )
    })
}
