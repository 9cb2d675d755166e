//! Dates, times of day and time stamps that COPY recognises with `TIMEFORMAT 'auto'` (Database
//! Developer Guide, "Using automatic recognition with DATEFORMAT and TIMEFORMAT", "Date, time, and
//! timestamp literals").
//!
//! Only *whether* a text is a time is decided here, never which one. A text is cut at blanks and
//! commas into fields; each field must be a date, a time of day, a zone or part of a written-out
//! date, and none may come twice. Words such as `now` are refused: they are no time that an event
//! can carry. Where the guide is silent (hour 24, a time before its date, an era behind the clock),
//! the text is refused too: a row that COPY stumbles over costs more than a dead letter.

use std::ops::RangeInclusive;

/// The last year of Redshift's TIMESTAMP.
const YEAR_MAX: u32 = 294_276;
/// The first year BC that lies wholly within Redshift's TIMESTAMP, which begins in 4713 BC.
const YEAR_BC_MAX: u32 = 4712;
/// The Julian day of 0001-01-01; earlier ones are no days of events.
const JULIAN_DAY_MIN: u32 = 1_721_426;
/// The last Julian day within [`YEAR_MAX`].
const JULIAN_DAY_MAX: u32 = 109_203_527;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Zone names without a digit that mean the same offset at any time.
const ZONES: [&str; 32] = [
    "acst", "aest", "akdt", "akst", "ast", "adt", "awst", "bst", "cdt", "cest", "cet", "cst",
    "edt", "eest", "eet", "est", "gmt", "hst", "jst", "kst", "mdt", "msk", "mst", "nzdt", "nzst",
    "pdt", "pst", "ut", "utc", "west", "wet", "z",
];

/// A text for a TIMESTAMP or TIMESTAMPTZ column. Without a time of day it means midnight, and the
/// zone may be left out, or given to a column that has none.
pub(super) fn is_timestamp<'a>(text: &'a str) -> bool {
    let mut found = Found::<'a>::default();
    let (date, time) = split_at_t(text);
    let mut take_all = |part: &'a str, is_behind_t| {
        found.is_behind_t = is_behind_t;
        part.split([' ', ',']).filter(|field| !field.is_empty()).all(|field| found.take(field))
    };
    take_all(date, false) && take_all(time, true) && found.is_complete()
}

/// A text for a DATE column under the default DATEFORMAT, `YYYY-MM-DD`. A time of day may follow
/// and is cut; commas are for the forms with a month's name.
pub(super) fn is_date(text: &str) -> bool {
    let begins_with_day = text.len() >= 10
        && text.bytes().take(10).enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    begins_with_day && !text.contains(',') && is_timestamp(text)
}

/// A text for a TIME or TIMETZ column.
pub(super) fn is_time(text: &str) -> bool {
    let mut found = Found { needs_no_date: true, ..Found::default() };
    text.split(' ').filter(|field| !field.is_empty()).all(|field| found.take(field))
        && found.time
        && found.date.is_empty()
}

/// Cuts ISO 8601's `date T time` in two: the T stands between two digits, behind a date without
/// letters. Without it, the second part is empty.
fn split_at_t(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let place = (1..bytes.len()).find(|&index| {
        matches!(bytes[index], b'T' | b't') && is_digit(index - 1) && is_digit(index + 1)
    });
    let is_numeric = |date: &str| !date.bytes().any(|byte| byte.is_ascii_alphabetic());
    match place.filter(|&place| is_numeric(&text[..place])) {
        // Both neighbours are ASCII, so the cuts fall between characters.
        Some(place) => (&text[..place], &text[place + 1..]),
        None => (text, ""),
    }
}

/// What the fields read so far have given.
#[derive(Default)]
struct Found<'a> {
    date: DateParts<'a>,
    /// Whether a time of day may stand alone.
    needs_no_date: bool,
    /// Whether ISO 8601's `T` has been passed.
    is_behind_t: bool,
    time: bool,
    /// The hour, while AM or PM may still follow.
    hour: u32,
    half_of_day: bool,
    zone: bool,
    era: bool,
    is_bc: bool,
}

/// A date: complete, or spread over several fields (`17 Dec … 1997`).
#[derive(Default)]
struct DateParts<'a> {
    whole: Option<Day>,
    month: Option<u32>,
    day: Option<&'a str>,
    year: Option<&'a str>,
}

/// A day that still has to be checked against the calendar.
#[derive(Clone, Copy)]
enum Day {
    OfMonth { year: u32, month: u32, day: u32 },
    OfYear { year: u32, day: u32 },
    Julian(u32),
}

impl DateParts<'_> {
    fn is_empty(&self) -> bool {
        self.whole.is_none() && self.month.is_none() && self.day.is_none() && self.year.is_none()
    }

    fn is_spelled_out(&self) -> bool {
        self.month.is_some() || self.day.is_some() || self.year.is_some()
    }
}

impl<'a> Found<'a> {
    /// Takes one field; false if it is nothing known, or comes a second time.
    fn take(&mut self, field: &'a str) -> bool {
        let bytes = field.as_bytes();
        if field.contains(':') {
            return self.take_time(field);
        }
        if matches!(bytes.first(), Some(b'+' | b'-')) {
            return self.take_zone(field);
        }
        if field.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return self.take_word(field);
        }
        if self.date.whole.is_some() && !self.time {
            return self.take_compact_time(field);
        }
        self.take_date(field)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "am" | "pm" => {
                self.time && self.hour <= 12 && !std::mem::replace(&mut self.half_of_day, true)
            }
            "ad" | "bc" => {
                self.is_bc = lower == "bc";
                !std::mem::replace(&mut self.era, true)
            }
            _ => match month_number(&lower) {
                Some(month) if self.date.whole.is_none() => {
                    self.date.month.replace(month).is_none()
                }
                _ => self.take_zone(word),
            },
        }
    }

    /// `Z`, `PST`, `+01`, `-0800`, `+05:30`. Only a time of day has a zone.
    fn take_zone(&mut self, zone: &str) -> bool {
        self.time && is_zone(zone) && !std::mem::replace(&mut self.zone, true)
    }

    /// `HH:MI[:SS[.ffffff]]` behind a date or part of one, with AM, PM, Z or an offset directly
    /// behind it.
    fn take_time(&mut self, field: &'a str) -> bool {
        // An offset may hold colons of its own, and stands alone after a blank.
        if matches!(field.as_bytes().first(), Some(b'+' | b'-')) {
            return self.take_zone(field);
        }
        let end = field
            .find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.')
            .unwrap_or(field.len());
        let (clock, behind) = field.split_at(end);
        let Some(hour) = clock_hour(clock) else { return false };
        let is_early = self.date.is_empty() && !self.needs_no_date;
        if is_early || std::mem::replace(&mut self.time, true) {
            return false;
        }
        self.hour = hour;
        match behind.as_bytes() {
            [] => true,
            [b'+' | b'-', ..] => self.take_zone(behind),
            [b'z' | b'Z'] | [b'a' | b'A' | b'p' | b'P', b'm' | b'M'] => self.take_word(behind),
            _ => false,
        }
    }

    /// `HHMISS[.ffffff]` behind a date of the calendar; in ISO 8601's form with Z or an offset
    /// directly behind it.
    fn take_compact_time(&mut self, field: &'a str) -> bool {
        let end = field.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(field.len());
        let (clock, behind) = field.split_at(end);
        let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let (Some(hours), Some(minutes), Some(seconds)) =
            (whole.get(..2), whole.get(2..4), whole.get(4..6))
        else {
            return false;
        };
        let spelled_out = format!("{hours}:{minutes}:{seconds}.{fraction}");
        let Some(hour) = clock_hour(&spelled_out).filter(|_| whole.len() == 6) else {
            return false;
        };
        self.time = true;
        self.hour = hour;
        let is_offset =
            self.is_behind_t && matches!(behind.as_bytes(), [b'z' | b'Z'] | [b'+' | b'-', ..]);
        let is_of_calendar = !matches!(self.date.whole, Some(Day::Julian(_)));
        is_of_calendar && (behind.is_empty() || is_offset && self.take_zone(behind))
    }

    fn take_date(&mut self, field: &'a str) -> bool {
        if self.date.whole.is_some() {
            return false;
        }
        let julian = field.strip_prefix(['J', 'j']).and_then(|day| number(day, 1..=9));
        if julian.is_some() {
            return self.take_whole(julian.map(Day::Julian));
        }
        let Some(separator) = field.chars().find(|c| !c.is_ascii_alphanumeric()) else {
            return self.take_digits(field);
        };
        let mut parts = field.split(separator);
        match (separator, parts.next(), parts.next(), parts.next(), parts.next()) {
            ('.', Some(year), Some(day), None, None) if year.len() == 4 && day.len() == 3 => {
                let (year, day) = (number(year, 4..=4), number(day, 3..=3));
                self.take_whole(year.zip(day).map(|(year, day)| Day::OfYear { year, day }))
            }
            ('-' | '/' | '.', Some(first), Some(second), Some(third), None) => {
                self.take_three(first, second, third)
            }
            _ => false,
        }
    }

    fn take_whole(&mut self, day: Option<Day>) -> bool {
        if self.date.is_spelled_out() {
            return false;
        }
        self.date.whole = day;
        day.is_some()
    }

    /// Digits alone: `YYYYMMDD`, `YYMMDD`, or day and year of a written-out date.
    fn take_digits(&mut self, field: &'a str) -> bool {
        if !field.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        match field.len() {
            6 | 8 => {
                let (year, rest) = field.split_at(field.len() - 4);
                let (month, day) = rest.split_at(2);
                let day = of_month(year, month, day);
                self.take_whole(day)
            }
            1 | 2 if self.date.day.is_none() => {
                self.date.day = Some(field);
                true
            }
            2 | 4 => self.date.year.replace(field).is_none(),
            _ => false,
        }
    }

    /// Year first if it has four digits, else month, day, year. A month's name may stand anywhere.
    fn take_three(&mut self, first: &'a str, second: &'a str, third: &'a str) -> bool {
        let name = |part: &str| month_number(&part.to_ascii_lowercase());
        let day = match (name(first), name(second), first.len()) {
            (Some(month), None, _) => of_named_month(third, month, second),
            (None, Some(month), 4) => of_named_month(first, month, third),
            (None, Some(month), _) => of_named_month(third, month, first),
            (None, None, 4) => of_month(first, second, third),
            _ => of_month(third, first, second),
        };
        self.take_whole(day)
    }

    /// Whether there is a date, and it is in the calendar.
    fn is_complete(&self) -> bool {
        let day = match &self.date {
            DateParts { whole: Some(day), .. } => Some(*day),
            DateParts { month: Some(month), day: Some(day), year: Some(year), .. } => {
                of_named_month(year, *month, day)
            }
            _ => None,
        };
        day.is_some_and(|day| self.is_in_calendar(day))
    }

    fn is_in_calendar(&self, day: Day) -> bool {
        let year = match day {
            Day::Julian(day) => {
                return !self.era && (JULIAN_DAY_MIN..=JULIAN_DAY_MAX).contains(&day);
            }
            Day::OfMonth { year, .. } | Day::OfYear { year, .. } => year,
        };
        // The year before 1 AD is 1 BC, which is a leap year.
        let is_leap = match if self.is_bc { year.wrapping_sub(1) } else { year } {
            year if year.is_multiple_of(100) => year.is_multiple_of(400),
            year => year.is_multiple_of(4),
        };
        let year_max = if self.is_bc { YEAR_BC_MAX } else { YEAR_MAX };
        let is_day = match day {
            Day::OfMonth { month, day, .. } => {
                (1..=12).contains(&month) && (1..=days_of_month(month, is_leap)).contains(&day)
            }
            Day::OfYear { day, .. } => (1..=365 + u32::from(is_leap)).contains(&day),
            Day::Julian(_) => true,
        };
        (1..=year_max).contains(&year) && is_day
    }
}

fn days_of_month(month: u32, is_leap: bool) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn of_month(year: &str, month: &str, day: &str) -> Option<Day> {
    of_named_month(year, number(month, 1..=2)?, day)
}

/// Years of two digits mean 1970 to 2069; the leap days of those are what matters here.
fn of_named_month(year: &str, month: u32, day: &str) -> Option<Day> {
    let day = number(day, 1..=2)?;
    let year = match (year.len(), number(year, 2..=4)?) {
        (2, year @ 70..) => 1900 + year,
        (2, year) => 2000 + year,
        (4, year) => year,
        _ => return None,
    };
    Some(Day::OfMonth { year, month, day })
}

/// Digits only, and as many as `lengths` allows (nine at most, so that any number fits).
fn number(text: &str, lengths: RangeInclusive<usize>) -> Option<u32> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits && lengths.contains(&text.len())).then(|| text.parse().ok()).flatten()
}

/// A month's full name or its first three letters, in lower case.
fn month_number(word: &str) -> Option<u32> {
    let place = MONTHS.iter().position(|month| *month == word || month[..3] == *word)?;
    u32::try_from(place + 1).ok()
}

/// The hour of `HH:MI[:SS[.f…]]`, if that is a time of day.
fn clock_hour(clock: &str) -> Option<u32> {
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 1..=2)?;
    let minute = number(parts.next()?, 2..=2)?;
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
        None => ("00", "0"),
    };
    let second = number(second, 2..=2)?;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let is_in_day = hour <= 23 && minute <= 59 && second <= 59;
    (parts.next().is_none() && is_fraction && is_in_day).then_some(hour)
}

/// An abbreviation of [`ZONES`], or an offset of at most 15:59.
fn is_zone(zone: &str) -> bool {
    let Some(offset) = zone.strip_prefix(['+', '-']) else {
        return ZONES.contains(&zone.to_ascii_lowercase().as_str());
    };
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None if offset.len() <= 2 => (offset, "00"),
        None if offset.is_char_boundary(2) => offset.split_at(2),
        None => return false,
    };
    let is_hour = number(hours, 1..=2).is_some_and(|hour| hour <= 15);
    is_hour && number(minutes, 2..=2).is_some_and(|minute| minute <= 59)
}

#[cfg(test)]
mod tests;
