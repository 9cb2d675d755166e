//! Removes the containers of a stack, however it ends.
//!
//! Works from a drop within any runtime or none, in a panic, and from a thread that waits for
//! signals: it always opens a connection to the daemon of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::docker;
use super::owner::{OWNER_LABEL, Owner, STACK_LABEL};

/// How long a container whose making was asked for may take to be listed. A stack that ends while it
/// starts has such requests under way.
const LISTED_WITHIN: Duration = Duration::from_secs(3);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whether a signal is ending this process.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// The containers of one stack. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Cleaner {
    stack: String,
    is_done: bool,
    /// Whether all that was asked for is there.
    is_started: Arc<AtomicBool>,
}

impl Cleaner {
    /// For containers that are yet to be started with [`Cleaner::labels`].
    pub(super) fn new(heeds_signals: bool) -> Self {
        let stack = uuid::Uuid::new_v4().simple().to_string();
        let is_started = Arc::<AtomicBool>::default();
        if heeds_signals {
            LazyLock::force(&WATCH);
            watched().insert(stack.clone(), is_started.clone());
        }
        Self { stack, is_done: false, is_started }
    }

    /// Whether a container may still be asked for: not once a signal ends this process.
    pub(super) fn may_start() -> bool {
        !IS_ENDING.load(Ordering::SeqCst)
    }

    /// No more containers are asked for.
    pub(super) fn all_started(&self) {
        self.is_started.store(true, Ordering::SeqCst);
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
        remove(&self.stack, self.is_started.load(Ordering::SeqCst)).await;
        watched().remove(&self.stack);
        self.is_done = true;
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let (stack, is_started) = (self.stack.clone(), self.is_started.load(Ordering::SeqCst));
        // A runtime that is there may be busy waiting for this very drop.
        let removal = std::thread::spawn(move || {
            block_on(async move { remove(&stack, is_started).await });
        });
        let _ = removal.join();
        watched().remove(&self.stack);
    }
}

async fn remove(stack: &str, is_started: bool) {
    let docker = match docker::connect().await {
        Ok(docker) => docker,
        Err(error) => return tracing::warn!(%error, stack, "containers not removed"),
    };
    let since = Instant::now();
    loop {
        docker::remove_labelled(&docker, &format!("{STACK_LABEL}={stack}")).await;
        if is_started || LISTED_WITHIN <= since.elapsed() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => tracing::warn!(%error, "containers not removed"),
    }
}

/// The stacks that a signal ends, and whether they are all there.
fn watched() -> MutexGuard<'static, BTreeMap<String, Arc<AtomicBool>>> {
    static WATCHED: Mutex<BTreeMap<String, Arc<AtomicBool>>> = Mutex::new(BTreeMap::new());
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that waits for signals for as long as this process lives.
static WATCH: LazyLock<()> = LazyLock::new(|| match Signals::new([SIGINT, SIGQUIT, SIGTERM]) {
    Ok(mut signals) => {
        std::thread::spawn(move || {
            for signal in signals.forever() {
                IS_ENDING.store(true, Ordering::SeqCst);
                let stacks = watched().clone();
                block_on(async {
                    for (stack, is_started) in &stacks {
                        remove(stack, is_started.load(Ordering::SeqCst)).await;
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
