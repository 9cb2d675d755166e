//! What fails, for a while or for good, and what must not come of it.

use super::fakes::{Fakes, Fault, all_good, distinct, run, start, tuning, until};
use crate::error::CallError;
use crate::pipeline::Tuning;

#[tokio::test(start_paused = true)]
async fn every_event_is_stored_once_and_deleted() {
    let fakes = Fakes::with_events(1_234);
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!(fakes.stored(), all_good(1_234));
    assert_eq!(fakes.left(), (0, 0));
    assert_eq!((summary.received, summary.stored, summary.dead_lettered), (1_234, 1_234, 0));
    assert_eq!(summary.objects as usize, fakes.object_keys().len());
    assert!(fakes.object_keys().iter().all(|key| key.starts_with("lake/events/")));
    assert!(13 <= summary.objects, "no batch has more than 100 events");
    assert_eq!(fakes.given_back(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_events_cost_few_requests() {
    let fakes = Fakes::with_events(10_000);
    let mut tuning = tuning();
    tuning.limits.events_max = 20_000;
    run(&fakes, tuning).await.unwrap();
    let empty_polls = fakes.calls("receive") - 1_000;
    assert!(empty_polls < 15, "{empty_polls}");
    assert_eq!(fakes.calls("delete"), 1_000);
    assert_eq!(fakes.calls("put"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_put_deletes_nothing_and_is_tried_again() {
    let fakes = Fakes::with_events(250);
    fakes.fail("put", &[Fault::Unavailable; 5]);
    let tuning = Tuning { until_empty: false, ..tuning() };
    let (shutdown, running) = start(&fakes, tuning);
    until("three puts have failed", || fakes.calls("put") == 3).await;
    assert_eq!(fakes.calls("delete"), 0);
    until("all is deleted", || fakes.left() == (0, 0)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored(), all_good(250));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_put_makes_no_second_object() {
    let fakes = Fakes::with_events(40);
    fakes.fail("put", &[Fault::AnswerLost; 2]);
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!(fakes.stored(), all_good(40));
    assert_eq!((summary.objects, fakes.object_keys().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_ends_the_run_and_gives_everything_back() {
    let fakes = Fakes::with_events(500);
    fakes.fail("put", &[Fault::Denied; 100]);
    let error = run(&fakes, tuning()).await.unwrap_err();
    assert!(matches!(error, CallError::Denied(_)), "{error}");
    assert_eq!(fakes.calls("delete"), 0);
    assert_eq!(fakes.left().0, 500, "all visible at once");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_refuses_ends_the_run_and_what_is_held_is_stored() {
    let fakes = Fakes::with_events(100);
    fakes.fail("receive", &[Fault::AnswerLost]);
    let tuning = Tuning { poller_count: 1, ..tuning() };
    let (_shutdown, running) = start(&fakes, tuning);
    until("thirty are received", || 4 <= fakes.calls("receive")).await;
    fakes.fail("receive", &[Fault::Denied]);
    assert!(matches!(running.await.unwrap(), Err(CallError::Denied(_))));
    assert!(30 <= fakes.stored().len());
    let lost_with_the_answer = 10;
    let (visible, in_flight) = fakes.left();
    assert_eq!(in_flight, lost_with_the_answer);
    assert_eq!(fakes.stored().len() + visible + in_flight, 100);
}

#[tokio::test(start_paused = true)]
async fn failed_entries_of_a_delete_are_tried_again() {
    let fakes = Fakes::with_events(50);
    fakes.fail("delete", &[Fault::FirstEntry; 7]);
    run(&fakes, tuning()).await.unwrap();
    assert_eq!(fakes.stored(), all_good(50), "nothing came twice");
    assert_eq!(fakes.left(), (0, 0));
    assert!(8 <= fakes.calls("delete"));
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_our_fault_is_not_repeated_and_the_message_comes_again() {
    let fakes = Fakes::with_events(10);
    fakes.fail("delete", &[Fault::FirstEntryForGood]);
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!(fakes.calls("delete"), 2, "one for each time it came");
    assert_eq!(summary.stored, 11);
    assert_eq!(distinct(fakes.stored()), all_good(10));
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn sqs_away_for_a_while_costs_nothing_but_time() {
    let fakes = Fakes::with_events(300);
    for operation in ["receive", "delete"] {
        fakes.fail(operation, &[Fault::Unavailable; 40]);
    }
    run(&fakes, tuning()).await.unwrap();
    assert_eq!(distinct(fakes.stored()), all_good(300));
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn malformed_messages_go_to_the_dead_letters_with_the_reason() {
    let fakes = Fakes::with_events(25);
    fakes.send_body(25, "not json".to_owned());
    fakes.send_body(26, r#"{"id":"E26","count":"many"}"#.to_owned());
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!((summary.stored, summary.dead_lettered), (25, 2));
    assert_eq!(fakes.left(), (0, 0));
    let letters = fakes.letters();
    let letter = letters.iter().find(|(body, _)| body == "not json").expect("it is there");
    assert_eq!(letter.1["ErrorCode"], "not-json");
    assert_eq!(letter.1["OriginalMessageId"], "m-25");
    assert_eq!(letter.1["FirstSentAt"], "1772000000000");
    let letter = letters.iter().find(|(_, it)| it["ErrorCode"] == "integer").expect("it is there");
    assert_eq!((letter.1["ErrorField"].as_str(), letter.1["EventId"].as_str()), ("count", "E26"));
}

#[tokio::test(start_paused = true)]
async fn dead_letters_do_not_wait_for_the_batch() {
    let fakes = Fakes::with_events(5);
    fakes.send_body(5, "[]".to_owned());
    let mut tuning = Tuning { until_empty: false, ..tuning() };
    tuning.limits.age_max = std::time::Duration::from_secs(3_600);
    tuning.polling.visibility_timeout = std::time::Duration::from_secs(40_000);
    let (shutdown, running) = start(&fakes, tuning);
    until("the letter is sent and its message deleted", || fakes.left() == (0, 5)).await;
    assert_eq!((fakes.letters().len(), fakes.calls("put")), (1, 0));
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_original_is_kept_until_its_copy_is_accepted() {
    let fakes = Fakes::default();
    for number in 0..10 {
        fakes.send_body(number, "?".to_owned());
    }
    fakes.fail("send", &[Fault::Unavailable, Fault::FirstEntry, Fault::FirstEntryForGood]);
    // The fake panics at a delete without a copy.
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!((summary.dead_lettered, summary.rejected), (9, 1));
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_poison_message_blocks_neither_its_neighbours_nor_the_batch() {
    let fakes = Fakes::with_events(30);
    for number in 30..35 {
        fakes.send_body(number, "poison".to_owned());
    }
    // Refused in company; each alone is taken.
    fakes.fail("send", &[Fault::Refused]);
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!((summary.stored, summary.dead_lettered), (30, 5));
    assert_eq!(fakes.left(), (0, 0));
}
