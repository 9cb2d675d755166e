//! The file of repaired messages: what is sent instead of which dead letter.
//!
//! Read and checked as a whole before anything is sent: what the table still could not take would
//! only come back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use events::{Validator, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::letter::DeadLetter;

/// How many lines an error names.
const NAMED_MAX: usize = 10;

/// Why a file of repaired messages cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepairError {
    /// It cannot be read.
    #[error("file {} cannot be read", path.display())]
    Unreadable {
        /// As it was named.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Some of its lines are no repaired messages.
    #[error("file {} is not sent, {count} lines are wrong: {problems}", path.display())]
    Bad {
        /// As it was named.
        path: PathBuf,
        /// How many.
        count: usize,
        /// The first of them, each with its line number.
        problems: String,
    },
}

impl RepairError {
    /// What the user can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name the file of repaired messages: --file FILE",
            Self::Bad { .. } => "repair these lines too, or leave them out",
        }
    }
}

/// A line as `show --output json` prints it; what else it says is not heeded.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    message_id: Option<String>,
    original_message_id: Option<String>,
    event_id: Option<String>,
}

/// A repaired message.
#[derive(Debug)]
pub(crate) struct Repaired {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) body: String,
    /// Whether SQS has confirmed it.
    pub(crate) is_sent: bool,
    /// Whether it has found a dead letter.
    pub(crate) is_matched: bool,
}

/// By what a dead letter is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Message,
    Original,
    Event,
}

/// All of a file.
#[derive(Debug)]
pub(crate) struct Repairs {
    pub(crate) all: Vec<Repaired>,
    index: HashMap<(Name, String), usize>,
}

impl Repairs {
    pub(crate) fn read(path: &Path, validator: &Validator) -> Result<Self, RepairError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RepairError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, validator).map_err(|problems| RepairError::Bad {
            path: path.to_owned(),
            count: problems.len(),
            problems: problems.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join("; "),
        })
    }

    fn parse(text: &str, validator: &Validator) -> Result<Self, Vec<String>> {
        let mut repairs = Self { all: Vec::new(), index: HashMap::new() };
        let mut problems = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 1;
            if let Err(problem) = repairs.add(number, line, validator) {
                problems.push(format!("line {number}: {problem}"));
            }
        }
        if problems.is_empty() { Ok(repairs) } else { Err(problems) }
    }

    fn add(&mut self, number: usize, text: &str, validator: &Validator) -> Result<(), String> {
        let line: Line<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let named = [
            (Name::Message, line.message_id),
            (Name::Original, line.original_message_id),
            (Name::Event, line.event_id),
        ];
        let mut names: Vec<(Name, String)> =
            named.into_iter().filter_map(|(name, id)| Some((name, id?))).collect();
        let body = match line.body {
            Some(raw) if !names.is_empty() => match serde_json::from_str::<String>(raw.get()) {
                Ok(text) => text,
                Err(_) => raw.get().to_owned(),
            },
            // The event itself.
            _ => {
                names.clear();
                text.trim().to_owned()
            }
        };
        match validator.validate(&body) {
            Verdict::Valid(event) if names.is_empty() => {
                names.push((Name::Event, event.id.to_string()));
            }
            Verdict::Valid(_) => {}
            Verdict::Refused(refusal) => return Err(refusal.reason),
        }
        // The first name is the most telling one; the others may stand for several dead letters.
        for (rank, name) in names.into_iter().enumerate() {
            let first = *self.index.entry(name).or_insert(self.all.len());
            if rank == 0 && first < self.all.len() {
                let before = self.all[first].line;
                return Err(format!("repairs the same message as line {before}"));
            }
        }
        self.all.push(Repaired { line: number, body, is_sent: false, is_matched: false });
        Ok(())
    }

    /// Which of [`Repairs::all`] stands for this dead letter.
    pub(crate) fn find(&self, letter: &DeadLetter) -> Option<usize> {
        let named = [
            (Name::Message, Some(letter.message_id.as_str())),
            (Name::Original, letter.original_message_id()),
            (Name::Event, letter.event_id()),
        ];
        named.into_iter().find_map(|(name, id)| self.index.get(&(name, id?.to_owned())).copied())
    }

    /// The lines that have found no dead letter.
    pub(crate) fn unmatched(&self) -> Vec<usize> {
        self.all.iter().filter(|it| !it.is_matched).map(|it| it.line).collect()
    }
}

/// Line numbers for people, not too many.
pub(crate) fn named(lines: &[usize]) -> String {
    let mut text: Vec<String> = lines.iter().take(NAMED_MAX).map(usize::to_string).collect();
    if NAMED_MAX < lines.len() {
        text.push("…".to_owned());
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use events::Table;

    use super::*;

    fn validator() -> Validator {
        let table = Table::parse("CREATE TABLE t (id VARCHAR(36) NOT NULL, count INTEGER)");
        Validator::new(table.expect("a table"), "id").expect("it has an id")
    }

    #[test]
    fn a_line_is_what_show_prints_or_the_event_itself() {
        for (line, body, name) in [
            (r#"{"message_id":"m","body":"{\"id\":\"a\"}"}"#, r#"{"id":"a"}"#, Name::Message),
            (r#"{"original_message_id":"o","body":{"id": "a"}}"#, r#"{"id": "a"}"#, Name::Original),
            (r#"{"event_id":"a","body":{"id":"a"},"more":1}"#, r#"{"id":"a"}"#, Name::Event),
            (r#" {"id":"a","count":7} "#, r#"{"id":"a","count":7}"#, Name::Event),
            (r#"{"id":"a","body":"a key of the event"}"#, "", Name::Event),
        ] {
            let repairs = Repairs::parse(line, &validator()).expect(line);
            let body = if body.is_empty() { line } else { body };
            assert_eq!(repairs.all[0].body, body, "{line}");
            assert!(repairs.index.keys().any(|(known, _)| *known == name), "{line}");
        }
    }

    #[test]
    fn what_is_still_wrong_is_named_by_its_line() {
        let text = "\n{\"id\":\"a\",\"count\":\"x\"}\nnonsense\n{\"id\":\"b\"}\n{\"id\":\"b\"}\n";
        let problems = Repairs::parse(text, &validator()).expect_err("three lines are wrong");
        let lines: Vec<&str> = problems.iter().map(|it| &it[..7]).collect();
        assert_eq!(lines, ["line 2:", "line 3:", "line 5:"], "{problems:?}");
        assert!(problems[2].ends_with("as line 4"), "{problems:?}");
    }
}
