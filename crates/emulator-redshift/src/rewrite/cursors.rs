//! DECLARE: a session has one cursor at a time ("DECLARE").

use crate::sql::statement::Statement;

/// What Postgres has to execute behind a DECLARE: it fails if another cursor is open.
pub(super) fn rewrite(statement: &Statement<'_>) -> Option<String> {
    let declares = statement.leads("declare");
    declares.then(|| "SELECT pg_catalog.blueshift_one_cursor()".to_owned())
}
