//! Reads a message's JSON in one pass: the top level's keys, and for each column the raw text of
//! its value.
//!
//! Nothing is converted here, and nothing below the top level is looked at except for its depth.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::NESTING_MAX;
use super::refusal::{Misfit, Rule};

/// What JSON takes for a blank.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// A JSON value exactly as the message holds it; never empty.
pub(super) type RawValue<'a> = &'a str;

/// The raw value of each column, in the columns' order.
pub(super) type Slots<'a> = Vec<Option<RawValue<'a>>>;

pub(super) fn is_string(raw: RawValue<'_>) -> bool {
    raw.starts_with('"')
}

pub(super) fn is_number(raw: RawValue<'_>) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

fn is_nested(raw: RawValue<'_>) -> bool {
    raw.starts_with(['{', '['])
}

/// Fills `slots` from the one object that `text` must be.
///
/// Unknown keys are skipped, of equal keys the last one counts. If `text` is refused, `slots` hold
/// what was read up to the fault.
pub(super) fn read<'a>(
    text: &'a str,
    places: &HashMap<String, usize>,
    slots: &mut Slots<'a>,
) -> Result<(), Misfit> {
    if !text.starts_with('{') {
        return Err(not_an_object(text));
    }
    let mut oddity = None;
    let filler = Filler { places, slots, oddity: &mut oddity };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.deserialize_map(filler).map_err(|error| not_json(text, &error))?;
    deserializer.end().map_err(|error| trailing(text, &error))?;
    oddity.map_or(Ok(()), Err)
}

struct Filler<'slots, 'a> {
    places: &'slots HashMap<String, usize>,
    slots: &'slots mut Slots<'a>,
    /// The first value that is JSON but that no reader of the stored line could be asked to take.
    oddity: &'slots mut Option<Misfit>,
}

impl<'a> Visitor<'a> for Filler<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let value: &'a serde_json::value::RawValue = map.next_value()?;
            let raw = value.get();
            if let Some(&place) = self.places.get(key.as_ref()) {
                self.slots[place] = Some(raw);
            }
            if self.oddity.is_none() {
                *self.oddity = find_oddity(raw).map(|misfit| misfit.of_field(&key));
            }
        }
        Ok(())
    }
}

/// A key, borrowed from the message unless it is written with escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

fn find_oddity(raw: RawValue<'_>) -> Option<Misfit> {
    if is_nested(raw) && NESTING_MAX < depth(raw) + 1 {
        let complaint = format!("is nested deeper than {NESTING_MAX} levels");
        return Some(Misfit::of_value(Rule::TooDeep, raw, &complaint));
    }
    if raw.contains('\\') && has_unpaired_surrogate(raw) {
        let complaint = "holds half of a surrogate pair, which is no character";
        return Some(Misfit::of_value(Rule::UnpairedSurrogate, raw, complaint));
    }
    None
}

/// How deep brackets and braces are nested in well-formed JSON.
fn depth(raw: RawValue<'_>) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in raw.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    deepest
}

/// Whether a `\ud800`–`\udfff` escape in well-formed JSON lacks its other half.
fn has_unpaired_surrogate(raw: RawValue<'_>) -> bool {
    let mut rest = raw;
    while let Some(backslash) = rest.find('\\') {
        rest = &rest[backslash..];
        match surrogate_half(rest) {
            Some(Half::High) if surrogate_half(&rest[6..]) == Some(Half::Low) => rest = &rest[12..],
            Some(_) => return true,
            None => rest = &rest[2..],
        }
    }
    false
}

#[derive(PartialEq, Eq)]
enum Half {
    High,
    Low,
}

/// What surrogate the escape at the start of `text` stands for, if one stands there.
fn surrogate_half(text: &str) -> Option<Half> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

fn not_an_object(text: &str) -> Misfit {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return not_json(text, &error);
    }
    let what = match text.as_bytes().first() {
        Some(b'[') => "an array; send each of its objects as a message of its own",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    };
    Misfit::new(Rule::NotAnObject, format!("an event is one JSON object, the message is {what}"))
}

fn not_json(text: &str, error: &serde_json::Error) -> Misfit {
    let reason = if text.is_empty() {
        "the message is empty, an event is one JSON object".to_owned()
    } else if error.classify() == Category::Eof {
        "the message ends in the middle of its JSON".to_owned()
    } else {
        format!("the message is not JSON: {error}")
    };
    Misfit::new(Rule::NotJson, reason)
}

fn trailing(text: &str, error: &serde_json::Error) -> Misfit {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or(text);
    // serde_json counts columns in bytes, from 1.
    let rest = line.get(error.column().saturating_sub(1)..).unwrap_or(line);
    Misfit::of_value(
        Rule::TrailingCharacters,
        rest,
        "follows the event's closing brace; a message is one object",
    )
}
