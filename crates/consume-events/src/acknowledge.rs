//! Deletes messages that are safe elsewhere, and gives back those that are not.
//!
//! Deletes in full batches of ten, several at once. A receipt handle that has expired is no
//! error: the message comes again, and the load removes the double. Whoever calls
//! [`Acknowledger::acknowledge`] vouches that every message is stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::custody::Custody;
use crate::error::CallError;
use crate::queue::{ENTRIES_MAX, EntryFailure, Queue, Receipt};
use crate::retry::Persistence;
use crate::state::Counters;

/// How often an entry is tried that SQS failed without blaming us.
const ATTEMPTS_MAX: u32 = 5;

/// Deletes messages and gives messages back.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledger<Q> {
    queue: Q,
    sqs: Persistence,
    custody: Arc<Custody>,
    counters: Arc<Counters>,
    concurrency: usize,
}

impl<Q: Queue> Acknowledger<Q> {
    /// Makes at most `concurrency` calls at once.
    pub(crate) fn new(
        queue: Q,
        sqs: Persistence,
        custody: Arc<Custody>,
        counters: Arc<Counters>,
        concurrency: usize,
    ) -> Self {
        Self { queue, sqs, custody, counters, concurrency }
    }

    /// Deletes messages whose copy is confirmed.
    ///
    /// # Errors
    /// If SQS refuses to delete at all. What could not be deleted for another reason is logged and
    /// comes again.
    pub(crate) async fn acknowledge(&self, receipt_handles: &[Receipt]) -> Result<(), CallError> {
        let leftovers = Leftovers::default();
        // Every call that has begun is finished, also when another one was refused.
        stream::iter(receipt_handles.chunks(ENTRIES_MAX))
            .for_each_concurrent(self.concurrency, |chunk| async {
                if leftovers.is_refused() || self.sqs.is_over() {
                    return leftovers.add("NotTried", chunk.len());
                }
                let delete = |pending: Vec<Receipt>| async move {
                    self.sqs.call(|| self.queue.delete(&pending)).await
                };
                self.settle_entries(chunk, &leftovers, delete).await;
            })
            .await;
        self.counters.add_not_deleted(leftovers.sum());
        self.counters.add_deleted(receipt_handles.len() - leftovers.sum());
        self.custody.release(receipt_handles);
        leftovers.report()
    }

    /// Makes messages visible again for others, as well as it can: what cannot be given back
    /// returns by itself when its visibility timeout is over.
    pub(crate) async fn give_back(&self, receipt_handles: &[Receipt]) {
        let leftovers = self.show_after(receipt_handles, Duration::ZERO).await;
        let message_count = receipt_handles.len();
        self.counters.add_given_back(message_count - leftovers.sum());
        let is_complete = leftovers.is_empty();
        if is_complete {
            tracing::info!(message_count, is_complete, "messages given back to the queue");
        } else {
            // Not lost: the rest returns when its visibility timeout is over.
            tracing::warn!(message_count, is_complete, "messages given back to the queue");
        }
    }

    /// Gives messages back that nobody shall have before `pause` is over. Called often: says nothing.
    pub(crate) async fn put_off(&self, receipt_handles: &[Receipt], pause: Duration) {
        self.counters.add_put_off(receipt_handles.len());
        self.show_after(receipt_handles, pause).await;
    }

    /// Lets go of messages, which become visible after `pause`.
    async fn show_after(&self, receipt_handles: &[Receipt], pause: Duration) -> Leftovers {
        self.custody.release(receipt_handles);
        let leftovers = Leftovers::default();
        stream::iter(receipt_handles.chunks(ENTRIES_MAX))
            .for_each_concurrent(self.concurrency, |chunk| async {
                if leftovers.is_refused() || self.sqs.is_over() {
                    return leftovers.add("NotTried", chunk.len());
                }
                // A call that fails as a whole is not repeated: giving back does not wait for SQS.
                let show = |pending: Vec<Receipt>| async move {
                    self.sqs.once(self.queue.change_visibility(&pending, pause)).await
                };
                self.settle_entries(chunk, &leftovers, show).await;
            })
            .await;
        leftovers
    }

    /// Calls for `chunk`, and again for the entries of it that SQS failed without blaming us.
    async fn settle_entries<F>(
        &self,
        chunk: &[Receipt],
        leftovers: &Leftovers,
        call: impl Fn(Vec<Receipt>) -> F,
    ) where
        F: Future<Output = Result<Vec<EntryFailure>, CallError>>,
    {
        let mut pending = chunk.to_vec();
        for attempt in 1..=ATTEMPTS_MAX {
            let failures = match call(pending.clone()).await {
                Ok(failures) => failures,
                Err(error) => return leftovers.refuse(error, pending.len()),
            };
            let is_hopeless =
                |failure: &&EntryFailure| failure.sender_fault || attempt == ATTEMPTS_MAX;
            for failure in failures.iter().filter(is_hopeless) {
                leftovers.add(&failure.code, 1);
            }
            let hopeful = failures.iter().filter(|failure| !is_hopeless(failure));
            pending = hopeful.map(|failure| pending[failure.index].clone()).collect();
            if pending.is_empty() {
                return;
            }
            self.sqs.pause(attempt).await;
        }
    }
}

/// What could not be done, and why.
#[derive(Debug, Default)]
struct Leftovers {
    counts: Mutex<BTreeMap<String, usize>>,
    refusal: Mutex<Option<CallError>>,
}

impl Leftovers {
    fn add(&self, code: &str, count: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(code.to_owned()).or_default() += count;
    }

    /// Remembers the first call that failed as a whole.
    fn refuse(&self, error: CallError, count: usize) {
        self.add(if error.is_transient() { "NoAnswer" } else { "Refused" }, count);
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn is_refused(&self) -> bool {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn is_empty(&self) -> bool {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn sum(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Says what is left, and returns the refusal if there was one.
    fn report(self) -> Result<(), CallError> {
        let counts = self.counts.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (code, message_count) in counts {
            tracing::warn!(message_count, code, "messages not acknowledged, they will come again");
        }
        match self.refusal.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) if !error.is_transient() => Err(error),
            _ => Ok(()),
        }
    }
}
