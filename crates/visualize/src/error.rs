//! Why there are no charts, and what helps.

use std::path::PathBuf;

use aws_sdk_s3::error::BoxError;
use events::SchemaError;
use runtime::aws::{AccountError, UNREACHABLE_HINT};
use runtime::redshift::ConnectError;
use runtime::settings::SettingsError;
use tokio_postgres::error::SqlState;

/// Why a run ended without its charts.
#[derive(Debug, thiserror::Error)]
pub enum VisualizeError {
    /// A flag, the environment or the settings file is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The file that declares the table is no CREATE TABLE statement we understand.
    #[error("{} is not understood", path.display())]
    CreateTable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        #[source]
        source: SchemaError,
    },
    /// The table, as its file declares it, lacks a column we would count by.
    #[error("table {table} has no column {column} (--{flag}); its columns are {columns}")]
    NoSuchColumn {
        /// The flag that named the column.
        flag: &'static str,
        /// The column.
        column: String,
        /// The table.
        table: String,
        /// Its columns, separated by commas.
        columns: String,
    },
    /// The list of events is empty.
    #[error("there is no event to draw: report_events names none")]
    NoEvents,
    /// There is no session with Redshift.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Redshift refused the query or went away.
    #[error("count the rows of {table}")]
    Query {
        /// The table, quoted.
        table: String,
        /// What the server or the connection said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The answer is not of the shape that was asked for.
    #[error("redshift answered {column} with {}", value.as_deref().unwrap_or("NULL"))]
    Answer {
        /// Which column of the answer.
        column: &'static str,
        /// What stood there; `None` is NULL.
        value: Option<String>,
    },
    /// The answer is too long: one row per day, event and value of the group column.
    #[error("column {column} has too many values: more than {rows_max} counts")]
    TooManyGroups {
        /// The group column.
        column: String,
        /// The bound.
        rows_max: usize,
    },
    /// The directory for the charts cannot be made.
    #[error("make directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A chart cannot be written.
    #[error("write {}", path.display())]
    Write {
        /// The chart's file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no such place for files in the bucket.
    #[error("charts_prefix (--charts-prefix) is {prefix:?}: {why}")]
    Prefix {
        /// What was given.
        prefix: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No region, or nobody to be towards S3. The directory has the files.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// S3 does not take a file. The directory has it.
    #[error("put object {key} into bucket {bucket}: {code}: {message}")]
    Refused {
        /// The bucket's name.
        bucket: String,
        /// The object's key.
        key: String,
        /// S3's error code.
        code: String,
        /// S3's words.
        message: String,
    },
    /// S3 does not answer, after the SDK's retries. The directory has the file.
    #[error("put object {key} into bucket {bucket}: no answer")]
    Unreachable {
        /// The bucket's name.
        bucket: String,
        /// The object's key.
        key: String,
        /// What stood in the way.
        #[source]
        source: BoxError,
    },
}

impl VisualizeError {
    /// What the user can do about it, if we know.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(error) => Some(error.hint()),
            Self::Query { source, .. } => match source.code() {
                Some(code) if *code == SqlState::UNDEFINED_TABLE => Some(
                    "create the table with create_table.sql, or name another with --redshift-table",
                ),
                Some(code) if *code == SqlState::UNDEFINED_COLUMN => Some(
                    "--redshift-time-column, --redshift-event-column and --group-by name columns",
                ),
                _ => None,
            },
            Self::Settings(error) => error.hint(),
            Self::NoEvents => Some("give names with --report-events a,b"),
            Self::TooManyGroups { .. } => Some("give a column with few values with --group-by"),
            Self::Directory { .. } | Self::Write { .. } => {
                Some("give a directory this user may write to with --out")
            }
            Self::Account(error) => Some(error.hint()),
            Self::Refused { code, .. } if code == "NoSuchBucket" => Some(
                "make the bucket with: run-pipeline provision, or set s3_bucket in section [aws] \
                 of the settings; the files are in the directory",
            ),
            Self::Refused { .. } => Some(
                "may these credentials write there (s3:PutObject)? The files are in the directory",
            ),
            Self::Unreachable { .. } => Some(UNREACHABLE_HINT),
            _ => None,
        }
    }
}
