//! `cargo xtask ci`: the checks of `.ci/run` that need nothing installed.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Context;

const STEPS: &[&[&str]] = &[
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"],
    &["test", "--workspace"],
    &["xtask", "e2e"],
];

/// Seconds that each fuzz target runs, of which there are 14: less than a minute in all on two cores.
const FUZZ_SECONDS: &str = "7";

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    for step in STEPS {
        let title = format!("cargo {}", step.join(" "));
        let started_at = Instant::now();
        let status = Command::new("cargo")
            .args(*step)
            .env("INSTA_UPDATE", "no")
            .env("FUZZ_SECONDS", FUZZ_SECONDS)
            .current_dir(harness::binaries::workspace_root())
            .status()
            .with_context(|| format!("run {title}"))?;
        let seconds = started_at.elapsed().as_secs();
        let outcome = if status.success() { "passed" } else { "FAILED" };
        writeln!(std::io::stderr(), "ci: {outcome} in {seconds} s: {title}").context("report")?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
