//! DATE, TIME and TIMESTAMP, with and without zone, in the format of the statement (Database
//! Developer Guide, "DATEFORMAT and TIMEFORMAT strings").

use super::moment::{self, Moment, days_in_month, write_offset};
use super::pattern::{Pattern, Wanted};
use super::{FieldError, automatic, trim, zone};
use crate::copy::failure::Refusal;
use crate::copy::rejects::code;

/// DATEFORMAT.
#[derive(Debug, Clone)]
pub(super) enum DateStyle {
    /// `YYYY-MM-DD`
    Default,
    Auto,
    Pattern {
        pattern: Pattern,
        format: String,
    },
}

/// TIMEFORMAT.
#[derive(Debug, Clone)]
pub(super) enum TimeStyle {
    /// `YYYY-MM-DD HH:MI:SS`, with an offset for TIMESTAMPTZ.
    Default,
    Auto,
    EpochSeconds,
    EpochMilliseconds,
    Pattern {
        pattern: Pattern,
        format: String,
    },
}

impl DateStyle {
    pub(super) fn new(format: Option<&str>) -> Result<DateStyle, Refusal> {
        match format {
            None => Ok(DateStyle::Default),
            Some("auto") => Ok(DateStyle::Auto),
            Some(format) => Ok(DateStyle::Pattern {
                pattern: compile("DATEFORMAT", format, Pattern::is_dated)?,
                format: format.to_string(),
            }),
        }
    }

    pub(super) fn convert(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), FieldError> {
        let (_, text) = trim(text);
        // The usual form needs no parts: it is written as it is.
        if !matches!(self, DateStyle::Pattern { .. }) && is_iso_date(text) {
            let cut = matches!(text.get(10), None | Some(b' ' | b'T'));
            if cut && (matches!(self, DateStyle::Default) || text.len() == 10) {
                out.extend_from_slice(&text[..10]);
                return Ok(());
            }
        }
        let moment = match self {
            DateStyle::Default => None,
            DateStyle::Auto => automatic::parse(text),
            DateStyle::Pattern { pattern, .. } => pattern.parse(text, Wanted::Date),
        };
        let Some(moment) = moment else { return Err(self.error(text)) };
        moment.write_date(out);
        Ok(())
    }

    fn error(&self, text: &[u8]) -> FieldError {
        let reason = match self {
            DateStyle::Default if text.len() < 10 => {
                "Invalid Date Format - length must be 10 or more".to_string()
            }
            DateStyle::Default => "Invalid date format or value [YYYY-MM-DD]".to_string(),
            DateStyle::Auto => "Invalid date format or value [auto]".to_string(),
            DateStyle::Pattern { format, .. } => format!("Invalid date format or value [{format}]"),
        };
        FieldError::new(code::DATE, reason)
    }
}

impl TimeStyle {
    pub(super) fn new(format: Option<&str>) -> Result<TimeStyle, Refusal> {
        // These keywords are case-sensitive (§10).
        match format {
            None => Ok(TimeStyle::Default),
            Some("auto") => Ok(TimeStyle::Auto),
            Some("epochsecs") => Ok(TimeStyle::EpochSeconds),
            Some("epochmillisecs") => Ok(TimeStyle::EpochMilliseconds),
            Some(format) => Ok(TimeStyle::Pattern {
                pattern: compile("TIMEFORMAT", format, |_| true)?,
                format: format.to_string(),
            }),
        }
    }

    /// `zoned` is TIMESTAMPTZ. A TIMESTAMP takes the time as written: an offset is not applied, as
    /// in a cast. [?]
    pub(super) fn convert(
        &self,
        text: &[u8],
        zoned: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError> {
        let (_, text) = trim(text);
        let auto = matches!(self, TimeStyle::Auto);
        if (auto || matches!(self, TimeStyle::Default)) && write_iso(text, auto, zoned, out) {
            return Ok(());
        }
        let moment = match self {
            TimeStyle::Default => None,
            TimeStyle::Auto => automatic::parse(text),
            TimeStyle::EpochSeconds => epoch(text, 1),
            TimeStyle::EpochMilliseconds => epoch(text, 1000),
            TimeStyle::Pattern { pattern, .. } => pattern.parse(text, Wanted::Timestamp),
        };
        let Some(moment) = moment else { return Err(self.error(zoned)) };
        match zoned {
            true => moment.write_timestamp_tz(out),
            false => moment.write_timestamp(out),
        }
        Ok(())
    }

    /// TIME and, `zoned`, TIMETZ: what is a literal of it; TIMETZ with an offset, else it is UTC.
    /// What TIMEFORMAT recognises counts too, without its date. [?]
    pub(super) fn convert_time_of_day(
        &self,
        text: &[u8],
        zoned: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), FieldError> {
        let (_, text) = trim(text);
        let by_format = || match self {
            TimeStyle::Auto => automatic::parse(text),
            TimeStyle::Pattern { pattern, .. } => pattern.parse(text, Wanted::TimeOfDay),
            _ => None,
        };
        let moment = match self {
            TimeStyle::Pattern { pattern, .. } if !pattern.is_dated() => {
                by_format().or_else(|| automatic::time_of_day(text))
            }
            _ => automatic::time_of_day(text).or_else(by_format),
        };
        let Some(moment) = moment.filter(|moment| zoned || moment.offset.is_none()) else {
            let format = if zoned { "HH24:MI:SSOF" } else { "HH24:MI:SS" };
            let reason = format!("Invalid time format or value [{format}]"); // [?]
            return Err(FieldError::new(code::TIMESTAMP, reason));
        };
        moment.write_time_of_day(out);
        if zoned {
            write_offset(moment.offset.unwrap_or(0), out);
        }
        Ok(())
    }

    fn error(&self, zoned: bool) -> FieldError {
        let format = match self {
            TimeStyle::Default if zoned => "YYYY-MM-DD HH24:MI:SSOF",
            TimeStyle::Default => "YYYY-MM-DD HH24:MI:SS",
            TimeStyle::Auto => "auto",
            TimeStyle::EpochSeconds => "epochsecs",
            TimeStyle::EpochMilliseconds => "epochmillisecs",
            TimeStyle::Pattern { format, .. } => format,
        };
        let reason = format!("Invalid timestamp format or value [{format}]");
        FieldError::new(code::TIMESTAMP, reason)
    }
}

/// Digits beyond these do not change what a fraction is rounded to, the point included.
const FRACTION_BYTES_MAX: usize = 16;

fn compile(
    option: &str,
    format: &str,
    fits: impl Fn(&Pattern) -> bool,
) -> Result<Pattern, Refusal> {
    Pattern::compile(format).filter(fits).ok_or_else(|| {
        Refusal::new("22023", format!("{option} '{format}' is not a format of date and time"))
    })
}

/// Writes a text that is in the usual form already; false if it is not.
fn write_iso(text: &[u8], auto: bool, zoned: bool, out: &mut Vec<u8>) -> bool {
    if !is_iso_date(text) {
        return false;
    }
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        // "TIMESTAMP target without time: 00:00:00"
        out.extend_from_slice(text);
        out.extend_from_slice(if zoned { b" 00:00:00+00:00" } else { b" 00:00:00" });
        return true;
    };
    let separated = rest[0] == b' ' || (auto && matches!(rest[0], b'T' | b't'));
    if !separated || !is_iso_time(&rest[1..]) {
        return false;
    }
    let Some((fraction, after)) = split_fraction(&rest[9..]) else { return false };
    let after = trim(after).1;
    let offset = match after {
        [] => 0,
        // Only TIMESTAMPTZ, or a form of 'auto', has an offset.
        _ if zoned || auto => match zone::parse(after) {
            Some(zone) => match zone.offset_at(&iso_moment(text)) {
                Some(offset) => offset,
                None => return false,
            },
            None => return false,
        },
        _ => return false,
    };
    out.extend_from_slice(&text[..10]);
    out.push(b' ');
    out.extend_from_slice(&rest[1..9]);
    // PostgreSQL rounds what is beyond microseconds.
    out.extend_from_slice(&fraction[..fraction.len().min(FRACTION_BYTES_MAX)]);
    if zoned {
        write_offset(offset, out);
    }
    true
}

/// The moment of a text that begins with `YYYY-MM-DD HH:MM:SS`.
fn iso_moment(text: &[u8]) -> Moment {
    let number = |start| two_digits(text, start).unwrap_or_default();
    let (hour, minute, second) = (number(11), number(14), number(17));
    let year = (number(0) * 100 + number(2)) as i32;
    Moment { hour, minute, second, ..Moment::date(year, number(5), number(8)) }
}

/// `.ffffff` (the point included) and what follows.
fn split_fraction(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.first() != Some(&b'.') {
        return Some((&[], text));
    }
    let digits = text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then(|| text.split_at(1 + digits))
}

/// Whether the text begins with a date `YYYY-MM-DD` that exists.
fn is_iso_date(text: &[u8]) -> bool {
    let Some(date) = text.get(..10) else { return false };
    let shaped = date[4] == b'-' && date[7] == b'-';
    let (Some(high), Some(low)) = (two_digits(date, 0), two_digits(date, 2)) else { return false };
    let (Some(month), Some(day)) = (two_digits(date, 5), two_digits(date, 8)) else { return false };
    let year = high * 100 + low;
    shaped && year > 0 && day > 0 && day <= days_in_month(year as i32, month)
}

/// Whether the text begins with a time `HH:MM:SS`.
fn is_iso_time(text: &[u8]) -> bool {
    let Some(time) = text.get(..8) else { return false };
    let shaped = time[2] == b':' && time[5] == b':';
    let below = |start, limit| two_digits(time, start).is_some_and(|number| number < limit);
    shaped && below(0, 24) && below(3, 60) && below(6, 60)
}

fn two_digits(text: &[u8], start: usize) -> Option<u32> {
    let (tens, ones) = (text[start], text[start + 1]);
    let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// A count of seconds (or, with `scale` 1000, milliseconds), which may have a fraction [?].
fn epoch(text: &[u8], scale: i64) -> Option<Moment> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: i64 = std::str::from_utf8(whole).ok()?.parse().ok()?;
    // The fraction of a negative count points to the past.
    let sign = if whole.first() == Some(&b'-') { -1 } else { 1 };
    let fraction = sign * i64::from(moment::microseconds(fraction)) / scale;
    let microseconds = count.checked_mul(1_000_000 / scale)?.checked_add(fraction)?;
    let micro = microseconds.rem_euclid(1_000_000) as u32;
    Moment::from_epoch(microseconds.div_euclid(1_000_000), micro)
}
