//! The order of the transaction, and what is left after a failure at each of its steps.

use std::cell::RefCell;
use std::time::Duration;

use runtime::settings::{AwsSettings, BucketSettings, RedshiftSettings, Secret, SslMode};
use tokio_util::sync::CancellationToken;

use crate::archive::AfterLoad;
use crate::config::Config;
use crate::copy_sql::{Statements, Target};
use crate::fakes::{FakeStore, FakeWarehouse, Fault, LedgerRow, World};
use crate::pending::LoadLimits;
use crate::summary::{Stopped, Summary};
use crate::tally::Tally;

pub(crate) fn config() -> Config {
    let target = Target {
        schema: None,
        table: "events".to_owned(),
        columns: vec!["id".to_owned()],
        id_column: "id".to_owned(),
        order_by: vec!["id".to_owned()],
        has_identity: false,
    };
    Config {
        aws: AwsSettings { region: None, credentials: None },
        bucket: BucketSettings { bucket: "lake".to_owned(), prefix: String::new() },
        redshift: RedshiftSettings {
            host: "localhost".to_owned(),
            port: 5439,
            user: "awsuser".to_owned(),
            password: Secret::new(""),
            database: "dev".to_owned(),
            sslmode: SslMode::Disable,
        },
        statements: Statements::new(target, "lake".to_owned(), "default".to_owned()),
        after_load: AfterLoad::Archive,
        lock_wait: Duration::from_secs(300),
        stop_grace: Duration::from_secs(20),
        limits: LoadLimits { objects_max: 100, bytes_max: u64::MAX },
        rejects_max: Some(1),
    }
}

pub(crate) async fn upload(config: &Config, world: &RefCell<World>) -> anyhow::Result<Summary> {
    let warehouse = FakeWarehouse::new(world);
    let (store, token, tally) = (FakeStore(world), CancellationToken::new(), Tally::default());
    crate::upload_between(config, &warehouse, &store, &token, &tally).await
}

/// Two new objects with doubles in and between them, one loaded by a run that was killed before it
/// archived it, and one row that came otherwise.
pub(crate) fn world() -> World {
    let old = "old-1 old-2";
    let objects = [
        ("events/20260101/100000-a.json.gz", "1 2 2 3"),
        ("events/20260101/110000-b.json", "3 4 old-1"),
        ("events/20260101/120000-c.json.gz", old),
    ];
    World {
        objects: objects.map(|(key, body)| (key.to_owned(), body.to_owned())).into(),
        table: vec!["old-1".to_owned(), "old-2".to_owned()],
        ledger: Some(vec![LedgerRow {
            key: "events/20260101/120000-c.json.gz".to_owned(),
            etag: World::etag(old),
            load_id: "an earlier one".to_owned(),
        }]),
        ..World::default()
    }
}

pub(crate) fn assert_converged(world: &World, case: &str) {
    let mut ids = world.table.clone();
    ids.sort();
    assert_eq!(ids, ["1", "2", "3", "4", "old-1", "old-2"], "{case}: {:#?}", world.journal);
    let keys = world.objects.keys().filter(|key| !key.starts_with("manifests/"));
    let keys: Vec<_> = keys.map(String::as_str).collect();
    let expected = [
        "archive/events/20260101/100000-a.json.gz",
        "archive/events/20260101/110000-b.json",
        "archive/events/20260101/120000-c.json.gz",
    ];
    assert_eq!(keys, expected, "{case}: {:#?}", world.journal);
    assert_eq!(world.ledger.as_ref().unwrap().len(), 3, "{case}: {:#?}", world.ledger);
}

#[tokio::test(start_paused = true)]
async fn the_lock_comes_first_and_the_archive_after_commit() {
    let world = RefCell::new(world());
    let summary = upload(&config(), &world).await.unwrap();
    let expected = Summary {
        objects: 2,
        bytes: 16,
        rows_loaded: 4,
        duplicates: 3,
        archived: 3,
        loads: 1,
        copies: 2,
        listed: 3,
        copy_seconds: summary.copy_seconds,
        lock_wait_seconds: summary.lock_wait_seconds,
        seconds: summary.seconds,
        ..Summary::default()
    };
    assert_eq!(summary, expected);
    let world = world.into_inner();
    assert_converged(&world, "without faults");
    assert!(!world.objects.keys().any(|key| key.starts_with("manifests/")), "litter");
    insta::assert_snapshot!(world.journal[..20].join("\n"), @r"
    list events/
    connect
    SET statement_timeout
    BEGIN
    LOCK
    RESET statement_timeout
    read ledger
    put manifest
    put manifest
    CREATE TEMP TABLE
    COPY
    copy id
    COPY
    copy id
    count
    insert events
    insert ledger
    COMMIT
    delete manifest
    delete manifest
    ");
    assert!(world.journal[20].starts_with("copy events/"), "{:#?}", world.journal);
}

#[tokio::test(start_paused = true)]
async fn the_first_run_creates_the_ledger() {
    let world = RefCell::new(World {
        objects: [("events/a.json".to_owned(), "1".to_owned())].into(),
        ..World::default()
    });
    upload(&config(), &world).await.unwrap();
    let world = world.into_inner();
    insta::assert_snapshot!(world.journal[..9].join("\n"), @r"
    list events/
    connect
    SET statement_timeout
    BEGIN
    LOCK
    ROLLBACK
    connect
    create ledger
    connect
    ");
    assert_eq!(world.table, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn without_objects_nobody_connects() {
    let world = RefCell::default();
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!(summary, Summary { seconds: summary.seconds, ..Summary::default() });
    assert_eq!(world.into_inner().journal, ["list events/", "list manifests/"]);
}

#[tokio::test(start_paused = true)]
async fn more_objects_than_one_load_takes_are_loaded_by_several() {
    let world = RefCell::new(world());
    let config = Config { limits: LoadLimits { objects_max: 1, ..config().limits }, ..config() };
    let summary = upload(&config, &world).await.unwrap();
    assert_eq!((summary.objects, summary.rows_loaded, summary.duplicates), (2, 4, 3));
    let world = world.into_inner();
    assert_converged(&world, "one object per load");
    let copies = world.journal.iter().filter(|call| *call == "COPY").count();
    assert_eq!(copies, 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_wherever_the_next_run_completes_it() {
    let calm = RefCell::new(world());
    upload(&config(), &calm).await.unwrap();
    let calls = calm.into_inner().journal.len();
    for fault in Fault::ALL {
        for at in 0..calls {
            let world = RefCell::new(World { fault: Some((at, fault)), ..world() });
            let first = upload(&config(), &world).await;
            let failed = world.borrow().journal[at].clone();
            let case = format!("{fault:?} at {failed}, call {at}: {first:?}");
            world.borrow_mut().fault = None;
            world.borrow_mut().dead = false;
            upload(&config(), &world).await.unwrap_or_else(|error| panic!("{case}: {error:#}"));
            assert_converged(&world.borrow(), &case);
            let litter = world.borrow().objects.keys().any(|key| key.starts_with("manifests/"));
            let killed = matches!(fault, Fault::KillBefore | Fault::KillAfter);
            assert!(killed || failed == "delete manifest" || !litter, "{case}: litter");
        }
    }
}

/// Fails the first call of that name and returns what the run said and did.
pub(crate) async fn run_with(call: &str, fault: Fault) -> (anyhow::Result<Summary>, World) {
    let calm = RefCell::new(world());
    upload(&config(), &calm).await.unwrap();
    let at = calm.into_inner().journal.iter().position(|made| made == call).unwrap();
    let world = RefCell::new(World { fault: Some((at, fault)), ..world() });
    let outcome = upload(&config(), &world).await;
    (outcome, world.into_inner())
}

pub(crate) fn count(world: &World, call: &str) -> usize {
    world.journal.iter().filter(|made| *made == call).count()
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_answer_that_worked_is_not_repeated() {
    let (outcome, world) = run_with("COMMIT", Fault::LoseAnswer).await;
    let summary = outcome.unwrap();
    assert_eq!((summary.objects, summary.rows_loaded, summary.duplicates), (2, 4, 3));
    assert_converged(&world, "answer lost");
    assert_eq!((count(&world, "COMMIT"), count(&world, "LOCK")), (1, 2));
    assert_eq!(count(&world, "COPY"), 2, "one per kind of compression");
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_answer_that_did_not_work_is_started_over() {
    let (outcome, world) = run_with("COMMIT", Fault::Cut).await;
    let summary = outcome.unwrap();
    assert_eq!((summary.objects, summary.rows_loaded, summary.duplicates), (2, 4, 3));
    assert_converged(&world, "commit lost");
    assert_eq!((count(&world, "COMMIT"), count(&world, "LOCK")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_copy_is_rolled_back_and_its_objects_are_loaded_in_parts() {
    let (outcome, world) = run_with("COPY", Fault::Refuse).await;
    let summary = outcome.unwrap();
    assert_eq!((summary.rows_loaded, summary.loads, summary.rejected), (4, 2, 0));
    assert_eq!(count(&world, "ROLLBACK"), 1);
    assert_converged(&world, "refused once");
}

#[tokio::test(start_paused = true)]
async fn overlapping_runs_load_each_event_once() {
    let world = RefCell::new(world());
    let warehouse = FakeWarehouse::new(&world);
    let (config, token) = (config(), CancellationToken::new());
    let store = FakeStore(&world);
    let tally = Tally::default();
    let run = || crate::upload_between(&config, &warehouse, &store, &token, &tally);
    let (first, second, third) = tokio::join!(run(), run(), run());
    let summaries = [first.unwrap(), second.unwrap(), third.unwrap()];
    let total = |of: fn(&Summary) -> u64| summaries.iter().map(of).sum::<u64>();
    assert_eq!((total(|it| it.objects), total(|it| it.rows_loaded)), (2, 4));
    assert_converged(&world.borrow(), "three runs at once");
}

#[tokio::test(start_paused = true)]
async fn an_object_written_anew_is_loaded_again_and_only_its_new_ids_count() {
    let world = RefCell::new(world());
    upload(&config(), &world).await.unwrap();
    let key = "events/20260101/100000-a.json.gz".to_owned();
    world.borrow_mut().objects.insert(key, "2 5".to_owned());
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!((summary.objects, summary.rows_loaded, summary.duplicates), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn kept_objects_are_loaded_once_and_deleted_ones_are_gone() {
    for (after_load, left) in [(AfterLoad::Keep, 3), (AfterLoad::Delete, 0)] {
        let world = RefCell::new(world());
        let config = Config { after_load, ..config() };
        let first = upload(&config, &world).await.unwrap();
        let second = upload(&config, &world).await.unwrap();
        assert_eq!((first.objects, second.objects), (2, 0), "{after_load:?}");
        assert_eq!((first.archived, second.archived), (0, 0), "{after_load:?}");
        let deleted = if after_load == AfterLoad::Delete { 3 } else { 0 };
        assert_eq!((first.deleted, second.deleted), (deleted, 0), "{after_load:?}");
        assert_eq!(world.borrow().objects.len(), left, "{after_load:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_objects_and_sql_and_changes_nothing() {
    let world = RefCell::new(world());
    let (config, warehouse) = (config(), FakeWarehouse::new(&world));
    let plan = crate::plan::plan(&config, &warehouse, &FakeStore(&world)).await.unwrap();
    let new =
        ["s3://lake/events/20260101/100000-a.json.gz", "s3://lake/events/20260101/110000-b.json"];
    assert_eq!(plan.load, new);
    assert_eq!(plan.loaded_before, ["s3://lake/events/20260101/120000-c.json.gz"]);
    assert!(plan.to_string().starts_with("-- objects to load: 2\n--   s3://lake/"), "{plan}");
    assert_eq!(plan.statements.iter().filter(|sql| sql.starts_with("COPY")).count(), 2);
    assert_eq!(
        world.into_inner().journal,
        ["list events/", "connect", "SET statement_timeout", "read ledger"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_wait_for_the_ledger_ends_the_wait_and_begins_nothing() {
    let world = RefCell::new(world());
    let warehouse = FakeWarehouse::new(&world);
    let held = warehouse.hold_ledger().await;
    let (config, store, shutdown) = (config(), FakeStore(&world), CancellationToken::new());
    let tally = Tally::default();
    let run = crate::upload_between(&config, &warehouse, &store, &shutdown, &tally);
    let stop = async {
        while count(&world.borrow(), "LOCK") == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let (outcome, ()) = tokio::join!(run, stop);
    let summary = outcome.unwrap();
    assert_eq!((summary.objects, summary.stopped), (0, Some(Stopped::WaitingForTheLedger)));
    drop(held);
    let world = world.into_inner();
    assert_eq!(count(&world, "cancel"), 1, "{:#?}", world.journal);
    assert_eq!(count(&world, "put manifest"), 0, "{:#?}", world.journal);
    assert_eq!(world.objects.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_written_anew_while_it_is_archived_stays_for_the_next_run() {
    let (key, archive) = ("events/a.json", "archive/events/a.json");
    for after_load in [AfterLoad::Archive, AfterLoad::Delete] {
        let world = RefCell::new(World {
            objects: [(key.to_owned(), "1".to_owned())].into(),
            rewrite_before: Some((format!("delete {key}"), key.to_owned(), "2".to_owned())),
            ..World::default()
        });
        let config = Config { after_load, ..config() };
        let first = upload(&config, &world).await.unwrap();
        assert_eq!(first.archived, 0, "what it did not delete it does not count");
        assert_eq!(world.borrow().objects[key], "2", "{after_load:?}");
        upload(&config, &world).await.unwrap();
        let world = world.into_inner();
        assert_eq!(world.table, ["1", "2"], "{after_load:?}");
        assert_eq!(world.objects.contains_key(archive), after_load == AfterLoad::Archive);
    }
}
