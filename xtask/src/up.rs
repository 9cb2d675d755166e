//! `cargo xtask up`: builds the kit and becomes `blueshift up`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::anyhow;

use crate::flags::Up;

pub(crate) fn run(flags: &Up) -> anyhow::Result<ExitCode> {
    let kit = harness::binaries::binaries()?.path("blueshift");
    // Signals then reach the kit itself, and its exit code is ours.
    let error = Command::new(&kit).arg("up").args(&flags.arguments).exec();
    Err(anyhow!(error).context(format!("start {}", kit.display())))
}
