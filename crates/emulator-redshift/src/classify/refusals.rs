//! What Postgres has and Redshift lacks, refused by name: one table, a test per row.
//!
//! From the guide: "Unsupported PostgreSQL features", "… data types", "… functions", and the syntax
//! pages of the statements named. A query that names the catalog (`pg_…`, `information_schema`)
//! runs on Redshift's leader node, where many of these work: rows marked [`Place::UserData`] and
//! casts do not apply to it, and so the catalog queries of psql and of drivers pass.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::types::{self, Unavailable};
use crate::error::SqlError;
use crate::rewrite::table::TableStatement;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;
use crate::system_tables::SystemViews;
use crate::system_tables::reads::{SYSTEM_NAMES, SystemReads};

/// Where a pattern counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of the statement.
    Start,
    /// Anywhere, if the statement begins with one of these words.
    In(&'static [&'static str]),
    /// Anywhere.
    Anywhere,
    /// Anywhere in a statement that does not name the catalog.
    UserData,
    /// As `UserData`, and only as the call of a function with one of these names.
    Call,
    /// As `UserData`, and only behind an opening parenthesis.
    Nested,
}

/// One row of the table.
#[derive(Debug)]
struct Refusal {
    feature: &'static str,
    place: Place,
    patterns: &'static [&'static str],
    instead: &'static str,
}

const fn row(
    feature: &'static str,
    place: Place,
    patterns: &'static [&'static str],
    instead: &'static str,
) -> Refusal {
    Refusal { feature, place, patterns, instead }
}

use Place::{Anywhere, Call, In, Nested, Start, UserData};

const DEFINITIONS: Place = In(&["create", "alter"]);

#[rustfmt::skip] // A table reads as one.
const REFUSALS: &[Refusal] = &[
    row("INSERT … ON CONFLICT", Anywhere, &["on conflict do", "on conflict (", "on conflict on"],
        "use MERGE, or DELETE and INSERT in one transaction"),
    row("RETURNING", Anywhere, &["returning"], "SELECT the rows in the same transaction"),
    row("SELECT DISTINCT ON", Anywhere, &["distinct on ("], "filter on ROW_NUMBER() OVER (…) = 1"),
    row("LOCK … NOWAIT", In(&["lock"]), &["nowait"], "set statement_timeout to bound the wait"),
    row("LOCK … IN … MODE", In(&["lock"]), &["share mode", "exclusive mode"],
        "LOCK always takes an exclusive lock: leave it out"),
    row("SELECT … FOR UPDATE", Anywhere,
        &["for update", "for share", "for no key update", "for key share"], "LOCK the table"),
    row("advisory locks", Anywhere,
        &["pg_advisory_lock (", "pg_advisory_lock_shared (", "pg_advisory_unlock (",
          "pg_advisory_unlock_all (", "pg_advisory_unlock_shared (", "pg_advisory_xact_lock (",
          "pg_advisory_xact_lock_shared (", "pg_try_advisory_lock (",
          "pg_try_advisory_lock_shared (", "pg_try_advisory_xact_lock (",
          "pg_try_advisory_xact_lock_shared ("], "LOCK a table"),
    row("indexes", Start,
        &["create index", "create unique index", "alter index", "drop index", "reindex"],
        "choose SORTKEY and DISTKEY in CREATE TABLE"),
    row("CLUSTER", Start, &["cluster"], "use a SORTKEY and VACUUM"),
    row("LISTEN and NOTIFY", Start, &["listen", "notify", "unlisten"], "poll a table"),
    row("triggers", Start,
        &["create trigger", "create or replace trigger", "create constraint trigger",
          "alter trigger", "drop trigger"], "do the work in the loading transaction"),
    row("rules", Start, &["create rule", "create or replace rule", "alter rule", "drop rule"],
        "use a view"),
    row("sequences", Start,
        &["create sequence", "create temp sequence", "create temporary sequence",
          "alter sequence", "drop sequence"], "use an IDENTITY column"),
    row("sequence functions", Call, &["nextval", "currval", "setval", "lastval"],
        "use an IDENTITY column"),
    row("tablespaces", Start, &["create tablespace", "alter tablespace", "drop tablespace"],
        "storage is managed: leave it out"),
    row("TABLESPACE", DEFINITIONS, &["tablespace"], "storage is managed: leave it out"),
    row("extensions", Start, &["create extension", "alter extension", "drop extension"],
        "use built-in functions or a user-defined function"),
    row("domains", Start, &["create domain", "alter domain", "drop domain"], "use a plain type"),
    row("user-defined types", Start, &["create type", "alter type", "drop type"],
        "use a plain type"),
    row("user-defined aggregates and operators", Start,
        &["create aggregate", "create operator", "create cast", "create collation",
          "create conversion", "create text search"], "use built-in ones"),
    row("foreign data wrappers", Start,
        &["create foreign", "create server", "create user mapping", "import foreign schema"],
        "use an external schema"),
    row("logical replication", Start,
        &["create publication", "create subscription", "alter publication", "alter subscription"],
        "UNLOAD to S3"),
    row("CREATE POLICY", Start, &["create policy", "alter policy", "drop policy"],
        "use CREATE RLS POLICY"),
    row("CREATE STATISTICS", Start, &["create statistics", "alter statistics", "drop statistics"],
        "use ANALYZE"),
    row("unlogged tables", Start, &["create unlogged"], "use CREATE TEMPORARY TABLE"),
    row("table inheritance", In(&["create", "alter"]), &["inherits (", "inherit", "no inherit"],
        "use a view with UNION ALL"),
    row("table partitioning", DEFINITIONS,
        &["partition by range (", "partition by list (", "partition by hash (", "partition of",
          "attach partition", "detach partition"], "use a SORTKEY"),
    row("CHECK constraints", DEFINITIONS, &["check ("], "check the rows before they are loaded"),
    row("EXCLUDE constraints", DEFINITIONS, &["exclude using"],
        "check the rows before they are loaded"),
    row("referential actions", DEFINITIONS, &["on delete", "on update"],
        "foreign keys are not enforced: leave them out"),
    row("generated columns", DEFINITIONS, &["generated always as ("], "compute it in a view"),
    row("savepoints", Start,
        &["savepoint", "release", "rollback to", "rollback work to", "rollback transaction to"],
        "use one transaction per unit of work"),
    row("two-phase commit", Start,
        &["prepare transaction", "commit prepared", "rollback prepared"], "use COMMIT"),
    row("DO blocks", Start, &["do"], "use CREATE PROCEDURE and CALL"),
    row("VALUES as a table", Start, &["values"], "use SELECT … UNION ALL SELECT …"),
    row("VALUES as a table", Nested, &["values ("], "use SELECT … UNION ALL SELECT …"),
    row("the TABLE command", Start, &["table"], "use SELECT * FROM"),
    row("TABLESAMPLE", UserData, &["tablesample"], "filter on RANDOM()"),
    row("FILTER (WHERE …)", UserData, &["filter ( where"], "aggregate a CASE expression"),
    row("LATERAL", UserData, &["lateral ("], "use a join"),
    row("array constructors", UserData, &["array ["], "use rows, or ARRAY(…) of SUPER"),
    row("IS DISTINCT FROM", UserData, &["is distinct from", "is not distinct from"],
        "compare, and test for NULL"),
    row("STRING_AGG", Call, &["string_agg"], "use LISTAGG"),
    row("ARRAY_AGG and UNNEST", Call, &["array_agg", "unnest", "generate_subscripts"], "use rows"),
    row("JSON and XML functions of PostgreSQL", Call,
        &["json_agg", "jsonb_agg", "to_json", "to_jsonb", "row_to_json", "json_build_object",
          "jsonb_build_object", "json_each", "jsonb_each", "json_object_agg", "xmlagg"],
        "use JSON_EXTRACT_PATH_TEXT"),
    row("statistical aggregates", Call,
        &["corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count",
          "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy"],
        "compute them from SUM and COUNT"),
    row("EVERY", Call, &["every"], "use BOOL_AND"),
    row("CLOCK_TIMESTAMP and TRANSACTION_TIMESTAMP", Call,
        &["clock_timestamp", "transaction_timestamp"], "use GETDATE() or SYSDATE"),
    row("JUSTIFY functions", Call, &["justify_days", "justify_hours", "justify_interval"],
        "use DATEADD and DATEDIFF"),
    row("PG_SLEEP", Call, &["pg_sleep"], "wait in the client"),
    row("DIV, SETSEED and WIDTH_BUCKET", Call, &["div", "setseed", "width_bucket"],
        "use arithmetic; SET SEED"),
    row("string functions of PostgreSQL", Call,
        &["bit_length", "overlay", "convert_from", "convert_to", "encode", "format",
          "quote_nullable", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table"],
        "use the guide's string functions"),
    row("GEN_RANDOM_UUID", Call, &["gen_random_uuid"], "make the id in the client"),
];

/// What Redshift has and this stand-in does not, yet.
const NOT_EMULATED: &[Refusal] = &[
    row("UNLOAD", Start, &["unload"], ""),
    row("Spectrum", Start, &["create external", "alter external", "drop external"], ""),
    row("datashares", Start, &["create datashare", "alter datashare", "drop datashare"], ""),
    row("WITH NO SCHEMA BINDING", In(&["create"]), &["with no schema binding"], ""),
    row("CREATE MODEL", Start, &["create model", "show model", "drop model"], ""),
    row("COLLATE CASE_INSENSITIVE", DEFINITIONS, &["collate case_insensitive", "collate ci"], ""),
];

/// Refuses a statement that Redshift would not execute.
pub(super) fn judge(statement: &Statement<'_>, views: &SystemViews) -> Result<NamesUsed, SqlError> {
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
    }
    judge_column_types(statement)?;
    Ok(names)
}

/// What kinds of relations and functions a statement names.
#[derive(Debug)]
pub(super) struct NamesUsed {
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
        used.catalog |= is(&"information_schema")
            || (name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pg_"))
                && !statement.is_symbol(index + 1, b'('));
    }
    used
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
        Anywhere => true,
        UserData => !catalog,
        Call => !catalog && is_call(statement, index),
        Nested => !catalog && 0 < index && statement.is_symbol(index - 1, b'('),
    };
    in_place && refusal.patterns.iter().any(|pattern| statement.matches(index, pattern))
}

/// Whether the word is the name of a function that is called, and not of a table.
fn is_call(statement: &Statement<'_>, index: usize) -> bool {
    const BEFORE_TABLES: &[&str] = &[
        "into",
        "table",
        "exists",
        "update",
        "from",
        "join",
        "references",
        "view",
        "as",
        "function",
    ];
    let names_table = index.checked_sub(1).is_some_and(|before| {
        statement.is_symbol(before, b'.')
            || BEFORE_TABLES.iter().any(|word| statement.is_word(before, word))
    });
    statement.is_symbol(index + 1, b'(') && !names_table
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
        if let Some((name, why)) = types::column_type(statement, column.type_index()) {
            return Err(type_refused(&name, &why).at(statement, column.type_index()));
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
        SqlError::new("0A000", format!("{feature}: not emulated yet by this Redshift stand-in"))
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
