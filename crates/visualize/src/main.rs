//! Draws counts per day and device type from Redshift: flags in, charts and one result line out.

use std::process::ExitCode;

use anyhow::Context;
use runtime::failure;
use runtime::metrics::{Health, Metrics};
use runtime::periodic::Periodic;
use runtime::{shutdown, telemetry};
use visualize::config::Args;
use visualize::{Figures, hinted};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = runtime::settings::parse_args();
    match visualize(&args).await {
        Ok(exit_code) => ExitCode::from(exit_code),
        Err(error) => failure::report("visualize", Err(error)),
    }
}

async fn visualize(args: &Args) -> anyhow::Result<u8> {
    telemetry::start(&args.output)?;
    let shutdown = shutdown::on_signal().context("listen for signals")?;
    let config = args.resolve().or_else(hinted)?;
    let (metrics, health) = (Metrics::new("visualize"), Health::new());
    let _serving = args.metrics.serve(&metrics, &health)?;
    let place = args.record_place().or_else(hinted)?;
    let job = Periodic::new("visualize", place, &metrics, &health);
    let figures = Figures::new(&metrics);
    let schedule = args.schedule.resolve();
    let running = job.run(schedule.as_ref(), &shutdown, args.output.output, async || {
        visualize::run_counted(&config, &shutdown, &figures).await
    });
    running.await
}
