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

/// Redshift's words for an error by which Postgres ends one of two transactions that conflict;
/// `None` for all other errors.
pub(crate) fn conflict(
    error: &Frame,
    transaction: i64,
    other: i64,
    process_id: i32,
) -> Option<SqlError> {
    let message = error.error_field(b'M').unwrap_or_default();
    match error.error_field(b'C') {
        // "Troubleshooting serializable isolation errors"; the numbers as clients report them.
        Some(b"40001") => {
            let detail = format!(
                "Serializable isolation violation on table - 0, \
                 transactions forming the cycle are: {other}, {transaction} (pid:{process_id})"
            );
            Some(SqlError { detail: Some(detail), ..SqlError::new("XX000", "1023") })
        }
        // Two changes of one row of the catalog.
        Some(b"XX000") if message.starts_with(b"tuple concurrently ") => Some(SqlError::new(
            "XX000",
            "could not complete because of conflict with concurrent transaction",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use pgwire::messages::Message;

    fn said(code: &'static str, message: &str) -> Option<SqlError> {
        let mut bytes = BytesMut::new();
        SqlError::new(code, message).response().encode(&mut bytes).unwrap();
        conflict(&Frame::take(&mut bytes).unwrap().unwrap(), 7, 6, 99)
    }

    #[test]
    fn conflicts_are_worded_as_redshift_words_them() {
        let error = said("40001", "could not serialize access due to concurrent update").unwrap();
        assert_eq!((error.sqlstate, error.message.as_str()), ("XX000", "1023"));
        let detail = error.detail.unwrap();
        assert!(detail.ends_with("transactions forming the cycle are: 6, 7 (pid:99)"), "{detail}");
        let error = said("XX000", "tuple concurrently updated").unwrap();
        assert!(error.message.starts_with("could not complete because of conflict"));
        assert_eq!(said("XX000", "something else"), None);
        assert_eq!(said("23502", "null value"), None);
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
