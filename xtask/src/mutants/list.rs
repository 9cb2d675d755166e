//! The mutants: each takes one safeguard out of a program, and names the scenario that must notice,
//! and what it must say: a scenario that fails for another reason has noticed nothing.

mod consumer;
mod others;
mod upload;

use harness::binaries::PACKAGES;
use harness::report::{ScenarioReport, Status};

/// A deliberate fault in a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    /// From the root of the workspace; its crate is the program that is built anew.
    pub(crate) file: &'static str,
    /// Texts, each of which stands in the file exactly once, and what comes in their places.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    /// The scenario that must fail.
    pub(crate) scenario: &'static str,
    /// One of the differences that the scenario reports must have all of these texts.
    pub(crate) caught_by: &'static [&'static str],
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its scenario failed and said what was expected.
    Caught,
    /// Its scenario failed, and said something else: nobody knows whether it would have noticed.
    FailedOtherwise,
    /// Its scenario passed.
    Lived,
    /// It does not compile, so that nothing ran.
    NotBuilt,
}

impl Verdict {
    /// As it stands in the table.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::FailedOtherwise => "FAILED OTHERWISE",
            Self::Lived => "LIVED",
            Self::NotBuilt => "NOT BUILT",
        }
    }
}

/// All mutants, those of one program together: then each build changes one program only.
pub(crate) fn mutants() -> Vec<Mutant> {
    [consumer::MUTANTS, upload::MUTANTS, others::MUTANTS].concat()
}

impl Mutant {
    /// The package it changes.
    pub(crate) fn package(&self) -> &'static str {
        self.file.split('/').nth(1).unwrap_or_default()
    }

    /// The program whose sources it changes; none if it is a library of several.
    pub(crate) fn program(&self) -> Option<&'static str> {
        PACKAGES.into_iter().find(|package| *package == self.package())
    }

    /// The file's text with the edits; an error names the text that is not there exactly once.
    pub(crate) fn apply(&self, text: &str) -> anyhow::Result<String> {
        let mut mutated = text.to_owned();
        for (original, replacement) in self.edits {
            let count = mutated.matches(original).count();
            anyhow::ensure!(
                count == 1,
                "{} has {count} times, instead of once: {original}",
                self.file
            );
            mutated = mutated.replacen(original, replacement, 1);
        }
        Ok(mutated)
    }

    /// What became of it, by the report of its scenario, and the difference that tells so.
    pub(crate) fn judge<'a>(&self, report: &'a ScenarioReport) -> (Verdict, &'a str) {
        let is_expected = |it: &&String| self.caught_by.iter().all(|text| it.contains(text));
        let first = report.differences.first().map_or("", String::as_str);
        match (report.status, report.differences.iter().find(is_expected)) {
            (Status::Failed, Some(expected)) => (Verdict::Caught, expected),
            (Status::Failed, None) => (Verdict::FailedOtherwise, first),
            (Status::Passed | Status::Skipped, _) => (Verdict::Lived, first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_caught_by_what_was_expected_and_by_nothing_else() {
        let mutant = Mutant {
            name: "m",
            file: "crates/upload-data/src/load.rs",
            edits: &[],
            scenario: "s",
            caught_by: &["2 times", "event"],
        };
        for (status, differences, expected) in [
            (Status::Failed, &["event A is there 2 times"][..], Verdict::Caught),
            (Status::Failed, &["no postgres", "event A is there 2 times"], Verdict::Caught),
            (Status::Failed, &["event A is lost", "2 times"], Verdict::FailedOtherwise),
            (Status::Failed, &[], Verdict::FailedOtherwise),
            (Status::Passed, &[], Verdict::Lived),
            (Status::Skipped, &[], Verdict::Lived),
        ] {
            let mut report = ScenarioReport::new("s", 7, "runs".into());
            report.status = status;
            report.differences = differences.iter().map(ToString::to_string).collect();
            assert_eq!(mutant.judge(&report).0, expected, "{differences:?}");
        }
        assert_eq!(mutant.program(), Some("upload-data"));
    }
}
