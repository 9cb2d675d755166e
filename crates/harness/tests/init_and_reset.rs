//! `--init`, `POST /_blueshift/reset` and the pages that wait-for scripts ask, over real sockets.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_sdk_s3::primitives::ByteStream;
use blueshift::provision::sdk_config;
use blueshift::{Endpoints, Stack};
use harness::binaries::{binaries, workspace_root};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::NoTls;

/// One request, one connection: the answer's head and body.
async fn request(url: &str, method: &str, path: &str) -> (String, String) {
    let address = url.strip_prefix("http://").expect("an address");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let headers = format!("host: {address}\r\ncontent-length: 0\r\nconnection: close");
    let text = format!("{method} {path} HTTP/1.1\r\n{headers}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

async fn page(url: &str, path: &str) -> Value {
    let (head, body) = request(url, "GET", path).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    serde_json::from_str(&body).expect("JSON")
}

async fn sql(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it connects");
    tokio::spawn(connection);
    client
}

async fn count(client: &tokio_postgres::Client, question: &str) -> i64 {
    client.query_one(question, &[]).await.expect("an answer").get(0)
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    if text.starts_with("#!") {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set");
    }
}

/// `blueshift up` with these arguments; stopped at the end of the test.
struct Kit {
    child: tokio::process::Child,
    block: Vec<String>,
    errors: String,
}

async fn up(arguments: &[&str]) -> Kit {
    let mut child = tokio::process::Command::new(binaries().expect("built").path("blueshift"))
        .args(["up", "--port", "0", "--redshift-port", "0"])
        .args(arguments)
        .env_remove("AWS_REGION")
        .current_dir(workspace_root())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the kit starts");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(
        child.stdout.take().expect("piped"),
    ));
    let mut block = Vec::new();
    let mut errors = String::new();
    while let Some(line) = lines.next_line().await.expect("readable") {
        let is_ready = line == "ready";
        block.push(line);
        if is_ready {
            return Kit { child, block, errors };
        }
    }
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut errors).await.expect("readable");
    Kit { child, block, errors }
}

impl Kit {
    fn variable(&self, name: &str) -> &str {
        let line = self.block.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.expect("in the block")
    }

    async fn stop(mut self) {
        let pid = i32::try_from(self.child.id().expect("it runs")).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
        assert!(self.child.wait().await.expect("it ends").success());
    }
}

const TALKING_SCRIPT: &str = "echo to stdout; echo to stderr >&2; exit 7";
const BROKEN_SQL: &str = "-- a comment\nCREATE TABLE fine (a INT);\n\nSELECT nonsense FROM fine;\n";

#[tokio::test]
async fn scripts_run_in_the_order_of_their_names_and_again_after_a_reset() {
    let folder = tempfile::tempdir().expect("a folder");
    // VACUUM only works alone, so statements must be sent one by one.
    let first =
        "CREATE TABLE seeds (a INT, b VARCHAR(9));\nINSERT INTO seeds VALUES (1, ';');\nVACUUM;";
    write(folder.path(), "10-tables.sql", first);
    write(folder.path(), "20-more.sh", "#!/bin/sh\nset -e\ntest -n \"$REDSHIFT_URL\"\npwd >ran\n");
    write(folder.path(), "30-more.sh", "[ -e ran ] && echo \"$AWS_ENDPOINT_URL\" >>ran");
    let kit = binaries().expect("built").path("blueshift").display().to_string();
    let asks = format!("'{kit}' status --url $AWS_ENDPOINT_URL >status; echo $? >>status");
    write(folder.path(), "40-asks.sh", &asks);
    write(folder.path(), "README.md", "no script");
    let settings = workspace_root().join("settings.ini").display().to_string();
    let folder_name = folder.path().display().to_string();
    let kit = up(&["--init", &folder_name, "--settings", &settings]).await;
    assert_eq!(kit.block.last().map(String::as_str), Some("ready"), "{}", kit.errors);
    let url = kit.variable("AWS_ENDPOINT_URL").to_owned();
    let redshift = kit.variable("REDSHIFT_URL").to_owned();
    let ran = std::fs::read_to_string(folder.path().join("ran")).expect("both shell scripts ran");
    assert!(ran.ends_with(&format!("{url}\n")), "{ran}");

    let init = page(&url, "/_localstack/init").await;
    assert_eq!(init["completed"]["READY"], true);
    let names: Vec<_> = init["scripts"].as_array().expect("a list").iter().collect();
    assert_eq!(names.len(), 4);
    let status = std::fs::read_to_string(folder.path().join("status")).expect("it wrote it");
    assert!(status.ends_with("is not ready: starting\n3\n"), "{status}");
    assert_eq!(names[0], &json!({"stage":"READY","name":"10-tables.sql","state":"SUCCESSFUL"}));

    let client = sql(&redshift).await;
    let batch = "INSERT INTO seeds VALUES (2, 'x'); CREATE TABLE mine (a INT); \
                 CREATE USER u PASSWORD 'Xy123456'";
    client.batch_execute(batch).await.expect("allowed");
    client.batch_execute("CREATE DATABASE other").await.expect("allowed");
    let (head, body) = request(&url, "POST", "/_blueshift/reset").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    let error = client.batch_execute("SELECT 1").await.expect_err("reset ends sessions");
    assert!(error.is_closed() || error.code().is_some_and(|code| code.code() == "57P01"));
    let client = sql(&redshift).await;
    assert_eq!(count(&client, "SELECT COUNT(*) FROM seeds").await, 1, "init ran again");
    assert_eq!(count(&client, "SELECT COUNT(*) FROM events").await, 0, "of the settings");
    let gone = "SELECT (SELECT COUNT(*) FROM pg_user WHERE usename = 'u') + \
                (SELECT COUNT(*) FROM pg_database WHERE datname = 'other') + \
                (SELECT COUNT(*) FROM pg_tables WHERE tablename = 'mine')";
    assert_eq!(count(&client, gone).await, 0);
    kit.stop().await;
}

#[tokio::test]
async fn a_script_that_fails_ends_the_start_with_its_name_and_output() {
    for (name, script, expected) in [
        ("5.sql", BROKEN_SQL, "init script 5.sql, line 4: column \"nonsense\" does not exist"),
        ("5.sh", TALKING_SCRIPT, "init script 5.sh ended with exit status: 7"),
        ("5.sh", "#!/nonexistent/shell\n", "init script 5.sh cannot be started"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), name, script);
        write(folder.path(), "6.sh", "touch never");
        let mut kit = up(&["--init", &folder.path().display().to_string()]).await;
        assert_eq!(kit.child.wait().await.expect("it ends").code(), Some(1));
        assert_eq!(kit.block, Vec::<String>::new());
        assert!(kit.errors.contains(expected), "{}", kit.errors);
        if script.contains("exit 7") {
            assert!(kit.errors.contains("to stdout\nto stderr"), "{}", kit.errors);
        }
        assert!(!folder.path().join("never").exists(), "what comes after it does not run");
    }
    let kit = up(&["--init", "/nonexistent/init"]).await;
    assert!(kit.errors.contains("/nonexistent/init cannot be read"), "{}", kit.errors);
}

#[tokio::test]
async fn a_reset_empties_every_service_and_journal() {
    let stack = Stack::in_process().await.expect("it starts");
    let endpoints: Endpoints = stack.endpoints().clone();
    let url = endpoints.aws_url().expect("its own").to_owned();
    let config = sdk_config(&endpoints).await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    sqs.create_queue().queue_name("q").send().await.expect("made");
    s3.create_bucket().bucket("bucket").send().await.expect("made");
    let body = ByteStream::from_static(b"{\"a\": 1}");
    s3.put_object().bucket("bucket").key("k").body(body).send().await.expect("put");
    let client = sql(&endpoints.redshift_url()).await;
    let copy = "CREATE TABLE t (a INT); COPY t FROM 's3://bucket/k' IAM_ROLE default JSON 'auto'";
    client.batch_execute(copy).await.expect("loaded");
    assert_eq!(page(&url, "/_blueshift/copies").await["copies"].as_array().map(Vec::len), Some(1));
    stack
        .faults()
        .expect("in process")
        .set_plan(serde_json::from_str("{\"seed\": 1, \"rules\": []}").expect("a plan"));

    // Twice at once: they take turns.
    let (one, two) = tokio::join!(
        request(&url, "POST", "/_localstack/state/reset"),
        request(&url, "POST", "/_blueshift/reset")
    );
    for (head, body) in [one, two] {
        assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    }
    assert_eq!(sqs.list_queues().send().await.expect("answered").queue_urls(), [""; 0]);
    assert_eq!(s3.list_buckets().send().await.expect("answered").buckets().len(), 0);
    assert_eq!(page(&url, "/_blueshift/copies").await, json!({ "copies": [] }));
    assert_eq!(page(&url, "/_blueshift/faults").await["journal"], json!([]));
    let client = sql(&endpoints.redshift_url()).await;
    let tables = "SELECT COUNT(*) FROM pg_tables WHERE tablename = 't'";
    assert_eq!(count(&client, tables).await, 0);
    assert_eq!(count(&client, "SELECT COUNT(*) FROM stl_load_commits").await, 0);
    client.batch_execute("CREATE USER someone PASSWORD 'Xy123456'").await.expect("still awsuser");
    stack.shutdown().await;
}

#[tokio::test]
async fn wait_for_scripts_find_what_localstack_would_answer() {
    let stack = Stack::in_process().await.expect("it starts");
    let url = stack.endpoints().aws_url().expect("its own").to_owned();
    let health = page(&url, "/_localstack/health").await;
    assert_eq!(health["services"]["sqs"], "available");
    assert_eq!(health["services"]["s3"], "available");
    request(&url, "GET", "/bucket").await;
    let (_, text) = request(&url, "GET", "/_localstack/health").await;
    assert!(text.contains(r#""s3": "running""#), "as scripts search for it: {text}");
    assert_eq!((&health["edition"], &health["version"]), (&json!("community"), &json!("4.14.0")));
    assert_eq!(page(&url, "/_localstack/init/ready").await, json!({"completed":true,"scripts":[]}));
    assert_eq!(page(&url, "/_blueshift/health").await["status"], "running");
    let (head, _) = request(&url, "HEAD", "/_localstack/health").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("x-localstack: true"), "{head}");
    let (head, body) = request(&url, "GET", "/_localstack/nothing").await;
    assert!(head.starts_with("HTTP/1.1 404") && body.contains("there are GET"), "{head} {body}");
    stack.shutdown().await;
}

/// Waits until `/_blueshift/health` says so, and gives its last answer.
async fn until_health(url: &str, expected: &str) -> Value {
    let waiting = async {
        loop {
            let (head, body) = request(url, "GET", "/_blueshift/health").await;
            let health: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(head.starts_with("HTTP/1.1 200"), health["status"] == "running", "{head}");
            if health["status"] == expected {
                return health;
            }
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
    waited.unwrap_or_else(|_| panic!("it never was {expected}"))
}

/// A stack whose second script ends only while there is `go`, and fails while there is `fail`.
async fn gated(folder: &Path) -> Stack {
    write(folder, "1.sql", "CREATE TABLE seeds (a INT); INSERT INTO seeds VALUES (1);");
    write(folder, "2.sh", "until [ -e go ]; do sleep 0.02; done; [ ! -e fail ]");
    write(folder, "go", "");
    Stack::in_process().init(folder).start().await.expect("it starts")
}

#[tokio::test]
async fn a_reset_that_nobody_waits_for_any_more_goes_on_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = gated(folder.path()).await;
    let url = stack.endpoints().aws_url().expect("its own").to_owned();
    for by_http in [true, false] {
        std::fs::remove_file(folder.path().join("go")).expect("it is there");
        let the_other = async {
            let health = until_health(&url, "resetting").await;
            assert_eq!(health["init"].as_array().map(Vec::len), Some(2), "{health}");
            while until_health(&url, "resetting").await["init"][1]["state"] != "RUNNING" {
                tokio::task::yield_now().await;
            }
            let (head, body) = request(&url, "POST", "/_blueshift/reset").await;
            assert!(head.starts_with("HTTP/1.1 409"), "a script would wait for itself: {head}");
            assert!(body.contains("no reset while init script 2.sh runs"), "{body}");
        };
        tokio::select! {
            _ = request(&url, "POST", "/_blueshift/reset"), if by_http => panic!("it answered"),
            _ = stack.reset(), if !by_http => panic!("it ended"),
            () = the_other => {}
        }
        // Whoever asked is gone.
        write(folder.path(), "go", "");
        let health = until_health(&url, "running").await;
        for script in health["init"].as_array().expect("a list") {
            assert_eq!(script["state"], "SUCCESSFUL", "{health}");
        }
        let client = sql(&stack.endpoints().redshift_url()).await;
        assert_eq!(count(&client, "SELECT COUNT(*) FROM seeds").await, 1);
    }
    stack.shutdown().await;
}

#[tokio::test]
async fn a_stack_is_not_ready_after_a_reset_that_failed_until_one_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = gated(folder.path()).await;
    let url = stack.endpoints().aws_url().expect("its own").to_owned();
    write(folder.path(), "fail", "");
    let (head, body) = request(&url, "POST", "/_blueshift/reset").await;
    assert!(head.starts_with("HTTP/1.1 500") && body.contains("init script 2.sh"), "{head} {body}");
    let health = until_health(&url, "failed").await;
    assert_eq!(health["init"][1]["state"], "ERROR");
    assert_eq!(page(&url, "/_localstack/init").await["completed"]["READY"], false);
    std::fs::remove_file(folder.path().join("fail")).expect("it is there");
    let (head, body) = request(&url, "POST", "/_blueshift/reset").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    until_health(&url, "running").await;
    stack.shutdown().await;
}
