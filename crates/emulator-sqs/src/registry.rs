//! All queues by name, each behind its own lock, and the waking of long polls.
//!
//! Locks are held for one call of the queue machine and never across an `await`; two queues are
//! never locked at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::error::SqsError;
use crate::queue::Queue;

/// A queue that connections share.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    pub(crate) name: String,
    pub(crate) arn: Arc<str>,
    machine: Mutex<Queue>,
    changed: Notify,
}

impl SharedQueue {
    pub(crate) fn new(name: &str, arn: String, queue: Queue) -> Self {
        let (machine, changed) = (Mutex::new(queue), Notify::new());
        Self { name: name.to_owned(), arn: arn.into(), machine, changed }
    }

    /// Runs `change` alone on the queue, then wakes the long polls it concerns:
    /// - one, if there is something to receive; it wakes the next one when it has received;
    /// - all, if something will be due earlier than they know, or if the queue was deleted.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> Result<T, SqsError> {
        let mut queue = self.lock();
        if queue.is_deleted {
            return Err(SqsError::QueueDoesNotExist);
        }
        let due_ms = queue.next_due_ms().unwrap_or(u64::MAX);
        let result = change(&mut queue);
        let is_due_earlier = queue.next_due_ms().is_some_and(|next_ms| next_ms < due_ms);
        let (is_deleted, is_deliverable) = (queue.is_deleted, queue.is_deliverable());
        drop(queue);
        if is_due_earlier || is_deleted {
            self.changed.notify_waiters();
        }
        if is_deliverable {
            self.changed.notify_one();
        }
        Ok(result)
    }

    /// Looks at the queue without changing it.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Queue) -> T) -> Result<T, SqsError> {
        let queue = self.lock();
        if queue.is_deleted {
            return Err(SqsError::QueueDoesNotExist);
        }
        Ok(at(&queue))
    }

    /// Completes when [`SharedQueue::with`] has something for a long poll. Enable it before looking
    /// into the queue, or a change in between is missed.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic under the lock is our bug; the others' messages are still there.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues by name.
pub(crate) type QueuesByName = BTreeMap<String, Arc<SharedQueue>>;

/// The queues of the account.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    queues: RwLock<QueuesByName>,
}

impl Registry {
    pub(crate) fn get(&self, name: &str) -> Result<Arc<SharedQueue>, SqsError> {
        self.read().get(name).cloned().ok_or(SqsError::QueueDoesNotExist)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, QueuesByName> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, QueuesByName> {
        self.queues.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes one queue.
    pub(crate) fn delete(&self, name: &str) -> Result<(), SqsError> {
        let queue = self.write().remove(name).ok_or(SqsError::QueueDoesNotExist)?;
        queue.with(|queue| queue.is_deleted = true)
    }

    /// Deletes all queues.
    pub(crate) fn clear(&self) {
        let queues = std::mem::take(&mut *self.write());
        for queue in queues.into_values() {
            // An error says that somebody else has just deleted it.
            let _ = queue.with(|queue| queue.is_deleted = true);
        }
    }
}
