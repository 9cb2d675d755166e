//! The command line of `cargo xtask`.

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand, ValueEnum};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole pipeline end to end: build the programs, start a stack, run the scenarios.
    E2e(E2e),
    /// Build and start the kit; every flag goes to `blueshift up`.
    Up(Up),
    /// Measure how fast the kit is, on its release build. Progress on stderr, figures on stdout.
    #[command(subcommand)]
    Bench(Bench),
    /// Compare the kit's answers with LocalStack's, field by field, for each operation that the
    /// programs use; what differs must be explained.
    Conform(Conform),
    /// Take safeguards out of a copy of the programs, one at a time; a scenario must notice each.
    Mutants(Mutants),
    /// Build the container image of the kit and the programs (compose/Dockerfile).
    Images(Images),
    /// What CI runs, in its order: format, lints, tests, end-to-end scenarios.
    Ci,
}

#[derive(Debug, clap::Args)]
pub(crate) struct E2e {
    /// Scenario to run, `all` for every one; may be given several times [default: the quick
    /// ones, which --list marks].
    #[arg(long = "scenario", value_name = "NAME")]
    pub(crate) scenarios: Vec<String>,
    /// List the scenarios and exit.
    #[arg(long)]
    pub(crate) list: bool,
    /// Events of the generated scenarios [default: each scenario's own number].
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: Option<u64>,
    /// Seed of the generated scenarios; with --repeat the first of consecutive seeds.
    #[arg(long, value_name = "SEED", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Run everything this many times, each time with the next seed.
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Scenarios at once, each on a stack of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub(crate) jobs: usize,
    /// Where to run.
    #[arg(long, value_enum, default_value_t = StackKind::InProcess)]
    pub(crate) stack: StackKind,
    /// What the stack can be told.
    #[command(flatten)]
    pub(crate) stack_flags: StackFlags,
    /// Keep logs, records and results of scenarios that passed too.
    #[arg(long)]
    pub(crate) keep: bool,
    /// What to print on stdout: a table, or exactly one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

/// Flags that only some stacks know; elsewhere they are refused.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct StackFlags {
    /// Containers: the image of LocalStack [default: localstack/localstack:4.14.0].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image_localstack: Option<String>,
    /// Containers: the image of Postgres [default: postgres:17-alpine].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image_postgres: Option<String>,
    /// Compose: the port of SQS and S3 on the loopback [default: BLUESHIFT_HTTP_PORT, else 4566].
    #[arg(long, value_name = "PORT")]
    pub(crate) compose_port: Option<u16>,
    /// Compose: Redshift's port [default: BLUESHIFT_REDSHIFT_PORT, else 5439].
    #[arg(long, value_name = "PORT")]
    pub(crate) compose_redshift_port: Option<u16>,
    /// AWS: the settings file, whose bucket and Redshift are used [default: BLUESHIFT_SETTINGS, else
    /// settings.ini].
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<std::path::PathBuf>,
    /// AWS: yes, make queues, objects and a schema in the account, and pay for them.
    #[arg(long)]
    pub(crate) i_pay: bool,
    /// AWS: remove what killed runs left there, and do nothing else.
    #[arg(long)]
    pub(crate) sweep: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// COPY from S3 beside Postgres' own COPY of the same rows, and the memory it takes.
    Copy(BenchCopy),
    /// The programs' release builds on our own kit, beside a loop as the prototype's in Python.
    Pipeline(BenchPipeline),
}

#[derive(Debug, clap::Args)]
pub(crate) struct BenchPipeline {
    /// Events that wait in each round.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(10..))]
    pub(crate) events: u64,
    /// Rounds; the median counts.
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Events for the loop in Python; 0 leaves it out.
    #[arg(long, value_name = "COUNT", default_value_t = 5_000)]
    pub(crate) peer_events: u64,
    /// Events of one long queue, consumed at the end; 0 leaves it out.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    pub(crate) backlog: u64,
    /// Rows that the table has already when rows are loaded beside many; 0 leaves it out.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000_000)]
    pub(crate) rows_present: u64,
    /// Measure the programs in this folder, instead of building the releases.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) programs: Option<std::path::PathBuf>,
    /// What to print on stdout: a table, or exactly one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BenchCopy {
    /// Rows of each load.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows: u64,
    /// How often each is loaded; the median counts. 0 measures the memory alone.
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    pub(crate) rounds: u32,
    /// MiB, not compressed, of each of three loads whose peak memory is measured in a Redshift that
    /// runs alone: events, the same as gzip, lines of 4 MB. 0 leaves them out.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(..=1_048_576))]
    pub(crate) memory_mib: u64,
    /// Measure this build of `blueshift`, instead of building the release.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit: Option<std::path::PathBuf>,
    /// What to print on stdout: a table, or exactly one JSON object.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub(crate) output: Output,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Conform {
    /// With what to compare; only `containers` can be.
    #[arg(long, value_enum)]
    pub(crate) stack: StackKind,
    /// The image of LocalStack [default: localstack/localstack:4.14.0].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image_localstack: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Mutants {
    /// Only these [default: all].
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// List the mutants and exit.
    #[arg(long)]
    pub(crate) list: bool,
    /// Seed of the scenarios.
    #[arg(long, value_name = "SEED", default_value_t = 7)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StackKind {
    /// SQS, S3 and Redshift inside this process; needs Postgres binaries, no Docker.
    InProcess,
    /// LocalStack and Postgres in containers, our Redshift in front of that Postgres.
    Containers,
    /// A compose project that runs on this machine.
    Compose,
    /// AWS itself, as the settings and the usual credential chain say.
    Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Human,
    /// One JSON object for scripts.
    Json,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Flags of `blueshift up`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Images {
    /// The image's name.
    #[arg(long, value_name = "NAME", default_value = "blueshift:local")]
    pub(crate) tag: String,
    /// The image it stands on, a Debian with apt [default: debian:trixie-slim].
    #[arg(long, value_name = "IMAGE")]
    pub(crate) base: Option<String>,
    /// The image that compiles the programs [default: rust:1.95-trixie].
    #[arg(long, value_name = "IMAGE", conflicts_with = "binaries")]
    pub(crate) builder: Option<String>,
    /// Take the programs in this folder, such as target/release, instead of compiling them there.
    #[arg(long, value_name = "DIR")]
    pub(crate) binaries: Option<std::path::PathBuf>,
}
