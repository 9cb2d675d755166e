//! The kit: SQS, S3 and Redshift on this machine.
//!
//! [`Stack::in_process`] starts all three inside this process, in front of a private Postgres;
//! [`Endpoints::environment`] is the block of variables a program needs to find them. Knows no
//! program, no event and no table: what it makes on request comes from a settings file.

pub mod certificates;
mod endpoints;
mod error;
mod fault_pages;
mod front_door;
mod in_process;
pub mod postgres;
pub mod provision;
mod standalone;

pub use emulator_core::{clock, faults};
pub use emulator_redshift::Isolation;
pub use endpoints::Endpoints;
pub use error::StackError;
pub use in_process::{InProcess, Stack};
pub use standalone::{Server, Standalone};
