//! What is sent: random events, or the messages of a file.

use std::path::Path;
use std::time::Duration;

use events::{Generator, Kind};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::config::Input;
use crate::error::GenerateError;

/// A message that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What the record calls it: the event's id, or the message's name in the file.
    pub id: String,
    /// What kind of message it is, in the record's words.
    pub kind: &'static str,
    /// What the summary counts it as.
    pub class: Class,
    /// The message's body.
    pub body: String,
}

/// What the summary tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A good new event.
    Good,
    /// A message that the table cannot take.
    Malformed,
    /// A good event once more.
    Duplicate,
    /// A good event that happened long ago.
    Late,
}

/// Hands out one message after the other.
#[derive(Debug)]
pub enum Source {
    /// Random events.
    Random(Box<RandomEvents>),
    /// The messages of a file, in its order.
    File(std::vec::IntoIter<Outgoing>),
}

/// Random events, perhaps at times of their own.
#[derive(Debug)]
pub struct RandomEvents {
    generator: Generator,
    pretended_start: Option<OffsetDateTime>,
    /// How many are left; `None`: without end.
    left: Option<u64>,
}

/// One line of a file of messages. Keys for people (`why`, …) are passed over.
#[derive(Deserialize)]
struct Line {
    name: String,
    verdict: Verdict,
    body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Loaded,
    Duplicate,
    DeadLetter,
}

impl Source {
    /// Makes `input` ready: reads and checks the file, if it is one. `seed` and `now` serve where
    /// `input` names none.
    ///
    /// # Errors
    /// If the file cannot be read or is not what it should be.
    pub fn open(input: &Input, seed: u64, now: OffsetDateTime) -> Result<Source, GenerateError> {
        match input {
            Input::Random { start, shares, count, .. } => {
                let generator = Generator::new(seed, start.unwrap_or(now), *shares);
                let events = RandomEvents { generator, pretended_start: *start, left: *count };
                Ok(Source::Random(Box::new(events)))
            }
            Input::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| GenerateError::Messages { path: path.clone(), source })?;
                Ok(Source::File(parse(path, &text)?.into_iter()))
            }
        }
    }

    /// How many messages are left; `None`: without end.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::Random(events) => events.left,
            Self::File(messages) => Some(messages.len() as u64),
        }
    }

    /// The next message. `due` is its place in the schedule, `now` the time.
    pub fn next(&mut self, due: Duration, now: OffsetDateTime) -> Option<Outgoing> {
        match self {
            Self::Random(events) => events.next(due, now),
            Self::File(messages) => messages.next(),
        }
    }
}

impl RandomEvents {
    fn next(&mut self, due: Duration, now: OffsetDateTime) -> Option<Outgoing> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        // A schedule beyond the end of the calendar stays at its start.
        let happens = match self.pretended_start {
            Some(start) => time::Duration::try_from(due)
                .ok()
                .and_then(|due| start.checked_add(due))
                .unwrap_or(start),
            None => now,
        };
        let message = self.generator.next_at(happens);
        let class = match message.kind {
            Kind::Valid => Class::Good,
            Kind::Late => Class::Late,
            Kind::Duplicate => Class::Duplicate,
            _ => Class::Malformed,
        };
        let kind = message.kind.as_str();
        Some(Outgoing { id: message.id, kind, class, body: message.body })
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Outgoing>, GenerateError> {
    let mut messages = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let Line { name, verdict, body } = serde_json::from_str(line).map_err(|source| {
            GenerateError::MessageLine { path: path.to_owned(), line: index + 1, source }
        })?;
        let (kind, class) = match verdict {
            Verdict::Loaded => ("loaded", Class::Good),
            Verdict::Duplicate => ("duplicate", Class::Duplicate),
            Verdict::DeadLetter => ("dead-letter", Class::Malformed),
        };
        messages.push(Outgoing { id: name, kind, class, body });
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use events::Shares;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-02 03:04:05 UTC);

    fn random(start: Option<OffsetDateTime>, count: Option<u64>) -> Source {
        let shares = Shares { malformed: 0.2, duplicate: 0.2, late: 0.2 };
        Source::open(&Input::Random { seed: None, start, shares, count }, 7, NOW).unwrap()
    }

    #[test]
    fn the_count_is_kept() {
        let mut source = random(None, Some(3));
        let messages: Vec<_> = std::iter::from_fn(|| source.next(Duration::ZERO, NOW)).collect();
        assert_eq!((messages.len(), source.left()), (3, Some(0)));
        assert_eq!(random(None, None).left(), None);
    }

    #[test]
    fn a_pretended_start_makes_the_bodies_independent_of_the_clock() {
        let start = Some(datetime!(2019-02-11 05:09:12 UTC));
        let bodies = |now: OffsetDateTime| {
            let mut source = random(start, Some(200));
            (0..200).filter_map(|i| source.next(Duration::from_millis(i * 37), now)).collect()
        };
        let first: Vec<Outgoing> = bodies(NOW);
        assert_eq!(first, bodies(NOW + time::Duration::days(9)));
        assert!(first[0].body.contains("2019-02-"));
        let mut source = random(start, None);
        assert!(source.next(Duration::MAX, NOW).is_some(), "beyond the calendar");
    }

    #[test]
    fn a_file_s_messages_come_in_their_order_with_their_verdicts() {
        let text = concat!(
            r#"{"name": "a", "verdict": "loaded", "why": "good", "id": "1", "body": "{}"}"#,
            "\n\n",
            r#"{"name": "b", "verdict": "dead-letter", "rule": "not-json", "body": "x"}"#,
            "\n",
            r#"{"name": "c", "verdict": "duplicate", "body": "{}"}"#,
        );
        let messages = parse(Path::new("day.ndjson"), text).unwrap();
        let facts: Vec<_> =
            messages.iter().map(|m| (m.id.as_str(), m.kind, m.class, m.body.as_str())).collect();
        assert_eq!(
            facts,
            [
                ("a", "loaded", Class::Good, "{}"),
                ("b", "dead-letter", Class::Malformed, "x"),
                ("c", "duplicate", Class::Duplicate, "{}"),
            ]
        );
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = parse(Path::new("day.ndjson"), "\n{\"name\": \"a\"}").unwrap_err();
        let text = "day.ndjson, line 2: not a message with name, verdict and body";
        assert_eq!(error.to_string(), text);
        let nowhere = Input::File("/nonexistent/day.ndjson".into());
        let error = Source::open(&nowhere, 7, NOW).unwrap_err();
        assert_eq!(error.to_string(), "read messages from /nonexistent/day.ndjson");
    }
}
