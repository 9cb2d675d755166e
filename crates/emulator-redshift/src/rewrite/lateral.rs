//! Whether a name of a select list may be put in place: not where a column has it, for a column of
//! FROM comes first, here or in a query around this one ("SELECT list", lateral alias references).
//!
//! The columns of a subquery and of WITH can be read, those of a relation have to be asked for
//! ([`Question`]). A name is free only if all sources are known not to have it: what cannot be told
//! stays as it is.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::declared::quoted_name;
use super::names::{after, alias, items};
use super::queries::{AFTER_TABLE, is_any};
use super::selects::{Queries, Select};
use crate::sql::quotes;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Queries that read each other in a longer chain are not looked into.
const DEPTH_MAX: usize = 24;

/// More is not asked about one statement.
const QUESTIONS_MAX: usize = 4096;

/// Words behind a source of FROM that lead to the next one.
const JOINS: &[&str] =
    &["join", "inner", "left", "right", "full", "cross", "natural", "on", "using"];

/// Functions whose column Postgres may call otherwise, because they are rewritten or its grammar
/// knows them.
const RENAMED: &[&str] = &[
    "cast",
    "convert",
    "current_setting",
    "date_add",
    "date_diff",
    "dateadd",
    "datediff",
    "decode",
    "extract",
    "listagg",
    "median",
    "nvl",
    "nvl2",
    "overlay",
    "position",
    "substring",
    "trim",
    "xmlelement",
    "xmlforest",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
];

/// Whether a relation is known not to have a column of this name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) relation: Relation,
    pub(crate) name: String,
}

/// A relation as FROM names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Relation {
    /// The database, if it is named.
    pub(crate) database: Option<String>,
    /// The other parts in quotes, as `to_regclass` takes them.
    pub(crate) name: String,
}

/// The questions whose answer is yes; `None` while none has been asked.
pub(crate) type Columns = Option<HashSet<Question>>;

/// What a FROM makes visible.
#[derive(Debug, Default)]
struct Scope {
    names: HashSet<String>,
    relations: HashSet<Relation>,
}

/// Judges the names of select lists.
pub(super) struct Judge<'a, 'b> {
    statement: &'a Statement<'b>,
    queries: &'a Queries,
    columns: &'a Columns,
    /// By where a select list starts; `None` if it cannot be told.
    scopes: HashMap<usize, Option<Rc<Scope>>>,
    /// What has to be asked before more can be said.
    pub(super) questions: Vec<Question>,
}

impl<'a, 'b> Judge<'a, 'b> {
    pub(super) fn new(
        statement: &'a Statement<'b>,
        queries: &'a Queries,
        columns: &'a Columns,
    ) -> Self {
        Self { statement, queries, columns, scopes: HashMap::new(), questions: Vec::new() }
    }

    /// Which of the names no column has that can be seen from `select`.
    pub(super) fn free(&mut self, select: &Select, names: HashSet<String>) -> HashSet<String> {
        let Some(scopes) = self.visible(select) else { return HashSet::new() };
        let mut free = HashSet::new();
        for name in names {
            if scopes.iter().any(|scope| scope.names.contains(&name)) {
                continue;
            }
            let relations = scopes.iter().flat_map(|scope| &scope.relations);
            let mut questions = relations
                .map(|relation| Question { relation: relation.clone(), name: name.clone() });
            let is_free = match self.columns {
                Some(absent) => questions.all(|question| absent.contains(&question)),
                None => {
                    let before = self.questions.len();
                    let room = (QUESTIONS_MAX + 1).saturating_sub(before);
                    self.questions.extend(questions.take(room));
                    self.questions.len() == before
                }
            };
            if is_free {
                free.insert(name);
            }
        }
        if QUESTIONS_MAX < self.questions.len() { HashSet::new() } else { free }
    }

    /// Whether there is too much to ask.
    pub(super) fn is_overwhelmed(&self) -> bool {
        QUESTIONS_MAX < self.questions.len()
    }

    /// The scopes of a query and of those around it; `None` if that cannot be told.
    fn visible(&mut self, select: &Select) -> Option<Vec<Rc<Scope>>> {
        let queries = self.queries;
        let mut scopes = vec![self.scope(select, DEPTH_MAX)?];
        let mut inner = select;
        while let Some(parent) = inner.parent {
            let around = queries.select(parent.list)?;
            if self.is_seen_from(around, parent.open)? {
                scopes.push(self.scope(around, DEPTH_MAX)?);
            }
            inner = around;
        }
        if let Some(scope) = self.changed()? {
            scopes.push(Rc::new(scope));
        }
        Some(scopes)
    }

    /// What the queries of an UPDATE or DELETE see of its tables; `None` if that cannot be told.
    fn changed(&mut self) -> Option<Option<Scope>> {
        let statement = self.statement;
        let (target, leads) = match () {
            () if statement.leads("update") => (1, "from"),
            () if statement.leads("delete from") => (2, "using"),
            () if statement.leads("delete") => (1, "using"),
            () => return Some(None),
        };
        let mut scope = Scope::default();
        let (mut at, end) = (self.source(target, &mut scope, DEPTH_MAX)?, statement.tokens.len());
        let mut from = None;
        while at < end && !statement.is_word(at, "where") {
            let begins = from.is_none() && statement.is_word(at, leads);
            at = after(statement, at);
            from = if begins { Some(at) } else { from };
        }
        if let Some(from) = from {
            self.sources(from..at, &mut scope, DEPTH_MAX)?;
        }
        Some(Some(scope))
    }

    /// Whether the FROM of `select` can be seen from a query in its parenthesis at `open`: not if
    /// that is a source of this very FROM.
    fn is_seen_from(&self, select: &Select, open: usize) -> Option<bool> {
        let statement = self.statement;
        let Some(from) = select.from.as_ref().filter(|from| from.contains(&open)) else {
            return Some(true);
        };
        let before = open - 1;
        if statement.is_word(before, "lateral") {
            return None;
        }
        let is_source = open == from.start
            || statement.is_symbol(before, b',')
            || statement.is_word(before, "join");
        // In a parenthesis with a join it could be either.
        let is_query = is_any(statement, open + 1, &["select", "with", "values"]);
        if is_source && !is_query { None } else { Some(!is_source) }
    }

    /// What the FROM of a query makes visible; `None` if that cannot be told.
    fn scope(&mut self, select: &Select, depth: usize) -> Option<Rc<Scope>> {
        if let Some(known) = self.scopes.get(&select.list.start) {
            return known.clone();
        }
        let mut scope = Scope::default();
        let from = select.from.clone().unwrap_or(0..0);
        let known = self.sources(from, &mut scope, depth).map(|()| Rc::new(scope));
        self.scopes.insert(select.list.start, known.clone());
        known
    }

    /// Adds what the sources among `tokens` make visible.
    fn sources(&mut self, tokens: Range<usize>, scope: &mut Scope, depth: usize) -> Option<()> {
        let statement = self.statement;
        let depth = depth.checked_sub(1)?;
        let (mut at, end) = (tokens.start, tokens.end);
        while at < end {
            at = self.source(at, scope, depth)?;
            let is_last = end <= at;
            if !is_last && !statement.is_symbol(at, b',') && !is_any(statement, at, JOINS) {
                return None;
            }
            // What it is joined on, up to the next.
            while at < end && !statement.is_symbol(at, b',') && !statement.is_word(at, "join") {
                at = after(statement, at);
            }
            at += 1;
        }
        (at == end + 1 || tokens.is_empty()).then_some(())
    }

    /// Adds what the source at `at` makes visible; the value is the token behind it and its name.
    fn source(&mut self, at: usize, scope: &mut Scope, depth: usize) -> Option<usize> {
        let statement = self.statement;
        if statement.is_symbol(at, b'(') {
            let behind = statement.after_parenthesis(at);
            if is_any(statement, at + 1, &["select", "with", "values"]) {
                let queries = self.queries;
                self.outputs(queries.first_in(statement, at)?, scope, depth)?;
            } else {
                self.sources(at + 1..behind - 1, scope, depth)?;
            }
            return self.after_alias(behind);
        }
        if is_any(statement, at, &["lateral", "only", "rows", "table", "unpivot"]) {
            return None;
        }
        let name = if statement.is_symbol(at, b'#') { at + 1 } else { at };
        statement.identifier(name)?;
        let behind = statement.after_name(at);
        if statement.is_symbol(behind, b'(') {
            return self.function(statement.after_parenthesis(behind), scope);
        }
        self.relation(at..behind, scope, depth)?;
        self.after_alias(behind)
    }

    /// Adds a relation, or a query of WITH.
    fn relation(&mut self, tokens: Range<usize>, scope: &mut Scope, depth: usize) -> Option<()> {
        let statement = self.statement;
        let queries = self.queries;
        if tokens.len() == 1 {
            let name = statement.identifier(tokens.start)?;
            let mut named = queries
                .named
                .iter()
                .filter(|named| named.name == name && named.visible.contains(&tokens.start));
            if let Some(only) = named.next() {
                if !only.is_plain || named.next().is_some() {
                    return None;
                }
                return self.outputs(queries.first_in(statement, only.body)?, scope, depth);
            }
        }
        let start = tokens.start;
        if statement.is_symbol(start, b'#') {
            let name = quoted_name(statement, start);
            scope.relations.insert(Relation { database: None, name });
            return (tokens.len() == 2).then_some(());
        }
        // name, schema.name or database.schema.name
        let parts: Option<Vec<String>> =
            tokens.step_by(2).map(|at| statement.identifier(at)).collect();
        let mut parts = parts.filter(|parts| parts.iter().all(|part| !part.is_empty()))?;
        if 3 < parts.len() {
            return None;
        }
        let database = (parts.len() == 3).then(|| parts.remove(0));
        let quoted = parts.iter().map(|part| quotes::identifier(part));
        let name = quoted.collect::<Vec<_>>().join(".");
        scope.relations.insert(Relation { database, name });
        Some(())
    }

    /// Adds the columns of a function whose definitions stand behind it: `f() AS c (a int, …)`.
    fn function(&self, mut at: usize, scope: &mut Scope) -> Option<usize> {
        let statement = self.statement;
        at += usize::from(statement.is_word(at, "as"));
        if statement.is_identifier(at) && !is_any(statement, at, AFTER_TABLE) {
            at += 1;
        }
        if !statement.is_symbol(at, b'(') {
            return None;
        }
        let behind = statement.after_parenthesis(at);
        for definition in items(statement, at + 1..behind - 1) {
            if definition.len() < 2 {
                return None; // No type: perhaps not all of its columns.
            }
            scope.names.insert(statement.identifier(definition.start)?);
        }
        Some(behind)
    }

    /// Behind a source's other name; `None` if its columns get other names too.
    fn after_alias(&self, mut at: usize) -> Option<usize> {
        let statement = self.statement;
        let is_named = statement.is_word(at, "as");
        at += usize::from(is_named);
        if statement.is_identifier(at) && (is_named || !is_any(statement, at, AFTER_TABLE)) {
            at += 1;
            if statement.is_symbol(at, b'(') {
                return None;
            }
        }
        Some(at)
    }

    /// Adds the names of a query's columns, or more.
    fn outputs(&mut self, select: &Select, scope: &mut Scope, depth: usize) -> Option<()> {
        let statement = self.statement;
        let mut is_starred = false;
        for item in items(statement, super::queries::first_item(statement, select)..select.list.end)
        {
            let last = item.end.checked_sub(1).filter(|last| item.start <= *last)?;
            if statement.is_symbol(last, b'*')
                && (item.len() == 1 || statement.is_symbol(last - 1, b'.'))
            {
                is_starred = true;
                continue;
            }
            let name = match alias(statement, &item) {
                Some(alias) => statement.identifier(alias),
                None => self.default_name(item)?,
            };
            scope.names.extend(name);
        }
        if is_starred {
            let inner = self.scope(select, depth.checked_sub(1)?)?;
            scope.names.extend(inner.names.iter().cloned());
            scope.relations.extend(inner.relations.iter().cloned());
        }
        Some(())
    }

    /// What Postgres calls a column without an alias: `Some(None)` if it has no name that could be
    /// used, `None` if that cannot be told.
    fn default_name(&self, item: Range<usize>) -> Option<Option<String>> {
        let statement = self.statement;
        let first = statement.tokens.get(item.start)?;
        if item.len() == 1 && matches!(first.kind, Kind::Number | Kind::Text | Kind::Parameter) {
            return Some(None);
        }
        if !statement.is_identifier(item.start) || is_any(statement, item.start, &["true", "false"])
        {
            return None;
        }
        let behind = statement.after_name(item.start);
        if behind == item.end {
            return statement.identifier(behind - 1).map(Some);
        }
        let is_call = statement.is_symbol(behind, b'(')
            && statement.after_parenthesis(behind) == item.end
            && !is_any(statement, behind - 1, RENAMED);
        if is_call { statement.identifier(behind - 1).map(Some) } else { None }
    }
}
