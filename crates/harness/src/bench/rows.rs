//! The prototype's events as JSON objects and as CSV lines: the same rows in both.
//!
//! A pool of generated events, each row with an id of its own; repeated that far apart, gzip
//! cannot see it.

use std::time::Duration;

use anyhow::Context;
use generate_events::config::Input;
use generate_events::source::Source;
use serde_json::Value;
use time::OffsetDateTime;

/// Different events; about 12 MB of JSON, far more than gzip's window of 32 KiB.
const POOL_EVENTS: u64 = 20_000;

/// The seed of the pool.
const SEED: u64 = 7;

/// An event without its id.
struct Template {
    before_id: String,
    after_id: String,
    /// The CSV fields after the id, line end included.
    csv: String,
}

/// Makes rows.
pub(super) struct Rows {
    pool: Vec<Template>,
}

/// Some rows in both formats.
pub(super) struct Part {
    pub(super) json: Vec<u8>,
    pub(super) csv: Vec<u8>,
}

impl Rows {
    /// `columns` are the table's, in order; the first is the id.
    pub(super) fn new(columns: &[String]) -> anyhow::Result<Rows> {
        let input = Input::Random {
            seed: Some(SEED),
            start: None,
            shares: Default::default(),
            count: Some(POOL_EVENTS),
        };
        let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_549_861_752);
        let mut source = Source::open(&input, SEED, now).context("open the generator")?;
        let mut pool = Vec::new();
        while let Some(message) = source.next(Duration::ZERO, now) {
            let (before, after) =
                message.body.split_once(&message.id).context("find the id in an event")?;
            let event: Value = serde_json::from_str(&message.body).context("read an event")?;
            pool.push(Template {
                before_id: before.to_owned(),
                after_id: format!("{after}\n"),
                csv: csv_fields(&event, &columns[1..]),
            });
        }
        Ok(Rows { pool })
    }

    /// The rows from `first` on.
    pub(super) fn part(&self, first: u64, count: u64) -> Part {
        let mut part = Part { json: Vec::new(), csv: Vec::new() };
        for number in first..first + count {
            let index = usize::try_from(number % POOL_EVENTS).expect("the pool is small");
            let template = &self.pool[index];
            let id = id(number);
            for text in [&template.before_id, &id, &template.after_id] {
                part.json.extend_from_slice(text.as_bytes());
            }
            for text in [&id, &template.csv] {
                part.csv.extend_from_slice(text.as_bytes());
            }
        }
        part
    }
}

/// A UUID that does not compress better than a random one (SplitMix64).
fn id(number: u64) -> String {
    let mix = |seed: u64| {
        let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let (high, low) = (mix(2 * number + 1), mix(2 * number + 2));
    format!(
        "{:08X}-{:04X}-4{:03X}-8{:03X}-{:012X}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        low >> 52,
        low & 0xFFFF_FFFF_FFFF
    )
}

fn csv_fields(event: &Value, columns: &[String]) -> String {
    let mut line = String::new();
    for column in columns {
        line.push(',');
        match event.get(column) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.contains(['"', ',', '\n', '\r']) => {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            }
            Some(Value::String(text)) => line.push_str(text),
            Some(other) => line.push_str(&other.to_string()),
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_are_the_same_in_both_formats() {
        let columns = ["id", "event", "user_id", "sent_at"].map(str::to_owned);
        let rows = Rows::new(&columns).expect("made");
        let part = rows.part(POOL_EVENTS - 1, 2);
        let json = String::from_utf8(part.json).expect("text");
        let csv = String::from_utf8(part.csv).expect("text");
        assert_eq!((json.lines().count(), csv.lines().count()), (2, 2));
        for (json, csv) in json.lines().zip(csv.lines()) {
            let event: Value = serde_json::from_str(json).expect("an event");
            let fields: Vec<&str> = csv.split(',').collect();
            assert_eq!(event["id"], fields[0]);
            assert_eq!(event["event"], fields[1]);
            assert_eq!(event["sent_at"], fields[3]);
            assert_eq!(fields.len(), 4);
        }
        assert_ne!(json.lines().next(), json.lines().nth(1));
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let event = serde_json::json!({"a": "x,\"y\"", "b": true, "c": null, "d": ""});
        let columns = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(csv_fields(&event, &columns), ",\"x,\"\"y\"\"\",true,,,\n");
    }
}
