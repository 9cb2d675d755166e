//! Cargo as a child that does not outlive us: nor does any compiler that it has started.

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

/// Processes that end when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // If it has just ended, there is nothing to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs cargo and all it starts in a process group of its own, which ends when the future is dropped.
///
/// # Errors
/// What cargo said, if it does not end well.
pub(super) async fn run(cargo: Command) -> anyhow::Result<()> {
    let mut cargo = tokio::process::Command::from(cargo);
    cargo.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = cargo.spawn().context("start cargo")?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let mut group = Group(pid);
    let output = child.wait_with_output().await.context("wait for cargo")?;
    group.0 = None;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo ended with {}:\n{errors}", output.status);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn what_cargo_has_started_ends_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        // A stand-in for cargo that waits for a compiler.
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("sleep 600 & echo $! > {}; wait", path.display()));
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut running = Box::pin(run(shell));
        let compiler = loop {
            assert!(Instant::now() < deadline, "it never started");
            let short = tokio::time::timeout(Duration::from_millis(10), &mut running);
            assert!(short.await.is_err(), "it waits");
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Ok(id) = text.trim().parse::<i32>() {
                break Pid::from_raw(id).expect("a process");
            }
        };
        rustix::process::test_kill_process(compiler).expect("it runs");
        drop(running);
        while is_alive(compiler) {
            assert!(Instant::now() < deadline, "it still runs");
            tokio::task::yield_now().await;
        }
    }

    /// Whether it runs; one that has ended and that nobody waited for does not.
    fn is_alive(process: Pid) -> bool {
        let path = format!("/proc/{}/stat", process.as_raw_nonzero());
        std::fs::read_to_string(path).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn what_cargo_says_is_in_the_error() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'no such crate' >&2; exit 101"]);
        let error = run(shell).await.expect_err("it fails").to_string();
        assert!(error.contains("exit status: 101") && error.contains("no such crate"), "{error}");
    }
}
