//! Which dead letters are meant.

use super::args::Selection;
use super::letter::DeadLetter;

impl Selection {
    /// Whether no choice was made: all are meant.
    pub(crate) fn is_all(&self) -> bool {
        self.code.is_empty() && self.id.is_empty()
    }

    /// Whether this one is meant: it has one of the codes, if any are given, and one of the ids, if
    /// any are given.
    pub(crate) fn takes(&self, letter: &DeadLetter) -> bool {
        let by_code = self.code.is_empty() || self.code.iter().any(|code| code == letter.code());
        let by_id = self.id.is_empty() || self.id.iter().any(|id| letter.is_called(id));
        by_code && by_id
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codes = self.code.iter().map(|code| format!("code {code}"));
        let ids = self.id.iter().map(|id| format!("id {id}"));
        let all: Vec<String> = codes.chain(ids).collect();
        formatter.write_str(&all.join(", "))
    }
}
