//! What passes is tried again, a bounded number of times; what does not, is said at once.

use std::cell::RefCell;

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::fakes::{FakeStore, FakeWarehouse, Fault, World};
use crate::load::tests::{assert_converged, config, count, run_with, upload, world};
use crate::pending::LoadLimits;
use crate::summary::Stopped;
use crate::tally::Tally;

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_transaction_starts_the_load_over_wherever_it_is_said() {
    for call in ["LOCK", "read ledger", "CREATE TEMP TABLE", "COPY", "insert events", "COMMIT"] {
        let (outcome, world) = run_with(call, Fault::Conflict).await;
        let summary = outcome.unwrap_or_else(|error| panic!("{call}: {error:#}"));
        assert_eq!((summary.rows_loaded, summary.retries), (4, 1), "{call}");
        assert_converged(&world, call);
        assert_eq!(count(&world, "ROLLBACK"), u64::from(call != "COMMIT") as usize, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_stays_is_said_after_six_tries_and_nothing_is_loaded() {
    let lasting_fault = Some(("insert events", Fault::Conflict));
    let world = RefCell::new(World { lasting_fault, ..world() });
    let started = tokio::time::Instant::now();
    let error = upload(&config(), &world).await.unwrap_err();
    let took = started.elapsed().as_secs_f64();
    assert!((3.0..7.0).contains(&took), "{took} s");
    insta::assert_snapshot!(format!("{error:#}"), @"insert new rows: 1023: Serializable isolation violation on table - 100157 (SQLSTATE XX000)");
    let world = world.into_inner();
    assert_eq!(count(&world, "LOCK"), 6);
    assert_eq!(world.table, ["old-1", "old-2"]);
    assert!(!world.objects.keys().any(|key| key.starts_with("manifests/")), "litter");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_never_answered_is_unknown_in_the_end() {
    let lasting_fault = Some(("COMMIT", Fault::Cut));
    let world = RefCell::new(World { lasting_fault, ..world() });
    let error = upload(&config(), &world).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("the outcome of COMMIT is unknown"), "{error:#}");
    assert!(runtime::failure::hint(&error).unwrap().contains("the ledger tells"));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_come_back_after_commit_leaves_the_outcome_unknown() {
    let world = RefCell::new(World { fault: None, ..world() });
    let calm = RefCell::new(crate::load::tests::world());
    upload(&config(), &calm).await.unwrap();
    let at = calm.into_inner().journal.iter().position(|made| made == "COMMIT").unwrap();
    world.borrow_mut().fault = Some((at, Fault::LoseAnswer));
    world.borrow_mut().gone_after = Some("COMMIT");
    let error = upload(&config(), &world).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("the outcome of COMMIT is unknown"), "{error:#}");
    assert_eq!(count(&world.borrow(), "connect"), 6, "one, and five more after the loss");
    world.borrow_mut().gone_after = None;
    world.borrow_mut().fault = None;
    upload(&config(), &world).await.unwrap();
    assert_converged(&world.borrow(), "the next run");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_never_there_is_not_waited_for() {
    let lasting_fault = Some(("connect", Fault::Refuse));
    let world = RefCell::new(World { lasting_fault, ..world() });
    upload(&config(), &world).await.unwrap_err();
    assert_eq!(count(&world.borrow(), "connect"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_cannot_be_created_is_said_at_once() {
    let lasting_fault = Some(("create ledger", Fault::Refuse));
    let world = RefCell::new(World { lasting_fault, ledger: None, ..world() });
    let error = upload(&config(), &world).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @r#"create the ledger "load_ledger": on command (SQLSTATE XX000)"#);
    assert_eq!(count(&world.borrow(), "create ledger"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_two_loads_is_said_and_the_rest_is_left() {
    let world = RefCell::new(world());
    let (warehouse, store) = (FakeWarehouse::new(&world), FakeStore(&world));
    let limits = LoadLimits { objects_max: 1, ..config().limits };
    let (config, shutdown) = (Config { limits, ..config() }, CancellationToken::new());
    let tally = Tally::default();
    let run = crate::upload_between(&config, &warehouse, &store, &shutdown, &tally);
    let stop = async {
        while count(&world.borrow(), "COMMIT") == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let (outcome, ()) = tokio::join!(run, stop);
    let summary = outcome.unwrap();
    assert_eq!((summary.objects, summary.archived), (1, 1), "what has begun is finished");
    assert_eq!(summary.stopped, Some(Stopped::BetweenLoads));
}
