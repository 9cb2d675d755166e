//! Malformed messages that no dead-letter queue takes.

use super::fakes::{Fakes, Fault, all_good, run, start, tuning, until};
use crate::pipeline::Tuning;

fn with_malformed(good: u64, bad: u64) -> Fakes {
    let fakes = Fakes::with_events(good);
    for number in good..good + bad {
        fakes.send_body(number, format!("bad {number}"));
    }
    fakes
}

#[tokio::test(start_paused = true)]
async fn without_a_dead_letter_queue_they_are_stored_with_the_reason() {
    let fakes = with_malformed(25, 2);
    fakes.world().has_no_dead_letter_queue = true;
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!((summary.stored, summary.dead_lettered, summary.rejected), (25, 0, 2));
    assert_eq!((fakes.left(), fakes.stored()), ((0, 0), all_good(25)));
    let rejected = fakes.rejected();
    let one = rejected.iter().find(|line| line["body"] == "bad 25").expect("it is there");
    assert_eq!(one["error_code"], "not-json");
    assert_eq!(one["original_message_id"], "m-25");
    assert_eq!(one["first_sent_at"], "2026-02-25T06:13:20Z");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_them_fills_few_objects() {
    let fakes = with_malformed(10, 3_000);
    fakes.world().has_no_dead_letter_queue = true;
    let mut tuning = tuning();
    tuning.limits.events_max = 1_000;
    run(&fakes, tuning).await.unwrap();
    assert_eq!((fakes.rejected().len(), fakes.stored()), (3_000, all_good(10)));
    assert!(fakes.object_keys().len() < 10, "{:?}", fakes.object_keys());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_queue_that_refuses_is_replaced_by_the_bucket() {
    for fault in [Fault::Denied, Fault::Refused, Fault::FirstEntryForGood] {
        let fakes = with_malformed(20, 1);
        fakes.fail("send", &[fault]);
        if fault == Fault::Refused {
            // A message that is empty is refused from everybody.
            fakes.send_body(21, String::new());
        }
        run(&fakes, tuning()).await.unwrap();
        assert_eq!((fakes.left(), fakes.stored()), ((0, 0), all_good(20)), "{fault:?}");
        let letters = fakes.letters().len();
        assert_eq!(letters + fakes.rejected().len(), 1 + usize::from(fault == Fault::Refused));
        assert!(!fakes.rejected().is_empty(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_stored_when_they_are_old_and_at_a_stop() {
    let fakes = with_malformed(0, 3);
    fakes.world().has_no_dead_letter_queue = true;
    let (shutdown, running) = start(&fakes, Tuning { until_empty: false, ..tuning() });
    until("they are stored", || fakes.rejected().len() == 3).await;
    until("they are deleted", || fakes.left() == (0, 0)).await;
    fakes.send_body(9, "late".to_owned());
    until("it is held", || fakes.left() == (0, 1)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.rejected().len(), fakes.left()), (4, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_s3_is_away_gives_them_back() {
    let fakes = with_malformed(0, 30);
    fakes.world().has_no_dead_letter_queue = true;
    fakes.fail("put_rejected", &[Fault::Unavailable; 1_000]);
    let (shutdown, running) = start(&fakes, Tuning { until_empty: false, ..tuning() });
    until("it has been tried", || 3 < fakes.calls("put_rejected")).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.rejected().len(), fakes.left()), (0, (30, 0)));
}
