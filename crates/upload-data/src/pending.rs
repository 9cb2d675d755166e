//! The objects that lie under `events/`, a bounded number at a time.
//!
//! Whether they were loaded already is the ledger's business.

use std::collections::VecDeque;

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::manifest::Compression;
use crate::store::{ObjectStore, StoredObject};

/// A listing that goes on where it stopped, so that its memory is one page.
pub(crate) struct Pending<'a, S> {
    store: &'a S,
    prefix: String,
    listed: VecDeque<StoredObject>,
    /// Of those that still wait in `listed`.
    listed_bytes: u64,
    listed_count: u64,
    oldest_at: Option<OffsetDateTime>,
    next: Position,
    ignored_count: u64,
}

/// How much one load takes at most; what is more, further loads take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadLimits {
    /// Objects.
    pub objects_max: usize,
    /// Bytes as stored; an object that is larger is loaded alone.
    pub bytes_max: u64,
}

enum Position {
    Start,
    Page(String),
    End,
}

impl<'a, S: ObjectStore> Pending<'a, S> {
    /// `prefix` is that of the settings: empty, or with a slash at its end.
    pub(crate) fn new(store: &'a S, prefix: &str) -> Self {
        Self {
            store,
            prefix: events_prefix(prefix),
            listed: VecDeque::new(),
            listed_bytes: 0,
            listed_count: 0,
            oldest_at: None,
            next: Position::Start,
            ignored_count: 0,
        }
    }

    /// The next objects in the order of their keys: as many as the limits allow, at least one; none
    /// at the end.
    pub(crate) async fn next(
        &mut self,
        limits: LoadLimits,
    ) -> Result<Vec<StoredObject>, StoreError> {
        while self.listed.len() < limits.objects_max && self.listed_bytes < limits.bytes_max {
            let token = match &self.next {
                Position::Start => None,
                Position::Page(token) => Some(token.as_str()),
                Position::End => break,
            };
            let page = self.store.list(&self.prefix, token).await?;
            self.next = page.next.map_or(Position::End, Position::Page);
            for object in page.objects {
                self.take(object);
            }
        }
        let mut bytes = 0_u64;
        let fits = |object: &&StoredObject| {
            bytes = bytes.saturating_add(object.bytes);
            bytes <= limits.bytes_max
        };
        let fitting_count = self.listed.iter().take(limits.objects_max).take_while(fits).count();
        // One that is larger than a load may be is loaded alone.
        let count = fitting_count.max(1).min(self.listed.len());
        let taken: Vec<_> = self.listed.drain(..count).collect();
        self.listed_bytes -= taken.iter().map(|object| object.bytes).sum::<u64>();
        Ok(taken)
    }

    /// Whether all there was has been taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.listed.is_empty() && matches!(self.next, Position::End)
    }

    /// How many have been listed so far, those taken included.
    pub(crate) fn listed_count(&self) -> u64 {
        self.listed_count
    }

    /// When the oldest of those listed so far was stored.
    pub(crate) fn oldest_at(&self) -> Option<OffsetDateTime> {
        self.oldest_at
    }

    /// Objects that are neither `.json`, `.json.gz` nor `.json.zst`.
    pub(crate) fn ignored_count(&self) -> u64 {
        self.ignored_count
    }

    fn take(&mut self, object: StoredObject) {
        if Compression::of(&object.key).is_some() {
            self.oldest_at = self.oldest_at.into_iter().chain(object.stored_at).min();
            self.listed_count += 1;
            self.listed_bytes += object.bytes;
            self.listed.push_back(object);
        } else if !object.key.ends_with('/') {
            // What ends with a slash is how consoles draw a folder.
            tracing::debug!(object_key = object.key, "object ignored");
            self.ignored_count += 1;
        }
    }
}

/// Where objects wait to be loaded.
pub fn events_prefix(prefix: &str) -> String {
    format!("{prefix}events/")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::store::Page;

    /// Pages of two.
    struct Paged {
        keys: Vec<String>,
        asked: RefCell<Vec<(String, Option<String>)>>,
    }

    impl ObjectStore for Paged {
        async fn list(&self, prefix: &str, page: Option<&str>) -> Result<Page, StoreError> {
            self.asked.borrow_mut().push((prefix.to_owned(), page.map(str::to_owned)));
            let start: usize = page.map_or(0, |page| page.parse().unwrap());
            let end = self.keys.len().min(start + 2);
            let objects = self.keys[start..end].iter().map(|key| StoredObject {
                key: key.clone(),
                etag: String::new(),
                // The last digit in the key.
                bytes: key
                    .chars()
                    .rev()
                    .filter_map(|it| it.to_digit(10))
                    .next()
                    .unwrap_or(0)
                    .into(),
                stored_at: None,
            });
            let next = (end < self.keys.len()).then(|| end.to_string());
            Ok(Page { objects: objects.collect(), next })
        }

        async fn put(&self, _key: &str, _body: String) -> Result<(), StoreError> {
            unreachable!("a listing writes nothing")
        }

        async fn copy(&self, _object: &StoredObject, _to: &str) -> Result<(), StoreError> {
            unreachable!("a listing writes nothing")
        }

        async fn delete(&self, _key: &str) -> Result<(), StoreError> {
            unreachable!("a listing writes nothing")
        }

        async fn remove(&self, _object: &StoredObject) -> Result<bool, StoreError> {
            unreachable!("a listing writes nothing")
        }
    }

    async fn check(objects_max: usize, keys: &[&str], expected: &[&[&str]]) -> Paged {
        check_bytes(objects_max, u64::MAX, keys, expected).await
    }

    async fn check_bytes(
        objects_max: usize,
        bytes_max: u64,
        keys: &[&str],
        expected: &[&[&str]],
    ) -> Paged {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let store = Paged { keys, asked: RefCell::default() };
        let mut pending = Pending::new(&store, "pipe/");
        let mut found = Vec::new();
        loop {
            let objects = pending.next(LoadLimits { objects_max, bytes_max }).await.unwrap();
            if objects.is_empty() {
                break;
            }
            found.push(objects.into_iter().map(|object| object.key).collect::<Vec<_>>());
        }
        assert_eq!(found, expected, "at most {objects_max} and {bytes_max} bytes");
        assert!(pending.is_at_end());
        store
    }

    #[tokio::test]
    async fn pages_are_cut_into_loads() {
        let keys = ["a.json", "b.json", "c.json.gz", "d.json", "e.json"];
        check(2, &keys, &[&keys[..2], &keys[2..4], &keys[4..]]).await;
        check(3, &keys, &[&keys[..3], &keys[3..]]).await;
        check(9, &keys, &[&keys]).await;
        check(1, &[], &[]).await;
    }

    #[tokio::test]
    async fn a_load_takes_no_more_bytes_than_it_may_but_always_one_object() {
        let keys = ["a-1.json", "b-9.json", "c-2.json", "d-3.json", "e-1.json"];
        check_bytes(9, 5, &keys, &[&keys[..1], &keys[1..2], &keys[2..4], &keys[4..]]).await;
        check_bytes(9, 100, &keys, &[&keys]).await;
        check_bytes(2, 6, &keys, &[&keys[..1], &keys[1..2], &keys[2..4], &keys[4..]]).await;
    }

    #[tokio::test]
    async fn only_events_are_listed_and_only_json_is_taken() {
        let keys = ["events/", "events/_SUCCESS", "a.json", "x.csv", "y.json.zst", "z.json.gz"];
        let store = check(1, &keys, &[&["a.json"], &["y.json.zst"], &["z.json.gz"]]).await;
        let pages = [None, Some("2".to_owned()), Some("4".to_owned())];
        let expected: Vec<_> = pages.map(|page| ("pipe/events/".to_owned(), page)).into();
        assert_eq!(store.asked.into_inner(), expected);
    }
}
