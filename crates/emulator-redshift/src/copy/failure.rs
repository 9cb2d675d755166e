//! Why a COPY did not load, in the words that clients of Redshift know.

use super::rejects::{LoadError, Replacement};

/// "failed to inflate with …" carries this code.
pub(super) const INFLATE_ERROR_CODE: i32 = 9001;

/// "Spectrum Scan Error" carries this code (15001 in older clusters).
pub(super) const SCAN_ERROR_CODE: i32 = 15007;

/// Why a COPY ended without loading.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CopyFailure {
    /// As many rows were bad as MAXERROR allows, or more.
    #[error("{count} rows could not be loaded")]
    Rejected {
        /// The first of them, in the order of the files: at most 100,000, and 32 MiB.
        rejects: Vec<LoadError>,
        /// How many there were until the load stopped.
        count: u64,
        /// The first rows in which ACCEPTINVCHARS replaced something until then; at most 100.
        replacements: Vec<Replacement>,
    },
    /// The COPY cannot be done at all.
    #[error("{0}")]
    Refused(Refusal),
    /// Nobody takes the rows any more.
    #[error("the COPY was cancelled")]
    Cancelled,
}

/// An error of the statement itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The SQLSTATE.
    pub sqlstate: &'static str,
    /// The error message.
    pub message: String,
    /// `code:` and `context:` of the DETAIL block, for an error of the load itself.
    pub detail: Option<RefusalDetail>,
}

/// What the DETAIL block of a refusal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalDetail {
    /// The error code, as 8001.
    pub code: i32,
    /// What was being done, as `S3 key being read : s3://…`.
    pub context: String,
}

impl Refusal {
    /// A refusal without DETAIL.
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { sqlstate, message: message.into(), detail: None }
    }

    /// A refusal of the load itself: SQLSTATE XX000 and a DETAIL block.
    pub fn internal(code: i32, message: impl Into<String>, context: impl Into<String>) -> Refusal {
        let detail = Some(RefusalDetail { code, context: context.into() });
        Refusal { sqlstate: "XX000", message: message.into(), detail }
    }

    /// The refusal of an option by its name.
    pub(super) fn not_emulated(what: &str) -> Refusal {
        Refusal::new("0A000", format!("{what} is not emulated yet"))
    }
}

impl From<Refusal> for CopyFailure {
    fn from(refusal: Refusal) -> CopyFailure {
        CopyFailure::Refused(refusal)
    }
}

impl CopyFailure {
    /// The error message for the client; `table` is the bare name.
    pub fn message(&self, table: &str) -> String {
        match self {
            // Two blanks before "Check": clients match on it (§11).
            CopyFailure::Rejected { .. } => format!(
                "Load into table '{table}' failed.  Check 'stl_load_errors' system table for \
                 details."
            ),
            CopyFailure::Refused(refusal) => refusal.message.clone(),
            CopyFailure::Cancelled => "canceling statement due to user request".to_string(),
        }
    }

    /// The DETAIL block for the client, if this failure has one; `process_id` is the session's.
    pub fn detail(&self, query_id: i32, process_id: i32) -> Option<String> {
        let CopyFailure::Refused(Refusal { message, detail: Some(detail), .. }) = self else {
            return None;
        };
        let line = "-----------------------------------------------";
        Some(format!(
            "\n  {line}\n  error:  {message}\n  code:      {}\n  context:   {}\n  query:     \
             {query_id}\n  location:  emulator-redshift\n  process:   padbmaster [pid={process_id}]\n  \
             {line}\n",
            detail.code, detail.context,
        ))
    }

    /// The SQLSTATE for the client.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            CopyFailure::Rejected { .. } => "XX000",
            CopyFailure::Refused(refusal) => refusal.sqlstate,
            CopyFailure::Cancelled => "57014",
        }
    }

    /// Whether the load had begun, so that `pg_last_copy_id()` is its number ("PG_LAST_COPY_ID"):
    /// a row was bad, a file could not be read to its end, or it was cancelled.
    pub fn had_begun(&self) -> bool {
        match self {
            CopyFailure::Rejected { .. } => true,
            CopyFailure::Refused(refusal) => {
                let code = refusal.detail.as_ref().map(|detail| detail.code);
                matches!(code, Some(INFLATE_ERROR_CODE | SCAN_ERROR_CODE))
            }
            CopyFailure::Cancelled => true,
        }
    }

    /// The rows for `stl_load_errors`.
    pub fn rejects(&self) -> &[LoadError] {
        match self {
            CopyFailure::Rejected { rejects, .. } => rejects,
            _ => &[],
        }
    }
}

impl CopyFailure {
    /// Takes the rows for `stl_load_errors`.
    pub(crate) fn take_rejects(&mut self) -> Vec<LoadError> {
        match self {
            CopyFailure::Rejected { rejects, .. } => std::mem::take(rejects),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_failure_has_the_words_that_clients_match_on() {
        let failure =
            CopyFailure::Rejected { rejects: Vec::new(), count: 3, replacements: Vec::new() };
        assert_eq!(
            failure.message("events"),
            "Load into table 'events' failed.  Check 'stl_load_errors' system table for details."
        );
        assert_eq!(failure.sqlstate(), "XX000");
        assert_eq!(failure.detail(1, 2), None);
    }

    #[test]
    fn a_refusal_has_a_detail_block() {
        let failure = CopyFailure::from(Refusal::internal(8001, "no such prefix", "Listing"));
        let line = "-----------------------------------------------";
        let lines = [
            "",
            line,
            "error:  no such prefix",
            "code:      8001",
            "context:   Listing",
            "query:     42",
            "location:  emulator-redshift",
            "process:   padbmaster [pid=7]",
            line,
            "",
        ];
        let detail = failure.detail(42, 7).unwrap();
        assert_eq!(detail.split('\n').map(str::trim_start).collect::<Vec<_>>(), lines);
    }
}
