//! Malformed messages whose places do not work: no valid event waits for them.

use std::time::Duration;

use runtime::metrics::{Health, Metrics};
use tokio::time::Instant;

use super::fakes::{
    Fakes, Fault, all_good, distinct, good, run, start, start_observed, tuning, until,
};
use crate::error::CallError;
use crate::pipeline::Tuning;

fn endless() -> Tuning {
    Tuning { until_empty: false, ..tuning() }
}

/// Every second message is malformed.
fn mixed(good_count: u64, bad_count: u64) -> Fakes {
    let fakes = Fakes::default();
    for number in 0..good_count.max(bad_count) {
        if number < bad_count {
            fakes.send_body(10_000 + number, format!("bad {number}"));
        }
        if number < good_count {
            fakes.send_body(number, good(number));
        }
    }
    fakes
}

/// How many malformed messages are kept somewhere.
fn kept(fakes: &Fakes) -> usize {
    let rejected = fakes.rejected();
    let rejected = rejected.iter().map(|it| it["body"].as_str().unwrap().to_owned());
    distinct(fakes.letters().into_iter().map(|(body, _)| body).chain(rejected).collect()).len()
}

/// Looks twice a second only, as it takes long in tests.
async fn in_time(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(600);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn all_good_are_stored(fakes: &Fakes, count: u64, within: Duration) {
    let asked = Instant::now();
    in_time("all valid events are stored", || fakes.stored().len() as u64 == count).await;
    assert!(asked.elapsed() < within, "valid events waited {:?}", asked.elapsed());
    assert_eq!(fakes.stored(), all_good(count));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_malformed_messages_alone_holds_up_no_event() {
    for fault in [Fault::Denied, Fault::Unavailable, Fault::Hung] {
        // Malformed ones first, so that nothing has ever worked when the first one fails.
        let fakes = mixed(0, 30);
        fakes.world().has_no_dead_letter_queue = true;
        fakes.world().always.insert("put_rejected", fault);
        let metrics = Metrics::new("p");
        let (shutdown, running) = start_observed(&fakes, endless(), metrics.clone(), Health::new());
        until("they are held", || fakes.left().1 == 30).await;
        until("they are given back", || fakes.calls("give_back") + fakes.calls("extend") != 0)
            .await;
        for number in 0..1_000 {
            fakes.send_body(number, good(number));
        }
        all_good_are_stored(&fakes, 1_000, Duration::from_secs(30)).await;
        assert!(!running.is_finished(), "{fault:?} ends nothing");
        assert_eq!(kept(&fakes), 0);
        assert!(metrics.text().contains("p_put_off_messages_total"), "{}", metrics.text());
        fakes.world().always.clear();
        in_time("all is kept", || kept(&fakes) == 30 && fakes.left() == (0, 0)).await;
        shutdown.cancel();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_permission_for_rejected_messages_that_is_taken_away_stops_no_poller() {
    let fakes = mixed(100, 20);
    fakes.world().has_no_dead_letter_queue = true;
    let (shutdown, running) = start(&fakes, endless());
    until("all is stored", || fakes.left() == (0, 0)).await;
    fakes.world().always.insert("put_rejected", Fault::Denied);
    fakes.send_body(20_000, "bad again".to_owned());
    until("it was refused", || fakes.calls("put_rejected") != 1).await;
    for number in 100..3_000 {
        fakes.send_body(number, good(number));
    }
    all_good_are_stored(&fakes, 3_000, Duration::from_secs(30)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    let (visible, hidden) = fakes.left();
    assert_eq!(visible + hidden, 1, "it stays in the queue");
}

#[tokio::test(start_paused = true)]
async fn a_script_ends_badly_but_not_before_all_events_are_stored() {
    let fakes = mixed(500, 5);
    fakes.world().has_no_dead_letter_queue = true;
    fakes.world().always.insert("put_rejected", Fault::Denied);
    let ended = run(&fakes, tuning()).await;
    assert!(matches!(ended, Err(CallError::Denied(_))), "{ended:?}");
    assert_eq!(fakes.stored(), all_good(500));
    let (visible, hidden) = fakes.left();
    assert_eq!(visible + hidden, 5);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_letter_queue_that_is_away_does_not_take_goes_to_the_bucket() {
    for fault in [Fault::Unavailable, Fault::Hung, Fault::Denied] {
        let fakes = mixed(1_000, 400);
        fakes.world().always.insert("send", fault);
        let (shutdown, running) = start(&fakes, endless());
        all_good_are_stored(&fakes, 1_000, Duration::from_secs(20)).await;
        in_time("all is kept", || kept(&fakes) == 400 && fakes.left() == (0, 0)).await;
        assert_eq!(fakes.letters().len(), 0);
        // Not every one of them is tried with the queue.
        let sends = fakes.calls("send");
        assert!(sends < 60, "{fault:?}: {sends}");
        fakes.world().always.clear();
        tokio::time::sleep(Duration::from_secs(15)).await;
        fakes.send_body(30_000, "bad at last".to_owned());
        until("the queue is back in use", || fakes.letters().len() == 1).await;
        shutdown.cancel();
        running.await.unwrap().unwrap();
        assert_eq!(fakes.left(), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn with_both_places_away_malformed_messages_come_back_ever_less_often() {
    let fakes = mixed(300, 200);
    fakes.world().always.insert("send", Fault::Unavailable);
    fakes.world().always.insert("put_rejected", Fault::Hung);
    let (shutdown, running) = start(&fakes, endless());
    all_good_are_stored(&fakes, 300, Duration::from_secs(60)).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let given_back = fakes.calls("extend");
    tokio::time::sleep(Duration::from_secs(600)).await;
    // Two hundred messages, ten in a call at best, every five minutes.
    let given_back = fakes.calls("extend") - given_back;
    assert!((20..=600).contains(&given_back), "{given_back}");
    for number in 300..500 {
        fakes.send_body(number, good(number));
    }
    all_good_are_stored(&fakes, 500, Duration::from_secs(60)).await;
    fakes.world().always.clear();
    in_time("all is kept", || kept(&fakes) == 200 && fakes.left() == (0, 0)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_both_places_away_gives_back_what_is_held() {
    let fakes = mixed(50, 40);
    fakes.world().always.insert("send", Fault::Unavailable);
    fakes.world().always.insert("put_rejected", Fault::Unavailable);
    let tuning = Tuning { stop_timeout: Duration::from_secs(1), ..endless() };
    let (shutdown, running) = start(&fakes, tuning);
    until("all is held", || fakes.left().0 == 0).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.left(), fakes.stored()), ((40, 0), all_good(50)));
}
