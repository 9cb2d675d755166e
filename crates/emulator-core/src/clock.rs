//! A clock that can be moved forward.
//!
//! Emulators read the time only here, so that a test or a user can make an hour pass in no time.
//! The pure cores do not even know this type: they are handed `now`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The wall clock plus an offset that only grows. Clones share the offset.
#[derive(Debug, Clone)]
pub struct Clock {
    offset: watch::Sender<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { offset: watch::Sender::new(Duration::ZERO) }
    }
}

impl Clock {
    /// Milliseconds since the Unix epoch, offset included.
    pub fn now_ms(&self) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from((wall + *self.offset.borrow()).as_millis()).unwrap_or(u64::MAX)
    }

    /// How far this clock is ahead of the wall clock.
    pub fn offset(&self) -> Duration {
        *self.offset.borrow()
    }

    /// Moves the clock forward and wakes everybody who waits in [`Clock::sleep_until_ms`].
    pub fn advance(&self, by: Duration) {
        self.offset.send_modify(|offset| *offset = offset.saturating_add(by));
    }

    /// Returns once [`Clock::now_ms`] has reached `at_ms`, be it by waiting or by being moved.
    pub async fn sleep_until_ms(&self, at_ms: u64) {
        let mut moved = self.offset.subscribe();
        loop {
            let now_ms = self.now_ms();
            if at_ms <= now_ms {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(at_ms - now_ms)) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moved_clock_wakes_its_sleepers() {
        let clock = Clock::default();
        let wake_at_ms = clock.now_ms() + 3_600_000;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until_ms(wake_at_ms).await }
        });
        clock.advance(Duration::from_secs(3_601));
        tokio::time::timeout(Duration::from_secs(5), sleeper)
            .await
            .expect("the sleeper wakes when the clock is moved")
            .expect("the sleeper does not panic");
        assert!(wake_at_ms <= clock.now_ms());
    }
}
