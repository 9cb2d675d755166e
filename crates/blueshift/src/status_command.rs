//! `blueshift status`: whether a stack runs, for people, scripts and healthchecks.

use std::process::ExitCode;
use std::time::Duration;

use blueshift::health;
use blueshift::stacks::{Record, State};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::{Named, print};

/// Exit code of a stack that does not run.
const NOT_RUNNING: u8 = 3;

/// Say whether a stack runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    named: Named,
    /// Ask the stack at this address instead: `http://…` of any `blueshift up`, or
    /// `postgresql://…` of any Redshift. What a container's healthcheck wants.
    #[arg(long, value_name = "URL", conflicts_with = "name")]
    url: Option<String>,
    /// What to print: a line for people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    output: Output,
    /// Seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Human,
    Json,
}

/// What is said of a stack.
struct Answer {
    is_running: bool,
    text: String,
    json: Value,
}

impl Status {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = match &self.url {
            Some(url) => self.of_address(url).await,
            None => self.of_name().await?,
        };
        match self.output {
            Output::Human => print(&format!("{}\n", answer.text))?,
            Output::Json => print(&format!("{}\n", answer.json))?,
        }
        let code = if answer.is_running { 0 } else { NOT_RUNNING };
        Ok(ExitCode::from(code))
    }

    async fn of_address(&self, url: &str) -> Answer {
        match health::ask(url, self.wait()).await {
            Ok(()) => Answer {
                is_running: true,
                text: "running".to_owned(),
                json: json!({ "status": "running" }),
            },
            Err(error) => Answer {
                is_running: false,
                text: format!("not running: {error}"),
                json: json!({ "status": "stopped", "reason": error.to_string() }),
            },
        }
    }

    async fn of_name(&self) -> anyhow::Result<Answer> {
        let name = &self.named.name;
        let stopped = |status: &str, text: String| Answer {
            is_running: false,
            text,
            json: json!({ "name": name, "status": status }),
        };
        Ok(match self.named.place.stacks().state(name)? {
            State::Absent => stopped("stopped", format!("no stack named {name} is running")),
            State::Stale(record) => {
                let pid = record.process.pid;
                let text = format!(
                    "stack {name} (process {pid}) has ended without cleaning up: blueshift down \
                     --name {name}"
                );
                stopped("stale", text)
            }
            State::Malformed { path, problem } => {
                let text = format!(
                    "stack {name} has ended without cleaning up, and {} cannot be read ({problem}): \
                     blueshift down --name {name}",
                    path.display()
                );
                stopped("stale", text)
            }
            State::Starting { .. } => stopped("starting", format!("stack {name} is starting")),
            State::Running(record) => match health::ask(&record.url, self.wait()).await {
                Ok(()) => running(&record),
                Err(error) => {
                    let pid = record.process.pid;
                    let text =
                        format!("stack {name} (process {pid}) runs, but does not answer: {error}");
                    stopped("unresponsive", text)
                }
            },
        })
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// Without the environment: it has passwords, and `blueshift env` prints it.
fn running(record: &Record) -> Answer {
    let Record { name, process, ready_at, url, ports, log, .. } = record;
    let pid = process.pid;
    let (redshift, shown_log) = (ports.redshift, log.display());
    Answer {
        is_running: true,
        text: format!(
            "stack {name} (process {pid}) runs since {ready_at}\nSQS and S3  {url}\nRedshift    \
             port {redshift}\nlog         {shown_log}"
        ),
        json: json!({
            "name": name,
            "status": "running",
            "pid": pid,
            "ready_at": ready_at,
            "url": url,
            "ports": ports,
            "log": log,
        }),
    }
}
