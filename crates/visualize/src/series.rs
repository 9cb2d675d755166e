//! From counted rows to what a chart shows: steps of time without gaps × groups.
//!
//! Pure, and the same rows in any order give the same series. Knows neither SQL nor pixels, only
//! how many bars a reader can tell apart.

use std::collections::{BTreeMap, BTreeSet};

use time::{Date, Duration, Month};

/// Groups that keep their own colour; the smaller ones beyond become one more, "other".
pub const GROUPS_MAX: usize = 9;

/// Bars in one chart. A chart that would need more counts per week, month or year instead.
pub const BARS_MAX: usize = 300;

/// How often one event happened on one day in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCount {
    /// The event's name.
    pub event: String,
    /// The day it happened.
    pub day: Date,
    /// The group's value; `None` is SQL's NULL.
    pub group: Option<String>,
    /// Table rows.
    pub count: u64,
}

/// What one place on the time axis stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A calendar day.
    Day,
    /// Seven days from a Monday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// One event's counts, ready to be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The event's name, as it is in the table.
    pub event: String,
    /// First and last day that have a row; `None` if there is no row.
    pub span: Option<(Date, Date)>,
    /// The length of a slot.
    pub step: Step,
    /// The first day of each slot, ascending, without gaps.
    pub slots: Vec<Date>,
    /// In the order of their colours.
    pub groups: Vec<Group>,
}

/// One group's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What the legend says.
    pub label: String,
    /// `0..=GROUPS_MAX`. A group has the same colour in every chart of a run.
    pub color_index: usize,
    /// Table rows, one number per slot.
    pub counts: Vec<u64>,
}

impl Series {
    /// All rows of the event.
    pub fn total(&self) -> u64 {
        self.counts().fold(0, u64::saturating_add)
    }

    /// The highest bar.
    pub fn count_max(&self) -> u64 {
        self.counts().max().unwrap_or(0)
    }

    fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.groups.iter().flat_map(|group| group.counts.iter().copied())
    }
}

impl Step {
    const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// The first day of the slot that `day` falls into.
    fn start(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let since_monday = i64::from(day.weekday().number_days_from_monday());
                day.saturating_sub(Duration::days(since_monday))
            }
            Self::Month => first_of(day.year(), day.month()),
            Self::Year => first_of(day.year(), Month::January),
        }
    }

    /// The slot after the one that starts with `start`; `None` at the end of the calendar.
    fn next(self, start: Date) -> Option<Date> {
        match self {
            Self::Day => start.next_day(),
            // Not `start + 7`: the calendar's first week may begin after its Monday.
            Self::Week => Some(self.start(start.checked_add(Duration::days(7))?)),
            Self::Month => {
                let year = start.year() + i32::from(start.month() == Month::December);
                Date::from_calendar_date(year, start.month().next(), 1).ok()
            }
            Self::Year => Date::from_calendar_date(start.year() + 1, Month::January, 1).ok(),
        }
    }

    fn slots(self, first: Date, last: Date) -> impl Iterator<Item = Date> {
        let last = self.start(last);
        std::iter::successors(Some(self.start(first)), move |start| self.next(*start))
            .take_while(move |start| *start <= last)
    }
}

fn first_of(year: i32, month: Month) -> Date {
    Date::from_calendar_date(year, month, 1).expect("every month has a first day")
}

/// One series per name in `events`, in that order; names without rows get an empty one. Rows of
/// other events are left out.
pub fn assemble(rows: &[DayCount], events: &[String]) -> Vec<Series> {
    let wanted: BTreeSet<&str> = events.iter().map(String::as_str).collect();
    let rows: Vec<&DayCount> =
        rows.iter().filter(|row| wanted.contains(row.event.as_str())).collect();
    let palette = Palette::of(&rows);
    events
        .iter()
        .map(|event| {
            let rows: Vec<&DayCount> =
                rows.iter().copied().filter(|row| row.event == *event).collect();
            one(event, &rows, &palette)
        })
        .collect()
}

fn one(event: &str, rows: &[&DayCount], palette: &Palette<'_>) -> Series {
    let first = rows.iter().map(|row| row.day).min();
    let span = first.zip(rows.iter().map(|row| row.day).max());
    let Some((first, last)) = span else {
        return Series {
            event: event.to_owned(),
            span,
            step: Step::Day,
            slots: Vec::new(),
            groups: Vec::new(),
        };
    };
    let present: BTreeSet<usize> =
        rows.iter().map(|row| palette.color_index(row.group.as_deref())).collect();
    let slots_max = BARS_MAX / present.len();
    let step = Step::ALL
        .into_iter()
        .find(|step| step.slots(first, last).take(slots_max + 1).count() <= slots_max)
        .unwrap_or(Step::Year);
    let slots: Vec<Date> = step.slots(first, last).collect();
    let mut groups: BTreeMap<usize, Group> = present
        .into_iter()
        .map(|color_index| {
            let label = palette.label(color_index);
            (color_index, Group { label, color_index, counts: vec![0; slots.len()] })
        })
        .collect();
    for row in rows {
        let group = groups
            .get_mut(&palette.color_index(row.group.as_deref()))
            .expect("every row's group was collected above");
        let slot = slots
            .binary_search(&step.start(row.day))
            .expect("the slots reach from the first row to the last without gaps");
        group.counts[slot] = group.counts[slot].saturating_add(row.count);
    }
    Series { event: event.to_owned(), span, step, slots, groups: groups.into_values().collect() }
}

/// Which group has which colour, over all charts of a run.
struct Palette<'a> {
    /// The groups with a colour of their own, by name; NULL last.
    own: Vec<Option<&'a str>>,
    /// How many groups share the last colour.
    other_count: usize,
}

impl<'a> Palette<'a> {
    fn of(rows: &[&'a DayCount]) -> Self {
        let mut totals: BTreeMap<Option<&str>, u64> = BTreeMap::new();
        for row in rows {
            let total = totals.entry(row.group.as_deref()).or_default();
            *total = total.saturating_add(row.count);
        }
        let mut own: Vec<(Option<&str>, u64)> = totals.into_iter().collect();
        // The sort is stable: among equals the first by name stays.
        own.sort_by_key(|&(_, total)| std::cmp::Reverse(total));
        // "other" must stand for two groups at least.
        let kept = if own.len() <= GROUPS_MAX + 1 { own.len() } else { GROUPS_MAX };
        let other_count = own.len() - kept;
        let mut own: Vec<Option<&str>> =
            own.into_iter().take(kept).map(|(group, _)| group).collect();
        own.sort_by_key(|group| (group.is_none(), *group));
        Self { own, other_count }
    }

    fn color_index(&self, group: Option<&str>) -> usize {
        self.own.iter().position(|own| *own == group).unwrap_or(self.own.len())
    }

    fn label(&self, color_index: usize) -> String {
        match self.own.get(color_index) {
            Some(Some("")) => "(empty)".to_owned(),
            Some(Some(group)) => (*group).to_owned(),
            Some(None) => "(none)".to_owned(),
            None => format!("other ({})", self.other_count),
        }
    }
}

#[cfg(test)]
mod tests;
