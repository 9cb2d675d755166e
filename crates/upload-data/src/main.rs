//! `upload-data`: the program around [`upload_data::run`].

use std::io::Write;
use std::process::ExitCode;

use runtime::metrics::{Health, Metrics};
use runtime::periodic::Periodic;
use runtime::telemetry::{self, Format};
use upload_data::{Args, Figures, Plan};

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = runtime::settings::parse_args();
    match run(&args).await {
        Ok(exit_code) => exit_code,
        Err(error) => runtime::failure::report("upload-data", Err(error)),
    }
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    telemetry::start(&args.output)?;
    let config = args.resolve()?;
    if args.dry_run {
        print(args.output.output, &upload_data::dry_run(&config).await?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (metrics, health) = (Metrics::new("upload-data"), Health::new());
    let _serving = args.metrics.serve(&metrics, &health)?;
    let shutdown = runtime::shutdown::on_signal()?;
    let job = Periodic::new("upload-data", args.record_place()?, &metrics, &health);
    let figures = Figures::new(&metrics);
    let schedule = args.schedule.resolve();
    let exit_code = job.run(schedule.as_ref(), &shutdown, args.output.output, async || {
        upload_data::run_counted(&config, &shutdown, &figures).await
    });
    Ok(ExitCode::from(exit_code.await?))
}

fn print(format: Format, plan: &Plan) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => plan.to_string(),
        Format::Json => serde_json::to_string(plan)?,
    };
    writeln!(std::io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}
