//! COPYs that a CancelRequest can stop.
//!
//! Postgres is told of every cancel request too; but while it waits for the rows of a COPY it does
//! not look up, so the relay stops the load itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// The running COPYs by the key of their session (process id and secret).
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancellations {
    running: Arc<Mutex<HashMap<Bytes, CancellationToken>>>,
}

/// A COPY that can be cancelled until this is dropped.
#[derive(Debug)]
pub(crate) struct Cancellable {
    key: Bytes,
    pub(crate) token: CancellationToken,
    registry: Cancellations,
}

impl Cancellations {
    /// Lets cancel requests with `key` stop what now begins.
    pub(crate) fn register(&self, key: Bytes) -> Cancellable {
        let token = CancellationToken::new();
        self.with(|running| running.insert(key.clone(), token.clone()));
        Cancellable { key, token, registry: self.clone() }
    }

    /// What stops the COPY of the session with `key`, if there is one.
    pub(crate) fn running(&self, key: &[u8]) -> Option<CancellationToken> {
        self.with(|running| running.get(key).cloned())
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Bytes, CancellationToken>) -> T) -> T {
        // A map cannot be left half changed, so a poisoned lock is as good as any.
        act(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.registry.with(|running| running.remove(&self.key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_running_copy_with_that_key_is_stopped() {
        let registry = Cancellations::default();
        let one = registry.register(Bytes::from_static(b"one"));
        let two = registry.register(Bytes::from_static(b"two"));
        registry.running(b"one").unwrap().cancel();
        assert!(one.token.is_cancelled() && !two.token.is_cancelled());
        drop(two);
        assert!(registry.running(b"two").is_none() && registry.running(b"three").is_none());
    }
}
