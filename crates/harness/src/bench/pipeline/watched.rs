//! A program that is measured while it runs: wall clock, CPU, peak memory. Linux only.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// How often a program is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The longest that any of them may run.
const RUN_WITHIN: Duration = Duration::from_secs(1_800);
/// Ticks per second in `/proc/PID/stat`: `USER_HZ`, the same on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running program.
#[derive(Debug)]
pub(super) struct Watched {
    name: String,
    child: Child,
    started_at: Instant,
    peak_rss_bytes: u64,
}

/// What a program that ended well took.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// What it printed.
    pub(super) stdout: String,
    /// From start to end.
    pub(super) seconds: f64,
    /// User and system time of all its threads.
    pub(super) cpu_seconds: f64,
    /// The most memory it held.
    pub(super) peak_rss_bytes: u64,
}

impl Watched {
    /// Starts the program with this environment and no other.
    pub(super) fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        Ok(Self { name, child, started_at: Instant::now(), peak_rss_bytes: 0 })
    }

    /// Notes how much memory it holds; an error if it has ended.
    pub(super) fn look(&mut self) -> anyhow::Result<()> {
        ensure!(!self.has_ended()?, "{} ended too early", self.name);
        self.note_memory();
        Ok(())
    }

    /// SIGTERM, then [`Watched::finish`].
    pub(super) async fn terminate(self) -> anyhow::Result<Measured> {
        rustix::process::kill_process(self.pid()?, Signal::TERM)
            .with_context(|| format!("stop {}", self.name))?;
        self.finish().await
    }

    /// Waits for the end, which must be a good one.
    pub(super) async fn finish(mut self) -> anyhow::Result<Measured> {
        while !self.has_ended()? {
            self.note_memory();
            if RUN_WITHIN < self.started_at.elapsed() {
                bail!("{} still runs after {RUN_WITHIN:?}", self.name);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let seconds = self.started_at.elapsed().as_secs_f64();
        // It is not reaped yet: its account is still there.
        let cpu_seconds = self.cpu_seconds()?;
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().context("its stdout is piped")?;
        std::io::Read::read_to_string(&mut pipe, &mut stdout).context("read its stdout")?;
        let status: ExitStatus = self.child.wait().context("reap it")?;
        ensure!(status.success(), "{} ended with {status}: {stdout}", self.name);
        Ok(Measured { stdout, seconds, cpu_seconds, peak_rss_bytes: self.peak_rss_bytes })
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.context("know the program's pid")
    }

    /// Whether it has ended; it stays a zombie until it is reaped.
    fn has_ended(&self) -> anyhow::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::process::waitid(WaitId::Pid(self.pid()?), options);
        Ok(status.with_context(|| format!("look at {}", self.name))?.is_some())
    }

    fn note_memory(&mut self) {
        // Its end may come before the look.
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let text = text.unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        self.peak_rss_bytes = self.peak_rss_bytes.max(kibibytes.unwrap_or_default() * 1024);
    }

    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        ticks(&text).map(|ticks| ticks as f64 / TICKS_PER_SECOND).with_context(|| path)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time in `/proc/PID/stat` (proc_pid_stat(5), fields 14 and 15). The name, the
/// second field, may have blanks and parentheses in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_parentheses() {
        let stat = "7 (a ) b) Z 1 7 7 0 -1 4194560 118 0 0 0 12 30 0 0 20 0 1 0 333 0 0";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }

    #[tokio::test]
    async fn a_program_that_works_is_measured_and_a_bad_end_is_an_error() {
        let shell = Path::new("/bin/sh");
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done";
        let measured = Watched::start(shell, &["-c", busy], &[]).unwrap().finish().await.unwrap();
        assert_eq!(measured.stdout, "done\n");
        assert!(0.0 < measured.seconds && 100_000 < measured.peak_rss_bytes, "{measured:?}");
        assert!(0.0 < measured.cpu_seconds, "{measured:?}");
        let failed = Watched::start(shell, &["-c", "exit 3"], &[]).unwrap().finish().await;
        assert!(failed.unwrap_err().to_string().contains("exit status: 3"));
    }
}
