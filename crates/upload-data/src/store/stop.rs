//! What a stop leaves of the time for S3: each call ends soon, and after a while none begins.
//!
//! Knows no call. What was not begun, or was given up, the next run does, as after a kill.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::STOP_GRACE;
use crate::bounded::Bound;

/// How a stop treats a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// S3 answers it at once, if it is well.
    Short,
    /// It takes S3 as long as there are bytes, so it has the whole grace of the stop.
    Copy,
    /// Takes back what would be left behind: begins at any time.
    TakeBack,
}

/// Why a call has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// The program is stopped, and the time is over or S3 is silent.
    NotBegun,
    /// S3 did not answer within this time of the stop.
    Silent(Duration),
}

/// The stop, as S3's calls heed it.
#[derive(Debug)]
pub(super) struct Stop {
    shutdown: CancellationToken,
    /// Ends the grace of the stop.
    bound: Bound,
    grace: Duration,
    /// Whether S3 left a call unanswered since the stop.
    is_silent: AtomicBool,
}

impl Stop {
    /// So long after `shutdown` is cancelled nothing is begun any more.
    pub(super) fn new(shutdown: CancellationToken, grace: Duration) -> Self {
        let bound = Bound::after_stop(&shutdown, grace);
        Self { shutdown, bound, grace, is_silent: AtomicBool::new(false) }
    }

    /// Whether S3 left a call unanswered since the stop: the others would wait as long.
    pub(super) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// What the call gives, unless the program is stopped: then it may not begin, or is waited for
    /// [`STOP_GRACE`] only.
    pub(super) async fn unless_given_up<T>(
        &self,
        kind: Call,
        call: impl Future<Output = T>,
    ) -> Result<T, GivenUp> {
        if kind != Call::TakeBack && (self.is_silent() || self.bound.is_over()) {
            return Err(GivenUp::NotBegun);
        }
        let given_up = async {
            self.shutdown.cancelled().await;
            let short = tokio::time::sleep(STOP_GRACE);
            match kind {
                Call::Short | Call::TakeBack => short.await,
                Call::Copy => {
                    tokio::join!(short, self.bound.over());
                }
            }
        };
        tokio::select! {
            biased;
            outcome = call => Ok(outcome),
            () = given_up => {
                self.is_silent.store(true, Ordering::Relaxed);
                let is_copy = kind == Call::Copy;
                Err(GivenUp::Silent(if is_copy { STOP_GRACE.max(self.grace) } else { STOP_GRACE }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::{Instant, sleep};

    use super::*;

    const GRACE: Duration = Duration::from_secs(20);
    const KINDS: [Call; 3] = [Call::Short, Call::Copy, Call::TakeBack];

    fn stopped() -> Stop {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        Stop::new(shutdown, GRACE)
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_stop_every_call_has_its_time() {
        let stop = Stop::new(CancellationToken::new(), Duration::ZERO);
        for kind in KINDS {
            assert_eq!(stop.unless_given_up(kind, sleep(10 * GRACE)).await, Ok(()), "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_grace_is_over_nothing_begins_but_what_takes_back() {
        let stop = stopped();
        for kind in KINDS {
            assert_eq!(stop.unless_given_up(kind, ready(7)).await, Ok(7), "{kind:?}");
        }
        sleep(GRACE + Duration::from_millis(1)).await;
        for (kind, expected) in [
            (Call::Short, Err(GivenUp::NotBegun)),
            (Call::Copy, Err(GivenUp::NotBegun)),
            (Call::TakeBack, Ok(7)),
        ] {
            assert_eq!(stop.unless_given_up(kind, ready(7)).await, expected, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_calls_that_are_answered_slowly_ends_soon_after_the_grace() {
        let (stop, started) = (stopped(), Instant::now());
        let mut begun = 0;
        while stop.unless_given_up(Call::Copy, sleep(Duration::from_secs(2))).await.is_ok() {
            begun += 1;
            assert!(begun < 1000, "there is no end to it");
        }
        assert!(started.elapsed() <= GRACE + STOP_GRACE, "{:?}", started.elapsed());
        assert!(0 < begun, "healthy calls are answered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_s3_is_waited_for_once() {
        for (kind, waited) in
            [(Call::Short, STOP_GRACE), (Call::Copy, GRACE), (Call::TakeBack, STOP_GRACE)]
        {
            let (stop, started) = (stopped(), Instant::now());
            let silent = stop.unless_given_up(kind, pending::<()>()).await;
            assert_eq!(
                (silent, started.elapsed()),
                (Err(GivenUp::Silent(waited)), waited),
                "{kind:?}"
            );
            let next = stop.unless_given_up(Call::Short, ready(())).await;
            assert_eq!(next, Err(GivenUp::NotBegun), "after {kind:?}");
            assert_eq!(started.elapsed(), waited, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_of_gigabytes_has_the_whole_grace() {
        let copying = sleep(GRACE - Duration::from_millis(1));
        assert_eq!(stopped().unless_given_up(Call::Copy, copying).await, Ok(()));
    }
}
