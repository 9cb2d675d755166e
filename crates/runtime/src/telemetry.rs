//! Logs: to stderr, for people or as JSON; stdout stays free for results.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Flags about logs and results.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Format of the logs on stderr.
    #[arg(long, value_name = "FORMAT", env = "LOG_FORMAT", default_value = "human")]
    pub log_format: Format,
    /// Which logs: `error`, `warn`, `info`, `debug`, `trace`, or a level for some of them, such as
    /// `warn,runtime=debug`.
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
    /// Format of the result on stdout.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub output: Format,
}

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line that people read.
    Human,
    /// One JSON object per line.
    Json,
}

/// What `--log-filter` cannot be.
#[derive(Debug, thiserror::Error)]
#[error("log filter {filter:?} is not understood")]
pub struct FilterError {
    filter: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging; called once, by `main`.
pub fn start(args: &OutputArgs) -> Result<(), FilterError> {
    let filter = EnvFilter::try_new(&args.log_filter)
        .map_err(|source| FilterError { filter: args.log_filter.clone(), source })?;
    let registry = tracing_subscriber::registry().with(filter);
    match args.log_format {
        Format::Human => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(std::io::stderr().is_terminal()),
            )
            .init(),
        Format::Json => registry
            .with(tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr))
            .init(),
    }
    Ok(())
}
