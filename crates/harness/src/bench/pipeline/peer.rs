//! The prototype's loop in Python, written from its description, run on the same kit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::report::Peer;
use super::watched::Watched;
use crate::bench::kit::Kit;
use crate::binaries::workspace_root;

const SCRIPT: &str = include_str!("prototype_loop.py");

/// As in the prototype's settings.
const POLLING_TIMEOUT: &str = "10";
const POLLING_CYCLES: &str = "6";

/// What the script prints.
#[derive(Debug, Deserialize)]
struct Printed {
    received: u64,
    seconds: f64,
    cpu_seconds: f64,
}

/// Consumes `message_count` messages, which must be waiting. An error if there is no Python, or no
/// boto3 to be had.
pub(super) async fn run(
    kit: &Kit,
    queue: &str,
    bucket: &str,
    message_count: u64,
) -> anyhow::Result<Peer> {
    let python = tokio::task::spawn_blocking(python).await.context("find Python")??;
    let script = folder().join("prototype_loop.py");
    std::fs::write(&script, SCRIPT).with_context(|| format!("write {}", script.display()))?;
    let (script, count) = (script.display().to_string(), message_count.to_string());
    let arguments = [&*script, queue, bucket, POLLING_TIMEOUT, POLLING_CYCLES, &count];
    let measured = Watched::start(&python, &arguments, kit.environment())?.finish().await?;
    let printed: Printed = serde_json::from_str(&measured.stdout)
        .with_context(|| format!("read the loop's result {:?}", measured.stdout))?;
    ensure!(message_count <= printed.received, "the loop received {}", printed.received);
    let received = printed.received as f64;
    Ok(Peer {
        events: printed.received,
        consume_events_per_second: received / printed.seconds,
        consume_cpu_us_per_event: printed.cpu_seconds * 1e6 / received,
        consume_peak_rss_bytes: measured.peak_rss_bytes,
    })
}

fn folder() -> PathBuf {
    workspace_root().join("target/bench")
}

/// A Python that has boto3: made once, with what the system has if that is enough.
fn python() -> anyhow::Result<PathBuf> {
    let venv = folder().join("venv");
    let python = venv.join("bin/python");
    if has_boto3(&python) {
        return Ok(python);
    }
    std::fs::create_dir_all(folder()).context("make the folder of the venv")?;
    let mut make = Command::new("python3");
    run_quietly(make.args(["-m", "venv", "--system-site-packages"]).arg(&venv))
        .context("make a venv with python3")?;
    if !has_boto3(&python) {
        let mut install = Command::new(&python);
        run_quietly(install.args(["-m", "pip", "install", "--quiet", "boto3"]))
            .context("install boto3 into the venv")?;
    }
    ensure!(has_boto3(&python), "{} has no boto3", python.display());
    Ok(python)
}

fn has_boto3(python: &Path) -> bool {
    run_quietly(Command::new(python).args(["-c", "import boto3"])).is_ok()
}

fn run_quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("run {command:?}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{command:?} ended with {}: {said}", output.status);
    }
    Ok(())
}
