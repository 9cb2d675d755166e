//! What can go wrong, one variant per thing a caller or a user can do about it.

use std::fmt;
use std::time::Duration;

use runtime::redshift::ConnectError;
use serde::Serialize;

use crate::refusal::{self, Blame};

mod statement;

pub use statement::StatementError;

/// SQLSTATE of a table that does not exist.
pub const UNDEFINED_TABLE: &str = "42P01";
/// SQLSTATE of a schema that does not exist.
pub const UNDEFINED_SCHEMA: &str = "3F000";
/// SQLSTATE of a statement that ran into `statement_timeout`.
pub const QUERY_CANCELED: &str = "57014";
/// SQLSTATE of a statement that this user may not run.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// SQLSTATE of two transactions that cannot both be right.
pub const SERIALIZATION_FAILURE: &str = "40001";
/// SQLSTATE of two transactions that wait for each other.
pub const DEADLOCK: &str = "40P01";

/// S3's error codes (Amazon S3 API Reference, "Error responses") that the object may be the cause of.
const OF_ONE_OBJECT: [&str; 10] = [
    "AccessDenied",
    "InvalidRequest",
    "InvalidObjectState",
    "ObjectLocked",
    "MethodNotAllowed",
    "EntityTooLarge",
    "KeyTooLongError",
    "InvalidArgument",
    "NotImplemented",
    "NoSuchUpload",
];

/// For refusals that no object is to blame for.
const ACCESS_HINT: &str = "may the role in arn_credentials read the bucket, may the cluster assume it, \
                           and does the cluster reach S3?";

/// What the step of a COPY is called in [`LoadError::Statement`].
pub(crate) const COPY_STEP: &str = "copy";

/// Why S3 did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such bucket.
    #[error("bucket {bucket} does not exist")]
    NoBucket {
        /// The bucket's name.
        bucket: String,
    },
    /// There is no such object (any more).
    #[error("object {key} is not in bucket {bucket}")]
    NoObject {
        /// The bucket's name.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// The object is not the one that was listed: somebody wrote it anew.
    #[error("object {key} in bucket {bucket} has changed since it was listed")]
    Changed {
        /// The bucket's name.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// S3 answered, with a refusal.
    #[error("bucket {bucket}: {operation} was refused: {code}: {message}")]
    Refused {
        /// The bucket's name.
        bucket: String,
        /// What was asked, with the key or prefix.
        operation: String,
        /// S3's error code.
        code: String,
        /// S3's words.
        message: String,
    },
    /// S3 did what it was asked for, as it seems, but nobody understands its answer.
    #[error("bucket {bucket}: the answer to {operation} cannot be read: {reason}")]
    Unreadable {
        /// The bucket's name.
        bucket: String,
        /// What was asked, with the key or prefix.
        operation: String,
        /// The SDK's words.
        reason: String,
    },
    /// The program is stopped, and its time is over or S3 is silent: the next run does it.
    #[error("bucket {bucket}: {operation} was not begun, since the program is stopped")]
    NotBegun {
        /// The bucket's name.
        bucket: String,
        /// What was to be asked, with the key or prefix.
        operation: String,
    },
    /// S3 did not answer, after the SDK's retries.
    #[error("bucket {bucket}: no answer to {operation}: {reason}")]
    Unreachable {
        /// The bucket's name.
        bucket: String,
        /// What was asked, with the key or prefix.
        operation: String,
        /// The SDK's words.
        reason: String,
    },
}

impl StoreError {
    /// Whether S3 refuses this one object and may well take others: one under Object Lock, in a
    /// storage class that must be restored, larger than CopyObject takes, under a lost KMS key, or
    /// without a right. Every other code (ExpiredToken, Throttling…) would meet any object.
    pub(crate) fn is_about_object(&self) -> bool {
        let Self::Refused { code, .. } = self else { return false };
        OF_ONE_OBJECT.contains(&code.as_str()) || code.starts_with("KMS.")
    }

    /// What the user can do, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoBucket { .. } => Some(
                "make the bucket with: run-pipeline provision, or set s3_bucket in section [aws] \
                 of the settings",
            ),
            Self::Refused { .. } => {
                Some("may these credentials list, read, write and delete there?")
            }
            Self::Unreachable { .. } => Some(runtime::aws::UNREACHABLE_HINT),
            Self::NotBegun { .. } => Some(
                "the next run completes it; with a longer --stop-grace (UPLOAD_STOP_GRACE) this one \
                 does",
            ),
            Self::NoObject { .. } | Self::Changed { .. } | Self::Unreadable { .. } => None,
        }
    }
}

/// A place in an object that COPY could not load, from `stl_load_errors`; as JSON its fields have
/// the names of the columns there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedRow {
    /// The object, `s3://…`. Redshift cuts it at 256 bytes.
    #[serde(rename = "filename")]
    pub url: String,
    /// The line in the uncompressed object, from 1.
    pub line_number: String,
    /// The column; empty if the line as a whole is at fault.
    #[serde(rename = "colname")]
    pub column: String,
    /// The value that hurt; may be empty.
    #[serde(rename = "raw_field_value")]
    pub value: String,
    /// Redshift's reason.
    #[serde(rename = "err_reason")]
    pub reason: String,
    /// The line, cut at 1,024 characters; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw_line: String,
}

impl RejectedRow {
    /// The reason why COPY cannot read an object at all, as far as it is one of a row.
    pub(crate) fn of_object(url: String, reason: String) -> Self {
        let (line_number, column, value, raw_line) = Default::default();
        Self { url, line_number, column, value, reason, raw_line }
    }
}

impl fmt::Display for RejectedRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.url)?;
        if !self.line_number.is_empty() {
            write!(formatter, " line {}", self.line_number)?;
        }
        if !self.column.is_empty() {
            write!(formatter, ", column {}", self.column)?;
        }
        if !self.value.is_empty() {
            write!(formatter, ", value {:?}", self.value)?;
        }
        write!(formatter, ": {}", self.reason)
    }
}

/// Why objects were not loaded. Nothing was archived, and the next run starts over.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no connection to Redshift.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// S3 did not take the manifest.
    #[error("put the manifest")]
    Store(#[from] StoreError),
    /// Another load holds the ledger.
    #[error("another load held the ledger {ledger} for more than {waited:?}")]
    Locked {
        /// The ledger as it stands in SQL.
        ledger: String,
        /// The bound given by `--lock-wait`.
        waited: Duration,
    },
    /// The table to load into is not there.
    #[error("table {table} does not exist")]
    NoTable {
        /// The table as it stands in SQL.
        table: String,
    },
    /// The ledger is not there and could not be created.
    #[error("create the ledger {ledger}")]
    NoLedger {
        /// The ledger as it stands in SQL.
        ledger: String,
        /// Why.
        #[source]
        source: StatementError,
    },
    /// Objects hold lines that the table cannot take.
    #[error("COPY could not load {}", list(rejects))]
    BadRows {
        /// The first of them.
        rejects: Vec<RejectedRow>,
    },
    /// COPY left rows out and took none at all.
    #[error("COPY could not load a single row: {}", list(rejects))]
    NoGoodRows {
        /// All of them.
        rejects: Vec<RejectedRow>,
    },
    /// All objects are bad, and too many to blame each of them; none was set aside.
    #[error(
        "COPY took none of {count} objects{}, so the table may be to blame, not they, and nothing \
         was set aside: {}",
        at(column.as_deref()),
        list(rejects)
    )]
    AllBad {
        /// How many were found before the search stopped.
        count: u64,
        /// The column at which all their rows were refused, if it is one.
        column: Option<String>,
        /// A reason of each of the first of them.
        rejects: Vec<RejectedRow>,
    },
    /// All objects are bad, and so is one that is empty: COPY itself does not work.
    #[error("COPY fails even for an empty object, so nothing was set aside")]
    NothingCopies(#[source] StatementError),
    /// S3 lets COPY read none of the objects.
    #[error("S3 refuses COPY all of {count} objects, so nothing was set aside")]
    AllRefused {
        /// How many were tried.
        count: u64,
        /// What COPY said of the first.
        #[source]
        source: StatementError,
    },
    /// COPY refuses more objects than single ones can be blamed, for reasons that do not tell of
    /// what they hold.
    #[error("COPY refuses {count} objects without a word on what they hold; they stay in events/")]
    TooManyRefused {
        /// How many were found before the search stopped.
        count: u64,
        /// What COPY said of the last.
        #[source]
        source: StatementError,
    },
    /// S3 refuses to copy objects with bad rows to `rejected/`; their reasons lie there.
    #[error("keep {} objects with bad rows under rejected/", refused.len())]
    NotKept {
        /// Their keys, and why.
        refused: Vec<(String, StoreError)>,
    },
    /// The staging table does not hold what COPY says it loaded.
    #[error("COPY loaded {copied} rows, but {staged} are staged")]
    Miscounted {
        /// What COPY says.
        copied: u64,
        /// What is there.
        staged: u64,
    },
    /// COPY left out more rows than it gives reasons for: some would be lost.
    #[error("COPY left out {skipped} rows, but stl_load_errors lists {listed}")]
    Unexplained {
        /// What COPY says.
        skipped: u64,
        /// Rows in `stl_load_errors`.
        listed: u64,
    },
    /// The program was stopped before Redshift let it in, or while another run held the ledger;
    /// nothing was begun.
    #[error("stopped on the way to the ledger")]
    Stopped,
    /// A bad object could not be moved to `rejected/`.
    #[error("set object {key} aside")]
    SetAside {
        /// The object's key.
        key: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The reasons why an object is bad could not be put under `rejected/`.
    #[error("keep the reasons why object {key} is bad")]
    KeepReasons {
        /// The object's key.
        key: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Events without the column that tells them apart; "once" means nothing for them.
    #[error("{count} events to load have no {id_column}")]
    NoId {
        /// How many.
        count: u64,
        /// The column of ids.
        id_column: String,
    },
    /// The answer to COMMIT never came.
    #[error("the outcome of COMMIT is unknown")]
    CommitUnknown(#[source] StatementError),
    /// Any other statement that failed.
    #[error("{step}")]
    Statement {
        /// Verb and object.
        step: &'static str,
        /// Why.
        #[source]
        source: StatementError,
    },
}

/// How many bad rows one error message shows.
const LISTED_MAX: usize = 10;

fn at(column: Option<&str>) -> String {
    column.map(|column| format!(", and refused every row at column {column}")).unwrap_or_default()
}

fn list(rejects: &[RejectedRow]) -> String {
    let mut shown: Vec<_> = rejects.iter().take(LISTED_MAX).map(ToString::to_string).collect();
    if LISTED_MAX < rejects.len() {
        shown.push(format!("and {} more", rejects.len() - LISTED_MAX));
    }
    shown.join("; ")
}

impl LoadError {
    /// Whether the same load may well succeed when it starts over.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::CommitUnknown(_) => true,
            Self::Statement { source, .. } | Self::NoLedger { source, .. } => source.is_transient(),
            Self::Connect(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Whether the program was stopped before Redshift had said what became of anything.
    pub(crate) fn is_of_a_stop(&self) -> bool {
        let Self::Statement { source, .. } = self else { return matches!(self, Self::Stopped) };
        matches!(source, StatementError::Unanswered { .. })
    }

    /// Whether there was no time for it: another session holds what it needs, or the cluster is
    /// busy.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Statement { source, .. } => source.is(QUERY_CANCELED),
            _ => false,
        }
    }

    /// Who is to blame, if COPY failed and will not do otherwise by itself.
    pub(crate) fn blame(&self) -> Option<Blame> {
        match self {
            Self::BadRows { .. } | Self::NoGoodRows { .. } | Self::NoId { .. } => {
                Some(Blame::Content)
            }
            Self::Statement { step: COPY_STEP, source } if !source.is_transient() => {
                let StatementError::Refused { sqlstate, message } = source else { return None };
                Some(refusal::blame(sqlstate, message))
            }
            _ => None,
        }
    }

    /// What the user can do, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(error) => Some(error.hint()),
            Self::Store(error)
            | Self::SetAside { source: error, .. }
            | Self::KeepReasons { source: error, .. } => error.hint(),
            Self::Locked { .. } => Some(
                "let it finish, or wait longer with --lock-wait; svv_transactions shows which \
                 session holds the lock",
            ),
            Self::NoTable { .. } => Some(
                "make it with: run-pipeline provision, or with create_table.sql; or set table \
                     in section [redshift]",
            ),
            Self::NoLedger { .. } => Some(
                "GRANT CREATE ON SCHEMA to this user, or let its owner make the ledger: run-pipeline \
                 provision",
            ),
            Self::BadRows { .. } | Self::NoGoodRows { .. } | Self::AllBad { .. } => Some(
                "does the table in redshift fit the events, as create_table.sql does? run-pipeline \
                 doctor compares the two; if it does, raise --rejects-max to set these objects aside",
            ),
            Self::NothingCopies(_) | Self::AllRefused { .. } | Self::TooManyRefused { .. } => {
                Some(ACCESS_HINT)
            }
            Self::NotKept { refused } => refused.first().and_then(|(_, source)| source.hint()),
            Self::Miscounted { .. } | Self::Unexplained { .. } => {
                Some("nothing was committed; may this user read stl_load_errors?")
            }
            Self::NoId { .. } => Some("id_column in section [redshift] must be set in each event"),
            Self::CommitUnknown(_) => {
                Some("run again: the ledger tells whether the objects were loaded")
            }
            Self::Statement { step: COPY_STEP, source } => source.hint_for_copy(),
            Self::Statement { step, source } => source.hint_for(step),
            Self::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests;
