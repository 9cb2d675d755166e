//! What the batch operations share: the rules for entries, and answers by entry.
//!
//! Pages: API Reference, SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::SqsError;
use crate::limits;

/// The answer to a batch: 200 even if every entry failed. Empty lists are left out, as by AWS.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchAnswer<'a, T> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) successful: Vec<T>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) failed: Vec<FailedEntry<'a>>,
}

impl<T> Default for BatchAnswer<'_, T> {
    fn default() -> Self {
        Self { successful: Vec::with_capacity(limits::BATCH_ENTRIES_MAX), failed: Vec::new() }
    }
}

/// An entry that succeeded and has nothing else to say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DoneEntry<'a> {
    pub(crate) id: Cow<'a, str>,
}

/// An entry that failed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FailedEntry<'a> {
    id: Cow<'a, str>,
    code: &'static str,
    message: String,
    sender_fault: bool,
}

impl<'a, T> BatchAnswer<'a, T> {
    /// Notes how one entry ended.
    pub(crate) fn fail(&mut self, id: Cow<'a, str>, error: &SqsError) {
        let (code, message) = (error.code().query, error.to_string());
        self.failed.push(FailedEntry { id, code, message, sender_fault: true });
    }
}

/// Refuses a batch as a whole: too few or many entries, bad or repeated ids. `entry` is AWS's name
/// of an entry of this batch.
pub(crate) fn check_ids(ids: &[&str], entry: &'static str) -> Result<(), SqsError> {
    if ids.is_empty() {
        return Err(SqsError::EmptyBatchRequest { entry });
    }
    if limits::BATCH_ENTRIES_MAX < ids.len() {
        return Err(SqsError::TooManyEntriesInBatchRequest { sent: ids.len() });
    }
    let is_legal = |id: &str| {
        (1..=limits::BATCH_ENTRY_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !ids.iter().all(|id| is_legal(id)) {
        return Err(SqsError::InvalidBatchEntryId);
    }
    for (index, id) in ids.iter().enumerate() {
        if ids[..index].contains(id) {
            return Err(SqsError::BatchEntryIdsNotDistinct { id: (*id).to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ids: &[&str], expected: Result<(), SqsError>) {
        assert_eq!(expected, check_ids(ids, "Entry"), "{ids:?}");
    }

    #[test]
    fn a_batch_has_one_to_ten_entries_with_distinct_legal_ids() {
        let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let (long, too_long) = ("i".repeat(80), "i".repeat(81));
        check(&ten, Ok(()));
        check(&["a-Z_9", &long], Ok(()));
        check(&[], Err(SqsError::EmptyBatchRequest { entry: "Entry" }));
        let eleven = [&ten[..], &["10"]].concat();
        check(&eleven, Err(SqsError::TooManyEntriesInBatchRequest { sent: 11 }));
        let repeated = SqsError::BatchEntryIdsNotDistinct { id: "a".to_owned() };
        check(&["a", "b", "a"], Err(repeated));
        for illegal in ["", "a b", "ä", "a.b", &too_long] {
            check(&["a", illegal], Err(SqsError::InvalidBatchEntryId));
        }
    }
}
