//! The parts of a format string (Database Developer Guide, "DATEFORMAT and TIMEFORMAT strings").

use super::is_white;
use super::moment::{self, Moment};

/// A format string, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    /// Whether it has a date; else it is a time of day.
    dated: bool,
}

/// What a text is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A date; a time may follow it, and is cut.
    Date,
    /// A date and its time.
    Timestamp,
    /// A time of day, whose date does not matter.
    TimeOfDay,
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
    /// A point and digits, written out after the seconds: `SS.000`.
    Fraction,
    /// A byte that stands for itself; a blank stands for any blanks.
    Literal(u8),
}

impl Part {
    fn is_of_date(self) -> bool {
        use Part::{Day, Month, MonthName, Year, YearTwoDigits};
        matches!(self, Year | YearTwoDigits | Month | MonthName | Day)
    }

    fn is_of_time(self) -> bool {
        !self.is_of_date() && !matches!(self, Part::Literal(_))
    }
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

impl Pattern {
    /// Compiles a format string; `None` if a part of it is unknown. A time zone is one such part.
    ///
    /// What is no letter stands for itself, and so do `T` and `Z` of ISO 8601 and, as in TO_CHAR,
    /// what is in double quotes. [?] Other letters are mostly a misspelt part, which no value fits.
    pub(super) fn compile(format: &str) -> Option<Pattern> {
        let mut parts = Vec::new();
        let mut rest = format.as_bytes();
        while let Some(first) = rest.first() {
            let length = if let Some((keyword, part)) =
                KEYWORDS.iter().find(|(keyword, _)| begins(rest, keyword))
            {
                parts.push(*part);
                keyword.len()
            } else if let Some(digits) = fraction_length(&parts, rest) {
                parts.push(Part::Fraction);
                digits
            } else if *first == b'"' {
                let text = &rest[1..];
                let end = text.iter().position(|byte| *byte == b'"')?;
                parts.extend(text[..end].iter().map(|byte| Part::Literal(*byte)));
                end + 2
            } else if is_literal(rest) {
                parts.push(Part::Literal(*first));
                1
            } else {
                return None;
            };
            rest = &rest[length..];
        }
        let has = |wanted: &[Part]| parts.iter().any(|part| wanted.contains(part));
        let dated = has(&[Part::Year, Part::YearTwoDigits])
            && has(&[Part::Month, Part::MonthName])
            && has(&[Part::Day]);
        let timed =
            !parts.iter().any(|part| part.is_of_date()) && has(&[Part::Hour, Part::HourOfTwelve]);
        (dated || timed).then_some(Pattern { parts, dated })
    }

    /// Whether the format has a date.
    pub(super) fn is_dated(&self) -> bool {
        self.dated
    }

    /// Reads a text in this format.
    pub(super) fn parse(&self, text: &[u8], wanted: Wanted) -> Option<Moment> {
        let mut found = match self.dated {
            true => Moment::date(0, 0, 0),
            false if wanted == Wanted::TimeOfDay => Moment::date(2000, 1, 1),
            false => return None,
        };
        let mut afternoon = None;
        let mut twelve = false;
        let mut rest = text;
        for (index, part) in self.parts.iter().enumerate() {
            let dated = found.year != 0 && found.month != 0 && found.day != 0;
            if rest.is_empty() && dated && self.may_end_before(index, wanted) {
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
                    let next = self.parts.get(index + 1);
                    if !matches!(next, Some(Part::Literal(b'.') | Part::Fraction)) {
                        found.microsecond = fraction(&mut rest)?;
                    }
                }
                Part::Meridiem => afternoon = Some(meridiem(&mut rest)?),
                Part::Fraction if rest.first() != Some(&b'.') => return None,
                Part::Fraction => found.microsecond = fraction(&mut rest)?,
                Part::Literal(b' ') => blanks(&mut rest)?,
                Part::Literal(literal) => rest = rest.strip_prefix(&[*literal])?,
            }
        }
        let ended = match rest.first() {
            None => true,
            Some(next) => wanted == Wanted::Date && (is_white(*next) || *next == b'T'),
        };
        found.hour = hour_of_day(found.hour, afternoon, twelve)?;
        // There is no year 0 in a text.
        if ended && found.year > 0 { found.checked() } else { None }
    }

    /// Whether a text that has its date may lack the parts from this one on: "if the source data
    /// for a TIMESTAMP column omits time information, 00:00:00 is used", but all of it or nothing.
    fn may_end_before(&self, index: usize, wanted: Wanted) -> bool {
        let (read, left) = self.parts.split_at(index);
        let timed = |parts: &[Part]| parts.iter().any(|part| part.is_of_time());
        match wanted {
            Wanted::Date => true,
            Wanted::Timestamp => timed(left) && !timed(read),
            Wanted::TimeOfDay => false,
        }
    }
}

fn begins(text: &[u8], keyword: &str) -> bool {
    text.get(..keyword.len()).is_some_and(|head| head.eq_ignore_ascii_case(keyword.as_bytes()))
}

/// The bytes of `.000` after the seconds.
fn fraction_length(parts: &[Part], rest: &[u8]) -> Option<usize> {
    let digits = rest.strip_prefix(b".")?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && parts.last() == Some(&Part::Second)).then_some(1 + digits)
}

/// Whether the first byte stands for itself. `TZ` is a time zone, which a format may not have.
fn is_literal(rest: &[u8]) -> bool {
    match rest[0].to_ascii_uppercase() {
        b'T' => !begins(rest, "TZ"),
        b'Z' => true,
        other => !other.is_ascii_alphabetic(),
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
