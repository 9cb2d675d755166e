//! A row of text becomes a row of the table (Database Developer Guide, "Data format parameters",
//! "Data conversion parameters").

use memchr::memchr;

use super::fixed::{fixed_row, parse_widths};
use super::{Plan, RowError};
use crate::copy::convert::{FieldError, FieldText};
use crate::copy::decode::delimiter::{DELIMITER_BYTES_MAX, Delimiter};
use crate::copy::decode::fields::{Field, FieldFormat};
use crate::copy::decode::lines::{LineRules, ROW_BYTES_MAX, RowEnd};
use crate::copy::failure::Refusal;
use crate::copy::options::{CopyOptions, Encoding, Flag, Format};
use crate::copy::rejects::code;
use crate::copy::target::{ColumnType, TargetColumn};

/// How rows of text are read.
#[derive(Debug, Clone)]
pub(super) struct FieldRules {
    shape: FieldShape,
    text: TextRules,
}

/// Where the fields of a row are.
#[derive(Debug, Clone)]
enum FieldShape {
    /// Between delimiters.
    Separated(FieldFormat),
    /// FIXEDWIDTH: so many characters each.
    Fixed(Vec<usize>),
}

/// What all formats of text have in common.
#[derive(Debug, Clone)]
pub(super) struct TextRules {
    /// NULL AS
    pub(super) null: Vec<u8>,
    pub(super) fill_record: bool,
    ignore_blank_lines: bool,
}

impl FieldRules {
    /// # Errors
    /// Characters that cannot mean what they are given for, widths that are none.
    pub(super) fn new(options: &CopyOptions, column_count: usize) -> Result<FieldRules, Refusal> {
        let null = options.null_as.clone().unwrap_or_else(|| "\\N".to_string());
        if null.contains('\n') {
            return Err(refusal("NULL AS cannot contain a newline: it ends a row"));
        }
        let shape = match &options.format {
            Format::FixedWidth(_) if options.encoding.is_some_and(|e| e != Encoding::Utf8) => {
                return Err(refusal("FIXEDWIDTH needs files in UTF8"));
            }
            Format::FixedWidth(spec) => FieldShape::Fixed(parse_widths(spec, column_count)?),
            _ => FieldShape::Separated(field_format(options)?),
        };
        let text = TextRules {
            null: null.into_bytes(),
            fill_record: options.has(Flag::FillRecord),
            ignore_blank_lines: options.has(Flag::IgnoreBlankLines),
        };
        Ok(FieldRules { shape, text })
    }

    /// Where rows end.
    pub(super) fn lines(&self) -> LineRules {
        let row_end = match self.shape {
            FieldShape::Separated(FieldFormat::Csv { delimiter, quote }) => {
                RowEnd::Unquoted { quote, delimiter }
            }
            FieldShape::Separated(FieldFormat::Delimited { escape: true, .. }) => RowEnd::Unescaped,
            _ => RowEnd::Every,
        };
        LineRules { row_end, skip_blank: self.text.ignore_blank_lines }
    }

    /// Whether a NUL is like any other byte.
    fn is_delimited_by_nul(&self) -> bool {
        matches!(&self.shape, FieldShape::Separated(format) if format.delimiter().contains(0))
    }
}

/// # Errors
/// Characters that cannot mean what they are given for.
fn field_format(options: &CopyOptions) -> Result<FieldFormat, Refusal> {
    let csv = options.format == Format::Csv;
    let default = if csv { "," } else { "|" };
    let Some(delimiter) = Delimiter::new(options.delimiter.as_deref().unwrap_or(default)) else {
        let message = format!("DELIMITER must have from 1 to {DELIMITER_BYTES_MAX} bytes");
        return Err(refusal(&message));
    };
    let quote = options.quote.unwrap_or('"') as u8;
    let escape = options.has(Flag::Escape);
    let breaks = |byte: u8| matches!(byte, b'\n' | b'\r');
    if delimiter.bytes().iter().copied().any(breaks) {
        return Err(refusal("DELIMITER cannot have a newline or carriage return"));
    }
    if csv && breaks(quote) {
        return Err(refusal("QUOTE cannot be a newline or carriage return"));
    }
    if csv && delimiter.contains(quote) {
        return Err(refusal("DELIMITER and QUOTE must be different"));
    }
    if escape && delimiter.contains(b'\\') {
        return Err(refusal("DELIMITER cannot have a backslash with ESCAPE"));
    }
    Ok(match csv {
        true => FieldFormat::Csv { delimiter, quote },
        false => FieldFormat::Delimited {
            delimiter,
            escape,
            remove_quotes: options.has(Flag::RemoveQuotes),
        },
    })
}

fn refusal(message: &str) -> Refusal {
    Refusal::new("22023", message)
}

impl TextRules {
    /// Whether NULL AS makes NUL a value.
    fn takes_nul(&self) -> bool {
        self.null == b"\0"
    }

    /// The text of a field; `None` is NULL. With ESCAPE both `\N` and `\\N` are the default null
    /// string.
    pub(super) fn text<'b, 'a>(
        &self,
        column: &'a TargetColumn,
        field: &Field<'b>,
        utf8: bool,
    ) -> Result<Option<FieldText<'b>>, RowError<'a>> {
        let Field { bytes, plain, .. } = *field;
        if bytes == self.null || (field.escaped_null && self.null == b"\\N") {
            return Ok(None);
        }
        if !plain && self.takes_nul() && bytes.contains(&0) {
            return Err(RowError::field(
                column,
                bytes.to_vec(),
                nul_in_field(memchr(0, bytes).unwrap_or(0)),
            ));
        }
        Ok(Some(FieldText { bytes, utf8, plain }))
    }
}

/// Reads the rows of a group.
pub(super) struct FieldRows<'a> {
    plan: &'a Plan,
    rules: &'a FieldRules,
    scratch: Vec<u8>,
    /// Whether the whole group is UTF-8.
    utf8: bool,
    /// Whether NULs must be looked for.
    has_nul: bool,
}

impl<'a> FieldRows<'a> {
    pub(super) fn new(plan: &'a Plan, rules: &'a FieldRules, group: &[u8]) -> FieldRows<'a> {
        let utf8 = std::str::from_utf8(group).is_ok();
        let has_nul = !rules.is_delimited_by_nul() && memchr(0, group).is_some();
        FieldRows { plan, rules, scratch: Vec::new(), utf8, has_nul }
    }

    /// Appends a row; the first column in which characters were replaced.
    pub(super) fn row(
        &mut self,
        row: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, RowError<'a>> {
        self.check(row)?;
        let rules = self.rules;
        match &rules.shape {
            FieldShape::Separated(format) => self.separated(format, row, out),
            FieldShape::Fixed(widths) => fixed_row(self.plan, &rules.text, widths, row, out),
        }
    }

    fn separated(
        &mut self,
        format: &FieldFormat,
        row: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, RowError<'a>> {
        let rules = &self.rules.text;
        let utf8 = self.utf8 || std::str::from_utf8(row).is_ok();
        let columns = &self.plan.columns;
        let mut next = Some(0);
        let mut replaced = None;
        for (index, column) in columns.iter().enumerate() {
            let Some(start) = next else {
                // Only with FILLRECORD.
                if self.plan.put(index, column.filling(), out)? {
                    replaced.get_or_insert(index);
                }
                continue;
            };
            let field = format.read(row, start, &mut self.scratch).map_err(|bad| {
                let error = field_error(code::DELIMITER, bad.position, bad.reason);
                RowError::field(column, bad.bytes.to_vec(), error)
            })?;
            next = field.next;
            if next.is_none() && index + 1 < columns.len() && !rules.fill_record {
                return Err(too_few_fields(column, &field));
            }
            let text = rules.text(column, &field, utf8)?;
            if self.plan.put(index, text, out)? {
                replaced.get_or_insert(index);
            }
        }
        // One delimiter may stand after the last field of delimited text. [?] §5
        let may_trail = matches!(format, FieldFormat::Delimited { .. });
        match next {
            Some(rest) if rest < row.len() || !may_trail => {
                let error = field_error(code::EXTRA_COLUMNS, rest, "Extra column(s) found");
                Err(RowError::whole(error))
            }
            _ => Ok(replaced),
        }
    }

    /// Refuses a row that cannot be one: too long, without data, or ended by a NUL (NULL AS).
    fn check(&self, row: &[u8]) -> Result<(), RowError<'a>> {
        let rules = &self.rules.text;
        if row.is_empty() && 1 < self.plan.columns.len() && !rules.fill_record {
            let error = field_error(code::NO_DATA, 0, "Input line contained no data"); // [?]
            return Err(RowError::whole(error));
        }
        // "Amazon Redshift internally counts pipe characters ( | ) twice."
        let half = ROW_BYTES_MAX / 2;
        if row.len() > half && row.len() + count_pipes(row) > ROW_BYTES_MAX {
            return Err(too_long());
        }
        if !self.has_nul || rules.takes_nul() {
            return Ok(());
        }
        match memchr(0, row) {
            Some(end) => {
                let error = RowError::whole(no_newline(row, end));
                Err(RowError { row_bytes: Some(end), ..error })
            }
            None => Ok(()),
        }
    }
}

pub(super) fn count_pipes(row: &[u8]) -> usize {
    memchr::memchr_iter(b'|', row).count()
}

/// What FILLRECORD gives a column.
pub(super) trait Filling {
    /// VARCHAR is filled with '' (NULL with EMPTYASNULL), all others with NULL, as in the guide's
    /// example.
    fn filling(&self) -> Option<FieldText<'static>>;
}

impl Filling for TargetColumn {
    fn filling(&self) -> Option<FieldText<'static>> {
        match self.column_type {
            ColumnType::Varchar(_) => Some(FieldText { bytes: b"", utf8: true, plain: true }),
            _ => None,
        }
    }
}

fn too_few_fields<'a>(column: &'a TargetColumn, field: &Field<'_>) -> RowError<'a> {
    let error = field_error(code::DELIMITER, field.bytes.len(), "Delimiter not found");
    RowError::field(column, field.bytes.to_vec(), error)
}

/// A row of more than 4 MB fails the load.
pub(super) fn too_long<'a>() -> RowError<'a> {
    let reason = format!("Row exceeds the maximum size of {ROW_BYTES_MAX} bytes"); // [?]
    let error = FieldError { code: code::INPUT_LINE, reason, position: 0 };
    RowError { hopeless: true, ..RowError::whole(error) }
}

/// A NUL ends the record, and what comes before it is not a newline (the guide's tutorial "Loading
/// data from Amazon S3", NULL AS).
fn no_newline(row: &[u8], end: usize) -> FieldError {
    let location = end.saturating_sub(1);
    let reason = format!(
        "Missing newline: Unexpected character 0x{:x} found at location {location}",
        row[location]
    );
    FieldError { code: code::INPUT_LINE, reason, position: 0 }
}

/// In the words that clients have seen: estuary/connectors #839.
pub(super) fn nul_in_field(position: usize) -> FieldError {
    field_error(code::NUL_IN_FIELD, position, "Invalid null byte - field longer than 1 byte")
}

fn field_error(code: i32, position: usize, reason: &str) -> FieldError {
    FieldError { code, reason: reason.to_string(), position }
}
