//! DATEFORMAT 'auto' and TIMEFORMAT 'auto' (Database Developer Guide, "Using automatic recognition
//! with DATEFORMAT and TIMEFORMAT"): the forms of the guide's table, and what is like them.
//!
//! "Redshift recognizes what CAST does": what is taken here, PostgreSQL's cast takes with the same
//! result (compared on 60,000 texts), but for fourteen digits, which only the PostgreSQL that Redshift
//! comes from took. Not taken, though a cast would: epoch numbers, a zone without a time, the hour
//! 24 and the second 60.

use super::moment::{self, Moment};
use super::pattern::hour_of_day;
use super::zone::{self, Zone};

/// No form is longer.
const TEXT_BYTES_MAX: usize = 64;

/// Days from Julian day 0 to 1970-01-01.
const JULIAN_EPOCH: i32 = 2_440_588;

/// What the words of a text have said so far.
#[derive(Default)]
struct Found {
    /// The year and whether it had only two digits.
    year: Option<(i32, bool)>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    julian_day: Option<i32>,
    time: Option<Time>,
    afternoon: Option<bool>,
    before_christ: bool,
    zone: Option<Zone>,
    /// Whether a word has said anything yet.
    begun: bool,
}

type Time = (u32, u32, u32, u32);

/// Reads a text in any of the forms.
pub(super) fn parse(text: &[u8]) -> Option<Moment> {
    if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let mut found = Found::default();
    let words = text.split(|byte| byte.is_ascii_whitespace() || *byte == b',');
    for word in words.filter(|word| !word.is_empty()) {
        let (date, time) = split_at_t(word);
        found.word(date)?;
        found.begun = true;
        if let Some(time) = time {
            found.time_word(time)?;
        }
    }
    found.moment()
}

/// Reads a time of day, without a date (Database Developer Guide, "Date, time, and timestamp
/// literals"): `04:05:06.789`, `04:05 AM`, `040506`, `24:00:00`, with or without a zone that has one
/// offset. The date of the result does not matter.
pub(super) fn time_of_day(text: &[u8]) -> Option<Moment> {
    if text.len() > TEXT_BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let mut found = Found::default();
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    found.time_word(words.next()?)?;
    for word in words {
        if !found.meridiem(word) {
            set(&mut found.zone, zone::parse(word)?)?;
        }
    }
    let (hour, minute, second, microsecond) = found.time?;
    let hour = hour_of_day(hour, found.afternoon, false)?;
    let offset = match found.zone {
        Some(zone) => Some(zone.fixed()?),
        None => None,
    };
    let moment = Moment { hour, minute, second, microsecond, offset, ..Moment::date(2000, 1, 1) };
    let midnight = (hour, minute, second, microsecond) == (24, 0, 0, 0);
    if midnight { Some(moment) } else { moment.checked() }
}

/// `2019-02-11T05:09:12.195Z`: the first letter is a `T` and stands between digits.
fn split_at_t(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    let letter = word.iter().position(u8::is_ascii_alphabetic).unwrap_or(0);
    let digit = |index: usize| word.get(index).is_some_and(u8::is_ascii_digit);
    let splits = letter > 0 && word[letter].eq_ignore_ascii_case(&b'T');
    match splits && digit(letter - 1) && digit(letter + 1) {
        true => (&word[..letter], Some(&word[letter + 1..])),
        false => (word, None),
    }
}

impl Found {
    fn word(&mut self, word: &[u8]) -> Option<()> {
        match word.first()? {
            _ if word.contains(&b':') && word[0].is_ascii_digit() => self.time_word(word),
            b'+' | b'-' if self.time.is_some() => set(&mut self.zone, zone::parse(word)?),
            first if first.is_ascii_alphabetic() => self.name(word),
            first if first.is_ascii_digit() => self.digits(word),
            _ => None,
        }
    }

    /// `07:37:16.00`, `07:37`, `073716.00`, with AM, PM or a zone after it.
    fn time_word(&mut self, word: &[u8]) -> Option<()> {
        let is_time = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'.');
        let length = word.iter().take_while(|byte| is_time(byte)).count();
        let (clock, rest) = word.split_at(length);
        set(&mut self.time, parse_clock(clock)?)?;
        match rest {
            [] => Some(()),
            _ if self.meridiem(rest) => Some(()),
            _ => set(&mut self.zone, zone::parse(rest)?),
        }
    }

    fn meridiem(&mut self, word: &[u8]) -> bool {
        let afternoon = word.eq_ignore_ascii_case(b"PM");
        let known = afternoon || word.eq_ignore_ascii_case(b"AM");
        if known {
            self.afternoon = Some(afternoon);
        }
        known
    }

    fn name(&mut self, word: &[u8]) -> Option<()> {
        if self.meridiem(word) {
            return Some(());
        }
        if word.eq_ignore_ascii_case(b"BC") || word.eq_ignore_ascii_case(b"AD") {
            self.before_christ = word[0].eq_ignore_ascii_case(&b'B');
            return Some(());
        }
        if let [b'J' | b'j', digits @ ..] = word
            && let Some(day) = whole_number(digits)
        {
            return set(&mut self.julian_day, day);
        }
        let parts = date_parts(word);
        if parts.len() == 3 && !self.begun {
            return self.date(&parts);
        }
        let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == word.len() {
            if is_weekday(word) {
                return Some(());
            }
            if let Some(month) = whole_month(word) {
                return set(&mut self.month, month);
            }
        }
        set(&mut self.zone, zone::parse(word)?)
    }

    fn digits(&mut self, word: &[u8]) -> Option<()> {
        let parts = date_parts(word);
        match parts.as_slice() {
            [only] => self.number(only),
            [year, day] if year.len() == 4 && day.len() == 3 && word[4] == b'.' && !self.begun => {
                set(&mut self.year, (whole_number(year)?, false))?;
                set(&mut self.day_of_year, whole_number(day)? as u32)
            }
            [clock, _] if clock.len() == 6 && self.year.is_some() => self.time_word(word),
            // As in a cast, such a date comes first.
            [_, _, _] if !self.begun => self.date(&parts),
            _ => None,
        }
    }

    /// Digits without anything between them.
    fn number(&mut self, digits: &[u8]) -> Option<()> {
        let value = || whole_number(digits);
        match digits.len() {
            14 if !self.begun => {
                self.number(&digits[..8])?;
                self.time_word(&digits[8..])
            }
            8 if self.year.is_none() => self.date(&[&digits[..4], &digits[4..6], &digits[6..]]),
            6 if self.year.is_some() => self.time_word(digits),
            6 => {
                set(&mut self.year, (whole_number(&digits[..2])?, true))?;
                set(&mut self.month, whole_number(&digits[2..4])? as u32)?;
                set(&mut self.day, whole_number(&digits[4..])? as u32)
            }
            1 | 2 if self.day.is_none() => set(&mut self.day, value()? as u32),
            2 => set(&mut self.year, (value()?, true)),
            3 | 4 => set(&mut self.year, (value()?, false)),
            _ => None,
        }
    }

    /// Year first if it has more than two digits; else day before a named month, month before a day
    /// (DateStyle MDY).
    fn date(&mut self, parts: &[&[u8]]) -> Option<()> {
        let [first, second, third] = *parts else { return None };
        let (year, month, day) = match () {
            () if first.len() > 2 && first[0].is_ascii_digit() => (first, second, third),
            () if second[0].is_ascii_alphabetic() => (third, second, first),
            () => (third, first, second),
        };
        let month = match month[0].is_ascii_alphabetic() {
            true => whole_month(month)?,
            false => u32::try_from(whole_number(month)?).ok()?,
        };
        set(&mut self.year, (whole_number(year)?, year.len() <= 2))?;
        set(&mut self.month, month)?;
        set(&mut self.day, u32::try_from(whole_number(day)?).ok()?)
    }

    fn moment(self) -> Option<Moment> {
        let (hour, minute, second, microsecond) = self.time.unwrap_or_default();
        let hour = hour_of_day(hour, self.afternoon, false)?;
        let year = match self.year {
            Some((0, two_digits)) if self.before_christ || !two_digits => return None,
            Some((year, _)) if self.before_christ => Some(1 - year),
            Some((year, true)) => Some(moment::full_year(year)),
            Some((year, false)) => Some(year),
            None => None,
        };
        let date = match (self.julian_day, self.day_of_year, year) {
            (Some(day), None, None) => Moment::from_days(day.checked_sub(JULIAN_EPOCH)?)?,
            (None, Some(day), Some(year)) if self.month.is_none() => {
                Moment::from_day_of_year(year, day)?
            }
            (None, None, Some(year)) => Moment::date(year, self.month?, self.day?),
            _ => return None,
        };
        let moment = Moment { hour, minute, second, microsecond, ..date }.checked()?;
        let offset = match self.zone {
            Some(zone) => Some(zone.offset_at(&moment)?),
            None => None,
        };
        Some(Moment { offset, ..moment })
    }
}

/// Each thing is said once.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// `04:05:06.789`, `04:05`, `040506`, `040506.789`.
fn parse_clock(clock: &[u8]) -> Option<Time> {
    let (whole, fraction) = match clock.iter().position(|byte| *byte == b'.') {
        Some(point) => (&clock[..point], Some(&clock[point + 1..])),
        None => (clock, None),
    };
    let mut pieces = whole.split(|byte| *byte == b':');
    let (hour, minute, second) = match whole.len() {
        6 if !whole.contains(&b':') => (&whole[..2], &whole[2..4], Some(&whole[4..])),
        _ => (pieces.next()?, pieces.next()?, pieces.next()),
    };
    let two = |piece: &[u8]| match piece.len() {
        1 | 2 => whole_number(piece).and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let microsecond = match fraction {
        Some(digits) if second.is_some() && !digits.is_empty() => {
            digits.iter().all(u8::is_ascii_digit).then(|| moment::microseconds(digits))?
        }
        Some(_) => return None,
        None => 0,
    };
    let ended = pieces.next().is_none() || whole.len() == 6;
    ended.then_some((two(hour)?, two(minute)?, second.map_or(Some(0), two)?, microsecond))
}

/// The parts of a date between `-`, `/` or `.`; none is empty, or there is no part at all.
fn date_parts(word: &[u8]) -> Vec<&[u8]> {
    let separator = word.iter().find(|byte| matches!(byte, b'-' | b'/' | b'.'));
    let parts: Vec<&[u8]> = word.split(|byte| Some(byte) == separator).collect();
    if parts.iter().any(|part| part.is_empty()) { Vec::new() } else { parts }
}

fn whole_number(digits: &[u8]) -> Option<i32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn whole_month(word: &[u8]) -> Option<u32> {
    moment::month_name(word).filter(|(_, length)| *length == word.len()).map(|(month, _)| month)
}

fn is_weekday(word: &[u8]) -> bool {
    const NAMES: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    NAMES.iter().any(|name| {
        word.eq_ignore_ascii_case(name.as_bytes())
            || word.eq_ignore_ascii_case(&name.as_bytes()[..3])
    })
}
