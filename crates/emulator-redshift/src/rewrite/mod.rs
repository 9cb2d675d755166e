//! Turns Redshift's SQL into Postgres' where a few words make the difference.
//!
//! Edits tokens in place and prints nothing anew: what is not understood passes as it was written,
//! and Postgres judges it.

mod aliases;
mod attributes;
mod bodies;
mod column_types;
mod cursors;
mod databases;
pub(crate) mod declared;
mod edits;
pub(crate) mod functions;
mod isolation;
pub(crate) mod lateral;
mod literals;
mod maintenance;
mod names;
mod queries;
mod schemas;
mod selects;
pub(crate) mod settings;
mod show;
pub(crate) mod table;
mod updates;
mod users;
mod words;

use self::edits::Edits;
use self::lateral::{Columns, Question};
use crate::error::SqlError;
use crate::sql::statement::Statement;

/// What Postgres is to execute in place of a statement.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// `None` if the statement may stay as it is.
    pub(crate) text: Option<String>,
    /// A statement to be executed behind it.
    pub(crate) then: Option<String>,
    /// What has to be known to say more.
    pub(crate) questions: Vec<Question>,
}

/// The statement for Postgres, as far as `columns` are known.
pub(crate) fn rewrite(statement: &Statement<'_>, columns: &Columns) -> Result<Rewritten, SqlError> {
    let inlined = aliases::inline(statement, columns);
    let mut rewritten = match inlined.text {
        None => rewrite_words(statement, columns)?,
        Some(text) => {
            let case_sensitive = statement.case_sensitive;
            let again = Statement { case_sensitive, ..Statement::new(&text) };
            // What stands where is another matter now.
            let mut again = rewrite_words(&again, columns)
                .map_err(|error| SqlError { position: None, ..error })?;
            again.text = Some(again.text.unwrap_or(text));
            again
        }
    };
    rewritten.questions.extend(inlined.questions);
    Ok(rewritten)
}

fn rewrite_words(statement: &Statement<'_>, columns: &Columns) -> Result<Rewritten, SqlError> {
    let mut edits = Edits::default();
    if statement.leads("show server_version") {
        let whole = statement.tokens[0].start()..statement.tokens[1].end();
        edits.replace(whole, "SELECT '8.0.2'::varchar AS server_version");
    }
    show::rewrite(statement, &mut edits);
    let then = databases::rewrite(statement, &mut edits)?;
    isolation::rewrite(statement, &mut edits);
    maintenance::rewrite(statement, &mut edits);
    settings::rewrite(statement, &mut edits);
    let then = then.or(users::rewrite(statement, &mut edits));
    let then = then.or(schemas::rewrite(statement, &mut edits)).or(cursors::rewrite(statement));
    words::rewrite(statement, &mut edits);
    updates::rewrite(statement, &mut edits);
    queries::rewrite(statement, &mut edits);
    functions::rewrite(statement, &mut edits)?;
    attributes::materialized_view(statement, &mut edits);
    literals::rewrite(statement, &mut edits);
    declared::view(statement, &mut edits)?;
    let questions = bodies::rewrite(statement, columns, &mut edits)?;
    if let Some(table) = table::TableStatement::read(statement) {
        attributes::rewrite(statement, &table, &mut edits)?;
        declared::rewrite(statement, &table, &mut edits)?;
    }
    Ok(Rewritten { text: edits.apply(statement.sql), then, questions })
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
