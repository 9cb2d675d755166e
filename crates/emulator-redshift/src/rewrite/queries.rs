//! What Redshift lets a query say and Postgres does not: `WHERE 1`, a subquery in FROM without a
//! name, a name of the select list in WHERE and in the select list itself, and columns of the
//! catalog that only Redshift has.
//!
//! Names of the select list are put in place in queries of the catalog, where drivers use them, and
//! elsewhere where no column has that name, of which `lateral` judges ("SELECT list").

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::edits::Edits;
use super::lateral::{Columns, Judge, Question};
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Relations of the catalog with more columns than Postgres' (`blueshift_…` in `clients.sql`), and
/// those columns ("System catalog tables").
const WIDER_RELATIONS: &[&str] = &["pg_class", "pg_attribute", "pg_attrdef"];
const WIDER_COLUMNS: &[&str] =
    &["reldiststyle", "attisdistkey", "attsortkeyord", "attencodingtype", "adsrc"];

/// Relations of the catalog that show keys as indexes (`blueshift_keyed_…` in `clients.sql`), and
/// the column by which drivers look for a primary key.
const KEYED_RELATIONS: &[&str] = &["pg_class", "pg_attribute", "pg_index"];
const KEYED_COLUMNS: &[&str] = &["indisprimary"];

/// Relations of the catalog where zone maps would show as indexes (`zone_maps.sql`).
const LISTED_RELATIONS: &[&str] = &["pg_class", "pg_index"];
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
    "as",
];

/// A longer expression is not put in place: names of names could double it again and again.
const EXPRESSION_BYTES_MAX: usize = 16 * 1024;

/// Queries nested deeper stay as they are, so that no text takes long to read.
const DEPTH_MAX: usize = 64;

/// One SELECT between its parentheses; all values are token indexes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Select {
    pub(super) list: usize,
    pub(super) from: Option<usize>,
    pub(super) condition: Option<usize>,
    pub(super) condition_end: usize,
    pub(super) end: usize,
}

impl Select {
    /// Behind the select list.
    pub(super) fn list_end(&self) -> usize {
        self.from.map_or(self.condition_end, |from| from - 1).min(self.end)
    }
}

/// Rewrites the queries of a statement, as far as `columns` are known. The value is what has to be
/// known besides.
pub(super) fn rewrite(
    statement: &Statement<'_>,
    columns: &Columns,
    edits: &mut Edits,
) -> Vec<Question> {
    let asks_catalog = names_catalog(statement);
    if asks_catalog {
        wider_relations(statement, edits);
    }
    for index in 0..statement.tokens.len() {
        condition(statement, index, edits);
    }
    let selects = selects(statement);
    let mut judge = Judge::new(statement, &selects, columns);
    for select in &selects {
        unnamed_subqueries(statement, select, edits);
        top(statement, select, edits);
        if asks_catalog {
            list_names(statement, select, None, edits);
        } else {
            let free = judge.free(select, names_used(statement, select));
            if !free.is_empty() {
                list_names(statement, select, Some(&free), edits);
            }
        }
    }
    judge.questions
}

pub(super) fn is_any(statement: &Statement<'_>, index: usize, words: &[&str]) -> bool {
    words.iter().any(|word| statement.is_word(index, word))
}

fn is_end(statement: &Statement<'_>, index: usize) -> bool {
    statement.tokens.len() <= index || statement.is_symbol(index, b')')
}

fn names_catalog(statement: &Statement<'_>) -> bool {
    let starts = |name: &[u8], prefix: &[u8]| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    (0..statement.tokens.len()).filter(|index| statement.is_identifier(*index)).any(|index| {
        let name = statement.text(index).trim_start_matches('"').as_bytes();
        starts(name, b"pg_") || starts(name, b"svv_")
    })
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
    if names(WIDER_COLUMNS) {
        read_instead(statement, WIDER_RELATIONS, "blueshift_", edits);
    } else if names(KEYED_COLUMNS) {
        read_instead(statement, KEYED_RELATIONS, "blueshift_keyed_", edits);
    } else if !names(SYSTEM_COLUMNS) && may_list_indexes(statement) {
        read_instead(statement, LISTED_RELATIONS, "blueshift_listed_", edits);
    }
}

/// Whether a query may see indexes: it reads `pg_index`, or `pg_class` with any kind of relation.
fn may_list_indexes(statement: &Statement<'_>) -> bool {
    let mut tokens = (0..statement.tokens.len()).map(|index| statement.text(index));
    let mut kinds = tokens.clone();
    tokens.any(|token| token.eq_ignore_ascii_case("pg_index") || token == "'i'")
        || !kinds.any(|token| token.eq_ignore_ascii_case("relkind"))
}

/// Puts the views with `prefix` in the place of relations of the catalog.
fn read_instead(statement: &Statement<'_>, relations: &[&str], prefix: &str, edits: &mut Edits) {
    for index in 0..statement.tokens.len() {
        let Some(name) = relations.iter().find(|name| statement.is_word(index, name)) else {
            continue;
        };
        let qualified = 2 <= index && statement.matches(index - 2, "pg_catalog .");
        let first = if qualified { index - 2 } else { index };
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

/// Finds every SELECT, inner ones included.
fn selects(statement: &Statement<'_>) -> Vec<Select> {
    let mut found = Vec::new();
    let mut open: Vec<Option<Select>> = vec![None];
    let count = statement.tokens.len();
    for index in 0..=count {
        let depth = open.len() - 1;
        if statement.is_symbol(index, b'(') {
            open.push(None);
        } else if index == count || statement.is_symbol(index, b')') {
            found.extend(open[depth].take().map(|select| ended(select, index)));
            if 0 < depth {
                open.pop();
            }
        } else if statement.is_word(index, "select") && depth < DEPTH_MAX {
            found.extend(open[depth].take().map(|select| ended(select, index)));
            let list = index + 1;
            open[depth] =
                Some(Select { list, from: None, condition: None, condition_end: 0, end: 0 });
        } else if let Some(select) = &mut open[depth] {
            if statement.is_word(index, "from") && select.from.is_none() {
                select.from = Some(index + 1);
            } else if statement.is_word(index, "where") && select.condition.is_none() {
                select.condition = Some(index + 1);
            } else if is_any(statement, index, &["union", "intersect", "except", "minus"]) {
                let select = *select;
                open[depth] = None;
                found.push(ended(select, index));
            } else if is_any(statement, index, &["group", "order", "having", "limit", "qualify"])
                && select.condition_end == 0
            {
                select.condition_end = index;
            }
        }
    }
    found
}

/// `SELECT TOP n`: Postgres has the number at the end ("SELECT", TOP).
fn top(statement: &Statement<'_>, select: &Select, edits: &mut Edits) {
    let at = select.list + usize::from(is_any(statement, select.list, &["distinct", "all"]));
    let number = statement.tokens.get(at + 1);
    let Some(number) = number.filter(|number| number.kind == Kind::Number) else { return };
    // A list cannot end with the number: then TOP is a column.
    if !statement.is_word(at, "top") || select.end <= at + 2 || statement.is_symbol(at + 2, b',') {
        return;
    }
    edits.blank(statement.sql, statement.tokens[at].start()..number.end());
    let count = number.text(statement.sql);
    edits.insert(statement.tokens[select.end - 1].end(), format!(" LIMIT {count}"));
}

fn ended(select: Select, end: usize) -> Select {
    let condition_end = if select.condition_end == 0 { end } else { select.condition_end };
    Select { end, condition_end, ..select }
}

/// Names the subqueries of FROM that have no name.
fn unnamed_subqueries(statement: &Statement<'_>, select: &Select, edits: &mut Edits) {
    let Some(from) = select.from else { return };
    let mut at = from;
    while at < select.condition.unwrap_or(select.condition_end).min(select.end) {
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

/// The names of the select list that are used behind where they are given, there or in WHERE.
fn names_used(statement: &Statement<'_>, select: &Select) -> Vec<String> {
    let list_end = select.list_end();
    let condition = select.condition.map_or(0..0, |start| start..select.condition_end);
    let mut last_uses: HashMap<String, usize> = HashMap::new();
    for at in values(statement, select.list..list_end).chain(values(statement, condition)) {
        last_uses.extend(statement.identifier(at).map(|name| (name, at)));
    }
    let mut used = Vec::new();
    let mut start = select.list;
    while start < list_end {
        let end = item_end(statement, start, list_end);
        if start + 2 < end && statement.is_word(end - 2, "as") {
            let name = statement.identifier(end - 1);
            used.extend(name.filter(|name| last_uses.get(name).is_some_and(|at| end < *at)));
        }
        start = end + 1;
    }
    used
}

/// Puts what a name of the select list stands for in its place, if it is `free`.
fn list_names(
    statement: &Statement<'_>,
    select: &Select,
    free: Option<&HashSet<String>>,
    edits: &mut Edits,
) {
    let list_end = select.list_end();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut start = select.list;
    while start < list_end {
        let end = item_end(statement, start, list_end);
        let alias = end.checked_sub(1).filter(|last| {
            start + 1 < *last && statement.is_word(last - 1, "as") && statement.is_identifier(*last)
        });
        let expression = start..alias.map_or(end, |alias| alias - 1);
        let text = with_names(statement, expression.clone(), &names);
        for (range, value) in name_uses(statement, expression.clone(), &names) {
            edits.replace(range, value);
        }
        if let Some(name) = alias.and_then(|alias| statement.identifier(alias)) {
            // A column of that name comes first ("SELECT list").
            let is_column = expression
                .clone()
                .any(|index| statement.identifier(index).is_some_and(|used| used == name));
            let is_free = free.is_none_or(|free| free.contains(&name));
            if !is_column && is_free && (1..=EXPRESSION_BYTES_MAX).contains(&text.len()) {
                names.entry(name).or_insert(text);
            }
        }
        start = end + 1;
    }
    if let Some(condition) = select.condition {
        for (range, value) in name_uses(statement, condition..select.condition_end, &names) {
            edits.replace(range, value);
        }
    }
}

/// The comma behind a list's item, or the end of the list.
pub(super) fn item_end(statement: &Statement<'_>, start: usize, list_end: usize) -> usize {
    let mut at = start;
    while at < list_end && !statement.is_symbol(at, b',') {
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    at.min(list_end)
}

/// Where the names are used as columns among `tokens`, and what is to stand there.
fn name_uses(
    statement: &Statement<'_>,
    tokens: Range<usize>,
    names: &HashMap<String, String>,
) -> Vec<(Range<usize>, String)> {
    if names.is_empty() {
        return Vec::new();
    }
    let used = values(statement, tokens).filter_map(|at| {
        let value = statement.identifier(at).and_then(|name| names.get(&name))?;
        let token = statement.tokens[at];
        Some((token.start()..token.end(), format!("({value})")))
    });
    used.collect()
}

/// The identifiers among `tokens` that stand alone and not in an inner query.
fn values<'a>(
    statement: &'a Statement<'_>,
    tokens: Range<usize>,
) -> impl Iterator<Item = usize> + 'a {
    let mut next = tokens.start;
    std::iter::from_fn(move || {
        while next < tokens.end {
            let at = next;
            if statement.is_symbol(at, b'(') && is_any(statement, at + 1, &["select", "with"]) {
                next = statement.after_parenthesis(at);
                continue;
            }
            next += 1;
            let behind = at.checked_sub(1);
            let qualified = statement.is_symbol(at + 1, b'.')
                || statement.is_symbol(at + 1, b'(')
                || statement.tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Text)
                || behind.is_some_and(|behind| {
                    statement.is_symbol(behind, b'.')
                        || statement.is_symbol(behind, b':')
                        || is_any(statement, behind, &["as"])
                });
            if statement.is_identifier(at) && !qualified && !is_date_part(statement, at) {
                return Some(at);
            }
        }
        None
    })
}

/// Whether the word is the date part of a function that takes one.
fn is_date_part(statement: &Statement<'_>, at: usize) -> bool {
    const CALLS: &[&str] =
        &["dateadd", "date_add", "datediff", "date_diff", "date_part", "date_trunc", "extract"];
    let Some(open) = at.checked_sub(1).filter(|open| statement.is_symbol(*open, b'(')) else {
        return false;
    };
    open.checked_sub(1).is_some_and(|call| is_any(statement, call, CALLS))
}

/// The text of `tokens` with the names put in place.
fn with_names(
    statement: &Statement<'_>,
    tokens: Range<usize>,
    names: &HashMap<String, String>,
) -> String {
    let skipped = usize::from(is_any(statement, tokens.start, &["distinct", "all"]));
    let tokens = tokens.start + skipped..tokens.end;
    if tokens.is_empty() {
        return String::new();
    }
    let bytes = statement.tokens[tokens.start].start()..statement.tokens[tokens.end - 1].end();
    let mut text = statement.sql[bytes.clone()].to_owned();
    for (range, value) in name_uses(statement, tokens, names).into_iter().rev() {
        text.replace_range(range.start - bytes.start..range.end - bytes.start, &value);
    }
    text
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
