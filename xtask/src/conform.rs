//! `cargo xtask conform`: the kit's answers beside another product's.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::flags::{Conform, StackKind};

pub(crate) fn run(flags: &Conform) -> anyhow::Result<ExitCode> {
    if flags.stack != StackKind::Containers {
        bail!("conform compares with LocalStack in a container: --stack containers");
    }
    crate::start_logs("warn,s3s=off");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let found = runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .context("listen for SIGTERM")?;
        // Stopping drops both stacks, which ends them.
        tokio::select! {
            found = harness::conform::run(flags.image_localstack.as_deref()) => found,
            _ = tokio::signal::ctrl_c() => bail!("stopped by SIGINT"),
            _ = terminate.recv() => bail!("stopped by SIGTERM"),
        }
    })?;
    write!(std::io::stdout(), "{}", found.to_text()).context("print the comparison")?;
    Ok(if found.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
