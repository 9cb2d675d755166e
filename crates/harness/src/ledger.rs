//! What was sent, what arrived, and every difference between the two.
//!
//! Pure: the probe collects, this compares.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// One message that SQS has accepted, as `generate-events --record` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SentMessage {
    /// The event's id.
    pub id: String,
    /// SQS's id of the message.
    pub message_id: String,
    /// What kind of message it is.
    pub kind: String,
}

/// What shall become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A row with this id; several messages may share it.
    Loaded {
        /// The event's id.
        id: String,
    },
    /// A dead letter; with this rule, if it is known beforehand.
    DeadLettered {
        /// The code of the rule it breaks.
        rule: Option<String>,
    },
}

/// One message of the dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// SQS's id of the message it is a copy of.
    pub original_message_id: String,
    /// The code of the rule it breaks.
    pub code: String,
    /// Why the table cannot take it, in words.
    pub reason: String,
}

/// Everything that was found after a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Rows of the table per id.
    pub rows: BTreeMap<String, u64>,
    /// The dead-letter queue.
    pub dead_letters: Vec<DeadLetter>,
    /// Messages still in the queue, visible or not.
    pub messages_left: u64,
    /// Objects still waiting to be loaded.
    pub objects_left: Vec<String>,
}

/// The figures of a comparison that found no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Messages SQS accepted.
    pub events_sent: u64,
    /// Rows in the table.
    pub rows_loaded: u64,
    /// Different messages in the dead-letter queue.
    pub dead_lettered: u64,
    /// Valid messages that shared their id with an earlier one.
    pub duplicates_absorbed: u64,
}

/// Compares; the second part names every difference, and is empty if all is well.
pub fn compare(sent: &[(String, Fate)], arrived: &Arrived) -> (Figures, Vec<String>) {
    let mut differences = Vec::new();
    let mut valid_messages = 0;
    let mut valid_ids = BTreeSet::new();
    let mut malformed = BTreeMap::new();
    for (message_id, fate) in sent {
        match fate {
            Fate::Loaded { id } => {
                valid_messages += 1;
                valid_ids.insert(id.as_str());
            }
            Fate::DeadLettered { rule } => {
                malformed.insert(message_id.as_str(), rule.as_deref());
            }
        }
    }
    compare_rows(&valid_ids, &arrived.rows, &mut differences);
    compare_dead_letters(&malformed, &arrived.dead_letters, &mut differences);
    if arrived.messages_left != 0 {
        differences.push(format!("{} messages are still in the queue", arrived.messages_left));
    }
    for key in &arrived.objects_left {
        differences.push(format!("object {key} was not loaded and archived"));
    }
    let dead: BTreeSet<_> =
        arrived.dead_letters.iter().map(|letter| &letter.original_message_id).collect();
    let figures = Figures {
        events_sent: sent.len() as u64,
        rows_loaded: arrived.rows.values().sum(),
        dead_lettered: dead.len() as u64,
        duplicates_absorbed: valid_messages - valid_ids.len() as u64,
    };
    (figures, differences)
}

fn compare_rows(
    valid_ids: &BTreeSet<&str>,
    rows: &BTreeMap<String, u64>,
    differences: &mut Vec<String>,
) {
    for id in valid_ids {
        match rows.get(*id) {
            Some(1) => {}
            Some(count) => differences.push(format!("event {id} is in the table {count} times")),
            None => differences.push(format!("event {id} was sent and is not in the table")),
        }
    }
    for id in rows.keys().filter(|id| !valid_ids.contains(id.as_str())) {
        differences.push(format!("event {id} is in the table and was not sent as a valid one"));
    }
}

fn compare_dead_letters(
    malformed: &BTreeMap<&str, Option<&str>>,
    dead_letters: &[DeadLetter],
    differences: &mut Vec<String>,
) {
    // As a set: sending a dead letter and deleting its original is not atomic, so a killed
    // consumer may leave two copies.
    let mut found = BTreeSet::new();
    for letter in dead_letters {
        let id = letter.original_message_id.as_str();
        found.insert(id);
        match malformed.get(id) {
            None => differences.push(format!(
                "message {id} was dead-lettered and is not malformed: {}",
                letter.reason
            )),
            Some(Some(rule)) if *rule != letter.code => differences.push(format!(
                "message {id} was dead-lettered as {} instead of {rule}: {}",
                letter.code, letter.reason
            )),
            Some(_) if letter.reason.trim().is_empty() || letter.code.is_empty() => {
                differences.push(format!("message {id} was dead-lettered without a reason"));
            }
            Some(_) => {}
        }
    }
    for id in malformed.keys().filter(|id| !found.contains(*id)) {
        differences.push(format!("malformed message {id} is not in the dead-letter queue"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(message_id: &str, id: &str) -> (String, Fate) {
        (message_id.to_owned(), Fate::Loaded { id: id.to_owned() })
    }

    fn dead(message_id: &str, rule: Option<&str>) -> (String, Fate) {
        (message_id.to_owned(), Fate::DeadLettered { rule: rule.map(str::to_owned) })
    }

    fn letter(message_id: &str, code: &str, reason: &str) -> DeadLetter {
        DeadLetter {
            original_message_id: message_id.to_owned(),
            code: code.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn rows(rows: &[(&str, u64)]) -> BTreeMap<String, u64> {
        rows.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect()
    }

    #[test]
    fn a_complete_run_has_no_differences_and_counts_absorbed_duplicates() {
        let sent = [loaded("m1", "a"), loaded("m2", "a"), loaded("m3", "b"), dead("m4", None)];
        let arrived = Arrived {
            rows: rows(&[("a", 1), ("b", 1)]),
            // Twice the same: allowed.
            dead_letters: vec![letter("m4", "not-json", "why"), letter("m4", "not-json", "why")],
            ..Arrived::default()
        };
        let (figures, differences) = compare(&sent, &arrived);
        assert_eq!(differences, Vec::<String>::new());
        let expected =
            Figures { events_sent: 4, rows_loaded: 2, dead_lettered: 1, duplicates_absorbed: 1 };
        assert_eq!(figures, expected);
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let sent = [
            loaded("m1", "lost"),
            loaded("m2", "twice"),
            dead("m3", None),
            dead("m4", Some("integer")),
            dead("m5", None),
        ];
        let arrived = Arrived {
            rows: rows(&[("twice", 2), ("unknown", 1)]),
            dead_letters: vec![
                letter("m1", "missing", "id"),
                letter("m4", "boolean", "x"),
                letter("m5", "", ""),
            ],
            messages_left: 2,
            objects_left: vec!["events/x".to_owned()],
        };
        let (_, differences) = compare(&sent, &arrived);
        insta::assert_snapshot!(differences.join("\n"), @r"
        event lost was sent and is not in the table
        event twice is in the table 2 times
        event unknown is in the table and was not sent as a valid one
        message m1 was dead-lettered and is not malformed: id
        message m4 was dead-lettered as boolean instead of integer: x
        message m5 was dead-lettered without a reason
        malformed message m3 is not in the dead-letter queue
        2 messages are still in the queue
        object events/x was not loaded and archived
        ");
    }
}
