//! Init scripts: what a folder's `.sql` and `.sh` files make once the stack is ready.
//!
//! In the order of their names. SQL goes through Redshift's own port, statement by statement as
//! psql sends it, so that `CREATE DATABASE` or `VACUUM` may stand in a script; shell scripts get the
//! environment block. The first failure ends it.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio_postgres::NoTls;
use tokio_util::task::AbortOnDropHandle;

use crate::readiness::{Readiness, ScriptState};

/// How much of a failed script's output is shown.
const OUTPUT_BYTES_MAX: u64 = 8 * 1024;
/// How much of a refused statement is shown.
const STATEMENT_CHARACTERS_MAX: usize = 120;

/// The scripts of one folder, in order.
#[derive(Debug, Clone)]
pub struct Scripts {
    folder: PathBuf,
    names: Vec<String>,
    within: Duration,
}

/// Why a script, or the folder, did not do.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder or a file in it cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A shell script cannot be started.
    #[error("init script {name} cannot be started")]
    NotStarted {
        /// The file's name.
        name: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A shell script ended badly.
    #[error("init script {name} ended with {status}; it printed:\n{output}")]
    Failed {
        /// The file's name.
        name: String,
        /// Its exit status or signal.
        status: std::process::ExitStatus,
        /// The end of what it printed on both streams.
        output: String,
    },
    /// A script takes too long.
    #[error("init script {name} did not end within {} s{}", within.as_secs(), said(output))]
    Late {
        /// The file's name.
        name: String,
        /// How long it was given.
        within: Duration,
        /// The end of what it printed, of a shell script.
        output: String,
    },
    /// Redshift refused a statement.
    #[error("init script {name}, line {line}: {reason}; the statement: {statement}")]
    Refused {
        /// The file's name.
        name: String,
        /// Where the statement begins, from 1.
        line: usize,
        /// Redshift's words.
        reason: String,
        /// The beginning of the statement.
        statement: String,
    },
}

fn said(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("; it printed:\n{output}") }
}

impl Scripts {
    /// Lists the `.sql` and `.sh` files of a folder. Others, and hidden ones, are left alone and
    /// named in the log. Each may take so long.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn in_folder(folder: &Path, within: Duration) -> Result<Self, InitError> {
        let unreadable = |source| InitError::Unreadable { path: folder.to_owned(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            // Through links: mounted folders in containers are full of them.
            let is_file = path.is_file();
            if is_file && matches!(extension, Some("sql" | "sh")) && !name.starts_with('.') {
                names.push(name);
            } else {
                tracing::info!(name, "no init script");
            }
        }
        names.sort_unstable();
        Ok(Self { folder: folder.to_owned(), names, within })
    }

    /// Runs them one after the other against the stack that `environment` leads to.
    ///
    /// # Errors
    /// The first script that fails; those after it do not run.
    pub(crate) async fn run(
        &self,
        environment: &[(&'static str, String)],
        readiness: &Readiness,
    ) -> Result<(), InitError> {
        readiness.set_scripts(self.names.iter().cloned());
        for name in &self.names {
            readiness.set_script(name, ScriptState::Running);
            let outcome = if name.ends_with(".sql") {
                let script = self.run_sql(name, environment);
                // Dropping it closes its connection, and with that the statement ends.
                tokio::time::timeout(self.within, script).await.unwrap_or_else(|_| {
                    let (name, output) = (name.clone(), String::new());
                    Err(InitError::Late { name, within: self.within, output })
                })
            } else {
                self.run_shell(name, environment).await
            };
            let reached =
                if outcome.is_ok() { ScriptState::Successful } else { ScriptState::Error };
            readiness.set_script(name, reached);
            outcome?;
            tracing::info!(name, "init script done");
        }
        Ok(())
    }

    async fn run_sql(
        &self,
        name: &str,
        environment: &[(&'static str, String)],
    ) -> Result<(), InitError> {
        let path = self.folder.join(name);
        let script = std::fs::read_to_string(&path)
            .map_err(|source| InitError::Unreadable { path, source })?;
        let url = environment.iter().find(|(name, _)| *name == "REDSHIFT_URL");
        let url = url.map_or("", |(_, url)| url.as_str());
        let refused = |error: &tokio_postgres::Error, line: usize, statement: &str| {
            let reason = error.as_db_error().map_or_else(
                || error.to_string(),
                |db| match db.detail() {
                    Some(detail) => format!("{} ({detail})", db.message()),
                    None => db.message().to_owned(),
                },
            );
            let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            let shown = statement.chars().take(STATEMENT_CHARACTERS_MAX).collect();
            InitError::Refused { name: name.to_owned(), line, reason, statement: shown }
        };
        let connected = tokio_postgres::connect(url, NoTls).await;
        let (client, connection) = connected.map_err(|error| refused(&error, 1, "(connect)"))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(connection));
        let mut outcome = Ok(());
        for (line, statement) in statements(script.trim_start_matches('\u{feff}')) {
            if let Err(error) = client.batch_execute(statement).await {
                outcome = Err(refused(&error, line, statement));
                break;
            }
        }
        drop(client);
        // The statements' answers count; how the connection ended does not.
        let _ = driver.await;
        outcome
    }

    async fn run_shell(
        &self,
        name: &str,
        environment: &[(&'static str, String)],
    ) -> Result<(), InitError> {
        let not_started = |source| InitError::NotStarted { name: name.to_owned(), source };
        // Absolute, because the script runs in its own folder.
        let path = self.folder.join(name).canonicalize().map_err(not_started)?;
        let mut printed = tempfile::tempfile().map_err(not_started)?;
        let both = |file: &std::fs::File| file.try_clone().map(Stdio::from).map_err(not_started);
        let mode = std::fs::metadata(&path).map_err(not_started)?.permissions().mode();
        let mut command = if mode & 0o111 == 0 {
            let mut shell = tokio::process::Command::new("/bin/sh");
            shell.arg(&path);
            shell
        } else {
            tokio::process::Command::new(&path)
        };
        let child = command
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(path.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(both(&printed)?)
            .stderr(both(&printed)?)
            .process_group(0)
            .spawn()
            .map_err(not_started)?;
        let mut script = RunningScript { child };
        let ended = tokio::time::timeout(self.within, script.child.wait()).await;
        if let Ok(Ok(status)) = &ended
            && status.success()
        {
            return Ok(());
        }
        let output = tail(&mut printed).unwrap_or_else(|error| format!("(unreadable: {error})"));
        let name = name.to_owned();
        Err(match ended {
            Ok(Ok(status)) => InitError::Failed { name, status, output },
            Ok(Err(source)) => InitError::NotStarted { name, source },
            Err(_) => InitError::Late { name, within: self.within, output },
        })
    }
}

/// A script's process group; whoever stops waiting ends all of it.
struct RunningScript {
    child: tokio::process::Child,
}

impl Drop for RunningScript {
    fn drop(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // Gone already: nothing is left to end.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// The last [`OUTPUT_BYTES_MAX`] of a file.
fn tail(file: &mut std::fs::File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// Statements with the line each begins in.
fn statements(script: &str) -> impl Iterator<Item = (usize, &str)> {
    emulator_redshift::statements(script).into_iter().map(|statement| {
        let begins_at = statement.as_ptr().addr() - script.as_ptr().addr();
        let begins_at = begins_at + (statement.len() - statement.trim_start().len());
        (1 + script[..begins_at].matches('\n').count(), statement.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_with_the_line_they_begin_in() {
        let script = "CREATE TABLE a (b INT);\n\n-- only words;\nINSERT INTO a\nVALUES (';');\n;\n";
        let found: Vec<_> = statements(script).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], (1, "CREATE TABLE a (b INT);"));
        assert_eq!(found[1].0, 3, "its comment belongs to it");
        assert!(found[1].1.ends_with("VALUES (';');"));
    }

    #[test]
    fn only_sql_and_shell_files_run_and_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["20-b.sql", "10-a.sh", "README.md", ".hidden.sql", "30.sql.bak"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        std::fs::create_dir(folder.path().join("40.sql")).expect("a folder");
        let scripts = Scripts::in_folder(folder.path(), Duration::from_secs(1)).expect("readable");
        assert_eq!(scripts.names, ["10-a.sh", "20-b.sql"]);
    }
}
