//! The relay in front of a real Postgres: one private cluster for all tests, a database per test.

// Clippy takes only functions marked as tests for tests, and not what they call.
#![allow(clippy::unwrap_used)]

mod aliases;
mod aliases_generated;
mod clients;
mod compression;
mod conversions;
mod copy;
mod copy_failures;
mod declared;
mod definitions;
mod dialect;
mod faults;
mod functions;
mod guide_bounds;
mod isolation;
mod lateral;
mod load_tables;
mod lock;
mod operations;
mod pipelines;
mod privacy;
mod procedures;
mod protocol;
mod psql;
mod show;
mod support;
mod system_tables;
mod tls;
mod types;
mod upstream_password;
mod users;
mod varbyte;
mod zone_maps;
