//! SIGINT and SIGTERM as one token, made in `main` and passed down.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled at the first SIGINT or SIGTERM; the second one ends the process at
/// once, for the user who cannot wait, with the exit code that shells give to such an end: 130 or
/// 143. It leaves no core dump: what the process knows of secrets stays with it.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let (name, _) = next(&mut interrupt, &mut terminate).await;
        tracing::info!(signal = name, "stopping; once more to stop at once");
        cancelled.cancel();
        let (name, kind) = next(&mut interrupt, &mut terminate).await;
        tracing::warn!(signal = name, "stopped at once");
        #[expect(clippy::disallowed_methods, reason = "the user cannot wait for main to return")]
        std::process::exit(128 + kind.as_raw_value());
    });
    Ok(token)
}

/// The name and the kind of the next of the two.
async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> (&'static str, SignalKind) {
    tokio::select! {
        _ = interrupt.recv() => ("SIGINT", SignalKind::interrupt()),
        _ = terminate.recv() => ("SIGTERM", SignalKind::terminate()),
    }
}
