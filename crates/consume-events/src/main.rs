//! The program `consume-events`: flags in, result line out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use consume_events::Args;
use runtime::failure::WithHint;
use runtime::telemetry::Format;

fn main() -> ExitCode {
    runtime::failure::report("consume-events", start(&runtime::settings::parse_args()))
}

#[tokio::main]
async fn start(args: &Args) -> anyhow::Result<()> {
    runtime::telemetry::start(&args.output)?;
    let config = args.resolve().or_else(|error| match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    })?;
    let shutdown = runtime::shutdown::on_signal().context("listen for signals")?;
    let summary = consume_events::run(config, shutdown).await?;
    let result = match args.output.output {
        Format::Human => summary.to_string(),
        Format::Json => serde_json::to_string(&summary).context("write summary")?,
    };
    writeln!(std::io::stdout().lock(), "{result}").context("write to stdout")
}
