//! Put, get, head and delete.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, Delete, ObjectIdentifier, ServerSideEncryption, StorageClass,
};

use crate::{Emulator, assert_refused, get, noise, put, refusal};

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    for length in [0, 1, 65_536, 262_144, 8 * 1024 * 1024 + 1] {
        let bytes = noise(length);
        let body = ByteStream::from(bytes.clone());
        let answer = client.put_object().bucket("lake").key("key").body(body).send().await.unwrap();
        let etag = answer.e_tag().unwrap().to_owned();
        assert_eq!(answer.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
        assert!(answer.checksum_crc32().is_some(), "the SDK's own default");
        let object = client.get_object().bucket("lake").key("key").send().await.unwrap();
        assert_eq!(object.e_tag(), Some(etag.as_str()));
        assert_eq!(object.content_length(), Some(length as i64));
        assert_eq!(object.accept_ranges(), Some("bytes"));
        assert!(object.body.collect().await.unwrap().to_vec() == bytes, "{length} bytes");
    }
    assert_eq!(get(&client, "key").await.len(), 8 * 1024 * 1024 + 1);
}

#[tokio::test]
async fn what_the_writer_says_of_an_object_the_reader_is_told() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "plain", "hello").await;
    let plain = client.head_object().bucket("lake").key("plain").send().await.unwrap();
    assert_eq!(plain.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(plain.storage_class(), None);
    let expires = DateTime::from_secs(1_800_000_000);
    let write = client.put_object().bucket("lake").key("key").body(ByteStream::from_static(b"{}"));
    write
        .content_type("application/json")
        .content_encoding("gzip")
        .content_language("de")
        .content_disposition("attachment; filename=\"a b.json\"")
        .cache_control("no-cache")
        .expires(expires)
        .storage_class(StorageClass::StandardIa)
        .metadata("Origin", "Berlin")
        .metadata("greeting", "grüße")
        .send()
        .await
        .unwrap();
    let head = client.head_object().bucket("lake").key("key").send().await.unwrap();
    assert_eq!(head.content_type(), Some("application/json"));
    assert_eq!(head.content_encoding(), Some("gzip"));
    assert_eq!(head.content_language(), Some("de"));
    assert_eq!(head.content_disposition(), Some("attachment; filename=\"a b.json\""));
    assert_eq!(head.cache_control(), Some("no-cache"));
    assert!(head.expires_string().is_some_and(|date| date.contains("2027")));
    assert_eq!(head.storage_class(), Some(&StorageClass::StandardIa));
    assert_eq!(head.content_length(), Some(2));
    assert!(head.last_modified().is_some());
    let metadata = head.metadata().unwrap();
    assert_eq!(metadata.get("origin").map(String::as_str), Some("Berlin"));
    assert_eq!(metadata.len(), 2);
    let object = client.get_object().bucket("lake").key("key");
    let object = object.response_content_type("text/x").response_cache_control("max-age=1");
    let object = object.send().await.unwrap();
    assert_eq!(object.content_type(), Some("text/x"));
    assert_eq!(object.cache_control(), Some("max-age=1"));
    assert_eq!(object.metadata(), Some(metadata));
}

#[tokio::test]
async fn too_much_user_metadata_is_refused() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let write = client.put_object().bucket("lake").key("key");
    let write = write.set_metadata(Some(HashMap::from([("m".to_owned(), "x".repeat(2_048))])));
    assert_refused(write.send().await, 400, "MetadataTooLarge");
}

#[tokio::test]
async fn every_odd_key_is_its_own_object() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let keys = [
        "a b",
        "a+b",
        "a%20b",
        "a%2Fb",
        "it's",
        "é/ü/日本",
        "dir/",
        "dir//",
        "/leading",
        "//two",
        "a?b=c&d#e",
        "\"quoted\"",
        "<tag>&amp;",
        "a\\b",
        "~-_.*()!",
        "100%",
        "😀",
    ];
    for key in keys {
        let body = ByteStream::from(key.as_bytes().to_vec());
        client.put_object().bucket("lake").key(key).body(body).send().await.unwrap();
    }
    for key in keys {
        assert_eq!(get(&client, key).await, key.as_bytes(), "{key:?}");
    }
    let listed = client.list_objects_v2().bucket("lake").send().await.unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let listed: Vec<_> = listed.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(listed, sorted);
    let long = "x".repeat(1_025);
    assert_refused(
        client.put_object().bucket("lake").key(long).send().await,
        400,
        "KeyTooLongError",
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let get = |bucket| client.get_object().bucket(bucket).key("key").send();
    assert_refused(get("lake").await, 404, "NoSuchKey");
    assert_refused(get("pond").await, 404, "NoSuchBucket");
    let head = client.head_object().bucket("lake").key("key").send().await;
    assert_refused(head, 404, "NotFound");
    client.delete_object().bucket("lake").key("key").send().await.unwrap();
    let delete = client.delete_object().bucket("pond").key("key").send().await;
    assert_refused(delete, 404, "NoSuchBucket");
    // The answer arrives although the body is long and nobody wants it.
    let body = ByteStream::from(noise(8 * 1024 * 1024));
    let put = client.put_object().bucket("pond").key("key").body(body).send().await;
    assert_refused(put, 404, "NoSuchBucket");
}

#[tokio::test]
async fn a_range_is_answered_with_the_bytes_in_it() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "0123456789").await;
    put(&client, "empty", "").await;
    let read = |key, range: &str| client.get_object().bucket("lake").key(key).range(range).send();
    for (range, text, content_range) in [
        ("bytes=0-3", "0123", Some("bytes 0-3/10")),
        ("bytes=7-", "789", Some("bytes 7-9/10")),
        ("bytes=-2", "89", Some("bytes 8-9/10")),
        ("bytes=8-100", "89", Some("bytes 8-9/10")),
        ("bytes=-100", "0123456789", Some("bytes 0-9/10")),
        // What S3 cannot read it ignores.
        ("bytes=0-1,4-5", "0123456789", None),
        ("lines=1-2", "0123456789", None),
    ] {
        let object = read("key", range).await.unwrap();
        assert_eq!(object.content_range(), content_range, "{range}");
        assert_eq!(object.body.collect().await.unwrap().to_vec(), text.as_bytes(), "{range}");
    }
    for (key, range) in [("key", "bytes=10-"), ("key", "bytes=-0"), ("empty", "bytes=0-")] {
        assert_refused(read(key, range).await, 416, "InvalidRange");
    }
    let head = client.head_object().bucket("lake").key("key").range("bytes=2-3").send().await;
    assert_eq!(head.unwrap().content_length(), Some(2));
    let part = client.get_object().bucket("lake").key("key").part_number(2).send().await;
    assert_refused(part, 416, "InvalidPartNumber");
}

#[tokio::test]
async fn reads_and_writes_heed_their_conditions() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "hello").await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let read = || client.get_object().bucket("lake").key("key");
    assert!(read().if_match(etag).send().await.is_ok());
    assert!(read().if_none_match("\"other\"").send().await.is_ok());
    assert_refused(read().if_match("\"other\"").send().await, 412, "PreconditionFailed");
    assert_eq!(refusal(read().if_none_match(etag).send().await).0, 304);
    let (past, future) = (DateTime::from_secs(1), DateTime::from_secs(4_000_000_000));
    assert!(read().if_modified_since(past).send().await.is_ok());
    assert_eq!(refusal(read().if_modified_since(future).send().await).0, 304);
    assert!(read().if_unmodified_since(future).send().await.is_ok());
    assert_refused(read().if_unmodified_since(past).send().await, 412, "PreconditionFailed");
    // A connection that carried an answer without a body still works.
    assert_eq!(get(&client, "key").await, b"hello");

    let write = |key| client.put_object().bucket("lake").key(key);
    assert_refused(write("key").if_none_match("*").send().await, 412, "PreconditionFailed");
    assert!(write("new").if_none_match("*").send().await.is_ok());
    assert_refused(write("key").if_match("\"other\"").send().await, 412, "PreconditionFailed");
    assert_refused(write("none").if_match(etag).send().await, 404, "NoSuchKey");
    assert!(write("key").if_match(etag).send().await.is_ok());
    assert_refused(write("key").if_none_match(etag).send().await, 501, "NotImplemented");
}

#[tokio::test]
async fn checksums_are_verified_kept_and_told() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let write =
        || client.put_object().bucket("lake").key("key").body(ByteStream::from_static(b"hello"));
    let read =
        || client.get_object().bucket("lake").key("key").checksum_mode(ChecksumMode::Enabled);
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let put = write().checksum_algorithm(algorithm.clone()).send().await.unwrap();
        let object = read().send().await.unwrap();
        let told = [
            (put.checksum_crc32(), object.checksum_crc32()),
            (put.checksum_crc32_c(), object.checksum_crc32_c()),
            (put.checksum_crc64_nvme(), object.checksum_crc64_nvme()),
            (put.checksum_sha1(), object.checksum_sha1()),
            (put.checksum_sha256(), object.checksum_sha256()),
        ];
        assert_eq!(told.iter().filter(|(put, _)| put.is_some()).count(), 1, "{algorithm}");
        assert!(told.iter().all(|(put, get)| put == get), "{algorithm}: {told:?}");
        assert_eq!(object.body.collect().await.unwrap().to_vec(), b"hello", "{algorithm}");
    }
    let wrong = write().checksum_crc32("AAAAAA==").send().await;
    assert_refused(wrong, 400, "BadDigest");
    let wrong = write().content_md5("AAAAAAAAAAAAAAAAAAAAAA==").send().await;
    assert_refused(wrong, 400, "BadDigest");
    assert_refused(write().content_md5("AAAA").send().await, 400, "InvalidDigest");
    assert!(write().content_md5("XUFAKrxLKna5cZ2REBfFkg==").send().await.is_ok());
    let part = read().range("bytes=0-1").send().await.unwrap();
    assert_eq!(part.checksum_crc32(), None, "the checksum of the whole is not that of a part");
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let (emulator, client) = Emulator::start_with_lake().await;
    for key in ["a", "b", "c d", "e"] {
        put(&client, key, "text").await;
    }
    let delete = |keys: &[&str], quiet| {
        let identifiers = keys.iter().map(|key| ObjectIdentifier::builder().key(*key).build());
        let identifiers = identifiers.collect::<Result<Vec<_>, _>>().unwrap();
        let delete = Delete::builder().set_objects(Some(identifiers)).quiet(quiet).build();
        client.delete_objects().bucket("lake").delete(delete.unwrap()).send()
    };
    let answer = delete(&["a", "c d", "absent"], false).await.unwrap();
    let deleted: Vec<_> = answer.deleted().iter().filter_map(|object| object.key()).collect();
    assert_eq!(deleted, ["a", "c d", "absent"]);
    assert!(answer.errors().is_empty());
    let answer = delete(&["b"], true).await.unwrap();
    assert!(answer.deleted().is_empty());
    assert_eq!(emulator.store.object_count("lake", ""), 1);
    let too_many = vec!["key"; 1_001];
    assert_refused(delete(&too_many, false).await, 400, "MalformedXML");
}

#[tokio::test]
async fn a_presigned_url_works_until_it_expires() {
    let (emulator, client) = Emulator::start_with_lake().await;
    put(&client, "a key", "hello").await;
    let lifetime = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let url = client.get_object().bucket("lake").key("a key").presigned(lifetime).await.unwrap();
    let path = url.uri().split_once(&emulator.address.to_string()).unwrap().1;
    let fresh = crate::bodies::exchange(&emulator, "GET", path, &[], b"").await;
    assert!(fresh.starts_with("HTTP/1.1 200") && fresh.ends_with("hello"), "{fresh}");
    emulator.clock.advance(Duration::from_secs(3_600));
    let stale = crate::bodies::exchange(&emulator, "GET", path, &[], b"").await;
    assert!(stale.starts_with("HTTP/1.1 403") && stale.contains("Request has expired"), "{stale}");
}

#[tokio::test]
async fn dates_come_from_the_clock_that_can_be_moved() {
    let (emulator, client) = Emulator::start_with_lake().await;
    emulator.clock.advance(Duration::from_secs(30 * 86_400));
    put(&client, "key", "text").await;
    let head = client.head_object().bucket("lake").key("key").send().await.unwrap();
    let modified = SystemTime::try_from(*head.last_modified().unwrap()).unwrap();
    assert!(SystemTime::now() + Duration::from_secs(29 * 86_400) < modified);
}
