//! The program `consume-events`: flags in, result line out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use consume_events::cli::{Command, Program};
use consume_events::config::ConfigError;
use consume_events::dead_letters::DeadLetters;
use consume_events::{Args, PROGRAM};
use runtime::failure::WithHint;
use runtime::metrics::{Health, Metrics};
use runtime::telemetry::Format;

fn main() -> ExitCode {
    runtime::failure::report(PROGRAM, start(&Program::parse_args()))
}

#[tokio::main]
async fn start(program: &Program) -> anyhow::Result<()> {
    let args = &program.args;
    runtime::telemetry::start(&args.output)?;
    match &program.command {
        None => consume(args).await,
        Some(Command::DeadLetters(dead_letters)) => look_after(args, dead_letters).await,
    }
}

async fn consume(args: &Args) -> anyhow::Result<()> {
    let config = checked(args.resolve())?;
    let shutdown = runtime::shutdown::on_signal().context("listen for signals")?;
    let (metrics, health) = (Metrics::new(PROGRAM), Health::new());
    let _server = args.metrics.serve(&metrics, &health)?;
    let summary = consume_events::run_observed(config, &metrics, &health, shutdown).await?;
    print(&match args.output.output {
        Format::Human => summary.to_string(),
        Format::Json => serde_json::to_string(&summary).context("write summary")?,
    })
}

async fn look_after(args: &Args, dead_letters: &DeadLetters) -> anyhow::Result<()> {
    let shared = checked(args.resolve_shared())?;
    let shutdown = runtime::shutdown::on_signal().context("listen for signals")?;
    let format = args.output.output;
    let bucket = dead_letters.from_rejected.then(|| checked(args.resolve_bucket())).transpose()?;
    let action = &dead_letters.action;
    let outcome =
        consume_events::dead_letters::run(&shared, bucket.as_ref(), action, format, shutdown)
            .await?;
    if !outcome.text.is_empty() {
        print(&outcome.text)?;
    }
    outcome.failure.map_or(Ok(()), Err)
}

fn checked<T>(settings: Result<T, ConfigError>) -> anyhow::Result<T> {
    settings.or_else(|error| match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    })
}

fn print(result: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{result}").context("write to stdout")
}
