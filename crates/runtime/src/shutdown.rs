//! SIGINT and SIGTERM as one token, made in `main` and passed down.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGINT or SIGTERM; the second one ends the process as
/// the system would, for the user who cannot wait.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            }
        };
        let name = next().await;
        tracing::info!(signal = name, "stopping; once more to stop at once");
        cancelled.cancel();
        let name = next().await;
        tracing::warn!(signal = name, "stopped at once");
        std::process::abort();
    });
    Ok(token)
}
