//! Places that do not work are passed by for a while, and tried again now and then.
//!
//! Malformed messages have two places, the dead-letter queue and the bucket. Neither is worth a
//! wait that valid events would have to share, so whoever finds one closed goes on at once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often a closed place is tried.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// How often the same thing is said.
const SAY_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct Closure {
    since: Instant,
    tried_at: Instant,
}

/// Whether a place is worth trying, for all who might.
#[derive(Debug, Default)]
pub(crate) struct Detour {
    closure: Mutex<Option<Closure>>,
}

impl Detour {
    /// Whether to try the place: always while it is open, one in ten seconds while it is closed.
    pub(crate) fn may_try(&self) -> bool {
        let mut closure = self.lock();
        let Some(closure) = closure.as_mut() else { return true };
        let is_due = TRY_EVERY <= closure.tried_at.elapsed();
        if is_due {
            closure.tried_at = Instant::now();
        }
        is_due
    }

    /// It does not work.
    pub(crate) fn close(&self) {
        let now = Instant::now();
        let mut closure = self.lock();
        let since = closure.map_or(now, |closure| closure.since);
        *closure = Some(Closure { since, tried_at: now });
    }

    /// It works; returns for how long it did not, if it was closed.
    pub(crate) fn open(&self) -> Option<Duration> {
        self.lock().take().map(|closure| closure.since.elapsed())
    }

    /// For how long it has been closed.
    pub(crate) fn closed_for(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |closure| closure.since.elapsed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Closure>> {
        self.closure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is said once a minute at most.
#[derive(Debug, Default)]
pub(crate) struct Reminder {
    said_at: Mutex<Option<Instant>>,
}

impl Reminder {
    /// Whether to say it now.
    pub(crate) fn is_due(&self) -> bool {
        let mut said_at = self.said_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = said_at.is_none_or(|said_at| SAY_EVERY <= said_at.elapsed());
        if is_due {
            *said_at = Some(Instant::now());
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_closed_place_is_tried_by_one_in_ten_seconds_until_it_works() {
        let detour = Detour::default();
        assert!(detour.may_try() && detour.may_try());
        for _ in 0..3 {
            detour.close();
            tokio::time::advance(TRY_EVERY / 2).await;
            assert!(!detour.may_try());
            tokio::time::advance(TRY_EVERY / 2).await;
            assert!(detour.may_try(), "its time has come");
            assert!(!detour.may_try(), "one is enough");
        }
        assert_eq!(detour.closed_for(), TRY_EVERY * 3);
        assert_eq!(detour.open(), Some(TRY_EVERY * 3));
        assert!(detour.may_try() && detour.may_try());
        assert_eq!((detour.closed_for(), detour.open()), (Duration::ZERO, None));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_twice_in_a_minute() {
        let reminder = Reminder::default();
        assert!(reminder.is_due() && !reminder.is_due());
        tokio::time::advance(SAY_EVERY).await;
        assert!(reminder.is_due());
    }
}
