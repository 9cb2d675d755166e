//! The laws of the architecture as tests: who may depend on whom, how large a file may be, what
//! a module may not be called, and whether the code map tells the truth.

mod code_map;
mod dependencies;
mod files;
