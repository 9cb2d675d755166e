//! Decides when a batch is closed.
//!
//! Knows neither SQS nor the clock: the caller says how much a batch holds and how old it is.

use std::time::Duration;

/// When a batch closes: at whichever bound it reaches first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Events, at least as many as one receive can bring.
    pub events_max: usize,
    /// Bytes before compression, line feeds included. Only a single receive that alone is larger
    /// may exceed it.
    pub bytes_max: usize,
    /// Age since the first event came in.
    pub age_max: Duration,
}

/// How much a batch, or what is about to be added to it, holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    /// Events.
    pub event_count: usize,
    /// Bytes before compression, line feeds included.
    pub bytes: usize,
}

impl Fill {
    /// Both together.
    pub fn plus(self, more: Fill) -> Fill {
        Fill { event_count: self.event_count + more.event_count, bytes: self.bytes + more.bytes }
    }
}

/// Why a batch was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It reached its bound of events or bytes.
    Full,
    /// It reached its age.
    Old,
    /// The queue looks empty, and somebody waits for the end (`--until-empty`).
    Flushed,
    /// The program stops.
    Stopped,
    /// S3 refused the beginning of its object.
    Failed,
}

impl CloseReason {
    /// For logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Old => "old",
            Self::Flushed => "flushed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

impl BatchLimits {
    /// Whether a batch that holds `fill` takes `more`. An empty batch takes anything.
    pub fn admit(&self, fill: Fill, more: Fill) -> bool {
        let sum = fill.plus(more);
        fill == Fill::default()
            || (sum.event_count <= self.events_max && sum.bytes <= self.bytes_max)
    }

    /// Whether a batch of this fill and age closes now, and why.
    pub fn judge(&self, fill: Fill, age: Duration) -> Option<CloseReason> {
        if self.events_max <= fill.event_count || self.bytes_max <= fill.bytes {
            return Some(CloseReason::Full);
        }
        if self.age_max <= age {
            return Some(CloseReason::Old);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: BatchLimits =
        BatchLimits { events_max: 20, bytes_max: 1_000, age_max: Duration::from_secs(60) };

    #[test]
    fn a_batch_closes_at_the_first_bound_it_reaches() {
        for (event_count, bytes, age, expected) in [
            (1, 10, 0, None),
            (19, 999, 59, None),
            (20, 10, 0, Some(CloseReason::Full)),
            (1, 1_000, 0, Some(CloseReason::Full)),
            (1, 10, 60, Some(CloseReason::Old)),
            (20, 1_000, 60, Some(CloseReason::Full)),
        ] {
            let fill = Fill { event_count, bytes };
            let closed = LIMITS.judge(fill, Duration::from_secs(age));
            assert_eq!(closed, expected, "{fill:?} {age}");
        }
    }

    #[test]
    fn only_an_empty_batch_takes_more_than_the_bound() {
        let huge = Fill { event_count: 1, bytes: 5_000 };
        assert!(LIMITS.admit(Fill::default(), huge));
        assert!(!LIMITS.admit(Fill { event_count: 1, bytes: 1 }, huge));
        let exactly = Fill { event_count: 1, bytes: 1 };
        assert!(LIMITS.admit(Fill { event_count: 19, bytes: 999 }, exactly));
    }

    proptest! {
        /// What the collector does with these two functions, in the small.
        #[test]
        fn every_event_ends_in_one_batch_within_its_bounds(
            portions in prop::collection::vec((1_usize..=10, 1_usize..=600), 0..200),
        ) {
            let mut closed: Vec<(Fill, usize)> = Vec::new();
            let (mut fill, mut portion_count) = (Fill::default(), 0);
            for &(event_count, bytes) in &portions {
                let more = Fill { event_count, bytes };
                if !LIMITS.admit(fill, more) {
                    closed.push((std::mem::take(&mut fill), std::mem::take(&mut portion_count)));
                }
                fill = fill.plus(more);
                portion_count += 1;
                if LIMITS.judge(fill, Duration::ZERO).is_some() {
                    closed.push((std::mem::take(&mut fill), std::mem::take(&mut portion_count)));
                }
            }
            closed.push((fill, portion_count));
            for (fill, portion_count) in &closed {
                prop_assert!(fill.event_count <= LIMITS.events_max);
                prop_assert!(fill.bytes <= LIMITS.bytes_max || *portion_count == 1);
            }
            let sum = closed.iter().fold(Fill::default(), |sum, (fill, _)| sum.plus(*fill));
            prop_assert_eq!(sum.event_count, portions.iter().map(|it| it.0).sum::<usize>());
            prop_assert_eq!(sum.bytes, portions.iter().map(|it| it.1).sum::<usize>());
        }
    }
}
