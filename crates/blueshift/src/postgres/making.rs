//! Folders of the cache in which something is being made before it gets its name, and sweeping those
//! whose maker was killed.
//!
//! The name says who makes it, `making-<pid>-<random>`, and a file in it when that process started.
//! The maker keeps the file locked: one in another container, whose ids mean nothing here, may make
//! something in the same cache.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::account::Account;
use super::leftovers::{OWNER_FILE, remove_leftover, sweep};
use crate::process::Process;

/// What names begin with; the longer first, since both fit it.
const NAME_PREFIXES: [&str; 2] = ["making-server-", "making-"];
/// What the template server's socket folder says: where its data is.
pub(super) const PLACE_FILE: &str = "making";

/// A folder that goes, with what is left in it.
#[derive(Debug)]
pub(super) struct Making {
    folder: PathBuf,
    _locked: File,
}

impl Making {
    /// For a template's data; `account` is who makes it.
    pub(super) fn template(cache: &Path, account: Account) -> std::io::Result<Self> {
        let making = Self::new(cache, NAME_PREFIXES[1])?;
        account.own(&making.folder).map_err(std::io::Error::other)?;
        Ok(making)
    }

    /// For a downloaded server.
    pub(super) fn server(cache: &Path) -> std::io::Result<Self> {
        Self::new(cache, NAME_PREFIXES[0])
    }

    fn new(cache: &Path, prefix: &str) -> std::io::Result<Self> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let folder = cache.join(format!("{prefix}{}-{}", std::process::id(), &random[..8]));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut owner = File::create(folder.join(OWNER_FILE))?;
        // A file system without locks: the process id has to do.
        let _ = owner.try_lock();
        write!(owner, "{}", Process::this())?;
        Ok(Self { folder, _locked: owner })
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "half-made folder stays");
        }
    }
}

/// Ends the servers of killed makers, and removes their folders.
pub(super) fn sweep_unfinished(cache: &Path, account: Account) {
    for folder in sweep(cache, &NAME_PREFIXES, account, |owner| !owner.is_alive()) {
        let owner = File::open(folder.join(OWNER_FILE));
        let locked =
            owner.map(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        if !locked.unwrap_or(false) {
            remove_leftover(&folder, account);
        }
    }
}
