//! Refuses by name what `refusal_rows` lists, a test per row.
//!
//! A query that names the catalog (`pg_…`, `information_schema`)
//! runs on Redshift's leader node, where many of these work: rows marked `UserData` and
//! casts do not apply to it, and so the catalog queries of psql and of drivers pass.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::alterations;
use super::bounds;
use super::leader_node::names_catalog;
use super::refusal_rows::Place::{
    Anywhere, Call, Clause, Column, In, Nested, Outside, Start, UserData,
};
use super::refusal_rows::{NOT_EMULATED, REFUSALS, Refusal};
use super::system_views;
use super::types::{self, Unavailable};
use super::{user_functions, windows};
use crate::error::SqlError;
use crate::rewrite::table::TableStatement;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;
use crate::system_tables::SystemViews;
use crate::system_tables::reads::{SYSTEM_NAMES, SystemReads};

/// Refuses a statement that Redshift would not execute.
pub(crate) fn judge(statement: &Statement<'_>, views: &SystemViews) -> Result<NamesUsed, SqlError> {
    unknown_setting(statement)?;
    let names = names_used(statement, views);
    let mut word = String::new();
    for (index, token) in statement.tokens.iter().enumerate() {
        match token.kind {
            Kind::Word => {}
            Kind::Symbol(b':') if !names.catalog => {
                judge_cast(statement, index)?;
                continue;
            }
            Kind::Quoted if !names.catalog => {
                judge_quoted_call(statement, index)?;
                continue;
            }
            _ => continue,
        }
        word.clear();
        word.push_str(token.text(statement.sql));
        word.make_ascii_lowercase();
        for (refusal, emulated) in candidates(&word) {
            if applies(refusal, statement, index, names.catalog) {
                return Err(refused(refusal, *emulated).at(statement, index));
            }
        }
        if word == "cast" && !names.catalog {
            judge_cast(statement, index)?;
        }
        if word == "concat" && !names.catalog && is_call(statement, index) {
            judge_concat(statement, index)?;
        }
    }
    system_views::judge(statement)?;
    judge_column_types(statement)?;
    alterations::judge(statement)?;
    judge_merge(statement)?;
    judge_procedure(statement)?;
    bounds::judge(statement)?;
    user_functions::judge(statement)?;
    if !names.catalog {
        judge_operators(statement)?;
        windows::judge(statement)?;
    }
    Ok(names)
}

/// What kinds of relations and functions a statement names.
#[derive(Debug)]
pub(crate) struct NamesUsed {
    /// Whether it is a query of the catalog.
    pub(super) catalog: bool,
    /// Which records of the relay it shows.
    pub(super) system: SystemReads,
}

fn names_used(statement: &Statement<'_>, views: &SystemViews) -> NamesUsed {
    let mut used = NamesUsed { catalog: false, system: SystemReads::NOTHING };
    for (index, token) in statement.tokens.iter().enumerate() {
        let name = match token.kind {
            Kind::Word => token.text(statement.sql),
            Kind::Quoted => token.text(statement.sql).trim_matches('"'),
            _ => continue,
        };
        let is = |wanted: &&str| name.eq_ignore_ascii_case(wanted);
        if let Some((_, reads)) = SYSTEM_NAMES.iter().find(|(wanted, _)| is(wanted)) {
            used.system = used.system.and(*reads);
        } else if !views.is_empty()
            && let Some(reads) = views.get(&name.to_ascii_lowercase())
        {
            used.system = used.system.and(*reads);
        }
        used.catalog |= names_catalog(statement, index, name);
    }
    used
}

/// What Redshift lacks, with what to do instead; and what this stand-in lacks.
pub(crate) fn rows() -> (Vec<(&'static str, &'static str)>, Vec<&'static str>) {
    let unsupported = REFUSALS.iter().map(|row| (row.feature, row.instead));
    let not_yet = NOT_EMULATED.iter().map(|row| row.feature);
    let clauses = windows::UNSUPPORTED.iter().chain(user_functions::UNSUPPORTED).copied();
    (
        unsupported.chain(clauses).collect(),
        not_yet.chain(windows::NOT_EMULATED.iter().map(|(feature, _)| *feature)).collect(),
    )
}

/// The rows with a pattern that begins with `word`; the flag is false for what is not emulated.
fn candidates(word: &str) -> &'static [(&'static Refusal, bool)] {
    static BY_WORD: OnceLock<HashMap<&'static str, Vec<(&'static Refusal, bool)>>> =
        OnceLock::new();
    let by_word = BY_WORD.get_or_init(|| {
        let mut by_word: HashMap<_, Vec<_>> = HashMap::new();
        let unsupported = REFUSALS.iter().map(|refusal| (refusal, true));
        for entry in unsupported.chain(NOT_EMULATED.iter().map(|refusal| (refusal, false))) {
            for pattern in entry.0.patterns {
                let first = pattern.split(' ').next().unwrap_or_default();
                let entries = by_word.entry(first).or_default();
                if entries
                    .last()
                    .is_none_or(|last: &(&Refusal, bool)| !std::ptr::eq(last.0, entry.0))
                {
                    entries.push(entry);
                }
            }
        }
        by_word
    });
    by_word.get(word).map_or(&[], Vec::as_slice)
}

fn applies(refusal: &Refusal, statement: &Statement<'_>, index: usize, catalog: bool) -> bool {
    let in_place = match refusal.place {
        Start => index == 0,
        In(verbs) => verbs.iter().any(|verb| statement.is_word(0, verb)),
        Outside(verbs) => {
            verbs.iter().any(|verb| statement.is_word(0, verb)) && is_outside(statement, index)
        }
        Anywhere => true,
        Clause => is_clause(statement, index),
        UserData => !catalog,
        Call => !catalog && is_call(statement, index),
        Column => !catalog && is_column(statement, index),
        Nested => !catalog && 0 < index && statement.is_symbol(index - 1, b'('),
    };
    in_place && refusal.patterns.iter().any(|pattern| statement.matches(index, pattern))
}

/// Whether the word stands outside all parentheses, before any AS, and is no name.
fn is_outside(statement: &Statement<'_>, index: usize) -> bool {
    const BEFORE_NAMES: &[&str] =
        &["add", "alter", "by", "column", "exists", "schema", "table", "to", "user", "view"];
    let mut at = 0;
    while at < index {
        if statement.is_word(at, "as") {
            return false;
        }
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    at == index
        && !statement.is_symbol(index - 1, b'.')
        && !BEFORE_NAMES.iter().any(|word| statement.is_word(index - 1, word))
}

/// Whether a clause of a statement that changes rows begins with the word, which could be a name.
fn is_clause(statement: &Statement<'_>, index: usize) -> bool {
    const CHANGES: &[&str] = &["insert", "update", "delete", "merge", "with"];
    const BEFORE_NAMES: &[&str] = &[
        "and", "as", "by", "distinct", "from", "into", "join", "not", "on", "or", "select", "set",
        "table", "then", "update", "when", "where",
    ];
    let Some(before) = index.checked_sub(1) else { return false };
    // Not behind `*`: INSERT … SELECT * FROM … RETURNING has none of a product.
    let behind_symbol = [b',', b'.', b'(', b'=', b'<', b'>', b'+', b'-', b'/', b'|'];
    CHANGES.iter().any(|verb| statement.is_word(0, verb))
        && !behind_symbol.into_iter().any(|symbol| statement.is_symbol(before, symbol))
        && !BEFORE_NAMES.iter().any(|word| statement.is_word(before, word))
        && (statement.is_identifier(index + 1)
            || statement.is_symbol(index + 1, b'*')
            || statement.is_symbol(index + 1, b'('))
}

/// Whether the word names a column that the statement does not make itself.
fn is_column(statement: &Statement<'_>, index: usize) -> bool {
    let word = statement.text(index);
    let named = (1..statement.tokens.len())
        .any(|at| statement.is_word(at - 1, "as") && statement.text(at).eq_ignore_ascii_case(word));
    let is_query = ["select", "with", "insert", "update", "delete", "merge"]
        .iter()
        .any(|verb| statement.is_word(0, verb));
    is_query && !named && !statement.is_symbol(index + 1, b'(')
}

/// Whether the word is the name of a function that is called, and not of a table.
fn is_call(statement: &Statement<'_>, index: usize) -> bool {
    const BEFORE_TABLES: &[&str] = &[
        "into",
        "table",
        "exists",
        "update",
        "references",
        "view",
        "as",
        "function",
        "procedure",
        "analyze",
        "vacuum",
    ];
    if !statement.is_symbol(index + 1, b'(') {
        return false;
    }
    if let Some(before) = index.checked_sub(1) {
        let schema = before.checked_sub(1).and_then(|at| statement.identifier(at));
        if statement.is_symbol(before, b'.') {
            return schema.is_some_and(|schema| schema == "pg_catalog");
        }
        if BEFORE_TABLES.iter().any(|word| statement.is_word(before, word)) {
            return false;
        }
    }
    // WITH name (columns) AS (…)
    !statement.matches(statement.after_parenthesis(index + 1), "as (")
}

/// A function by its name in quotes.
fn judge_quoted_call(statement: &Statement<'_>, index: usize) -> Result<(), SqlError> {
    let name = statement.identifier(index).unwrap_or_default();
    let calls = candidates(&name).iter().find(|(refusal, _)| {
        let named = |pattern: &&str| pattern.split(' ').next() == Some(name.as_str());
        (refusal.place == Call || refusal.patterns.contains(&format!("{name} (").as_str()))
            && refusal.patterns.iter().any(named)
    });
    match calls {
        Some((refusal, emulated)) if is_call(statement, index) => {
            Err(refused(refusal, *emulated).at(statement, index))
        }
        _ => Ok(()),
    }
}

/// CONCAT takes two arguments ("CONCAT function").
fn judge_concat(statement: &Statement<'_>, index: usize) -> Result<(), SqlError> {
    let end = statement.after_parenthesis(index + 1).saturating_sub(1);
    let mut at = index + 2;
    let mut commas = 0;
    while at < end {
        commas += usize::from(statement.is_symbol(at, b','));
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    if commas < 2 {
        return Ok(());
    }
    let message = "Redshift does not support CONCAT of more than two arguments";
    Err(SqlError::new("0A000", message)
        .with_hint("use ||, or CONCAT of CONCAT")
        .at(statement, index))
}

/// Judges `::type` and `CAST(… AS type)` that begin at `index`.
fn judge_cast(statement: &Statement<'_>, index: usize) -> Result<(), SqlError> {
    let target = if statement.matches(index, ": :") {
        index + 2
    } else if statement.matches(index, "cast (") {
        let behind = statement.after_parenthesis(index + 1);
        match (index..behind).rev().find(|at| statement.is_word(*at, "as")) {
            Some(at) => at + 1,
            None => return Ok(()),
        }
    } else {
        return Ok(());
    };
    match types::cast_target(statement, target) {
        Some((name, why)) => Err(type_refused(&name, &why).at(statement, target)),
        None => Ok(()),
    }
}

fn judge_column_types(statement: &Statement<'_>) -> Result<(), SqlError> {
    let Some(table) = TableStatement::read(statement) else { return Ok(()) };
    for column in table.columns(statement) {
        let name = statement.identifier(column.name_index()).unwrap_or_default();
        if SYSTEM_COLUMNS.contains(&name.as_str()) {
            let message = format!("column name \"{name}\" conflicts with a system column name");
            return Err(SqlError::new("42701", message).at(statement, column.name_index()));
        }
        if let Some((name, why)) = types::column_type(statement, column.type_index()) {
            return Err(type_refused(&name, &why).at(statement, column.type_index()));
        }
    }
    Ok(())
}

/// "Unsupported PostgreSQL features": names that no column may have.
const SYSTEM_COLUMNS: &[&str] = &["oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// MERGE always says what becomes of both kinds of rows, and its target has no other name
/// ("MERGE").
fn judge_merge(statement: &Statement<'_>) -> Result<(), SqlError> {
    if !statement.leads("merge into") {
        return Ok(());
    }
    let using = statement.after_name(2);
    if !statement.is_word(using, "using") {
        let message = "Redshift does not support an alias for the target table of MERGE";
        let hint = "only the source table may have one";
        return Err(SqlError::new("0A000", message).with_hint(hint).at(statement, using));
    }
    if statement.is_symbol(using + 1, b'(') {
        let message = "Redshift does not support a subquery as the source table of MERGE";
        let hint = "put its rows into a temporary table first";
        return Err(SqlError::new("0A000", message).with_hint(hint).at(statement, using + 1));
    }
    let count = |pattern: &str| {
        (using..statement.tokens.len()).filter(|at| statement.matches(*at, pattern)).count()
    };
    if (count("when matched"), count("when not matched")) != (1, 1) {
        let message = "MERGE needs one WHEN MATCHED and one WHEN NOT MATCHED";
        let hint = "use UPDATE, DELETE or INSERT for one kind of rows";
        return Err(SqlError::new("0A000", message).with_hint(hint));
    }
    Ok(())
}

/// The relay executes COPY and UNLOAD, so that Postgres cannot execute those of a procedure.
fn judge_procedure(statement: &Statement<'_>) -> Result<(), SqlError> {
    if !statement.leads("create procedure") && !statement.leads("create or replace procedure") {
        return Ok(());
    }
    for (index, token) in statement.tokens.iter().enumerate() {
        if token.kind != Kind::Text {
            continue;
        }
        let body = token.text(statement.sql).to_ascii_lowercase();
        let is_word = |at: usize, word: &str| {
            let part = |character: &u8| character.is_ascii_alphanumeric() || *character == b'_';
            let before = body.as_bytes()[..at].last().is_some_and(part);
            !before && !body.as_bytes().get(at + word.len()).is_some_and(part)
        };
        let mut found = ["copy", "unload"].into_iter().filter(|verb| {
            let mut at = body.match_indices(verb).map(|(at, _)| at);
            at.any(|at| is_word(at, verb) && body[at..].contains("s3://"))
        });
        if let Some(verb) = found.next() {
            let verb = verb.to_uppercase();
            let message =
                format!("{verb} in a procedure: not emulated yet by this Redshift stand-in");
            let hint = format!("run the {verb} outside of it");
            return Err(SqlError::new("0A000", message).with_hint(hint).at(statement, index));
        }
    }
    Ok(())
}

/// Operators of types that Redshift lacks, with these types ("Unsupported PostgreSQL functions").
const OPERATORS: &[(&str, &str)] = &[
    ("->", "the operators of JSON"),
    ("#>", "the operators of JSON"),
    ("@>", "the operators of arrays and ranges"),
    ("<@", "the operators of arrays and ranges"),
    ("&&", "the operators of arrays and ranges"),
    ("@@", "the operators of text search"),
    ("?|", "the operators of JSON"),
];

fn judge_operators(statement: &Statement<'_>) -> Result<(), SqlError> {
    for (index, pair) in statement.tokens.windows(2).enumerate() {
        let [first, second] = pair else { continue };
        if !matches!((first.kind, second.kind), (Kind::Symbol(_), Kind::Symbol(_)))
            || first.end() != second.start()
        {
            continue;
        }
        let text = &statement.sql[first.start()..second.end()];
        if let Some((_, feature)) = OPERATORS.iter().find(|(operator, _)| *operator == text) {
            let message = format!("Redshift does not support {feature}");
            let hint = "use functions on a VARCHAR or on SUPER";
            return Err(SqlError::new("0A000", message).with_hint(hint).at(statement, index));
        }
    }
    Ok(())
}

/// Settings that every Postgres has and Redshift does not know.
fn unknown_setting(statement: &Statement<'_>) -> Result<(), SqlError> {
    const UNKNOWN: &[&str] = &[
        "standard_conforming_strings",
        "server_version_num",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "synchronous_commit",
        "work_mem",
    ];
    if !(statement.leads("set") || statement.leads("show") || statement.leads("reset")) {
        return Ok(());
    }
    for index in 1..statement.tokens.len().min(3) {
        if let Some(name) = UNKNOWN.iter().find(|name| statement.is_word(index, name)) {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            return Err(SqlError::new("42704", message).at(statement, index));
        }
    }
    Ok(())
}

fn refused(refusal: &Refusal, emulated: bool) -> SqlError {
    let feature = refusal.feature;
    if emulated {
        SqlError::new("0A000", format!("Redshift does not support {feature}"))
            .with_hint(refusal.instead)
    } else {
        let message = format!("{feature}: not emulated yet by this Redshift stand-in");
        let hint = (!refusal.instead.is_empty()).then(|| refusal.instead.to_owned());
        SqlError { hint, ..SqlError::new("0A000", message) }
    }
}

fn type_refused(name: &str, why: &Unavailable) -> SqlError {
    match why {
        Unavailable::Unsupported(instead) => {
            SqlError::new("0A000", format!("Redshift does not support the type {name}"))
                .with_hint(*instead)
        }
        Unavailable::NotEmulated => SqlError::new(
            "0A000",
            format!("the type {name} is not emulated yet by this Redshift stand-in"),
        ),
    }
}

#[cfg(test)]
#[path = "refusals_tests.rs"]
mod tests;
