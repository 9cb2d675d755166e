//! Isolation levels of databases, and what Redshift says when transactions get in each other's way.
//!
//! SNAPSHOT is Postgres' REPEATABLE READ, SERIALIZABLE its SERIALIZABLE ("Isolation levels in Amazon
//! Redshift"). A client cannot choose: every level that it names means the database's own ("BEGIN").

use std::fmt;
use std::str::FromStr;

use crate::error::SqlError;
use crate::wire::Frame;

/// The isolation level of databases that were not given one ("CREATE DATABASE", ISOLATION LEVEL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Of two transactions that change the same row, one fails. The default of new clusters.
    #[default]
    Snapshot,
    /// Transactions fail too if no order of them would have had the same result.
    Serializable,
}

impl Isolation {
    const ALL: [Self; 2] = [Self::Snapshot, Self::Serializable];

    /// Its name in lower case, as the flag `--isolation` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Serializable => "serializable",
        }
    }

    /// Postgres' `default_transaction_isolation`.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Snapshot => "repeatable read",
            Self::Serializable => "serializable",
        }
    }

    /// The level behind a value of `default_transaction_isolation`.
    pub(crate) fn of_setting(setting: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.setting() == setting)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name));
        named.ok_or_else(|| format!("no isolation level {name:?}: snapshot or serializable"))
    }
}

/// A transaction that Postgres has ended because of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) transaction: i64,
    pub(crate) other: i64,
    pub(crate) process_id: i32,
    /// The table that it is about, with its names in quotes, if that is known.
    pub(crate) table: Option<String>,
}

impl Violation {
    /// Whether that is what Postgres says.
    pub(crate) fn is_said_by(error: &Frame) -> bool {
        error.error_field(b'C') == Some(b"40001")
    }

    /// "Troubleshooting serializable isolation errors"; the numbers as clients report them.
    pub(crate) fn error(&self, table_id: u32) -> SqlError {
        let Self { transaction, other, process_id, .. } = self;
        let detail = format!(
            "Serializable isolation violation on table - {table_id}, \
             transactions forming the cycle are: {other}, {transaction} (pid:{process_id})"
        );
        SqlError { detail: Some(detail), ..SqlError::new("XX000", "1023") }
    }
}

/// Redshift's words for an error that comes of two changes of one row of the catalog; `None` for
/// all other errors.
pub(crate) fn catalog_conflict(error: &Frame) -> Option<SqlError> {
    let message = error.error_field(b'M').unwrap_or_default();
    let conflicts =
        error.error_field(b'C') == Some(b"XX000") && message.starts_with(b"tuple concurrently ");
    conflicts.then(|| {
        let message = "could not complete because of conflict with concurrent transaction";
        SqlError::new("XX000", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use pgwire::messages::Message;

    fn said(code: &'static str, message: &str) -> Frame {
        let mut bytes = BytesMut::new();
        SqlError::new(code, message).response().encode(&mut bytes).unwrap();
        Frame::take(&mut bytes).unwrap().unwrap()
    }

    #[test]
    fn conflicts_are_worded_as_redshift_words_them() {
        let error = said("40001", "could not serialize access due to concurrent update");
        assert!(Violation::is_said_by(&error));
        let violation = Violation { transaction: 7, other: 6, process_id: 99, table: None };
        let error = violation.error(100_192);
        assert_eq!((error.sqlstate, error.message.as_str()), ("XX000", "1023"));
        let detail = "Serializable isolation violation on table - 100192, \
                      transactions forming the cycle are: 6, 7 (pid:99)";
        assert_eq!(error.detail.as_deref(), Some(detail));
        let error = catalog_conflict(&said("XX000", "tuple concurrently updated")).unwrap();
        assert!(error.message.starts_with("could not complete because of conflict"));
        assert_eq!(catalog_conflict(&said("XX000", "something else")), None);
        assert!(!Violation::is_said_by(&said("23502", "null value")));
    }

    #[test]
    fn levels_have_names() {
        for level in Isolation::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(Isolation::of_setting(level.setting()), Some(level));
        }
        assert!("read committed".parse::<Isolation>().is_err());
    }
}
