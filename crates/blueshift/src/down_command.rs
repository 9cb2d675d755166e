//! `blueshift down`: stops what `up --detach` started.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use blueshift::postgres::sweep_leftovers_of;
use blueshift::stacks::{Stacks, State};

use crate::{Named, print};

/// How often the end is asked for.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long a start may take from its lock to its process id.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

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
        if !self.all {
            self.stop(&stacks, &self.named.name).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let names = stacks.names();
        if names.is_empty() {
            print("no stack is running\n")?;
        }
        // One that cannot be stopped does not keep the others running.
        let mut failed = Vec::new();
        for name in &names {
            if let Err(error) = self.stop(&stacks, name).await {
                let hint = crate::hint(&error).map(|hint| format!(" (hint: {hint})"));
                failed.push(format!("stack {name}: {error:#}{}", hint.unwrap_or_default()));
            }
        }
        if !failed.is_empty() {
            let (count, all) = (failed.len(), names.len());
            bail!("{count} of {all} stacks not stopped: {}", failed.join("; "));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn stop(&self, stacks: &Stacks, name: &str) -> anyhow::Result<()> {
        let (process, what) = match self.settled(stacks, name).await? {
            State::Absent => return print(&format!("no stack named {name} is running\n")),
            State::Stale(record) => {
                // Held, so that no start in between loses its record; that forgets this one.
                let _held = stacks.hold(name).await?;
                // Postgres survives a kill of the process that started it.
                sweep_leftovers_of(&record.process)?;
                let pid = record.process.pid;
                return print(&format!(
                    "stack {name} (process {pid}) had ended without cleaning up: done now\n"
                ));
            }
            State::Malformed { path, problem } => {
                drop(stacks.hold(name).await?);
                return print(&format!(
                    "stack {name} had ended without cleaning up, and {} could not be read \
                     ({problem}): removed now\n",
                    path.display()
                ));
            }
            State::Starting { process } => {
                let process =
                    process.with_context(|| format!("stack {name} is just starting: try again"))?;
                (process, "before it was ready".to_owned())
            }
            State::Running(record) => {
                let redshift = record.ports.redshift;
                let what = format!("SQS and S3 at {}, Redshift at port {redshift}", record.url);
                (record.process, what)
            }
        };
        let pid = process.pid;
        process.terminate().with_context(|| format!("stop process {pid}"))?;
        self.wait(stacks, name, pid).await?;
        print(&format!("stopped stack {name} (process {pid}): {what}\n"))
    }

    /// Its state, once a start that has just taken the name has written down who it is.
    async fn settled(&self, stacks: &Stacks, name: &str) -> anyhow::Result<State> {
        let deadline = Instant::now() + WRITTEN_WITHIN;
        loop {
            let state = stacks.state(name)?;
            let is_settled = !matches!(state, State::Starting { process: None });
            if is_settled || deadline <= Instant::now() {
                return Ok(state);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
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
