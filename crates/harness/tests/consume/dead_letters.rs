//! Malformed messages: where they go, and how they come back.

use std::io::Read;

use serde_json::Value;

use super::World;

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
