//! Why a statement has no result, and what follows from that.

use std::time::Duration;

use super::{ACCESS_HINT, COPY_STEP, DEADLOCK, INSUFFICIENT_PRIVILEGE, SERIALIZATION_FAILURE};
use crate::refusal::{self, Blame};

/// For a statement that nobody waits for any more.
const UNANSWERED_HINT: &str = "the statement is cancelled, and nothing of it is in the table; run \
                               again, or look at what redshift does: stv_recents";

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StatementError {
    /// Redshift refused it; what it did is undone.
    #[error("{message} (SQLSTATE {sqlstate})")]
    Refused {
        /// The five characters of the SQLSTATE.
        sqlstate: String,
        /// Redshift's words, its DETAIL included.
        message: String,
    },
    /// The connection ended before the answer: nobody here knows whether the statement worked.
    #[error("the connection to redshift was lost: {reason}")]
    Lost {
        /// The client library's words.
        reason: String,
    },
    /// There is no answer, and nobody waits for it any longer. The statement was cancelled, as far
    /// as Redshift heeds that; only of COMMIT is it unknown whether it worked.
    #[error("redshift gave no answer within {waited:?} of {since}")]
    Unanswered {
        /// For so long.
        waited: Duration,
        /// What the time was counted from.
        since: &'static str,
    },
    /// The answer is not what the statement asks for.
    #[error("redshift answered {answer:?}, not {expected}")]
    Unexpected {
        /// The answer.
        answer: String,
        /// What would have been understood.
        expected: &'static str,
    },
}

impl StatementError {
    /// Whether Redshift refused the statement with this SQLSTATE.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { sqlstate, .. } if sqlstate == wanted)
    }

    /// Whether the same transaction may well succeed when it starts over.
    ///
    /// Redshift reports a serializable isolation violation as error 1023, and a table that another
    /// transaction put in the place of ours as error 1018 (Database Developer Guide,
    /// "Troubleshooting serializable isolation errors"); Postgres has SQLSTATEs for such things. An
    /// S3 that throttles COPY, or that it does not reach, comes back.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Refused { sqlstate, message } => {
                let is_conflict = sqlstate == SERIALIZATION_FAILURE || sqlstate == DEADLOCK;
                let codes = ["1023", "1018"];
                is_conflict
                    || codes.iter().any(|code| message.starts_with(code))
                    || refusal::blame(sqlstate, message) == Blame::Passing
            }
            Self::Unanswered { .. } | Self::Unexpected { .. } => false,
        }
    }
}

impl StatementError {
    /// What the user can do about a statement that is refused for want of rights, or because there
    /// is another table in the ledger's place.
    pub(super) fn hint_for(&self, step: &str) -> Option<&'static str> {
        if let Self::Unanswered { .. } = self {
            return Some(UNANSWERED_HINT);
        }
        let is_of_ledger = step.ends_with(" the ledger");
        if self.is(INSUFFICIENT_PRIVILEGE) {
            return Some(match step {
                _ if is_of_ledger => {
                    "let this user own the ledger, or GRANT SELECT, INSERT, UPDATE ON load_ledger TO \
                     it: LOCK asks for UPDATE"
                }
                "read stl_load_errors" => "GRANT SELECT ON stl_load_errors to this user",
                "create the staging table" => {
                    "GRANT SELECT on the table and TEMP on the database to this user"
                }
                _ => "GRANT SELECT, INSERT on the table to this user",
            });
        }
        let is_other_shape = matches!(self, Self::Refused { sqlstate, .. } if sqlstate.starts_with("42") || sqlstate.starts_with("22"));
        (is_of_ledger && is_other_shape).then_some(
            "load_ledger is not the table that upload-data makes: give it another name, and run \
             this again",
        )
    }

    /// What the user can do about a COPY that no object is to blame for.
    pub(super) fn hint_for_copy(&self) -> Option<&'static str> {
        let Self::Refused { sqlstate, message } = self else { return self.hint_for(COPY_STEP) };
        match refusal::blame(sqlstate, message) {
            Blame::Passing => Some(
                "S3 throttles the cluster or is out of its reach; nothing was set aside, the next \
                 run tries again",
            ),
            Blame::Surroundings if message.to_lowercase().contains("disk full") => {
                Some("the cluster has no room; nothing was set aside")
            }
            Blame::Surroundings if sqlstate.starts_with("XX") => Some(ACCESS_HINT),
            _ => None,
        }
    }
}
