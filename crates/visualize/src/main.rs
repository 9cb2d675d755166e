//! Draws counts per day and device type from Redshift: flags in, charts and one result line out.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use runtime::failure::{self, WithHint};
use runtime::telemetry::Format;
use runtime::{shutdown, telemetry};
use time::OffsetDateTime;
use visualize::Summary;
use visualize::config::Args;
use visualize::error::VisualizeError;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = runtime::settings::parse_args();
    failure::report("visualize", visualize(&args).await)
}

async fn visualize(args: &Args) -> anyhow::Result<()> {
    telemetry::start(&args.output)?;
    let shutdown = shutdown::on_signal().context("listen for signals")?;
    let config = args.resolve().or_else(hinted)?;
    let now = OffsetDateTime::now_utc();
    let summary = visualize::run(&config, now, &shutdown).await.or_else(hinted)?;
    let line = match args.output.output {
        Format::Human => human(&summary),
        Format::Json => json(&summary),
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("print the result")
}

fn hinted<T>(error: VisualizeError) -> anyhow::Result<T> {
    match error.hint() {
        Some(hint) => Err(error).hint(hint),
        None => Err(error.into()),
    }
}

fn human(summary: &Summary) -> String {
    let paths: Vec<String> = summary.charts.iter().map(|path| path.display().to_string()).collect();
    let seconds = summary.took.as_secs_f64();
    format!("drew {} rows in {seconds:.1} s: {}", summary.rows, paths.join(", "))
}

fn json(summary: &Summary) -> String {
    let paths: Vec<String> =
        summary.charts.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    serde_json::json!({
        "charts": paths,
        "rows": summary.rows,
        "seconds": summary.took.as_secs_f64(),
    })
    .to_string()
}
