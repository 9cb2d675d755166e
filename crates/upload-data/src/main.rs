//! `upload-data`: the program around [`upload_data::run`].

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use runtime::telemetry::{self, Format};
use serde::Serialize;
use upload_data::Args;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    runtime::failure::report("upload-data", run(&args).await)
}

async fn run(args: &Args) -> anyhow::Result<()> {
    telemetry::start(&args.output)?;
    let config = args.resolve()?;
    if args.dry_run {
        return print(args.output.output, &upload_data::dry_run(&config).await?);
    }
    let shutdown = runtime::shutdown::on_signal()?;
    print(args.output.output, &upload_data::run(&config, &shutdown).await?)
}

fn print(format: Format, result: &(impl Serialize + std::fmt::Display)) -> anyhow::Result<()> {
    let text = match format {
        Format::Human => result.to_string(),
        Format::Json => serde_json::to_string(result)?,
    };
    writeln!(std::io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}
