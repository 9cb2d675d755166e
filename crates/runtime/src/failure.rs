//! How a program says that it failed: one line, and a `hint:` when we know the cure.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::settings::SettingsError;

/// An error together with what the user can do about it.
///
/// Displays as the error alone; [`report`] prints the hint on a line of its own.
#[derive(Debug)]
pub struct Hinted {
    source: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // This error displays as its source, so the chain goes on below that.
        self.source.source()
    }
}

/// Adds a hint to a failure.
pub trait WithHint<T> {
    /// Says what the user can do, in a sentence without a final stop.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> WithHint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| anyhow::Error::new(Hinted { source: error.into(), hint: hint.into() }))
    }
}

/// The outermost hint of a failure; settings bring their own.
pub fn hint(error: &anyhow::Error) -> Option<&str> {
    error.chain().find_map(|cause| match cause.downcast_ref::<Hinted>() {
        Some(hinted) => Some(hinted.hint.as_str()),
        None => cause.downcast_ref::<SettingsError>().and_then(SettingsError::hint),
    })
}

/// What `main` returns: prints a failure to stderr and turns it into exit code 1.
pub fn report(program: &str, outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let mut text = format!("{program} failed: {error:#}\n");
    if let Some(hint) = hint(&error) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Nothing can be said if stderr is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_hint_survives_context_and_stays_out_of_the_message() {
        let refused: Result<(), _> = Err(std::io::Error::other("connection refused"));
        let error = refused
            .context("connect")
            .hint("is the cluster up?")
            .context("load")
            .expect_err("an error");
        assert_eq!(format!("{error:#}"), "load: connect: connection refused");
        assert_eq!(hint(&error), Some("is the cluster up?"));
    }
}
