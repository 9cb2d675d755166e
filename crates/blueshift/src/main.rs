//! `blueshift`: the kit as a program. `blueshift up` starts SQS, S3 and Redshift and prints the
//! environment block that points any program at them; `blueshift redshift` starts Redshift alone.

mod redshift_command;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use blueshift::{InProcess, Isolation, Stack, StackError};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// SQS, S3 and a Redshift that executes COPY, on this machine.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Which logs to print on stderr, e.g. `info` or `debug`.
    // s3s calls every refused request an error, an ordinary NoSuchKey included.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "RUST_LOG",
        default_value = "warn,s3s=off"
    )]
    log_filter: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a stack; print its environment block, then `ready`; stop it at SIGINT or SIGTERM.
    Up(Up),
    /// Start Redshift alone, in front of any Postgres and any S3.
    Redshift(redshift_command::RedshiftCommand),
}

/// Start a stack.
#[derive(Debug, clap::Args)]
struct Up {
    /// Port of SQS and S3; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 4566)]
    port: u16,
    /// Port of Redshift; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 5439)]
    redshift_port: u16,
    /// Check that Redshift's clients give this password [default: take any].
    #[arg(long, value_name = "PASSWORD")]
    redshift_password: Option<String>,
    /// Isolation of Redshift's databases: snapshot, or serializable (error 1023 on conflicts).
    #[arg(long, value_name = "LEVEL", default_value_t)]
    isolation: Isolation,
    /// Address to listen on. Anybody who reaches it can use the stack: it asks for no password.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Make the queue, dead-letter queue, bucket and table this settings file names.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// AWS region of all resources [default: that of the settings file, else us-east-1].
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    region: Option<String>,
    /// Folder of Postgres' initdb and postgres [default: PATH, then the usual places].
    #[arg(long, value_name = "DIR", env = "BLUESHIFT_POSTGRES_BIN")]
    // Not a path yet: clap refuses a blank one, which counts as not given.
    postgres_binaries: Option<OsString>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match start_logs(&cli.log_filter) {
        Ok(()) => match cli.command {
            Command::Up(up) => up.run().await,
            Command::Redshift(redshift) => redshift.run().await,
        },
        Err(error) => Err(error),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let mut text = format!("blueshift failed: {error:#}\n");
    if let Some(hint) = hint(&error) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Nothing can be said if stderr is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::FAILURE
}

fn start_logs(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("read --log-filter")?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

fn hint(error: &anyhow::Error) -> Option<String> {
    error.downcast_ref::<StackError>().and_then(StackError::hint)
}

/// SIGINT or SIGTERM, from the moment this is called.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Prints the variables and says that all is ready.
fn print_block(environment: Vec<(String, String)>) -> anyhow::Result<()> {
    let mut block = String::new();
    for (name, value) in environment {
        block.push_str(&format!("{name}={value}\n"));
    }
    block.push_str("ready\n");
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(block.as_bytes())
        .and_then(|()| stdout.flush())
        .context("print the environment block")
}

impl Up {
    async fn run(self) -> anyhow::Result<()> {
        let stop = stop_signal()?;
        tokio::pin!(stop);
        let mut stack = None;
        // A signal during the start drops what has been started, Postgres included.
        let started = tokio::select! {
            started = self.start(&mut stack) => started,
            () = &mut stop => return Ok(()),
        };
        if started.is_ok() {
            stop.await;
        }
        if let Some(stack) = stack {
            stack.shutdown().await;
        }
        started
    }

    /// Starts the stack and prints the environment block.
    async fn start(&self, stack: &mut Option<Stack>) -> anyhow::Result<()> {
        let options = InProcess {
            host: self.host,
            port: self.port,
            redshift_port: self.redshift_port,
            redshift_password: self.redshift_password.clone(),
            redshift_isolation: self.isolation,
            region: self.region.clone().filter(|region| !region.trim().is_empty()),
            settings: self.settings.clone(),
            postgres_binaries: self
                .postgres_binaries
                .as_ref()
                .filter(|folder| !folder.is_empty())
                .map(PathBuf::from),
        };
        let started = stack.insert(options.start().await?);
        print_block(started.environment())
    }
}
