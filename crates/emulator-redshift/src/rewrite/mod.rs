//! Turns Redshift's SQL into Postgres' where a few words make the difference.
//!
//! Edits tokens in place and prints nothing anew: what is not understood passes as it was written,
//! and Postgres judges it.

mod attributes;
mod edits;
mod queries;
mod settings;
pub(crate) mod table;
mod words;

use self::edits::Edits;
use crate::error::SqlError;
use crate::sql::statement::Statement;

/// The statement for Postgres; `None` if it may stay as it is.
pub(crate) fn rewrite(statement: &Statement<'_>) -> Result<Option<String>, SqlError> {
    let mut edits = Edits::default();
    if statement.leads("show server_version") {
        let whole = statement.tokens[0].start()..statement.tokens[1].end();
        edits.replace(whole, "SELECT '8.0.2'::varchar AS server_version");
    }
    settings::rewrite(statement, &mut edits);
    words::rewrite(statement, &mut edits);
    queries::rewrite(statement, &mut edits);
    if let Some(table) = table::TableStatement::read(statement) {
        attributes::rewrite(statement, &table, &mut edits)?;
    }
    Ok(edits.apply(statement.sql))
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
