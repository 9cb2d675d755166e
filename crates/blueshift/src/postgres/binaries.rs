//! Where this machine keeps its Postgres server.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PostgresError;

/// Folders whose children are installations, with what is before the version in a child's name and
/// where in it the programs are. `~` is the home folder.
const INSTALLATIONS: [(&str, &str, &str); 13] = [
    // Debian and Ubuntu; Red Hat; openSUSE; Alpine.
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
    // Homebrew on Apple's and on Intel's processors, and on Linux.
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    // Postgres.app; EnterpriseDB; MacPorts.
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
    ("/opt/local/lib", "postgresql", "bin"),
    // asdf; mise; pgenv.
    ("~/.asdf/installs/postgres", "", "bin"),
    ("~/.local/share/mise/installs/postgres", "", "bin"),
    ("~/.pgenv", "pgsql-", "bin"),
];

/// Installations without a version in their path.
const FOLDERS: [&str; 4] = [
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql/bin",
    "/usr/local/opt/postgresql/bin",
    "/usr/libexec/postgresql",
];

/// The newest version that the relay knows; a newer one is taken only if there is no other.
const MAJOR_KNOWN: u32 = 17;

/// `initdb` and `postgres` of one installation.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) initdb: PathBuf,
    pub(crate) postgres: PathBuf,
    /// As the server says it, e.g. `15.18`.
    pub(crate) version: String,
}

impl Binaries {
    /// Those in `named`, which nothing replaces; else the first installation on `PATH`, else the
    /// newest in the usual places.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, PostgresError> {
        if let Some(folder) = named {
            let searched = folder.display().to_string();
            return Self::in_folder(folder).ok_or(PostgresError::NotInstalled { searched });
        }
        search_path()
            .into_iter()
            .chain(installations())
            .find_map(|folder| Self::in_folder(&folder))
            .ok_or_else(|| PostgresError::NotInstalled {
                searched: "PATH and the usual places".to_owned(),
            })
    }

    pub(crate) fn in_folder(folder: &Path) -> Option<Self> {
        // Through the links: Postgres looks for its share folder beside the real file.
        let initdb = folder.join("initdb").canonicalize().ok()?;
        let postgres = folder.join("postgres").canonicalize().ok()?;
        let answer = Command::new(&postgres).arg("--version").output().ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        Some(Self { initdb, postgres, version: version(&text)? })
    }
}

#[expect(clippy::disallowed_methods, reason = "PATH is not a setting, and a library has no clap")]
fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "where people install, not a setting of ours")]
fn home() -> PathBuf {
    std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default()
}

fn installations() -> Vec<PathBuf> {
    let home = home();
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix, binaries) in INSTALLATIONS {
        let parent = match parent.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => PathBuf::from(parent),
        };
        for child in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = child.file_name().to_string_lossy().into_owned();
            let Some(major) = major(prefix, &name) else { continue };
            found.push((major, child.path().join(binaries)));
        }
    }
    found.sort_by_key(|(major, _)| (MAJOR_KNOWN < *major, std::cmp::Reverse(*major)));
    let unnamed = FOLDERS.into_iter().map(PathBuf::from);
    found.into_iter().map(|(_, folder)| folder).chain(unnamed).collect()
}

/// The major version in the name of an installation's folder; `None` if it is something else.
fn major(prefix: &str, name: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.split('.').next()?.parse().ok()
}

/// `15.18` of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(text: &str) -> Option<String> {
    let rest = text.split("(PostgreSQL)").nth(1)?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_whatever_the_distribution_adds() {
        for (text, expected) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some("15.18")),
            ("postgres (PostgreSQL) 17rc1\n", Some("17rc1")),
            ("something else", None),
        ] {
            assert_eq!(version(text).as_deref(), expected);
        }
    }

    #[test]
    fn folders_of_installations_are_told_from_others() {
        for (prefix, name, expected) in [
            ("", "15", Some(15)),
            ("", "17.5", Some(17)),
            ("", "latest", None),
            ("pgsql-", "pgsql-16", Some(16)),
            ("pgsql-", "lib", None),
            ("postgresql@", "postgresql@17", Some(17)),
            ("postgresql@", "openssl", None),
            ("postgresql", "postgresql", None),
        ] {
            assert_eq!(major(prefix, name), expected, "{prefix} {name}");
        }
    }
}
