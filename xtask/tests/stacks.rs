//! `cargo xtask e2e --stack …` as a user meets it: what it says, what it makes, and that nothing of
//! it stays, even if it is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use blueshift::Stack;
use blueshift::process::Process;
use blueshift::provision::sdk_config;
use harness::ci::containers_of;

const WITHIN: Duration = Duration::from_secs(120);

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("e2e").args(arguments).current_dir(harness::binaries::workspace_root());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // So that its programs can be killed with it.
    command.process_group(0);
    command
}

/// Exit code, and all it said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn signal(child: &Child, signal: &str) {
    let group = format!("-{}", child.id());
    let sent = Command::new("kill").args([signal, "--", &group]).status().expect("kill runs");
    assert!(sent.success());
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < WITHIN, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Containers that a process started.
fn containers(of: &Child) -> usize {
    containers_of(of.id()).expect("docker answers").len()
}

/// Why no stack of containers can be started on this machine.
fn lacks_containers() -> Option<String> {
    if containers_of(0).is_none() {
        return Some("no Docker answers here".to_owned());
    }
    let lacks = |image: &&&str| {
        let mut docker = Command::new("docker");
        let found = docker.args(["image", "inspect", **image]).stdout(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    };
    let missing = ["localstack/localstack:4.14.0", "postgres:17-alpine"];
    missing.iter().find(lacks).map(|image| format!("no image {image} here"))
}

#[test]
fn without_docker_one_message_says_so_and_names_the_way_out() {
    for (host, expected) in [
        ("unix:///nonexistent/docker.sock", "no socket at unix:///nonexistent/docker.sock"),
        ("tcp://127.0.0.1:1", "nobody answers at tcp://127.0.0.1:1"),
        ("tcp://docker.example.com:2375", "it is on another machine"),
        ("nonsense", "DOCKER_HOST=nonsense cannot be used"),
    ] {
        let mut command = xtask(&["--stack", "containers", "--scenario", "empty"]);
        let (code, text) = said(&command.env("DOCKER_HOST", host).output().expect("it runs"));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("--stack in-process"), "{text}");
    }
}

#[test]
fn a_flag_of_another_stack_is_refused() {
    for (arguments, expected) in [
        (&["--i-pay"][..], "--i-pay is for --stack aws"),
        (&["--stack", "compose", "--image-postgres", "x"], "is for --stack containers"),
        (&["--stack", "aws", "--sweep", "--scenario", "empty"], "leave out --scenario"),
        (&["--stack", "containers", "--jobs", "2"], "--jobs is for --stack in-process"),
        (&["--stack", "compose", "--compose-port", "1"], "the compose project is not up"),
    ] {
        let (code, text) = said(&xtask(arguments).output().expect("it runs"));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_go_at_a_signal_and_those_of_a_killed_run_at_the_next_start() {
    if let Some(reason) = lacks_containers() {
        harness::ci::skip("xtask: containers go at a signal", &reason);
        return;
    }
    let arguments = ["--stack", "containers", "--scenario", "kill-consumer"];
    // With one there, the other is just being made.
    for (name, count) in [("-TERM", 1), ("-INT", 1), ("-TERM", 2), ("-INT", 2)] {
        let child = xtask(&arguments).spawn().expect("it starts");
        until("the containers are there", async || count <= containers(&child)).await;
        signal(&child, name);
        let of = child.id();
        let (code, text) = said(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, Some(1), "{name}: {text}");
        assert_eq!(containers_of(of), Some(Vec::new()), "{name} with {count}: {text}");
    }
    // Who asks twice waits for no clean-up: the next start does it, as after a kill.
    let mut ended = Vec::new();
    for (signals, expected) in [(&["-INT", "-TERM"][..], Some(130)), (&["-KILL"], None)] {
        let child = xtask(&arguments).spawn().expect("it starts");
        until("both containers are there", async || containers(&child) == 2).await;
        signals.iter().for_each(|name| signal(&child, name));
        ended.push(child.id());
        let (code, text) = said(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, expected, "{signals:?}: {text}");
    }
    let next = xtask(&["--stack", "containers", "--scenario", "empty"]).output();
    let (code, text) = said(&next.expect("it runs"));
    assert_eq!(code, Some(0), "{text}");
    for of in ended {
        assert_eq!(containers_of(of), Some(Vec::new()), "{text}");
    }
}

/// The programs that consume events for a process.
fn consumers_of(parent: u32) -> Vec<Process> {
    let folders = std::fs::read_dir("/proc").expect("listed").flatten();
    let stats = folders.filter_map(|at| std::fs::read_to_string(at.path().join("stat")).ok());
    let found = stats.filter_map(|stat| {
        let (pid, rest) = stat.split_once(" (consume-events) ")?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        let is_child = fields.get(1)? == &parent.to_string();
        is_child.then(|| Process::parse(&format!("{pid} {}", fields.get(19)?)))?
    });
    found.collect()
}

/// A kit that stands in for AWS, with things on it that nobody may touch.
struct Account {
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    state: tempfile::TempDir,
}

impl Account {
    async fn open() -> Self {
        let stack = Stack::in_process().region("eu-central-1").await.expect("it starts");
        let config = sdk_config(stack.endpoints()).await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder();
        let place = place.location_constraint("eu-central-1".into()).build();
        let create = s3.create_bucket().bucket("lake").create_bucket_configuration(place);
        create.send().await.expect("made");
        let body = b"theirs".to_vec().into();
        s3.put_object().bucket("lake").key("blueshift/x").body(body).send().await.expect("put");
        sqs.create_queue().queue_name("blueshift").send().await.expect("made");
        let redshift = stack.redshift().await.expect("a session");
        redshift.batch_execute("CREATE SCHEMA blueshift_theirs").await.expect("made");
        Self { stack, sqs, s3, state: tempfile::tempdir().expect("a folder") }
    }

    fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = xtask(&["--stack", "aws"]);
        command.args(arguments).envs(self.stack.environment());
        command.env("AWS_S3_BUCKET", "lake").env("XDG_STATE_HOME", self.state.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(&self.xtask(arguments).output().expect("it runs"))
    }

    fn rewrite_journals(&self, from: &str, to: &str) {
        let folder = self.state.path().join("blueshift/journals");
        for entry in std::fs::read_dir(folder).expect("there").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("readable");
            assert!(text.contains(from), "{text}");
            std::fs::write(entry.path(), text.replace(from, to)).expect("written");
        }
    }

    /// Queues, objects, schemas and journals: what is there.
    async fn inventory(&self) -> Vec<String> {
        let queues = self.sqs.list_queues().send().await.expect("listed");
        let mut found: Vec<String> = queues.queue_urls().to_vec();
        let objects = self.s3.list_objects_v2().bucket("lake").send().await.expect("listed");
        found.extend(objects.contents().iter().filter_map(|object| object.key.clone()));
        let redshift = self.stack.redshift().await.expect("a session");
        let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'blueshift%'";
        let rows = redshift.query(schemas, &[]).await.expect("rows");
        found.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        let journals = std::fs::read_dir(self.state.path().join("blueshift/journals"));
        let names = journals.into_iter().flatten().flatten();
        found.extend(names.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        found
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_announced_paid_for_and_left_as_it_was_found() {
    let account = Account::open().await;
    let before = account.inventory().await;
    assert_eq!(before.len(), 3, "{before:?}");

    let (code, text) = account.run(&["--scenario", "empty"]);
    assert_eq!(code, Some(1), "{text}");
    for expected in ["--i-pay", "two queues", "s3://lake/", "one schema", "eu-central-1"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(account.inventory().await, before);

    // One service elsewhere is told before anything is made, and where its programs go.
    let mut apart = account.xtask(&["--i-pay", "--scenario", "prototype-day"]);
    let url = account.stack.endpoints().aws_url().expect("its own").to_owned();
    apart.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    for service in ["SQS", "S3", "STS"] {
        apart.env(format!("AWS_ENDPOINT_URL_{service}"), &url);
    }
    let (code, text) = said(&apart.output().expect("it runs"));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("at {url}, which is not AWS alone")), "{text}");
    assert_eq!(account.inventory().await, before, "{text}");

    let arguments = ["--i-pay", "--scenario", "prototype-day", "--scenario", "refusals"];
    let (code, text) = account.run(&arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("refusals: skipped: nobody can make AWS refuse"), "{text}");
    assert_eq!(account.inventory().await, before, "{text}");

    let (code, text) = account.run(&["--i-pay", "--scenario", "refusals"]);
    assert_eq!(code, Some(3), "{text}");

    let mut orphans = Vec::new();
    for (name, is_left) in [("-TERM", false), ("-KILL", true)] {
        let child = account.xtask(&["--i-pay", "--scenario", "kill-consumer"]).spawn();
        let child = child.expect("it starts");
        let more = before.len() + 4;
        until("everything is made", async || more <= account.inventory().await.len()).await;
        if is_left {
            // It alone, as when memory is short: its programs go on.
            until("a consumer runs", async || !consumers_of(child.id()).is_empty()).await;
            orphans = consumers_of(child.id());
            let pid = child.id().to_string();
            let sent = Command::new("kill").args([name, &pid]).status().expect("kill runs");
            assert!(sent.success());
        } else {
            signal(&child, name);
        }
        let (_, text) = said(&child.wait_with_output().expect("it ends"));
        assert_eq!(account.inventory().await != before, is_left, "{name}: {text}");
    }
    // What was made in one account is not looked for in another, where it would count as gone.
    account.rewrite_journals("account 000000000000", "account 111111111111");
    let (code, text) = account.run(&["--sweep"]);
    assert_eq!(code, Some(1), "{text}");
    let expected = ["things at account 111111111111", "here is account 000000000000"];
    for expected in expected.into_iter().chain(["program consume-events (process "]) {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_ne!(account.inventory().await, before, "{text}");
    account.rewrite_journals("account 111111111111", "account 000000000000");
    let (code, text) = account.run(&["--sweep"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("removed queue blueshift-"), "{text}");
    assert!(!orphans.is_empty() && !orphans.iter().any(Process::is_alive), "{orphans:?}");
    assert_eq!(account.inventory().await, before, "{text}");
    account.stack.shutdown().await;
}
