//! Changes to a text at given places; everything else stays as it is.

use std::ops::Range;

/// Replacements, gathered in any order.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// Replaces a byte range.
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.edits.push((range, text.into()));
    }

    /// Inserts at a byte offset.
    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// Overwrites a byte range with blanks. Line ends stay, and so do all positions behind it,
    /// which Postgres' error messages refer to.
    pub(super) fn blank(&mut self, sql: &str, range: Range<usize>) {
        let blanks = sql[range.clone()]
            .chars()
            .map(|character| if character == '\n' { '\n' } else { ' ' })
            .collect::<String>();
        self.replace(range, blanks);
    }

    /// The changed text; `None` if nothing changes. An edit inside an earlier one is dropped.
    pub(super) fn apply(mut self, sql: &str) -> Option<String> {
        if self.edits.is_empty() {
            return None;
        }
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut result = String::with_capacity(sql.len() + 64);
        let mut at = 0;
        for (range, text) in self.edits {
            if range.start < at {
                continue;
            }
            result.push_str(&sql[at..range.start]);
            result.push_str(&text);
            at = range.end;
        }
        result.push_str(&sql[at..]);
        Some(result)
    }
}
