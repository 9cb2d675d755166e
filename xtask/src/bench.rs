//! `cargo xtask bench`: figures, not verdicts.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use harness::bench::{copy, pipeline};

use crate::flags::{Bench, BenchCopy, BenchPipeline, Output};

pub(crate) fn run(flags: &Bench) -> anyhow::Result<ExitCode> {
    crate::start_logs("warn");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    match flags {
        Bench::Copy(flags) => runtime.block_on(bench_copy(flags)),
        Bench::Pipeline(flags) => runtime.block_on(bench_pipeline(flags)),
    }
}

async fn bench_pipeline(flags: &BenchPipeline) -> anyhow::Result<ExitCode> {
    let options = pipeline::Options {
        events: flags.events,
        rounds: flags.rounds,
        peer_events: flags.peer_events,
        backlog: flags.backlog,
        rows_present: flags.rows_present,
        programs: flags.programs.clone(),
    };
    // Stopping drops the measurement, which ends the kit and the programs.
    let report = tokio::select! {
        report = pipeline::run(&options, &say) => report?,
        _ = tokio::signal::ctrl_c() => bail!("stopped by SIGINT"),
    };
    print(match flags.output {
        Output::Json => report.to_json().to_string(),
        Output::Human => report.to_table(),
    })
}

async fn bench_copy(flags: &BenchCopy) -> anyhow::Result<ExitCode> {
    let options = copy::Options {
        rows: flags.rows,
        rounds: flags.rounds,
        memory_bytes: flags.memory_mib * 1024 * 1024,
        kit: flags.kit.clone(),
    };
    // Stopping drops the measurement, which ends the kit.
    let report = tokio::select! {
        report = copy::run(&options, &say) => report?,
        _ = tokio::signal::ctrl_c() => bail!("stopped by SIGINT"),
    };
    print(match flags.output {
        Output::Json => report.to_json().to_string(),
        Output::Human => report.to_table(),
    })
}

fn print(text: String) -> anyhow::Result<ExitCode> {
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("print the figures")?;
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) {
    // Progress that nobody can read is no reason to stop.
    let _ = writeln!(std::io::stderr(), "bench: {text}");
}
