//! A date and time of day in the calendar, and how PostgreSQL reads it.

/// A date and time; the year is astronomical (0 is 1 BC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: i32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) microsecond: u32,
    /// Seconds east of UTC, if the text says.
    pub(super) offset: Option<i32>,
}

/// "4713 BC to 294276 AD" ("Datetime types"); the ends are left to PostgreSQL's own arithmetic.
const YEARS: std::ops::RangeInclusive<i32> = -4711..=294_275;

impl Moment {
    /// Midnight of a date.
    pub(super) const fn date(year: i32, month: u32, day: u32) -> Moment {
        Moment { year, month, day, hour: 0, minute: 0, second: 0, microsecond: 0, offset: None }
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub(super) fn from_epoch(seconds: i64, microsecond: u32) -> Option<Moment> {
        let days = i32::try_from(seconds.div_euclid(86_400)).ok()?;
        let rest = seconds.rem_euclid(86_400) as u32;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        let date = Moment::from_days(days)?;
        Moment { hour, minute, second, microsecond, ..date }.checked()
    }

    /// Days since 1970-01-01, by counting in years that begin in March.
    pub(super) fn from_days(days: i32) -> Option<Moment> {
        let days = i64::from(days) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
        let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u32;
        let year = i32::try_from(year_of_era + era * 400 + i64::from(month <= 2)).ok()?;
        Moment::date(year, month, day).checked()
    }

    /// The n-th day of a year, from 1.
    pub(super) fn from_day_of_year(year: i32, day_of_year: u32) -> Option<Moment> {
        let mut day = day_of_year;
        for month in 1..=12 {
            let days = days_in_month(year, month);
            if day <= days {
                return Moment::date(year, month, day).checked();
            }
            day -= days;
        }
        None
    }

    /// The moment, if there is such a one.
    pub(super) fn checked(self) -> Option<Moment> {
        let exists = YEARS.contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        exists.then_some(self)
    }

    pub(super) fn write_date(&self, out: &mut Vec<u8>) {
        self.write_day(out);
        self.write_era(out);
    }

    pub(super) fn write_timestamp(&self, out: &mut Vec<u8>) {
        self.write_time(out);
        self.write_era(out);
    }

    /// Without an offset the moment is UTC.
    pub(super) fn write_timestamp_tz(&self, out: &mut Vec<u8>) {
        self.write_time(out);
        write_offset(self.offset.unwrap_or(0), out);
        self.write_era(out);
    }

    fn write_day(&self, out: &mut Vec<u8>) {
        let year = if self.year > 0 { self.year } else { 1 - self.year } as u32;
        if year >= 10_000 {
            out.extend_from_slice(year.to_string().as_bytes());
        } else {
            write_two(year / 100, out);
            write_two(year % 100, out);
        }
        out.push(b'-');
        write_two(self.month, out);
        out.push(b'-');
        write_two(self.day, out);
    }

    fn write_time(&self, out: &mut Vec<u8>) {
        self.write_day(out);
        out.push(b' ');
        self.write_time_of_day(out);
    }

    /// The time without its date.
    pub(super) fn write_time_of_day(&self, out: &mut Vec<u8>) {
        write_two(self.hour, out);
        for number in [self.minute, self.second] {
            out.push(b':');
            write_two(number, out);
        }
        if self.microsecond > 0 {
            out.push(b'.');
            write_two(self.microsecond / 10_000, out);
            write_two(self.microsecond / 100 % 100, out);
            write_two(self.microsecond % 100, out);
        }
    }

    fn write_era(&self, out: &mut Vec<u8>) {
        if self.year <= 0 {
            out.extend_from_slice(b" BC");
        }
    }
}

/// `+01:00`; seconds only if there are any.
pub(super) fn write_offset(offset: i32, out: &mut Vec<u8>) {
    out.push(if offset < 0 { b'-' } else { b'+' });
    let seconds = offset.unsigned_abs();
    write_two(seconds / 3600, out);
    out.push(b':');
    write_two(seconds / 60 % 60, out);
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        write_two(seconds % 60, out);
    }
}

fn write_two(number: u32, out: &mut Vec<u8>) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// Days of a month, from 1; 0 if there is no such month.
pub(super) fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Two-digit years are 1970–2069, as PostgreSQL reads them.
pub(super) fn full_year(two_digits: i32) -> i32 {
    if two_digits < 70 { two_digits + 2000 } else { two_digits + 1900 }
}

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

/// A month by its full or short name at the beginning of the text, and the name's length.
pub(super) fn month_name(text: &[u8]) -> Option<(u32, usize)> {
    let begins = |name: &str| {
        text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes()))
    };
    for (number, name) in (1..).zip(MONTHS) {
        if begins(name) {
            return Some((number, name.len()));
        }
        // PostgreSQL takes one month with four letters.
        if number == 9 && begins("sept") {
            return Some((number, 4));
        }
        if begins(&name[..3]) {
            return Some((number, 3));
        }
    }
    None
}

/// The microseconds of the digits after a point, rounded as a cast does; never up to a second.
pub(super) fn microseconds(digits: &[u8]) -> u32 {
    let digit = |index: usize| digits.get(index).map_or(0, |digit| u32::from(digit - b'0'));
    let whole = (0..6).fold(0, |sum, index| sum * 10 + digit(index));
    (whole + u32::from(digit(6) >= 5)).min(999_999)
}
