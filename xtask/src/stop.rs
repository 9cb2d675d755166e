//! Commands that start others end them too when they are told to stop.

use std::io::Write;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled by the first SIGINT or SIGTERM. The second ends this process at once: what it would have
/// removed is removed by the next start, or by --sweep.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if is_first {
                // Nothing can be said if stderr is closed.
                let said = "stopping and cleaning up; once more ends it at once";
                let _ = writeln!(std::io::stderr(), "{said}");
                stopped.cancel();
            } else {
                end_at_once();
            }
        }
    });
    Ok(stop)
}

#[expect(clippy::disallowed_methods, reason = "asked for twice: nothing more is waited for")]
fn end_at_once() {
    // As a shell tells an end by SIGINT.
    std::process::exit(130);
}
