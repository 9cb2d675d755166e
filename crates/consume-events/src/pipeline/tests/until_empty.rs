//! `--until-empty`: not too early, not too late.

use std::time::Duration;

use tokio::time::Instant;

use super::fakes::{Fakes, all_good, run, tuning};
use crate::pipeline::Tuning;

#[tokio::test(start_paused = true)]
async fn an_empty_queue_ends_the_run_in_little_more_than_a_second() {
    let fakes = Fakes::default();
    let started = Instant::now();
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!((summary.received, summary.objects), (0, 0));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_last_batch_does_not_wait_for_its_age() {
    let fakes = Fakes::with_events(7);
    let mut tuning = tuning();
    tuning.limits.age_max = Duration::from_secs(3_600);
    tuning.polling.visibility_timeout = Duration::from_secs(10_800);
    let started = Instant::now();
    run(&fakes, tuning).await.unwrap();
    assert_eq!(fakes.stored(), all_good(7));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_message_in_flight_with_a_killed_consumer_is_waited_for() {
    let fakes = Fakes::with_events(12);
    fakes.take_elsewhere(Duration::from_secs(300));
    let started = Instant::now();
    let summary = run(&fakes, tuning()).await.unwrap();
    assert_eq!(summary.stored, 12);
    assert_eq!(fakes.stored(), all_good(12));
    assert!(Duration::from_secs(300) <= started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(310), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn two_that_wait_for_the_end_do_not_wait_for_each_other() {
    let fakes = Fakes::with_events(90);
    let tuning = || Tuning { poller_count: 2, ..tuning() };
    let (one, other) = tokio::join!(run(&fakes, tuning()), run(&fakes, tuning()));
    assert_eq!(one.unwrap().stored + other.unwrap().stored, 90);
    assert_eq!(fakes.stored(), all_good(90));
}

#[tokio::test(start_paused = true)]
async fn short_polls_do_not_hammer_the_queue() {
    let fakes = Fakes::default();
    let mut tuning = Tuning { poller_count: 1, ..tuning() };
    tuning.polling.wait = Duration::ZERO;
    fakes.send_body(0, super::fakes::good(0));
    fakes.take_elsewhere(Duration::from_secs(60));
    run(&fakes, tuning).await.unwrap();
    assert!(fakes.calls("receive") < 60 * 5, "{}", fakes.calls("receive"));
    assert_eq!(fakes.stored(), all_good(1));
}
