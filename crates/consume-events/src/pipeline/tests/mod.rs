//! The law of the crate, proven against a queue and a store in memory.
//!
//! The fakes hold it themselves: a delete whose message is in no stored object and no accepted
//! dead letter panics, in every test. Time is tokio's paused one, so nothing here waits.

mod everything_fails;
mod fake_store;
mod fakes;
mod large_objects;
mod outages;
mod patience;
mod places;
mod rejected;
mod stopping;
mod until_empty;
