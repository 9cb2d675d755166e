//! The parts of a format string (Database Developer Guide, "DATEFORMAT and TIMEFORMAT strings").

use super::is_white;
use super::moment::{self, Moment};

/// A format string, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    YearTwoDigits,
    Month,
    MonthName,
    Day,
    Hour,
    HourOfTwelve,
    Minute,
    Second,
    Meridiem,
    Separator(u8),
}

// Longer keywords first: `HH` (24 hours here, 12 in TO_CHAR) begins three of them.
const KEYWORDS: [(&str, Part); 12] = [
    ("YYYY", Part::Year),
    ("YY", Part::YearTwoDigits),
    ("MON", Part::MonthName),
    ("MM", Part::Month),
    ("MI", Part::Minute),
    ("DD", Part::Day),
    ("HH24", Part::Hour),
    ("HH12", Part::HourOfTwelve),
    ("HH", Part::Hour),
    ("SS", Part::Second),
    ("AM", Part::Meridiem),
    ("PM", Part::Meridiem),
];

const SEPARATORS: &[u8] = b"-/.:, T";

impl Pattern {
    /// Compiles a format string; `None` if a part of it is unknown. A time zone is one such part.
    pub(super) fn compile(format: &str) -> Option<Pattern> {
        let mut parts = Vec::new();
        let mut rest = format.as_bytes();
        while let Some(first) = rest.first() {
            let begins = |keyword: &str| {
                rest.get(..keyword.len())
                    .is_some_and(|head| head.eq_ignore_ascii_case(keyword.as_bytes()))
            };
            let length = if let Some((keyword, part)) =
                KEYWORDS.iter().find(|(keyword, _)| begins(keyword))
            {
                parts.push(*part);
                keyword.len()
            } else if SEPARATORS.contains(first) {
                parts.push(Part::Separator(*first));
                1
            } else {
                return None;
            };
            rest = &rest[length..];
        }
        let has = |wanted: &[Part]| parts.iter().any(|part| wanted.contains(part));
        let complete = has(&[Part::Year, Part::YearTwoDigits])
            && has(&[Part::Month, Part::MonthName])
            && has(&[Part::Day]);
        complete.then_some(Pattern { parts })
    }

    /// Reads a text in this format; for a date, a time may follow and is cut.
    pub(super) fn parse(&self, text: &[u8], date_only: bool) -> Option<Moment> {
        let mut found = Moment::date(0, 0, 0);
        let mut afternoon = None;
        let mut twelve = false;
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            // A time that is cut need not be there.
            let dated = found.year != 0 && found.month != 0 && found.day != 0;
            if date_only && dated && rest.is_empty() {
                break;
            }
            match part {
                Part::Year => found.year = number(&mut rest, 4, 4)? as i32,
                Part::YearTwoDigits => {
                    found.year = moment::full_year(number(&mut rest, 2, 2)? as i32);
                }
                Part::Month => found.month = number(&mut rest, 1, 2)?,
                Part::MonthName => {
                    let (month, length) = moment::month_name(rest)?;
                    found.month = month;
                    rest = &rest[length..];
                }
                Part::Day => found.day = number(&mut rest, 1, 2)?,
                Part::Hour => found.hour = number(&mut rest, 1, 2)?,
                Part::HourOfTwelve => {
                    twelve = true;
                    found.hour = number(&mut rest, 1, 2)?;
                }
                Part::Minute => found.minute = number(&mut rest, 1, 2)?,
                Part::Second => {
                    found.second = number(&mut rest, 1, 2)?;
                    // A fraction needs no pattern, unless the pattern wants the point itself.
                    if self.parts.get(index + 1) != Some(&Part::Separator(b'.')) {
                        found.microsecond = fraction(&mut rest)?;
                    }
                }
                Part::Meridiem => afternoon = Some(meridiem(&mut rest)?),
                Part::Separator(b' ') => blanks(&mut rest)?,
                Part::Separator(separator) => {
                    rest = rest.strip_prefix(&[*separator])?;
                }
            }
        }
        let ended = match rest.first() {
            None => true,
            Some(next) => date_only && (is_white(*next) || *next == b'T'),
        };
        found.hour = hour_of_day(found.hour, afternoon, twelve)?;
        // There is no year 0 in a text.
        if ended && found.year > 0 { found.checked() } else { None }
    }
}

/// The hour of the day of an hour with or without AM or PM, which go up to 12.
pub(super) fn hour_of_day(hour: u32, afternoon: Option<bool>, twelve: bool) -> Option<u32> {
    match afternoon {
        _ if twelve && !(1..=12).contains(&hour) => None,
        Some(_) if hour > 12 => None,
        Some(afternoon) => Some(hour % 12 + if afternoon { 12 } else { 0 }),
        None => Some(hour),
    }
}

fn number(rest: &mut &[u8], digits_min: usize, digits_max: usize) -> Option<u32> {
    let digits = rest.iter().take(digits_max).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < digits_min {
        return None;
    }
    let value = rest[..digits].iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    *rest = &rest[digits..];
    Some(value)
}

fn fraction(rest: &mut &[u8]) -> Option<u32> {
    let Some(after) = rest.strip_prefix(b".") else { return Some(0) };
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    *rest = &after[digits..];
    Some(moment::microseconds(&after[..digits]))
}

fn meridiem(rest: &mut &[u8]) -> Option<bool> {
    let head = rest.get(..2)?;
    let afternoon = match () {
        () if head.eq_ignore_ascii_case(b"AM") => false,
        () if head.eq_ignore_ascii_case(b"PM") => true,
        () => return None,
    };
    *rest = &rest[2..];
    Some(afternoon)
}

fn blanks(rest: &mut &[u8]) -> Option<()> {
    let count = rest.iter().take_while(|byte| is_white(**byte)).count();
    *rest = &rest[count..];
    (count > 0).then_some(())
}
