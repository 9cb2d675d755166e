//! The moments after which no more is tried.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Cancels a token some time after something has happened. Dropping it calls that off.
#[derive(Debug)]
pub(crate) struct Ceiling {
    timer: JoinHandle<()>,
}

impl Ceiling {
    pub(crate) fn start(
        begin: impl Future<Output = ()> + Send + 'static,
        delay: Duration,
        token: CancellationToken,
    ) -> Self {
        let timer = tokio::spawn(async move {
            begin.await;
            tokio::time::sleep(delay).await;
            token.cancel();
        });
        Self { timer }
    }
}

impl Drop for Ceiling {
    fn drop(&mut self) {
        self.timer.abort();
    }
}
