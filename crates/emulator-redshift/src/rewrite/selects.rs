//! Finds the queries of a statement: the clauses of each SELECT, what stands around it, and the
//! names that WITH gives. All values are token indexes.

use std::collections::HashMap;
use std::ops::Range;

use crate::sql::statement::Statement;

/// Queries nested deeper stay as they are, so that no text takes long to read.
const DEPTH_MAX: usize = 64;

/// One SELECT.
#[derive(Debug, Clone)]
pub(super) struct Select {
    /// The select list, with `DISTINCT` and `TOP n`. Its start is behind SELECT and tells queries
    /// apart.
    pub(super) list: Range<usize>,
    /// Behind FROM.
    pub(super) from: Option<Range<usize>>,
    /// Behind WHERE; empty without.
    pub(super) condition: Range<usize>,
    /// Behind HAVING; empty without.
    pub(super) having: Range<usize>,
    /// Behind ORDER BY; empty without.
    pub(super) order: Range<usize>,
    pub(super) end: usize,
    pub(super) parent: Option<Parent>,
    /// Whether UNION or its like combines it with another one.
    pub(super) combined: bool,
}

/// The query around a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    /// Where its list starts.
    pub(super) list: usize,
    /// Its own parenthesis, in which the inner query stands.
    pub(super) open: usize,
}

/// A name that WITH gives.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    /// The parenthesis that its query stands in.
    pub(super) body: usize,
    /// Whether it has its columns' names from its query, which does not read itself.
    pub(super) is_plain: bool,
    /// Where it can be read.
    pub(super) visible: Range<usize>,
}

/// All queries of a statement.
#[derive(Debug)]
pub(super) struct Queries {
    /// In the order of their lists.
    pub(super) selects: Vec<Select>,
    pub(super) named: Vec<Named>,
    /// Where the list of a WITH ends, by where the WITH stands.
    pub(super) withs: HashMap<usize, usize>,
    /// Whether everything was understood.
    pub(super) is_clear: bool,
}

/// What can follow each other in a SELECT, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Clause {
    List,
    Into,
    From,
    Where,
    Group,
    Having,
    Qualify,
    Window,
    Order,
    Rest,
}

/// What is between two parentheses.
#[derive(Debug, Default)]
struct Frame {
    parent: Option<Parent>,
    select: Option<(Select, Clause)>,
    /// Whether the next SELECT stands behind UNION or its like.
    combined: bool,
    /// Names of WITH that can be read up to its end.
    named: Vec<usize>,
}

impl Queries {
    /// Reads a statement.
    pub(super) fn of(statement: &Statement<'_>) -> Self {
        let queries =
            Self { selects: Vec::new(), named: Vec::new(), withs: HashMap::new(), is_clear: true };
        Finder { statement, queries, frames: vec![Frame::default()] }.find()
    }

    /// The SELECT whose list starts there.
    pub(super) fn select(&self, list: usize) -> Option<&Select> {
        let at = self.selects.binary_search_by_key(&list, |select| select.list.start).ok()?;
        self.selects.get(at)
    }

    /// The SELECT that names the columns of the query in a parenthesis.
    pub(super) fn first_in(&self, statement: &Statement<'_>, open: usize) -> Option<&Select> {
        let at = self.withs.get(&(open + 1)).copied().unwrap_or(open + 1);
        if statement.is_word(at, "select") { self.select(at + 1) } else { None }
    }
}

struct Finder<'a, 'b> {
    statement: &'a Statement<'b>,
    queries: Queries,
    frames: Vec<Frame>,
}

impl Finder<'_, '_> {
    fn find(mut self) -> Queries {
        let count = self.statement.tokens.len();
        for index in 0..count {
            if self.statement.is_symbol(index, b'(') {
                self.open(index);
            } else if self.statement.is_symbol(index, b')') {
                self.close(index);
            } else {
                self.word(index);
            }
        }
        self.queries.is_clear &= self.frames.len() == 1;
        while !self.frames.is_empty() {
            self.end_frame(count);
        }
        self.queries.selects.sort_by_key(|select| select.list.start);
        self.queries
    }

    fn open(&mut self, index: usize) {
        let around = self.frames.last();
        let parent = around.and_then(|frame| match &frame.select {
            Some((select, _)) => Some(Parent { list: select.list.start, open: index }),
            None => frame.parent,
        });
        self.frames.push(Frame { parent, ..Frame::default() });
    }

    fn close(&mut self, index: usize) {
        if self.frames.len() == 1 {
            self.queries.is_clear = false;
            self.end_select(index);
        } else {
            self.end_frame(index);
        }
    }

    fn end_frame(&mut self, index: usize) {
        self.end_select(index);
        let named = self.frames.pop().map(|frame| frame.named).unwrap_or_default();
        for at in named {
            self.queries.named[at].visible.end = index;
        }
    }

    fn end_select(&mut self, index: usize) {
        let Some((mut select, clause)) = self.frames.last_mut().and_then(|f| f.select.take())
        else {
            return;
        };
        end_clause(&mut select, clause, index);
        select.end = index;
        self.queries.selects.push(select);
    }

    fn word(&mut self, index: usize) {
        let statement = self.statement;
        let Some(before) = index.checked_sub(1) else { return self.keyword(index) };
        let is_open = self.frames.last().is_some_and(|frame| frame.select.is_some());
        // A name, whatever it is.
        let is_label = is_open && statement.is_word(before, "as");
        if !statement.is_symbol(before, b'.') && !is_label {
            self.keyword(index);
        }
    }

    fn keyword(&mut self, index: usize) {
        let statement = self.statement;
        let is = |word: &str| statement.is_word(index, word);
        let by = statement.is_word(index + 1, "by");
        if is("select") {
            self.select(index);
        } else if is("with") {
            self.with(index);
        } else if SET_OPERATORS.iter().any(|word| is(word)) && self.combines(index) {
            self.end_select(index);
            if let Some(frame) = self.frames.last_mut() {
                frame.combined = true;
            }
        } else if is("into") {
            self.clause(index, Clause::Into);
        } else if is("from") && !is_comparison(statement, index) {
            self.clause(index, Clause::From);
        } else if is("where") {
            self.clause(index, Clause::Where);
        } else if is("group") && by {
            self.clause(index, Clause::Group);
        } else if is("having") {
            self.clause(index, Clause::Having);
        } else if is("qualify") {
            self.clause(index, Clause::Qualify);
        } else if is("window") {
            self.clause(index, Clause::Window);
        } else if is("order") && by {
            self.clause(index, Clause::Order);
        } else if ["limit", "offset", "fetch", "for"].iter().any(|word| is(word)) {
            self.clause(index, Clause::Rest);
        }
    }

    fn combines(&self, index: usize) -> bool {
        let statement = self.statement;
        let after = index + 1;
        let after = after
            + usize::from(statement.is_word(after, "all") || statement.is_word(after, "distinct"));
        statement.is_symbol(after, b'(')
            || ["select", "with", "values", "table"]
                .iter()
                .any(|word| statement.is_word(after, word))
    }

    fn select(&mut self, index: usize) {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.select.is_some() || DEPTH_MAX < depth {
            // A query cannot follow another one like that.
            self.queries.is_clear = false;
            if DEPTH_MAX < depth {
                return;
            }
            self.end_select(index);
        }
        let Some(frame) = self.frames.last_mut() else { return };
        let list = index + 1;
        let select = Select {
            list: list..list,
            from: None,
            condition: 0..0,
            having: 0..0,
            order: 0..0,
            end: list,
            parent: frame.parent,
            combined: std::mem::take(&mut frame.combined),
        };
        frame.select = Some((select, Clause::List));
    }

    /// The next clause begins; once more or out of order it is not understood.
    fn clause(&mut self, index: usize, next: Clause) {
        let Some((select, clause)) = self.frames.last_mut().and_then(|f| f.select.as_mut()) else {
            return;
        };
        if next < *clause || (next == *clause && next != Clause::Rest) {
            self.queries.is_clear = false;
            return;
        }
        end_clause(select, *clause, index);
        let start = index + 1;
        match next {
            Clause::From => select.from = Some(start..start),
            Clause::Where => select.condition = start..start,
            Clause::Having => select.having = start..start,
            Clause::Order => select.order = start + 1..start + 1,
            _ => {}
        }
        *clause = next;
    }

    /// `WITH name AS (query), …`, or what ends a view's or table's query.
    fn with(&mut self, index: usize) {
        let statement = self.statement;
        let behind = |word: &str| statement.is_word(index + 1, word);
        if behind("time") {
            return; // A type.
        }
        if behind("no") || behind("data") {
            return self.end_select(index);
        }
        let is_open = self.frames.last().is_none_or(|frame| frame.select.is_some());
        let Some((named, end)) = with_list(statement, index).filter(|_| !is_open) else {
            self.queries.is_clear = false;
            return;
        };
        self.queries.withs.insert(index, end);
        for name in named {
            if let Some(frame) = self.frames.last_mut() {
                frame.named.push(self.queries.named.len());
            }
            self.queries.named.push(name);
        }
    }
}

const SET_OPERATORS: &[&str] = &["union", "intersect", "except", "minus"];

fn end_clause(select: &mut Select, clause: Clause, index: usize) {
    match clause {
        Clause::List => select.list.end = index,
        Clause::From => {
            if let Some(from) = &mut select.from {
                from.end = index;
            }
        }
        Clause::Where => select.condition.end = index,
        Clause::Having => select.having.end = index,
        Clause::Order => select.order.end = index.max(select.order.start),
        _ => {}
    }
}

/// The FROM of `IS [NOT] DISTINCT FROM`.
fn is_comparison(statement: &Statement<'_>, index: usize) -> bool {
    2 <= index
        && statement.is_word(index - 1, "distinct")
        && (statement.is_word(index - 2, "is") || statement.is_word(index - 2, "not"))
}

/// The names of a WITH, and the token behind them; `None` if it is something else.
fn with_list(statement: &Statement<'_>, with: usize) -> Option<(Vec<Named>, usize)> {
    let is_recursive = statement.is_word(with + 1, "recursive");
    let mut at = with + 1 + usize::from(is_recursive);
    let mut named = Vec::new();
    loop {
        let name = statement.identifier(at)?;
        at += 1;
        let has_columns = statement.is_symbol(at, b'(');
        if has_columns {
            at = statement.after_parenthesis(at);
        }
        if !statement.is_word(at, "as") {
            return None;
        }
        at += 1;
        at += usize::from(statement.matches(at, "not materialized"));
        at += usize::from(statement.is_word(at, "materialized"));
        if !statement.is_symbol(at, b'(') {
            return None;
        }
        let body = at;
        at = statement.after_parenthesis(at);
        let start = if is_recursive { with } else { at };
        let is_plain = !has_columns && !is_recursive;
        named.push(Named { name, body, is_plain, visible: start..start });
        if !statement.is_symbol(at, b',') {
            return Some((named, at));
        }
        at += 1;
    }
}
