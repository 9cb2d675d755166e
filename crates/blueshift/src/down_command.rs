//! `blueshift down`: stops what `up --detach` started.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use blueshift::postgres::sweep_leftovers_of;
use blueshift::stacks::{Stacks, State};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use crate::{Named, print};

/// How often the end is asked for.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Stop a stack.
#[derive(Debug, clap::Args)]
pub(crate) struct Down {
    #[command(flatten)]
    named: Named,
    /// Stop all of this user's.
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// Seconds to wait for its end.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

impl Down {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let stacks = self.named.place.stacks();
        let names = if self.all { stacks.names() } else { vec![self.named.name.clone()] };
        if names.is_empty() {
            print("no stack is running\n")?;
        }
        for name in names {
            self.stop(&stacks, &name).await?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn stop(&self, stacks: &Stacks, name: &str) -> anyhow::Result<()> {
        let (pid, what) = match stacks.state(name)? {
            State::Absent => return print(&format!("no stack named {name} is running\n")),
            State::Stale(record) => {
                // Postgres survives a kill of the process that started it.
                sweep_leftovers_of(record.pid)?;
                stacks.forget(name)?;
                let pid = record.pid;
                return print(&format!(
                    "stack {name} (process {pid}) had ended without cleaning up: done now\n"
                ));
            }
            State::Starting { pid } => {
                let pid =
                    pid.with_context(|| format!("stack {name} is just starting: try again"))?;
                (pid, "before it was ready".to_owned())
            }
            State::Running(record) => {
                let redshift = record.ports.redshift;
                (record.pid, format!("SQS and S3 at {}, Redshift at port {redshift}", record.url))
            }
        };
        let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("read its id")?;
        match rustix::process::kill_process(process, Signal::TERM) {
            // It ended on its own in between.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error).with_context(|| format!("stop process {pid}")),
        }
        self.wait(stacks, name, pid).await?;
        print(&format!("stopped stack {name} (process {pid}): {what}\n"))
    }

    async fn wait(&self, stacks: &Stacks, name: &str, pid: u32) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(self.timeout);
        while matches!(stacks.state(name)?, State::Starting { .. } | State::Running(_)) {
            if deadline <= Instant::now() {
                let waited = self.timeout;
                bail!(
                    "process {pid} of stack {name} has not ended within {waited} s: kill -9 {pid}"
                );
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Ok(())
    }
}
