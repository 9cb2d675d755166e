//! What becomes of objects once they are loaded.
//!
//! Called only after COMMIT. Everything here may be repeated: an object that was copied but not
//! deleted is copied again by the next run, which finds it in the ledger. What was written anew
//! under an old key in the meantime stays, for the next run to load.

use std::cell::Cell;

use clap::ValueEnum;
use futures_util::StreamExt;

use tracing::warn;

use crate::error::StoreError;
use crate::store::{ObjectStore, StoredObject};

/// Requests at once.
const CONCURRENT_MAX: usize = 16;

/// What to do with loaded objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AfterLoad {
    /// Move them from `events/…` to `archive/events/…`.
    Archive,
    /// Delete them.
    Delete,
    /// Leave them; each run then asks the ledger about all of them.
    Keep,
}

/// Warnings about single objects; of the others, the last one says how many they are.
const WARNINGS_MAX: u64 = 10;

/// What became of loaded objects.
#[derive(Debug, Default)]
pub(crate) struct PutAway {
    /// They left `events/` by this call.
    pub moved: u64,
    /// They lie there still, because S3 refuses to copy or to delete them. The ledger knows that
    /// they are loaded, so that they cost no more than a line in its answer.
    pub unmoved: Unmoved,
    /// They lie there still, because the program is stopped: the next run moves them.
    pub left: u64,
}

/// Objects that S3 refuses to copy or to delete, as if they were to blame.
#[derive(Debug, Default)]
pub(crate) struct Unmoved {
    pub count: u64,
    /// Why the first of them was refused.
    pub first: Option<StoreError>,
    /// How many left `events/` beside them, for another place than the archive.
    pub moved: u64,
}

impl Unmoved {
    /// Counts a refusal.
    pub(crate) fn note(&mut self, refusal: StoreError) {
        self.count += 1;
        self.first.get_or_insert(refusal);
    }

    /// Adds others.
    pub(crate) fn add(&mut self, others: Self) {
        self.count += others.count;
        self.moved += others.moved;
        self.first = self.first.take().or(others.first);
    }

    /// Fails if S3 refused every object of several: then the rights are to blame. `archived` is how
    /// many it moved to the archive or deleted.
    pub(crate) fn check(self, archived: u64) -> Result<(), StoreError> {
        let is_every_one = archived + self.moved == 0 && 1 < self.count;
        match self.first {
            Some(refusal) if is_every_one => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// Puts loaded objects away. All are tried, whatever S3 says of one; when it does not answer at all,
/// the rest is left to the next run, as is what there is no time for after a stop.
///
/// # Errors
/// If S3 is not there: then nothing else can be done either. What S3 refuses of single objects is
/// no error; it is logged and counted.
pub(crate) async fn put_away(
    store: &impl ObjectStore,
    prefix: &str,
    objects: &[StoredObject],
    after_load: AfterLoad,
) -> Result<PutAway, StoreError> {
    let mut done = PutAway::default();
    let mut failure = None;
    // What has begun then still comes to its end: a copy in parts takes its parts back.
    let is_away = Cell::new(false);
    let each = |object: &StoredObject| {
        let (object, is_away) = (object.clone(), &is_away);
        async move {
            if is_away.get() {
                return (object.key, Ok(false));
            }
            let outcome = put_one_away(store, prefix, &object, after_load).await;
            (object.key, outcome)
        }
    };
    let mut outcomes =
        futures_util::stream::iter(objects.iter().map(each)).buffer_unordered(CONCURRENT_MAX);
    while let Some((object_key, outcome)) = outcomes.next().await {
        match outcome {
            Ok(is_moved) => done.moved += u64::from(is_moved),
            Err(StoreError::NotBegun { .. }) => done.left += 1,
            Err(error) if error.is_about_object() => {
                if done.unmoved.count < WARNINGS_MAX {
                    warn!(object_key, %error, "loaded object stays where it is");
                }
                done.unmoved.note(error);
            }
            Err(error) => {
                is_away.set(is_away.get() || matches!(error, StoreError::Unreachable { .. }));
                failure = failure.or(Some(error));
            }
        }
    }
    if WARNINGS_MAX < done.unmoved.count {
        warn!(object_count = done.unmoved.count, "loaded objects stay where they are");
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(done),
    }
}

async fn put_one_away(
    store: &impl ObjectStore,
    prefix: &str,
    object: &StoredObject,
    after_load: AfterLoad,
) -> Result<bool, StoreError> {
    match after_load {
        AfterLoad::Keep => Ok(false),
        AfterLoad::Delete => store.remove(object).await,
        AfterLoad::Archive => match store.copy(object, &archive_key(prefix, &object.key)).await {
            // Two runs may both have copied it; only one of them deletes it, and counts it.
            Ok(()) => store.remove(object).await,
            // Another run was faster, or the object was written anew and the next run loads it.
            Err(StoreError::NoObject { .. } | StoreError::Changed { .. }) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Where an object goes: the original key, prefix aside, under `archive/`.
pub fn archive_key(prefix: &str, key: &str) -> String {
    format!("{prefix}archive/{}", key.strip_prefix(prefix).unwrap_or(key))
}

#[cfg(test)]
mod tests {
    use super::archive_key;

    #[test]
    fn the_archive_keeps_the_original_key_behind_the_prefix() {
        for (prefix, key, expected) in [
            ("", "events/20260101/a.json.gz", "archive/events/20260101/a.json.gz"),
            ("pipe/", "pipe/events/20260101/a.json", "pipe/archive/events/20260101/a.json"),
            ("a/b/", "a/b/events/x.json", "a/b/archive/events/x.json"),
        ] {
            assert_eq!(archive_key(prefix, key), expected);
        }
    }
}
