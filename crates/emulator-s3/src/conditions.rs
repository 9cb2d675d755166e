//! Conditional requests.
//!
//! User Guide, "Conditional requests"; API Reference, "GetObject" and "CopyObject" for what
//! happens when two conditions meet (as RFC 9110, section 13.2.2, has it). Times are Unix seconds,
//! since HTTP dates are.

use s3s::dto::ETagCondition;

use crate::error::Refusal;

const IF_MATCH: &str = "If-Match";
const IF_NONE_MATCH: &str = "If-None-Match";

/// What a reader (get, head, or the source of a copy) demands of the object.
#[derive(Debug, Default)]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since_s: Option<i64>,
    pub(crate) if_unmodified_since_s: Option<i64>,
}

/// What becomes of a conditional read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    /// The reader has it already; the header that says so.
    Unchanged(&'static str),
    /// It is not what the reader wanted; the header that says so.
    Failed(&'static str),
}

impl ReadConditions {
    pub(crate) fn judge(&self, etag: &str, modified_s: i64) -> Verdict {
        let (wanted, header) = match (&self.if_match, self.if_unmodified_since_s) {
            (Some(condition), _) => (names(condition, etag), IF_MATCH),
            (None, Some(since_s)) => (modified_s <= since_s, "If-Unmodified-Since"),
            (None, None) => (true, ""),
        };
        if !wanted {
            return Verdict::Failed(header);
        }
        let (news, header) = match (&self.if_none_match, self.if_modified_since_s) {
            (Some(condition), _) => (!names(condition, etag), IF_NONE_MATCH),
            (None, Some(since_s)) => (since_s < modified_s, "If-Modified-Since"),
            (None, None) => (true, ""),
        };
        if news { Verdict::Proceed } else { Verdict::Unchanged(header) }
    }
}

/// What a writer demands of the object that its own would replace.
#[derive(Debug, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// `etag` is that of the present object of this key, if there is one.
    pub(crate) fn judge(&self, key: &str, etag: Option<&str>) -> Result<(), Refusal> {
        match (&self.if_match, etag) {
            (None, _) => {}
            (Some(_), None) => return Err(Refusal::NoSuchKey { key: key.to_owned() }),
            (Some(condition), Some(etag)) if names(condition, etag) => {}
            (Some(_), Some(_)) => return Err(Refusal::PreconditionFailed { header: IF_MATCH }),
        }
        match (&self.if_none_match, etag) {
            // A write knows only `If-None-Match: *`. User Guide, "Conditional writes".
            (Some(ETagCondition::ETag(_)), _) => {
                Err(Refusal::NotImplemented { header: IF_NONE_MATCH })
            }
            (Some(ETagCondition::Any), Some(_)) => {
                Err(Refusal::PreconditionFailed { header: IF_NONE_MATCH })
            }
            (Some(ETagCondition::Any) | None, _) => Ok(()),
        }
    }
}

fn names(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etag(text: &str) -> Option<ETagCondition> {
        Some(text.parse().expect("a condition"))
    }

    #[test]
    fn a_read_meets_its_conditions_in_the_documented_order() {
        let check = |if_match, if_none_match, unmodified, modified, expected| {
            let conditions = ReadConditions {
                if_match,
                if_none_match,
                if_modified_since_s: modified,
                if_unmodified_since_s: unmodified,
            };
            assert_eq!(conditions.judge("abc", 100), expected, "{conditions:?}");
        };
        check(None, None, None, None, Verdict::Proceed);
        check(etag("\"abc\""), None, None, None, Verdict::Proceed);
        check(etag("*"), None, None, None, Verdict::Proceed);
        check(etag("\"x\""), None, None, None, Verdict::Failed("If-Match"));
        check(None, etag("\"abc\""), None, None, Verdict::Unchanged("If-None-Match"));
        check(None, etag("*"), None, None, Verdict::Unchanged("If-None-Match"));
        check(None, etag("\"x\""), None, None, Verdict::Proceed);
        check(None, None, Some(99), None, Verdict::Failed("If-Unmodified-Since"));
        check(None, None, Some(100), None, Verdict::Proceed);
        check(None, None, None, Some(99), Verdict::Proceed);
        check(None, None, None, Some(100), Verdict::Unchanged("If-Modified-Since"));
        // If-Match outranks If-Unmodified-Since, If-None-Match outranks If-Modified-Since.
        check(etag("\"abc\""), None, Some(1), None, Verdict::Proceed);
        check(None, etag("\"abc\""), None, Some(1), Verdict::Unchanged("If-None-Match"));
        check(None, etag("\"x\""), None, Some(100), Verdict::Proceed);
        check(etag("\"x\""), etag("\"abc\""), None, None, Verdict::Failed("If-Match"));
    }

    #[test]
    fn a_write_can_demand_absence_or_a_certain_object() {
        let check = |if_match, if_none_match, present, expected: Result<(), Refusal>| {
            let conditions = WriteConditions { if_match, if_none_match };
            assert_eq!(conditions.judge("key", present), expected, "{conditions:?} on {present:?}");
        };
        check(None, None, Some("abc"), Ok(()));
        check(None, etag("*"), None, Ok(()));
        let failed = |header| Err(Refusal::PreconditionFailed { header });
        check(None, etag("*"), Some("abc"), failed("If-None-Match"));
        let unknown = Refusal::NotImplemented { header: "If-None-Match" };
        check(None, etag("\"abc\""), None, Err(unknown));
        check(etag("\"abc\""), None, Some("abc"), Ok(()));
        check(etag("\"x\""), None, Some("abc"), failed("If-Match"));
        check(etag("\"x\""), None, None, Err(Refusal::NoSuchKey { key: "key".to_owned() }));
    }
}
