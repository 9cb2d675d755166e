//! As whom Postgres runs: as us, unless we are root.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::error::PostgresError;

/// The user Postgres runs as; `None` means the one we are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    unprivileged: Option<(u32, u32)>,
}

impl Account {
    /// Picks `postgres`, else `nobody`, when we are root.
    pub(crate) fn pick() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { unprivileged: None });
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|user| Some((id("-u", user)?, id("-g", user)?)))
            .map(|ids| Self { unprivileged: Some(ids) })
            .ok_or(PostgresError::NoUnprivilegedUser)
    }

    /// A command that will run as this user, in a process group of its own so that Ctrl-C in a
    /// terminal reaches only us, and with nothing of our environment but the `PATH`.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.process_group(0).current_dir("/").env_clear().env("LC_ALL", "C");
        command.stdin(std::process::Stdio::null());
        if let Some((user, group)) = self.unprivileged {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes `path` belong to this user.
    pub(crate) fn own(self, path: &Path) -> Result<(), PostgresError> {
        let Some((user, group)) = self.unprivileged else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(user), Some(group))
            .map_err(PostgresError::folder("change the owner of", path))
    }

    /// The user id files of Postgres have.
    pub(crate) fn user_id(self) -> u32 {
        self.unprivileged.map_or_else(|| rustix::process::geteuid().as_raw(), |(user, _)| user)
    }
}

/// Asks the system, whichever name service it uses.
fn id(flag: &str, user: &str) -> Option<u32> {
    let answer = Command::new("id").arg(flag).arg(user).output().ok()?;
    String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
}
