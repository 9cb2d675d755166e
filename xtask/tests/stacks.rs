//! `cargo xtask e2e --stack …` as a user meets it: what it says, what it makes, and that nothing of
//! it stays, even if it is killed.

use std::os::unix::fs::PermissionsExt;
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
fn who_may_not_use_docker_is_told_so_and_named_the_way_out() {
    const NAME: &str = "xtask: no permission to use Docker";
    if let Some(reason) = lacks_containers() {
        return harness::ci::skip(NAME, &reason);
    }
    let mut become_another = vec!["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !rustix::process::geteuid().is_root() {
        let sudo = Command::new("sudo").args(["-n", "true"]).output();
        if !sudo.is_ok_and(|output| output.status.success()) {
            return harness::ci::skip(NAME, "only root can become somebody without rights");
        }
        become_another.splice(0..0, ["sudo", "-n"]);
    }
    // Where somebody else may read it.
    let folder = tempfile::Builder::new().prefix("bs").tempdir_in("/tmp").expect("a folder");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("permissions can be set");
    let program = folder.path().join("xtask");
    let linked = std::fs::hard_link(env!("CARGO_BIN_EXE_xtask"), &program);
    linked
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_xtask"), &program).map(drop))
        .expect("there");
    let mut command = Command::new(become_another[0]);
    command.args(&become_another[1..]).arg(&program);
    command.args(["e2e", "--stack", "containers", "--scenario", "empty"]);
    let output = command.env_remove("DOCKER_HOST").stdin(Stdio::null()).output();
    let (code, text) = said(&output.expect("setpriv runs"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no permission to use Docker's socket at unix:///"), "{text}");
    assert!(text.contains("hint: join the group `docker`"), "{text}");
    assert!(text.contains("--stack in-process"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_named_with_the_way_out_and_nothing_is_left() {
    if let Some(reason) = lacks_containers() {
        return harness::ci::skip("xtask: no such image", &reason);
    }
    // No registry there: as with one that does not know it, nothing can be pulled.
    let image = "127.0.0.1:1/no-such-image:1";
    for flag in ["--image-localstack", "--image-postgres"] {
        let child = xtask(&["--stack", "containers", "--scenario", "empty", flag, image]).spawn();
        let child = child.expect("it starts");
        let of = child.id();
        let (code, text) = said(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, Some(1), "{flag}: {text}");
        assert!(text.contains(&format!("no image {image}: ")), "{flag}: {text}");
        assert!(text.contains(flag) && text.contains("--stack in-process"), "{flag}: {text}");
        assert_eq!(containers_of(of), Some(Vec::new()), "{flag}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_images_are_taken_and_their_ports_are_on_the_loopback_only() {
    if let Some(reason) = lacks_containers() {
        return harness::ci::skip("xtask: images of one's own, ports on the loopback", &reason);
    }
    // The same ones by other names.
    let [localstack, postgres] = ["localstack", "postgres"]
        .map(|name| format!("blueshift-test/{name}:{}", std::process::id()));
    docker(&["tag", "localstack/localstack:4.14.0", &localstack]);
    docker(&["tag", "postgres:17-alpine", &postgres]);
    let images = ["--image-localstack", &localstack, "--image-postgres", &postgres];
    let arguments = [&["--stack", "containers", "--scenario", "kill-consumer"], &images[..]];
    let child = xtask(&arguments.concat()).spawn().expect("it starts");
    until("both containers publish their ports", async || {
        let found = containers_of(child.id()).expect("docker answers");
        found.len() == 2 && found.iter().all(|id| !docker(&["port", id]).is_empty())
    })
    .await;
    let mut of = Vec::new();
    for id in containers_of(child.id()).expect("docker answers") {
        of.push(docker(&["inspect", "--format", "{{.Config.Image}}", &id]).trim().to_owned());
        let ports = docker(&["port", &id]);
        for line in ports.lines() {
            assert!(line.contains("-> 127.0.0.1:"), "{of:?}: {ports}");
        }
    }
    signal(&child, "-TERM");
    let (_, text) = said(&child.wait_with_output().expect("it ends"));
    docker(&["rmi", &localstack, &postgres]);
    of.sort_unstable();
    assert_eq!(of, [localstack, postgres], "{text}");
}

/// What the command says; it has to end well.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
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

/// What stands in for AWS, with things on it that nobody may touch.
struct Account {
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    state: tempfile::TempDir,
}

impl Account {
    async fn open(stack: Stack) -> Self {
        let config = sdk_config(stack.endpoints()).await;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let sqs = aws_sdk_sqs::Client::new(&config);
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder();
        let place = place.location_constraint("eu-central-1".into()).build();
        for bucket in ["lake", RUN_OF_OTHERS] {
            let create = s3.create_bucket().bucket(bucket);
            create.create_bucket_configuration(place.clone()).send().await.expect("made");
        }
        // Also names that a run of ours could have: only a journal says what is ours.
        let redshift = stack.redshift().await.expect("a session");
        for run in ["blueshift", RUN_OF_OTHERS] {
            let key = format!("{run}/1-empty/events/x");
            let put = s3.put_object().bucket("lake").key(key).body(b"theirs".to_vec().into());
            put.send().await.expect("put");
            let queue = format!("{run}-1-empty");
            sqs.create_queue().queue_name(queue).send().await.expect("made");
            let schema = format!("{}_1", run.replace('-', "_"));
            let make = format!(
                "CREATE SCHEMA {schema}; CREATE TABLE {schema}.events (id INT); \
                 INSERT INTO {schema}.events VALUES (1)"
            );
            redshift.batch_execute(&make).await.expect("made");
        }
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

    /// Queues, buckets, objects, schemas, tables with their rows, and journals: what is there.
    async fn inventory(&self) -> Vec<String> {
        let queues = self.sqs.list_queues().send().await.expect("listed");
        let mut found: Vec<String> = queues.queue_urls().to_vec();
        let buckets = self.s3.list_buckets().send().await.expect("listed");
        found.extend(buckets.buckets().iter().filter_map(|bucket| bucket.name.clone()));
        let objects = self.s3.list_objects_v2().bucket("lake").send().await.expect("listed");
        found.extend(objects.contents().iter().filter_map(|object| object.key.clone()));
        let redshift = self.stack.redshift().await.expect("a session");
        let schemas = "SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'";
        let rows = redshift.query(schemas, &[]).await.expect("rows");
        found.extend(rows.iter().map(|row| format!("schema {}", row.get::<_, String>(0))));
        let tables = "SELECT schemaname || '.' || tablename FROM pg_tables \
                      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        for row in redshift.query(tables, &[]).await.expect("rows") {
            let table: String = row.get(0);
            let count = format!("SELECT COUNT(*) FROM {table}");
            // One of a run of ours may be gone by now.
            let Ok(count) = redshift.query_one(&count, &[]).await else { continue };
            found.push(format!("table {table} with {} rows", count.get::<_, i64>(0)));
        }
        let journals = std::fs::read_dir(self.state.path().join("blueshift/journals"));
        let names = journals.into_iter().flatten().flatten();
        found.extend(names.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        found
    }
}

/// A name like those of our runs, of somebody else.
const RUN_OF_OTHERS: &str = "blueshift-20260102-030405-deadbeef";

impl Account {
    /// Two runs, one ended by a signal and one killed alone: programs of the latter, which go on.
    async fn interrupt(&self, before: &[String]) -> Vec<Process> {
        let mut orphans = Vec::new();
        for (name, is_left) in [("-TERM", false), ("-KILL", true)] {
            let child = self.xtask(&["--i-pay", "--scenario", "kill-consumer"]).spawn();
            let child = child.expect("it starts");
            let more = before.len() + 4;
            until("everything is made", async || more <= self.inventory().await.len()).await;
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
            assert_eq!(self.inventory().await != before, is_left, "{name}: {text}");
        }
        orphans
    }

    /// The killed run's programs end and what it made goes; nothing else does.
    async fn sweep(&self, before: &[String], orphans: &[Process]) {
        let (code, text) = self.run(&["--sweep"]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("removed queue blueshift-"), "{text}");
        assert!(!orphans.is_empty() && !orphans.iter().any(Process::is_alive), "{orphans:?}");
        assert_eq!(self.inventory().await, before, "{text}");
        let (code, text) = self.run(&["--sweep"]);
        assert_eq!((code, &*text), (Some(0), "nothing was left by killed runs\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_that_localstack_stands_in_for_is_left_as_it_was_found() {
    if let Some(reason) = lacks_containers() {
        return harness::ci::skip("xtask: LocalStack stands in for AWS", &reason);
    }
    let stack = Stack::containers().region("eu-central-1").await.expect("it starts");
    let account = Account::open(stack).await;
    let before = account.inventory().await;
    let (code, text) = account.run(&["--i-pay", "--scenario", "prototype-day"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(account.inventory().await, before, "{text}");
    let orphans = account.interrupt(&before).await;
    account.sweep(&before, &orphans).await;
    account.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_is_announced_paid_for_and_left_as_it_was_found() {
    let stack = Stack::in_process().region("eu-central-1").await.expect("it starts");
    let account = Account::open(stack).await;
    let before = account.inventory().await;
    assert!(before.iter().any(|it| it == "table blueshift_1.events with 1 rows"), "{before:?}");

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

    let orphans = account.interrupt(&before).await;
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
    account.sweep(&before, &orphans).await;
    account.stack.shutdown().await;
}
