//! When messages are due.
//!
//! Knows no clock: the caller says how much time has passed. Gaps between messages are random,
//! evenly spread from 0 to twice the average, as the prototype's are; they come from a seed.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How long due messages may wait for others, so that they share a batch.
pub const GATHERING: Duration = Duration::from_millis(20);

/// A schedule of messages without end.
#[derive(Debug)]
pub struct Pace {
    random: ChaCha8Rng,
    gap_max: f64,
    next_due: Duration,
    flat_out: bool,
}

impl Pace {
    /// A schedule of `rate` messages per second on average; `rate` is above 0. With `flat_out`
    /// every message is due at once, but keeps its place in the schedule.
    pub fn new(seed: u64, rate: f64, flat_out: bool) -> Pace {
        let gap_max = (2.0 / rate).min(Duration::MAX.as_secs_f64() / 4.0);
        let random = ChaCha8Rng::seed_from_u64(seed);
        let mut pace = Pace { random, gap_max, next_due: Duration::ZERO, flat_out };
        pace.advance();
        pace
    }

    /// Takes the next message if it is due once `elapsed` has passed since the start. Answers with
    /// the message's own place in the schedule.
    pub fn take_due(&mut self, elapsed: Duration) -> Option<Duration> {
        if !self.flat_out && elapsed < self.next_due {
            return None;
        }
        let due = self.next_due;
        self.advance();
        Some(due)
    }

    /// When to look again, counted from the start, after `elapsed` has passed: when the next
    /// message is due, but not before some could have gathered.
    pub fn wake_at(&self, elapsed: Duration) -> Duration {
        if self.flat_out { elapsed } else { self.next_due.max(elapsed + GATHERING) }
    }

    fn advance(&mut self) {
        let gap = self.random.random::<f64>() * self.gap_max;
        self.next_due = self.next_due.saturating_add(Duration::from_secs_f64(gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(pace: &mut Pace, elapsed: Duration) -> Vec<Duration> {
        std::iter::from_fn(|| pace.take_due(elapsed)).collect()
    }

    #[test]
    fn the_rate_is_kept_on_average() {
        for rate in [0.5, 10.0, 5_000.0] {
            let seconds = 20_000.0 / rate;
            let due = take_all(&mut Pace::new(7, rate, false), Duration::from_secs_f64(seconds));
            assert!((19_600..20_400).contains(&due.len()), "{rate}: {}", due.len());
        }
    }

    #[test]
    fn gaps_spread_evenly_from_nothing_to_twice_the_average() {
        let due = take_all(&mut Pace::new(7, 10.0, false), Duration::from_secs(1_000));
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        assert!(gaps.iter().all(|gap| (0.0..0.2).contains(gap)));
        let below = |limit: f64| gaps.iter().filter(|gap| **gap < limit).count() * 100 / gaps.len();
        assert!((22..=28).contains(&below(0.05)), "{}", below(0.05));
        assert!((72..=78).contains(&below(0.15)), "{}", below(0.15));
    }

    #[test]
    fn nothing_is_due_early_and_nothing_is_lost_by_looking_late() {
        let mut often = Pace::new(3, 100.0, false);
        let mut seldom = Pace::new(3, 100.0, false);
        let mut taken = Vec::new();
        for step in 0..1_000 {
            let elapsed = Duration::from_millis(step * 10);
            let due = take_all(&mut often, elapsed);
            assert!(due.iter().all(|due| *due <= elapsed));
            taken.extend(due);
        }
        assert_eq!(taken, take_all(&mut seldom, Duration::from_millis(9_990)));
    }

    #[test]
    fn flat_out_keeps_the_schedule_but_not_the_pauses() {
        let mut paced = Pace::new(3, 10.0, false);
        let mut flat_out = Pace::new(3, 10.0, true);
        let due = take_all(&mut paced, Duration::from_secs(10));
        for due in due {
            assert_eq!(flat_out.take_due(Duration::ZERO), Some(due));
        }
        assert_eq!(flat_out.wake_at(Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn messages_gather_before_the_next_look() {
        let pace = Pace::new(3, 10_000.0, false);
        assert_eq!(pace.wake_at(Duration::ZERO), GATHERING);
        let slow = Pace::new(3, 0.01, false);
        assert!(GATHERING < slow.wake_at(Duration::ZERO));
    }

    #[test]
    fn extreme_rates_do_not_panic() {
        for rate in [f64::MIN_POSITIVE, 1e-300, 1e300, f64::MAX] {
            let mut pace = Pace::new(3, rate, false);
            for _ in 0..100 {
                pace.take_due(Duration::MAX);
            }
            pace.wake_at(Duration::from_secs(1));
        }
    }
}
