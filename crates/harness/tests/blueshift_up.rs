//! `blueshift up` as a user meets it: a process with a block on stdout, hints on stderr, and
//! nothing left behind.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::binaries::{binaries, workspace_root};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

const WITHIN: Duration = Duration::from_secs(60);

struct Kit {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where the kit keeps its running cluster: one folder per test, so that leftovers show.
    temporary: tempfile::TempDir,
}

/// Short, because Unix sockets allow 107 bytes of path, and open to the user Postgres runs as.
fn temporary_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("bs").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
        .expect("permissions can be set");
    folder
}

fn up(arguments: &[&str]) -> Kit {
    let temporary = temporary_folder();
    let mut child = tokio::process::Command::new(binaries().expect("built").path("blueshift"))
        .arg("up")
        .args(arguments)
        .env_remove("AWS_REGION")
        .env("TMPDIR", temporary.path())
        .current_dir(workspace_root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the kit starts");
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    Kit { child, lines, temporary }
}

impl Kit {
    /// The environment block, up to `ready`.
    async fn block(&mut self) -> HashMap<String, String> {
        let mut block = HashMap::new();
        loop {
            let line = tokio::time::timeout(WITHIN, self.lines.next_line())
                .await
                .expect("the block is printed in time")
                .expect("stdout is readable");
            let Some(line) = line else { panic!("no ready line: {}", self.stderr().await) };
            if line == "ready" {
                return block;
            }
            let (name, value) = line.split_once('=').expect("KEY=value");
            block.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn stderr(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().expect("stderr is piped");
        stderr.read_to_string(&mut text).await.expect("stderr is readable");
        text
    }

    /// Sends a signal, waits for the end and returns what is left in its temporary folder.
    async fn stop(mut self, signal: Signal) -> (Option<i32>, Vec<String>) {
        let pid = i32::try_from(self.child.id().expect("it runs")).expect("a pid");
        let pid = Pid::from_raw(pid).expect("a pid");
        rustix::process::kill_process(pid, signal).expect("it can be signalled");
        let status = tokio::time::timeout(WITHIN, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("it can be waited for");
        (status.code(), entries(self.temporary.path()))
    }
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into()).collect()
}

/// Processes whose command line mentions `text`.
fn processes(text: &str) -> usize {
    let listed = Command::new("ps").args(["-eo", "args"]).output().expect("ps answers");
    String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn the_block_has_every_variable_and_both_signals_leave_nothing_behind() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut kit = up(&["--port", "0", "--redshift-port", "0"]);
        let block = kit.block().await;
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
            "REDSHIFT_HOST",
            "REDSHIFT_PORT",
            "REDSHIFT_USER",
            "REDSHIFT_PASSWORD",
            "REDSHIFT_DATABASE",
            "REDSHIFT_URL",
        ] {
            assert!(block.get(name).is_some_and(|value| !value.is_empty()), "{name}: {block:?}");
        }
        assert_eq!(block["REDSHIFT_USER"], "awsuser");
        assert_eq!(block["REDSHIFT_DATABASE"], "dev");
        let folder = kit.temporary.path().display().to_string();
        assert_eq!(entries(kit.temporary.path()).len(), 1, "the running cluster's folder");
        assert_ne!(processes(&folder), 0, "postgres runs");
        let (code, left) = kit.stop(signal).await;
        assert_eq!((code, left), (Some(0), Vec::new()), "{signal:?}");
        assert_eq!(processes(&folder), 0, "{signal:?}");
    }
}

#[tokio::test]
async fn settings_make_queues_bucket_and_table_and_name_them() {
    let settings = workspace_root().join("settings.ini").display().to_string();
    let mut kit = up(&["--port", "0", "--redshift-port", "0", "--settings", &settings]);
    let block = kit.block().await;
    assert_eq!(block["AWS_REGION"], "eu-central-1");
    assert_eq!(block["AWS_S3_BUCKET"], "blueshift-events");
    assert!(block["AWS_SQS_URL"].ends_with("/000000000000/events"), "{block:?}");
    assert!(block["AWS_SQS_DEAD_LETTER_URL"].ends_with("/events-dead-letter"), "{block:?}");
    let (client, connection) =
        tokio_postgres::connect(&block["REDSHIFT_URL"], tokio_postgres::NoTls)
            .await
            .expect("the printed URL connects");
    let driver = tokio::spawn(connection);
    let row =
        client.query_one("SELECT COUNT(*) FROM events", &[]).await.expect("the table is there");
    assert_eq!(row.get::<_, i64>(0), 0);
    drop(client);
    driver.await.expect("no panic").expect("a clean end");
    assert_eq!(kit.stop(Signal::TERM).await.0, Some(0));
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_cure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for (arguments, flag) in [
        (["--port", &port, "--redshift-port", "0"], "--port"),
        (["--port", "0", "--redshift-port", &port], "--redshift-port"),
    ] {
        let mut kit = up(&arguments);
        let stderr = kit.stderr().await;
        let status = kit.child.wait().await.expect("it ends");
        assert_eq!(status.code(), Some(1));
        assert!(stderr.contains(&format!("port {port} on 127.0.0.1")), "{stderr}");
        assert!(stderr.contains(&format!("hint: {flag} 0 takes a free one")), "{stderr}");
        assert_eq!(entries(kit.temporary.path()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_machine_without_postgres_is_told_how_to_get_one() {
    let kit = binaries().expect("built").path("blueshift");
    let answer = Command::new(kit)
        .args(["up", "--port", "0", "--redshift-port", "0"])
        .env("BLUESHIFT_POSTGRES_BIN", "/nonexistent")
        .output()
        .expect("the kit starts");
    let stderr = String::from_utf8_lossy(&answer.stderr);
    assert_eq!(answer.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("no Postgres server found in /nonexistent"), "{stderr}");
    assert!(stderr.contains("hint: install one: apt-get install postgresql"), "{stderr}");
}

#[tokio::test]
async fn a_cluster_whose_owner_was_killed_is_swept_at_the_next_start() {
    let mut killed = up(&["--port", "0", "--redshift-port", "0"]);
    killed.block().await;
    let temporary = killed.temporary.path().display().to_string();
    killed.child.kill().await.expect("it can be killed");
    assert_ne!(processes(&temporary), 0, "its postgres survives it");
    let answer = tokio::process::Command::new(binaries().expect("built").path("blueshift"))
        .args(["up", "--port", "0", "--redshift-port", "0"])
        .env("TMPDIR", &temporary)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut next = answer.expect("the kit starts");
    let mut lines = BufReader::new(next.stdout.take().expect("stdout is piped")).lines();
    while lines.next_line().await.expect("readable").expect("a ready line") != "ready" {}
    assert_eq!(entries(killed.temporary.path()).len(), 1, "only the new cluster is left");
    let pid = Pid::from_raw(i32::try_from(next.id().expect("it runs")).expect("a pid"));
    rustix::process::kill_process(pid.expect("a pid"), Signal::TERM).expect("signalled");
    next.wait().await.expect("it ends");
    assert_eq!(processes(&temporary), 0);
}
