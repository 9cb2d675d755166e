//! `blueshift`: the kit as a program. `blueshift up` starts SQS, S3 and Redshift and prints the
//! environment block that points any program at them, in the foreground or in the background
//! (`down`, `status`, `env`); `blueshift redshift` starts Redshift alone.

mod detached;
mod down_command;
mod env_command;
mod redshift_command;
mod status_command;
mod up_command;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use blueshift::StackError;
use blueshift::postgres::PostgresError;
use blueshift::stacks::{Stacks, StacksError, checked_name};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
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
    Up(Box<up_command::Up>),
    /// Stop a stack that `up --detach` started.
    Down(down_command::Down),
    /// Say whether a stack runs. Exit codes: 0 it does, 3 it does not, 1 that cannot be told.
    Status(status_command::Status),
    /// Print the environment block of a stack that `up --detach` started, for `eval`.
    Env(env_command::Env),
    /// Start Redshift alone, in front of any Postgres and any S3.
    Redshift(redshift_command::RedshiftCommand),
}

/// Which of the stacks in the background.
#[derive(Debug, clap::Args)]
struct Named {
    /// The stack's name.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = checked_name)]
    name: String,
    #[command(flatten)]
    place: Place,
}

/// Where stacks in the background are written down.
#[derive(Debug, clap::Args)]
struct Place {
    /// Folder of the state files of stacks in the background [default: /run/blueshift for root, else stacks in the cache].
    #[arg(long, value_name = "DIR", env = "BLUESHIFT_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

impl Place {
    fn stacks(&self) -> Stacks {
        let folder = self.state_dir.as_deref().filter(|folder| !folder.as_os_str().is_empty());
        Stacks::in_folder(folder)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches).and_then(|cli| checked(cli, &matches)) {
        Ok(cli) => cli,
        Err(error) => error.format(&mut Cli::command()).exit(),
    };
    let outcome = match start_logs(&cli.log_filter) {
        Ok(()) => match cli.command {
            Command::Up(up) => up.run().await,
            Command::Down(down) => down.run().await,
            Command::Status(status) => status.run().await,
            Command::Env(env) => env.run(),
            Command::Redshift(redshift) => redshift.run().await,
        },
        Err(error) => Err(error),
    };
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    let mut text = format!("blueshift failed: {error:#}\n");
    if let Some(hint) = hint(&error) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    // Nothing can be said if stderr is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::FAILURE
}

/// What clap's own rules cannot say: a folder named by the environment is for whoever needs one, by a
/// flag only for a stack in the background.
fn checked(cli: Cli, matches: &ArgMatches) -> Result<Cli, clap::Error> {
    match matches.subcommand() {
        Some(("up", up))
            if !up.get_flag("detach")
                && up.value_source("state_dir") == Some(ValueSource::CommandLine) =>
        {
            let text = "--state-dir is for stacks in the background: add --detach";
            Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, text))
        }
        _ => Ok(cli),
    }
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
    if let Some(StacksError::Taken { name, .. }) = error.downcast_ref() {
        let another = "or start this one beside it: --name OTHER";
        return Some(format!("blueshift env --name {name} prints its block; {another}"));
    }
    if let Some(StacksError::Malformed { .. }) = error.downcast_ref() {
        return Some(
            "a stack of another version runs under this name: stop it with that version's \
             `blueshift down`, or start one beside it: --name OTHER"
                .to_owned(),
        );
    }
    let postgres = error.downcast_ref::<PostgresError>().and_then(PostgresError::hint);
    postgres.or_else(|| error.downcast_ref::<StackError>().and_then(StackError::hint))
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
fn print_block(environment: &[(String, String)]) -> anyhow::Result<()> {
    let mut block = String::new();
    for (name, value) in environment {
        block.push_str(&format!("{name}={value}\n"));
    }
    block.push_str("ready\n");
    print(&block)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("print on stdout")
}
