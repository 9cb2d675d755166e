//! Listings in pages.

use aws_sdk_s3::types::{Delete, EncodingType, MetadataDirective, ObjectIdentifier};

use crate::bodies::{exchange, put_empty};
use crate::{Emulator, assert_refused, get, put};

#[tokio::test]
async fn thousands_of_objects_are_listed_in_pages() {
    let (emulator, client) = Emulator::start_with_lake().await;
    let keys = (0..2_500).map(|index| format!("events/{:02}/{index:04}", index % 7));
    let mut sorted: Vec<String> = keys.collect();
    put_empty(&emulator, &sorted).await;
    sorted.sort_unstable();
    for page_size in [None, Some(333)] {
        let pages = client.list_objects_v2().bucket("lake").prefix("events/").into_paginator();
        let pages = match page_size {
            None => pages,
            Some(keys_max) => pages.page_size(keys_max),
        };
        let mut pages = pages.send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert_eq!(page.key_count(), Some(page.contents().len() as i32));
            listed.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        }
        assert_eq!(listed, sorted, "in pages of {page_size:?}");
    }
    let first = client.list_objects_v2().bucket("lake").max_keys(5_000).send().await.unwrap();
    assert_eq!((first.contents().len(), first.max_keys()), (1_000, Some(1_000)));
    assert_eq!(first.is_truncated(), Some(true));
}

#[tokio::test]
async fn a_delimiter_rolls_keys_up() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    for key in ["a.txt", "b/1", "b/2", "c/d/3", "z"] {
        put(&client, key, "text").await;
    }
    let list = || client.list_objects_v2().bucket("lake").delimiter("/");
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let page = list().max_keys(1).set_continuation_token(token).send().await.unwrap();
        names.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        let prefixes = page.common_prefixes().iter();
        names.extend(prefixes.map(|prefix| prefix.prefix().unwrap().to_owned()));
        assert_eq!(page.key_count(), Some(1));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a.txt", "b/", "c/", "z"]);
    let inside = list().prefix("b/").send().await.unwrap();
    assert_eq!((inside.contents().len(), inside.common_prefixes().len()), (2, 0));
    let after = list().start_after("b/1").send().await.unwrap();
    assert_eq!((after.contents().len(), after.common_prefixes().len()), (1, 2));
    assert_eq!(after.start_after(), Some("b/1"));
}

#[tokio::test]
async fn the_first_version_lists_by_markers() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    for key in ["a", "b/1", "b/2", "c"] {
        put(&client, key, "text").await;
    }
    let list = || client.list_objects().bucket("lake");
    let first = list().max_keys(2).send().await.unwrap();
    assert_eq!(first.contents().len(), 2);
    assert_eq!(first.is_truncated(), Some(true));
    assert_eq!(first.next_marker(), None, "there is none without a delimiter");
    assert!(first.contents()[0].owner().is_some());
    let rest = list().marker("b/1").send().await.unwrap();
    assert_eq!(rest.contents().len(), 2);
    let first = list().delimiter("/").max_keys(2).send().await.unwrap();
    assert_eq!(first.next_marker(), Some("b/"));
    let rest = list().delimiter("/").marker("b/").send().await.unwrap();
    assert_eq!(rest.contents()[0].key(), Some("c"));
    assert!(rest.common_prefixes().is_empty());
}

#[tokio::test]
async fn an_object_is_described_in_a_listing() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "hello").await;
    let listed = client.list_objects_v2().bucket("lake").send().await.unwrap();
    let object = &listed.contents()[0];
    assert_eq!(object.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(object.size(), Some(5));
    assert_eq!(object.storage_class().map(|class| class.as_str()), Some("STANDARD"));
    assert!(object.last_modified().is_some());
    assert!(object.owner().is_none());
    let listed = client.list_objects_v2().bucket("lake").fetch_owner(true).send().await.unwrap();
    assert!(listed.contents()[0].owner().is_some());
}

#[tokio::test]
async fn names_are_percent_encoded_if_asked() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "a b/c+d é", "text").await;
    let list = client.list_objects_v2().bucket("lake").encoding_type(EncodingType::Url);
    let listed = list.clone().prefix("a ").send().await.unwrap();
    assert_eq!(listed.contents()[0].key(), Some("a+b/c%2Bd+%C3%A9"));
    assert_eq!(listed.prefix(), Some("a+"));
    let listed = list.delimiter("/").send().await.unwrap();
    assert_eq!(listed.common_prefixes()[0].prefix(), Some("a+b/"));
}

#[tokio::test]
async fn odd_questions_are_answered_or_refused() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "text").await;
    let list = || client.list_objects_v2().bucket("lake");
    let none = list().max_keys(0).send().await.unwrap();
    assert_eq!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
    assert_refused(list().max_keys(-1).send().await, 400, "InvalidArgument");
    assert_refused(list().continuation_token("?").send().await, 400, "InvalidArgument");
    let elsewhere = client.list_objects_v2().bucket("pond").send().await;
    assert_refused(elsewhere, 404, "NoSuchBucket");
}

/// API Reference, "ListObjectsV2": `encoding-type`.
#[tokio::test]
async fn characters_that_xml_cannot_hold_are_character_references() {
    let (emulator, client) = Emulator::start_with_lake().await;
    let key = "odd\u{1}\u{1b}\u{c}\r\u{ffff}/<x>";
    put(&client, key, "<?xml version=\"1.0\"?>\u{1}").await;
    let begin = client.create_multipart_upload().bucket("lake").key(key).send().await.unwrap();
    assert_eq!(begin.key(), Some(key));
    let list = client.list_objects_v2().bucket("lake").prefix("odd\u{1}").send().await.unwrap();
    assert_eq!((list.contents()[0].key(), list.prefix()), (Some(key), Some("odd\u{1}")));
    let list = client.list_objects().bucket("lake").delimiter("/").send().await.unwrap();
    assert_eq!(list.common_prefixes()[0].prefix(), Some("odd\u{1}\u{1b}\u{c}\r\u{ffff}/"));
    let uploads = client.list_multipart_uploads().bucket("lake").send().await.unwrap();
    assert_eq!(uploads.uploads()[0].key(), Some(key));
    let written = "odd&#x1;&#x1b;&#xc;&#13;&#xffff;/&lt;x&gt;";
    for path in
        ["/lake", "/lake?list-type=2", "/lake?uploads", "/lake/odd%01%1B%0C%0D%EF%BF%BF/%3Cx%3E%01"]
    {
        let answer = exchange(&emulator, "GET", path, &[], b"").await;
        assert!(answer.contains(written), "{path}: {answer}");
        assert!(!answer.contains('\u{1}'), "{path}: {answer:?}");
    }
    let identifier = ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = Delete::builder().objects(identifier).build().unwrap();
    // Objects are not answers of S3's own, whatever they hold.
    let copy = client.copy_object().bucket("lake").key("own.xml").content_type("application/xml");
    let copy = copy.copy_source("lake/odd%01%1B%0C%0D%EF%BF%BF/%3Cx%3E");
    copy.metadata_directive(MetadataDirective::Replace).send().await.unwrap();
    assert_eq!(get(&client, "own.xml").await, b"<?xml version=\"1.0\"?>\x01");
    let deleted = client.delete_objects().bucket("lake").delete(delete).send().await.unwrap();
    assert_eq!(deleted.deleted()[0].key(), Some(key), "{deleted:?}");
    assert_eq!(emulator.store.object_count("lake", "odd"), 0);
}
