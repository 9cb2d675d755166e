//! `/_blueshift/faults` as a user in any language meets it: plan, hit, journal, release, delete.

use std::time::Duration;

use blueshift::Stack;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WITHIN: Duration = Duration::from_secs(20);

/// One request on a connection of its own: the answer's status, 0 for none, and its body.
async fn ask(stack: &Stack, method: &str, path: &str, body: &str) -> (u16, String) {
    let url = stack.endpoints().aws.clone().expect("it has an endpoint");
    let address = url.strip_prefix("http://").expect("without TLS");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let read = tokio::time::timeout(WITHIN, stream.read_to_string(&mut answer)).await;
    // A connection that a fault cuts may end in a reset.
    let _ = read.expect("the connection ends");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status.unwrap_or_default(), body.unwrap_or_default())
}

async fn faults(stack: &Stack, method: &str, page: &str, body: &str) -> (u16, Value) {
    let (status, body) = ask(stack, method, &format!("/_blueshift/faults{page}"), body).await;
    (status, serde_json::from_str(&body).expect("the kit answers in JSON"))
}

/// An unsigned listing of buckets; without a fault S3 says that it has none.
async fn list_buckets(stack: &Stack) -> (u16, String) {
    ask(stack, "GET", "/", "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_set_hits_is_journalled_and_goes() {
    let stack = Stack::in_process().await.expect("the stack starts");
    let (sound, _) = list_buckets(&stack).await;
    let plan = json!({ "seed": 7, "rules": [
        { "name": "slow down", "operation": "ListBuckets", "calls": { "numbers": [1] },
          "action": { "refuse": { "code": "SlowDown" } } },
        { "name": "cut", "service": "s3", "calls": { "numbers": [2] }, "action": "cut" },
        { "name": "stop", "calls": { "numbers": [3] }, "action": { "hold": "before" } },
    ] });
    let (status, shown) = faults(&stack, "PUT", "", &plan.to_string()).await;
    assert_eq!((status, &shown["journal"]), (200, &json!([])), "{shown}");

    let (status, body) = list_buckets(&stack).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("<Code>SlowDown</Code>"), "{body}");
    assert_eq!(list_buckets(&stack).await, (0, String::new()), "the second one is cut");
    let released = async {
        let held = stack.faults().expect("it has faults").until_held("stop");
        tokio::time::timeout(WITHIN, held).await.expect("the third one is held");
        let (_, shown) = faults(&stack, "GET", "", "").await;
        assert_eq!(shown["journal"][2]["held"], true, "{shown}");
        faults(&stack, "POST", "/release", "").await
    };
    let ((status, _), (_, released)) = tokio::join!(list_buckets(&stack), released);
    assert_eq!((status, released), (sound, json!({ "released": 1 })));

    let (_, shown) = faults(&stack, "GET", "", "").await;
    let journal = shown["journal"].as_array().expect("a list");
    let told: Vec<_> = journal.iter().map(|hit| (&hit["rule"], &hit["call_number"])).collect();
    let names = ["slow down", "cut", "stop"].map(|name| json!(name));
    let numbers = [1, 2, 3].map(|number| json!(number));
    assert_eq!(told, names.iter().zip(&numbers).collect::<Vec<_>>(), "{shown}");
    assert_eq!(journal[0]["operation"], "ListBuckets");
    assert_eq!(journal[0]["service"], "s3");

    let (status, shown) = faults(&stack, "DELETE", "", "").await;
    assert_eq!((status, &shown["plan"]["rules"]), (200, &json!([])), "{shown}");
    assert_eq!(list_buckets(&stack).await.0, sound);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_plan_is_refused_with_the_reason_and_changes_nothing() {
    let stack = Stack::in_process().await.expect("the stack starts");
    let sound = json!({ "rules": [{ "name": "x", "operation": "PutObject", "action": "cut" }] });
    faults(&stack, "PUT", "", &sound.to_string()).await;
    let rule = |key: &str, value: Value| {
        let mut rule = json!({ "name": "odd", "action": "cut" });
        rule[key] = value;
        json!({ "rules": [rule] }).to_string()
    };
    for (plan, reason) in [
        ("{".to_owned(), "EOF"),
        ("{}".to_owned(), "missing field `rules`"),
        (rule("action", json!("explode")), "unknown variant `explode`"),
        (rule("opration", json!("PutObject")), "unknown field `opration`"),
        (rule("service", json!("sns")), "cut is for sqs, s3, redshift, tcp"),
        (
            rule("action", json!({ "fail-entries": { "count": 1, "code": "X" } }))
                .replace("\"name\"", "\"service\":\"redshift\",\"name\""),
            "fail-entries is for sqs",
        ),
        (
            rule("action", json!({ "fail-entries": { "count": 1, "code": "X" } }))
                .replace("\"name\"", "\"operation\":\"ReceiveMessage\",\"name\""),
            "fail-entries is for ChangeMessageVisibilityBatch",
        ),
        (rule("hits_max", json!(0)), "never hits"),
        (
            rule("action", json!({ "slow": { "bytes_per_second": 9 } }))
                .replace("\"name\"", "\"service\":\"s3\",\"name\""),
            "slow is for tcp",
        ),
    ] {
        let (status, answer) = faults(&stack, "PUT", "", &plan).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && error.contains(reason), "{plan}: {status} {answer}");
    }
    let (_, shown) = faults(&stack, "GET", "", "").await;
    assert_eq!(shown["plan"]["rules"][0]["name"], "x", "{shown}");
    let (status, answer) = faults(&stack, "GET", "/elsewhere", "").await;
    assert_eq!(status, 404, "{answer}");
    stack.shutdown().await;
}
