//! Stacks that run in the background: what is written down of them, and whether they still run.
//!
//! Per stack two files in a folder of the user's own: `<name>.lock`, which the running process keeps
//! locked, and `<name>.json`, which says where it listens. The lock, not the process id, tells
//! whether it runs: it ends with the process however that ends, and is never somebody else's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::postgres::cache_folder;
use crate::process::Process;

/// The longest name of a stack.
const NAME_BYTES_MAX: usize = 64;
/// How often, and how long apart, a lock is tried before it counts as taken.
const LOCK_TRIES_MAX: u32 = 5;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// For the user alone: passwords are in these files.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// What is known of a stack that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The stack's name.
    pub name: String,
    /// The process that serves it.
    #[serde(flatten)]
    pub process: Process,
    /// When it was ready, as RFC 3339.
    pub ready_at: String,
    /// Where SQS and S3 listen, as a URL.
    pub url: String,
    /// Ports it listens on.
    pub ports: Ports,
    /// What it logs to.
    pub log: PathBuf,
    /// The environment block, in its order.
    pub environment: Vec<(String, String)>,
}

/// The ports of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// SQS and S3.
    pub http: u16,
    /// Redshift.
    pub redshift: u16,
}

/// What the files say of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Neither file says that it was ever started, or it was stopped.
    Absent,
    /// A process holds the lock and has written nothing yet.
    Starting {
        /// The process, once it has written it down.
        process: Option<Process>,
    },
    /// It runs.
    Running(Record),
    /// Its process is gone without having taken its record away.
    Stale(Record),
    /// So it is, and the record cannot be read: another version's, or half of one.
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// Why the files do not do.
#[derive(Debug, thiserror::Error)]
pub enum StacksError {
    /// A file or the folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A record is not what this version writes.
    #[error("{} is no record of a stack", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// Another process holds the name.
    #[error("a stack named {name} is running already (process {})", shown(process.as_ref()))]
    Taken {
        /// The name.
        name: String,
        /// Who.
        process: Option<Process>,
    },
}

/// The folder with the files of all stacks of a user.
#[derive(Debug, Clone)]
pub struct Stacks {
    folder: PathBuf,
}

/// A name that is held; dropping it sets the name free.
#[derive(Debug)]
pub struct Held {
    stacks: Stacks,
    name: String,
    _lock: File,
}

/// A name is letters, digits, `-`, `_` and `.`, not first, at most 64 bytes.
///
/// # Errors
/// What is wrong with it.
pub fn checked_name(name: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || NAME_BYTES_MAX < name.len() || name.starts_with('.') {
        return Err(format!(
            "a name has 1 to {NAME_BYTES_MAX} bytes and does not begin with a dot"
        ));
    }
    if !name.bytes().all(is_allowed) {
        return Err("a name has letters, digits, `-`, `_` and `.` only".to_owned());
    }
    Ok(name.to_owned())
}

impl Stacks {
    /// The stacks in `folder`; `None` is the user's own: `/run/blueshift` for root, otherwise
    /// `stacks` in the cache folder.
    pub fn in_folder(folder: Option<&Path>) -> Self {
        let run = Path::new("/run");
        let usual = if rustix::process::geteuid().is_root() && run.is_dir() {
            run.join("blueshift")
        } else {
            cache_folder().join("stacks")
        };
        Self { folder: folder.map_or(usual, Path::to_owned) }
    }

    /// Where the stack's process logs to.
    pub fn log_path(&self, name: &str) -> PathBuf {
        self.path(name, "log")
    }

    /// A new, empty log of a start that does not hold the name yet, and where it is: that of a stack
    /// that runs stays as it is until [`Held::keep_log`].
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new_log(&self, name: &str) -> Result<(File, PathBuf), StacksError> {
        self.make_folder()?;
        let path = self.path(name, &format!("log.{}", std::process::id()));
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(true).mode(FILE_MODE);
        let file = options.open(&path).map_err(failed("write the log", &path))?;
        Ok((file, path))
    }

    /// Takes the name for this process and writes the process down; what a process before it left
    /// is removed.
    ///
    /// # Errors
    /// If another process holds it, or the folder cannot be used.
    pub async fn hold(&self, name: &str) -> Result<Held, StacksError> {
        self.make_folder()?;
        let path = self.path(name, "lock");
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false).mode(FILE_MODE);
        let mut lock = options.open(&path).map_err(failed("open", &path))?;
        let mut tries = 1;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Somebody may only be asking: that is over in no time.
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES_MAX => tries += 1,
                Err(TryLockError::WouldBlock) => {
                    let process = process_in(&path);
                    return Err(StacksError::Taken { name: name.to_owned(), process });
                }
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", Process::this()));
        written.map_err(failed("write", &path))?;
        self.forget(name)?;
        Ok(Held { stacks: self.clone(), name: name.to_owned(), _lock: lock })
    }

    /// What the files say.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn state(&self, name: &str) -> Result<State, StacksError> {
        // The lock first: a process writes its record after it has locked, and takes it away before.
        let is_held = self.is_held(name)?;
        let record = match self.record(name) {
            // Whoever wrote it is gone.
            Err(StacksError::Malformed { path, source }) if !is_held => {
                return Ok(State::Malformed { path, problem: source.to_string() });
            }
            record => record?,
        };
        Ok(match (is_held, record) {
            (false, None) => State::Absent,
            (false, Some(record)) => State::Stale(record),
            (true, None) => State::Starting { process: process_in(&self.path(name, "lock")) },
            (true, Some(record)) => State::Running(record),
        })
    }

    /// The names of all stacks that left a record, or that start and have none yet.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let name = |entry: std::fs::DirEntry| {
            let file = entry.file_name().to_string_lossy().into_owned();
            let (name, extension) = file.rsplit_once('.')?;
            let name = checked_name(name).ok()?;
            match extension {
                "json" => Some(name),
                // Every stack that ever ran has a lock; what cannot be asked is told as it is met.
                "lock" => self.is_held(&name).unwrap_or(true).then_some(name),
                _ => None,
            }
        };
        let mut names: Vec<_> = entries.filter_map(name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Removes the record; nothing if there is none.
    ///
    /// # Errors
    /// If it is there and stays.
    pub fn forget(&self, name: &str) -> Result<(), StacksError> {
        let path = self.path(name, "json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether a process holds the name.
    fn is_held(&self, name: &str) -> Result<bool, StacksError> {
        let path = self.path(name, "lock");
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        // Shared, so that two who ask at once do not take each other for the stack.
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
        }
    }

    fn record(&self, name: &str) -> Result<Option<Record>, StacksError> {
        let path = self.path(name, "json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let record = serde_json::from_slice(&text);
        record.map(Some).map_err(|source| StacksError::Malformed { path, source })
    }

    fn make_folder(&self) -> Result<(), StacksError> {
        let made =
            std::fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder);
        made.map_err(failed("make the folder", &self.folder))
    }

    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{name}.{extension}"))
    }
}

impl Held {
    /// Makes a new log the stack's.
    ///
    /// # Errors
    /// If it cannot be renamed.
    pub fn keep_log(&self, new_log: &Path) -> Result<(), StacksError> {
        let kept = std::fs::rename(new_log, self.stacks.log_path(&self.name));
        kept.map_err(failed("rename the log", new_log))
    }

    /// Writes the record, whole or not at all, for the user alone.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), StacksError> {
        let path = self.stacks.path(&self.name, "json");
        let made = self.stacks.path(&self.name, "json.new");
        let text = serde_json::to_vec_pretty(record).expect("text and numbers become JSON");
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(FILE_MODE);
        let written = options
            .open(&made)
            .and_then(|mut file| {
                // One that was there already keeps its mode.
                file.set_permissions(std::fs::Permissions::from_mode(FILE_MODE))?;
                file.write_all(&text)
            })
            .and_then(|()| std::fs::rename(&made, &path));
        written.map_err(failed("write", &path))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.stacks.forget(&self.name) {
            tracing::warn!(%error, "record stays");
        }
    }
}

fn shown(process: Option<&Process>) -> String {
    process.map_or_else(|| "unknown".to_owned(), |process| process.pid.to_string())
}

/// The process in a lock file. A start that has the lock and has not written yet finds its
/// predecessor's there.
fn process_in(path: &Path) -> Option<Process> {
    let mut text = String::new();
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).ok()?;
    Process::parse(&text).filter(Process::is_alive)
}

fn failed(
    action: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> StacksError {
    let path = path.into();
    move |source| StacksError::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> Record {
        Record {
            name: name.to_owned(),
            process: Process::this(),
            ready_at: "2026-11-22T18:00:00Z".to_owned(),
            url: "http://127.0.0.1:4566".to_owned(),
            ports: Ports { http: 4566, redshift: 5439 },
            log: PathBuf::from("/tmp/log"),
            environment: vec![("REDSHIFT_PASSWORD".to_owned(), "it's".to_owned())],
        }
    }

    #[tokio::test]
    async fn the_lock_tells_a_running_stack_from_a_stale_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let stacks = Stacks::in_folder(Some(&folder.path().join("stacks")));
        assert_eq!(stacks.state("a").expect("readable"), State::Absent);
        let held = stacks.hold("a").await.expect("free");
        let process = Some(Process::this());
        assert_eq!(stacks.state("a").expect("readable"), State::Starting { process });
        assert_eq!(stacks.names(), ["a"], "one that starts is there too");
        // What a predecessor left in the file is nobody to signal, though its id is alive again.
        let before = Process { started: "another time".to_owned(), ..Process::this() };
        std::fs::write(stacks.path("a", "lock"), before.to_string()).expect("written");
        assert_eq!(stacks.state("a").expect("readable"), State::Starting { process: None });
        held.write(&record("a")).expect("written");
        assert_eq!(stacks.state("a").expect("readable"), State::Running(record("a")));
        let mode = std::fs::metadata(stacks.path("a", "json")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let taken = stacks.hold("a").await.expect_err("taken").to_string();
        assert_eq!(taken, "a stack named a is running already (process unknown)");
        // As after a kill: the lock ends, the record stays.
        let text = std::fs::read(stacks.path("a", "json")).expect("there");
        drop(held);
        assert_eq!(stacks.state("a").expect("readable"), State::Absent);
        std::fs::write(stacks.path("a", "json"), text).expect("written");
        assert_eq!(stacks.state("a").expect("readable"), State::Stale(record("a")));
        assert_eq!(stacks.names(), ["a"]);
        drop(stacks.hold("a").await.expect("free again"));
        assert_eq!(stacks.state("a").expect("readable"), State::Absent);
        assert_eq!(stacks.names(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_record_of_an_older_version_is_read_and_a_broken_one_is_nobody_s() {
        let folder = tempfile::tempdir().expect("a folder");
        let stacks = Stacks::in_folder(Some(folder.path()));
        let mut old = serde_json::to_value(record("a")).expect("JSON");
        old.as_object_mut().expect("an object").remove("started").expect("it was there");
        std::fs::write(stacks.path("a", "json"), old.to_string()).expect("written");
        let process = Process { started: String::new(), ..Process::this() };
        let expected = State::Stale(Record { process, ..record("a") });
        assert_eq!(stacks.state("a").expect("readable"), expected);
        for broken in ["", "{", "[]", "{\"name\": \"a\"}"] {
            std::fs::write(stacks.path("a", "json"), broken).expect("written");
            let state = stacks.state("a").expect("no error");
            assert!(matches!(state, State::Malformed { .. }), "{broken}: {state:?}");
            let held = stacks.hold("a").await.expect("nobody has the name");
            std::fs::write(stacks.path("a", "json"), broken).expect("written");
            let error = stacks.state("a").expect_err("it runs").to_string();
            assert!(error.ends_with("a.json is no record of a stack"), "{error}");
            drop(held);
            assert_eq!(stacks.state("a").expect("readable"), State::Absent);
        }
    }

    #[tokio::test]
    async fn the_log_of_a_stack_that_runs_is_left_alone_by_a_start_that_comes_too_late() {
        let folder = tempfile::tempdir().expect("a folder");
        let stacks = Stacks::in_folder(Some(folder.path()));
        let held = stacks.hold("a").await.expect("free");
        let (mut log, path) = stacks.new_log("a").expect("made");
        held.keep_log(&path).expect("renamed");
        writeln!(log, "ready").expect("written");
        let (_, late) = stacks.new_log("a").expect("made");
        stacks.hold("a").await.expect_err("taken");
        let text = std::fs::read_to_string(stacks.log_path("a")).expect("there");
        assert_eq!(text, "ready\n");
        assert!(late.exists() && late != stacks.log_path("a"));
        assert_eq!(stacks.names(), ["a"]);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        for (name, is_fine) in
            [("default", true), ("ci-1.2_b", true), ("", false), ("../x", false), (".x", false)]
        {
            assert_eq!(checked_name(name).is_ok(), is_fine, "{name}");
        }
        assert!(checked_name(&"x".repeat(65)).is_err());
    }
}
