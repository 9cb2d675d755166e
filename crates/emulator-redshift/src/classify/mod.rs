//! Decides what becomes of a statement: pass on, rewrite, execute here, or refuse.
//!
//! Pure. Works on tokens, so that strings and comments never decide anything.

mod alterations;
mod bounds;
mod leader_node;
mod refusal_rows;
pub(crate) mod refusals;
mod system_views;
pub(crate) mod types;
mod user_functions;
mod windows;

use std::sync::Arc;

use crate::copy::statement::{self as copy_statement, CopyStatement};
use crate::error::SqlError;
use crate::rewrite::declared::{MARK, resized};
use crate::rewrite::lateral::{Columns, Question};
use crate::rewrite::rewrite;
use crate::rewrite::settings::{CASE_SENSITIVE, is_on};
use crate::sql::quotes;
use crate::sql::statement::{Statement, split};
use crate::sql::tokens::Kind;
use crate::system_tables::SystemViews;
use crate::system_tables::reads::SystemReads;

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
    /// Postgres executes it, and this behind it.
    PassThen(Arc<str>),
    /// A LOCK, and the block that executes it outside a transaction.
    Lock(Arc<str>),
    /// Postgres executes it, unless it would share a transaction; the value is its name.
    PassAlone(&'static str),
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
    /// Which of the relay's own records it shows.
    pub(crate) reads: SystemReads,
    /// The name that it prepares a statement under, if that shows the relay's own records.
    pub(crate) prepares: Option<String>,
    /// Whether it may make something that shows them, or give that another name.
    pub(crate) defines: bool,
    /// Whether it may show them by the name of something that was made before.
    pub(crate) uses_names: bool,
    /// Whether it counts as a query ("STL_QUERY").
    pub(crate) is_query: bool,
    /// What has to be known to rewrite it in full.
    pub(crate) questions: Vec<Question>,
    /// What was asked to rewrite it, and what is known since.
    pub(crate) answered: Option<Answered>,
    /// What it sets `enable_case_sensitive_identifier` to.
    pub(crate) case_sensitive: Option<bool>,
}

/// What was asked about the tables of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) questions: Arc<[Question]>,
    pub(crate) columns: Arc<Columns>,
}

/// What the reading of a statement depends on, beside its text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// Views and the like that show system tables.
    pub(crate) views: Arc<SystemViews>,
    /// Whether there may be others.
    pub(crate) others: bool,
    /// `enable_case_sensitive_identifier` of the session.
    pub(crate) case_sensitive: bool,
    /// What is known of the tables' columns.
    pub(crate) columns: Arc<Columns>,
}

impl Reading<'_> {
    /// The text for Postgres.
    pub(crate) fn text(&self) -> &str {
        self.rewritten.as_deref().unwrap_or(self.sql)
    }

    /// Whether the text for Postgres has what a table declares.
    pub(crate) fn declares(&self) -> bool {
        self.rewritten.as_ref().is_some_and(|text| text.contains(MARK))
    }

    /// Whether the relay has to step in when the statement is executed.
    pub(crate) fn is_special(&self) -> bool {
        matches!(
            self.action,
            Action::Copy(_) | Action::Lock(_) | Action::PassThen(_) | Action::PassAlone(_)
        )
    }
}

/// Reads every statement of a script. One refused statement refuses the script, as one syntax
/// error does in Postgres.
pub(crate) fn read_script<'a>(
    script: &'a str,
    context: &Context,
) -> Result<Vec<Reading<'a>>, SqlError> {
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
    let mut context = context.clone();
    for piece in split(script) {
        let reading = read(piece, &context).map_err(|mut error| {
            error.position = error.position.map(|position| position + characters);
            error
        })?;
        characters += piece.chars().count();
        context.case_sensitive = reading.case_sensitive.unwrap_or(context.case_sensitive);
        context.others |= reading.defines;
        if let Some(name) = &reading.prepares {
            Arc::make_mut(&mut context.views).insert(name.clone(), reading.reads);
        }
        readings.push(reading);
    }
    Ok(readings)
}

fn read<'a>(piece: &'a str, context: &Context) -> Result<Reading<'a>, SqlError> {
    let mut statement = Statement::new(piece);
    statement.case_sensitive = context.case_sensitive;
    let mut reading = Reading {
        sql: piece,
        rewritten: None,
        action: Action::Pass,
        reads: SystemReads::NOTHING,
        prepares: None,
        defines: defines(&statement),
        uses_names: uses_names(&statement),
        is_query: false,
        questions: Vec::new(),
        answered: None,
        case_sensitive: case_sensitivity(&statement),
    };
    names_fit(&statement)?;
    unmarked(&statement)?;
    if statement.is_empty() {
        reading.action = Action::Empty;
    } else if statement.leads("copy") {
        let copy = copy_statement::parse(piece).map_err(|error| {
            let position = Some(error.position);
            SqlError { position, ..SqlError::new(error.sqlstate, error.message) }
        })?;
        reading.action = Action::Copy(Arc::new(copy));
        reading.is_query = true;
    } else {
        let names = refusals::judge(&statement, &context.views)?;
        // A procedure may do anything.
        let unknown = statement.leads("call") || (context.others && reading.uses_names);
        reading.reads = if unknown { SystemReads::EVERYTHING } else { names.system };
        reading.is_query = is_query(&statement, names.catalog);
        if !names.system.is_nothing() {
            reading.prepares =
                statement.leads("prepare").then(|| statement.identifier(1)).flatten();
        }
        let rewritten = rewrite(&statement, &context.columns)?;
        reading.rewritten = rewritten.text;
        reading.questions = rewritten.questions;
        if statement.leads("truncate") {
            // "TRUNCATE", usage notes.
            reading.action = Action::PassThen(Arc::from("COMMIT"));
        } else if statement.leads("lock") {
            reading.action = Action::Lock(Arc::from(lock_block(reading.text())));
        } else if statement.leads("alter table")
            && statement.matches(statement.after_name(2), "append from")
        {
            // "ALTER TABLE APPEND", usage notes.
            reading.action = Action::PassAlone("ALTER TABLE APPEND");
        } else if resized(&statement).is_some() {
            // "ALTER TABLE", ALTER COLUMN TYPE.
            reading.action = Action::PassAlone("ALTER TABLE ALTER COLUMN");
        } else if let Some(then) = rewritten.then {
            reading.action = Action::PassThen(Arc::from(then));
        }
    }
    Ok(reading)
}

/// A LOCK as a block that Postgres takes outside a transaction too ("LOCK").
fn lock_block(sql: &str) -> String {
    let statement = Statement::new(sql);
    let (first, last) = (statement.tokens.first(), statement.tokens.last());
    let start = first.map_or(0, |token| token.start());
    let end = last.map_or(start, |token| token.end());
    format!("DO {}", quotes::dollars(&format!("BEGIN {}; END", &sql[start..end])))
}

/// Whether it is one for `stl_query`: work for the compute nodes, which queries of the catalog and
/// those without a table are not ("SQL functions supported on the leader node").
fn is_query(statement: &Statement<'_>, catalog: bool) -> bool {
    const CHANGES: &[&str] = &["insert", "update", "delete", "merge", "unload"];
    let has = |word: &str| (1..statement.tokens.len()).any(|at| statement.is_word(at, word));
    if CHANGES.iter().any(|word| statement.leads(word)) {
        return true;
    }
    if statement.leads("create") {
        return has("table") && has("as") && has("select");
    }
    (statement.leads("select") || statement.leads("with") || statement.is_symbol(0, b'('))
        && has("from")
        && !catalog
}

/// What a SET or RESET makes of `enable_case_sensitive_identifier`.
fn case_sensitivity(statement: &Statement<'_>) -> Option<bool> {
    const NAME: &str = CASE_SENSITIVE;
    let scoped = statement.leads("set session") || statement.leads("set local");
    if statement.leads("reset") && (statement.is_word(1, NAME) || statement.is_word(1, "all")) {
        return Some(false);
    }
    let at = if scoped { 2 } else { 1 };
    if !statement.leads("set") || !statement.is_word(at, NAME) {
        return None;
    }
    Some(is_on(statement.text(at + 2).trim_matches('\'')))
}

/// Whether a statement may make a view or a function, or rename one.
fn defines(statement: &Statement<'_>) -> bool {
    let among = |end: usize, words: &[&str]| {
        (1..end).any(|at| words.iter().any(|word| statement.is_word(at, word)))
    };
    statement.leads("call")
        || (statement.leads("create") && among(6, &["view", "function"]))
        || (statement.leads("alter") && among(statement.tokens.len(), &["rename"]))
}

/// Whether a statement shows what views or functions say.
fn uses_names(statement: &Statement<'_>) -> bool {
    const VERBS: &[&str] = &[
        "select", "with", "insert", "update", "delete", "merge", "create", "declare", "explain",
        "prepare", "execute", "refresh",
    ];
    VERBS.iter().any(|verb| statement.leads(verb)) || statement.is_symbol(0, b'(')
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

/// What a table declares travels behind [`MARK`]: nobody else may write that.
fn unmarked(statement: &Statement<'_>) -> Result<(), SqlError> {
    if !statement.sql.contains(MARK) {
        return Ok(());
    }
    let message = format!("{MARK} is reserved by this Redshift stand-in");
    Err(SqlError::new("42939", message).with_hint("leave it out of comments and texts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_script(script: &str) -> Result<Vec<Reading<'_>>, SqlError> {
        super::read_script(script, &Context::default())
    }

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
        check("/* x */ truncate t", "PassThen");
        check("lock table a, b; lock c", "Lock Lock");
        check("alter table a.b append from c", "PassAlone");
        check("alter table a alter column type type varchar(9)", "PassAlone");
        check("alter table a alter column type encode lzo", "Pass");
        check("create database d isolation level snapshot", "PassThen");
        check("begin; copy t from 's3://b/k' iam_role default; end", "Pass Copy Pass");
    }

    #[test]
    fn statements_that_show_our_records_are_noticed() {
        let check = |sql, expected: bool| {
            let reads = read_script(sql).unwrap()[0].reads;
            assert_eq!(!reads.is_nothing(), expected, "{sql}");
        };
        check("select * from stl_load_errors", true);
        check("select * from pg_catalog.\"stl_load_errors\"", true);
        check("select PG_LAST_COPY_COUNT()", true);
        check("select 'stl_load_errors'", false);
    }

    #[test]
    fn a_view_of_system_tables_shows_them_too() {
        let views = SystemViews::from([("loadview".to_owned(), SystemReads::LOAD_ERRORS)]);
        let context = Context { views: Arc::new(views), ..Context::default() };
        let reading = &super::read_script("select * from s.LOADVIEW", &context).unwrap()[0];
        assert!(reading.reads.has(SystemReads::LOAD_ERRORS));
    }

    #[test]
    fn what_a_script_makes_may_show_them() {
        let check = |sql: &str, expected: SystemReads| {
            assert_eq!(read_script(sql).unwrap().last().unwrap().reads, expected, "{sql}");
        };
        check("prepare x as select 1 from stl_query; execute x", SystemReads::QUERIES);
        check("prepare x as select 1 from t; execute x", SystemReads::NOTHING);
        check("create view v as select 1 from stl_query; select a from v", SystemReads::EVERYTHING);
        check("alter table v rename to w; rollback", SystemReads::NOTHING);
        check("create table t (a int); select a from t", SystemReads::NOTHING);
        check("call p()", SystemReads::EVERYTHING);
    }

    #[test]
    fn queries_are_what_compute_nodes_execute() {
        let check = |sql: &str, expected: bool| {
            assert_eq!(read_script(sql).unwrap()[0].is_query, expected, "{sql}");
        };
        check("select a from t", true);
        check("with x as (select 1 from t) select * from x", true);
        check("insert into t values (1)", true);
        check("create table u as select * from t", true);
        check("copy t from 's3://b/k' iam_role default", true);
        check("select pg_last_query_id()", false);
        check("select relname from pg_class", false);
        check("create table t (a int)", false);
        check("begin", false);
    }
}
