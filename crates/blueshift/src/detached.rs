//! `blueshift up --detach`: the process in the foreground, which starts the one in the background,
//! waits until it is ready, and passes on what it printed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use blueshift::stacks::{Stacks, StacksError, State};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{print, stop_signal};

/// How long a start that is given up may take to clean up behind itself.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// How much of a failed start's log is shown.
const LOG_BYTES_MAX: u64 = 16 * 1024;

/// Starts the same command once more, in the background.
pub(crate) async fn start(
    stacks: &Stacks,
    name: &str,
    within: Duration,
) -> anyhow::Result<ExitCode> {
    let taken = match stacks.state(name)? {
        State::Absent | State::Stale(_) | State::Malformed { .. } => None,
        State::Starting { process } => Some(process),
        State::Running(record) => Some(Some(record.process)),
    };
    if let Some(process) = taken {
        return Err(StacksError::Taken { name: name.to_owned(), process }.into());
    }
    let stop = stop_signal()?;
    let (mut log, new_log) = stacks.new_log(name)?;
    let outcome = start_logged(name, within, &mut log, &new_log, stop).await;
    // One that got the name has taken its log along.
    let _ = std::fs::remove_file(&new_log);
    outcome
}

async fn start_logged(
    name: &str,
    within: Duration,
    log: &mut File,
    new_log: &Path,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<ExitCode> {
    tokio::pin!(stop);
    let mut command = Command::new(std::env::current_exe().context("find this program")?);
    let mut child = command
        .args(std::env::args_os().skip(1))
        .arg("--detached-child")
        .arg(new_log)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().context("share the log")?)
        .spawn()
        .context("start the process in the background")?;
    let deadline = tokio::time::sleep(within);
    tokio::pin!(deadline);
    let block = tokio::select! {
        block = block(&mut child) => block?,
        () = &mut deadline => {
            give_up(&mut child).await;
            say_log(log);
            bail!("stack {name} was not ready within {} s: --timeout", within.as_secs());
        }
        () = &mut stop => {
            give_up(&mut child).await;
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(block) = block {
        print(&block)?;
        return Ok(ExitCode::SUCCESS);
    }
    child.wait().await.context("wait for the process in the background")?;
    // It has said itself why it failed, hint included.
    say_log(log);
    Ok(ExitCode::FAILURE)
}

/// Shows the end of the log of the process in the background.
fn say_log(log: &mut File) {
    let said = tail(log).unwrap_or_else(|error| format!("its log cannot be read: {error}\n"));
    // Nothing can be said if stderr is closed.
    let _ = std::io::stderr().lock().write_all(said.as_bytes());
}

/// What the process prints up to `ready`; `None` if it ends before.
async fn block(child: &mut Child) -> anyhow::Result<Option<String>> {
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut block = String::new();
    while let Some(line) = lines.next_line().await.context("read the environment block")? {
        block.push_str(&line);
        block.push('\n');
        if line == "ready" {
            return Ok(Some(block));
        }
    }
    Ok(None)
}

/// Stops a process that is not ready yet.
async fn give_up(child: &mut Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = id {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_err() {
        tracing::warn!(waited = ?STOP_WITHIN, "the process in the background did not stop");
    }
}

fn tail(file: &mut File) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
