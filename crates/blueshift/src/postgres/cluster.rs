//! One running cluster, from the copied data directory to its removal.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio_postgres::{Client, NoTls};

use super::account::Account;
use super::binaries::Binaries;
use super::clean::Cleaner;
use super::download::{self, Download};
use super::error::PostgresError;
use super::{Catalog, SOCKET_PORT, SUPERUSER, leftovers, making, template};

/// How long Postgres may take to accept connections; it normally takes 0.1 s.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often readiness is asked.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// How long one signal may take before the next.
const SIGNAL_EVERY: Duration = Duration::from_millis(500);
/// How often a server that has been told to end is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What a throw-away cluster wants: no durability, no TCP, small, the log on stderr.
const SERVER_OPTIONS: [&str; 13] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=100",
    "shared_buffers=64MB",
    "jit=off",
    "logging_collector=off",
    "standard_conforming_strings=off",
    "escape_string_warning=off",
    "timezone=UTC",
];

/// The options of a Postgres that listens where its container says.
#[cfg(feature = "containers")]
pub(crate) fn server_options() -> impl Iterator<Item = String> {
    let options =
        SERVER_OPTIONS.into_iter().filter(|option| !option.starts_with("listen_addresses"));
    options.map(str::to_owned)
}

/// A private Postgres. Dropping it stops the server and removes its folder.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
}

/// Copies the template (made first, if there is none yet) and starts a server on the copy.
///
/// `binaries` names the folder of `initdb` and `postgres`; without it the usual places are searched, and if there is
/// none there either, one is downloaded, if it may be.
pub async fn start(
    catalog: &Catalog,
    binaries: Option<&Path>,
    download: &Download,
) -> Result<Cluster, PostgresError> {
    let account = Account::pick()?;
    making::sweep_unfinished(&template::cache_folder(), account);
    let binaries = match (Binaries::find(binaries), download) {
        (Err(PostgresError::NotInstalled { searched }), Download::From(source))
            if binaries.is_none() =>
        {
            tracing::debug!(searched, source, "no Postgres server found");
            let cache = template::cache_folder();
            template::make_cache_folder(&cache, account)?;
            download::ensure(source, &cache).await.map_err(PostgresError::NotDownloaded)?
        }
        (found, _) => found?,
    };
    let template = template::ensure(&binaries, account, catalog).await?;
    let folder = leftovers::make_folder(account)?;
    let data = folder.join("data");
    if let Err(error) = template::copy(&template, account, &data) {
        remove(&folder);
        return Err(error);
    }
    let server = Server::launch(&binaries, account, &data, &folder)?;
    server.ready().await?;
    Ok(Cluster { server })
}

impl Cluster {
    /// The folder of the Unix socket, for a connection's `host`.
    pub fn socket_folder(&self) -> &Path {
        &self.server.folder
    }

    /// What can bring it back to its template's state while it runs.
    pub(crate) fn cleaner(&self) -> Cleaner {
        Cleaner::new(self.server.folder.clone())
    }
}

/// A server process and the folder it owns.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts a server on `data`, its socket and log in `folder`, which it owns from now on.
    pub(crate) fn launch(
        binaries: &Binaries,
        account: Account,
        data: &Path,
        folder: &Path,
    ) -> Result<Self, PostgresError> {
        let log_path = folder.join("postgres.log");
        let log = std::fs::File::create(&log_path).map_err(|error| {
            remove(folder);
            PostgresError::folder("write the log", &log_path)(error)
        })?;
        let mut command = account.command(&binaries.postgres);
        command.arg("-D").arg(data).arg("-k").arg(folder);
        command.args(["-p", &SOCKET_PORT.to_string()]);
        for option in SERVER_OPTIONS {
            command.args(["-c", option]);
        }
        command.stdout(Stdio::null()).stderr(log);
        match command.spawn() {
            Ok(child) => Ok(Self { child, folder: folder.to_owned() }),
            Err(error) => {
                remove(folder);
                Err(PostgresError::Program {
                    program: binaries.postgres.display().to_string(),
                    output: error.to_string(),
                })
            }
        }
    }

    /// Returns once it accepts connections.
    pub(crate) async fn ready(&self) -> Result<(), PostgresError> {
        let deadline = Instant::now() + READY_WITHIN;
        while self.connect("template1").await.is_err() {
            if self.has_ended() || deadline <= Instant::now() {
                let log = std::fs::read_to_string(self.folder.join("postgres.log"));
                let log = log.unwrap_or_default();
                let start = log.len().saturating_sub(2_000);
                let tail = log.get(start..).unwrap_or(&log).trim().replace('\n', " | ");
                return Err(PostgresError::NotReady { waited: READY_WITHIN, log: tail });
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// A connection of the superuser.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        connect(&self.folder, database).await
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn has_ended(&self) -> bool {
        let Some(pid) = self.pid() else { return true };
        // A zombie still answers to signals, so ask for its state instead.
        matches!(
            rustix::process::waitid(
                rustix::process::WaitId::Pid(pid),
                rustix::process::WaitIdOptions::EXITED
                    | rustix::process::WaitIdOptions::NOHANG
                    | rustix::process::WaitIdOptions::NOWAIT,
            ),
            Ok(Some(_)) | Err(_)
        )
    }

    /// Stops with a checkpoint, so that the data directory can be copied.
    pub(crate) fn stop_cleanly(mut self) -> Result<(), PostgresError> {
        let status = self.end(Signal::INT).map_err(|error| PostgresError::Program {
            program: "postgres".to_owned(),
            output: error.to_string(),
        })?;
        if status.success() {
            return Ok(());
        }
        Err(PostgresError::Program {
            program: "postgres".to_owned(),
            output: format!("ended with {status}"),
        })
    }

    /// Signals it until it has ended. Once is not enough: a process that inherits ignored signals,
    /// as one started in the background by a script does, loses what comes before it has set up
    /// its own handlers. Postgres heeds a repeated signal as it heeds the first.
    #[expect(clippy::disallowed_methods, reason = "a destructor has to wait, and cannot await")]
    fn end(&mut self, signal: Signal) -> std::io::Result<ExitStatus> {
        loop {
            self.signal(signal);
            let again_at = Instant::now() + SIGNAL_EVERY;
            while Instant::now() < again_at {
                if let Some(status) = self.child.try_wait()? {
                    return Ok(status);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().filter(|_| !self.has_ended())
            && let Err(error) = rustix::process::kill_process(pid, signal)
        {
            tracing::warn!(%error, "postgres not signalled");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT stops without a checkpoint: the data is thrown away anyway. Postgres itself kills
        // what does not heed it, so waiting ends.
        if let Err(error) = self.end(Signal::QUIT) {
            tracing::warn!(%error, "postgres not waited for");
        }
        remove(&self.folder);
    }
}

/// A connection of the superuser to the cluster whose socket is in `folder`.
pub(super) async fn connect(
    folder: &Path,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::Config::new()
        .host_path(folder)
        .port(SOCKET_PORT)
        .user(SUPERUSER)
        .dbname(database)
        .connect(NoTls)
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to the private postgres ended");
        }
    });
    Ok(client)
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "folder not removed");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_server_that_misses_the_first_signal_is_told_again() {
        let folder = tempfile::tempdir().unwrap();
        let owned = folder.path().join("owned");
        std::fs::create_dir(&owned).unwrap();
        // Not QUIT: where that is ignored from the start, a shell cannot come to heed it.
        let script = "trap '' TERM; echo deaf; sleep 0.2; trap 'exit 7' TERM; while :; do :; done";
        let mut command = std::process::Command::new("sh");
        let mut child = command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 4];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        let mut server = Server { child, folder: owned.clone() };
        assert_eq!(server.end(Signal::TERM).unwrap().code(), Some(7));
        drop(server);
        assert!(!owned.exists(), "its folder goes with it");
    }
}
