//! The program `consume-events`: flags in, result line out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use consume_events::{Args, PROGRAM};
use runtime::failure::WithHint;
use runtime::metrics::{Health, Metrics};
use runtime::telemetry::Format;

fn main() -> ExitCode {
    runtime::failure::report(PROGRAM, start(&runtime::settings::parse_args()))
}

#[tokio::main]
async fn start(args: &Args) -> anyhow::Result<()> {
    runtime::telemetry::start(&args.output)?;
    let config = args.resolve().or_else(|error| match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    })?;
    let shutdown = runtime::shutdown::on_signal().context("listen for signals")?;
    let (metrics, health) = (Metrics::new(PROGRAM), Health::new());
    let _server = args.metrics.serve(&metrics, &health)?;
    let summary = consume_events::run_observed(config, &metrics, &health, shutdown).await?;
    let result = match args.output.output {
        Format::Human => summary.to_string(),
        Format::Json => serde_json::to_string(&summary).context("write summary")?,
    };
    writeln!(std::io::stdout().lock(), "{result}").context("write to stdout")
}
