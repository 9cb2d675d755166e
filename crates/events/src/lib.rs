//! The event, the table it must fit, and whether it does.
//!
//! - [`schema`] reads the table from `create_table.sql`, the one source of what a valid event is.
//! - [`validate`] says whether COPY with `JSON 'auto' TIMEFORMAT 'auto'` could load a message into
//!   that table, and if not, which field breaks which rule.
//! - [`generate`] makes the prototype's events, good and bad, from a seed.
//!
//! All of it is pure: no I/O, no clock, no randomness but a seed that is passed in. Deliberately
//! unknown here: SQS, S3, Redshift's wire, and how the local Redshift stand-in converts values. That
//! stand-in has its own conversion, so that one misreading of the documentation cannot hide itself.

pub mod event;
pub mod generate;
pub mod schema;
pub mod validate;

pub use generate::{GeneratedMessage, Generator, Kind, Shares};
pub use schema::{Column, ColumnType, SchemaError, Table};
pub use validate::{Refusal, Rule, ValidEvent, Validator, ValidatorError, Verdict};
