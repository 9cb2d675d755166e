//! `visualize` with `--charts-prefix`: what it draws is in S3 too, or the run says why not.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use blueshift::Stack;
use harness::binaries::{binaries, workspace_root};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tokio::process::Command;

const WITHIN: Duration = Duration::from_secs(60);

/// A stack whose table has three rows of one event, with our settings in a folder.
async fn start(folder: &Path) -> Stack {
    for name in ["settings.ini", "create_table.sql"] {
        let text = std::fs::read_to_string(workspace_root().join(name)).expect("a file");
        let text = text.replace("# create_table =", "create_table =");
        let text = text.replace("# s3_prefix =", "s3_prefix = team");
        std::fs::write(folder.join(name), text).expect("written");
    }
    let stack = Stack::in_process().settings(folder.join("settings.ini"));
    let stack = stack.start().await.expect("it starts");
    let client = stack.redshift().await.expect("a session");
    for (id, device) in [("a", "ios"), ("b", "ios"), ("c", "<b>&")] {
        let at = "2019-03-05 07:08:09";
        let row = format!(
            "INSERT INTO events (id, anonymous_id, context_device_type, event, event_text, \
             timestamp, sent_at, received_at) VALUES ('{id}', '{id}', '{device}', \
             'submission_success', 'submissionSuccess', '{at}', '{at}', '{at}')"
        );
        client.batch_execute(&row).await.expect("inserted");
    }
    stack
}

fn visualize(stack: &Stack, folder: &Path) -> Command {
    let mut command = Command::new(binaries().expect("built").path("visualize"));
    command
        .args(["--charts-prefix", "charts/daily", "--output", "json", "--run-records", "off"])
        .env_clear()
        .envs(stack.environment())
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Its end, and what it said on stderr.
async fn ended(run: impl Future<Output = std::io::Result<Output>>) -> (Output, String) {
    let run = tokio::time::timeout(WITHIN, run).await.expect("it ends in time");
    let output = run.expect("it runs");
    let log = String::from_utf8(output.stderr.clone()).expect("text");
    (output, log)
}

fn summary(output: &Output, log: &str) -> Value {
    assert_eq!(output.status.code(), Some(0), "{log}");
    serde_json::from_slice(&output.stdout).expect("one object")
}

/// A rule of faults for every file with this ending.
fn set_fault(stack: &Stack, ending: &str, action: Value) {
    let rule = json!({ "name": "fault", "operation": "PutObject", "action": action,
        "resource": format!("blueshift-events/team/charts/*.{ending}") });
    let plan = serde_json::from_value(json!({ "rules": [rule] })).expect("a plan");
    stack.faults().expect("in this process").set_plan(plan);
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("charts")).expect("the directory");
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("text");
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

#[tokio::test]
async fn charts_and_report_are_in_the_bucket_as_in_the_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = start(folder.path()).await;
    let (output, log) = ended(visualize(&stack, folder.path()).output()).await;
    let summary = summary(&output, &log);
    let paths = summary["charts"].as_array().expect("a list").iter().chain([&summary["report"]]);
    let paths: Vec<&str> = paths.map(|path| path.as_str().expect("a path")).collect();
    assert_eq!(paths.len(), 5, "two pictures of two events, and the report: {summary}");
    let config = blueshift::provision::sdk_config(stack.endpoints()).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    for (path, url) in paths.iter().zip(summary["objects"].as_array().expect("a list")) {
        let name = path.strip_prefix("charts/").expect("in the directory");
        let key = format!("team/charts/daily/{name}");
        assert_eq!(*url, format!("s3://blueshift-events/{key}"));
        let object = s3.get_object().bucket("blueshift-events").key(&key).send().await;
        let object = object.expect("an object");
        let expected = match name.rsplit('.').next() {
            Some("png") => "image/png",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(object.content_type(), Some(expected), "{key}");
        let body = object.body.collect().await.expect("a body").into_bytes();
        let written = std::fs::read(folder.path().join(path)).expect("a file");
        assert!(body == written, "{key} is not {path}");
        if name.ends_with(".html") {
            let page = std::str::from_utf8(&body).expect("text");
            let row = r#"<tr><th scope="row">2019-03-05</th><td class="number">1</td>"#;
            assert!(page.contains(row) && page.contains("&lt;b&gt;&amp;</th>"), "{page}");
            assert_eq!(page.matches("role=\"img\"").count(), 2);
        }
    }
    assert_eq!(summary["objects"].as_array().map(Vec::len), Some(5), "{summary}");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_refused_file_fails_the_run_and_all_stay_in_the_directory() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = start(folder.path()).await;
    set_fault(&stack, "html", json!({"refuse": {"status": 403, "code": "AccessDenied"}}));
    let (output, log) = ended(visualize(&stack, folder.path()).output()).await;
    assert_eq!(output.status.code(), Some(1), "{log}");
    let report = files(folder.path()).into_iter().find(|name| name.ends_with(".html"));
    let report = report.expect("the report is in the directory");
    let said = format!("put object team/charts/daily/{report} into bucket blueshift-events: Acc");
    assert!(log.contains(&said) && log.contains("s3:PutObject"), "{log}");
    assert_eq!(files(folder.path()).len(), 5);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_stop_while_s3_does_not_answer_ends_the_run_and_says_what_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = start(folder.path()).await;
    set_fault(&stack, "html", json!({"hold": "before"}));
    let child = visualize(&stack, folder.path()).spawn().expect("it starts");
    let pid = i32::try_from(child.id().expect("it runs")).ok().and_then(Pid::from_raw);
    let held = stack.faults().expect("in this process").until_held("fault");
    tokio::time::timeout(WITHIN, held).await.expect("the report is held");
    rustix::process::kill_process(pid.expect("a pid"), Signal::TERM).expect("signalled");
    let (output, log) = ended(child.wait_with_output()).await;
    let summary = summary(&output, &log);
    assert_eq!(summary["stopped"], true, "{summary}");
    assert_eq!(summary["objects"].as_array().map(Vec::len), Some(4), "{summary}");
    assert_eq!(files(folder.path()).len(), 5);
    stack.shutdown().await;
}
