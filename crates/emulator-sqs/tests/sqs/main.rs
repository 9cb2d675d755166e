//! The emulator as clients see it: the real AWS SDK, or plain HTTP, against a real socket.

// clippy.toml allows unwrap in tests, but that does not reach the functions beside them.
#![allow(clippy::unwrap_used)]

mod attributes;
mod batches;
mod dead_letters;
mod long_polls;
mod messages;
mod queues;
mod server;
mod wire;
