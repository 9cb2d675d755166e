//! Bad objects and bad rows among good ones: what is loaded, what lies under `rejected/`.

use std::cell::RefCell;

use crate::config::Config;
use crate::fakes::{Fault, World};
use crate::load::tests::{assert_converged, config, upload, world};

const BAD_KEY: &str = "events/20260101/113000-x.json";

/// The world with bad objects in it, and a row of an earlier COPY under the same session number.
fn world_with(bad: &[(&str, &str)]) -> World {
    let mut world = world();
    world.objects.extend(bad.iter().map(|&(key, body)| (key.to_owned(), body.to_owned())));
    let url = "s3://lake/events/20260101/110000-b.json";
    let old = ["0", url, "1", "", "", "an old story", ""];
    world.load_errors.push(old.map(str::to_owned));
    world
}

fn rejecting(rejects_max: u64) -> Config {
    Config { rejects_max, ..config() }
}

/// Takes what lies under `rejected/`, and what is archived of the same objects, out of the world.
fn take_rejected(world: &mut World) -> Vec<String> {
    let keys: Vec<_> = world.objects.keys().filter(|key| key.starts_with("rejected/")).collect();
    let keys: Vec<_> = keys.into_iter().cloned().collect();
    for key in &keys {
        world.objects.remove(key);
        world.objects.remove(&key.replacen("rejected/", "archive/", 1));
        let key = key.trim_start_matches("rejected/").to_owned();
        world.ledger.as_mut().unwrap().retain(|row| row.key != key);
    }
    keys
}

#[tokio::test(start_paused = true)]
async fn good_rows_beside_bad_ones_are_loaded_and_the_bad_ones_are_kept_with_their_reasons() {
    let world = RefCell::new(world_with(&[(BAD_KEY, "4 bad 1 bad 3")]));
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!((summary.objects, summary.archived), (3, 4));
    assert_eq!((summary.rejected, summary.rows_rejected), (1, 2));
    let mut world = world.into_inner();
    let reasons = &world.objects[&format!("rejected/{BAD_KEY}.errors.json")];
    insta::assert_snapshot!(reasons, @r#"
    [
      {
        "filename": "s3://lake/events/20260101/113000-x.json",
        "line_number": "4",
        "colname": "user_id",
        "raw_field_value": "x1",
        "err_reason": "Invalid digit",
        "raw_line": "{the line}"
      },
      {
        "filename": "s3://lake/events/20260101/113000-x.json",
        "line_number": "2",
        "colname": "user_id",
        "raw_field_value": "x1",
        "err_reason": "Invalid digit",
        "raw_line": "{the line}"
      }
    ]
    "#);
    let at = |call: &str| world.journal.iter().rposition(|made| made == call).unwrap();
    assert!(at(&format!("put rejected/{BAD_KEY}.errors.json")) < at("COMMIT"), "kept first");
    assert_eq!(world.objects[&format!("rejected/{BAD_KEY}")], "4 bad 1 bad 3");
    assert_eq!(take_rejected(&mut world).len(), 2);
    assert_converged(&world, "one object with bad rows");
}

#[tokio::test(start_paused = true)]
async fn what_copy_cannot_read_is_set_aside_and_the_rest_is_loaded() {
    let others = [(BAD_KEY, "6 hopeless"), ("events/1.json", "broken"), ("events/2.json", "bad 1")];
    for bad in [&[(BAD_KEY, "6 broken")][..], &[(BAD_KEY, "6 hopeless")], &others] {
        for is_taciturn in [false, true] {
            let case = format!("{bad:?}, taciturn: {is_taciturn}");
            let world = RefCell::new(World { is_taciturn, ..world_with(bad) });
            let summary = upload(&rejecting(3), &world).await.unwrap();
            assert_eq!(summary.rejected, bad.len() as u64, "{case}");
            let mut world = world.into_inner();
            for (key, body) in bad {
                assert_eq!(world.objects[&format!("rejected/{key}")], *body, "{case}");
                assert!(!world.objects.contains_key(*key), "{case}");
            }
            assert_eq!(take_rejected(&mut world).len(), 2 * bad.len(), "{case}");
            assert_converged(&world, &case);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_reason_of_an_unreadable_object_is_what_copy_said() {
    let world = RefCell::new(world_with(&[(BAD_KEY, "broken")]));
    upload(&config(), &world).await.unwrap();
    let world = world.into_inner();
    insta::assert_snapshot!(world.objects[&format!("rejected/{BAD_KEY}.errors.json")], @r#"
    [
      {
        "filename": "s3://lake/events/20260101/113000-x.json",
        "line_number": "",
        "colname": "",
        "raw_field_value": "",
        "err_reason": "failed to inflate with gzip: context: s3://lake/events/20260101/113000-x.json\n query: 1 (SQLSTATE XX000)"
      }
    ]
    "#);
}

#[tokio::test(start_paused = true)]
async fn more_bad_objects_than_allowed_fail_the_run_and_none_is_moved() {
    for bodies in [["bad", "bad"], ["broken", "broken"], ["hopeless", "broken"], ["bad", "broken"]]
    {
        for is_taciturn in [false, true] {
            let bad = [("events/1.json", bodies[0]), ("events/2.json", bodies[1])];
            let world = RefCell::new(World { is_taciturn, ..world_with(&bad) });
            let error = upload(&rejecting(1), &world).await.unwrap_err();
            let case = format!("{bodies:?}, taciturn: {is_taciturn}: {error:#}");
            assert!(runtime::failure::hint(&error).unwrap().contains("--rejects-max"), "{case}");
            let world = world.into_inner();
            assert_eq!(world.table, ["old-1", "old-2"], "{case}");
            for prefix in ["archive/", "rejected/", "manifests/"] {
                let moved = world.objects.keys().any(|key| key.starts_with(prefix));
                assert!(!moved, "{case}: {:#?}", world.journal);
            }
        }
    }
    let world = RefCell::new(world_with(&[("events/1.json", "bad"), ("events/2.json", "bad")]));
    let error = upload(&rejecting(1), &world).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}").replace("; ", ";\n"), @r#"
    2 or more objects hold what COPY cannot load, and 1 may be set aside: s3://lake/events/2.json line 1, column user_id, value "x1": Invalid digit;
    s3://lake/events/1.json line 1, column user_id, value "x1": Invalid digit
    "#);
}

#[tokio::test(start_paused = true)]
async fn bad_objects_never_block_the_others_whatever_fails_beside_them() {
    let bad = [(BAD_KEY, "6 broken"), ("events/2.json", "1 bad 2")];
    let config = rejecting(2);
    let calm = RefCell::new(world_with(&bad));
    upload(&config, &calm).await.unwrap();
    let calls = calm.into_inner().journal.len();
    let faults = Fault::ALL.into_iter().flat_map(|fault| (0..calls).map(move |at| (fault, at)));
    for (fault, at) in faults {
        let world = RefCell::new(World { fault: Some((at, fault)), ..world_with(&bad) });
        let first = upload(&config, &world).await;
        let case = format!("{fault:?} at {}, call {at}: {first:?}", world.borrow().journal[at]);
        world.borrow_mut().fault = None;
        world.borrow_mut().dead = false;
        upload(&config, &world).await.unwrap_or_else(|error| panic!("{case}: {error:#}"));
        let mut world = world.into_inner();
        assert_eq!(take_rejected(&mut world).len(), 4, "{case}");
        assert_converged(&world, &case);
    }
}
