//! What a stop does to what is under way.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fakes::{Fakes, Fault, all_good, start, tuning, until};
use crate::batch::BatchLimits;
use crate::error::CallError;
use crate::pipeline::{END_WITHIN, Tuning};
use crate::retry::STOP_GRACE;

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
    // What has begun is finished, also a moment after the patience has ended.
    tokio::time::sleep(endless().stop_timeout + STOP_GRACE - Duration::from_secs(1)).await;
    assert_eq!(fakes.calls("delete"), 0);
    gate.notify_one();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.stored, 100);
    assert_eq!(fakes.left(), (0, 0));
}

/// How long the run may take that is stopped now; an hour says that it would never have ended.
async fn seconds_to_the_end<T>(shutdown: &CancellationToken, running: JoinHandle<T>) -> u64 {
    let stopped_at = Instant::now();
    shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(3_600), running).await;
    ended.map(|joined| joined.unwrap()).ok();
    stopped_at.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_put_that_is_never_answered_and_begins_no_other() {
    let fakes = Fakes::with_events(150);
    fakes.close_gate();
    let (shutdown, running) = start(&fakes, endless());
    until("one batch is on its way, one is open", || fakes.left() == (0, 150)).await;
    until("the put is under way", || fakes.puts_waiting() == 1).await;
    let seconds = seconds_to_the_end(&shutdown, running).await;
    assert_eq!(seconds, (endless().stop_timeout + STOP_GRACE).as_secs());
    assert_eq!((fakes.calls("put"), fakes.left(), fakes.given_back()), (1, (150, 0), 150));
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_before_it_throws_away_parts_and_waits_for_neither_for_long() {
    for mute in [&["begin"][..], &["put_part", "abort"], &["complete", "abort"]] {
        let fakes = Fakes::with_events(5_000);
        let tuning = Tuning { part_bytes: 1_000, ..endless() };
        let limits = BatchLimits { events_max: 5_000, bytes_max: usize::MAX, ..tuning.limits };
        let (shutdown, running) = start(&fakes, Tuning { limits, ..tuning });
        for operation in mute {
            fakes.world().always.insert(*operation, Fault::Mute);
        }
        until(mute[0], || 0 < fakes.calls(mute[0])).await;
        let seconds = seconds_to_the_end(&shutdown, running).await;
        let longest = endless().stop_timeout + 2 * STOP_GRACE;
        assert!(seconds <= longest.as_secs() + 1, "{mute:?}: {seconds} s");
        assert_eq!(fakes.left(), (5_000, 0), "{mute:?}: others can have them at once");
        assert!(fakes.calls("abort") <= 1, "{mute:?}: {} aborts", fakes.calls("abort"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_nobody_answers_ends_all_the_same() {
    let fakes = Fakes::with_events(250);
    for number in 250..300 {
        fakes.send_body(number, "malformed".to_owned());
    }
    for operation in ["put", "put_rejected", "send"] {
        fakes.world().always.insert(operation, Fault::Mute);
    }
    let (shutdown, running) = start(&fakes, endless());
    until("a put is under way", || 0 < fakes.calls("put")).await;
    for operation in ["receive", "delete", "give_back", "extend", "depth"] {
        fakes.world().always.insert(operation, Fault::Mute);
    }
    let seconds = seconds_to_the_end(&shutdown, running).await;
    assert!(seconds <= 60, "{seconds} s");
}

/// Many pollers whose every receive is a batch of its own: as many calls, one after the other.
fn many_small_batches() -> Tuning {
    let limits = BatchLimits { events_max: 10, ..endless().limits };
    Tuning { poller_count: 64, limits, ..endless() }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_once_for_a_queue_that_does_not_answer_however_many_batches_there_are() {
    let fakes = Fakes::with_events(2_000);
    for operation in ["delete", "give_back"] {
        fakes.world().always.insert(operation, Fault::Mute);
    }
    let (shutdown, running) = start(&fakes, many_small_batches());
    until("a delete is under way, the rest waits", || 1_000 < fakes.left().1).await;
    let seconds = seconds_to_the_end(&shutdown, running).await;
    let longest = endless().stop_timeout + STOP_GRACE;
    assert!(seconds <= longest.as_secs() + 1, "{seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_in_time_while_all_calls_are_slow_and_nothing_is_lost() {
    for (slow, mute) in [(&["delete"][..], None), (&["give_back"], Some("put"))] {
        let fakes = Fakes::with_events(20_000);
        let limits = BatchLimits { events_max: 20_000, bytes_max: usize::MAX, ..endless().limits };
        let tuning = Tuning { limits, ..endless() };
        for operation in slow {
            fakes.world().always.insert(operation, Fault::SlowAnswer);
        }
        mute.map(|operation| fakes.world().always.insert(operation, Fault::Mute));
        let (shutdown, running) = start(&fakes, tuning);
        until("a full batch is closed", || 0 < fakes.calls("put")).await;
        let seconds = seconds_to_the_end(&shutdown, running).await;
        let longest = endless().stop_timeout + END_WITHIN;
        assert!(seconds <= longest.as_secs(), "{slow:?}: {seconds} s");
        let (visible, hidden) = fakes.left();
        let deleted = 20_000 - visible - hidden;
        assert_eq!(fakes.given_back(), visible, "{slow:?}");
        assert!(0 < deleted + visible && 0 < hidden, "{slow:?}: {deleted} {visible} {hidden}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_s3_cannot_take_before_the_end_is_given_back_before_it() {
    let fakes = Fakes::with_events(2_000);
    fakes.world().always.insert("put", Fault::SlowAnswer);
    let (shutdown, running) = start(&fakes, many_small_batches());
    until("all hands are full", || 1_000 < fakes.left().1).await;
    let seconds = seconds_to_the_end(&shutdown, running).await;
    assert!(seconds <= (endless().stop_timeout + END_WITHIN).as_secs(), "{seconds} s");
    assert_eq!(fakes.left().1, 0, "others can have them at once");
    assert!(0 < fakes.given_back());
}

#[tokio::test(start_paused = true)]
async fn a_refused_object_stops_the_run_before_its_parts_are_thrown_away() {
    let fakes = Fakes::with_events(5_000);
    let tuning = Tuning { part_bytes: 1_000, until_empty: true, ..endless() };
    let limits = BatchLimits { events_max: 5_000, bytes_max: usize::MAX, ..tuning.limits };
    fakes.world().always.insert("complete", Fault::Denied);
    fakes.world().always.insert("abort", Fault::Mute);
    let (_shutdown, running) = start(&fakes, Tuning { limits, ..tuning });
    until("the parts are thrown away", || 0 < fakes.calls("abort")).await;
    let receives = fakes.calls("receive");
    let ended = tokio::time::timeout(Duration::from_secs(3_600), running).await;
    let error = ended.expect("it ends").unwrap().unwrap_err();
    assert!(matches!(error, CallError::Denied(_)), "{error}");
    assert_eq!(fakes.calls("receive"), receives, "what is given back is for others");
    assert_eq!(fakes.left().1, 0);
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
    let asked = Instant::now();
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
