//! `cargo xtask images`: builds the container image of `compose/Dockerfile`.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail, ensure};
use harness::binaries::{PACKAGES, workspace_root};

use crate::flags::Images;

const DOCKERFILE: &str = "compose/Dockerfile";
/// What the image holds beside the programs.
const FILES: [&str; 3] = [DOCKERFILE, "settings.ini", "create_table.sql"];

pub(crate) fn run(flags: &Images) -> anyhow::Result<ExitCode> {
    let mut docker = Command::new("docker");
    docker.args(["build", "--tag", &flags.tag]);
    if let Some(base) = &flags.base {
        docker.arg("--build-arg").arg(format!("BASE={base}"));
    }
    if let Some(builder) = &flags.builder {
        docker.arg("--build-arg").arg(format!("BUILDER={builder}"));
    }
    let context = match &flags.binaries {
        None => workspace_root().to_owned(),
        Some(binaries) => {
            docker.args(["--target", "copied"]);
            let folder =
                std::env::temp_dir().join(format!("blueshift-image-{}", std::process::id()));
            std::fs::create_dir_all(folder.join("bin")).context("make the build context")?;
            let gathered = gather(binaries, &folder);
            if gathered.is_err() {
                forget(&folder);
            }
            gathered?;
            folder
        }
    };
    docker.arg("--file").arg(context.join(DOCKERFILE)).arg(&context);
    let status = docker.status();
    if flags.binaries.is_some() {
        forget(&context);
    }
    let status = status.context("run docker: is it installed?")?;
    ensure!(status.success(), "docker build ended with {status}");
    Ok(ExitCode::SUCCESS)
}

/// Puts the programs, without what only a debugger reads, and the other files into `context`.
fn gather(binaries: &Path, context: &Path) -> anyhow::Result<()> {
    for program in PACKAGES {
        let from = binaries.join(program);
        let to = context.join("bin").join(program);
        if !from.is_file() {
            bail!("{} is missing: cargo build --package {program}", from.display());
        }
        let stripped = Command::new("strip").arg("-o").arg(&to).arg(&from).status();
        if !stripped.is_ok_and(|status| status.success()) {
            std::fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
        }
    }
    std::fs::create_dir_all(context.join("compose")).context("make the build context")?;
    for file in FILES {
        let copied = std::fs::copy(workspace_root().join(file), context.join(file));
        copied.with_context(|| format!("copy {file}"))?;
    }
    Ok(())
}

fn forget(folder: &Path) {
    // A leftover in the temporary folder is no reason to fail.
    let _ = std::fs::remove_dir_all(folder);
}
