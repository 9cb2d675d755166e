//! How much of the table an insert looks through for ids that are there already.
//!
//! Pure. An event that comes again, by redelivery, by a resent batch or by an object stored twice,
//! is the same text, so it has the same time: it is enough to look where the times of the staged
//! rows lie. Redshift then reads only blocks of those days (Database Developer Guide, "Sort keys"),
//! however large the table is. [`Window::days`] more on both sides are for senders that send the
//! same id with a new time. An id that comes again further away than that is not noticed; who
//! cannot rule that out has no window.

use time::macros::format_description;
use time::{Date, Duration};

/// The days of staged rows that are told apart; with more, the days between them count as well.
pub const DAYS_MAX: usize = 1000;
/// Ranges of days in one statement at most: each is a join of its own.
const RANGES_MAX: usize = 4;

/// Limits where an id is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// A column of type DATE, TIMESTAMP or TIMESTAMPTZ, best the table's sort key.
    pub column: String,
    /// Days that are looked through before and after those of the staged rows.
    pub days: u32,
}

/// The part of the table in which one join looks for an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All rows.
    Everything,
    /// Rows from the one day on, `YYYY-MM-DD`, and before the other; `None` is no bound.
    Days {
        /// The first day.
        since: Option<String>,
        /// The day behind the last one.
        before: Option<String>,
    },
    /// Rows without a time.
    NoTime,
}

/// The parts to look through for staged rows with times on the days of these spans, from the first
/// to the last, and, if there are such, for those without a time. Days as Redshift writes them, in
/// their order; of years before 1 or after 9999, they count as any day.
pub fn parts(window: &Window, spans: &[(&str, &str)], has_rows_without_time: bool) -> Vec<Part> {
    let read = |&(first, last): &(&str, &str)| Ok((read_day(first)?, read_day(last)?));
    let read: Result<Vec<_>, time::error::Parse> = spans.iter().map(read).collect();
    let Ok(read) = read else { return vec![Part::Everything] };
    let mut parts = ranges(&read, Duration::days(window.days.into()));
    if has_rows_without_time {
        parts.push(Part::NoTime);
    }
    if parts.is_empty() {
        parts.push(Part::Everything);
    }
    parts
}

/// Whether the window reaches over all that lies between these days: then it does not matter which
/// of the days between them have rows.
pub fn is_contiguous(window: &Window, first: &str, last: &str) -> bool {
    let (Ok(first), Ok(last)) = (read_day(first), read_day(last)) else { return true };
    last - first <= Duration::days(i64::from(window.days) * 2 + 1)
}

fn read_day(text: &str) -> Result<Date, time::error::Parse> {
    Date::parse(text, format_description!("[year]-[month]-[day]"))
}

/// The spans, widened by the margin, as ranges; the nearest are joined until they are few enough.
fn ranges(spans: &[(Date, Date)], margin: Duration) -> Vec<Part> {
    let mut ranges: Vec<(Date, Date)> = Vec::new();
    for &(first, last) in spans {
        match ranges.last_mut() {
            Some(range) if first - range.1 <= margin * 2 + Duration::DAY => range.1 = last,
            _ => ranges.push((first, last)),
        }
    }
    while RANGES_MAX < ranges.len() {
        let gap = |index: &usize| ranges[*index].0 - ranges[index - 1].1;
        let nearest = (1..ranges.len()).min_by_key(gap).expect("there are several");
        let (_, last) = ranges.remove(nearest);
        ranges[nearest - 1].1 = last;
    }
    let text = |day: Date| day.to_string();
    let part = |(first, last): (Date, Date)| Part::Days {
        since: first.checked_sub(margin).filter(|day| 0 < day.year()).map(text),
        before: last.checked_add(margin + Duration::DAY).map(text),
    };
    ranges.into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(days: u32, staged: &[&str], expected: &str) {
        let window = Window { column: "at".to_owned(), days };
        let spans: Vec<_> = staged.iter().map(|&day| (day, day)).collect();
        let parts = parts(&window, &spans, false);
        let shown = parts.iter().map(|part| match part {
            Part::Days { since, before } => {
                let [since, before] = [since, before].map(|it| it.as_deref().unwrap_or("*"));
                format!("{since}..{before}")
            }
            other => format!("{other:?}"),
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{days}: {staged:?}");
    }

    #[test]
    fn days_become_ranges_that_are_as_wide_as_the_window() {
        check(0, &["2026-02-28"], "2026-02-28..2026-03-01");
        check(0, &["2026-01-01", "2026-01-02"], "2026-01-01..2026-01-03");
        check(0, &["2026-01-01", "2026-01-03"], "2026-01-01..2026-01-02 2026-01-03..2026-01-04");
        check(7, &["2026-01-01"], "2025-12-25..2026-01-09");
        check(7, &["2026-01-01", "2026-01-16"], "2025-12-25..2026-01-24");
        check(7, &["2026-01-01", "2026-01-17"], "2025-12-25..2026-01-09 2026-01-10..2026-01-25");
        check(7, &[], "Everything");
    }

    #[test]
    fn a_late_event_does_not_widen_the_range_of_the_others() {
        check(1, &["1970-01-01", "2026-01-05"], "1969-12-31..1970-01-03 2026-01-04..2026-01-07");
    }

    #[test]
    fn of_many_ranges_the_nearest_are_joined() {
        let years = ["1990", "2000", "2003", "2010", "2011", "2020"];
        let staged = years.map(|year| format!("{year}-01-01"));
        let expected = "1990-01-01..1990-01-02 2000-01-01..2003-01-02 \
                        2010-01-01..2011-01-02 2020-01-01..2020-01-02";
        check(0, &staged.each_ref().map(String::as_str), expected);
    }

    #[test]
    fn at_the_ends_of_time_there_is_no_bound() {
        check(7, &["9999-12-31"], "9999-12-24..*");
        check(400_000, &["2026-01-01"], "0930-11-03..3121-03-03");
        check(0, &["0001-01-01"], "0001-01-01..0001-01-02");
        check(1, &["0001-01-01"], "*..0001-01-03");
        check(u32::MAX, &["2026-01-01"], "*..*");
        for day in ["0044-03-15 BC", "10000-01-01", "infinity", ""] {
            check(7, &["2026-01-01", day], "Everything");
        }
    }

    #[test]
    fn rows_without_a_time_are_looked_for_among_such_rows() {
        let window = Window { column: "at".to_owned(), days: 0 };
        assert_eq!(parts(&window, &[], true), [Part::NoTime]);
        assert_eq!(parts(&window, &[("2026-01-01", "2026-01-01")], true).len(), 2);
    }

    #[test]
    fn days_are_asked_for_only_if_they_may_lie_apart() {
        let window = Window { column: "at".to_owned(), days: 7 };
        assert!(is_contiguous(&window, "2026-01-01", "2026-01-01"));
        assert!(is_contiguous(&window, "2026-01-01", "2026-01-16"));
        assert!(!is_contiguous(&window, "2026-01-01", "2026-01-17"));
    }
}
