//! Why a message is refused, for people and for programs.

use std::borrow::Cow;

/// How many characters of an offending value a reason shows.
const SHOWN_CHARACTERS_MAX: usize = 64;

/// Why a message is not an event that the table could take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The event's id, if it could be read and is fit to be one.
    pub id: Option<String>,
    /// The column at fault; `None` if the message as a whole is.
    pub field: Option<String>,
    /// The rule that is broken.
    pub rule: Rule,
    /// A sentence for the person who has to repair the event.
    pub reason: String,
}

/// The rules that a message can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// The body is not well-formed JSON.
    NotJson,
    /// The body is JSON, but not an object; COPY 'auto' refuses an array around objects too.
    NotAnObject,
    /// Something follows the object.
    TrailingCharacters,
    /// The object is larger than COPY takes.
    TooLarge,
    /// A value is nested deeper than [`super::NESTING_MAX`].
    TooDeep,
    /// Half of a surrogate pair, which is no character.
    UnpairedSurrogate,
    /// The NUL character, which the warehouse cannot store.
    NulCharacter,
    /// A key whose column is NOT NULL is missing.
    Missing,
    /// NULL, or what loads as NULL, into a NOT NULL column.
    NotNull,
    /// The id is missing, blank, or neither string nor number.
    NoId,
    /// More bytes than the column's length.
    TooLong,
    /// A character of several bytes into a CHAR column.
    Multibyte,
    /// Not an integer.
    Integer,
    /// An integer beyond the column's range.
    IntegerRange,
    /// Not a decimal number.
    Decimal,
    /// A decimal number with too many digits before the point.
    DecimalRange,
    /// Not a floating point number, or beyond the column's range.
    Float,
    /// Not one of the words for true and false.
    Boolean,
    /// Not a date as `DATEFORMAT` expects it.
    Date,
    /// Not a time of day.
    Time,
    /// Not a time stamp that `TIMEFORMAT 'auto'` recognises.
    Timestamp,
    /// COPY does not fill columns of this type from JSON.
    UnsupportedType,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 22] = [
        Rule::NotJson,
        Rule::NotAnObject,
        Rule::TrailingCharacters,
        Rule::TooLarge,
        Rule::TooDeep,
        Rule::UnpairedSurrogate,
        Rule::NulCharacter,
        Rule::Missing,
        Rule::NotNull,
        Rule::NoId,
        Rule::TooLong,
        Rule::Multibyte,
        Rule::Integer,
        Rule::IntegerRange,
        Rule::Decimal,
        Rule::DecimalRange,
        Rule::Float,
        Rule::Boolean,
        Rule::Date,
        Rule::Time,
        Rule::Timestamp,
        Rule::UnsupportedType,
    ];

    /// The rule's stable name for programs, in kebab case.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::NotAnObject => "not-an-object",
            Self::TrailingCharacters => "trailing-characters",
            Self::TooLarge => "too-large",
            Self::TooDeep => "too-deep",
            Self::UnpairedSurrogate => "unpaired-surrogate",
            Self::NulCharacter => "nul-character",
            Self::Missing => "missing",
            Self::NotNull => "not-null",
            Self::NoId => "no-id",
            Self::TooLong => "too-long",
            Self::Multibyte => "multibyte",
            Self::Integer => "integer",
            Self::IntegerRange => "integer-range",
            Self::Decimal => "decimal",
            Self::DecimalRange => "decimal-range",
            Self::Float => "float",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::UnsupportedType => "unsupported-type",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code())
    }
}

/// A broken rule on its way to becoming a [`Refusal`]: the field is added where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    rule: Rule,
    reason: String,
    field: Option<String>,
}

impl Misfit {
    pub(super) fn new(rule: Rule, reason: String) -> Misfit {
        Misfit { rule, reason, field: None }
    }

    /// `"12a" is not an INTEGER (digits with an optional sign)`.
    pub(super) fn of_value(rule: Rule, raw: &str, complaint: &str) -> Misfit {
        Misfit::new(rule, format!("{} {complaint}", shown(raw)))
    }

    /// Names the field, unless a field is named already.
    pub(super) fn of_field(mut self, field: &str) -> Misfit {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }

    pub(super) fn into_refusal(self, id: Option<String>) -> Refusal {
        let reason = match &self.field {
            Some(field) => format!("{field}: {}", self.reason),
            None => self.reason,
        };
        Refusal { id, field: self.field, rule: self.rule, reason }
    }
}

/// A value as the message holds it, on one line and cut to [`SHOWN_CHARACTERS_MAX`].
fn shown(raw: &str) -> Cow<'_, str> {
    let cut = raw.char_indices().nth(SHOWN_CHARACTERS_MAX).map(|(index, _)| &raw[..index]);
    let start = cut.unwrap_or(raw);
    let is_plain = !start.contains(char::is_control);
    match cut {
        None if is_plain => Cow::Borrowed(start),
        _ => {
            let ellipsis = if cut.is_some() { "…" } else { "" };
            Cow::Owned(start.replace(char::is_control, " ") + ellipsis)
        }
    }
}
