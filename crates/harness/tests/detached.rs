//! `blueshift up --detach`, `down`, `status` and `env` as a user types them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use harness::binaries::{binaries, workspace_root};
use rustix::process::{Pid, Signal};
use serde_json::Value;

/// A folder for the state files and one for the clusters; stops what a failed test left running.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        // Short, because Unix sockets allow 107 bytes of path, and open to whom Postgres runs as.
        let folder = tempfile::Builder::new().prefix("bs").tempdir_in("/tmp").expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
            .expect("permissions can be set");
        Self { folder }
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries().expect("built").path("blueshift"));
        command
            .args(arguments)
            .env_remove("AWS_REGION")
            .env("TMPDIR", self.folder.path())
            .env("BLUESHIFT_STATE_DIR", self.state())
            .current_dir(workspace_root());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the kit starts")
    }

    fn up(&self, arguments: &[&str]) -> Output {
        self.run(&[&["up", "--detach", "--port", "0", "--redshift-port", "0"], arguments].concat())
    }

    /// Told by the environment, where the list of processes does not show it.
    fn up_with_password(&self, password: &str, arguments: &[&str]) -> Output {
        let up = ["up", "--detach", "--port", "0", "--redshift-port", "0"];
        let mut command = self.command(&[&up, arguments].concat());
        command.env("BLUESHIFT_REDSHIFT_PASSWORD", password).output().expect("the kit starts")
    }

    fn status(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let answer = self.run(&[&["status", "--output", "json"], arguments].concat());
        (answer.status.code(), serde_json::from_slice(&answer.stdout).expect("one JSON object"))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.run(&["down", "--all"]);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signal(pid: &Value, signal: Signal) {
    let pid = i32::try_from(pid.as_i64().expect("a number")).expect("a pid");
    rustix::process::kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("signalled");
}

/// Processes whose command line mentions `folder`, and what is left in it beside the state.
fn leftovers(folder: &Path) -> (usize, Vec<String>) {
    let listed = Command::new("ps").args(["-eo", "args"]).output().expect("ps answers");
    let mentions = |line: &&str| line.contains(&folder.display().to_string());
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into());
    (text(&listed.stdout).lines().filter(mentions).count(), {
        names.filter(|name: &String| name != "state").collect()
    })
}

#[test]
fn a_stack_in_the_background_is_found_by_status_and_env_and_stopped_by_down() {
    let desk = Desk::new();
    assert_eq!(desk.status(&[]).0, Some(3));
    // The init scripts are those the README shows.
    let up = desk.up_with_password("it's $HOME", &["--init", "fixtures/init"]);
    assert_eq!(up.status.code(), Some(0), "{}", text(&up.stderr));
    let block = text(&up.stdout);
    assert!(block.ends_with("\nready\n") && block.contains("REDSHIFT_PASSWORD=it's $HOME\n"));

    let (code, status) = desk.status(&[]);
    assert_eq!((code, &status["status"]), (Some(0), &Value::from("running")), "{status}");
    let url = status["url"].as_str().expect("a URL");
    assert!(block.contains(&format!("AWS_ENDPOINT_URL={url}\n")), "{block}");
    assert_eq!(desk.status(&["--url", url]).0, Some(0), "a healthcheck");
    assert!(!status.to_string().contains("HOME"), "no password: {status}");
    let record = desk.state().join("default.json");
    let mode = std::fs::metadata(&record).expect("a state file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let kit = binaries().expect("built").path("blueshift").display().to_string();
    let script = format!("eval \"$('{kit}' env)\"; printf '%s' \"$REDSHIFT_PASSWORD\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("BLUESHIFT_STATE_DIR", desk.state());
    let shell = shell.output().expect("sh runs");
    assert_eq!(text(&shell.stdout), "it's $HOME");
    let redshift = desk.run(&["env", "--shell", "plain"]);
    let redshift = text(&redshift.stdout);
    let redshift = redshift.lines().find_map(|line| line.strip_prefix("REDSHIFT_URL="));
    assert_eq!(desk.status(&["--url", redshift.expect("a URL")]).0, Some(0), "redshift's");

    let again = desk.up(&[]);
    assert_eq!(again.status.code(), Some(1));
    let said = text(&again.stderr);
    assert!(said.contains("a stack named default is running already (process "), "{said}");
    assert!(said.contains("hint: blueshift env --name default"), "{said}");

    let down = desk.run(&["down"]);
    assert_eq!(down.status.code(), Some(0));
    assert!(text(&down.stdout).starts_with("stopped stack default (process "));
    assert_eq!(leftovers(desk.folder.path()), (0, Vec::new()));
    let down = desk.run(&["down"]);
    assert_eq!(text(&down.stdout), "no stack named default is running\n");
    assert_eq!((down.status.code(), desk.status(&[]).0), (Some(0), Some(3)));
    assert_eq!(desk.status(&["--url", url]).0, Some(3));
    assert_eq!(desk.run(&["env"]).status.code(), Some(1));
}

#[test]
fn two_names_run_side_by_side_and_a_killed_one_is_recognised_and_cleaned_up() {
    let desk = Desk::new();
    for name in ["one", "two"] {
        let up = desk.up(&["--name", name]);
        assert_eq!(up.status.code(), Some(0), "{}", text(&up.stderr));
    }
    let (_, one) = desk.status(&["--name", "one"]);
    let (_, two) = desk.status(&["--name", "two"]);
    assert_ne!(one["ports"], two["ports"]);
    signal(&one["pid"], Signal::KILL);
    signal(&two["pid"], Signal::STOP);
    assert_eq!(desk.status(&["--name", "two", "--timeout", "1"]).1["status"], "unresponsive");
    signal(&two["pid"], Signal::CONT);
    let (code, killed) = desk.status(&["--name", "one"]);
    assert_eq!((code, &killed["status"]), (Some(3), &Value::from("stale")));
    let down = desk.run(&["down", "--all"]);
    let said = text(&down.stdout);
    assert!(said.contains("stack one (process "), "{said}");
    assert!(said.contains(") had ended without cleaning up: done now\n"), "{said}");
    assert!(said.contains("stopped stack two (process "), "{said}");
    assert_eq!(leftovers(desk.folder.path()), (0, Vec::new()), "the killed one's postgres too");
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let desk = Desk::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let up = desk.run(&["up", "--detach", "--port", &port, "--redshift-port", "0"]);
    assert_eq!((up.status.code(), text(&up.stdout)), (Some(1), String::new()));
    let said = text(&up.stderr);
    assert!(said.contains(&format!("port {port} on 127.0.0.1")), "{said}");
    assert!(said.contains("hint: --port 0 takes a free one"), "{said}");
    assert_eq!(desk.status(&[]).1["status"], "stopped");
    assert_eq!(leftovers(desk.folder.path()), (0, Vec::new()));
}

#[test]
fn a_start_that_takes_too_long_is_stopped_and_so_is_one_that_is_told_to_while_it_starts() {
    let desk = Desk::new();
    let scripts = desk.folder.path().join("init");
    std::fs::create_dir(&scripts).expect("made");
    std::fs::write(scripts.join("1.sh"), "echo waiting; exec sleep 600\n").expect("written");
    let init = scripts.display().to_string();
    let gone = || std::fs::remove_dir_all(&scripts).expect("there");

    let up = desk.up(&["--init", &init, "--timeout", "2"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{said}");
    assert!(said.contains("stack default was not ready within 2 s"), "{said}");
    assert_eq!(desk.status(&[]).1["status"], "stopped");

    let up = desk.up(&["--init", &init, "--init-timeout", "1"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{said}");
    assert!(
        said.contains("init script 1.sh did not end within 1 s; it printed:\nwaiting"),
        "{said}"
    );

    let endless = desk.folder.path().join("sql");
    std::fs::create_dir(&endless).expect("made");
    let sql = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT 1 FROM t) SELECT COUNT(*) FROM t;";
    std::fs::write(endless.join("1.sql"), sql).expect("written");
    let up = desk.up(&["--init", &endless.display().to_string(), "--init-timeout", "1"]);
    let said = text(&up.stderr);
    assert!(said.contains("init script 1.sql did not end within 1 s"), "{said}");
    std::fs::remove_dir_all(&endless).expect("there");

    std::thread::scope(|scope| {
        let up = scope.spawn(|| desk.up(&["--init", &init]));
        let since = std::time::Instant::now();
        while desk.status(&[]).1["status"] != "starting" {
            assert!(since.elapsed() < std::time::Duration::from_secs(60), "it never starts");
        }
        let down = desk.run(&["down", "--all"]);
        let said = text(&down.stdout);
        assert!(said.contains("before it was ready"), "{said} {}", text(&down.stderr));
        assert_eq!(up.join().expect("it ends").status.code(), Some(1));
    });
    gone();
    assert_eq!(leftovers(desk.folder.path()), (0, Vec::new()));
}

#[test]
fn a_folder_for_stacks_in_the_background_is_refused_in_the_foreground() {
    let desk = Desk::new();
    let up = desk.run(&["up", "--port", "0", "--redshift-port", "0", "--state-dir", "/tmp/x"]);
    let said = text(&up.stderr);
    assert_eq!(up.status.code(), Some(2), "{said}");
    assert!(said.contains("--state-dir is for stacks in the background: add --detach"), "{said}");
}
