//! CREATE SCHEMA and DROP SCHEMA of a schema that is named with its database, as dbt does.
//!
//! The name loses the database; what is executed behind the statement fails if that is another one.

use super::edits::Edits;
use crate::sql::quotes;
use crate::sql::statement::Statement;

/// Rewrites the name. The value is what Postgres has to execute behind the statement.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) -> Option<String> {
    let name = if statement.leads("create schema if not exists") {
        5
    } else if statement.leads("drop schema if exists") {
        4
    } else if statement.leads("create schema") || statement.leads("drop schema") {
        2
    } else {
        return None;
    };
    if !statement.is_symbol(name + 1, b'.') || !statement.is_identifier(name + 2) {
        return None;
    }
    let database = quotes::identifier(&statement.identifier(name)?);
    for at in [name, name + 1] {
        edits.blank(statement.sql, statement.tokens[at].start()..statement.tokens[at].end());
    }
    // Postgres refuses the name of another database.
    Some(format!("SELECT FROM {database}.pg_catalog.pg_class LIMIT 0"))
}
