//! What every emulator shares: the HTTP server in front of it, the clock inside it, and the faults
//! that can be put between the two.
//!
//! Knows no AWS service's inside, and none of our programs; of SQS and S3 only how a request names
//! its operation.

pub mod clock;
pub mod faults;
pub mod serve;
