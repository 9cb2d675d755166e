//! The event as the 2019 prototype sends it: a JSON object of up to 23 keys, flat, in the order and
//! with the punctuation of Python's `json.dumps`.

use std::fmt::{self, Write as _};

use time::{Duration, OffsetDateTime, UtcOffset, Weekday};

/// An event on its way into a message: its keys in order, each with its value as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    fields: Vec<(&'static str, String)>,
}

impl Event {
    /// An event without keys.
    pub fn new() -> Event {
        Event { fields: Vec::with_capacity(24) }
    }

    /// Sets `key` to a string, which must need no escapes in JSON.
    pub fn set_text(&mut self, key: &'static str, text: impl fmt::Display) {
        self.set(key, format!("\"{text}\""));
    }

    /// Sets `key` to a value that is JSON already. A key that is there keeps its place.
    pub fn set(&mut self, key: &'static str, json: impl Into<String>) {
        let json = json.into();
        match self.fields.iter_mut().find(|(existing, _)| *existing == key) {
            Some((_, value)) => *value = json,
            None => self.fields.push((key, json)),
        }
    }

    /// Takes `key` away, if it is there.
    pub fn remove(&mut self, key: &str) {
        self.fields.retain(|(existing, _)| *existing != key);
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.fields.iter().map(|(key, _)| *key)
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

/// `{"id": "…", "event": "…"}`: blanks after comma and colon, as Python writes it.
impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('{')?;
        for (index, (key, value)) in self.fields.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(formatter, "{separator}\"{key}\": {value}")?;
        }
        formatter.write_char('}')
    }
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`, in the offset that `time` has.
pub fn prototype_time(time: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    )
}

/// `YYYY-MM-DD HH:MM:SS.ffffff+0100`: the local time in Berlin and its offset.
pub fn prototype_time_in_berlin(time: OffsetDateTime) -> String {
    let offset = berlin_offset(time);
    let local = prototype_time(time.to_offset(offset));
    format!("{local}+{:02}00", offset.whole_hours())
}

/// Berlin's offset from UTC. Summer time reigns from 01:00 UTC on March's last Sunday until 01:00
/// UTC on October's last Sunday (Directive 2000/84/EC, articles 2 and 3), since 1996.
pub fn berlin_offset(time: OffsetDateTime) -> UtcOffset {
    let utc = time.to_offset(UtcOffset::UTC);
    let is_summer = match u8::from(utc.month()) {
        4..=9 => true,
        3 => has_changed_this_month(utc),
        10 => !has_changed_this_month(utc),
        _ => false,
    };
    let hours = if is_summer { 2 } else { 1 };
    UtcOffset::from_hms(hours, 0, 0).expect("two hours are a legal offset")
}

/// Whether 01:00 UTC on the last Sunday of the month of 31 days that `utc` lies in is past.
fn has_changed_this_month(utc: OffsetDateTime) -> bool {
    let last_day = utc.date().replace_day(31).expect("March and October have 31 days");
    let days_after_sunday = match last_day.weekday() {
        Weekday::Sunday => 0,
        weekday => i64::from(weekday.number_from_monday()),
    };
    let last_sunday = last_day - Duration::days(days_after_sunday);
    let change = last_sunday.midnight().assume_utc() + Duration::hours(1);
    change <= utc
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_event_looks_as_python_dumps_it() {
        let mut event = Event::new();
        event.set_text("id", "A");
        event.set("context_network_wifi", "true");
        event.set("context_device_token", "null");
        event.set_text("id", "B");
        assert_eq!(
            event.to_string(),
            r#"{"id": "B", "context_network_wifi": true, "context_device_token": null}"#
        );
    }

    #[test]
    fn berlin_follows_the_summer_time_of_the_union() {
        let check = |time: OffsetDateTime, expected: &str| {
            assert_eq!(prototype_time_in_berlin(time), expected, "{time}");
        };
        check(datetime!(2019-02-11 05:09:12.195 UTC), "2019-02-11 06:09:12.195000+0100");
        check(datetime!(2019-03-31 00:59:59.999999 UTC), "2019-03-31 01:59:59.999999+0100");
        check(datetime!(2019-03-31 01:00 UTC), "2019-03-31 03:00:00.000000+0200");
        check(datetime!(2019-07-01 23:30 UTC), "2019-07-02 01:30:00.000000+0200");
        check(datetime!(2019-10-27 00:59:59 UTC), "2019-10-27 02:59:59.000000+0200");
        check(datetime!(2019-10-27 01:00 UTC), "2019-10-27 02:00:00.000000+0100");
        check(datetime!(2024-03-31 01:00 UTC), "2024-03-31 03:00:00.000000+0200");
        check(datetime!(2022-10-30 01:00 UTC), "2022-10-30 02:00:00.000000+0100");
        check(datetime!(2019-12-31 23:30 UTC), "2020-01-01 00:30:00.000000+0100");
    }
}
