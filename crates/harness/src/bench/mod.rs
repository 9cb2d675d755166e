//! How fast the kit and the programs are, measured on their release builds as processes.
//!
//! Figures only: nothing here passes or fails. Whoever compares figures compares those of one run,
//! since machines differ and neighbours come and go.

pub mod copy;
mod copy_memory;
mod kit;
pub mod pipeline;
mod report;
mod rows;

pub use report::{CopyReport, Measurement, Memory};
