//! `run-pipeline` as a user meets it: one process, and everything arrives.

use std::path::PathBuf;
use std::time::Duration;

use blueshift::Stack;
use harness::binaries::{binaries, workspace_root};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

const WITHIN: Duration = Duration::from_secs(60);

/// A stack, and a folder in which the program runs.
struct Stage {
    stack: Stack,
    folder: tempfile::TempDir,
}

impl Stage {
    /// A stack without anything on it.
    async fn start() -> Self {
        let folder = folder();
        let stack = Stack::in_process().start().await.expect("the stack starts");
        Self { stack, folder }
    }

    /// Everything made by the kit.
    async fn provisioned() -> Self {
        let folder = folder();
        let stack = Stack::in_process().settings(folder.path().join("settings.ini"));
        Self { stack: stack.start().await.expect("the stack starts"), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with the environment block and nothing else of the environment.
    fn spawn(&self, arguments: &[&str]) -> Child {
        let log = std::fs::File::create(self.path("log")).expect("a file");
        let output = std::fs::File::create(self.path("out")).expect("a file");
        Command::new(binaries().expect("built").path("run-pipeline"))
            .args(arguments)
            .env_clear()
            .envs(self.stack.environment())
            .env("AWS_SQS_POLLING_TIMEOUT", "1")
            // The kit takes any; see `wait`.
            .env("AWS_SECRET_ACCESS_KEY", "hunter2-of-aws")
            .env("REDSHIFT_PASSWORD", "hunter2-of-redshift")
            .current_dir(self.folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(output)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("it starts")
    }

    async fn wait(&self, child: &mut Child) -> Option<i32> {
        let ended = tokio::time::timeout(WITHIN, child.wait()).await;
        let Ok(status) = ended else { panic!("it still runs: {}", self.log()) };
        let said = self.output() + &self.log();
        assert!(!said.contains("hunter2"), "a secret: {said}");
        status.expect("a child").code()
    }

    /// Runs to the end: exit code and stdout.
    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let code = self.wait(&mut self.spawn(arguments)).await;
        (code, self.output())
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.path("out")).expect("what it printed")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).expect("what it said")
    }

    /// Waits until what it printed or said pleases `has`.
    async fn until(&self, what: &str, has: impl Fn(&str, &str) -> bool) {
        let looking = async {
            while !has(&self.output(), &self.log()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let seen = tokio::time::timeout(WITHIN, looking).await;
        assert!(seen.is_ok(), "no {what}: {}", self.log());
    }

    /// What is answered at the address that the log names.
    async fn served(&self, path: &str) -> String {
        let log = self.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut lines = lines.filter(|line| line["fields"]["message"] == "metrics are served");
        let line = lines.next().expect("the address is logged");
        let address = line["fields"]["address"].as_str().expect("an address").to_owned();
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("somebody listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    /// How many rows the table has, by a connection of our own.
    async fn row_count(&self) -> i64 {
        let url = self.stack.endpoints().redshift_url();
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a session");
        let driver = tokio::spawn(connection);
        let row = client.query_one("SELECT count(DISTINCT id) FROM events", &[]).await;
        driver.abort();
        row.expect("a count").get(0)
    }
}

/// With our settings and table.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str| std::fs::read_to_string(workspace_root().join(name)).expect("a file");
    let settings = read("settings.ini").replace("# create_table =", "create_table =");
    std::fs::write(folder.path().join("settings.ini"), settings).expect("written");
    std::fs::write(folder.path().join("create_table.sql"), read("create_table.sql"))
        .expect("written");
    folder
}

fn results(output: &str, part: &str) -> Vec<Value> {
    let lines = output.lines().map(|line| serde_json::from_str(line).expect("JSON lines"));
    lines.filter(|line: &Value| line["part"] == part).collect()
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().expect("it runs")).ok().and_then(Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), signal).expect("it can be signalled");
}

#[tokio::test]
async fn so_many_events_go_all_the_way_to_the_charts() {
    let stage = Stage::provisioned().await;
    let flags = ["--events=500", "--flat-out", "--seed=7", "--malformed=0.02", "--duplicates=0.02"];
    let flags = [&flags[..], &["--charts-prefix=charts"]].concat();
    let (code, output) = stage.run(&[&flags[..], &["--output=json"]].concat()).await;
    assert_eq!(code, Some(0), "{}", stage.log());
    let sent = &results(&output, "generate-events")[0];
    let consumed = &results(&output, "consume-events")[0];
    let loaded: u64 = results(&output, "upload-data")
        .iter()
        .map(|run| run["rows_loaded"].as_u64().expect("a count"))
        .sum();
    assert_eq!(sent["sent"], 500, "{output}");
    assert_eq!(consumed["dead_lettered"], sent["malformed"], "{output}");
    let good = 500 - sent["malformed"].as_u64().expect("a count");
    let duplicates = sent["duplicates"].as_u64().expect("a count");
    assert!(0 < duplicates && duplicates < good, "{output}");
    assert_eq!(loaded, good - duplicates, "{output}");
    assert_eq!(stage.row_count().await, i64::try_from(loaded).expect("small"));
    let drawn = results(&output, "visualize").pop().expect("a last run");
    assert_eq!(drawn["charts"].as_array().map(Vec::len), Some(4), "{output}");
    assert!(drawn["report"].is_string(), "{output}");
    assert_eq!(drawn["objects"].as_array().map(Vec::len), Some(5), "{output}");
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn by_a_signal_it_ends_in_order_and_loads_once_more_if_told_to() {
    let stage = Stage::provisioned().await;
    let flags = ["--output=json", "--rate=200", "--final-upload", "--batch-age-max=0.5"];
    // The figures and the health of all parts, on a port of its own choice.
    let flags = [&flags[..], &["--metrics-listen=127.0.0.1:0", "--log-format=json"]].concat();
    let mut child = stage.spawn(&flags);
    stage.until("stored batch", |_, log| log.contains("batch stored")).await;
    let served = stage.served("/metrics").await;
    for figure in [
        "\ngenerate_events_messages_sent_total ",
        "\nconsume_events_stored_events_total ",
        "\nupload_data_rows_loaded_total 0\n",
        "\nvisualize_runs_total 0\n",
    ] {
        assert!(served.contains(figure), "{figure}: {served}");
    }
    let served = stage.served("/healthz").await;
    assert!(served.starts_with("HTTP/1.1 200 "), "{served}");
    signal(&child, Signal::TERM);
    assert_eq!(stage.wait(&mut child).await, Some(0), "{}", stage.log());
    let output = stage.output();
    let order: Vec<Value> =
        output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let order: Vec<&str> = order.iter().filter_map(|line| line["part"].as_str()).collect();
    assert_eq!(order, ["generate-events", "consume-events", "upload-data", "visualize"]);
    let loaded = results(&output, "upload-data")[0]["rows_loaded"].as_u64().expect("a count");
    assert!(0 < loaded, "{output}");
    assert_eq!(stage.row_count().await, i64::try_from(loaded).expect("small"));
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn uploads_follow_their_schedule() {
    let stage = Stage::provisioned().await;
    let schedule = ["--upload-schedule=* * * * * *", "--batch-age-max=0.5", "--rate=100"];
    let parts = ["--parts=generate-events,consume-events,upload-data", "--output=json"];
    let mut child = stage.spawn(&[&schedule[..], &parts].concat());
    let is_load = |run: &Value| run["rows_loaded"].as_u64() > Some(0);
    let loads =
        |output: &str| results(output, "upload-data").iter().filter(|it| is_load(it)).count();
    stage.until("two loads", |output, _| output.ends_with('\n') && 2 <= loads(output)).await;
    signal(&child, Signal::INT);
    assert_eq!(stage.wait(&mut child).await, Some(0), "{}", stage.log());
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn a_part_that_fails_again_and_again_ends_all_in_order() {
    let stage = Stage::start().await;
    let flags = ["--parts=generate-events,upload-data", "--output=json"];
    let (code, output) = stage.run(&flags).await;
    assert_eq!((code, output.as_str()), (Some(1), ""), "{}", stage.log());
    let log = stage.log();
    assert_eq!(log.matches("part failed; it is started again").count(), 2, "{log}");
    assert!(log.contains("there is no queue events"), "{log}");
    assert!(log.contains("part given up"), "{log}");
    stage.stack.shutdown().await;
}

/// State and resource of every finding.
fn findings(output: &str) -> Vec<(String, String)> {
    let all: Vec<Value> = serde_json::from_str(output).expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    all.iter().map(|it| (text(&it["resource"]), text(&it["state"]))).collect()
}

fn all(state: &str) -> Vec<(String, String)> {
    let resources = ["dead-letter queue", "queue", "bucket", "table", "ledger"];
    resources.map(|resource| (resource.to_owned(), state.to_owned())).to_vec()
}

#[tokio::test]
async fn provision_makes_everything_once_and_overwrites_nothing_unasked() {
    let stage = Stage::start().await;
    let provision = async |flag: &str| {
        let flags = ["provision", "--output=json", flag];
        let (code, output) = stage.run(&flags[..if flag.is_empty() { 2 } else { 3 }]).await;
        assert!(output.starts_with('['), "{flag}: {code:?} {output} {}", stage.log());
        (code, findings(&output))
    };
    assert_eq!(provision("--check").await, (Some(1), all("missing")));
    assert_eq!(provision("--check").await, (Some(1), all("missing")), "nothing was made");
    // A queue of an earlier run that failed to make the dead-letter queue.
    let settings = std::fs::read_to_string(stage.path("settings.ini")).expect("settings");
    let name = settings.lines().find_map(|line| line.strip_prefix("sqs_name")).expect("a name");
    let name = name.trim_start_matches([' ', '=']);
    let config = blueshift::provision::sdk_config(stage.stack.endpoints()).await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    sqs.create_queue().queue_name(name).send().await.expect("made");
    let mut expected = all("made");
    expected[1].1 = "updated".to_owned();
    assert_eq!(provision("").await, (Some(0), expected), "it has its redrive policy now");
    assert_eq!(provision("").await, (Some(0), all("ok")), "the second time there is nothing to do");
    let client = stage.stack.redshift().await.expect("a session");
    client.batch_execute("ALTER TABLE events DROP COLUMN user_id").await.expect("dropped");
    let mut expected = all("ok");
    expected[3].1 = "differs".to_owned();
    assert_eq!(provision("").await, (Some(4), expected.clone()));
    assert_eq!(provision("--check").await, (Some(4), expected.clone()));
    expected[3].1 = "updated".to_owned();
    assert_eq!(provision("--update").await, (Some(0), expected));
    assert_eq!(provision("--check").await, (Some(0), all("ok")));
    stage.stack.shutdown().await;
}

/// What the doctor marks so, as `check: text`.
fn marked(output: &str, status: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(output).expect("a report");
    let checks = report["checks"].as_array().expect("a list");
    let marked = checks.iter().filter(|check| check["status"] == status);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    marked.map(|it| format!("{}: {}", text(&it["check"]), text(&it["text"]))).collect()
}

#[tokio::test]
async fn the_doctor_finds_nothing_wrong_with_what_provision_made() {
    let stage = Stage::start().await;
    assert_eq!(stage.run(&["provision"]).await.0, Some(0), "{}", stage.log());
    let (code, output) = stage.run(&["doctor", "--output=json"]).await;
    assert_eq!(marked(&output, "fail"), Vec::<String>::new());
    assert_eq!(marked(&output, "warn"), Vec::<String>::new());
    assert_eq!(code, Some(0));
    let ok = marked(&output, "ok").join("\n");
    for seen in ["clock: ", "sqs:DeleteMessage is allowed", "copy: the role may read the bucket"] {
        assert!(ok.contains(seen), "{seen}: {ok}");
    }
    let (code, human) = stage.run(&["doctor"]).await;
    assert!(human.contains("[redshift] password = ***  (REDSHIFT_PASSWORD)"), "{human}");
    assert_eq!(code, Some(0));
    let (code, _) = stage.run(&["--events=20", "--flat-out"]).await;
    assert_eq!(code, Some(0), "{}", stage.log());
    assert_eq!(stage.row_count().await, 20);
    stage.stack.shutdown().await;
}

#[tokio::test]
async fn the_doctor_names_each_thing_that_is_missing_or_refused() {
    let stage = Stage::start().await;
    let (code, output) = stage.run(&["doctor", "--output=json"]).await;
    assert_eq!(code, Some(1), "{}", stage.log());
    let missing = [
        "queue: there is no queue events",
        "bucket: there is no bucket blueshift-events",
        r#"table: there is no table "events""#,
    ];
    assert_eq!(marked(&output, "fail"), missing, "{output}");
    assert_eq!(stage.run(&["provision"]).await.0, Some(0), "{}", stage.log());
    for (flag, expected) in [
        ("--redshift-port=1", "redshift: no session with redshift at 127.0.0.1:1"),
        ("--create-table=none.sql", "settings: the CREATE TABLE file none.sql cannot be read"),
        ("--settings=none.ini", "settings: settings file none.ini cannot be read"),
        ("--redshift-id-column=uuid", r#"settings: id_column is "uuid""#),
    ] {
        let (code, output) = stage.run(&["doctor", "--output=json", flag]).await;
        let failed = marked(&output, "fail");
        assert!(failed[0].starts_with(expected) && code == Some(1), "{flag}: {failed:?}");
    }
    let forbid = |operation: &str| {
        let rule = serde_json::json!({ "name": "forbidden", "operation": operation,
            "action": {"refuse": {"status": 403, "code": "AccessDenied"}} });
        serde_json::from_value(serde_json::json!({ "rules": [rule] })).expect("a plan")
    };
    let faults = stage.stack.faults().expect("in this process").clone();
    for (operation, expected) in [
        ("ReceiveMessage", "queue: sqs:ReceiveMessage: forbidden: AccessDenied"),
        ("DeleteMessageBatch", "queue: sqs:DeleteMessage: forbidden: AccessDenied"),
        ("GetQueueUrl", "queue: events: forbidden: AccessDenied"),
        ("PutObject", "bucket: write s3://blueshift-events/runs/doctor/"),
        ("DeleteObject", "bucket: delete s3://blueshift-events/runs/doctor/"),
    ] {
        faults.set_plan(forbid(operation));
        let (code, output) = stage.run(&["doctor", "--output=json"]).await;
        let failed = marked(&output, "fail");
        let seen = failed.iter().any(|failed| failed.starts_with(expected));
        assert!(seen && code == Some(1), "{operation}: {failed:?}");
    }
    faults.clear();
    stage.stack.shutdown().await;
}
