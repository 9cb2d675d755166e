//! Malformed messages: where they go, and how they come back.

use std::io::{Read, Write};

use blueshift::faults::Release;
use blueshift::faults::plan::{Action, Moment, Plan, Rule};
use serde_json::Value;

use super::{BUCKET, World};

fn bad(number: u32) -> String {
    format!(r#"{{"id":"E{number}","count":"{number} pieces"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_repaired_sent_back_and_purged() {
    let world = World::start(true).await;
    let mut bodies: Vec<String> = (0..13).map(bad).collect();
    bodies.extend(["not json".to_owned(), r#"{"id":"good","count":1}"#.to_owned()]);
    world.send(&bodies).await;
    let consumed = world.consume(&["--until-empty"]).await;
    assert_eq!((&consumed["stored"], &consumed["dead_lettered"]), (&1.into(), &14.into()));

    let listed = world.consume(&["dead-letters", "list"]).await;
    assert_eq!((&listed["sampled"], &listed["complete"]), (&14.into(), &true.into()));
    assert_eq!(listed["reasons"][0]["code"], "integer");
    assert_eq!(listed["reasons"][0]["field"], "count");
    assert_eq!(listed["reasons"][0]["count"], 13);

    // Ten of them, repaired by hand.
    let shown = ["dead-letters", "show", "--code", "integer", "--limit", "10"];
    let shown = world.pipeline.start("consume-events", &shown).expect("it starts");
    let shown = shown.finish_text().await.expect("it ends well");
    let repaired: Vec<String> = shown
        .lines()
        .map(|line| {
            let mut letter: Value = serde_json::from_str(line).expect("JSON");
            let body = letter["body"].as_str().expect("a body").replace(" pieces", "");
            letter["body"] = body.into();
            letter.to_string()
        })
        .collect();
    assert_eq!(repaired.len(), 10, "{shown}");
    let file = world.folder.path().join("repaired.ndjson");
    std::fs::write(&file, repaired.join("\n")).expect("written");
    let file = file.to_str().expect("a name in UTF-8");
    let redriven = world.consume(&["dead-letters", "redrive", "--file", file]).await;
    assert_eq!((&redriven["sent"], &redriven["deleted"]), (&10.into(), &10.into()));
    assert_eq!((&redriven["to"], &redriven["left"]), (&"q".into(), &4.into()));
    assert_eq!(world.consume(&["--until-empty"]).await["stored"], 10);

    // Unchanged, and so they come back.
    assert_eq!(world.consume(&["dead-letters", "redrive"]).await["sent"], 4);
    assert_eq!(world.consume(&["--until-empty"]).await["dead_lettered"], 4);
    let purge = world.pipeline.run("consume-events", &["dead-letters", "purge"]).await;
    let refused = format!("{:#}", purge.expect_err("it wants to be told twice"));
    assert!(refused.contains("would delete all of about 4"), "{refused}");
    assert!(refused.contains("--yes"), "{refused}");
    let purged = world.consume(&["dead-letters", "purge", "--code", "integer"]).await;
    assert_eq!((&purged["deleted"], &purged["left"]), (&3.into(), &1.into()));
    assert_eq!(world.consume(&["dead-letters", "purge", "--yes"]).await["deleted"], 1);
    assert_eq!(world.consume(&["dead-letters", "list"]).await["sampled"], 0);
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dead_letter_queue_malformed_messages_are_kept_in_the_bucket() {
    let world = World::start(false).await;
    let mut bodies: Vec<String> = (0..25).map(bad).collect();
    bodies.push(r#"{"id":"good","count":1}"#.to_owned());
    world.send(&bodies).await;
    let consumed = world.consume(&["--until-empty", "--s3-prefix", "here"]).await;
    assert_eq!((&consumed["stored"], &consumed["rejected"]), (&1.into(), &25.into()));
    let mut rejected = Vec::new();
    for key in world.keys("here/rejected/messages/").await {
        let mut text = String::new();
        let object = world.get(&key).await;
        flate2::read::GzDecoder::new(object.as_slice()).read_to_string(&mut text).expect("gzip");
        rejected.extend(text.lines().map(|it| serde_json::from_str::<Value>(it).expect("JSON")));
    }
    let mut kept: Vec<&str> = rejected.iter().filter_map(|line| line["body"].as_str()).collect();
    let mut sent: Vec<String> = (0..25).map(bad).collect();
    kept.sort_unstable();
    sent.sort();
    assert_eq!(kept, sent);
    assert_eq!(rejected[0]["error_code"], "integer");
    assert!(rejected.iter().all(|line| line["original_message_id"].is_string()));

    // And this is the way back.
    let rejected = async |flags: &[&str]| {
        let base = ["dead-letters", "--from-rejected", "--s3-prefix", "here"];
        world.consume(&[&base[..], flags].concat()).await
    };
    let listed = rejected(&["list"]).await;
    assert_eq!((&listed["messages"], &listed["complete"]), (&25.into(), &true.into()));
    assert_eq!(listed["reasons"][0]["count"], 25, "{listed}");
    assert!(listed["queue"].as_str().is_some_and(|it| it.ends_with("/here/rejected/messages/")));
    let shown = rejected(&["show", "--id", "E7"]).await;
    let mut repaired = shown.clone();
    repaired["body"] = r#"{"id":"E7","count":7}"#.into();
    let file = world.folder.path().join("repaired.ndjson");
    std::fs::write(&file, repaired.to_string()).expect("written");
    let file = file.to_str().expect("a name in UTF-8");
    let redriven = rejected(&["redrive", "--file", file]).await;
    assert_eq!((&redriven["sent"], &redriven["left"]), (&1.into(), &24.into()), "{redriven}");
    assert_eq!(rejected(&["list"]).await["messages"], 24, "one is gone from its object");
    assert_eq!(rejected(&["purge", "--id", "E8"]).await["deleted"], 1);
    let again = rejected(&["redrive"]).await;
    assert_eq!((&again["sent"], &again["deleted"]), (&23.into(), &23.into()), "{again}");
    assert_eq!(world.keys("here/rejected/messages/").await, Vec::<String>::new());
    assert_eq!(rejected(&["list"]).await["sampled"], 0);
    let consumed = world.consume(&["--until-empty", "--s3-prefix", "here"]).await;
    assert_eq!((&consumed["stored"], &consumed["rejected"]), (&1.into(), &23.into()));
    world.stack.shutdown().await;
}

/// The folder of rejected messages, and the flags to look after it.
const REJECTED: &str = "rejected/messages/";
const FROM_REJECTED: [&str; 2] = ["dead-letters", "--from-rejected"];

/// A world with 13 malformed messages in one object of the bucket, and the object's key.
async fn with_rejected_messages() -> (World, String) {
    let world = World::start(false).await;
    world.send(&(0..13).map(bad).collect::<Vec<_>>()).await;
    let age = ["--until-empty", "--batch-age-max", "600"];
    assert_eq!(world.consume(&age).await["rejected"], 13);
    let mut keys = world.keys(REJECTED).await;
    assert_eq!(keys.len(), 1, "{keys:?}");
    (world, keys.remove(0))
}

fn fail_puts(world: &World, times: u64) {
    let action = Action::Refuse { status: 503, code: "ServiceUnavailable".to_owned() };
    let rule = Rule::new("put", "PutObject", action).at_most(times);
    let rules = vec![rule.on(&format!("{BUCKET}/{REJECTED}*"))];
    world.stack.faults().expect("in this process").set_plan(Plan { seed: 7, rules });
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_from_their_object_also_if_s3_fails_in_passing() {
    let (world, _) = with_rejected_messages().await;
    for (number, action, left) in [(1, "purge", 12), (2, "redrive", 11)] {
        fail_puts(&world, 2);
        let id = format!("E{number}");
        let arguments = [&FROM_REJECTED[..], &[action, "--id", &id]].concat();
        let running = world.pipeline.start("consume-events", &arguments).expect("it starts");
        let log = running.log().to_owned();
        let ended = running.finish().await.expect("it ends well").result;
        assert_eq!((&ended["deleted"], &ended["left"]), (&1.into(), &left.into()), "{ended}");
        assert_eq!(world.stack.faults().expect("in this process").hits("put"), 2);
        let log = std::fs::read_to_string(log).expect("a log");
        assert!(log.contains(r#""service":"s3""#), "{log}");
        assert!(!log.contains(r#""service":"sqs""#), "{log}");
        assert!(!log.contains("given back"), "there is no queue: {log}");
        let listed = world.consume(&[&FROM_REJECTED[..], &["list"]].concat()).await;
        assert_eq!(listed["messages"], left, "{listed}");
    }
    // Only what is in no object any more was sent, and once.
    assert_eq!(world.consume(&["--until-empty"]).await["rejected"], 1);
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_an_object_that_changes_meanwhile_stay_and_that_is_a_failure() {
    let (world, key) = with_rejected_messages().await;
    for action in ["purge", "redrive"] {
        let action_of = Action::Hold(Moment::Before);
        let rule = Rule::new("put", "PutObject", action_of).from("*-consume-events").at_most(1);
        let rules = vec![rule.on(&format!("{BUCKET}/{REJECTED}*"))];
        let faults = world.stack.faults().expect("in this process").clone();
        faults.set_plan(Plan { seed: 7, rules });
        let arguments = [&FROM_REJECTED[..], &[action, "--id", "E3"]].concat();
        let mut running = world.pipeline.start("consume-events", &arguments).expect("it starts");
        let held = async {
            faults.until_held("put").await;
            Ok(())
        };
        running.meanwhile(held).await.expect("it comes to the put");
        let mut changed = world.get(&key).await;
        changed.extend(gzipped(b"\n"));
        world.put(&key, changed).await;
        faults.release(Release::Continue);
        let out = running.log().with_extension("out");
        let failed = running.until_ended().await.expect("it ends");
        assert_eq!(failed.code(), Some(1), "{action}");
        let text = std::fs::read_to_string(out).expect("a result");
        let result: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&result["deleted"], &result["left"]), (&0.into(), &13.into()), "{result}");
        faults.clear();
    }
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_none_of_ours_is_passed_over_and_never_deleted() {
    let (world, key) = with_rejected_messages().await;
    let foreign = b"\xff\xfe no JSON\n{\"note\":1}\n";
    let mut object = world.get(&key).await;
    object.extend(gzipped(foreign));
    world.put(&key, object).await;
    let readme = format!("{REJECTED}README.txt");
    world.put(&readme, b"{\"body\":\"keep me\"}\n".to_vec()).await;
    let listed = world.consume(&[&FROM_REJECTED[..], &["list"]].concat()).await;
    assert_eq!((&listed["messages"], &listed["sampled"]), (&13.into(), &13.into()), "{listed}");
    let arguments = [&FROM_REJECTED[..], &["redrive"]].concat();
    let running = world.pipeline.start("consume-events", &arguments).expect("it starts");
    let log = running.log().to_owned();
    let redriven = running.finish().await.expect("it ends well").result;
    assert_eq!((&redriven["sent"], &redriven["deleted"]), (&13.into(), &13.into()));
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("object passed over") && log.contains("lines passed over"), "{log}");
    assert_eq!(world.keys(REJECTED).await.len(), 2);
    let object = world.get(&key).await;
    let mut left = Vec::new();
    flate2::read::GzDecoder::new(object.as_slice()).read_to_end(&mut left).expect("gzip");
    assert_eq!(left, foreign);
    world.stack.shutdown().await;
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}
