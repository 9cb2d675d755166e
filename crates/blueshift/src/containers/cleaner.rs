//! Removes the containers of a stack, however it ends.
//!
//! Works from a drop within any runtime or none, in a panic, and from a thread that waits for
//! signals: it always opens a connection to the daemon of its own.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::docker;
use super::owner::{OWNER_LABEL, Owner, STACK_LABEL};

/// The containers of one stack. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Cleaner {
    stack: String,
    is_done: bool,
}

impl Cleaner {
    /// For containers that are yet to be started with [`Cleaner::labels`].
    pub(super) fn new(heeds_signals: bool) -> Self {
        let stack = uuid::Uuid::new_v4().simple().to_string();
        if heeds_signals {
            LazyLock::force(&WATCH);
            watched().insert(stack.clone());
        }
        Self { stack, is_done: false }
    }

    /// What the stack's containers are known by.
    pub(super) fn labels(&self) -> [(String, String); 2] {
        [
            (OWNER_LABEL.to_owned(), Owner::this().to_string()),
            (STACK_LABEL.to_owned(), self.stack.clone()),
        ]
    }

    /// Removes the containers.
    pub(super) async fn clean(&mut self) {
        remove(&self.stack).await;
        watched().remove(&self.stack);
        self.is_done = true;
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let stack = self.stack.clone();
        // A runtime that is there may be busy waiting for this very drop.
        let removal = std::thread::spawn(move || block_on(async move { remove(&stack).await }));
        let _ = removal.join();
        watched().remove(&self.stack);
    }
}

async fn remove(stack: &str) {
    match docker::connect().await {
        Ok(docker) => docker::remove_labelled(&docker, &format!("{STACK_LABEL}={stack}")).await,
        Err(error) => tracing::warn!(%error, stack, "containers not removed"),
    }
}

fn block_on(future: impl Future<Output = ()>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => tracing::warn!(%error, "containers not removed"),
    }
}

/// The stacks that a signal ends.
fn watched() -> MutexGuard<'static, BTreeSet<String>> {
    static WATCHED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that waits for signals for as long as this process lives.
static WATCH: LazyLock<()> = LazyLock::new(|| match Signals::new([SIGINT, SIGQUIT, SIGTERM]) {
    Ok(mut signals) => {
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let stacks = watched().clone();
                block_on(async {
                    for stack in &stacks {
                        remove(stack).await;
                    }
                });
                // Ends this process as the signal would have done.
                if let Err(error) = emulate_default_handler(signal) {
                    tracing::warn!(%error, signal, "signal not passed on");
                }
            }
        });
    }
    Err(error) => tracing::warn!(%error, "signals will leave containers behind"),
});
