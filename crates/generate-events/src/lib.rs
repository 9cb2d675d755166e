//! Sends events to SQS: random ones as the 2019 prototype makes them, or those of a file.
//!
//! [`run`] is the whole program; `main` only reads flags and prints the result. What is sent is
//! decided by [`source`], when by [`pace`], how by [`send`]; what SQS confirmed is kept by
//! [`record`]. Knows no table, no bucket and no warehouse.

pub mod config;
pub mod error;
mod figures;
pub mod pace;
mod progress;
mod record;
mod run;
pub mod send;
pub mod source;

pub use config::{Args, Config};
pub use error::{GenerateError, hinted};
pub use run::{Summary, run, run_with};
