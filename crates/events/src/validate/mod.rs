//! Whether a message is an event that the table could take.
//!
//! The measure is Redshift's COPY with `JSON 'auto' TIMEFORMAT 'auto'` (Database Developer Guide,
//! "COPY from JSON format", "Data conversion parameters", "Using automatic recognition with
//! DATEFORMAT and TIMEFORMAT"). Where the guide is silent, the validator refuses: a dead letter with
//! a reason is cheaper than a COPY that fails on a whole object.
//!
//! Stricter than COPY in four points, on purpose: the id must be there and not blank, more than
//! [`NESTING_MAX`] levels are refused, so is an unpaired surrogate anywhere (both would make the
//! stored line unreadable for common JSON parsers), and of time zone names only abbreviations are
//! known, since there is no time zone database here.

mod number;
mod object;
mod refusal;
mod text;
mod time;
mod value;

use std::borrow::Cow;
use std::collections::HashMap;

pub use refusal::{Refusal, Rule};

use crate::schema::{Column, ColumnType, Table};
use object::{RawValue, Slots};
use refusal::Misfit;

/// The largest JSON object that COPY takes, in bytes ("COPY from JSON format": 4 MB).
pub const OBJECT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How deep a value may be nested, the event's own braces included.
pub const NESTING_MAX: usize = 100;

/// What the validator says of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The table could take it.
    Valid(ValidEvent<'a>),
    /// The table could not take it, and this is why.
    Refused(Refusal),
}

/// An event that the table could take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidEvent<'a> {
    /// The id as the table will hold it. Never blank.
    pub id: String,
    /// The event's JSON object on one line: no line feed, no carriage return, no blanks around it;
    /// otherwise byte for byte what the message held.
    pub line: Cow<'a, str>,
}

/// Judges messages against one table.
#[derive(Debug, Clone)]
pub struct Validator {
    columns: Vec<Column>,
    places: HashMap<String, usize>,
    id_place: usize,
}

/// Why no [`Validator`] can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorError {
    /// The table lacks the id column.
    #[error("the table {table} has no column {id_column} to tell events apart by")]
    NoIdColumn {
        /// The table's name.
        table: String,
        /// The id column's name.
        id_column: String,
    },
    /// The id column is of a type that no event could fill with an id.
    #[error("the column {id_column} of type {column_type} cannot tell events apart")]
    UnfitIdColumn {
        /// The id column's name.
        id_column: String,
        /// Its type; `IDENTITY` columns are numbered by Redshift, not by the event.
        column_type: String,
    },
}

impl Validator {
    /// A validator for `table`, whose events are told apart by `id_column`.
    ///
    /// # Errors
    /// If the table has no such column, or one that an event cannot fill with an id.
    pub fn new(table: Table, id_column: &str) -> Result<Validator, ValidatorError> {
        let columns: Vec<Column> =
            table.columns.into_iter().filter(|column| !column.identity).collect();
        let Some(id_place) = columns.iter().position(|column| column.name == id_column) else {
            let id_column = id_column.to_owned();
            return Err(ValidatorError::NoIdColumn { table: table.name, id_column });
        };
        let column_type = columns[id_place].column_type;
        if !matches!(
            column_type,
            ColumnType::SmallInt
                | ColumnType::Integer
                | ColumnType::BigInt
                | ColumnType::Char(_)
                | ColumnType::Varchar(_)
        ) {
            return Err(ValidatorError::UnfitIdColumn {
                id_column: id_column.to_owned(),
                column_type: column_type.to_string(),
            });
        }
        let places = columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        Ok(Validator { columns, places, id_place })
    }

    /// Judges the body of one message. Never panics, whatever the body is.
    pub fn validate<'a>(&self, body: &'a str) -> Verdict<'a> {
        let mut slots: Slots<'a> = vec![None; self.columns.len()];
        match self.judge(body, &mut slots) {
            Ok(event) => Verdict::Valid(event),
            Err(misfit) => {
                let id = self.id(&slots).ok().map(|id| id.into_owned());
                Verdict::Refused(misfit.into_refusal(id))
            }
        }
    }

    fn judge<'a>(&self, body: &'a str, slots: &mut Slots<'a>) -> Result<ValidEvent<'a>, Misfit> {
        let object = body.trim_matches(object::BLANKS);
        if OBJECT_BYTES_MAX < object.len() {
            return Err(Misfit::new(
                Rule::TooLarge,
                format!("the object has {} bytes, COPY takes {OBJECT_BYTES_MAX}", object.len()),
            ));
        }
        object::read(object, &self.places, slots)?;
        for (column, slot) in self.columns.iter().zip(slots.iter()) {
            fit(column, *slot).map_err(|misfit| misfit.of_field(&column.name))?;
        }
        let id = self.id(slots)?.into_owned();
        Ok(ValidEvent { id, line: on_one_line(object) })
    }

    /// The id as the table will hold it.
    fn id<'a>(&self, slots: &Slots<'a>) -> Result<Cow<'a, str>, Misfit> {
        let column = &self.columns[self.id_place];
        let refuse =
            |reason: &str| Misfit::new(Rule::NoId, reason.to_owned()).of_field(&column.name);
        let Some(raw) = slots[self.id_place] else {
            return Err(refuse("the key is missing, and without it the event has no identity"));
        };
        if !object::is_string(raw) && !object::is_number(raw) {
            return Err(refuse("an id must be a string or a number"));
        }
        fit(column, Some(raw))?;
        let text = value::as_text(raw)?;
        let id = match column.column_type {
            ColumnType::Char(bytes) | ColumnType::Varchar(bytes) => text::as_stored(text, bytes),
            _ => number::canonical_integer(text),
        };
        if id.trim_matches(' ').is_empty() {
            return Err(refuse("an id must not be blank"));
        }
        Ok(id)
    }
}

/// Whether the value under a column's key fits the column.
fn fit(column: &Column, slot: Option<RawValue<'_>>) -> Result<(), Misfit> {
    let refuse_null = |rule: Rule, what: &str| {
        if !column.not_null {
            return Ok(());
        }
        Err(Misfit::new(rule, format!("{what}, and the column is NOT NULL")))
    };
    match slot {
        None => refuse_null(Rule::Missing, "the key is missing"),
        Some("null") => refuse_null(Rule::NotNull, "the value is null"),
        Some(raw) => match value::fit(column.column_type, raw)? {
            value::Loads::Value => Ok(()),
            value::Loads::Null => refuse_null(
                Rule::NotNull,
                &format!("an empty string loads as NULL into {}", column.column_type),
            ),
        },
    }
}

/// Raw line ends cannot stand inside a JSON string, so each one here is a blank between tokens.
fn on_one_line(object: &str) -> Cow<'_, str> {
    const LINE_ENDS: [char; 2] = ['\n', '\r'];
    if object.contains(LINE_ENDS) {
        Cow::Owned(object.replace(LINE_ENDS, " "))
    } else {
        Cow::Borrowed(object)
    }
}

#[cfg(test)]
mod tests;
