//! How fast the kit is, measured on its release build as a process of its own.
//!
//! Figures only: nothing here passes or fails. Whoever compares figures compares those of one run,
//! since machines differ and neighbours come and go.

pub mod copy;
mod kit;
mod report;
mod rows;

pub use report::{CopyReport, Measurement, Memory};
