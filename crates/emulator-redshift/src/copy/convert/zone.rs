//! Time zones: offsets from UTC, abbreviations, and names of the IANA time zone database.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::moment::Moment;

/// The one that is built in: the same rules on every machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Abbreviations and their minutes east of UTC, as PostgreSQL's default set has them. Names that
/// mean different zones in different countries follow it too.
const ABBREVIATIONS: [(&str, i32); 49] = [
    ("z", 0),
    ("utc", 0),
    ("ut", 0),
    ("gmt", 0),
    ("zulu", 0),
    ("wet", 0),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("met", 60),
    ("cest", 120),
    ("mest", 120),
    ("eet", 120),
    ("eest", 180),
    ("sast", 120),
    ("msk", 180),
    ("idt", 180),
    ("ist", 120),
    ("pkt", 300),
    ("npt", 345),
    ("bdt", 360),
    ("ict", 420),
    ("hkt", 480),
    ("sgt", 480),
    ("pht", 480),
    ("awst", 480),
    ("jst", 540),
    ("kst", 540),
    ("acst", 570),
    ("acdt", 630),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
    ("brt", -180),
    ("art", -180),
    ("ast", -240),
    ("adt", -180),
    ("est", -300),
    ("edt", -240),
    ("cst", -360),
    ("cdt", -300),
    ("mst", -420),
    ("mdt", -360),
    ("pst", -480),
    ("pdt", -420),
    ("akst", -540),
    ("akdt", -480),
    ("hst", -600),
];

/// PostgreSQL refuses offsets of 16 hours and more.
const OFFSET_HOURS_MAX: i32 = 15;

/// What a text says of its time zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Zone {
    /// Seconds east of UTC.
    Offset(i32),
    /// The offset depends on the date.
    Named(TimeZone),
}

impl Zone {
    /// Seconds east of UTC at a local time. As PostgreSQL has it, a time that the clocks skip is
    /// read as if they had not been set yet, and one that comes twice is the second one.
    pub(super) fn offset_at(&self, local: &Moment) -> Option<i32> {
        let zone = match self {
            Zone::Offset(offset) => return Some(*offset),
            Zone::Named(zone) => zone,
        };
        // The calendar, its weeks too, repeats every 400 years; the database ends with year 9999.
        let year = if local.year > 9999 { 9600 + local.year % 400 } else { local.year };
        let civil = DateTime::new(
            i16::try_from(year).ok()?,
            local.month as i8,
            local.day as i8,
            local.hour as i8,
            local.minute as i8,
            local.second as i8,
            0,
        );
        let offset = match zone.to_ambiguous_timestamp(civil.ok()?).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            AmbiguousOffset::Fold { after, .. } => after,
        };
        Some(offset.seconds())
    }

    /// Seconds east of UTC, if they have been the same on every day.
    pub(super) fn fixed(&self) -> Option<i32> {
        match self {
            Zone::Offset(offset) => Some(*offset),
            Zone::Named(zone) => {
                let changes = zone.following(Timestamp::MIN).next().is_some();
                (!changes).then(|| zone.to_offset(Timestamp::MIN).seconds())
            }
        }
    }
}

/// `Z`, `PST`, `+01`, `-0330`, `+05:45`, `+01:02:03`, `America/New_York`.
pub(super) fn parse(text: &[u8]) -> Option<Zone> {
    match text.first()? {
        b'+' => numeric(&text[1..]).map(Zone::Offset),
        b'-' => numeric(&text[1..]).map(|offset| Zone::Offset(-offset)),
        _ => abbreviation(text).map(Zone::Offset).or_else(|| named(text)),
    }
}

/// In any case, as in a cast.
fn named(text: &[u8]) -> Option<Zone> {
    let zone = ZONES.get(std::str::from_utf8(text).ok()?).ok()?;
    (!zone.is_unknown()).then_some(Zone::Named(zone))
}

/// Seconds east of UTC of an abbreviation.
fn abbreviation(text: &[u8]) -> Option<i32> {
    ABBREVIATIONS
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, minutes)| minutes * 60)
}

fn numeric(text: &[u8]) -> Option<i32> {
    let mut parts = [0; 3];
    let colon = text.contains(&b':');
    let pieces: Vec<&[u8]> = match colon {
        true => text.split(|byte| *byte == b':').collect(),
        // `+1`, `+01`, `+130`, `+0130`
        false if text.len() > 2 => {
            let (hours, minutes) = text.split_at(text.len() - 2);
            vec![hours, minutes]
        }
        false => vec![text],
    };
    if pieces.len() > parts.len() {
        return None;
    }
    for (part, piece) in parts.iter_mut().zip(&pieces) {
        let digits = (1..=2).contains(&piece.len()) && piece.iter().all(u8::is_ascii_digit);
        *part = std::str::from_utf8(piece).ok().filter(|_| digits)?.parse().ok()?;
    }
    let [hours, minutes, seconds] = parts;
    let valid = hours <= OFFSET_HOURS_MAX && minutes < 60 && seconds < 60;
    valid.then_some(hours * 3600 + minutes * 60 + seconds)
}
