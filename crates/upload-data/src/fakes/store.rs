//! The bucket in memory.

use std::cell::RefCell;

use super::{Effect, Fault, World};
use crate::error::StoreError;
use crate::store::{ObjectStore, Page, StoredObject};

/// A bucket called `lake`.
pub(crate) struct FakeStore<'a>(pub &'a RefCell<World>);

impl FakeStore<'_> {
    async fn call<T>(
        &self,
        call: String,
        effect: impl FnOnce(&mut World) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        tokio::task::yield_now().await;
        let mut world = self.0.borrow_mut();
        let bucket = "lake".to_owned();
        let unreachable =
            StoreError::Unreachable { bucket, operation: call.clone(), reason: "cut".to_owned() };
        match world.enter(call.clone()) {
            Ok(Effect::Fully) => effect(&mut world),
            Ok(Effect::ThenLost) => effect(&mut world).and(Err(unreachable)),
            Err(Fault::Refuse) => Err(StoreError::Refused {
                bucket: "lake".to_owned(),
                operation: call,
                code: world.refusal_code.unwrap_or("AccessDenied").to_owned(),
                message: "on command".to_owned(),
            }),
            Err(Fault::TooLate) => {
                Err(StoreError::NotBegun { bucket: "lake".to_owned(), operation: call })
            }
            Err(_) => Err(unreachable),
        }
    }
}

/// Manifests have names made of time and chance.
fn in_journal(key: &str) -> &str {
    if key.starts_with("manifests/") { "manifest" } else { key }
}

impl ObjectStore for FakeStore<'_> {
    async fn list(&self, prefix: &str, _page: Option<&str>) -> Result<Page, StoreError> {
        self.call(format!("list {prefix}"), |world| {
            let listed = world.objects.iter().filter(|(key, _)| key.starts_with(prefix));
            let objects = listed.map(|(key, body)| StoredObject {
                key: key.clone(),
                etag: World::etag(body),
                bytes: body.len() as u64,
                stored_at: None,
            });
            Ok(Page { objects: objects.collect(), next: None })
        })
        .await
    }

    async fn put(&self, key: &str, body: String) -> Result<(), StoreError> {
        self.call(format!("put {}", in_journal(key)), |world| {
            world.objects.insert(key.to_owned(), body);
            Ok(())
        })
        .await
    }

    async fn copy(&self, object: &StoredObject, to: &str) -> Result<(), StoreError> {
        self.call(format!("copy {}", object.key), |world| {
            let (bucket, key) = ("lake".to_owned(), object.key.clone());
            let Some(body) = world.objects.get(&key).cloned() else {
                return Err(StoreError::NoObject { bucket, key });
            };
            if World::etag(&body) != object.etag {
                return Err(StoreError::Changed { bucket, key });
            }
            if !to.starts_with("rejected/") {
                world.must_be_in_ledger(&key);
            }
            world.objects.insert(to.to_owned(), body);
            Ok(())
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.call(format!("delete {}", in_journal(key)), |world| {
            assert!(!key.starts_with("events/"), "{key} is deleted whatever it is now");
            world.objects.remove(key);
            Ok(())
        })
        .await
    }

    async fn remove(&self, object: &StoredObject) -> Result<bool, StoreError> {
        let key = object.key.as_str();
        self.call(format!("delete {key}"), |world| {
            let Some(body) = world.objects.get(key) else { return Ok(false) };
            if World::etag(body) != object.etag {
                return Ok(false);
            }
            let is_set_aside = [".errors.json", ""]
                .iter()
                .all(|suffix| world.objects.contains_key(&format!("rejected/{key}{suffix}")));
            let is_hopeless = body.contains("broken")
                || body.contains("hopeless")
                || body.contains("nameless")
                || body.split_whitespace().all(|id| id == "bad");
            if !(is_set_aside && is_hopeless) {
                world.must_be_in_ledger(key);
            }
            world.objects.remove(key);
            Ok(true)
        })
        .await
    }
}
