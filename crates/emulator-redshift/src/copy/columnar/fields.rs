//! Groups of rows whose fields are text already: what the decoders of this folder give to the
//! workers.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::copy::decode::pieces::Progress;
use crate::copy::failure::CopyFailure;
use crate::copy::load::LoadedFile;

/// A group is sent when it has as many bytes or rows.
const GROUP_BYTES: usize = 256 * 1024;
const GROUP_ROWS: u64 = 4096;

/// "Maximum size of a row: 4 MB" ("COPY usage notes").
pub(super) const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) enum FieldKind {
    Null,
    /// Text to be converted by the options of the statement.
    Text,
    /// A date or time in the form that is read without options.
    Moment,
}

/// A field: its bytes in the group.
#[derive(Debug, Clone, Copy)]
pub(in crate::copy) struct Field {
    pub(in crate::copy) kind: FieldKind,
    pub(in crate::copy) start: usize,
    pub(in crate::copy) end: usize,
}

impl Field {
    const NULL: Field = Field { kind: FieldKind::Null, start: 0, end: 0 };
}

/// Whole rows of one file.
pub(in crate::copy) struct FieldGroup {
    /// The `s3://` path of the file.
    pub(in crate::copy) url: Arc<str>,
    pub(in crate::copy) bytes: Vec<u8>,
    /// Row by row, each with a field for each column of the load.
    pub(in crate::copy) fields: Vec<Field>,
    /// The number of the first row in the file, from 1.
    pub(in crate::copy) first_row: u64,
    /// Why the file cannot be read after these rows; that is an error of the row after them.
    pub(in crate::copy) broken: Option<String>,
    /// Set in the last group of a file.
    pub(in crate::copy) file: Option<LoadedFile>,
}

/// Takes the rows of one file.
pub(super) struct RowSink<'a> {
    groups: &'a mpsc::Sender<Result<FieldGroup, CopyFailure>>,
    url: Arc<str>,
    width: usize,
    row_count: u64,
    group: FieldGroup,
    row_start: usize,
}

impl<'a> RowSink<'a> {
    pub(super) fn new(
        groups: &'a mpsc::Sender<Result<FieldGroup, CopyFailure>>,
        url: Arc<str>,
        width: usize,
    ) -> RowSink<'a> {
        let group = empty(&url, 1);
        RowSink { groups, url, width, row_count: 0, group, row_start: 0 }
    }

    /// Begins a row in which all fields are NULL.
    pub(super) fn begin_row(&mut self) {
        self.row_start = self.group.bytes.len();
        self.group.fields.resize(self.group.fields.len() + self.width, Field::NULL);
    }

    /// Where the text of the row's fields is appended.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.group.bytes
    }

    /// Makes what was appended since `start` the field of a column.
    pub(super) fn set(&mut self, column: usize, kind: FieldKind, start: usize) {
        let end = self.group.bytes.len();
        let row = self.group.fields.len() - self.width;
        self.group.fields[row + column] = Field { kind, start, end };
    }

    /// Whether the row is larger than one may be.
    pub(super) fn row_is_too_large(&self) -> bool {
        self.group.bytes.len() - self.row_start > ROW_BYTES_MAX
    }

    pub(super) fn end_row(&mut self) -> Result<(), CopyFailure> {
        self.row_count += 1;
        let rows = self.row_count + 1 - self.group.first_row;
        if self.group.bytes.len() >= GROUP_BYTES || rows >= GROUP_ROWS {
            self.send()?;
        }
        self.row_start = self.group.bytes.len();
        Ok(())
    }

    /// Takes back a row that was begun and not ended.
    pub(super) fn drop_row(&mut self) {
        self.group.bytes.truncate(self.row_start);
        let whole = usize::try_from(self.row_count + 1 - self.group.first_row);
        let whole = whole.expect("a group has few rows");
        self.group.fields.truncate(whole * self.width);
    }

    /// The file cannot be read any further; the load ends here.
    pub(super) fn finish_broken(mut self, reason: String) -> Result<(), CopyFailure> {
        self.group.broken = Some(reason);
        self.send()
    }

    pub(super) fn finish(mut self, progress: &Progress) -> Result<(), CopyFailure> {
        self.group.file = Some(progress.file(&self.url, self.row_count));
        self.send()
    }

    fn send(&mut self) -> Result<(), CopyFailure> {
        let group = std::mem::replace(&mut self.group, empty(&self.url, self.row_count + 1));
        self.groups.blocking_send(Ok(group)).map_err(|_| CopyFailure::Cancelled)
    }
}

fn empty(url: &Arc<str>, first_row: u64) -> FieldGroup {
    FieldGroup {
        url: url.clone(),
        bytes: Vec::new(),
        fields: Vec::new(),
        first_row,
        broken: None,
        file: None,
    }
}
