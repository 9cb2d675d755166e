//! Ids of messages, queues and requests.
//!
//! A v4 UUID per message straight from the system costs a system call each; these are drawn from
//! one random seed instead. They look random and are unique, but are no secret.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// An odd constant close to 2^64 / golden ratio: successive multiples of it are well spread.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Draws ids; shared by all connections.
#[derive(Debug)]
pub(crate) struct Ids {
    seed: (u64, u64),
    drawn: AtomicU64,
}

impl Ids {
    /// Ids that depend on nothing but `seed` and how many were drawn before.
    pub(crate) fn new(seed: Uuid) -> Self {
        Self { seed: seed.as_u64_pair(), drawn: AtomicU64::new(0) }
    }

    /// The next id, in the form of a version 4 UUID.
    pub(crate) fn uuid(&self) -> Uuid {
        let position = self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        let high = mixed(self.seed.0.wrapping_add(position));
        let low = mixed(self.seed.1.wrapping_add(position));
        let bytes = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// The next id as a number.
    pub(crate) fn number(&self) -> u64 {
        self.uuid().as_u64_pair().0
    }
}

/// Maps each number to another one, neighbours far apart (the finalizer of SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_version_4_uuids() {
        let ids = Ids::new(Uuid::nil());
        let drawn: HashSet<Uuid> = (0..10_000).map(|_| ids.uuid()).collect();
        assert_eq!(10_000, drawn.len());
        assert!(drawn.iter().all(|id| id.get_version_num() == 4));
    }
}
