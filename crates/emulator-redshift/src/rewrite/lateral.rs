//! Where a query may use a name of its own select list ("SELECT list", lateral alias references).
//!
//! A column of that name comes first, so the columns have to be known: those of a subquery and of
//! WITH can be read, those of a relation have to be asked for ([`Question`]). What cannot be told
//! stays as it is.

use std::collections::{HashMap, HashSet};

use super::declared::quoted_name;
use super::queries::{AFTER_TABLE, Select, is_any, item_end};
use crate::sql::statement::Statement;

/// Queries nested deeper are not looked into.
const DEPTH_MAX: usize = 8;

/// Whether a relation has a column of this name, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Each part in quotes, as `to_regclass` takes it.
    pub(crate) relation: String,
    pub(crate) name: String,
}

/// The questions whose answer is yes; `None` while none has been asked.
pub(crate) type Columns = Option<HashSet<Question>>;

/// Names that mean something else where they stand alone.
const WORDS: &[&str] = &[
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "interval",
    "case",
    "when",
    "then",
    "else",
    "end",
    "null",
    "true",
    "false",
    "and",
    "or",
    "not",
    "in",
    "is",
    "like",
    "between",
    "distinct",
    "from",
    "by",
    "order",
    "partition",
    "over",
    "rows",
    "sysdate",
];

/// What a FROM makes visible.
#[derive(Debug, Default)]
struct Scope {
    names: HashSet<String>,
    relations: Vec<String>,
}

/// Judges the names of select lists.
pub(super) struct Judge<'a, 'b> {
    statement: &'a Statement<'b>,
    selects: &'a [Select],
    /// The queries of WITH.
    named: HashMap<String, Select>,
    columns: &'a Columns,
    /// What has to be asked before more can be said.
    pub(super) questions: Vec<Question>,
}

impl<'a, 'b> Judge<'a, 'b> {
    pub(super) fn new(
        statement: &'a Statement<'b>,
        selects: &'a [Select],
        columns: &'a Columns,
    ) -> Self {
        let mut named = HashMap::new();
        for select in selects {
            // name AS ( SELECT
            let Some(name) = select.list.checked_sub(4) else { continue };
            if statement.matches(name + 1, "as (")
                && let Some(name) = statement.identifier(name)
            {
                named.entry(name).or_insert(*select);
            }
        }
        Self { statement, selects, named, columns, questions: Vec::new() }
    }

    /// Which of the names can be put in place in `select`, because no column has them.
    pub(super) fn free(&mut self, select: &Select, names: Vec<String>) -> HashSet<String> {
        let none = HashSet::new();
        if names.is_empty() {
            return none;
        }
        let Some(scope) = self.scope(select, DEPTH_MAX) else { return none };
        let mut free = HashSet::new();
        for name in names {
            if WORDS.contains(&name.as_str()) || scope.names.contains(&name) {
                continue;
            }
            let questions = scope
                .relations
                .iter()
                .map(|relation| Question { relation: relation.clone(), name: name.clone() });
            let open = match self.columns {
                Some(columns) => questions.into_iter().any(|question| columns.contains(&question)),
                None => {
                    self.questions.extend(questions);
                    !scope.relations.is_empty()
                }
            };
            if !open {
                free.insert(name);
            }
        }
        free
    }

    /// What the FROM of a query makes visible; `None` if that cannot be told.
    fn scope(&self, select: &Select, depth: usize) -> Option<Scope> {
        let statement = self.statement;
        let mut scope = Scope::default();
        let Some(mut at) = select.from else { return Some(scope) };
        let end = select.condition.map_or(select.condition_end, |condition| condition - 1);
        let end = end.min(select.end);
        while at < end {
            at = self.source(at, &mut scope, depth.checked_sub(1)?)?;
            // Its other name; then what it is joined on, up to the next.
            at += usize::from(statement.is_word(at, "as"));
            if statement.is_identifier(at) && !is_any(statement, at, AFTER_TABLE) {
                at += 1;
                if statement.is_symbol(at, b'(') {
                    return None; // Names for its columns.
                }
            }
            while at < end && !statement.is_symbol(at, b',') && !statement.is_word(at, "join") {
                let open = statement.is_symbol(at, b'(');
                at = if open { statement.after_parenthesis(at) } else { at + 1 };
            }
            at += 1;
        }
        Some(scope)
    }

    /// Adds what a relation or subquery at `at` makes visible; the value is the token behind it.
    fn source(&self, at: usize, scope: &mut Scope, depth: usize) -> Option<usize> {
        let statement = self.statement;
        let at = at + usize::from(is_any(statement, at, &["lateral"]));
        if statement.is_symbol(at, b'(') {
            let inner = self.selects.iter().find(|select| select.list == at + 2)?;
            self.outputs(inner, scope, depth)?;
            return Some(statement.after_parenthesis(at));
        }
        let is_temporary = statement.is_symbol(at, b'#');
        if !is_temporary && !statement.is_identifier(at) {
            return None;
        }
        let after = statement.after_name(at);
        if statement.is_symbol(after, b'(') {
            return None;
        }
        let named = statement.identifier(at).filter(|_| after == at + 1);
        match named.and_then(|name| self.named.get(&name)) {
            Some(inner) => self.outputs(inner, scope, depth)?,
            None => scope.relations.push(quoted_name(statement, at)),
        }
        Some(after)
    }

    /// Adds the names of a query's columns, or more.
    fn outputs(&self, select: &Select, scope: &mut Scope, depth: usize) -> Option<()> {
        let statement = self.statement;
        let list_end = select.list_end();
        let mut start = select.list;
        while start < list_end {
            let end = item_end(statement, start, list_end);
            if end == start {
                return None;
            }
            if statement.is_symbol(end - 1, b'*') {
                let inner = self.scope(select, depth)?;
                scope.names.extend(inner.names);
                scope.relations.extend(inner.relations);
            }
            if statement.is_word(end.saturating_sub(2), "as") {
                scope.names.extend(statement.identifier(end - 1));
            } else {
                scope.names.extend((start..end).filter_map(|at| statement.identifier(at)));
            }
            start = end + 1;
        }
        Some(())
    }
}
