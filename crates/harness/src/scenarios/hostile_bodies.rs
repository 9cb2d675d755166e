//! Bodies that nobody would write by hand: huge, deep, all but empty.

use std::io::Write;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Run, Scenario};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "hostile-bodies",
    about: "bodies as large as SQS takes, a hundred thousand brackets deep, blank or half a character",
    default: false,
    needs: &[],
    expected_warnings: &[],
    body: |run| Box::pin(run_scenario(run)),
};

/// The largest message (SQS Developer Guide, "Message quotas").
const BODY_BYTES_MAX: usize = 1_048_576;
const DEPTH: usize = 100_000;

async fn run_scenario(run: &mut Run) -> anyhow::Result<()> {
    let path = run.pipeline.folder().join("messages.ndjson");
    let mut file = std::fs::File::create(&path).context("create the file of messages")?;
    for (name, verdict, body) in bodies() {
        let id = (verdict == "loaded").then_some(name);
        let line = json!({ "name": name, "verdict": verdict, "id": id, "body": body });
        writeln!(file, "{line}").context("write a message")?;
    }
    run.send_messages(&path).await?;
    run.generate(&["--flat-out", "--count", "200"]).await?;
    run.consume().await?;
    run.upload().await?;
    run.visualize().await
}

fn bodies() -> Vec<(&'static str, &'static str, String)> {
    let dead = "dead-letter";
    vec![
        ("blank", dead, " ".to_owned()),
        ("line-ends", dead, "\r\n\t\n".to_owned()),
        ("null", dead, "null".to_owned()),
        ("number", dead, "1e999".to_owned()),
        ("text", dead, r#""an event""#.to_owned()),
        ("empty-array", dead, "[]".to_owned()),
        ("empty-object", dead, "{}".to_owned()),
        ("array-of-events", dead, format!("[{}]", event("in-an-array", json!({})))),
        ("two-events", dead, format!("{0}{0}", event("two-events", json!({})))),
        ("half-an-event", dead, event("half", json!({}))[..200].to_owned()),
        ("byte-order-mark", dead, "\u{feff}{".to_owned()),
        (
            "half-a-character",
            dead,
            event("half-a-character", json!({})).replace("en-DE", "\\ud800"),
        ),
        ("replacement-characters", dead, "\u{fffd}".repeat(1_000)),
        ("as-large-as-it-gets", dead, "x".repeat(BODY_BYTES_MAX)),
        ("large-and-not-closed", dead, format!("{{\"id\":\"{}", "9".repeat(BODY_BYTES_MAX - 7))),
        ("deep-arrays", dead, "[".repeat(DEPTH)),
        ("deep-and-closed", dead, "[".repeat(DEPTH) + &"]".repeat(DEPTH)),
        ("deep-objects", dead, r#"{"id":"#.repeat(DEPTH)),
        ("long-id", dead, event(&"I".repeat(10_000), json!({}))),
        (
            "large-and-good",
            "loaded",
            event("large-and-good", json!({ "more": "m".repeat(500_000) })),
        ),
    ]
}

/// An event that the table takes, with something more in it.
pub(super) fn event(id: &str, more: Value) -> String {
    let at = "2019-02-11 05:09:12.195000";
    let mut event = json!({
        "id": id, "anonymous_id": "A", "context_device_type": "ios", "event": "another_event",
        "event_text": "anotherEvent", "context_locale": "en-DE", "timestamp": at, "sent_at": at,
        "received_at": at,
    });
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
    event.to_string()
}
