//! `blueshift up` that is ended while it makes its first template leaves nothing for ever.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

const WITHIN: Duration = Duration::from_secs(60);
/// Starts until a signal arrives in the middle: a template may be done before it is seen.
const TRIES_MAX: u32 = 5;
/// As root we are `nobody`, because root has one cache for the whole machine.
const NOBODY: u32 = 65_534;

/// A folder of folders: `cache`, `elsewhere` for another cache, and `tmp` for running clusters.
struct Desk {
    folder: tempfile::TempDir,
    kit: PathBuf,
}

impl Desk {
    fn new() -> Self {
        // Short, because Unix sockets allow 107 bytes of path.
        let folder = tempfile::Builder::new().prefix("bs").tempdir_in("/tmp").expect("a folder");
        open(folder.path());
        for name in ["cache", "elsewhere", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
            open(&folder.path().join(name));
        }
        // Where anybody may run it.
        let (built, kit) = (env!("CARGO_BIN_EXE_blueshift"), folder.path().join("blueshift"));
        std::fs::hard_link(built, &kit)
            .or_else(|_| std::fs::copy(built, &kit).map(drop))
            .expect("a copy of the kit");
        Self { folder, kit }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/blueshift")
    }

    fn start(&self, cache: &str) -> Child {
        let mut command = Command::new(&self.kit);
        command
            .args(["up", "--port", "0", "--redshift-port", "0"])
            .env("XDG_CACHE_HOME", self.folder.path().join(cache))
            .env("TMPDIR", self.folder.path().join("tmp"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.spawn().expect("it starts")
    }

    /// Folders in which a template is being made.
    fn making(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.cache()).into_iter().flatten().flatten();
        let is_making = |path: &PathBuf| {
            path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"making-"))
        };
        entries.map(|entry| entry.path()).filter(is_making).collect()
    }

    /// Ends a start with `signal` while the template's server runs; that server's process.
    async fn end_in_the_middle(&self, signal: Signal) -> Pid {
        for _ in 0..TRIES_MAX {
            let _ = std::fs::remove_dir_all(self.cache());
            let mut child = self.start("cache");
            let deadline = Instant::now() + WITHIN;
            let server = loop {
                assert!(Instant::now() < deadline, "no template is made");
                let server = self.making().first().and_then(|making| server_in(making));
                let is_done = server.is_none() && self.has_template();
                if server.is_some() || is_done {
                    break server;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            end(&mut child, signal);
            if let Some(server) = server.filter(|_| !self.has_template()) {
                return server;
            }
        }
        panic!("{TRIES_MAX} templates were made before a signal came");
    }

    fn has_template(&self) -> bool {
        let entries = std::fs::read_dir(self.cache()).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).any(|path| path.join("PG_VERSION").exists())
    }
}

fn end(child: &mut Child, signal: Signal) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a pid");
    rustix::process::kill_process(id, signal).expect("signalled");
    child.wait().expect("it ends");
}

fn open(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).expect("opened");
}

/// The server on the data of a half-made template, once it has said who it is.
fn server_in(making: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(making.join("data/postmaster.pid")).ok()?;
    // All of its first lines: while initdb runs, its servers come and go without a socket.
    let socket = text.lines().nth(4)?;
    // Negative for those of initdb.
    let pid = text.lines().next()?.trim().parse().ok().filter(|pid| 0 < *pid);
    let pid = pid.and_then(Pid::from_raw)?;
    (!socket.is_empty()).then_some(pid)
}

fn runs(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    // Its parent is gone: who inherits it may never wait for it.
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {WITHIN:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_start_that_is_told_to_stop_takes_its_half_made_template_away() {
    for signal in [Signal::TERM, Signal::INT] {
        let desk = Desk::new();
        let server = desk.end_in_the_middle(signal).await;
        assert!(!runs(server), "Postgres goes on");
        assert_eq!(desk.making(), Vec::<PathBuf>::new());
        let left = std::fs::read_dir(desk.folder.path().join("tmp")).expect("a folder").count();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn what_a_killed_start_had_half_made_goes_at_the_next() {
    let desk = Desk::new();
    let server = desk.end_in_the_middle(Signal::KILL).await;
    assert!(runs(server), "nobody has told Postgres");
    let [left] = desk.making().try_into().expect("one half-made template");
    let mut next = desk.start("cache");
    wait_for("Postgres ends, its folder goes", || !runs(server) && !left.exists()).await;
    wait_for("a template", || desk.has_template() && desk.making().is_empty()).await;
    end(&mut next, Signal::TERM);
    let left = std::fs::read_dir(desk.folder.path().join("tmp")).expect("a folder").count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_killed_start_with_another_cache_is_cleaned_up_too() {
    let desk = Desk::new();
    let server = desk.end_in_the_middle(Signal::KILL).await;
    // Its socket folder is found where all of them are.
    let mut next = desk.start("elsewhere");
    wait_for("Postgres ends", || !runs(server)).await;
    end(&mut next, Signal::TERM);
}
