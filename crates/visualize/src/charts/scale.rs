//! Where the ticks of an axis stand and what they say.
//!
//! Pure: counts, dates and widths in, places and texts out.

use time::{Date, Month};

use crate::series::Step;

/// Steps between ticks of the count axis, at most.
const COUNT_STEPS_MAX: u128 = 8;

/// An axis of counts: from 0 in equal whole steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CountScale {
    /// From one tick to the next: 1, 2 or 5 times a power of ten.
    pub(super) step: u128,
    /// The last tick; at least the highest count.
    pub(super) top: u128,
}

impl CountScale {
    /// The scale with the smallest step that reaches `count_max`.
    pub(super) fn reaching(count_max: u64) -> Self {
        let count_max = u128::from(count_max.max(1));
        let step = (0..)
            .flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power)))
            .find(|step| count_max <= step * COUNT_STEPS_MAX)
            .expect("a step of 10^20 reaches every 64-bit count");
        Self { step, top: count_max.div_ceil(step) * step }
    }

    /// All ticks from 0 up.
    pub(super) fn ticks(self) -> impl Iterator<Item = u128> {
        (0..=self.top / self.step).map(move |index| index * self.step)
    }

    /// What a tick says: digits in threes, or whole millions and beyond as such, all in one unit.
    pub(super) fn label(self, tick: u128) -> String {
        let units = [(10_u128.pow(12), "T"), (10_u128.pow(9), "B"), (10_u128.pow(6), "M")];
        match units.into_iter().find(|(unit, _)| *unit <= self.step) {
            Some((unit, letter)) if tick != 0 => format!("{} {letter}", grouped(tick / unit)),
            _ => grouped(tick),
        }
    }
}

/// A number with its digits in threes.
pub(crate) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What a tick of the time axis says, without the year unless that is all there is to say.
pub(super) fn day_label(step: Step, day: Date) -> String {
    match step {
        Step::Day | Step::Week => format!("{} {}", day.day(), month_name(day.month())),
        Step::Month => month_name(day.month()).to_owned(),
        Step::Year => day.year().to_string(),
    }
}

fn month_name(month: Month) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES[usize::from(u8::from(month)) - 1]
}

/// Which slots have a tick.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Every n-th from the first.
    Every(usize),
    /// Those in which a month begins whose number, counted from January = 0, n divides.
    Months(u8),
    /// Those in which a year begins that n divides.
    Years(i32),
}

impl Rule {
    /// What to try for slots of `step`, from dense to sparse.
    fn candidates(step: Step) -> impl Iterator<Item = Self> {
        let near: &[Self] = match step {
            Step::Day => &[Self::Every(1), Self::Every(2), Self::Every(7), Self::Every(14)],
            Step::Week => &[Self::Every(1), Self::Every(2), Self::Every(4)],
            Step::Month | Step::Year => &[],
        };
        let months = [1, 2, 3, 6].map(Self::Months);
        let years = (0..5).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_i32.pow(power)));
        near.iter()
            .copied()
            .chain(months.into_iter().filter(move |_| step != Step::Year))
            .chain(years.map(Self::Years))
    }

    fn has_tick(self, slots: &[Date], index: usize) -> bool {
        let day = slots[index];
        // A week that reaches into a month is that month's first.
        let begins_month = match index.checked_sub(1) {
            Some(before) => {
                (slots[before].year(), slots[before].month()) != (day.year(), day.month())
            }
            None => day.day() == 1,
        };
        let month = u8::from(day.month()) - 1;
        match self {
            Self::Every(count) => index.is_multiple_of(count),
            Self::Months(count) => begins_month && month.is_multiple_of(count),
            Self::Years(count) => begins_month && month == 0 && day.year().rem_euclid(count) == 0,
        }
    }
}

/// The slots that get a tick: the densest choice in which any two are `distance_min` pixels or
/// more apart. Never empty if there is a slot.
pub(super) fn day_ticks(
    step: Step,
    slots: &[Date],
    slot_width: f64,
    distance_min: f64,
) -> Vec<usize> {
    let fits = |ticks: &Vec<usize>| {
        !ticks.is_empty()
            && ticks.windows(2).all(|pair| distance_min <= (pair[1] - pair[0]) as f64 * slot_width)
    };
    Rule::candidates(step)
        .map(|rule| (0..slots.len()).filter(|index| rule.has_tick(slots, *index)).collect())
        .find(fits)
        .unwrap_or_else(|| (0..slots.len().min(1)).collect())
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::date;

    use super::*;

    #[test]
    fn counts_have_whole_ticks_that_reach_the_highest() {
        for (count_max, expected) in [
            (0, "0 | 1"),
            (1, "0 | 1"),
            (3, "0 | 1 | 2 | 3"),
            (6, "0 | 1 | 2 | 3 | 4 | 5 | 6"),
            (11, "0 | 2 | 4 | 6 | 8 | 10 | 12"),
            (100, "0 | 20 | 40 | 60 | 80 | 100"),
            (2_321, "0 | 500 | 1,000 | 1,500 | 2,000 | 2,500"),
            (9_999_999, "0 | 2 M | 4 M | 6 M | 8 M | 10 M"),
            (12_000_001, "0 | 2 M | 4 M | 6 M | 8 M | 10 M | 12 M | 14 M"),
            (2_500_000, "0 | 500,000 | 1,000,000 | 1,500,000 | 2,000,000 | 2,500,000"),
            (19_400_000_000, "0 | 5 B | 10 B | 15 B | 20 B"),
            (u64::MAX, "0 | 5,000,000 T | 10,000,000 T | 15,000,000 T | 20,000,000 T"),
        ] {
            let scale = CountScale::reaching(count_max);
            let labels: Vec<String> = scale.ticks().map(|tick| scale.label(tick)).collect();
            assert_eq!(labels.join(" | "), expected);
            assert!(u128::from(count_max) <= scale.top, "{count_max}");
        }
    }

    /// Slots of equal length from `first`, in a plot as wide as ours; the ticks, six to a line.
    fn ticks(step: Step, first: Date, days: i64, count: i64) -> String {
        let slots: Vec<Date> =
            (0..count).map(|index| first + Duration::days(index * days)).collect();
        let chosen = day_ticks(step, &slots, 1400.0 / count as f64, 80.0);
        let labels: Vec<String> =
            chosen.iter().map(|index| day_label(step, slots[*index])).collect();
        let lines: Vec<String> = labels.chunks(6).map(|labels| labels.join(", ")).collect();
        lines.join("\n")
    }

    #[test]
    fn days_are_labelled_as_densely_as_they_fit() {
        let first = date!(2024 - 02 - 27);
        insta::assert_snapshot!(ticks(Step::Day, first, 1, 1), @"27 Feb");
        insta::assert_snapshot!(ticks(Step::Day, first, 1, 5), @r"
        27 Feb, 28 Feb, 29 Feb, 1 Mar, 2 Mar
        ");
        insta::assert_snapshot!(ticks(Step::Day, first, 1, 30), @r"
        27 Feb, 29 Feb, 2 Mar, 4 Mar, 6 Mar, 8 Mar
        10 Mar, 12 Mar, 14 Mar, 16 Mar, 18 Mar, 20 Mar
        22 Mar, 24 Mar, 26 Mar
        ");
        insta::assert_snapshot!(ticks(Step::Day, first, 1, 90), @r"
        27 Feb, 5 Mar, 12 Mar, 19 Mar, 26 Mar, 2 Apr
        9 Apr, 16 Apr, 23 Apr, 30 Apr, 7 May, 14 May
        21 May
        ");
        insta::assert_snapshot!(ticks(Step::Day, first, 1, 400), @r"
        1 Mar, 1 Apr, 1 May, 1 Jun, 1 Jul, 1 Aug
        1 Sep, 1 Oct, 1 Nov, 1 Dec, 1 Jan, 1 Feb
        1 Mar, 1 Apr
        ");
    }

    #[test]
    fn ticks_never_stand_closer_than_asked_whatever_the_length() {
        for step in [Step::Day, Step::Week, Step::Month, Step::Year] {
            let days = [1, 7, 31, 366][step as usize];
            for count in [1_usize, 2, 13, 100, 399, 5_000] {
                let first = date!(2019 - 07 - 01);
                let slots: Vec<Date> =
                    (0..count as i64).map(|at| first + Duration::days(at * days)).collect();
                let width = 1400.0 / count as f64;
                let ticks = day_ticks(step, &slots, width, 80.0);
                assert!(!ticks.is_empty(), "{step:?} × {count}");
                for pair in ticks.windows(2) {
                    let distance = (pair[1] - pair[0]) as f64 * width;
                    assert!(80.0 <= distance, "{step:?} × {count}: {distance}");
                }
            }
        }
    }
}
