//! `--schedule`, `--metrics-listen` and the records of runs, as a user of one program meets them.

use std::time::Duration;

use blueshift::Stack;
use harness::binaries::{binaries, workspace_root};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tokio::process::Command;

const WITHIN: Duration = Duration::from_secs(60);

/// Runs `upload-data` in `folder` every second until `count` runs are recorded, then stops it:
/// exit code and log.
async fn upload_every_second(
    stack: &Stack,
    folder: &std::path::Path,
    count: usize,
) -> (Option<i32>, String) {
    let create = |name: &str| std::fs::File::create(folder.join(name)).expect("a file");
    let mut child = Command::new(binaries().expect("built").path("upload-data"))
        .args(["--schedule", "* * * * * *", "--output", "json"])
        .env_clear()
        .envs(stack.environment())
        // By which the plan of faults knows it.
        .env("AWS_ACCESS_KEY_ID", "uploader")
        .current_dir(folder)
        .stdout(create("out"))
        .stderr(create("log"))
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let counting = async {
        while records(stack).await.len() < count {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let seen = tokio::time::timeout(WITHIN, counting).await;
    let log = || std::fs::read_to_string(folder.join("log")).expect("a log");
    assert!(seen.is_ok(), "{count} records: {}", log());
    let pid = i32::try_from(child.id().expect("it runs")).ok().and_then(Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), Signal::TERM).expect("signalled");
    let status = tokio::time::timeout(WITHIN, child.wait()).await.expect("it ends");
    (status.expect("a child").code(), log())
}

/// The records under `runs/upload-data/`, oldest first.
async fn records(stack: &Stack) -> Vec<Value> {
    let config = blueshift::provision::sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    let bucket = "blueshift-events";
    let listing = s3.list_objects_v2().bucket(bucket).prefix("runs/upload-data/").send();
    let mut records = Vec::new();
    for object in listing.await.expect("a listing").contents.unwrap_or_default() {
        let key = object.key.expect("a key");
        let body = s3.get_object().bucket(bucket).key(&key).send().await.expect("an object").body;
        let body = body.collect().await.expect("a body").into_bytes();
        let record: Value = serde_json::from_slice(&body).expect("JSON");
        let id = record["run_id"].as_str().expect("an id");
        assert!(key.ends_with(&format!("-{id}.json")), "{key}");
        records.push(record);
    }
    let time = |record: &Value| record["started_at"].as_str().expect("a time").to_owned();
    records.sort_by_key(time);
    records
}

#[tokio::test]
async fn a_failing_run_is_recorded_and_the_next_one_tries_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["settings.ini", "create_table.sql"] {
        let text = std::fs::read_to_string(workspace_root().join(name)).expect("a file");
        let text = text.replace("# create_table =", "create_table =");
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let settings = folder.path().join("settings.ini");
    let stack = Stack::in_process().settings(settings).start().await.expect("it starts");
    let rule = json!({ "name": "no list", "caller": "uploader", "operation": "ListObjectsV2", "hits_max": 1,
        "action": {"refuse": {"status": 403, "code": "AccessDenied"}} });
    let plan = serde_json::from_value(json!({ "rules": [rule] })).expect("a plan");
    stack.faults().expect("in this process").set_plan(plan);
    let (code, log) = upload_every_second(&stack, folder.path(), 3).await;
    let records = records(&stack).await;
    let outcomes: Vec<_> = records.iter().map(|it| it["outcome"].as_str().expect("one")).collect();
    assert_eq!(outcomes[..3], ["failed", "succeeded", "succeeded"], "{log}");
    assert_eq!((&records[0]["exit_code"], &records[0]["summary"]), (&json!(1), &Value::Null));
    assert!(records[0]["error"].as_str().expect("a text").contains("AccessDenied"), "{records:?}");
    assert_eq!(records[1]["summary"]["rows_loaded"], 0);
    assert_eq!(log.matches("run failed").count(), 1, "{log}");
    assert_eq!(code, Some(1), "one run failed: {log}");
    let output = std::fs::read_to_string(folder.path().join("out")).expect("what it printed");
    let printed: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    assert_eq!(printed.len() + 1, records.len(), "{output}");
    assert_eq!(printed[0]["run_id"], records[1]["run_id"]);
    stack.shutdown().await;
}

/// Runs `visualize` every second against a Redshift that hangs up on the first `failures` callers
/// and answers nobody, stops it during the query of the next one: exit code and log.
async fn stop_charts_during_the_query(failures: usize) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let create = |name: &str| std::fs::File::create(folder.path().join(name)).expect("a file");
    let mut child = Command::new(binaries().expect("built").path("visualize"))
        .args(["--schedule", "* * * * * *", "--output", "json", "--out", "charts"])
        .args(["--redshift-host", "127.0.0.1", "--redshift-port", &port])
        .args(["--redshift-user", "u", "--redshift-database", "d", "--redshift-table", "t"])
        .args(["--report-events", "login"])
        .env_clear()
        .env("REDSHIFT_PASSWORD", "p")
        .current_dir(folder.path())
        .stdout(create("out"))
        .stderr(create("log"))
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let log = || std::fs::read_to_string(folder.path().join("log")).expect("a log");
    let mut called = Vec::new();
    for number in 0..=failures {
        let call = tokio::time::timeout(WITHIN, silent.accept()).await;
        let (caller, _) = call.unwrap_or_else(|_| panic!("no call: {}", log())).expect("a call");
        if number == failures {
            called.push(caller);
        }
    }
    let pid = i32::try_from(child.id().expect("it runs")).ok().and_then(Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), Signal::TERM).expect("signalled");
    let status = tokio::time::timeout(WITHIN, child.wait()).await.expect("it ends");
    (status.expect("a child").code(), log())
}

#[tokio::test]
async fn a_stop_during_a_query_is_no_failure_and_hides_none() {
    let (code, log) = stop_charts_during_the_query(0).await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped before redshift answered"), "{log}");
    let (code, log) = stop_charts_during_the_query(1).await;
    assert_eq!(code, Some(1), "{log}");
    assert_eq!(log.matches("run failed").count(), 1, "{log}");
}
