//! The one question to Redshift, and how its answer is read.
//!
//! The SQL is valid on Redshift and on Postgres. Names and values out of the settings reach it
//! only through `runtime`'s quoting.

use runtime::redshift::{quote_identifier, quote_literal};
use time::Date;
use time::macros::format_description;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

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
    for message in &answer {
        if let SimpleQueryMessage::Row(row) = message {
            rows.push(read(row, group_is_boolean)?);
        }
    }
    if ROWS_MAX < rows.len() {
        let column = columns.group.clone();
        return Err(VisualizeError::TooManyGroups { column, rows_max: ROWS_MAX });
    }
    Ok(rows)
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

fn read(row: &SimpleQueryRow, group_is_boolean: bool) -> Result<DayCount, VisualizeError> {
    let column = |index| row.try_get(index).ok().flatten();
    Ok(DayCount {
        event: parse("the event", column(0), |text| Some(text.to_owned()))?,
        day: parse("the day", column(1), day)?,
        group: column(2).map(|text| group(text, group_is_boolean).to_owned()),
        count: parse("the count", column(3), |text| text.parse().ok())?,
    })
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
        for odd in ["", "31/03/2019", "2019-02-29", "infinity", "0044-03-15 BC"] {
            assert_eq!(day(odd), None, "{odd}");
        }
        assert_eq!((group("t", true), group("f", true)), ("true", "false"));
        assert_eq!(group("t", false), "t");
    }
}
