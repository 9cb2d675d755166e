//! Patience with SQS and S3: what is transient is tried again, for as long as somebody wants it.
//!
//! The SDK's own retries are switched off (see [`crate::connect`]), so that one place decides what
//! is tried again and says so: once when an outage begins, once when it is over.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::CallError;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// How long to wait after failure number `failure_count` (from 1): doubling, the upper half of it
/// left to chance, so that many clients do not come back at the same instant.
pub(crate) fn pause_after(failure_count: u32, random: u64) -> Duration {
    let doublings = failure_count.saturating_sub(1).min(16);
    let pause = PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX);
    // The lower 32 bits as a fraction of one.
    let share = (random & 0xFFFF_FFFF) as f64 / (u64::from(u32::MAX) + 1) as f64;
    pause.mul_f64(0.5 + share / 2.0)
}

/// Random bits for a pause.
pub(crate) fn random_bits() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

/// What is known about one service's health, shared by all who call it.
#[derive(Debug)]
pub(crate) struct Outage {
    service: &'static str,
    began_at: Mutex<Option<Instant>>,
}

impl Outage {
    pub(crate) fn new(service: &'static str) -> Self {
        Self { service, began_at: Mutex::new(None) }
    }

    /// Takes note of a failure. The first one of a call is a hiccup; the second one is an outage.
    fn failed(&self, failure_count: u32, error: &CallError) {
        if failure_count < 2 {
            tracing::debug!(service = self.service, %error, "call failed, trying again");
            return;
        }
        let mut began_at = self.began_at.lock().unwrap_or_else(PoisonError::into_inner);
        if began_at.is_none() {
            *began_at = Some(Instant::now());
            tracing::warn!(service = self.service, %error, "service unavailable, trying on");
        }
    }

    /// Takes note of an answer.
    fn answered(&self) {
        let ended = self.began_at.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(began_at) = ended {
            let seconds = began_at.elapsed().as_secs_f64();
            tracing::info!(service = self.service, seconds, "service available again");
        }
    }
}

/// Calls again until an answer comes, the failure is for good, or `give_up` is cancelled.
///
/// A call that has begun is never cancelled; only the pauses between calls are cut short.
#[derive(Debug, Clone)]
pub(crate) struct Persistence {
    outage: std::sync::Arc<Outage>,
    give_up: CancellationToken,
}

impl Persistence {
    pub(crate) fn new(outage: std::sync::Arc<Outage>, give_up: CancellationToken) -> Self {
        Self { outage, give_up }
    }

    pub(crate) async fn call<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut failure_count = 0;
        loop {
            let error = match attempt().await {
                Ok(answer) => {
                    self.outage.answered();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if !error.is_transient() || self.give_up.is_cancelled() {
                return Err(error);
            }
            failure_count += 1;
            self.outage.failed(failure_count, &error);
            self.pause(failure_count).await;
        }
    }

    /// The pause after failure number `failure_count`, cut short by `give_up`.
    pub(crate) async fn pause(&self, failure_count: u32) {
        let pause = pause_after(failure_count, random_bits());
        self.give_up.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_grow_to_their_ceiling_and_never_beyond(failure_count: u32, random: u64) {
            let pause = pause_after(failure_count, random);
            prop_assert!(PAUSE_MIN / 2 <= pause && pause <= PAUSE_MAX);
            prop_assert!(pause_after(failure_count, 0) <= pause_after(failure_count, u64::MAX));
        }
    }

    #[test]
    fn the_pause_doubles() {
        let shortest: Vec<u128> = (1..=4).map(|count| pause_after(count, 0).as_millis()).collect();
        assert_eq!(shortest, [50, 100, 200, 400]);
    }
}
