//! What every emulator shares: the HTTP server in front of it and the clock inside it.
//!
//! Knows no AWS service, no protocol above HTTP and none of our programs.

pub mod clock;
pub mod serve;
