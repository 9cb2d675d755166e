//! What Redshift says about a table's storage and keys, and Postgres must not hear.
//!
//! Distribution, sort keys and encodings have no effect on results; keys are informational and
//! never enforced ("CREATE TABLE", "Unsupported PostgreSQL features"). What they say is kept by
//! `declared`; here it goes.

use std::ops::Range;

use super::column_types::column_type;
use super::declared::{concerns_storage_only, resized};
use super::edits::Edits;
use super::table::{Column, Constraint, Form, TableStatement, constraint};
use crate::error::SqlError;
use crate::sql::quotes;
use crate::sql::statement::Statement;

/// Changes nothing and is answered `ALTER TABLE`.
const NO_CHANGE: &str = "REPLICA IDENTITY DEFAULT";

/// Rewrites CREATE TABLE and ALTER TABLE.
pub(super) fn rewrite(
    statement: &Statement<'_>,
    table: &TableStatement,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    match table.form {
        Form::Create { table: word, name } => {
            if statement.is_symbol(name, b'#') && statement.is_word(word - 1, "create") {
                edits.insert(statement.tokens[word].start(), "TEMP ");
            }
            if table.elements().is_empty() && statement.matches(statement.after_name(name), "( )") {
                return Err(SqlError::new("42601", "a table needs at least one column"));
            }
            identity_types(statement, table)?;
            keys(statement, table, edits);
            storage(statement, table.attributes.clone(), edits);
        }
        Form::Alter { action } => alter(statement, table, action, edits),
    }
    if let Some(name) = resized(statement) {
        // Its type is where that of a column definition would be.
        let column = Column { tokens: name + 1..statement.tokens.len() };
        column_type(statement, &column, edits)?;
    }
    for column in table.columns(statement) {
        column_type(statement, &column, edits)?;
        column_attributes(statement, &column, edits);
    }
    Ok(())
}

/// Blanks what CREATE and ALTER MATERIALIZED VIEW say about storage and refreshing ("CREATE
/// MATERIALIZED VIEW"): here a view is refreshed when REFRESH says so.
pub(super) fn materialized_view(statement: &Statement<'_>, edits: &mut Edits) {
    let refreshes = |at: usize| {
        statement.matches(at, "auto refresh yes") || statement.matches(at, "auto refresh no")
    };
    if statement.leads("create materialized view") {
        let start = statement.after_name(3);
        let end = (start..statement.tokens.len()).find(|at| statement.is_word(*at, "as"));
        let Some(end) = end else { return };
        storage(statement, start..end, edits);
        if let Some(at) = (start..end).find(|at| refreshes(*at)) {
            blank(statement, at..at + 3, edits);
        }
    } else if statement.leads("alter materialized view") {
        let at = statement.after_name(3);
        if refreshes(at) && at + 3 == statement.tokens.len() {
            edits.replace(bytes(statement, at..at + 3), "SET WITHOUT CLUSTER");
        }
    }
}

/// The bytes of a range of tokens.
pub(super) fn bytes(statement: &Statement<'_>, tokens: Range<usize>) -> Range<usize> {
    let last = tokens.end.min(statement.tokens.len()).saturating_sub(1);
    let token = |index: usize| statement.tokens.get(index);
    let start = token(tokens.start).map_or(statement.sql.len(), |token| token.start());
    start..token(last).map_or(start, |token| token.end()).max(start)
}

fn blank(statement: &Statement<'_>, tokens: Range<usize>, edits: &mut Edits) {
    edits.blank(statement.sql, bytes(statement, tokens));
}

/// Removes key constraints with their commas; columns of a primary key become NOT NULL.
fn keys(statement: &Statement<'_>, table: &TableStatement, edits: &mut Edits) {
    let mut something_stays = false;
    let mut key_columns = Vec::new();
    for (index, element) in table.elements().iter().enumerate() {
        let removed = match constraint(statement, element) {
            Some(Constraint::PrimaryKey { columns }) => {
                key_columns.extend(identifiers(statement, columns));
                true
            }
            Some(Constraint::Informational) => true,
            Some(Constraint::Other) | None => false,
        };
        if removed {
            blank(statement, element.clone(), edits);
        }
        if 0 < index && (removed || !something_stays) {
            blank(statement, element.start - 1..element.start, edits);
        }
        something_stays |= !removed;
    }
    for column in table.columns(statement) {
        let name = statement.identifier(column.tokens.start);
        if name.is_some_and(|name| key_columns.contains(&name)) {
            let end = bytes(statement, column.tokens).end;
            edits.insert(end, " NOT NULL");
        }
    }
}

/// The identifiers in the parenthesis at `open`.
fn identifiers(statement: &Statement<'_>, open: usize) -> Vec<String> {
    let end = statement.after_parenthesis(open);
    (open..end).filter_map(|index| statement.identifier(index)).collect()
}

/// Blanks DISTSTYLE, DISTKEY, SORTKEY, ENCODE AUTO and BACKUP among a table's attributes.
fn storage(statement: &Statement<'_>, attributes: Range<usize>, edits: &mut Edits) {
    let mut at = attributes.start;
    while at < attributes.end {
        let end = storage_attribute_end(statement, at);
        match end {
            Some(end) => {
                blank(statement, at..end, edits);
                at = end;
            }
            None if statement.is_symbol(at, b'(') => at = statement.after_parenthesis(at),
            None => at += 1,
        }
    }
}

fn storage_attribute_end(statement: &Statement<'_>, at: usize) -> Option<usize> {
    let is = |pattern: &str| statement.matches(at, pattern);
    if is("diststyle") || is("encode auto") || is("backup yes") || is("backup no") {
        return Some(at + 2);
    }
    if is("sortkey auto") || is("sortkey none") {
        return Some(at + 2);
    }
    let key = at + usize::from(is("compound sortkey") || is("interleaved sortkey"));
    if !statement.is_word(key, "sortkey") && !statement.is_word(key, "distkey") {
        return None;
    }
    match statement.is_symbol(key + 1, b'(') {
        true => Some(statement.after_parenthesis(key + 1)),
        false => Some(key + 1),
    }
}

/// Changes of keys and storage, which change nothing here.
fn alter(statement: &Statement<'_>, table: &TableStatement, action: usize, edits: &mut Edits) {
    let behind_action = bytes(statement, action..statement.tokens.len());
    if let Some(added) = table.elements().first() {
        match constraint(statement, added) {
            Some(Constraint::PrimaryKey { columns }) => {
                let changes: Vec<String> = identifiers(statement, columns)
                    .into_iter()
                    .map(|name| format!("ALTER COLUMN {} SET NOT NULL", quotes::identifier(&name)))
                    .collect();
                edits.replace(behind_action, changes.join(", "));
            }
            Some(Constraint::Informational) => edits.replace(behind_action, NO_CHANGE),
            Some(Constraint::Other) | None => {}
        }
        return;
    }
    if concerns_storage_only(statement, action) {
        edits.replace(behind_action, NO_CHANGE);
    }
}

/// Blanks or translates a column's attributes.
fn column_attributes(statement: &Statement<'_>, column: &Column, edits: &mut Edits) {
    let mut at = column.type_index() + 1;
    while at < column.tokens.end {
        let is = |pattern: &str| statement.matches(at, pattern);
        let end = if statement.is_symbol(at, b'(') {
            at = statement.after_parenthesis(at);
            continue;
        } else if is("encode") && !statement.is_symbol(at + 1, b'(') {
            at + 2
        } else if is("distkey") || is("sortkey") || is("unique") {
            at + 1
        } else if is("collate case_sensitive") || is("collate cs") {
            at + 2
        } else if is("collate ci") {
            // The collation's name in the catalog, `types.sql`.
            edits.replace(bytes(statement, at + 1..at + 2), "case_insensitive");
            at += 2;
            continue;
        } else if is("references") {
            references_end(statement, at)
        } else if is("constraint") && names_key(statement, at + 2) {
            at + 2
        } else if is("primary key") {
            edits.replace(bytes(statement, at..at + 2), "NOT NULL   ");
            at += 2;
            continue;
        } else if is("identity") {
            at = identity(statement, at, edits);
            continue;
        } else {
            at += 1;
            continue;
        };
        blank(statement, at..end.min(column.tokens.end), edits);
        at = end;
    }
}

/// An IDENTITY column is an INT or a BIGINT ("CREATE TABLE", IDENTITY).
fn identity_types(statement: &Statement<'_>, table: &TableStatement) -> Result<(), SqlError> {
    const INTEGERS: &[&str] = &["int", "integer", "int4", "bigint", "int8"];
    for column in table.columns(statement) {
        let of_type = column.type_index();
        let is_identity =
            (of_type + 1..column.tokens.end).any(|at| statement.is_word(at, "identity"));
        if is_identity && !INTEGERS.iter().any(|name| statement.is_word(of_type, name)) {
            let message = "an IDENTITY column must be INT or BIGINT";
            return Err(SqlError::new("42601", message).at(statement, of_type));
        }
    }
    Ok(())
}

fn names_key(statement: &Statement<'_>, at: usize) -> bool {
    ["primary", "unique", "references"].iter().any(|word| statement.is_word(at, word))
}

/// Behind `REFERENCES table [ (column) ]`.
fn references_end(statement: &Statement<'_>, at: usize) -> usize {
    let after = statement.after_name(at + 1);
    if statement.is_symbol(after, b'(') { statement.after_parenthesis(after) } else { after }
}

/// `IDENTITY(seed, step)` and `GENERATED BY DEFAULT AS IDENTITY(seed, step)`; without a parenthesis
/// both numbers are 1. The value is the token behind it.
fn identity(statement: &Statement<'_>, at: usize, edits: &mut Edits) -> usize {
    let open = at + 1;
    let end = match statement.is_symbol(open, b'(') {
        true => statement.after_parenthesis(open),
        false => open,
    };
    let (seed, step) = if end == open {
        (1, 1)
    } else {
        let arguments: String =
            (open + 1..end.saturating_sub(1)).map(|index| statement.text(index)).collect();
        let mut numbers = arguments.split(',').map(str::parse::<i64>);
        let (Some(Ok(seed)), Some(Ok(step)), None) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return end; // Postgres finds the syntax error.
        };
        (seed, step)
    };
    // A sequence begins at 1 or -1 unless its bounds are moved.
    let bound = match step {
        _ if 0 < step && seed < 1 => format!(" MINVALUE {seed}"),
        _ if step < 0 && -1 < seed => format!(" MAXVALUE {seed}"),
        _ => String::new(),
    };
    let words = if statement.is_word(at - 1, "as") { "" } else { "GENERATED ALWAYS AS " };
    let text = format!("{words}IDENTITY (START WITH {seed} INCREMENT BY {step}{bound})");
    edits.replace(bytes(statement, at..end), text);
    end
}
