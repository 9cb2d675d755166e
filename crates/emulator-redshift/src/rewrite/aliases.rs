//! Names of a select list used in it and behind it: `select price * 2 as p, p + 1 from sales where
//! p > 9` ("SELECT list", lateral alias references).
//!
//! What such a name stands for is put in its place, before anything else is rewritten. Whether it
//! may be is judged twice: `lateral` knows the columns, which come first, and `names` the places
//! that could be nothing but a column's. Everything else stays as it is, and Postgres says what it
//! thinks of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::lateral::{Columns, Judge, Question};
use super::names::{alias, is_name_alone, items, uses};
use super::queries::{first_item, is_any};
use super::selects::{Queries, Select};
use crate::sql::statement::Statement;

/// A longer expression is not put in place.
const EXPRESSION_BYTES_MAX: usize = 16 * 1024;

/// A statement that would grow by more stays as it is: names of names double it again and again.
const GROWTH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Statements that are read; others see more columns than those of their FROM.
const READ: &[&str] =
    &["select", "with", "insert", "update", "delete", "explain", "declare", "prepare", "create"];

/// A statement with its names in place.
#[derive(Debug, Default)]
pub(super) struct Inlined {
    /// `None` if it may stay as it is.
    pub(super) text: Option<String>,
    /// What has to be known to say more.
    pub(super) questions: Vec<Question>,
}

/// Puts the names in place, as far as `columns` are known.
pub(super) fn inline(statement: &Statement<'_>, columns: &Columns) -> Inlined {
    if !is_read(statement) {
        return Inlined::default();
    }
    let queries = Queries::of(statement);
    if !queries.is_clear {
        return Inlined::default();
    }
    let mut judge = Judge::new(statement, &queries, columns);
    let mut inliner = Inliner { statement, replacements: BTreeMap::new(), growth: 0 };
    // Inner queries first: their text is part of what names around them stand for.
    for select in queries.selects.iter().rev() {
        let list = List::of(statement, select);
        let used = list.used(statement);
        if used.is_empty() {
            continue;
        }
        let free = judge.free(select, used);
        if !free.is_empty() && inliner.put_in_place(&list, &free).is_none() {
            return Inlined::default();
        }
        if judge.is_overwhelmed() {
            return Inlined::default();
        }
    }
    let text = (!inliner.replacements.is_empty())
        .then(|| inliner.text(0..statement.sql.len(), 0..statement.tokens.len()));
    Inlined { text, questions: judge.questions }
}

fn is_read(statement: &Statement<'_>) -> bool {
    let leads = READ.iter().any(|word| statement.leads(word)) || statement.is_symbol(0, b'(');
    let makes_query =
        !statement.leads("create") || (1..6).any(|at| is_any(statement, at, &["view", "table"]));
    let has_query = (0..statement.tokens.len()).any(|at| is_any(statement, at, &["select"]));
    // Of UPDATE and DELETE themselves, `lateral` knows the columns.
    let changes = |at| {
        is_any(statement, at, &["update", "delete", "merge"]) && !statement.is_symbol(at - 1, b'.')
    };
    leads && makes_query && has_query && !(1..statement.tokens.len()).any(changes)
}

/// An item of a select list.
struct Item {
    expression: Range<usize>,
    /// The token that names it.
    alias: Option<usize>,
}

/// A select list, and where its names may be used behind it.
struct List {
    items: Vec<Item>,
    behind: Vec<Range<usize>>,
}

impl List {
    fn of(statement: &Statement<'_>, select: &Select) -> Self {
        let tokens = first_item(statement, select)..select.list.end;
        let read = |item: Range<usize>| {
            let alias = alias(statement, &item);
            let is_spelled = alias.is_some_and(|alias| statement.is_word(alias - 1, "as"));
            let end = alias.map_or(item.end, |alias| alias - usize::from(is_spelled));
            Item { expression: item.start..end, alias }
        };
        let read_items = items(statement, tokens).into_iter().map(read).collect();
        let mut behind = vec![select.condition.clone(), select.having.clone()];
        if !select.combined {
            // A name alone is Postgres' business: there it is the list's before any column's.
            let sorts = items(statement, select.order.clone()).into_iter();
            behind.extend(sorts.filter(|sort| !is_name_alone(statement, sort.clone())));
        }
        Self { items: read_items, behind }
    }

    /// The names that are used behind where they are given.
    fn used(&self, statement: &Statement<'_>) -> HashSet<String> {
        let mut used = HashSet::new();
        let mut given = HashSet::new();
        let mut use_all = |tokens: Range<usize>, given: &HashSet<String>| {
            if !given.is_empty() {
                let names = uses(statement, tokens).filter_map(|at| statement.identifier(at));
                used.extend(names.filter(|name| given.contains(name)));
            }
        };
        for item in &self.items {
            use_all(item.expression.clone(), &given);
            given.extend(item.alias.and_then(|alias| statement.identifier(alias)));
        }
        for tokens in &self.behind {
            use_all(tokens.clone(), &given);
        }
        used
    }
}

/// The changes to a statement.
struct Inliner<'a, 'b> {
    statement: &'a Statement<'b>,
    /// What is to stand for a token.
    replacements: BTreeMap<usize, String>,
    /// By how many bytes the statement has grown.
    growth: usize,
}

impl Inliner<'_, '_> {
    /// Puts those names of a list in place that are `free`; `None` if that would be too long.
    fn put_in_place(&mut self, list: &List, free: &HashSet<String>) -> Option<()> {
        let statement = self.statement;
        // `None` for what cannot be put in place.
        let mut values: HashMap<String, Option<String>> = HashMap::new();
        for item in &list.items {
            self.replace(&item.expression, &values, item.alias.is_none())?;
            let name = item.alias.and_then(|alias| statement.identifier(alias));
            let Some(name) = name.filter(|name| free.contains(name)) else { continue };
            // Given twice, it could be either.
            let value = match values.contains_key(&name) {
                true => None,
                false => self.value(&item.expression),
            };
            values.insert(name, value);
        }
        for tokens in &list.behind {
            self.replace(tokens, &values, false)?;
        }
        Some(())
    }

    /// Puts names in place among `tokens`, which `unnamed` are an item without an alias.
    fn replace(
        &mut self,
        tokens: &Range<usize>,
        values: &HashMap<String, Option<String>>,
        unnamed: bool,
    ) -> Option<()> {
        if values.is_empty() {
            return Some(());
        }
        let statement = self.statement;
        for at in uses(statement, tokens.clone()) {
            let value = statement.identifier(at).and_then(|name| values.get(&name)?.as_deref());
            let Some(value) = value else { continue };
            let is_whole = unnamed && at == tokens.start && is_column(statement, tokens);
            let name = statement.text(at);
            self.growth += value.len() + 2;
            if GROWTH_BYTES_MAX < self.growth {
                return None;
            }
            self.replacements.insert(at, format!("({value})"));
            if is_whole {
                // Postgres calls the column of `p::int` so too.
                let last = tokens.end - 1;
                let text = self.replacements.get(&last).map_or(statement.text(last), |text| text);
                let text = format!("{text} AS {name}");
                self.replacements.insert(last, text);
            }
        }
        Some(())
    }

    /// The text of an expression; `None` if that is too long, or nothing.
    fn value(&self, tokens: &Range<usize>) -> Option<String> {
        if tokens.is_empty() {
            return None;
        }
        let tokens_of = &self.statement.tokens;
        let bytes = tokens_of[tokens.start].start()..tokens_of[tokens.end - 1].end();
        let grown: usize =
            self.replacements.range(tokens.clone()).map(|(_, text)| text.len()).sum();
        let is_short = bytes.len() + grown <= EXPRESSION_BYTES_MAX;
        is_short.then(|| self.text(bytes, tokens.clone()))
    }

    /// The text of `bytes`, in which `tokens` stand.
    fn text(&self, bytes: Range<usize>, tokens: Range<usize>) -> String {
        let mut text = String::new();
        let mut at = bytes.start;
        for (token, replacement) in self.replacements.range(tokens) {
            let token = self.statement.tokens[*token];
            text.push_str(&self.statement.sql[at..token.start()]);
            text.push_str(replacement);
            at = token.end();
        }
        text.push_str(&self.statement.sql[at..bytes.end]);
        text
    }
}

/// Whether an item that begins with a column is nothing else but casts of it.
fn is_column(statement: &Statement<'_>, item: &Range<usize>) -> bool {
    let mut at = item.start + 1;
    while statement.matches(at, ": :") && at < item.end {
        at = statement.after_name(at + 2);
        if statement.is_symbol(at, b'(') {
            at = statement.after_parenthesis(at);
        }
    }
    at == item.end
}

#[cfg(test)]
#[path = "aliases_tests.rs"]
mod tests;
