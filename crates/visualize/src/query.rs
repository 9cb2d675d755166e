//! The one question to Redshift, and how its answer is read.
//!
//! The SQL is valid on Redshift and on Postgres. Names and values out of the settings reach it
//! only through `runtime`'s quoting.

use runtime::redshift::{quote_identifier, quote_literal};
use time::Date;
use time::macros::format_description;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};
use tracing::warn;

use crate::config::Columns;
use crate::error::VisualizeError;
use crate::series::DayCount;

/// Counts in one answer; more mean that the group column is no column of groups.
const ROWS_MAX: usize = 500_000;

/// Asks how often each of `events` happened per day and group.
pub(crate) async fn count(
    client: &Client,
    columns: &Columns,
    events: &[String],
) -> Result<Vec<DayCount>, VisualizeError> {
    let sql = sql(columns, events);
    let failed = |source| VisualizeError::Query { table: columns.table.clone(), source };
    // Preparing tells the type of the group column, and that this is one statement.
    let statement = client.prepare(&sql).await.map_err(failed)?;
    let group_is_boolean =
        statement.columns().get(2).is_some_and(|column| *column.type_() == Type::BOOL);
    // The simple protocol answers in text, whatever type the group column has.
    let answer = client.simple_query(&sql).await.map_err(failed)?;
    let mut rows = Vec::new();
    let mut beyond_axis = 0;
    for message in &answer {
        if let SimpleQueryMessage::Row(row) = message {
            match read(row, group_is_boolean)? {
                Counted::On(day) => rows.push(day),
                Counted::BeyondAxis(count) => beyond_axis += count,
            }
        }
    }
    if ROWS_MAX < rows.len() {
        let column = columns.group.clone();
        return Err(VisualizeError::TooManyGroups { column, rows_max: ROWS_MAX });
    }
    if 0 < beyond_axis {
        // One such row must not cost all charts.
        warn!(row_count = beyond_axis, "rows before year 1 or after 9999 not drawn");
    }
    Ok(rows)
}

/// One line of the answer.
enum Counted {
    On(DayCount),
    /// Rows of a day that no axis shows: BC, after the year 9999, or `infinity`.
    BeyondAxis(u64),
}

fn sql(columns: &Columns, events: &[String]) -> String {
    let event = quote_identifier(&columns.event);
    let time = quote_identifier(&columns.time);
    let group = quote_identifier(&columns.group);
    let names: Vec<String> = events.iter().map(|name| quote_literal(name)).collect();
    format!(
        "SELECT {event}, CAST({time} AS DATE), {group}, COUNT(*)\n\
         FROM {table}\n\
         WHERE {time} IS NOT NULL\n\
         AND {event} IN ({names})\n\
         GROUP BY 1, 2, 3\n\
         LIMIT {limit}",
        table = columns.table,
        names = names.join(", "),
        limit = ROWS_MAX + 1,
    )
}

fn read(row: &SimpleQueryRow, group_is_boolean: bool) -> Result<Counted, VisualizeError> {
    let column = |index| row.try_get(index).ok().flatten();
    let count = parse("the count", column(3), |text| text.parse().ok())?;
    if column(1).is_some_and(is_beyond_axis) {
        return Ok(Counted::BeyondAxis(count));
    }
    Ok(Counted::On(DayCount {
        event: parse("the event", column(0), |text| Some(text.to_owned()))?,
        day: parse("the day", column(1), day)?,
        group: column(2).map(|text| group(text, group_is_boolean).to_owned()),
        count,
    }))
}

fn parse<T>(
    column: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, VisualizeError> {
    text.and_then(parse)
        .ok_or_else(|| VisualizeError::Answer { column, value: text.map(str::to_owned) })
}

fn day(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
}

/// Days that Redshift knows and charts do not: `0044-03-15 BC`, `12019-01-01`, `infinity`.
fn is_beyond_axis(day: &str) -> bool {
    let year_digits = day.bytes().take_while(u8::is_ascii_digit).count();
    day.ends_with(" BC") || day.ends_with("infinity") || 4 < year_digits
}

fn group(text: &str, is_boolean: bool) -> &str {
    match text {
        "t" if is_boolean => "true",
        "f" if is_boolean => "false",
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_query_counts_every_event() {
        let columns = Columns {
            table: r#""events""#.to_owned(),
            time: "timestamp".to_owned(),
            event: "event".to_owned(),
            group: "context_device_type".to_owned(),
        };
        let events = names(&["submission_success", "registration_initiated"]);
        insta::assert_snapshot!(sql(&columns, &events), @r#"
        SELECT "event", CAST("timestamp" AS DATE), "context_device_type", COUNT(*)
        FROM "events"
        WHERE "timestamp" IS NOT NULL
        AND "event" IN ('submission_success', 'registration_initiated')
        GROUP BY 1, 2, 3
        LIMIT 500001
        "#);
    }

    #[test]
    fn hostile_names_stay_inside_their_quotes() {
        let columns = Columns {
            table: runtime::redshift::quote_table(r#"öl.ev"ents; --"#),
            time: r#"at"; DROP TABLE x; --"#.to_owned(),
            event: r"na\me".to_owned(),
            group: "größe '🦀'".to_owned(),
        };
        let events =
            names(&["o'clock", r"\'; DROP TABLE events; --", "Übergröße 日本", r"a\", "$1"]);
        insta::assert_snapshot!(sql(&columns, &events), @r#"
        SELECT "na\me", CAST("at""; DROP TABLE x; --" AS DATE), "größe '🦀'", COUNT(*)
        FROM "öl"."ev""ents; --"
        WHERE "at""; DROP TABLE x; --" IS NOT NULL
        AND "na\me" IN ('o''clock', '\\''; DROP TABLE events; --', 'Übergröße 日本', 'a\\', '$1')
        GROUP BY 1, 2, 3
        LIMIT 500001
        "#);
    }

    #[test]
    fn days_are_read_as_iso_dates_and_booleans_as_words() {
        assert_eq!(day("2019-03-31"), Some(time::macros::date!(2019 - 03 - 31)));
        for odd in ["", "31/03/2019", "2019-02-29"] {
            assert_eq!((day(odd), is_beyond_axis(odd)), (None, false), "{odd}");
        }
        for far in ["infinity", "-infinity", "0044-03-15 BC", "12019-03-31"] {
            assert_eq!((day(far), is_beyond_axis(far)), (None, true), "{far}");
        }
        assert_eq!((group("t", true), group("f", true)), ("true", "false"));
        assert_eq!(group("t", false), "t");
    }
}
