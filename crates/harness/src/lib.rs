//! Runs and kills the real programs against a stack, then compares what was sent with what
//! arrived.
//!
//! The programs are processes that know only endpoints and credentials; nothing here reaches
//! into them. A scenario passes if every valid event is in the table exactly once, every
//! malformed one is in the dead-letter queue with its reason, and nothing else is anywhere.

mod aws_account;
pub mod bench;
pub mod binaries;
pub mod ci;
pub mod conform;
pub mod content;
pub mod ground;
pub mod ledger;
pub mod log_check;
pub mod pipeline;
pub mod probe;
pub mod report;
pub mod scenarios;
