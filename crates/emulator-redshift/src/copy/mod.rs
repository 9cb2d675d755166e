//! COPY from S3: parsed, fetched, decoded, converted and checked as Redshift does it.
//!
//! Knows neither the client's wire nor Postgres: it takes a statement, a table and an S3 client,
//! and gives rows in Postgres' COPY text format, or the errors that Redshift would have reported.
//! Marks like "§10" in comments are sections of our notes on COPY (`redshift-copy.md`); `[?]` marks
//! what the Developer Guide leaves open, where the choice is ours.

pub mod authorization;
mod columnar;
mod convert;
mod decode;
pub(crate) mod emulated;
pub mod failure;
mod fetch;
#[cfg(test)]
mod fuzz;
mod jsonpaths;
pub mod load;
mod manifest;
pub mod options;
pub mod rejects;
mod rows;
pub mod statement;
pub mod target;
mod tokens;
