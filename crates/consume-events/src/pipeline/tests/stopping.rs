//! What a stop does to what is under way.

use std::time::Duration;

use super::fakes::{Fakes, Fault, all_good, start, tuning, until};
use crate::pipeline::Tuning;

fn endless() -> Tuning {
    let mut tuning = Tuning { until_empty: false, ..tuning() };
    tuning.limits.age_max = Duration::from_secs(3_600);
    tuning.polling.visibility_timeout = Duration::from_secs(40_000);
    tuning
}

#[tokio::test(start_paused = true)]
async fn a_stop_stores_the_open_batch_and_acknowledges() {
    let fakes = Fakes::with_events(55);
    let (shutdown, running) = start(&fakes, endless());
    until("all is held", || fakes.left() == (0, 55)).await;
    assert_eq!(fakes.calls("put"), 0);
    shutdown.cancel();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.received, summary.stored, summary.objects), (55, 55, 1));
    assert_eq!(fakes.stored(), all_good(55));
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_put_still_acknowledges() {
    let fakes = Fakes::with_events(100);
    let gate = fakes.close_gate();
    let (shutdown, running) = start(&fakes, endless());
    until("the put is under way", || fakes.puts_waiting() == 1).await;
    shutdown.cancel();
    // Longer than any patience: what has begun is finished all the same.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fakes.calls("delete"), 0);
    gate.notify_one();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.stored, 100);
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_s3_is_away_gives_back_what_is_held() {
    let fakes = Fakes::with_events(130);
    fakes.fail("put", &[Fault::Unavailable; 1_000]);
    let (shutdown, running) = start(&fakes, endless());
    until("all is held", || fakes.left() == (0, 130)).await;
    shutdown.cancel();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((summary.received, summary.stored, summary.objects), (130, 0, 0));
    assert_eq!(fakes.left(), (130, 0), "others can have them at once");
    assert_eq!((fakes.given_back(), fakes.calls("delete")), (130, 0));
}

#[tokio::test(start_paused = true)]
async fn what_one_entry_of_a_give_back_misses_is_given_back_by_another_call() {
    let fakes = Fakes::with_events(130);
    fakes.fail("put", &[Fault::Unavailable; 1_000]);
    fakes.fail("give_back", &[Fault::FirstEntry; 3]);
    let (shutdown, running) = start(&fakes, endless());
    until("all is held", || fakes.left() == (0, 130)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.left(), fakes.given_back()), ((130, 0), 130));
}

#[tokio::test(start_paused = true)]
async fn messages_whose_answer_comes_seconds_after_a_stop_are_not_left_hidden() {
    let fakes = Fakes::with_events(10);
    fakes.fail("receive", &[Fault::SlowAnswer]);
    let (shutdown, running) = start(&fakes, endless());
    until("the answer is on its way", || fakes.left() == (0, 10)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.left(), fakes.stored()), ((0, 0), all_good(10)));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_an_idle_run_at_once() {
    let fakes = Fakes::default();
    let (shutdown, running) = start(&fakes, endless());
    until("every poller hears nothing", || 9 < fakes.calls("receive")).await;
    let asked = tokio::time::Instant::now();
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_a_queue_that_does_not_answer() {
    let fakes = Fakes::default();
    fakes.fail("receive", &[Fault::Unavailable; 10_000]);
    let (shutdown, running) = start(&fakes, endless());
    until("it has tried for long", || 40 <= fakes.calls("receive")).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_s3_is_slow_no_more_than_two_batches_are_held() {
    let fakes = Fakes::with_events(1_000);
    let gate = fakes.close_gate();
    let (shutdown, running) = start(&fakes, endless());
    until("the first put is under way", || fakes.puts_waiting() == 1).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (_, held) = fakes.left();
    // Two batches, and what the pollers and the channel between them hold.
    assert!((200..=200 + 3 * 10 * 3).contains(&held), "{held}");
    assert_eq!(fakes.puts_waiting(), 1, "one put at a time");
    shutdown.cancel();
    until("all that was held is stored", || {
        gate.notify_one();
        running.is_finished()
    })
    .await;
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored().len(), held);
}
