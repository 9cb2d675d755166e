//! Single rules of the queue machine; sequences of them are in `model_tests`.

use uuid::Uuid;

use super::*;
use crate::message::md5_of;
use crate::redrive::RedrivePolicy;

const START_MS: u64 = 1_000_000;
const DAY_MS: u64 = 86_400_000;

fn message(body: &str) -> Message {
    Message {
        id: Uuid::from_u128(body.len() as u128),
        body: body.into(),
        body_md5: md5_of(body.as_bytes()),
        extras: None,
    }
}

fn queue_with(bodies: &[&str]) -> Queue {
    let mut queue = Queue::new(7, QueueAttributes::default(), START_MS);
    for body in bodies {
        queue.send(message(body), None, START_MS);
    }
    queue
}

fn receive(queue: &mut Queue, count_max: usize, timeout_ms: u64, now_ms: u64) -> Vec<Delivery> {
    queue.receive(count_max, timeout_ms, true, now_ms).deliveries
}

fn bodies(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| &*delivery.message.body).collect()
}

fn counts(queue: &mut Queue, now_ms: u64) -> (usize, usize, usize) {
    let counts = queue.counts(now_ms);
    (counts.available, counts.in_flight, counts.delayed)
}

#[test]
fn messages_come_in_the_order_they_were_sent() {
    let mut queue = queue_with(&["a", "b", "c"]);
    assert_eq!(["a", "b"], bodies(&receive(&mut queue, 2, 1, START_MS))[..]);
    assert_eq!(["c"], bodies(&receive(&mut queue, 2, 1, START_MS))[..]);
}

#[test]
fn a_message_that_returns_queues_behind_those_that_waited() {
    let mut queue = queue_with(&["a", "b"]);
    receive(&mut queue, 1, 1_000, START_MS);
    assert_eq!((1, 1, 0), counts(&mut queue, START_MS + 999));
    assert_eq!((2, 0, 0), counts(&mut queue, START_MS + 1_000));
    assert_eq!(["b", "a"], bodies(&receive(&mut queue, 10, 1, START_MS + 1_000))[..]);
}

#[test]
fn a_delay_hides_a_message_and_the_queues_own_delay_is_the_default() {
    let mut queue = queue_with(&[]);
    queue.attributes.delay_seconds = 2;
    queue.send(message("queue"), None, START_MS);
    queue.send(message("own"), Some(5_000), START_MS);
    queue.send(message("none"), Some(0), START_MS);
    assert_eq!((1, 0, 2), counts(&mut queue, START_MS));
    assert_eq!(Some(START_MS + 2_000), queue.next_due_ms());
    assert_eq!((2, 0, 1), counts(&mut queue, START_MS + 2_000));
    assert_eq!((3, 0, 0), counts(&mut queue, START_MS + 5_000));
}

#[test]
fn a_message_expires_after_its_retention_wherever_it_is() {
    let mut queue = queue_with(&["a", "b"]);
    queue.attributes.message_retention_period = 60;
    receive(&mut queue, 1, DAY_MS, START_MS);
    assert_eq!((1, 1, 0), counts(&mut queue, START_MS + 59_999));
    assert_eq!((0, 0, 0), counts(&mut queue, START_MS + 60_000));
}

#[test]
fn only_the_last_receipt_deletes() {
    let mut queue = queue_with(&["a"]);
    let first = receive(&mut queue, 1, 1_000, START_MS)[0].receipt;
    let second = receive(&mut queue, 1, 1_000, START_MS + 1_000)[0].receipt;
    assert_ne!(first, second);
    queue.delete(first, START_MS + 1_000);
    assert_eq!((0, 1, 0), counts(&mut queue, START_MS + 1_000));
    // It deletes also after its timeout, as long as nobody else has received the message.
    queue.delete(second, START_MS + 5_000);
    assert_eq!((0, 0, 0), counts(&mut queue, START_MS + 5_000));
    queue.delete(second, START_MS + 5_000);
}

#[test]
fn a_visibility_timeout_counts_from_the_change() {
    let mut queue = queue_with(&["a"]);
    let receipt = receive(&mut queue, 1, 30_000, START_MS)[0].receipt;
    assert_eq!(Ok(()), queue.change_visibility(receipt, 10_000, START_MS + 5_000));
    assert_eq!((0, 1, 0), counts(&mut queue, START_MS + 14_999));
    let returned = queue.change_visibility(receipt, 10_000, START_MS + 15_000);
    assert_eq!(Err(VisibilityRefusal::NotInFlight), returned);
    let again = receive(&mut queue, 1, 30_000, START_MS + 15_000)[0].receipt;
    let stale = queue.change_visibility(receipt, 10_000, START_MS + 15_000);
    assert_eq!(Err(VisibilityRefusal::Gone), stale);
    assert_eq!(Ok(()), queue.change_visibility(again, 0, START_MS + 15_000));
    assert_eq!((1, 0, 0), counts(&mut queue, START_MS + 15_000));
}

#[test]
fn a_visibility_timeout_ends_12_hours_after_the_receive_at_the_latest() {
    let mut queue = queue_with(&["a"]);
    let receipt = receive(&mut queue, 1, 30_000, START_MS)[0].receipt;
    let whole_ms = 43_200_000;
    assert_eq!(Ok(()), queue.change_visibility(receipt, whole_ms, START_MS));
    let beyond = queue.change_visibility(receipt, whole_ms, START_MS + 1);
    assert_eq!(Err(VisibilityRefusal::BeyondLimit), beyond);
    assert_eq!(Ok(()), queue.change_visibility(receipt, whole_ms - 1, START_MS + 1));
}

#[test]
fn at_most_120_000_messages_are_in_flight() {
    let mut queue = queue_with(&[]);
    for _ in 0..=limits::IN_FLIGHT_MAX {
        queue.send(message("a"), None, START_MS);
    }
    let taken = receive(&mut queue, limits::IN_FLIGHT_MAX + 1, 1_000, START_MS);
    assert_eq!(limits::IN_FLIGHT_MAX, taken.len());
    assert!(queue.is_in_flight_full() && !queue.is_deliverable());
    assert!(receive(&mut queue, 1, 1_000, START_MS).is_empty());
    queue.delete(taken[0].receipt, START_MS);
    assert!(queue.is_deliverable());
    assert_eq!(1, receive(&mut queue, 10, 1_000, START_MS).len());
}

#[test]
fn what_somebody_else_is_said_to_hold_counts_for_the_limit() {
    let mut queue = queue_with(&["a", "b"]);
    queue.pretend_in_flight(limits::IN_FLIGHT_MAX - 1);
    assert_eq!(1, receive(&mut queue, 10, 1_000, START_MS).len());
    assert!(queue.is_in_flight_full() && !queue.is_deliverable());
    assert_eq!(counts(&mut queue, START_MS), (1, limits::IN_FLIGHT_MAX, 0));
    queue.pretend_in_flight(0);
    assert!(queue.is_deliverable());
    assert_eq!(counts(&mut queue, START_MS), (1, 1, 0));
}

#[test]
fn a_message_received_too_often_becomes_a_dead_letter_with_its_age_and_count() {
    let mut source = queue_with(&["bad"]);
    let json = r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":2}"#;
    source.attributes.redrive_policy = Some(RedrivePolicy::parse(json).unwrap());
    let mut dead_letters = queue_with(&[]);
    for now_ms in [START_MS, START_MS + 1] {
        assert_eq!(1, receive(&mut source, 1, 0, now_ms).len());
    }
    let reception = source.receive(1, 0, true, START_MS + 2);
    assert!(reception.deliveries.is_empty());
    assert_eq!((0, 0, 0), counts(&mut source, START_MS + 2));

    let arn: Arc<str> = "arn:source".into();
    for letter in reception.dead_letters {
        dead_letters.accept_dead_letter(letter, &arn, START_MS + 2);
    }
    let delivery = receive(&mut dead_letters, 1, 0, START_MS + 3).remove(0);
    assert_eq!(START_MS, delivery.receipt.key.sent_at_ms);
    assert_eq!((3, START_MS), (delivery.receipt.receive_count, delivery.first_received_at_ms));
    let extras = delivery.message.extras.as_deref().unwrap();
    assert_eq!(Some("arn:source"), extras.dead_letter_source.as_deref());
}

#[test]
fn without_its_dead_letter_queue_a_policy_loses_nothing() {
    let mut queue = queue_with(&["a"]);
    let json = r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":1}"#;
    queue.attributes.redrive_policy = Some(RedrivePolicy::parse(json).unwrap());
    for now_ms in START_MS..START_MS + 5 {
        let reception = queue.receive(1, 0, false, now_ms);
        assert_eq!((1, 0), (reception.deliveries.len(), reception.dead_letters.len()));
    }
}

#[test]
fn a_purge_takes_everything_and_may_not_be_repeated_for_a_minute() {
    let mut queue = queue_with(&["a", "b"]);
    queue.send(message("c"), Some(1_000), START_MS);
    receive(&mut queue, 1, 1_000, START_MS);
    assert_eq!(Ok(()), queue.purge(START_MS));
    assert_eq!((0, 0, 0), counts(&mut queue, START_MS));
    assert_eq!(Err(PurgedRecently), queue.purge(START_MS + 59_999));
    assert_eq!(Ok(()), queue.purge(START_MS + 60_000));
}

#[test]
fn a_peek_shows_every_state_and_changes_none() {
    let mut queue = queue_with(&["a", "b"]);
    queue.send(message("c"), Some(1_000), START_MS);
    receive(&mut queue, 1, 1_000, START_MS);
    let states = |queue: &mut Queue| -> Vec<State> {
        queue.peek(10, START_MS).iter().map(|glimpse| glimpse.state).collect()
    };
    let expected = vec![State::InFlight, State::Available, State::Delayed];
    assert_eq!(expected, states(&mut queue));
    assert_eq!(expected, states(&mut queue));
    assert_eq!(1, queue.peek(1, START_MS).len());
}
