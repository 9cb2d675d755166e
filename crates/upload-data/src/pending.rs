//! The objects that lie under `events/`, a bounded number at a time.
//!
//! Whether they were loaded already is the ledger's business.

use std::collections::VecDeque;

use crate::error::StoreError;
use crate::manifest::Compression;
use crate::store::{ObjectStore, StoredObject};

/// A listing that goes on where it stopped, so that its memory is one page.
pub(crate) struct Pending<'a, S> {
    store: &'a S,
    prefix: String,
    listed: VecDeque<StoredObject>,
    next: Position,
    ignored_count: u64,
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
            next: Position::Start,
            ignored_count: 0,
        }
    }

    /// The next objects in the order of their keys, at most `objects_max`; none at the end.
    pub(crate) async fn next(
        &mut self,
        objects_max: usize,
    ) -> Result<Vec<StoredObject>, StoreError> {
        while self.listed.len() < objects_max {
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
        let count = objects_max.min(self.listed.len());
        Ok(self.listed.drain(..count).collect())
    }

    /// Objects that are neither `.json` nor `.json.gz`.
    pub(crate) fn ignored_count(&self) -> u64 {
        self.ignored_count
    }

    fn take(&mut self, object: StoredObject) {
        if Compression::of(&object.key).is_some() {
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
                bytes: 0,
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
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        let store = Paged { keys, asked: RefCell::default() };
        let mut pending = Pending::new(&store, "pipe/");
        let mut found = Vec::new();
        loop {
            let objects = pending.next(objects_max).await.unwrap();
            if objects.is_empty() {
                break;
            }
            found.push(objects.into_iter().map(|object| object.key).collect::<Vec<_>>());
        }
        assert_eq!(found, expected, "at most {objects_max}");
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
    async fn only_events_are_listed_and_only_json_is_taken() {
        let keys = ["events/", "events/_SUCCESS", "a.json", "x.csv", "y.parquet", "z.json.gz"];
        let store = check(1, &keys, &[&["a.json"], &["z.json.gz"]]).await;
        let pages = [None, Some("2".to_owned()), Some("4".to_owned())];
        let expected: Vec<_> = pages.map(|page| ("pipe/events/".to_owned(), page)).into();
        assert_eq!(store.asked.into_inner(), expected);
    }
}
