//! Settings: flag > environment > `settings.ini` > default, and secrets that never print.
//!
//! `clap` resolves flag and environment; [`SettingsFile`] holds the checked file; the groups in
//! [`args`] put the two together, so that each program shows only the flags it heeds.

pub mod args;
mod environment;
mod error;
mod file;
pub mod keys;
mod profile;
mod redshift;
mod secret;

pub use args::{AwsArgs, BucketArgs, EventsArgs, QueueArgs, SettingsArgs};
pub use args::{AwsSettings, BucketSettings, EventsSettings, QueueSettings};
pub use environment::value as environment_value;
pub use environment::{parse_args, parse_args_and_matches, parse_args_from, parse_args_of};
pub use error::SettingsError;
pub use file::SettingsFile;
pub use keys::{Key, Section};
pub use redshift::{
    CopyArgs, CreateTableArgs, EventColumnArgs, IdColumnArgs, RedshiftArgs, RedshiftSettings,
    SslMode, TableArgs, TableNameArgs, TableSettings, TimeColumnArgs,
};
pub use secret::{Secret, without_user};
