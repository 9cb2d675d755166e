//! Why there is no Postgres, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

use super::download::DownloadError;

const INSTALL: &str = "install one: apt-get install postgresql (Debian, Ubuntu), dnf install \
                       postgresql-server (Fedora), brew install postgresql (macOS)";

/// Why the private Postgres did not start.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No server binaries on this machine.
    #[error("no Postgres server found in {searched}: it needs initdb and postgres")]
    NotInstalled {
        /// The folders looked at.
        searched: String,
    },
    /// None on this machine, and none could be downloaded.
    #[error("no Postgres server is installed, and none can be downloaded")]
    NotDownloaded(#[source] DownloadError),
    /// A folder or file of ours cannot be made, written or read.
    #[error("cannot {action} {}", path.display())]
    Folder {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// We are root and no unprivileged user is there to run it.
    #[error("postgres refuses to run as root, and there is neither a user postgres nor nobody")]
    NoUnprivilegedUser,
    /// A program could not be started or ended badly.
    #[error("{program} failed: {output}")]
    Program {
        /// The program with its path.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server did not get ready in time.
    #[error("postgres was not ready within {waited:?}; its log ends: {log}")]
    NotReady {
        /// How long we waited.
        waited: Duration,
        /// The end of its log.
        log: String,
    },
    /// A running cluster could not be brought back to its template's state.
    #[error("databases and users cannot be dropped: {reason}")]
    NotCleaned {
        /// The server's words.
        reason: String,
        /// The client library's error.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
    /// The catalog's SQL was refused.
    #[error("the catalog was refused in database {database}: {reason}")]
    Catalog {
        /// The database it ran in.
        database: String,
        /// The server's words.
        reason: String,
        /// The client library's error.
        #[source]
        source: Box<tokio_postgres::Error>,
    },
}

impl PostgresError {
    pub(crate) fn folder(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { action, path, source }
    }

    /// What the user can do, where we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotInstalled { .. } => Some(INSTALL.to_owned()),
            Self::NotDownloaded(_) => Some(format!(
                "{INSTALL}; or name a mirror of github.com/theseus-rs/postgresql-binaries: \
                 --postgres-download URL"
            )),
            Self::Folder { path, .. } => Some(format!(
                "make {} writable, or name another place: TMPDIR for running clusters, \
                 XDG_CACHE_HOME for the template",
                path.display()
            )),
            Self::NoUnprivilegedUser => Some("useradd --system postgres".to_owned()),
            _ => None,
        }
    }
}
