//! Isolation levels: a client may name any, and gets its database's own.
//!
//! "BEGIN": all levels map to SERIALIZABLE, which is the one that SHOW answers, and the database
//! decides what that means ("CREATE DATABASE", ISOLATION LEVEL).

use super::edits::Edits;
use crate::sql::statement::Statement;

/// Sets something that nobody reads, and is answered `SET`.
const NO_CHANGE: &str = "SET redshift.transaction_isolation = 'serializable'";

/// Takes the level out of BEGIN and its like.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    let Some(last) = statement.tokens.last() else { return };
    let whole = statement.tokens[0].start()..last.end();
    if statement.leads("show transaction isolation level") {
        edits.replace(whole, "SELECT 'serializable'::varchar AS transaction_isolation");
    } else if statement.leads("begin") || statement.leads("start transaction") {
        clause(statement, edits);
    } else if statement.leads("set transaction isolation level")
        || statement.leads("set session characteristics as transaction isolation level")
    {
        edits.replace(whole, NO_CHANGE);
    }
}

/// Blanks `ISOLATION LEVEL …` and the comma beside it.
fn clause(statement: &Statement<'_>, edits: &mut Edits) {
    let found = (1..statement.tokens.len()).find(|at| statement.matches(*at, "isolation level"));
    let Some(start) = found else { return };
    let levels = ["serializable", "read committed", "read uncommitted", "repeatable read"];
    let Some(level) = levels.iter().find(|level| statement.matches(start + 2, level)) else {
        return; // Postgres finds the syntax error.
    };
    let mut end = start + 2 + level.split(' ').count();
    let mut start = start;
    if statement.is_symbol(end, b',') {
        end += 1;
    } else if statement.is_symbol(start - 1, b',') {
        start -= 1;
    }
    let bytes = statement.tokens[start].start()..statement.tokens[end - 1].end();
    edits.blank(statement.sql, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_reaches_postgres() {
        let check = |sql: &str, expected: &str| {
            let mut edits = Edits::default();
            rewrite(&Statement::new(sql), &mut edits);
            let text = edits.apply(sql).unwrap_or_else(|| sql.to_owned());
            assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), expected);
        };
        check("begin", "begin");
        check("BEGIN WORK ISOLATION LEVEL READ COMMITTED READ ONLY;", "BEGIN WORK READ ONLY;");
        check("begin isolation level serializable, read only", "begin read only");
        check(
            "start transaction read write, isolation level repeatable read",
            "start transaction read write",
        );
        check("begin isolation level chaos", "begin isolation level chaos");
        check("set transaction isolation level read committed", NO_CHANGE);
        check("set session characteristics as transaction isolation level serializable", NO_CHANGE);
        check("set transaction read only", "set transaction read only");
        check(
            "show transaction isolation level",
            "SELECT 'serializable'::varchar AS transaction_isolation",
        );
    }
}
