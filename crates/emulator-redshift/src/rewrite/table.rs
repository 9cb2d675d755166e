//! Where things stand in CREATE TABLE and ALTER TABLE … ADD.
//!
//! Only positions: nothing is changed or refused here.

use std::ops::Range;

use crate::sql::statement::Statement;

/// A statement that defines a table or a part of one; all values are token indexes.
#[derive(Debug)]
pub(crate) struct TableStatement {
    /// The elements between the parentheses, or the one that ALTER TABLE adds.
    elements: Vec<Range<usize>>,
    /// What follows the name and the parentheses, up to the query of a CREATE TABLE AS.
    pub(super) attributes: Range<usize>,
    pub(super) form: Form,
}

/// Which statement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// CREATE TABLE, with or without AS.
    Create {
        /// The token `table`.
        table: usize,
        /// The first token of the table's name.
        name: usize,
    },
    /// ALTER TABLE; the first token behind the table's name.
    Alter { action: usize },
}

/// A column's definition: its name, its type, its attributes.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(super) tokens: Range<usize>,
}

impl Column {
    /// The name.
    pub(crate) fn name_index(&self) -> usize {
        self.tokens.start
    }

    /// The first token of the type.
    pub(crate) fn type_index(&self) -> usize {
        self.tokens.start + 1
    }
}

impl TableStatement {
    /// Reads a statement; `None` if it is another one.
    pub(crate) fn read(statement: &Statement<'_>) -> Option<Self> {
        Self::read_create(statement).or_else(|| Self::read_alter(statement))
    }

    fn read_create(statement: &Statement<'_>) -> Option<Self> {
        if !statement.leads("create") {
            return None;
        }
        let table = (1..4).find(|index| statement.is_word(*index, "table"))?;
        const BETWEEN: &[&str] = &["temp", "temporary", "local"];
        if !(1..table).all(|index| BETWEEN.iter().any(|word| statement.is_word(index, word))) {
            return None;
        }
        let exists = statement.matches(table + 1, "if not exists");
        let name = table + if exists { 4 } else { 1 };
        let mut after = statement.after_name(name);
        let mut elements = Vec::new();
        if statement.is_symbol(after, b'(') {
            let end = statement.after_parenthesis(after);
            elements = split_elements(statement, after, end);
            after = end;
        }
        let attributes = after..attributes_end(statement, after);
        Some(Self { elements, attributes, form: Form::Create { table, name } })
    }

    fn read_alter(statement: &Statement<'_>) -> Option<Self> {
        if !statement.leads("alter table") {
            return None;
        }
        let exists = if statement.matches(2, "if exists") { 4 } else { 2 };
        let name = exists + usize::from(statement.is_word(exists, "only"));
        let action = statement.after_name(name);
        let end = statement.tokens.len();
        let mut elements = Vec::new();
        if statement.is_word(action, "add") {
            let column = action + 1 + usize::from(statement.is_word(action + 1, "column"));
            if column < end {
                elements.push(column..end);
            }
        }
        Some(Self { elements, attributes: end..end, form: Form::Alter { action } })
    }

    /// The elements in order, columns and others.
    pub(super) fn elements(&self) -> &[Range<usize>] {
        &self.elements
    }

    /// The columns that are given a type.
    pub(crate) fn columns<'a>(
        &'a self,
        statement: &'a Statement<'_>,
    ) -> impl Iterator<Item = Column> + 'a {
        let columns = self.elements.iter().filter(|element| {
            1 < element.len()
                && statement.is_identifier(element.start)
                && !statement.is_word(element.start, "like")
                && constraint(statement, element).is_none()
        });
        columns.map(|element| Column { tokens: element.clone() })
    }
}

/// What a table constraint demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constraint {
    /// PRIMARY KEY: its columns, as a parenthesis at this index, are NOT NULL.
    PrimaryKey { columns: usize },
    /// UNIQUE or FOREIGN KEY: nothing that Redshift enforces.
    Informational,
    /// CHECK, EXCLUDE: nothing that Redshift has.
    Other,
}

/// Reads a table constraint; `None` for everything else.
pub(super) fn constraint(statement: &Statement<'_>, element: &Range<usize>) -> Option<Constraint> {
    let named = statement.is_word(element.start, "constraint");
    let at = element.start + if named { 2 } else { 0 };
    if statement.matches(at, "primary key") {
        Some(Constraint::PrimaryKey { columns: at + 2 })
    } else if statement.matches(at, "unique (") || statement.matches(at, "foreign key") {
        Some(Constraint::Informational)
    } else if statement.matches(at, "check (") || statement.is_word(at, "exclude") || named {
        Some(Constraint::Other)
    } else {
        None
    }
}

/// The ranges between the commas of the parenthesis that opens at `open`.
fn split_elements(statement: &Statement<'_>, open: usize, end: usize) -> Vec<Range<usize>> {
    let close = if statement.is_symbol(end - 1, b')') { end - 1 } else { end };
    let mut elements = Vec::new();
    let mut start = open + 1;
    let mut at = start;
    while at < close {
        if statement.is_symbol(at, b'(') {
            at = statement.after_parenthesis(at);
        } else if statement.is_symbol(at, b',') {
            elements.push(start..at);
            at += 1;
            start = at;
        } else {
            at += 1;
        }
    }
    if start < close {
        elements.push(start..close);
    }
    elements
}

/// The token `as` of a CREATE TABLE AS, or the end.
fn attributes_end(statement: &Statement<'_>, from: usize) -> usize {
    let mut at = from;
    while at < statement.tokens.len() && !statement.is_word(at, "as") {
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    at.min(statement.tokens.len())
}
