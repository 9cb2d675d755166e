//! Settings that may come from the environment but not from the command line.
//!
//! A command line is readable by every user of the machine, so secrets have no flags and `clap`,
//! which otherwise is the only reader of the environment, cannot see them.

use super::keys::Key;

/// The environment's value for `key`; a blank one counts as not given.
#[expect(clippy::disallowed_methods, reason = "the one place besides clap; see the module doc")]
pub(crate) fn value(key: &Key) -> Option<String> {
    std::env::var(key.environment()).ok().filter(|value| !value.is_empty())
}
