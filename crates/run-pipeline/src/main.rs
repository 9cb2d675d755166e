//! `run-pipeline`: the program around [`run_pipeline::run`].

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use run_pipeline::flags::{Args, Command, DoctorArgs, ProvisionArgs, RunArgs};
use run_pipeline::parts::{self, Configs, Given};
use run_pipeline::provision::{self, Mode, Tables, Wanted};
use run_pipeline::{doctor, run::Pipeline};
use runtime::metrics::{Health, Metrics};
use runtime::settings::TableArgs;
use runtime::telemetry::Format;
use runtime::{failure, shutdown, telemetry};

/// As the main thread has it: the parts run on threads of the runtime, and a build without
/// optimisation needs more than their 2 MiB.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match runtime.enable_all().thread_stack_size(STACK_BYTES).build() {
        Ok(runtime) => runtime.block_on(run_command()),
        Err(error) => failure::report("run-pipeline", Err(error.into())),
    }
}

async fn run_command() -> ExitCode {
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
    match &args.command {
        None => run(&args.run, given).await,
        Some(Command::Provision(args)) => make(args, given).await,
        Some(Command::Doctor(args)) => examine(args, given).await,
    }
}

async fn make(args: &ProvisionArgs, given: &Given) -> anyhow::Result<u8> {
    let shared = &args.shared;
    telemetry::start(&shared.output)?;
    let file = shared.settings.load()?;
    let upload: upload_data::Args = given.part(&[])?;
    let table = TableArgs { create_table: shared.create_table.clone(), ..TableArgs::default() };
    let tables = || {
        let create_table = table.resolve(&file).read_create_table()?;
        Ok(Tables { upload: upload.resolve()?, create_table })
    };
    let wanted = Wanted {
        aws: shared.aws.resolve(&file),
        queue: shared.queue.resolve(&file),
        bucket: shared.bucket.resolve(&file),
        tables: tables(),
    };
    let mode = match (args.check, args.update) {
        (true, _) => Mode::Check,
        (false, true) => Mode::Update,
        (false, false) => Mode::Make,
    };
    let findings = provision::provision(&wanted, mode).await;
    let lines = match shared.output.output {
        Format::Json => serde_json::to_string(&findings)?,
        Format::Human => {
            let lines = findings.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    writeln!(std::io::stdout().lock(), "{lines}").context("print the findings")?;
    Ok(provision::exit_code(&findings))
}

async fn examine(args: &DoctorArgs, given: &Given) -> anyhow::Result<u8> {
    let output = &args.shared.output;
    telemetry::start(output)?;
    let report = doctor::examine(&args.shared, given).await;
    let text = match output.output {
        Format::Json => serde_json::to_string(&report)?,
        Format::Human => report.to_string(),
    };
    writeln!(std::io::stdout().lock(), "{text}").context("print the report")?;
    Ok(u8::from(!report.is_ok()))
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
