//! What was found, line by line.

use std::fmt;

use serde::Serialize;

use super::settings::Value;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but a human should look.
    Warn,
    /// The pipeline would fail.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub check: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was seen.
    pub text: String,
    /// What the user can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Every key, its value, and where that comes from; secrets as `***`.
    pub settings: Vec<Value>,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    pub(crate) fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.checks.push(Check { check, status: Status::Ok, text: text.into(), hint: None });
    }

    pub(crate) fn warn(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let hint = Some(hint.into());
        self.checks.push(Check { check, status: Status::Warn, text: text.into(), hint });
    }

    pub(crate) fn fail(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let hint = Some(hint.into());
        self.checks.push(Check { check, status: Status::Fail, text: text.into(), hint });
    }

    /// The value, or a failure; one that was told already is not told twice.
    pub(crate) fn accept<T, E>(
        &mut self,
        check: &'static str,
        outcome: Result<T, E>,
        text: impl FnOnce(&E) -> String,
        hint: impl FnOnce(&E) -> String,
    ) -> Option<T> {
        let error = match outcome {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let text = text(&error);
        if !self.checks.iter().any(|it| it.text == text) {
            self.fail(check, text, hint(&error));
        }
        None
    }

    /// Whether the pipeline can start.
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.status != Status::Fail)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for value in &self.settings {
            writeln!(formatter, "     {value}")?;
        }
        for Check { check, status, text, hint } in &self.checks {
            let status = match status {
                Status::Ok => "ok",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
            };
            writeln!(formatter, "{status:<4} {check}: {text}")?;
            if let Some(hint) = hint {
                writeln!(formatter, "     hint: {hint}")?;
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        let (ok, warn, fail) = (count(Status::Ok), count(Status::Warn), count(Status::Fail));
        write!(formatter, "{ok} ok, {warn} to look at, {fail} failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_line_by_line_and_fails_by_its_failures_only() {
        let mut report = Report::default();
        report.ok("queue", "events is there");
        report.warn("dead-letter queue", "there is none", "run-pipeline provision");
        assert!(report.is_ok());
        report.fail("bucket", "there is no bucket lake", "run-pipeline provision makes it");
        let again: Result<(), &str> = Err("there is no bucket lake");
        assert_eq!(report.accept("bucket", again, |it| (*it).to_owned(), |_| String::new()), None);
        assert!(!report.is_ok());
        insta::assert_snapshot!(report, @r"
        ok   queue: events is there
        warn dead-letter queue: there is none
             hint: run-pipeline provision
        FAIL bucket: there is no bucket lake
             hint: run-pipeline provision makes it
        1 ok, 1 to look at, 1 failed
        ");
    }
}
