//! Spoils a good event in one of the ways that reality knows.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Kind, pick};
use crate::event::Event;

/// Keys whose columns are NOT NULL in the prototype's table.
const REQUIRED_KEYS: [&str; 8] = [
    "id",
    "anonymous_id",
    "context_device_type",
    "event",
    "event_text",
    "timestamp",
    "sent_at",
    "received_at",
];

/// Text keys and the bytes that their columns take. The id is not among them, so that a dead letter
/// can name it.
const TEXT_LENGTHS: [(&str, usize); 6] = [
    ("context_app_version", 8),
    ("context_device_type", 16),
    ("context_locale", 5),
    ("context_network_carrier", 16),
    ("event", 32),
    ("event_text", 64),
];

/// The body of a message that is `event`, spoiled as `kind` says. Good kinds leave it as it is.
pub(super) fn spoil(mut event: Event, kind: Kind, random: &mut ChaCha8Rng) -> String {
    match kind {
        Kind::Valid | Kind::Late | Kind::Duplicate => {}
        Kind::NotJson => {
            // Any part of an object without its end is no JSON.
            let body = event.to_string();
            return body[..random.random_range(1..body.len())].to_owned();
        }
        Kind::TopLevelArray => return format!("[{event}]"),
        Kind::TwoObjects => return format!("{event} {event}"),
        Kind::MissingField => event.remove(pick(&REQUIRED_KEYS, random)),
        Kind::NullField => event.set(pick(&REQUIRED_KEYS, random), "null"),
        Kind::OverLongText => {
            let (key, bytes_max) = pick(&TEXT_LENGTHS, random);
            let excess = random.random_range(1..=64);
            event.set_text(key, "x".repeat(bytes_max + excess));
        }
        Kind::BadInteger => {
            event.set("user_id", pick(&["\"12a\"", "\"1.5\"", "12.0", "true", "\"none\""], random));
        }
        Kind::IntegerOverflow => {
            event.set(
                "user_id",
                pick(&["\"2147483648\"", "-2147483649", "\"99999999999\""], random),
            );
        }
        Kind::BadTimestamp => {
            let key = pick(&["timestamp", "sent_at", "received_at", "original_timestamp"], random);
            let time = pick(
                &[
                    "1549861752",
                    "1549861752195",
                    "\"yesterday\"",
                    "\"2019-02-30 05:09:12.195000\"",
                    "\"2019-02-11 25:09:12.195000\"",
                    "\"11th of February\"",
                ],
                random,
            );
            event.set(key, time);
        }
        Kind::BadBoolean => {
            event.set("context_network_wifi", pick(&["\"maybe\"", "2", "\"wahr\"", "-1"], random));
        }
    }
    event.to_string()
}
