//! What is slow, away or full for long: time passes, and nothing else happens.

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

#[tokio::test(start_paused = true)]
async fn messages_stay_hidden_however_slow_s3_is_and_nothing_doubles() {
    let fakes = Fakes::with_events(500);
    let gate = fakes.close_gate();
    let (shutdown, running) = start(&fakes, endless());
    until("a put is under way", || fakes.puts_waiting() == 1).await;
    // Ten times as long as a message is hidden.
    tokio::time::sleep(Duration::from_secs(300)).await;
    until("all is stored", || {
        gate.notify_one();
        fakes.left() == (0, 0)
    })
    .await;
    shutdown.cancel();
    let summary = running.await.unwrap().unwrap();
    assert_eq!((fakes.stored(), summary.received), (all_good(500), 500));
    assert!(0 < fakes.calls("extend"));
}

#[tokio::test(start_paused = true)]
async fn the_figures_tell_what_is_held_and_how_long_nothing_was_received() {
    let fakes = Fakes::with_events(105);
    let metrics = Metrics::new("p");
    let figure = |name: &str| {
        let text = metrics.text();
        let line = text.lines().find(|line| line.starts_with(&format!("p_{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).expect("a figure")
    };
    let (shutdown, running) = start_observed(&fakes, endless(), metrics.clone(), Health::new());
    until("all is stored", || fakes.left() == (0, 0)).await;
    until("nothing is held", || figure("in_flight_messages") == 0.0).await;
    assert_eq!(figure("receive_lag_seconds"), 0.0);
    fakes.world().away_until = Some(Instant::now() + Duration::from_secs(300));
    tokio::time::sleep(Duration::from_secs(250)).await;
    assert!(200.0 < figure("receive_lag_seconds"), "{}", figure("receive_lag_seconds"));
    until("it is back", || figure("receive_lag_seconds") == 0.0).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_in_time_costs_no_request_to_hide_it() {
    let fakes = Fakes::with_events(1_000);
    run(&fakes, tuning()).await.unwrap();
    assert_eq!(fakes.calls("extend"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_hidden_any_longer_is_let_go() {
    let fakes = Fakes::with_events(10);
    let gate = fakes.close_gate();
    fakes.fail("extend", &[Fault::Unavailable, Fault::FirstEntryForGood]);
    let (shutdown, running) = start(&fakes, endless());
    until("the put is under way", || fakes.puts_waiting() == 1).await;
    until("it was tried again", || 3 <= fakes.calls("extend")).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    until("the end", || {
        gate.notify_one();
        fakes.left() == (0, 0)
    })
    .await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored().len(), 11, "one came twice");
}

#[tokio::test(start_paused = true)]
async fn s3_away_for_ten_minutes_stops_the_receives_and_costs_nothing_but_time() {
    let fakes = Fakes::with_events(150);
    let began_at = Instant::now();
    // Pauses grow to 20 s.
    fakes.fail("put", &[Fault::Unavailable; 60]);
    let (shutdown, running) = start(&fakes, endless());
    until("the outage is noticed", || 3 <= fakes.calls("put")).await;
    let received = fakes.calls("receive");
    for number in 150..400 {
        fakes.send_body(number, good(number));
    }
    tokio::time::sleep(Duration::from_secs(300)).await;
    let (visible, _) = fakes.left();
    // Each poller may have been waiting for its answer.
    assert!(200 <= visible, "{visible}");
    assert!(fakes.calls("receive") <= received + 6, "{}", fakes.calls("receive"));
    until("all is stored", || fakes.left() == (0, 0)).await;
    assert!(Duration::from_secs(600) < began_at.elapsed(), "{:?}", began_at.elapsed());
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored(), all_good(400), "nothing came twice");
}

#[tokio::test(start_paused = true)]
async fn all_of_aws_away_for_ten_minutes_costs_few_calls_and_no_memory() {
    const AWAY: Duration = Duration::from_secs(600);
    let fakes = Fakes::with_events(250);
    let (shutdown, running) = start(&fakes, endless());
    until("a first batch is stored", || !fakes.object_keys().is_empty()).await;
    let all_calls = || ["receive", "put", "delete"].map(|it| fakes.calls(it)).iter().sum::<u64>();
    let calls = all_calls();
    fakes.world().away_until = Some(Instant::now() + AWAY);
    for number in 250..5_000 {
        fakes.send_body(number, good(number));
    }
    tokio::time::sleep(AWAY).await;
    // Three pollers, a batch and the deletes under way: each every ten to twenty seconds in the end.
    let calls = all_calls() - calls;
    assert!((100..400).contains(&calls), "{calls} calls in ten minutes");
    let (visible, in_flight) = fakes.left();
    assert!(4_750 <= visible, "{in_flight} messages were taken while nothing could be stored");
    let back_at = Instant::now();
    until("all is stored", || fakes.left() == (0, 0)).await;
    assert!(back_at.elapsed() < Duration::from_secs(60), "{:?}", back_at.elapsed());
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(distinct(fakes.stored()), all_good(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_taken_away_and_given_back_ends_nothing() {
    let fakes = Fakes::with_events(100);
    let (shutdown, running) = start(&fakes, endless());
    until("a first batch is stored", || fakes.left() == (0, 0)).await;
    for (operation, count) in [("put", 10), ("receive", 30), ("delete", 40)] {
        fakes.fail(operation, &vec![Fault::Denied; count]);
    }
    for number in 100..400 {
        fakes.send_body(number, good(number));
    }
    until("all is stored", || fakes.left() == (0, 0)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored().len(), 400);
}

#[tokio::test(start_paused = true)]
async fn deletes_that_are_refused_make_unwell_while_the_idle_queue_answers() {
    let fakes = Fakes::with_events(100);
    let (metrics, health) = (Metrics::new("p"), Health::new());
    let (shutdown, running) = start_observed(&fakes, endless(), metrics.clone(), health.clone());
    until("a first batch is stored", || fakes.left() == (0, 0)).await;
    fakes.world().always.insert("delete", Fault::Denied);
    for number in 100..200 {
        fakes.send_body(number, good(number));
    }
    let receives = fakes.calls("receive");
    until("it is unwell", || health.reason().is_some()).await;
    let reason = health.reason().expect("just seen");
    assert!(reason.starts_with("deletes for 6") && reason.contains("delete on fake"), "{reason}");
    assert!(receives + 10 < fakes.calls("receive"), "receives are answered");
    let (text, failed) = (metrics.text(), "p_deletes_retries_total ");
    let retries = text.lines().find_map(|line| line.strip_prefix(failed)).expect("a figure");
    // Each with pauses that grow: ten calls of ten messages, in a minute or two.
    assert!(retries.parse::<u64>().expect("a number") < 10 * 20, "{retries}");
    fakes.world().always.clear();
    until("it is well", || health.reason().is_none()).await;
    until("all is deleted", || fakes.left() == (0, 0)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(fakes.stored(), all_good(200), "nothing came twice");
}

#[tokio::test(start_paused = true)]
async fn a_script_does_not_wait_for_a_permission() {
    let fakes = Fakes::with_events(300);
    let (_shutdown, running) = start(&fakes, tuning());
    until("a first batch is stored", || !fakes.object_keys().is_empty()).await;
    fakes.fail("put", &[Fault::Denied; 100]);
    assert!(matches!(running.await.unwrap(), Err(CallError::Denied(_))));
}

#[tokio::test(start_paused = true)]
async fn a_queue_at_its_in_flight_limit_is_asked_seldom_and_left_when_it_has_room() {
    let fakes = Fakes::default();
    fakes.world().in_flight_elsewhere = 119_990;
    let (shutdown, running) = start(&fakes, endless());
    // Visible, and not handed out.
    for number in 0..5 {
        fakes.send_body(number, good(number));
    }
    fakes.world().hands_out_none = true;
    tokio::time::sleep(Duration::from_secs(120)).await;
    let (receives, depths) = (fakes.calls("receive"), fakes.calls("depth"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Three pollers, every five seconds, and the counts every ten.
    let receives = fakes.calls("receive") - receives;
    assert!(receives <= 3 * 60 / 5 + 3, "{receives}");
    assert!((5..=7).contains(&(fakes.calls("depth") - depths)), "{}", fakes.calls("depth"));
    fakes.world().hands_out_none = false;
    fakes.world().in_flight_elsewhere = 0;
    until("all is stored", || fakes.stored() == all_good(5)).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
}
