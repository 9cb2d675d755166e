//! Where this machine keeps its Postgres server.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PostgresError;

/// Folders whose children are installations, newest version first.
const INSTALLATIONS: [(&str, &str); 4] = [
    ("/usr/lib/postgresql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/usr", "bin"),
];

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
                searched: "PATH, /usr/lib/postgresql, /usr/pgsql-*, Homebrew's folders".to_owned(),
            })
    }

    fn in_folder(folder: &Path) -> Option<Self> {
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

fn installations() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, binaries) in INSTALLATIONS {
        for child in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = child.file_name().to_string_lossy().into_owned();
            let Some(major) = major(parent, &name) else { continue };
            found.push((major, child.path().join(binaries)));
        }
    }
    found.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The major version in the name of an installation's folder; `None` if it is something else.
fn major(parent: &str, name: &str) -> Option<u32> {
    let digits = match parent {
        "/usr/lib/postgresql" => name,
        "/usr" => name.strip_prefix("pgsql-")?,
        _ if name == "postgresql" => "0",
        _ => name.strip_prefix("postgresql@")?,
    };
    digits.split('.').next()?.parse().ok()
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
        for (parent, name, expected) in [
            ("/usr/lib/postgresql", "15", Some(15)),
            ("/usr", "pgsql-16", Some(16)),
            ("/usr", "lib", None),
            ("/opt/homebrew/opt", "postgresql@17", Some(17)),
            ("/opt/homebrew/opt", "postgresql", Some(0)),
            ("/opt/homebrew/opt", "openssl", None),
        ] {
            assert_eq!(major(parent, name), expected, "{parent}/{name}");
        }
    }
}
