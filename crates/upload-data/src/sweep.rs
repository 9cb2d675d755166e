//! Deletes the manifests of runs that were killed before they could do so themselves.

use std::time::Duration;

use futures_util::StreamExt;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::error::StoreError;
use crate::manifest;
use crate::store::ObjectStore;

/// No COPY reads a manifest for so long, and no two clocks differ by so much.
const AGE_MIN: Duration = Duration::from_secs(24 * 60 * 60);
/// Requests at once.
const CONCURRENT_MAX: usize = 16;

/// Deletes manifests that are older than a day, by the time in their names; returns how many.
/// Whatever else lies under `manifests/` stays. A failure is said and no more: the next run tries
/// again. After a stop nothing is begun.
pub(crate) async fn sweep(
    store: &impl ObjectStore,
    prefix: &str,
    now: OffsetDateTime,
    shutdown: &CancellationToken,
) -> u64 {
    let (mut swept, mut failure, mut token) = (0, None, None);
    while !shutdown.is_cancelled() {
        let listed = store.list(&manifest::prefix(prefix), token.as_deref()).await;
        let page = match listed {
            Ok(page) => page,
            Err(error) => {
                warn!(%error, "old manifests not looked for");
                break;
            }
        };
        let keys = page.objects.iter().map(|object| object.key.as_str());
        let is_old =
            |key: &&str| manifest::written_at(prefix, key).is_some_and(|at| AGE_MIN <= now - at);
        let deletes = keys.filter(is_old).take_while(|_| !shutdown.is_cancelled());
        let deletes = deletes.map(|key| store.delete(key));
        let mut outcomes = futures_util::stream::iter(deletes).buffer_unordered(CONCURRENT_MAX);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(()) => swept += 1,
                Err(error) => failure = Some(error),
            }
        }
        match page.next {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    note(swept, failure);
    swept
}

fn note(swept: u64, failure: Option<StoreError>) {
    if let Some(error) = failure {
        warn!(%error, "old manifests not deleted");
    }
    if 0 < swept {
        info!(manifest_count = swept, "manifests of killed runs deleted");
    } else {
        debug!("no manifests of killed runs");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use time::macros::datetime;

    use super::*;
    use crate::fakes::{FakeStore, Fault, World};

    const OLD: &str = "manifests/20260201/235959-00000000-0000-0000-0000-000000000000-gzip.json";

    fn world() -> World {
        let young = OLD.replace("235959", "235960").replace("0201/235960", "0202/000001");
        let keys = [OLD, &young, "manifests/mine.json", "manifests/20250101/old.json"];
        World {
            objects: keys.map(|key| (key.to_owned(), String::new())).into(),
            ..World::default()
        }
    }

    #[tokio::test]
    async fn only_manifests_that_are_ours_and_a_day_old_are_deleted() {
        let world = RefCell::new(world());
        let now = datetime!(2026-02-03 00:00 UTC);
        let (store, shutdown) = (FakeStore(&world), CancellationToken::new());
        assert_eq!(sweep(&store, "", now, &shutdown).await, 1);
        assert_eq!(world.borrow().objects.len(), 3);
        assert!(!world.borrow().objects.contains_key(OLD));
        assert_eq!(sweep(&store, "", now, &shutdown).await, 0, "again");
    }

    #[tokio::test]
    async fn a_bucket_that_refuses_does_not_fail_the_run() {
        for at in 0..2 {
            let world = RefCell::new(World { fault: Some((at, Fault::Refuse)), ..world() });
            let (now, shutdown) = (datetime!(2026-02-03 00:00 UTC), CancellationToken::new());
            assert_eq!(sweep(&FakeStore(&world), "", now, &shutdown).await, 0);
            assert_eq!(world.borrow().objects.len(), 4, "call {at}");
        }
    }

    #[tokio::test]
    async fn after_a_stop_nothing_is_looked_for() {
        let (world, shutdown) = (RefCell::new(world()), CancellationToken::new());
        shutdown.cancel();
        let now = datetime!(2026-02-03 00:00 UTC);
        assert_eq!(sweep(&FakeStore(&world), "", now, &shutdown).await, 0);
        assert!(world.borrow().journal.is_empty(), "{:?}", world.borrow().journal);
    }
}
