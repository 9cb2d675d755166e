//! Whether to wait or to run, decided without a clock: the caller passes `now`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Schedule;

/// How far the clock may go back (NTP, a second look) before it counts as set back.
const CLOCK_BACK_MAX: SignedDuration = SignedDuration::from_secs(60);

/// Up to so many missed times are counted one by one.
const SKIPPED_MAX: u64 = 10_000;

/// One time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When the run should begin.
    pub due_at: Timestamp,
    /// How much later it begins.
    pub late: Duration,
    /// Earlier times that fell due meanwhile and get no run of their own.
    pub skipped_count: u64,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing for so long.
    Wait(Duration),
    /// A run.
    Run(Tick),
    /// Nothing any more.
    Never,
}

/// Goes through the times of a schedule.
#[derive(Debug)]
pub(super) struct Ticker<'a> {
    schedule: &'a Schedule,
    /// Everything up to here has had its run.
    done_until: Timestamp,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(schedule: &'a Schedule, now: Timestamp) -> Self {
        Self { schedule, done_until: now }
    }

    pub(super) fn step(&mut self, now: Timestamp) -> Step {
        if now + CLOCK_BACK_MAX < self.done_until {
            tracing::warn!(%now, was = %self.done_until, "the clock was set back");
            self.done_until = now;
        }
        let Some(next) = self.schedule.next_after(self.done_until) else { return Step::Never };
        if now < next {
            return Step::Wait(between(now, next));
        }
        let due_at = self.schedule.last_until(now).unwrap_or(next).max(next);
        let times = std::iter::successors(Some(next), |time| self.schedule.next_after(*time));
        let skipped = times.take_while(|time| *time < due_at).take(SKIPPED_MAX as usize).count();
        self.done_until = due_at;
        Step::Run(Tick { due_at, late: between(due_at, now), skipped_count: skipped as u64 })
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> Timestamp {
        format!("2026-01-01T{time}Z").parse().expect("a time")
    }

    #[test]
    fn what_fell_due_meanwhile_runs_once_for_the_latest() {
        let schedule = Schedule::new("*/5 * * * *".parse().expect("cron"), Default::default());
        let mut ticker = Ticker::new(&schedule, at("10:00:00"));
        assert_eq!(ticker.step(at("10:00:00")), Step::Wait(Duration::from_secs(300)));
        assert_eq!(ticker.step(at("10:04:59.5")), Step::Wait(Duration::from_millis(500)));
        let on_time = Tick { due_at: at("10:05:00"), late: Duration::ZERO, skipped_count: 0 };
        assert_eq!(ticker.step(at("10:05:00")), Step::Run(on_time));
        assert_eq!(ticker.step(at("10:05:00")), Step::Wait(Duration::from_secs(300)));
        // The laptop was asleep.
        let late = Duration::from_secs(61);
        let once = Tick { due_at: at("11:00:00"), late, skipped_count: 10 };
        assert_eq!(ticker.step(at("11:01:01")), Step::Run(once));
        assert_eq!(ticker.step(at("11:01:01")), Step::Wait(Duration::from_secs(239)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_the_schedule() {
        let schedule = Schedule::new("*/5 * * * *".parse().expect("cron"), Default::default());
        let mut ticker = Ticker::new(&schedule, at("10:00:00"));
        assert!(matches!(ticker.step(at("10:05:00")), Step::Run(_)));
        // A little is waited for, or a tick would run twice.
        assert_eq!(ticker.step(at("10:04:30")), Step::Wait(Duration::from_secs(330)));
        assert_eq!(ticker.step(at("09:03:00")), Step::Wait(Duration::from_secs(120)));
        assert!(matches!(ticker.step(at("09:05:00")), Step::Run(_)));
    }
}
