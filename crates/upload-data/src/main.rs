//! `upload-data`: the program around [`upload_data::run`].

use std::io::Write;
use std::process::ExitCode;

use runtime::telemetry::{self, Format};
use serde::Serialize;
use upload_data::Args;

/// Everything else was loaded; 2 is clap's, for wrong flags.
const REJECTED: u8 = 4;

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
    let shutdown = runtime::shutdown::on_signal()?;
    let summary = upload_data::run(&config, &shutdown).await?;
    print(args.output.output, &summary)?;
    Ok(if summary.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::from(REJECTED) })
}

fn print(format: Format, result: &(impl Serialize + std::fmt::Display)) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => result.to_string(),
        Format::Json => serde_json::to_string(result)?,
    };
    writeln!(std::io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}
