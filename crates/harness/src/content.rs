//! Whether a row holds what its event said, column by column.
//!
//! Pure. Compares the event's JSON with the row's text as Redshift prints it, for the forms the
//! generator writes; it knows neither the validator's reading of the guide nor COPY's.

use std::collections::BTreeMap;

use serde_json::Value;
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// `2019-02-11 05:09:12.195`, with or without the fraction.
const PLAIN: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]");
/// The same with an offset as the generator writes it.
const WITH_OFFSET: &[FormatItem<'static>] = format_description!(
    "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][offset_minute]"
);
/// The same with an offset as Redshift prints it.
const WITH_HOURS: &[FormatItem<'static>] = format_description!(
    "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory]"
);

/// One row: its columns' names and their values as text, `None` for NULL.
pub type Row = BTreeMap<String, Option<String>>;

/// Every column of `row` that does not hold what `event` says.
pub fn differences(id: &str, event: &Value, row: &Row) -> Vec<String> {
    let differs = row.iter().filter(|(column, value)| !same(&event[column.as_str()], value));
    differs
        .map(|(column, value)| {
            let shown = value.as_deref().unwrap_or("NULL");
            format!("event {id}: {column} is {shown}, sent was {}", event[column.as_str()])
        })
        .collect()
}

fn same(sent: &Value, stored: &Option<String>) -> bool {
    match (sent, stored.as_deref()) {
        (Value::Null, stored) => stored.is_none(),
        (Value::Bool(sent), Some(stored)) => stored == if *sent { "t" } else { "f" },
        (Value::String(sent), Some(stored)) => sent == stored || same_moment(sent, stored),
        (Value::Number(sent), Some(stored)) => sent.to_string() == stored,
        _ => false,
    }
}

fn same_moment(sent: &str, stored: &str) -> bool {
    moment(sent).is_some_and(|sent| moment(stored) == Some(sent))
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, PLAIN)
        .map(|plain| plain.assume_offset(UtcOffset::UTC))
        .or_else(|_| OffsetDateTime::parse(text, WITH_OFFSET))
        .or_else(|_| OffsetDateTime::parse(text, WITH_HOURS))
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_held_against_its_event() {
        for (sent, stored, expected) in [
            (json!("ios"), Some("ios"), true),
            (json!("ios"), Some("android"), false),
            (json!("ios"), None, false),
            (json!("42"), Some("42"), true),
            (json!(42), Some("42"), true),
            (json!(true), Some("t"), true),
            (json!(true), Some("f"), false),
            (Value::Null, None, true),
            (Value::Null, Some(""), false),
            (json!("2019-02-11 05:09:12.195000"), Some("2019-02-11 05:09:12.195"), true),
            (json!("2019-02-11 05:09:12.000000"), Some("2019-02-11 05:09:12"), true),
            (json!("2019-02-11 05:09:12.195000"), Some("2019-02-11 05:09:12.196"), false),
            (json!("2019-02-11 06:09:12.195+0100"), Some("2019-02-11 05:09:12.195+00"), true),
            (json!("2019-02-11 06:09:12.195+0100"), Some("2019-02-11 06:09:12.195+00"), false),
        ] {
            let row = Row::from([("c".to_owned(), stored.map(str::to_owned))]);
            let found = differences("A", &json!({ "c": sent }), &row);
            assert_eq!(found.is_empty(), expected, "{sent} {stored:?}: {found:?}");
        }
    }
}
