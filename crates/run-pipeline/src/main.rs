//! `run-pipeline`: the program around [`run_pipeline::run`].

use std::process::ExitCode;

use anyhow::Context;
use run_pipeline::parts::{self, Configs, Given};
use run_pipeline::run::Pipeline;
use run_pipeline::{Args, flags::RunArgs};
use runtime::metrics::{Health, Metrics};
use runtime::{failure, shutdown, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    let (args, given) = parts::parse();
    match start(&args, &given).await {
        Ok(exit_code) => ExitCode::from(exit_code),
        Err(error) => match error.downcast_ref::<clap::Error>() {
            // A part's words about a flag; nothing can be said if stderr is closed.
            Some(error) => {
                let _ = error.print();
                ExitCode::from(2)
            }
            None => failure::report("run-pipeline", Err(error)),
        },
    }
}

async fn start(args: &Args, given: &Given) -> anyhow::Result<u8> {
    run(&args.run, given).await
}

async fn run(args: &RunArgs, given: &Given) -> anyhow::Result<u8> {
    telemetry::start(&args.shared.output)?;
    let configs = Configs::resolve(args, given)?;
    let file = args.shared.settings.load()?;
    let place = args.run_records.resolve(&args.shared.aws, &args.shared.bucket, &file)?;
    let (metrics, health) = (Metrics::new("run-pipeline"), Health::new());
    let _serving = args.metrics.serve(&metrics, &health)?;
    let shutdown = shutdown::on_signal().context("listen for signals")?;
    let pipeline = Pipeline { args: args.clone(), configs, place, metrics, health };
    run_pipeline::run(pipeline, &shutdown).await
}
