//! How many messages this process may hold: received, but neither deleted nor given back.
//!
//! A standard queue hands out about 120,000 messages and then, without an error, none (SQS
//! Developer Guide, "In-flight messages"); one process must not use that up alone. The bound is
//! also what keeps memory flat while S3 is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages that one process holds at most.
pub(crate) const IN_FLIGHT_MAX: usize = 40_000;

/// The bound, and how many messages are held.
#[derive(Debug)]
pub(crate) struct InFlight {
    slots: Arc<Semaphore>,
    held: Arc<AtomicUsize>,
}

impl InFlight {
    pub(crate) fn new(max: usize) -> Self {
        Self { slots: Arc::new(Semaphore::new(max)), held: Arc::default() }
    }

    /// Waits until `count` more messages may be held.
    pub(crate) async fn reserve(&self, count: u32) -> Slots {
        let slots = Arc::clone(&self.slots);
        let permit = slots.acquire_many_owned(count).await.expect("nobody closes the semaphore");
        Slots { permit, held: Arc::clone(&self.held) }
    }

    /// Messages held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Acquire)
    }
}

/// Room for messages that are about to be received.
#[derive(Debug)]
pub(crate) struct Slots {
    permit: OwnedSemaphorePermit,
    held: Arc<AtomicUsize>,
}

impl Slots {
    /// Turns room for `count` messages, of those that were reserved, into messages held.
    pub(crate) fn hold(mut self, count: usize) -> Held {
        let permit = self.permit.split(count.min(self.permit.num_permits()));
        let permit = permit.expect("split takes no more than there is");
        self.held.fetch_add(permit.num_permits(), Ordering::AcqRel);
        Held { permit, held: Arc::clone(&self.held) }
    }
}

/// Messages that are held; dropping it says that they no longer are.
#[derive(Debug)]
pub(crate) struct Held {
    permit: OwnedSemaphorePermit,
    held: Arc<AtomicUsize>,
}

impl Held {
    /// Takes `count` of these messages out, or as many as there are.
    pub(crate) fn split(&mut self, count: usize) -> Held {
        let permit = self.permit.split(count.min(self.permit.num_permits()));
        let permit = permit.expect("split takes no more than there is");
        Held { permit, held: Arc::clone(&self.held) }
    }

    /// Puts `more` to these.
    pub(crate) fn merge(&mut self, mut more: Held) {
        let permit = more.permit.split(more.permit.num_permits());
        self.permit.merge(permit.expect("split takes no more than there is"));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.permit.num_permits(), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_split_and_merged_is_released_once() {
        let in_flight = InFlight::new(20);
        let mut held = in_flight.reserve(10).await.hold(7);
        assert_eq!((in_flight.held(), in_flight.slots.available_permits()), (7, 13));
        let part = held.split(3);
        drop(held);
        assert_eq!((in_flight.held(), in_flight.slots.available_permits()), (3, 17));
        let mut rest = in_flight.reserve(10).await.hold(2);
        rest.merge(part);
        assert_eq!(in_flight.held(), 5);
        drop(rest);
        assert_eq!((in_flight.held(), in_flight.slots.available_permits()), (0, 20));
    }
}
