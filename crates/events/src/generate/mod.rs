//! Random events as the prototype makes them, from a seed.
//!
//! The same seed and the same times give the same messages, whatever the machine. Two random
//! streams are at work: one, from the seed alone, decides what each message is and what it says;
//! the other, from the seed and the start, makes the ids. So a seed replays a run's shape on
//! another day without its ids coming again, which a warehouse would drop as duplicates.

mod malformed;

use std::collections::VecDeque;

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use time::{Duration, OffsetDateTime, UtcOffset};

use crate::event::{Event, prototype_time, prototype_time_in_berlin};
use crate::validate::Rule;

/// A duplicate repeats a good event that is among this many messages before it.
const DUPLICATE_DISTANCE_MAX: u64 = 1_000;
/// Late events happened at least this long ago.
const LATE_MIN: Duration = Duration::hours(1);
/// Late events happened at most this long ago.
const LATE_MAX: Duration = Duration::hours(72);

/// How likely each message is to be something else than a good new event. Each is a probability, 0
/// to 1; together at most 1, and what exceeds 1 is taken from the later ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// Messages that the table could not take.
    pub malformed: f64,
    /// Good events sent once more.
    pub duplicate: f64,
    /// Good events that happened 1 to 72 hours ago.
    pub late: f64,
}

/// What a generated message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A good event that happens now.
    Valid,
    /// A good event that happened 1 to 72 hours ago.
    Late,
    /// An earlier good event once more: same id, same body.
    Duplicate,
    /// An event cut off somewhere.
    NotJson,
    /// An event wrapped in an array.
    TopLevelArray,
    /// Two events in one message.
    TwoObjects,
    /// An event that lacks the key of a NOT NULL column.
    MissingField,
    /// An event with `null` for a NOT NULL column.
    NullField,
    /// An event with a text longer than its column.
    OverLongText,
    /// An event whose `user_id` is not an integer.
    BadInteger,
    /// An event whose `user_id` is beyond INTEGER.
    IntegerOverflow,
    /// An event with a time that is none.
    BadTimestamp,
    /// An event with a boolean that is none.
    BadBoolean,
}

impl Kind {
    /// The kinds that the table could not take.
    pub const MALFORMED: [Kind; 10] = [
        Kind::NotJson,
        Kind::TopLevelArray,
        Kind::TwoObjects,
        Kind::MissingField,
        Kind::NullField,
        Kind::OverLongText,
        Kind::BadInteger,
        Kind::IntegerOverflow,
        Kind::BadTimestamp,
        Kind::BadBoolean,
    ];

    /// The kind's stable name for programs, in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::NotJson => "not-json",
            Self::TopLevelArray => "top-level-array",
            Self::TwoObjects => "two-objects",
            Self::MissingField => "missing-field",
            Self::NullField => "null-field",
            Self::OverLongText => "over-long-text",
            Self::BadInteger => "bad-integer",
            Self::IntegerOverflow => "integer-overflow",
            Self::BadTimestamp => "bad-timestamp",
            Self::BadBoolean => "bad-boolean",
        }
    }

    /// The rule that a message of this kind breaks; `None` for good events.
    pub fn broken_rule(self) -> Option<Rule> {
        match self {
            Self::Valid | Self::Late | Self::Duplicate => None,
            Self::NotJson => Some(Rule::NotJson),
            Self::TopLevelArray => Some(Rule::NotAnObject),
            Self::TwoObjects => Some(Rule::TrailingCharacters),
            Self::MissingField => Some(Rule::Missing),
            Self::NullField => Some(Rule::NotNull),
            Self::OverLongText => Some(Rule::TooLong),
            Self::BadInteger => Some(Rule::Integer),
            Self::IntegerOverflow => Some(Rule::IntegerRange),
            Self::BadTimestamp => Some(Rule::Timestamp),
            Self::BadBoolean => Some(Rule::Boolean),
        }
    }

    /// Whether the table could not take a message of this kind.
    pub fn is_malformed(self) -> bool {
        self.broken_rule().is_some()
    }
}

/// One message, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedMessage {
    /// The id that the event has, or had before it was spoiled. Unique except for duplicates.
    pub id: String,
    /// What the message is.
    pub kind: Kind,
    /// The message's body: ASCII, one line, under 4 KiB.
    pub body: String,
}

/// Makes one message after the other.
#[derive(Debug)]
pub struct Generator {
    shares: Shares,
    shape: ChaCha8Rng,
    identity: ChaCha8Rng,
    /// How many messages were made.
    count: u64,
    /// The good events a duplicate may repeat, oldest first.
    recent: VecDeque<Repeatable>,
}

#[derive(Debug)]
struct Repeatable {
    index: u64,
    id: String,
    body: String,
}

impl Generator {
    /// A generator whose messages follow from `seed`, and their ids from `seed` and `start`.
    pub fn new(seed: u64, start: OffsetDateTime, shares: Shares) -> Generator {
        let mut identity_seed = [0; 32];
        identity_seed[..8].copy_from_slice(&seed.to_le_bytes());
        identity_seed[8..24].copy_from_slice(&start.unix_timestamp_nanos().to_le_bytes());
        Generator {
            shares,
            shape: ChaCha8Rng::seed_from_u64(seed),
            identity: ChaCha8Rng::from_seed(identity_seed),
            count: 0,
            recent: VecDeque::new(),
        }
    }

    /// The next message; a new event in it happens at `now`.
    pub fn next_at(&mut self, now: OffsetDateTime) -> GeneratedMessage {
        let index = self.count;
        self.count += 1;
        let is_too_old = |earlier: &Repeatable| DUPLICATE_DISTANCE_MAX < index - earlier.index;
        while self.recent.front().is_some_and(is_too_old) {
            self.recent.pop_front();
        }
        let kind = self.draw_kind();
        if kind == Kind::Duplicate {
            return self.repeat();
        }
        let id = self.uuid();
        let happened = match kind {
            Kind::Late => now - self.duration(LATE_MIN, LATE_MAX),
            _ => now,
        };
        let event = self.event(&id, happened);
        if kind.is_malformed() {
            let body = malformed::spoil(event, kind, &mut self.shape);
            return GeneratedMessage { id, kind, body };
        }
        let body = event.to_string();
        self.recent.push_back(Repeatable { index, id: id.clone(), body: body.clone() });
        GeneratedMessage { id, kind, body }
    }

    fn draw_kind(&mut self) -> Kind {
        let Shares { malformed, duplicate, late } = self.shares;
        let draw: f64 = self.shape.random();
        if draw < malformed {
            return pick(&Kind::MALFORMED, &mut self.shape);
        }
        if draw < malformed + duplicate && !self.recent.is_empty() {
            return Kind::Duplicate;
        }
        if malformed + duplicate <= draw && draw < malformed + duplicate + late {
            return Kind::Late;
        }
        Kind::Valid
    }

    fn repeat(&mut self) -> GeneratedMessage {
        let index = self.shape.random_range(0..self.recent.len());
        let Repeatable { id, body, .. } = &self.recent[index];
        GeneratedMessage { id: id.clone(), kind: Kind::Duplicate, body: body.clone() }
    }

    /// A random UUID, in capitals as the prototype's.
    fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.identity.fill_bytes(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        uuid.hyphenated().encode_upper(&mut uuid::Uuid::encode_buffer()).to_owned()
    }

    /// At least `minimum`, less than `maximum`, in whole microseconds.
    fn duration(&mut self, minimum: Duration, maximum: Duration) -> Duration {
        let microseconds =
            self.shape.random_range(minimum.whole_microseconds()..maximum.whole_microseconds());
        Duration::microseconds(i64::try_from(microseconds).unwrap_or(i64::MAX))
    }

    /// The prototype's event, with a random choice of its optional keys.
    fn event(&mut self, id: &str, happened: OffsetDateTime) -> Event {
        let step = |generator: &mut Self| {
            generator.duration(Duration::microseconds(1), Duration::milliseconds(5))
        };
        let timestamp = happened.to_offset(UtcOffset::UTC);
        let original = timestamp - step(self);
        let sent = timestamp + step(self);
        let received = sent + step(self);
        let (device_type, os_name) =
            pick(&[("android", "Android"), ("ios", "iOS")], &mut self.shape);
        let (name, text) = pick(
            &[
                ("submission_success", "submissionSuccess"),
                ("registration_initiated", "registrationInitiated"),
                ("another_event", "anotherEvent"),
            ],
            &mut self.shape,
        );
        let mut event = Event::new();
        event.set_text("id", id);
        event.set_text("anonymous_id", self.uuid());
        event.set_text("received_at", prototype_time(received));
        event.set_text("sent_at", prototype_time(sent));
        event.set_text("timestamp", prototype_time(timestamp));
        event.set_text("original_timestamp", prototype_time_in_berlin(original));
        event.set_text("context_device_manufacturer", "Apple");
        event.set_text("context_device_model", "iPhone8,4");
        event.set_text("context_device_type", device_type);
        event.set_text("context_os_name", os_name);
        event.set_text("context_locale", "de-DE");
        event.set("context_network_wifi", self.boolean());
        event.set_text("context_network_carrier", "o2-de");
        event.set_text("context_traits_taxfix_language", "en-DE");
        event.set_text("event", name);
        event.set_text("event_text", text);
        self.add_optional_fields(&mut event);
        event
    }

    /// Adds 0 to 7 of the optional keys, in random order.
    fn add_optional_fields(&mut self, event: &mut Event) {
        let mut optional = [
            ("context_app_version", "\"1.2.3\"".to_owned()),
            ("context_device_ad_tracking_enabled", self.boolean().to_owned()),
            ("context_library_name", "\"analytics-ios\"".to_owned()),
            ("context_library_version", "\"3.6.7\"".to_owned()),
            ("context_timezone", "\"Europe/Berlin\"".to_owned()),
            ("user_id", format!("\"{}\"", self.shape.random_range(1..1_000_000))),
            // A key without a column, which COPY 'auto' passes over.
            ("context_device_token", "null".to_owned()),
        ];
        optional.shuffle(&mut self.shape);
        let count = self.shape.random_range(0..=optional.len());
        for (key, value) in optional.into_iter().take(count) {
            event.set(key, value);
        }
    }

    fn boolean(&mut self) -> &'static str {
        pick(&["true", "false"], &mut self.shape)
    }
}

fn pick<T: Copy>(choices: &[T], random: &mut ChaCha8Rng) -> T {
    *choices.choose(random).expect("no list of choices here is empty")
}

#[cfg(test)]
mod tests;
