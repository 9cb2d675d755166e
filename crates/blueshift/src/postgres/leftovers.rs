//! Folders of running clusters, and sweeping those whose owner was killed.
//!
//! The name says who owns it, `blueshift-<pid>-<random>`, and a file in it when that process started.
//! Unix sockets allow 107 bytes of path, so the folder stays short.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

use super::account::Account;
use super::error::PostgresError;
use super::making::PLACE_FILE;
use crate::process::Process;

const NAME_PREFIX: &str = "blueshift-";
/// The file that says whose the folder is; without it, its name has to do.
pub(super) const OWNER_FILE: &str = "owner";
/// The longest folder whose socket `.s.PGSQL.5432` still fits.
const FOLDER_BYTES_MAX: usize = 107 - "/.s.PGSQL.5432".len();

/// Makes a folder for one running cluster, and first removes what killed owners left behind.
pub(crate) fn make_folder(account: Account) -> Result<PathBuf, PostgresError> {
    let parent = parent();
    for folder in sweep(&parent, &[NAME_PREFIX], account, |owner| !owner.is_alive()) {
        remove_leftover(&folder, account);
    }
    let random = uuid::Uuid::new_v4().simple().to_string();
    let folder = parent.join(format!("{NAME_PREFIX}{}-{}", std::process::id(), &random[..8]));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(PostgresError::folder("make the folder", &folder))?;
    std::fs::write(folder.join(OWNER_FILE), Process::this().to_string())
        .map_err(PostgresError::folder("write into", &folder))?;
    account.own(&folder)?;
    Ok(folder)
}

/// Stops the clusters of a process that is gone, and removes their folders; those of another one that
/// has its id by now stay.
///
/// # Errors
/// If we are root and there is no user that Postgres could have run as.
pub fn sweep_leftovers_of(process: &Process) -> Result<(), PostgresError> {
    let account = Account::pick()?;
    let left = sweep(&parent(), &[NAME_PREFIX], account, |owner| match owner {
        Owner::Known(owner) => owner == process && !owner.is_alive(),
        Owner::Named(pid) => *pid == process.pid && !owner.is_alive(),
    });
    for folder in left {
        remove_leftover(&folder, account);
    }
    Ok(())
}

/// Whose a folder is.
pub(super) enum Owner {
    /// As its file says.
    Known(Process),
    /// As its name says, because there is no file (yet).
    Named(u32),
}

impl Owner {
    /// `None` if the folder is not one of ours.
    fn of(folder: &Path, prefixes: &[&str]) -> Option<Self> {
        let pid = named(&folder.file_name()?.to_string_lossy(), prefixes)?;
        let text = std::fs::read_to_string(folder.join(OWNER_FILE)).unwrap_or_default();
        Some(Process::parse(&text).map_or(Self::Named(pid), Self::Known))
    }

    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::Known(process) => process.is_alive(),
            Self::Named(pid) => Process { pid: *pid, started: String::new() }.is_alive(),
        }
    }
}

/// The system's folder for temporary files, unless its path leaves no room for a socket.
fn parent() -> PathBuf {
    let temporary = std::env::temp_dir();
    let room = FOLDER_BYTES_MAX - "/blueshift-4294967295-01234567".len();
    if temporary.as_os_str().len() <= room { temporary } else { PathBuf::from("/tmp") }
}

/// Folders of killed owners: ours or Postgres', with one of the `prefixes`.
pub(super) fn sweep(
    parent: &Path,
    prefixes: &[&str],
    account: Account,
    is_gone: impl Fn(&Owner) -> bool,
) -> Vec<PathBuf> {
    let users = [account.user_id(), rustix::process::geteuid().as_raw()];
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let left = entries.filter(|entry| {
        let ours = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_dir() && users.contains(&metadata.uid()));
        ours && Owner::of(&entry.path(), prefixes).as_ref().is_some_and(&is_gone)
    });
    left.map(|entry| entry.path()).collect()
}

/// Ends the server of a leftover folder, and removes the folder.
pub(super) fn remove_leftover(folder: &Path, account: Account) {
    stop_server(&folder.join("data"), account);
    // A template's server has its data in the cache, perhaps another one than ours.
    if let Ok(place) = std::fs::read_to_string(folder.join(PLACE_FILE)) {
        stop_server(&Path::new(&place).join("data"), account);
    }
    match std::fs::remove_dir_all(folder) {
        Ok(()) => tracing::info!(folder = %folder.display(), "leftover removed"),
        // Another start was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(folder = %folder.display(), %error, "leftover stays"),
    }
}

/// The id of the process that made a folder of this name.
fn named(name: &str, prefixes: &[&str]) -> Option<u32> {
    let rest = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let (owner, _) = rest.split_once('-')?;
    owner.parse().ok().filter(|pid| *pid != 0)
}

fn is_alive(process: Pid) -> bool {
    // Refused permission means that it is there.
    !matches!(rustix::process::test_kill_process(process), Err(rustix::io::Errno::SRCH))
}

/// Stops the Postgres that still runs on the data of a killed owner, if there is one.
fn stop_server(data: &Path, account: Account) {
    let Ok(text) = std::fs::read_to_string(data.join("postmaster.pid")) else { return };
    let mut lines = text.lines();
    // Negative while initdb runs: that server ends with its input.
    let process = lines.next().and_then(|line| line.trim().parse().ok()).filter(|pid| 0 < *pid);
    let process = process.and_then(Pid::from_raw);
    // The second line names the data directory: a process id may have been reused.
    let same = lines.next().is_some_and(|line| Path::new(line.trim()) == data);
    let process = process.filter(|process| same && is_alive(*process) && is_of(*process, account));
    let Some(process) = process else { return };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while is_alive(process) && std::time::Instant::now() < deadline {
        // Again and again: one that has just been started may miss the first.
        let _ = rustix::process::kill_process(process, Signal::QUIT);
        pause();
    }
}

/// Whether a process is one of Postgres' user, who writes the file that names it: root could end any.
fn is_of(process: Pid, account: Account) -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let folder = format!("/proc/{}", process.as_raw_nonzero());
    std::fs::metadata(folder)
        .map_or(cfg!(not(target_os = "linux")), |metadata| metadata.uid() == account.user_id())
}

/// Between two looks at a process that is not our child, and so cannot be waited for.
#[expect(clippy::disallowed_methods, reason = "a few milliseconds at start, after a kill only")]
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(5));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_read_from_the_name() {
        for (name, expected) in [
            ("blueshift-123-0a1b2c3d", Some(123)),
            ("blueshift-x-0a1b2c3d", None),
            ("blueshift-123", None),
            ("other-123-0a1b2c3d", None),
        ] {
            assert_eq!(named(name, &[NAME_PREFIX]), expected, "{name}");
        }
        for (name, expected) in [
            ("making-123-0a1b2c3d", Some(123)),
            ("making-server-123-0a1b2c3d", Some(123)),
            ("making-server-0a1b2c3d", None),
            ("server-17.5.0-x86_64-unknown-linux-gnu", None),
            ("postgres-17.5-0a1b2c3d", None),
        ] {
            assert_eq!(named(name, &["making-server-", "making-"]), expected, "{name}");
        }
    }

    #[test]
    fn a_folder_of_another_process_of_the_same_id_stays() {
        let parent = tempfile::tempdir().expect("a folder");
        let this = Process::this();
        let before = Process { started: "another time".to_owned(), ..this.clone() };
        let make = |name: &str, owner: Option<&Process>| {
            let folder = parent.path().join(format!("blueshift-{}-{name}", this.pid));
            std::fs::create_dir(&folder).expect("made");
            if let Some(owner) = owner {
                std::fs::write(folder.join(OWNER_FILE), owner.to_string()).expect("written");
            }
            Owner::of(&folder, &[NAME_PREFIX]).expect("ours").is_alive()
        };
        assert!(make("living", Some(&this)));
        assert!(make("begun", None));
        assert!(!make("left", Some(&before)));
    }
}
