//! The project's own commands. `cargo xtask --help` lists them; one file per command.

mod bench;
mod ci;
mod conform;
mod e2e;
mod flags;
mod ground;
mod images;
mod mutants;
mod stop;
#[cfg(test)]
mod tidy;
mod up;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::flags::{Command, Flags};

/// Logs go to stderr, in colours only where somebody looks at them.
fn start_logs(filter: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

fn main() -> ExitCode {
    let outcome = match Flags::parse().command {
        Command::E2e(flags) => e2e::run(&flags),
        Command::Mutants(flags) => mutants::run(&flags),
        Command::Up(flags) => up::run(&flags),
        Command::Bench(flags) => bench::run(&flags),
        Command::Images(flags) => images::run(&flags),
        Command::Conform(flags) => conform::run(&flags),
        Command::Ci => ci::run(),
    };
    outcome.unwrap_or_else(|error| {
        // Nothing can be said if stderr is closed.
        let _ = writeln!(std::io::stderr(), "xtask failed: {error:#}");
        ExitCode::FAILURE
    })
}
