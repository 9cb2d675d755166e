//! What Redshift lets a query say and Postgres does not: `WHERE 1`, TOP, a subquery in FROM without
//! a name, and columns of the catalog that only Redshift has.

use super::edits::Edits;
use super::selects::{Queries, Select};
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Relations of the catalog with more columns than Postgres' (`blueshift_…` in `clients.sql`), and
/// those columns ("System catalog tables").
const WIDER_RELATIONS: &[&str] = &["pg_class", "pg_attribute", "pg_attrdef"];
pub(super) const WIDER_COLUMNS: &[&str] =
    &["reldiststyle", "attisdistkey", "attsortkeyord", "attencodingtype", "adsrc"];

/// Relations of the catalog that show keys as indexes (`blueshift_keyed_…` in `clients.sql`), and
/// the column by which drivers look for a primary key.
const KEYED_RELATIONS: &[&str] = &["pg_class", "pg_attribute", "pg_index"];
const KEYED_COLUMNS: &[&str] = &["indisprimary"];

/// Relations of the catalog where zone maps would show as indexes (`zone_maps.sql`).
const LISTED_RELATIONS: &[&str] =
    &["pg_class", "pg_index", "pg_attribute", "pg_trigger", "pg_depend"];
/// What only tables of Postgres itself have.
const SYSTEM_COLUMNS: &[&str] = &["ctid", "tableoid", "xmin", "xmax"];

/// Words that end an expression in WHERE or ON, or go on with it.
const AFTER_CONDITION: &[&str] = &[
    "and",
    "or",
    "group",
    "order",
    "having",
    "union",
    "intersect",
    "except",
    "minus",
    "limit",
    "offset",
    "qualify",
];

/// Words that may follow a table in FROM and are not its name.
pub(super) const AFTER_TABLE: &[&str] = &[
    "where",
    "group",
    "order",
    "having",
    "union",
    "intersect",
    "except",
    "minus",
    "limit",
    "offset",
    "qualify",
    "window",
    "fetch",
    "for",
    "on",
    "using",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "when",
    "set",
    "with",
    "as",
];

/// Rewrites the queries of a statement.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    wider_relations(statement, edits);
    for index in 0..statement.tokens.len() {
        condition(statement, index, edits);
    }
    for select in &Queries::of(statement).selects {
        unnamed_subqueries(statement, select, edits);
        top(statement, select, edits);
    }
}

pub(super) fn is_any(statement: &Statement<'_>, index: usize, words: &[&str]) -> bool {
    words.iter().any(|word| statement.is_word(index, word))
}

fn is_end(statement: &Statement<'_>, index: usize) -> bool {
    statement.tokens.len() <= index || statement.is_symbol(index, b')')
}

/// `WHERE 1`: an integer where Postgres wants a boolean.
fn condition(statement: &Statement<'_>, index: usize, edits: &mut Edits) {
    let Some(token) = statement.tokens.get(index) else { return };
    let value = match token.text(statement.sql) {
        "0" => "false",
        "1" => "true",
        _ => return,
    };
    let begins = index.checked_sub(1).is_some_and(|before| is_any(statement, before, &["where"]));
    let after = index + 1;
    if begins && (is_end(statement, after) || is_any(statement, after, AFTER_CONDITION)) {
        edits.replace(token.start()..token.end(), value);
    }
}

/// Reads `pg_class` and its like with Redshift's columns, if the statement names any of them, and
/// with keys, if it looks for them: a key that nothing enforces has no index in Postgres.
fn wider_relations(statement: &Statement<'_>, edits: &mut Edits) {
    let names =
        |columns| (0..statement.tokens.len()).any(|index| is_any(statement, index, columns));
    let mut instead: &[&str] = &[];
    if names(WIDER_COLUMNS) || names(&["pg_attrdef"]) {
        instead = WIDER_RELATIONS;
        read_instead(statement, instead, "blueshift_", edits);
        defaults(statement, edits);
    } else if names(KEYED_COLUMNS) {
        instead = KEYED_RELATIONS;
        read_instead(statement, instead, "blueshift_keyed_", edits);
    }
    if !names(SYSTEM_COLUMNS) {
        let others = LISTED_RELATIONS.iter().filter(|name| !instead.contains(*name));
        let others: Vec<&str> = others.copied().collect();
        read_instead(statement, &others, "blueshift_listed_", edits);
    }
}

/// `pg_get_expr(d.adbin, d.adrelid)`: the default of an IDENTITY column is no expression of Postgres.
fn defaults(statement: &Statement<'_>, edits: &mut Edits) {
    for index in 0..statement.tokens.len() {
        if !statement.matches(index, "pg_get_expr (")
            || !statement.is_identifier(index + 2)
            || !statement.matches(index + 3, ". adbin ,")
        {
            continue;
        }
        let qualified = 2 <= index && statement.matches(index - 2, "pg_catalog .");
        let first = if qualified { index - 2 } else { index };
        let end = statement.after_parenthesis(index + 1);
        let whole = statement.tokens[first].start()..statement.tokens[end - 1].end();
        edits.replace(whole, format!("{}.adsrc", statement.text(index + 2)));
    }
}

/// Puts the views with `prefix` in the place of relations of the catalog.
fn read_instead(statement: &Statement<'_>, relations: &[&str], prefix: &str, edits: &mut Edits) {
    for index in 0..statement.tokens.len() {
        let is = |name: &&&str| {
            statement.is_word(index, name)
                || statement.text(index).strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                    == Some(**name)
        };
        let Some(name) = relations.iter().find(is) else { continue };
        let qualified = 2 <= index && statement.matches(index - 2, "pg_catalog .");
        let first = if qualified { index - 2 } else { index };
        if qualified && statement.is_symbol(index + 1, b'.') {
            // pg_catalog.pg_class.relname: the view goes by the table's name alone.
            let schema = statement.tokens[first].start()..statement.tokens[index].start();
            edits.blank(statement.sql, schema);
            continue;
        }
        let is_relation = first.checked_sub(1).is_some_and(|before| {
            is_any(statement, before, &["from", "join"]) || statement.is_symbol(before, b',')
        });
        if !is_relation || statement.is_symbol(index + 1, b'.') {
            continue;
        }
        let named = statement.is_word(index + 1, "as")
            || (statement.is_identifier(index + 1) && !is_any(statement, index + 1, AFTER_TABLE));
        let alias = if named { String::new() } else { format!(" AS {name}") };
        let range = statement.tokens[first].start()..statement.tokens[index].end();
        edits.replace(range, format!("pg_catalog.{prefix}{name}{alias}"));
    }
}

/// `SELECT TOP n`: Postgres has the number at the end ("SELECT", TOP).
fn top(statement: &Statement<'_>, select: &Select, edits: &mut Edits) {
    let start = select.list.start;
    let at = start + usize::from(is_any(statement, start, &["distinct", "all"]));
    let Some(number) = top_number(statement, select, at) else { return };
    let number = statement.tokens[number];
    edits.blank(statement.sql, statement.tokens[at].start()..number.end());
    let count = number.text(statement.sql);
    edits.insert(statement.tokens[select.end - 1].end(), format!(" LIMIT {count}"));
}

/// The number of a `TOP n` at `at`.
fn top_number(statement: &Statement<'_>, select: &Select, at: usize) -> Option<usize> {
    let is_number = statement.tokens.get(at + 1)?.kind == Kind::Number;
    // A list cannot end with the number: then TOP is a column.
    let is_top = statement.is_word(at, "top") && is_number && at + 2 < select.end;
    (is_top && !statement.is_symbol(at + 2, b',')).then_some(at + 1)
}

/// The first item of a select list: behind DISTINCT and `TOP n`.
pub(super) fn first_item(statement: &Statement<'_>, select: &Select) -> usize {
    let mut at = select.list.start;
    loop {
        if is_any(statement, at, &["distinct", "all"]) {
            at += 1;
        } else if let Some(number) = top_number(statement, select, at) {
            at = number + 1;
        } else {
            return at.min(select.list.end);
        }
    }
}

/// Names the subqueries of FROM that have no name.
fn unnamed_subqueries(statement: &Statement<'_>, select: &Select, edits: &mut Edits) {
    let Some(from) = &select.from else { return };
    let (from, end) = (from.start, from.end);
    let mut at = from;
    while at < end {
        if !statement.is_symbol(at, b'(') {
            at += 1;
            continue;
        }
        let after = statement.after_parenthesis(at);
        let before = at - 1;
        let in_place = is_any(statement, before, &["from", "join"])
            || (statement.is_symbol(before, b',') && from < at);
        let named = statement.is_identifier(after) && !is_any(statement, after, AFTER_TABLE)
            || statement.is_word(after, "as");
        if in_place && !named && is_any(statement, at + 1, &["select", "with"]) && at + 2 < after {
            let end = statement.tokens[after - 1].end();
            edits.insert(end, format!(" AS blueshift_subquery_{at}"));
        }
        at = after;
    }
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
