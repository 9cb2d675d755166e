//! All programs of the pipeline in one process, for a laptop or a single container.
//!
//! - [`flags`] is what the user says; every part gets the flags that it has too.
//! - [`parts`] makes each program's own configuration of them: nothing is resolved twice.
//! - [`supervise`] starts a part that failed again, and decides when that is no use.
//! - [`provision`] makes what the parts stand on, and [`doctor`] says what is wrong with it.
//! - [`run`] starts everything, and ends it in order: generator, consumers, upload, charts.
//!
//! Deliberately unknown here: what the parts do. They are called through the same functions as
//! their own programs call.

pub mod doctor;
pub mod flags;
pub mod parts;
pub mod provision;
pub mod resources;
mod results;
pub mod run;
pub mod supervise;

pub use flags::Args;
pub use run::run;
