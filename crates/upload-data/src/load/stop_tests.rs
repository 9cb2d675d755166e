//! A stop is not held up by a Redshift that accepts a statement and never answers.

use std::cell::RefCell;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::fakes::{FakeStore, FakeWarehouse, Fault, World};
use crate::load::tests::{config, count, upload, world};
use crate::summary::{Stopped, Summary};
use crate::tally::Tally;

/// The usual objects, one with a bad row, and one that COPY cannot read, so that every statement of
/// the upload is sent.
fn bad_world() -> World {
    let mut world = world();
    world.objects.insert("events/20260101/130000-d.json".to_owned(), "5 bad".to_owned());
    world.objects.insert("events/20260101/140000-e.json".to_owned(), "broken".to_owned());
    world
}

/// Runs until that call is made, then stops; returns what came of it and how long that took.
async fn stop_at(world: &RefCell<World>, at: usize) -> (anyhow::Result<Summary>, Duration) {
    let (warehouse, store) = (FakeWarehouse::new(world), FakeStore(world));
    let (config, shutdown, tally) = (config(), CancellationToken::new(), Tally::default());
    let run = crate::upload_between(&config, &warehouse, &store, &shutdown, &tally);
    let stop = async {
        while world.borrow().journal.len() <= at {
            // Suspects wait for a second before their last try.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
        tokio::time::Instant::now()
    };
    let (outcome, stopped_at) = tokio::join!(run, stop);
    (outcome, stopped_at.elapsed())
}

fn assert_complete(world: &World, case: &str) {
    let mut ids = world.table.clone();
    ids.sort();
    let journal = &world.journal;
    assert_eq!(ids, ["1", "2", "3", "4", "5", "old-1", "old-2"], "{case}: {journal:#?}");
    let left: Vec<_> = world.objects.keys().filter(|key| key.starts_with("events/")).collect();
    assert!(left.is_empty(), "{case}: {left:?}");
    for name in ["130000-d.json", "140000-e.json"] {
        assert!(world.objects.contains_key(&format!("rejected/events/20260101/{name}")), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_statement_that_is_never_answered_holds_up_a_stop_and_the_next_run_completes_it() {
    let calm = RefCell::new(bad_world());
    upload(&config(), &calm).await.unwrap();
    let calls = calm.into_inner().journal;
    let is_statement = |call: &str| {
        let of_s3 = ["list ", "put ", "copy ", "delete "];
        call != "connect" && (call == "copy id" || !of_s3.iter().any(|it| call.starts_with(it)))
    };
    let mut tried = std::collections::BTreeSet::new();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| is_statement(call)) {
        tried.insert(call.as_str());
        for fault in [Fault::Mute, Fault::MuteAfter] {
            let world = RefCell::new(World { fault: Some((at, fault)), ..bad_world() });
            let (outcome, took) = stop_at(&world, at).await;
            let case = format!("{fault:?} at {call}, call {at}: {outcome:?}");
            assert!(took <= config().stop_grace, "{case}: after {took:?}");
            assert_eq!(count(&world.borrow(), "cancel"), 1, "{case}: nobody cancelled it");
            let later = world.borrow().journal[at + 1..].to_vec();
            let sent = later.iter().find(|call| is_statement(call) && *call != "cancel");
            assert_eq!(sent, None, "{case}: sent to a server that does not answer");
            match outcome {
                // Nothing was begun, or nothing was to be done any more.
                Ok(summary) if call == "LOCK" => {
                    assert_eq!(summary.stopped, Some(Stopped::WaitingForTheLedger), "{case}");
                }
                Ok(_) => assert_eq!(call, "ROLLBACK", "{case}"),
                Err(error) => {
                    let said = format!("{error:#}");
                    let is_known = call == "ROLLBACK" || said.contains("within 20s of the stop");
                    assert!(is_known, "{case}");
                    assert!(!said.contains("COPY fails"), "{case}: COPY is not to blame");
                    assert_eq!(said.contains("COMMIT is unknown"), call == "COMMIT", "{case}");
                }
            }
            world.borrow_mut().fault = None;
            upload(&config(), &world).await.unwrap_or_else(|error| panic!("{case}: {error:#}"));
            assert_complete(&world.borrow(), &case);
        }
    }
    let expected = ["BEGIN", "COMMIT", "COPY", "LOCK", "ROLLBACK", "insert events", "read ledger"];
    assert!(expected.iter().all(|call| tried.contains(call)), "{tried:?}");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_ends_in_time_is_finished_after_a_stop() {
    let calm = RefCell::new(world());
    upload(&config(), &calm).await.unwrap();
    let at = calm.into_inner().journal.iter().position(|call| call == "insert ledger").unwrap();
    let world = RefCell::new(world());
    stop_at(&world, at).await.0.unwrap();
    assert_eq!(count(&world.borrow(), "cancel"), 0);
    assert_eq!(count(&world.borrow(), "COMMIT"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_to_put_away_after_a_stop_is_left_to_the_next_run() {
    for call in ["copy events/", "delete events/"] {
        let late = World { lasting_fault: Some((call, Fault::TooLate)), ..world() };
        let world = RefCell::new(late);
        let calm = RefCell::new(crate::load::tests::world());
        upload(&config(), &calm).await.unwrap();
        let at = calm.into_inner().journal.iter().position(|call| call == "COMMIT").unwrap();
        let summary = stop_at(&world, at).await.0.unwrap();
        assert_eq!((summary.rows_loaded, summary.archived, summary.stuck), (4, 0, 0), "{call}");
        assert_eq!(summary.stopped, Some(Stopped::PuttingAway), "{call}");
        world.borrow_mut().lasting_fault = None;
        let next = upload(&config(), &world).await.unwrap();
        assert_eq!((next.rows_loaded, next.archived), (0, 3), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_rows_that_there_is_no_time_to_keep_after_a_stop_are_not_committed() {
    let calm = RefCell::new(bad_world());
    upload(&config(), &calm).await.unwrap();
    let late = ["copy events/", "put rejected/"];
    for call in late {
        let is_late = |made: &String| made.starts_with(call);
        let at = calm.borrow().journal.iter().position(is_late).unwrap();
        let world =
            RefCell::new(World { lasting_fault: Some((call, Fault::TooLate)), ..bad_world() });
        let error = stop_at(&world, at).await.0.expect_err("too late");
        let said = format!("{error:#}");
        assert!(said.contains("was not begun, since the program is stopped"), "{said}");
        assert!(runtime::failure::hint(&error).unwrap().contains("--stop-grace"), "{call}");
        assert_eq!(count(&world.borrow(), "COMMIT"), 0, "{call}");
        world.borrow_mut().lasting_fault = None;
        upload(&config(), &world).await.unwrap();
        assert_complete(&world.borrow(), call);
    }
}
