//! One page of a bucket's listing.
//!
//! API Reference, "ListObjects" and "ListObjectsV2"; User Guide, "Organizing objects using
//! prefixes". Keys come in UTF-8 byte order; keys that share the text up to the first delimiter
//! behind the prefix are rolled up into one common prefix. Knows no object, only keys.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'q> {
    Beginning,
    /// Behind this key (`start-after`); other keys of its common prefix are still to come.
    AfterKey(&'q str),
    /// Behind this entry of a previous page (`marker`, continuation token): all that a common
    /// prefix rolled up was listed with it.
    AfterEntry(&'q str),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Query<'q> {
    pub(crate) prefix: &'q str,
    pub(crate) delimiter: Option<&'q str>,
    pub(crate) start: Start<'q>,
    pub(crate) entries_max: usize,
}

/// One line of the answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a, V> {
    Key(&'a str, &'a V),
    CommonPrefix(&'a str),
}

impl<'a, V> Entry<'a, V> {
    pub(crate) fn name(&self) -> &'a str {
        match self {
            Self::Key(name, _) | Self::CommonPrefix(name) => name,
        }
    }
}

/// The answer: at most `entries_max` entries, and whether more follow.
#[derive(Debug)]
pub(crate) struct Page<'a, V> {
    pub(crate) entries: Vec<Entry<'a, V>>,
    pub(crate) is_truncated: bool,
}

/// Lists `keys`. The cost grows with the page, not with what common prefixes hide.
pub(crate) fn page<'a, V>(keys: &'a BTreeMap<String, V>, query: Query<'_>) -> Page<'a, V> {
    let mut page = Page { entries: Vec::new(), is_truncated: false };
    let Some(lower) = lower_bound(&query) else { return page };
    if query.entries_max == 0 {
        return page;
    }
    let mut rest = keys.range::<str, _>((as_str(&lower), Bound::Unbounded));
    while let Some((key, value)) = rest.next() {
        if !key.starts_with(query.prefix) {
            break;
        }
        if page.entries.len() == query.entries_max {
            page.is_truncated = true;
            break;
        }
        let Some(common_prefix) = common_prefix(key, &query) else {
            page.entries.push(Entry::Key(key, value));
            continue;
        };
        page.entries.push(Entry::CommonPrefix(common_prefix));
        let Some(next) = successor(common_prefix) else { break };
        rest = keys.range::<str, _>((Bound::Included(next.as_str()), Bound::Unbounded));
    }
    page
}

/// Percent-encodes as `encoding-type=url` does: a blank becomes a plus sign, a slash stays.
pub(crate) fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'*' | b'/' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => write!(encoded, "%{byte:02X}").expect("a String takes all"),
        }
    }
    encoded
}

/// Where the first key of the page can be; `None` if there can be none.
fn lower_bound(query: &Query<'_>) -> Option<Bound<String>> {
    let (behind, rolled_up) = match query.start {
        Start::Beginning => return Some(Bound::Included(query.prefix.to_owned())),
        Start::AfterKey(key) => (key, None),
        Start::AfterEntry(name) => (name, common_prefix(name, query)),
    };
    if behind < query.prefix {
        return Some(Bound::Included(query.prefix.to_owned()));
    }
    match rolled_up {
        Some(common_prefix) => successor(common_prefix).map(Bound::Included),
        None => Some(Bound::Excluded(behind.to_owned())),
    }
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}

/// The part of `key` up to and with the first delimiter behind the prefix.
fn common_prefix<'k>(key: &'k str, query: &Query<'_>) -> Option<&'k str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let behind_prefix = key.strip_prefix(query.prefix)?;
    let position = behind_prefix.find(delimiter)?;
    Some(&key[..query.prefix.len() + position + delimiter.len()])
}

/// The first string behind all that begin with `prefix`.
fn successor(prefix: &str) -> Option<String> {
    let mut rest = prefix.chars();
    while let Some(last) = rest.next_back() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            return Some(format!("{}{next}", rest.as_str()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bucket<'k>(keys: impl IntoIterator<Item = &'k str>) -> BTreeMap<String, ()> {
        keys.into_iter().map(|key| (key.to_owned(), ())).collect()
    }

    fn names<'a>(page: &Page<'a, ()>) -> Vec<&'a str> {
        page.entries.iter().map(Entry::name).collect()
    }

    #[test]
    fn one_page_lists_keys_and_common_prefixes_in_order() {
        let keys = bucket(["a.txt", "b/1", "b/2", "b/c/3", "c", "d/", "é", "z z"]);
        let check = |prefix, delimiter, start, entries_max, expected: &[&str], truncated| {
            let page = page(&keys, Query { prefix, delimiter, start, entries_max });
            assert_eq!(names(&page), expected, "{prefix:?} {delimiter:?} {start:?}");
            assert_eq!(page.is_truncated, truncated, "{prefix:?} {delimiter:?} {start:?}");
        };
        use Start::{AfterEntry, AfterKey, Beginning};
        let slash = Some("/");
        check("", slash, Beginning, 9, &["a.txt", "b/", "c", "d/", "z z", "é"], false);
        check("", slash, Beginning, 2, &["a.txt", "b/"], true);
        check("", slash, Beginning, 6, &["a.txt", "b/", "c", "d/", "z z", "é"], false);
        check("b/", slash, Beginning, 9, &["b/1", "b/2", "b/c/"], false);
        check("b", slash, Beginning, 9, &["b/"], false);
        check("d/", slash, Beginning, 9, &["d/"], false);
        check("b/", None, Beginning, 9, &["b/1", "b/2", "b/c/3"], false);
        check("x", None, Beginning, 9, &[], false);
        check("", Some(""), AfterKey("b/c/3"), 2, &["c", "d/"], true);
        check("", slash, AfterKey("b/1"), 2, &["b/", "c"], true);
        check("", slash, AfterEntry("b/1"), 2, &["c", "d/"], true);
        check("", slash, AfterEntry("b/"), 1, &["c"], true);
        check("b/", slash, AfterEntry("a"), 1, &["b/1"], true);
        check("b/", slash, AfterEntry("c"), 1, &[], false);
        check("", None, Beginning, 0, &[], false);
    }

    #[test]
    fn the_url_encoding_is_that_of_s3() {
        assert_eq!(url_encoded("a b+c/é%'~*"), "a+b%2Bc/%C3%A9%25%27%7E*");
    }

    #[test]
    fn the_successor_skips_what_no_string_can_hold() {
        assert_eq!(successor("a/").as_deref(), Some("a0"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10ffff}"), None);
    }

    /// All entries, the slow and obvious way.
    fn naive(keys: &BTreeSet<String>, prefix: &str, delimiter: Option<&str>) -> Vec<String> {
        let mut entries = BTreeSet::new();
        for key in keys.iter().filter(|key| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            let end = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
            entries.insert(match end {
                Some(end) => format!("{prefix}{}", &rest[..end]),
                None => key.clone(),
            });
        }
        entries.into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn pages_one_after_the_other_are_the_whole(
            keys in prop::collection::btree_set("[ab/é\u{10ffff}+]{1,6}", 0..40),
            prefix in "[ab/é]{0,2}",
            delimiter in prop::option::of("[/bé\u{10ffff}]{1,2}"),
            entries_max in 1_usize..7,
        ) {
            let bucket = bucket(keys.iter().map(String::as_str));
            let delimiter = delimiter.as_deref();
            let mut listed: Vec<String> = Vec::new();
            loop {
                let start = match listed.last() {
                    None => Start::Beginning,
                    Some(name) => Start::AfterEntry(name),
                };
                let query = Query { prefix: &prefix, delimiter, start, entries_max };
                let page = page(&bucket, query);
                prop_assert!(page.entries.len() <= entries_max);
                prop_assert!(!page.is_truncated || page.entries.len() == entries_max);
                let is_truncated = page.is_truncated;
                listed.extend(names(&page).into_iter().map(str::to_owned));
                if !is_truncated {
                    break;
                }
                prop_assert!(listed.len() <= keys.len(), "pages must end");
            }
            prop_assert_eq!(&listed, &naive(&keys, &prefix, delimiter));
            prop_assert!(listed.windows(2).all(|pair| pair[0].as_bytes() < pair[1].as_bytes()));
        }

        #[test]
        fn a_start_after_leaves_out_the_keys_up_to_it(
            keys in prop::collection::btree_set("[ab/]{1,4}", 0..30),
            after in "[ab/]{0,4}",
            prefix in "[ab/]{0,2}",
        ) {
            let bucket = bucket(keys.iter().map(String::as_str));
            let query = Query {
                prefix: &prefix,
                delimiter: Some("/"),
                start: Start::AfterKey(&after),
                entries_max: 1_000,
            };
            let later = keys.into_iter().filter(|key| *key > after).collect();
            prop_assert_eq!(names(&page(&bucket, query)), naive(&later, &prefix, Some("/")));
        }
    }
}
