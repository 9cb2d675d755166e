//! What is known of each COPY ("SYS_LOAD_HISTORY", "SYS_LOAD_DETAIL", "STL_LOAD_COMMITS").

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::SystemTables;
use crate::copy::load::{LoadReport, LoadedFile};
use crate::copy::options::Format;
use crate::copy::rejects::{Replacement, serialize_known_timestamp, serialize_timestamp};
use crate::copy::statement::CopyStatement;

/// A COPY. Times serialize as `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyRecord {
    /// What `pg_last_copy_id()` returns.
    pub query_id: i32,
    /// The transaction it ran in.
    pub transaction_id: i64,
    /// What `pg_backend_pid()` returns.
    pub session_id: i32,
    /// The user; 0 until the table is found.
    pub user_id: i32,
    /// The session's database.
    pub database_name: String,
    /// The bare name of the table.
    pub table_name: String,
    /// The oid of the table; 0 until it is found.
    pub table_id: u32,
    /// The statement; secrets are `***`.
    pub statement: String,
    /// Where the files are, as `s3://…`.
    pub data_source: String,
    /// `csv`, `txt`, `json`, `avro`, `orc` or `parquet`.
    pub file_format: &'static str,
    /// How it went.
    pub status: CopyStatus,
    /// When it began.
    #[serde(serialize_with = "serialize_timestamp")]
    pub start_time: SystemTime,
    /// When it ended, or the last that is known of it.
    #[serde(serialize_with = "serialize_timestamp")]
    pub end_time: SystemTime,
    /// Rows loaded; 0 if it was aborted.
    pub loaded_rows: u64,
    /// Rows that could not be loaded.
    pub error_count: u64,
    /// The files that were read to their end.
    pub files: Vec<CopiedFile>,
    /// The first rows in which ACCEPTINVCHARS replaced something.
    pub replacements: Vec<Replacement>,
    /// The encodings that it has given to columns of an empty table.
    pub encodings: Vec<ChangedEncoding>,
    /// Why it was aborted.
    pub error: Option<String>,
}

/// An encoding that a COPY has given to a column ("STL_ANALYZE_COMPRESSION").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedEncoding {
    /// Which column of the table, from 0.
    pub col: i32,
    /// What it had.
    pub old_encoding: String,
    /// What it has now.
    pub new_encoding: String,
}

/// A file of a COPY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopiedFile {
    /// Its `s3://` path.
    pub url: String,
    /// Its lines, uncompressed.
    pub lines: u64,
    /// Its bytes, as stored.
    pub bytes: u64,
    /// Its ETag, without quotes.
    pub entity_tag: Option<String>,
    /// When it was stored.
    #[serde(serialize_with = "serialize_known_timestamp")]
    pub last_modified: Option<SystemTime>,
}

/// How a COPY went ("SYS_LOAD_HISTORY", status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyStatus {
    /// Not ended yet.
    Running,
    /// Loaded; its transaction may have been rolled back since.
    Completed,
    /// Nothing was loaded.
    Aborted,
}

/// Keeps the record of a COPY up to date; one that is dropped has been aborted.
pub(crate) struct Recording {
    pub(crate) record: CopyRecord,
    tables: SystemTables,
}

impl Recording {
    /// A COPY begins.
    pub(crate) fn begin(
        tables: SystemTables,
        statement: &CopyStatement,
        identity: (i32, i64, i32),
        database: &str,
        now: SystemTime,
    ) -> Self {
        let (query_id, transaction_id, session_id) = identity;
        let record = CopyRecord {
            query_id,
            transaction_id,
            session_id,
            user_id: 0,
            database_name: database.to_owned(),
            table_name: statement.table.clone(),
            table_id: 0,
            statement: statement.to_string(),
            data_source: statement.source.to_string(),
            file_format: format_name(&statement.options.format),
            status: CopyStatus::Running,
            start_time: now,
            end_time: now,
            loaded_rows: 0,
            error_count: 0,
            files: Vec::new(),
            replacements: Vec::new(),
            encodings: Vec::new(),
            error: None,
        };
        tables.record_copy(&record);
        Self { record, tables }
    }

    /// It knows its table, and others may see it run.
    pub(crate) fn located(&self) {
        self.tables.record_copy(&self.record);
    }

    /// It has loaded.
    pub(crate) fn completed(&mut self, report: &LoadReport) {
        self.record.status = CopyStatus::Completed;
        self.record.loaded_rows = report.rows_loaded;
        self.record.error_count = report.reject_count;
        self.record.files = report.files.iter().map(CopiedFile::from).collect();
        self.record.replacements.clone_from(&report.replacements);
    }

    /// It failed.
    pub(crate) fn aborted(&mut self, why: impl Into<String>) {
        self.record.status = CopyStatus::Aborted;
        self.record.error = Some(why.into());
    }

    /// Whether it is known to have failed.
    pub(crate) fn is_aborted(&self) -> bool {
        self.record.status == CopyStatus::Aborted
    }

    /// The last word, at this time.
    pub(crate) fn end(mut self, now: SystemTime) {
        self.record.end_time = now;
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if self.record.status == CopyStatus::Running {
            self.aborted("the session ended");
        }
        self.tables.record_copy(&self.record);
    }
}

impl From<&LoadedFile> for CopiedFile {
    fn from(file: &LoadedFile) -> Self {
        let LoadedFile { url, lines, bytes, entity_tag, last_modified } = file.clone();
        Self { url, lines, bytes, entity_tag, last_modified }
    }
}

/// "SYS_LOAD_HISTORY", file_format.
fn format_name(format: &Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Json(_) => "json",
        Format::Avro(_) => "avro",
        Format::Parquet => "parquet",
        Format::Orc => "orc",
        Format::Shapefile(_) => "shapefile",
        Format::Text | Format::FixedWidth(_) => "txt",
    }
}
