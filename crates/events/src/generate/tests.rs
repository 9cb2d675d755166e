//! The generator against the prototype's table: replay, shares, and the rule each kind breaks.

use std::collections::{HashMap, HashSet};

use time::macros::datetime;

use super::*;
use crate::schema::Table;
use crate::validate::{Validator, Verdict};

const START: OffsetDateTime = datetime!(2019-02-11 05:09:12.195 UTC);

fn generate(seed: u64, start: OffsetDateTime, shares: Shares, count: i64) -> Vec<GeneratedMessage> {
    let mut generator = Generator::new(seed, start, shares);
    (0..count).map(|i| generator.next_at(start + Duration::milliseconds(i))).collect()
}

fn validator() -> Validator {
    let table = Table::parse(include_str!("../../../../create_table.sql")).unwrap();
    Validator::new(table, "id").unwrap()
}

const MIXED: Shares = Shares { malformed: 0.2, duplicate: 0.1, late: 0.1 };

#[test]
fn the_same_seed_and_start_give_the_same_messages() {
    let first = generate(7, START, MIXED, 2_000);
    assert_eq!(first, generate(7, START, MIXED, 2_000));
    assert_ne!(first, generate(8, START, MIXED, 2_000));
}

#[test]
fn another_start_keeps_the_kinds_and_changes_every_id() {
    let first = generate(7, START, MIXED, 2_000);
    let second = generate(7, START + Duration::days(1), MIXED, 2_000);
    let kinds = |messages: &[GeneratedMessage]| messages.iter().map(|m| m.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&first), kinds(&second));
    let ids: HashSet<_> = first.iter().map(|message| &message.id).collect();
    assert!(second.iter().all(|message| !ids.contains(&message.id)));
}

#[test]
fn good_events_fit_the_table_and_each_malformed_kind_breaks_its_rule() {
    let validator = validator();
    let mut seen: HashMap<Kind, usize> = HashMap::new();
    for message in generate(1, START, Shares { malformed: 0.7, ..MIXED }, 5_000) {
        *seen.entry(message.kind).or_default() += 1;
        let GeneratedMessage { id, kind, body } = message;
        match (validator.validate(&body), kind.broken_rule()) {
            (Verdict::Valid(event), None) => {
                assert_eq!((event.id.as_str(), event.line.as_ref()), (id.as_str(), body.as_str()));
            }
            (Verdict::Refused(refusal), Some(rule)) => {
                assert_eq!(refusal.rule, rule, "{kind:?}: {}: {body}", refusal.reason);
                assert!(refusal.id.is_none_or(|refused| refused == id), "{body}");
            }
            (verdict, _) => panic!("{kind:?}: {verdict:?}"),
        }
    }
    assert_eq!(seen.len(), Kind::MALFORMED.len() + 3, "{seen:?}");
}

#[test]
fn shares_are_kept_on_average() {
    let count = |kind: fn(Kind) -> bool| {
        generate(3, START, MIXED, 20_000).into_iter().filter(|m| kind(m.kind)).count()
    };
    let check = |share: usize, expected: std::ops::Range<usize>| {
        assert!(expected.contains(&share), "{share} not in {expected:?}");
    };
    check(count(Kind::is_malformed), 3_800..4_200);
    check(count(|kind| kind == Kind::Duplicate), 1_850..2_150);
    check(count(|kind| kind == Kind::Late), 1_850..2_150);
    assert!(generate(3, START, Shares::default(), 1_000).iter().all(|m| m.kind == Kind::Valid));
    let all = Shares { malformed: 1.0, duplicate: 1.0, late: 1.0 };
    assert!(generate(3, START, all, 1_000).iter().all(|m| m.kind.is_malformed()));
}

#[test]
fn a_duplicate_repeats_a_good_event_among_the_last_thousand_messages() {
    let messages = generate(5, START, Shares { duplicate: 0.3, ..MIXED }, 5_000);
    let mut good: HashMap<&str, (usize, &str)> = HashMap::new();
    for (index, message) in messages.iter().enumerate() {
        if message.kind == Kind::Duplicate {
            let (earlier, body) = good[message.id.as_str()];
            assert_eq!(body, message.body);
            assert!(index - earlier <= 1_000, "{index} repeats {earlier}");
        } else if !message.kind.is_malformed() {
            assert!(good.insert(&message.id, (index, &message.body)).is_none());
        }
    }
}

#[test]
fn the_times_are_in_order_and_late_events_are_late() {
    let format = time::macros::format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]"
    );
    let zoned = time::macros::format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6][offset_hour \
         sign:mandatory][offset_minute]"
    );
    let shares = Shares { late: 0.5, ..Shares::default() };
    for message in generate(9, START, shares, 1_000) {
        let event: HashMap<String, serde_json::Value> =
            serde_json::from_str(&message.body).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        let utc =
            |key: &str| time::PrimitiveDateTime::parse(&text(key), &format).unwrap().assume_utc();
        let original = OffsetDateTime::parse(&text("original_timestamp"), &zoned).unwrap();
        let (timestamp, sent, received) = (utc("timestamp"), utc("sent_at"), utc("received_at"));
        assert!(original < timestamp && timestamp < sent && sent < received, "{}", message.body);
        let age = START + Duration::seconds(1) - timestamp;
        if message.kind == Kind::Late {
            assert!(LATE_MIN <= age && age <= LATE_MAX + Duration::seconds(1), "{age}");
        } else {
            assert!(age <= Duration::seconds(1), "{age}");
        }
        assert!((16..=23).contains(&event.len()));
    }
}

#[test]
fn the_first_event_looks_like_the_prototype_s() {
    let body = &generate(7, START, Shares::default(), 1)[0].body;
    let keys: Vec<_> = body.split("\": ").filter_map(|part| part.rsplit('"').next()).collect();
    assert_eq!(
        keys[..16],
        [
            "id",
            "anonymous_id",
            "received_at",
            "sent_at",
            "timestamp",
            "original_timestamp",
            "context_device_manufacturer",
            "context_device_model",
            "context_device_type",
            "context_os_name",
            "context_locale",
            "context_network_wifi",
            "context_network_carrier",
            "context_traits_taxfix_language",
            "event",
            "event_text",
        ]
    );
    assert!(body.contains(r#""timestamp": "2019-02-11 05:09:12.195000", "original_timestamp": "2019-02-11 06:09:12.19"#), "{body}");
}
