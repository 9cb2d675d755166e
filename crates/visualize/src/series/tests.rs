//! Series as small text tables.

use std::fmt::Write;

use time::macros::date;

use super::*;

fn row(event: &str, day: Date, group: &str, count: u64) -> DayCount {
    DayCount { event: event.to_owned(), day, group: Some(group.to_owned()), count }
}

/// One line per slot: its first day and a count per group.
fn table(series: &Series) -> String {
    let mut text = format!("{} per {:?}", series.event, series.step);
    for group in &series.groups {
        write!(text, " | {}={}", group.color_index, group.label).unwrap();
    }
    for (index, slot) in series.slots.iter().enumerate() {
        write!(text, "\n{slot}").unwrap();
        for group in &series.groups {
            write!(text, " {}", group.counts[index]).unwrap();
        }
    }
    text
}

fn tables(rows: &[DayCount], events: &[&str]) -> String {
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    let tables: Vec<String> = assemble(rows, &events).iter().map(table).collect();
    tables.join("\n\n")
}

#[test]
fn days_without_rows_are_zero_and_events_keep_the_order_they_were_asked_for() {
    let rows = [
        row("b", date!(2019 - 03 - 02), "ios", 7),
        row("a", date!(2019 - 03 - 02), "android", 1),
        row("a", date!(2019 - 02 - 27), "ios", 4),
        row("a", date!(2019 - 02 - 27), "android", 3),
        row("unasked", date!(2001 - 01 - 01), "web", 99),
    ];
    insta::assert_snapshot!(tables(&rows, &["b", "a", "absent"]), @r"
    b per Day | 1=ios
    2019-03-02 7

    a per Day | 0=android | 1=ios
    2019-02-27 3 4
    2019-02-28 0 0
    2019-03-01 0 0
    2019-03-02 1 0

    absent per Day
    ");
}

#[test]
fn the_order_of_rows_does_not_matter_and_equal_ones_add_up() {
    let mut rows: Vec<DayCount> = (0u8..30)
        .map(|index| {
            let day = date!(2024 - 02 - 27) + Duration::days(i64::from(index % 4));
            row("a", day, ["x", "y", "z"][usize::from(index % 3)], u64::from(index))
        })
        .collect();
    let forwards = tables(&rows, &["a"]);
    rows.reverse();
    assert_eq!(forwards, tables(&rows, &["a"]));
    insta::assert_snapshot!(forwards, @r"
    a per Day | 0=x | 1=y | 2=z
    2024-02-27 36 48 28
    2024-02-28 30 39 51
    2024-02-29 24 32 42
    2024-03-01 45 26 34
    ");
}

#[test]
fn null_and_the_empty_text_are_groups_with_names() {
    let day = date!(2024 - 01 - 01);
    let rows = [
        DayCount { group: None, ..row("a", day, "", 5) },
        row("a", day, "", 2),
        row("a", day, "zebra", 1),
    ];
    insta::assert_snapshot!(tables(&rows, &["a"]), @r"
    a per Day | 0=(empty) | 1=zebra | 2=(none)
    2024-01-01 2 1 5
    ");
}

#[test]
fn ten_groups_stay_apart_and_of_twelve_the_nine_largest_do() {
    let day = date!(2024 - 01 - 01);
    let groups = |count: u64| -> Vec<DayCount> {
        (1..=count).map(|number| row("a", day, &format!("g{number:02}"), number)).collect()
    };
    insta::assert_snapshot!(tables(&groups(10), &["a"]), @r"
    a per Day | 0=g01 | 1=g02 | 2=g03 | 3=g04 | 4=g05 | 5=g06 | 6=g07 | 7=g08 | 8=g09 | 9=g10
    2024-01-01 1 2 3 4 5 6 7 8 9 10
    ");
    insta::assert_snapshot!(tables(&groups(12), &["a"]), @r"
    a per Day | 0=g04 | 1=g05 | 2=g06 | 3=g07 | 4=g08 | 5=g09 | 6=g10 | 7=g11 | 8=g12 | 9=other (3)
    2024-01-01 4 5 6 7 8 9 10 11 12 6
    ");
}

#[test]
fn a_long_time_is_counted_in_the_finest_step_a_reader_can_tell_apart() {
    let first = date!(2023 - 01 - 04);
    for (days, groups, step, slots) in [
        (1, 1, Step::Day, 1),
        (300, 1, Step::Day, 300),
        (301, 1, Step::Week, 44),
        (400, 2, Step::Week, 58),
        (30, 10, Step::Day, 30),
        (31, 10, Step::Week, 5),
        (3_000, 1, Step::Month, 99),
        (20_000, 2, Step::Year, 55),
    ] {
        let last = first + Duration::days(days - 1);
        let rows: Vec<DayCount> = (0..groups)
            .flat_map(|group| [first, last].map(|day| row("a", day, &format!("{group}"), 1)))
            .collect();
        let series = assemble(&rows, &["a".to_owned()]).remove(0);
        assert_eq!((series.step, series.slots.len()), (step, slots), "{days} days × {groups}");
        assert_eq!(series.total(), 2 * groups, "{days} days × {groups}");
        assert_eq!(series.span, Some((first, last)), "{days} days × {groups}");
    }
}

#[test]
fn weeks_begin_on_monday_also_across_the_year() {
    let first = date!(2023 - 12 - 31);
    let mut rows = vec![row("a", first, "x", 1), row("a", date!(2024 - 01 - 01), "x", 2)];
    rows.push(row("a", first + Duration::days(500), "x", 3));
    let series = assemble(&rows, &["a".to_owned()]).remove(0);
    assert_eq!(series.slots[..2], [date!(2023 - 12 - 25), date!(2024 - 01 - 01)]);
    assert_eq!(series.groups[0].counts[..2], [1, 2]);
}

#[test]
fn the_whole_calendar_and_the_largest_counts_are_no_reason_to_fail() {
    let rows = [row("a", Date::MIN, "x", u64::MAX), row("a", Date::MAX, "x", u64::MAX)];
    let series = assemble(&rows, &["a".to_owned()]).remove(0);
    assert_eq!(series.step, Step::Year);
    assert_eq!(series.slots.len(), 19_999);
    assert_eq!(series.total(), u64::MAX);
    for step in Step::ALL {
        assert!(step.slots(Date::MIN, Date::MIN + Duration::days(40)).count() <= 41, "{step:?}");
        assert!(step.slots(Date::MAX - Duration::days(40), Date::MAX).count() <= 41, "{step:?}");
    }
}
