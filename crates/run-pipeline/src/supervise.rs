//! Keeps one part running: starts it again when it fails, later each time, and gives up when it
//! fails again and again within a minute.

use std::collections::VecDeque;
use std::time::Duration;

use runtime::failure;
use runtime::metrics::{Counter, Health, Metrics};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// When to give up.
const WITHIN: Duration = Duration::from_secs(60);

/// The pause before the first restart; each further one within [`WITHIN`] is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start the part again after this pause.
    Restart(Duration),
    /// Starting it again is no use.
    GiveUp,
}

/// How often a part failed lately.
#[derive(Debug, Clone)]
pub struct Failures {
    failures_max: usize,
    recent: VecDeque<Instant>,
}

impl Failures {
    /// Gives up at the `failures_max`-th failure within a minute; at least 1.
    pub fn new(failures_max: usize) -> Self {
        Self { failures_max: failures_max.max(1), recent: VecDeque::new() }
    }

    /// Counts a failure at `now`.
    pub fn judge(&mut self, now: Instant) -> Verdict {
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| WITHIN < now.duration_since(*first)) {
            self.recent.pop_front();
        }
        if self.failures_max <= self.recent.len() {
            return Verdict::GiveUp;
        }
        let doublings = u32::try_from(self.recent.len() - 1).unwrap_or(u32::MAX);
        let pause = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(doublings));
        Verdict::Restart(pause.min(PAUSE_MAX))
    }
}

/// What one part is known by.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its program's name.
    pub name: &'static str,
    /// Failing while it waits for its restart.
    pub health: Health,
    /// How often it was started again.
    pub restarts: Counter,
}

impl Part {
    /// A part of a process with these metrics; `health` is the part's own.
    pub fn new(name: &'static str, metrics: &Metrics, health: Health) -> Self {
        let restarts = metrics.part(name).counter("restarts_total", "Restarts after a failure");
        Self { name, health, restarts }
    }
}

/// Runs a part until it ends well or `stop` is cancelled; answers with the result of
/// the run that ended well.
///
/// # Errors
/// The last failure, if it failed `failures_max` times within a minute, or while it was being
/// stopped.
pub async fn keep_running<T, Start, Run>(
    part: &Part,
    failures_max: usize,
    stop: &CancellationToken,
    mut start: Start,
) -> anyhow::Result<T>
where
    Start: FnMut() -> Run,
    Run: Future<Output = anyhow::Result<T>>,
{
    let mut failures = Failures::new(failures_max);
    loop {
        let started = Instant::now();
        let error = match start().await {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let shown = format!("{error:#}");
        let hint = failure::hint(&error);
        let ran_seconds = started.elapsed().as_secs();
        match failures.judge(Instant::now()) {
            _ if stop.is_cancelled() => return Err(error),
            Verdict::GiveUp => {
                tracing::error!(part = part.name, error = shown, hint, "part given up");
                part.health.failing(format!("given up: {shown}"));
                return Err(error);
            }
            Verdict::Restart(pause) => {
                tracing::error!(
                    part = part.name,
                    error = shown,
                    hint,
                    ran_seconds,
                    ?pause,
                    "part failed; it is started again"
                );
                part.health.failing(shown);
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return Err(error);
                }
                part.restarts.add(1);
                part.health.ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::bail;

    use super::*;

    #[test]
    fn pauses_double_and_the_third_failure_within_a_minute_is_the_last() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut failures = Failures::new(3);
        assert_eq!(failures.judge(at(0)), Verdict::Restart(Duration::from_secs(1)));
        assert_eq!(failures.judge(at(30)), Verdict::Restart(Duration::from_secs(2)));
        // The first one is forgotten.
        assert_eq!(failures.judge(at(61)), Verdict::Restart(Duration::from_secs(2)));
        assert_eq!(failures.judge(at(62)), Verdict::GiveUp);
        let mut failures = Failures::new(100);
        let last = (0..20).map(|second| failures.judge(at(second))).last();
        assert_eq!(last, Some(Verdict::Restart(PAUSE_MAX)));
        assert_eq!(Failures::new(0).judge(start), Verdict::GiveUp);
    }

    /// Runs a part whose n-th start is `run(n)`.
    async fn keep(
        stop: &CancellationToken,
        run: impl Fn(u32) -> anyhow::Result<u32>,
    ) -> (anyhow::Result<u32>, u32, Part, Duration) {
        let part = Part::new(
            "upload-data",
            &Metrics::new("run-pipeline"),
            Health::new().part("upload-data"),
        );
        let count = Cell::new(0);
        let started = Instant::now();
        let outcome = keep_running(&part, 3, stop, || {
            count.set(count.get() + 1);
            std::future::ready(run(count.get()))
        });
        let outcome = outcome.await;
        (outcome, count.get(), part, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_fails_twice_and_then_works_goes_on() {
        let stop = CancellationToken::new();
        let (outcome, count, part, took) = keep(&stop, |count| match count {
            1 | 2 => bail!("no route"),
            _ => Ok(7),
        })
        .await;
        assert_eq!(outcome.unwrap(), 7);
        assert_eq!((count, part.restarts.get(), took.as_secs()), (3, 2, 3));
        assert_eq!(part.health.reason(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_fails_again_and_again_is_given_up() {
        let (outcome, count, part, _) =
            keep(&CancellationToken::new(), |_| bail!("no queue")).await;
        assert_eq!(outcome.unwrap_err().to_string(), "no queue");
        assert_eq!(count, 3);
        let reason = part.health.reason();
        assert_eq!(reason.as_deref(), Some("upload-data: given up: no queue"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_wait_for_a_restart() {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stopping.cancel();
        });
        let (outcome, count, _, took) = keep(&stop, |_| bail!("no queue")).await;
        assert!(outcome.is_err());
        assert_eq!((count, took.as_millis()), (1, 500));
    }
}
