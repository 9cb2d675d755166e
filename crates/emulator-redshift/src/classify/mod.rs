//! Decides what becomes of a statement: pass on, rewrite, execute here, or refuse.
//!
//! Pure. Works on tokens, so that strings and comments never decide anything.

mod refusals;
mod types;

use std::sync::Arc;

use crate::copy::statement::{self as copy_statement, CopyStatement};
use crate::error::SqlError;
use crate::rewrite::rewrite;
use crate::sql::statement::{Statement, split};
use crate::sql::tokens::Kind;

/// The largest statement that Redshift takes ("Amazon Redshift SQL", maximum statement size).
const STATEMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest name that Postgres keeps whole (`NAMEDATALEN` - 1).
const NAME_BYTES_MAX: usize = 63;

/// What the relay does with a statement.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing to execute.
    Empty,
    /// Postgres executes it.
    Pass,
    /// Postgres executes it and commits ("TRUNCATE", usage notes).
    PassAndCommit,
    /// The relay executes it.
    Copy(Arc<CopyStatement>),
}

/// A statement that is not refused.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The statement as the client wrote it.
    pub(crate) sql: &'a str,
    /// What Postgres is to execute instead.
    pub(crate) rewritten: Option<String>,
    pub(crate) action: Action,
    /// Whether it names a table or function that shows the relay's own records.
    pub(crate) reads_system_tables: bool,
}

impl Reading<'_> {
    /// The text for Postgres.
    pub(crate) fn text(&self) -> &str {
        self.rewritten.as_deref().unwrap_or(self.sql)
    }

    /// Whether the relay has to step in when the statement is executed.
    pub(crate) fn is_special(&self) -> bool {
        matches!(self.action, Action::Copy(_) | Action::PassAndCommit)
    }
}

/// Reads every statement of a script. One refused statement refuses the script, as one syntax
/// error does in Postgres.
pub(crate) fn read_script(script: &str) -> Result<Vec<Reading<'_>>, SqlError> {
    if STATEMENT_BYTES_MAX < script.len() {
        let bytes = script.len();
        return Err(SqlError::new(
            "54000",
            format!(
                "Statement is too large. Statement Size: {bytes} bytes. \
                 Maximum Allowed: {STATEMENT_BYTES_MAX} bytes"
            ),
        ));
    }
    let mut characters = 0;
    let mut readings = Vec::new();
    for piece in split(script) {
        let reading = read(piece).map_err(|mut error| {
            error.position = error.position.map(|position| position + characters);
            error
        })?;
        characters += piece.chars().count();
        readings.push(reading);
    }
    Ok(readings)
}

fn read(piece: &str) -> Result<Reading<'_>, SqlError> {
    let statement = Statement::new(piece);
    let mut reading =
        Reading { sql: piece, rewritten: None, action: Action::Pass, reads_system_tables: false };
    names_fit(&statement)?;
    if statement.is_empty() {
        reading.action = Action::Empty;
    } else if statement.leads("copy") {
        let copy = copy_statement::parse(piece).map_err(|error| {
            let position = Some(error.position);
            SqlError { position, ..SqlError::new("42601", error.message) }
        })?;
        reading.action = Action::Copy(Arc::new(copy));
    } else {
        let findings = refusals::judge(&statement)?;
        reading.reads_system_tables = findings.reads_system_tables;
        reading.rewritten = rewrite(&statement)?;
        if statement.leads("truncate") {
            reading.action = Action::PassAndCommit;
        }
    }
    Ok(reading)
}

/// Postgres would cut a longer name silently, and two names could become one.
fn names_fit(statement: &Statement<'_>) -> Result<(), SqlError> {
    for (index, token) in statement.tokens.iter().enumerate() {
        let bytes = match token.kind {
            Kind::Word => token.end() - token.start(),
            Kind::Quoted => (token.end() - token.start()).saturating_sub(2),
            _ => continue,
        };
        if NAME_BYTES_MAX < bytes {
            let message = format!(
                "a name of {bytes} bytes: this Redshift stand-in takes {NAME_BYTES_MAX} \
                 (Redshift: 127)"
            );
            return Err(SqlError::new("42622", message).at(statement, index));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_points_into_the_whole_script() {
        let script = "select 'é'; create index i on t (a)";
        let error = read_script(script).unwrap_err();
        assert_eq!(error.position, Some(13));
    }

    #[test]
    fn a_statement_beyond_sixteen_mebibytes_is_refused() {
        let script = format!("select '{}'", "x".repeat(STATEMENT_BYTES_MAX));
        assert_eq!(read_script(&script).unwrap_err().sqlstate, "54000");
    }

    #[test]
    fn a_name_that_postgres_would_cut_is_refused() {
        let fits = "é".repeat(31);
        assert!(read_script(&format!("select 1 as {fits}, '{fits}é', 1 as \"{fits}a\"")).is_ok());
        for name in [format!("{fits}é"), format!("\"{fits}aa\"")] {
            let copy = format!("copy {name} from 's3://b/k' iam_role default");
            for sql in [format!("select 1 as {name}"), copy] {
                assert_eq!(read_script(&sql).unwrap_err().sqlstate, "42622", "{sql}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "copy", "create", "table", "select", "cast", "as", "values", "set", "show",
                    "on", "conflict", "array", "[", "(", ")", ":", ".", ",", ";", "#", "\"", "'",
                    "$", "é", "-", "\\", "/*", "max", "filter", "pg_class", "1",
                ]),
                0..16,
            ),
        ) {
            let _ = read_script(&words.join(" "));
            let _ = read_script(&words.concat());
        }
    }

    #[test]
    fn actions_follow_the_first_keyword() {
        let check = |sql, expected: &str| {
            let readings = read_script(sql).unwrap();
            let actions: Vec<String> = readings
                .iter()
                .map(|reading| format!("{:?}", reading.action))
                .map(|action| action.split('(').next().unwrap_or_default().to_owned())
                .collect();
            assert_eq!(actions.join(" "), expected, "{sql}");
        };
        check("select 1;;-- nothing", "Pass Empty Empty");
        check("/* x */ truncate t", "PassAndCommit");
        check("begin; copy t from 's3://b/k' iam_role default; end", "Pass Copy Pass");
    }

    #[test]
    fn statements_that_show_our_records_are_noticed() {
        let check = |sql, expected: bool| {
            assert_eq!(read_script(sql).unwrap()[0].reads_system_tables, expected, "{sql}");
        };
        check("select * from stl_load_errors", true);
        check("select * from pg_catalog.\"stl_load_errors\"", true);
        check("select PG_LAST_COPY_COUNT()", true);
        check("select 'stl_load_errors'", false);
    }
}
