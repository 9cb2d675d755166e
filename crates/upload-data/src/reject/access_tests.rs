//! S3, the role or the cluster keep COPY from reading objects: none of these is set aside.

use std::cell::RefCell;

use super::tests::{BAD_KEY, rejecting, take_rejected, world_with};
use crate::config::Config;
use crate::fakes::{Fault, ObjectFailure, World};
use crate::load::tests::{assert_converged, config, count, upload, world};
use crate::pending::LoadLimits;

const DENIED: &str = "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid R";
const MISSING: &str = "S3ServiceException:gone,Status 404,Error NoSuchKey,Rid R";
const SLOW: &str = "S3ServiceException:Reduce your rate.,Status 503,Error SlowDown,Rid R";
const ALWAYS: usize = usize::MAX;

fn by_one(objects_max: usize) -> Config {
    Config { limits: LoadLimits { objects_max, bytes_max: u64::MAX }, ..rejecting(10) }
}

/// A world in which these objects fail from that COPY on.
fn failing(
    mut world: World,
    keys: &[&str],
    (since, times): (usize, usize),
    said: &'static str,
) -> World {
    for key in keys {
        world.object_failures.insert((*key).to_owned(), ObjectFailure { since, times, said });
    }
    world
}

fn assert_nothing_rejected(world: &World, case: &str) {
    let moved = world.objects.keys().any(|key| key.starts_with("rejected/"));
    assert!(!moved, "{case}: {:#?}", world.journal);
}

fn sound(count: usize) -> World {
    let mut world = world();
    world
        .objects
        .extend((0..count).map(|at| (format!("events/2/{at}.json"), (at % 5).to_string())));
    world
}

#[tokio::test(start_paused = true)]
async fn what_s3_throttles_is_tried_on_and_fails_the_run_if_it_stays_so() {
    for said in
        [SLOW, "S3CurlException: reset", "S3ServiceException:x,Status 500,Error InternalError"]
    {
        for objects_max in [1, 2, 100] {
            let keys: Vec<_> = (0..6).map(|at| format!("events/2/{at}.json")).collect();
            let keys: Vec<_> = keys.iter().map(String::as_str).collect();
            let case = format!("{said}, {objects_max} objects at most");
            let calm = RefCell::new(failing(sound(6), &keys[..2], (1, 2), said));
            let summary = upload(&by_one(objects_max), &calm).await.unwrap();
            assert_eq!((summary.rejected, summary.stuck), (0, 0), "{case}");
            assert_nothing_rejected(&calm.borrow(), &case);

            let world = RefCell::new(failing(sound(6), &keys, (2, ALWAYS), said));
            let error = upload(&by_one(objects_max), &world).await.unwrap_err();
            assert!(format!("{error:#}").contains("S3"), "{case}: {error:#}");
            assert!(runtime::failure::hint(&error).unwrap().contains("the next run"), "{case}");
            assert_nothing_rejected(&world.borrow(), &case);
            world.borrow_mut().object_failures.clear();
            assert_eq!(upload(&by_one(objects_max), &world).await.unwrap().rejected, 0, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_s3_refuses_to_copy_stays_and_the_rest_is_loaded() {
    for objects_max in [1, 2, 100] {
        for body in ["5", "broken"] {
            let case = format!("{objects_max} objects at most, {body}");
            let world = failing(world_with(&[(BAD_KEY, body)]), &[BAD_KEY], (1, ALWAYS), DENIED);
            let world = RefCell::new(world);
            let summary = upload(&by_one(objects_max), &world).await.unwrap();
            assert_eq!((summary.rows_loaded, summary.rejected, summary.stuck), (4, 0, 1), "{case}");
            assert_nothing_rejected(&world.borrow(), &case);
            assert!(world.borrow_mut().objects.remove(BAD_KEY).is_some(), "{case}");
            assert_converged(&world.borrow(), &case);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn objects_that_s3_refuses_and_bad_ones_are_told_apart() {
    let denied: Vec<_> = (0..40).map(|at| format!("events/3/{at:02}.json")).collect();
    let mut all: Vec<_> = denied.iter().map(|key| (key.as_str(), "5")).collect();
    all.extend([(BAD_KEY, "broken"), ("events/2.json", "1 bad 2"), ("events/0.json", "hopeless")]);
    let keys: Vec<_> = denied.iter().map(String::as_str).collect();
    for objects_max in [7, 100] {
        let world = RefCell::new(failing(world_with(&all), &keys, (1, ALWAYS), DENIED));
        let summary = upload(&by_one(objects_max), &world).await.unwrap();
        assert_eq!((summary.rows_loaded, summary.rejected, summary.stuck), (4, 3, 40));
        let mut world = world.into_inner();
        assert_eq!(take_rejected(&mut world).len(), 6);
        for key in &keys {
            assert!(world.objects.remove(*key).is_some(), "{key}");
        }
        assert_converged(&world, "40 denied, 3 bad");
    }
}

#[tokio::test(start_paused = true)]
async fn if_s3_refuses_every_object_the_run_fails() {
    let all = sound(6);
    let keys: Vec<_> = all.objects.keys().cloned().collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    for objects_max in [1, 2, 100] {
        let world = RefCell::new(failing(sound(6), &keys, (1, ALWAYS), DENIED));
        let error = upload(&by_one(objects_max), &world).await.unwrap_err();
        assert!(format!("{error:#}").contains("S3 refuses COPY all of 8 objects"), "{error:#}");
        assert!(runtime::failure::hint(&error).unwrap().contains("arn_credentials"));
        assert_nothing_rejected(&world.borrow(), "all denied");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_is_nobodys_trouble() {
    let world = failing(world_with(&[(BAD_KEY, "5")]), &[BAD_KEY], (1, ALWAYS), MISSING);
    let rewrite_before = Some(("ROLLBACK".to_owned(), BAD_KEY.to_owned(), "6".to_owned()));
    let world = RefCell::new(World { rewrite_before, ..world });
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!((summary.rows_loaded, summary.rejected, summary.stuck), (4, 0, 0));
    assert_nothing_rejected(&world.borrow(), "written anew");
}

#[tokio::test(start_paused = true)]
async fn a_lone_object_is_blamed_only_after_a_pause_and_while_copy_reads_an_empty_one() {
    let world = RefCell::new(world_with(&[(BAD_KEY, "broken")]));
    let started = tokio::time::Instant::now();
    upload(&config(), &world).await.unwrap();
    assert!(1.0 <= started.elapsed().as_secs_f64(), "{:?}", started.elapsed());
    let copies = world.borrow().copy_count;
    // The last COPY is the trial; others were taken before.
    let world = world_with(&[(BAD_KEY, "broken")]);
    let world = RefCell::new(World { broken_since: Some((copies, "Assert")), ..world });
    let error = upload(&config(), &world).await.unwrap_err();
    assert!(format!("{error:#}").starts_with("COPY fails even for an empty object"), "{error:#}");
    assert_nothing_rejected(&world.borrow(), "cluster unwell");
    assert_eq!(world.borrow().table.len(), 6, "what was good is loaded");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_another_run_has_loaded_meanwhile_is_not_set_aside() {
    let calm = RefCell::new(world_with(&[(BAD_KEY, "broken")]));
    upload(&config(), &calm).await.unwrap();
    let trial = calm.borrow().copy_count;
    let world = world_with(&[(BAD_KEY, "broken")]);
    let loaded_meanwhile = Some((trial, BAD_KEY.to_owned()));
    let world = RefCell::new(World { loaded_meanwhile, ..world });
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!((summary.rejected, summary.rows_loaded), (0, 4));
    assert_nothing_rejected(&world.borrow(), "loaded by another run");
    assert_eq!(upload(&config(), &world).await.unwrap().archived, 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_an_end_to_blaming_objects_for_what_redshift_does_not_explain() {
    let all = sound(1_010);
    let keys: Vec<_> = all.objects.keys().filter(|key| key.contains("/2/")).cloned().collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let world = RefCell::new(failing(sound(1_010), &keys, (1, ALWAYS), "Assert"));
    let config =
        Config { limits: LoadLimits { objects_max: 10_000, ..config().limits }, ..config() };
    let error = upload(&config, &world).await.unwrap_err();
    assert!(format!("{error:#}").contains("COPY refuses 1001 objects without a word"), "{error:#}");
    assert_nothing_rejected(&world.borrow(), "unexplained");
}

#[tokio::test(start_paused = true)]
async fn objects_with_bad_rows_that_cannot_be_kept_cost_one_copy_more_whatever_their_number() {
    let bad: Vec<_> = (0..20).map(|at| format!("events/3/{at:02}.json")).collect();
    let bad: Vec<_> = bad.iter().map(|key| (key.as_str(), "5 bad")).collect();
    let lasting_fault = Some(("copy events/3/", Fault::Refuse));
    let world = RefCell::new(World { lasting_fault, ..world_with(&bad) });
    let summary = upload(&rejecting(10), &world).await.unwrap();
    assert_eq!((summary.rows_loaded, summary.stuck), (4, 20));
    // The strict one, the lenient one, and the one without them, of two codecs.
    assert!(count(&world.borrow(), "COPY") <= 6, "{}", count(&world.borrow(), "COPY"));
}

#[tokio::test(start_paused = true)]
async fn what_s3_would_refuse_of_any_object_fails_the_run() {
    let expired = World { refusal_code: Some("ExpiredToken"), ..world() };
    let every = world();
    for (mut world, call) in
        [(expired, "copy events/20260101/100000-a.json.gz"), (every, "copy events/")]
    {
        world.lasting_fault = Some((call, Fault::Refuse));
        let world = RefCell::new(world);
        let error = upload(&config(), &world).await.unwrap_err();
        assert!(format!("{error:#}").contains("copy events/"), "{error:#}");
        assert_eq!(world.borrow().table.len(), 6, "{call}");
        world.borrow_mut().lasting_fault = None;
        upload(&config(), &world).await.unwrap();
        assert_converged(&world.borrow(), call);
    }
}
