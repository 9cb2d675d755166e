//! Sends random events to SQS: flags in, one result line out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use generate_events::{Args, GenerateError, Summary, hinted};
use runtime::failure;
use runtime::metrics::Health;
use runtime::telemetry::Format;
use runtime::{shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = runtime::settings::parse_args();
    failure::report("generate-events", generate(&args).await)
}

async fn generate(args: &Args) -> anyhow::Result<()> {
    telemetry::start(&args.output)?;
    let shutdown = shutdown::on_signal().context("listen for signals")?;
    let config = args.resolve().or_else(hinted)?;
    let _serving = args.metrics.serve(&config.metrics, &Health::new())?;
    let outcome = generate_events::run(&config, &shutdown).await;
    let sent = match &outcome {
        Ok(summary) | Err(GenerateError::Interrupted { sent: summary, .. }) => Some(summary),
        Err(_) => None,
    };
    if let Some(summary) = sent {
        print(summary, args.output.output).context("print the result")?;
    }
    outcome.map(|_| ()).or_else(hinted)
}

fn print(summary: &Summary, format: Format) -> anyhow::Result<()> {
    let line = match format {
        Format::Human => summary.to_string(),
        Format::Json => serde_json::to_string(summary)?,
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush())?;
    Ok(())
}
