//! Bad objects and bad rows among good ones: what is loaded, what lies under `rejected/`.

use std::cell::RefCell;

use crate::config::Config;
use crate::fakes::{Fault, World};
use crate::load::tests::{assert_converged, config, upload, world};
use crate::pending::LoadLimits;

pub(super) const BAD_KEY: &str = "events/20260101/113000-x.json";

/// The world with bad objects in it, and a row of an earlier COPY under the same session number.
pub(super) fn world_with(bad: &[(&str, &str)]) -> World {
    let mut world = world();
    world.objects.extend(bad.iter().map(|&(key, body)| (key.to_owned(), body.to_owned())));
    let url = "s3://lake/events/20260101/110000-b.json";
    let old = ["0", url, "1", "", "", "an old story", ""];
    world.load_errors.push(old.map(str::to_owned));
    world
}

/// Nothing but bad objects, and one that was loaded by an earlier run.
fn world_of(bad: &[(&str, &str)]) -> World {
    let mut world = world_with(bad);
    world.objects.retain(|key, _| key.contains("-c.json") || bad.iter().any(|it| it.0 == key));
    world
}

pub(super) fn rejecting(rejects_max: u64) -> Config {
    Config { rejects_max: Some(rejects_max), ..config() }
}

/// Of a run that failed: nothing is loaded, and nothing is moved but what was loaded before.
fn assert_untouched(world: &World, case: &str) {
    assert_eq!(world.table, ["old-1", "old-2"], "{case}");
    for prefix in ["archive/events/1.", "archive/events/2.", "rejected/", "manifests/"] {
        let moved = world.objects.keys().any(|key| key.starts_with(prefix));
        assert!(!moved, "{case}: {:#?}", world.journal);
    }
}

/// Takes what lies under `rejected/`, and what is archived of the same objects, out of the world.
pub(super) fn take_rejected(world: &mut World) -> Vec<String> {
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
async fn an_object_with_an_event_without_an_id_is_set_aside_and_the_rest_is_loaded() {
    let world = RefCell::new(world_with(&[(BAD_KEY, "5 nameless")]));
    let summary = upload(&config(), &world).await.unwrap();
    assert_eq!((summary.objects, summary.rejected, summary.rows_rejected), (2, 1, 0));
    let mut world = world.into_inner();
    let reasons = &world.objects[&format!("rejected/{BAD_KEY}.errors.json")];
    insta::assert_snapshot!(reasons, @r#"
    [
      {
        "filename": "s3://lake/events/20260101/113000-x.json",
        "line_number": "",
        "colname": "id",
        "raw_field_value": "",
        "err_reason": "1 events to load have no id"
      }
    ]
    "#);
    assert_eq!(take_rejected(&mut world).len(), 2);
    assert_converged(&world, "one object with an event without an id");
}

#[tokio::test(start_paused = true)]
async fn if_no_object_has_ids_the_settings_are_to_blame() {
    let bodies = [(BAD_KEY, "nameless"), ("events/20260101/113001-y.json", "nameless")];
    let world = RefCell::new(world_of(&bodies));
    let config = Config { rejects_max: None, ..config() };
    let error = upload(&config, &world).await.unwrap_err().to_string();
    assert!(error.contains("refused every row at column id"), "{error}");
    assert_untouched(&world.into_inner(), "no ids");
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
            let summary = upload(&rejecting(0), &world).await.unwrap();
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
async fn any_number_of_bad_objects_is_set_aside_beside_a_good_one() {
    for (is_taciturn, objects_max) in [(false, 100), (true, 100), (false, 1), (true, 7)] {
        let bodies = ["bad", "broken", "hopeless", "bad bad", "6 broken", "7 hopeless"];
        let bad: Vec<_> = (0..60)
            .map(|number| (format!("events/0/{number:02}.json"), bodies[number % bodies.len()]))
            .collect();
        let bad: Vec<_> = bad.iter().map(|(key, body)| (key.as_str(), *body)).collect();
        let world = RefCell::new(World { is_taciturn, ..world_with(&bad) });
        let limits = LoadLimits { objects_max, bytes_max: u64::MAX };
        let summary = upload(&Config { limits, ..rejecting(0) }, &world).await.unwrap();
        let case = format!("taciturn: {is_taciturn}, at most {objects_max} objects");
        assert_eq!((summary.rejected, summary.rows_loaded), (60, 4), "{case}");
        let mut world = world.into_inner();
        assert_eq!(take_rejected(&mut world).len(), 120, "{case}");
        assert_converged(&world, &case);
    }
}

#[tokio::test(start_paused = true)]
async fn more_bad_objects_than_allowed_beside_no_good_one_fail_the_run_and_none_is_moved() {
    for bodies in [["bad", "bad"], ["broken", "broken"], ["hopeless", "broken"], ["bad", "broken"]]
    {
        for (is_taciturn, objects_max) in [(false, 100), (true, 100), (false, 1)] {
            let bad = [("events/1.json", bodies[0]), ("events/2.json", bodies[1])];
            let world = RefCell::new(World { is_taciturn, ..world_of(&bad) });
            let limits = LoadLimits { objects_max, bytes_max: u64::MAX };
            let config = Config { limits, ..rejecting(1) };
            let error = upload(&config, &world).await.unwrap_err();
            let case = format!("{bodies:?}, taciturn: {is_taciturn}: {error:#}");
            assert!(runtime::failure::hint(&error).unwrap().contains("--rejects-max"), "{case}");
            assert_untouched(&world.borrow(), &case);
            assert_eq!(upload(&rejecting(2), &world).await.unwrap().rejected, 2, "{case}");
        }
    }
    let world = RefCell::new(world_of(&[("events/1.json", "bad"), ("events/2.json", "bad")]));
    let error = upload(&rejecting(1), &world).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}").replace("; ", ";\n"), @r#"
    COPY took none of 2 objects, and refused every row at column user_id, so the table may be to blame, not they, and nothing was set aside: s3://lake/events/1.json line 1, column user_id, value "x1": Invalid digit;
    s3://lake/events/2.json line 1, column user_id, value "x1": Invalid digit
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_few_objects_refused_at_one_column_look_like_a_table_that_was_changed() {
    let unsaid = Config { rejects_max: None, ..config() };
    for (bad, expected) in [
        (&[("events/1.json", "bad")][..], Ok(1)),
        (&[("events/1.json", "bad bad"), ("events/2.json", "bad")], Err("at column user_id, so")),
        (&[("events/1.json", "bad"), ("events/2.json", "broken")], Ok(2)),
        (&[("events/1.json", "broken"), ("events/2.json", "broken")], Ok(2)),
    ] {
        let world = RefCell::new(world_of(bad));
        match (upload(&unsaid, &world).await, expected) {
            (Ok(summary), Ok(rejected)) => assert_eq!(summary.rejected, rejected, "{bad:?}"),
            (Err(error), Err(text)) => {
                assert!(format!("{error:#}").contains(text), "{bad:?}: {error:#}");
                assert_untouched(&world.borrow(), text);
                // Unless somebody says that it is they.
                let said = upload(&rejecting(2), &world).await.unwrap();
                assert_eq!(said.rejected, 2, "{bad:?}");
            }
            (found, _) => panic!("{bad:?}: {found:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_set_aside_while_copy_cannot_load_even_an_empty_object() {
    let bad = [("events/1.json", "1"), ("events/2.json", "2")];
    for (said, expected) in [
        ("Assert", "COPY fails even for an empty object, so nothing was set aside: Assert"),
        ("S3ServiceException: Access Denied", "S3 refuses COPY all of 2 objects, so nothing was"),
        ("not authorized to assume IAM Role", "copy: not authorized to assume IAM Role"),
        ("Disk Full: code: 1016", "copy: Disk Full"),
    ] {
        let world = RefCell::new(World { copy_failure: Some(said), ..world_of(&bad) });
        let error = upload(&rejecting(10), &world).await.unwrap_err();
        assert!(format!("{error:#}").starts_with(expected), "{error:#}");
        let hint = runtime::failure::hint(&error).unwrap();
        assert!(hint.contains("arn_credentials") != said.starts_with("Disk"), "{hint}");
        assert_untouched(&world.borrow(), said);
        world.borrow_mut().copy_failure = None;
        let summary = upload(&config(), &world).await.unwrap();
        assert_eq!((summary.rejected, summary.rows_loaded), (0, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_copy_loses_without_a_word_fail_the_load() {
    let losing_reasons = World { lost_reasons: 1, ..world_with(&[(BAD_KEY, "4 bad 1 bad 3")]) };
    let losing_rows = World { lost_rows: 1, ..world() };
    for (world, said) in [
        (losing_reasons, "COPY left out 2 rows, but stl_load_errors lists 1"),
        (losing_rows, "COPY loaded 7 rows, but 5 are staged"),
    ] {
        let world = RefCell::new(world);
        let error = upload(&config(), &world).await.unwrap_err();
        assert_eq!(format!("{error:#}"), said);
        assert_untouched(&world.borrow(), said);
        (world.borrow_mut().lost_reasons, world.borrow_mut().lost_rows) = (0, 0);
        assert_eq!(upload(&config(), &world).await.unwrap().rows_loaded, 4, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_moved_holds_up_nobody() {
    let good = "events/20260101/100000-a.json.gz";
    for (stuck, body) in [(BAD_KEY, "broken"), (good, "broken"), (BAD_KEY, "bad 4")] {
        for call in [format!("delete {stuck}"), format!("copy {stuck}")] {
            let call: &'static str = call.leak();
            let lasting_fault = Some((call, Fault::Refuse));
            let world = RefCell::new(World { lasting_fault, ..world_with(&[(BAD_KEY, body)]) });
            let first = upload(&config(), &world).await.unwrap();
            assert_eq!((first.rows_loaded, first.rejected, first.stuck), (4, 1, 1), "{call}");
            world.borrow_mut().objects.insert("events/next.json".to_owned(), "5".to_owned());
            let next = upload(&config(), &world).await.unwrap();
            assert_eq!((next.rows_loaded, next.stuck), (1, 1), "{call}");
            let reasons = format!("rejected/{BAD_KEY}.errors.json");
            assert!(world.borrow().objects.contains_key(&reasons), "{call}");
            world.borrow_mut().lasting_fault = None;
            assert_eq!(upload(&config(), &world).await.unwrap().stuck, 0, "{call}");
            let mut world = world.into_inner();
            assert_eq!(take_rejected(&mut world).len(), 2, "{call}");
            world.objects.remove("archive/events/next.json").unwrap();
            world.ledger.as_mut().unwrap().retain(|row| row.key != "events/next.json");
            world.table.retain(|id| id != "5");
            assert_converged(&world, call);
        }
    }
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
