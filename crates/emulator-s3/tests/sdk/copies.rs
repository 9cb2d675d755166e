//! Copies of objects.

use aws_sdk_s3::types::MetadataDirective;

use crate::{Emulator, assert_refused, get, put};

#[tokio::test]
async fn a_copy_has_the_bytes_and_the_attributes_of_its_source() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    client.create_bucket().bucket("archive").send().await.unwrap();
    let write = client.put_object().bucket("lake").key("a b+c/é'%.json");
    let write = write.body(b"hello".to_vec().into()).content_type("text/x");
    write.metadata("origin", "berlin").send().await.unwrap();
    let copy = || {
        let copy = client.copy_object().bucket("archive").key("copy");
        copy.copy_source("lake/a%20b%2Bc/%C3%A9%27%25.json")
    };
    let answer = copy().send().await.unwrap();
    let result = answer.copy_object_result().unwrap();
    assert_eq!(result.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert!(result.last_modified().is_some());
    let head = || client.head_object().bucket("archive").key("copy").send();
    let copied = head().await.unwrap();
    assert_eq!(copied.content_type(), Some("text/x"));
    assert_eq!(copied.metadata().unwrap()["origin"], "berlin");
    let replaced = copy().metadata_directive(MetadataDirective::Replace).metadata("new", "yes");
    replaced.send().await.unwrap();
    let replaced = head().await.unwrap();
    assert_eq!(replaced.content_type(), Some("binary/octet-stream"));
    assert_eq!(replaced.metadata().unwrap().len(), 1);
    assert_eq!(get(&client, "a b+c/é'%.json").await, b"hello");
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "hello").await;
    let copy = || client.copy_object().bucket("lake").key("key").copy_source("lake/key");
    assert_refused(copy().send().await, 400, "InvalidRequest");
    let replace = copy().metadata_directive(MetadataDirective::Replace);
    replace.content_type("text/x").send().await.unwrap();
    assert_eq!(get(&client, "key").await, b"hello");
}

#[tokio::test]
async fn a_copy_heeds_its_conditions_and_its_places() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "hello").await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let copy = |source| client.copy_object().bucket("lake").key("copy").copy_source(source);
    assert!(copy("lake/key").copy_source_if_match(etag).send().await.is_ok());
    let unwanted = copy("lake/key").copy_source_if_none_match(etag).send().await;
    assert_refused(unwanted, 412, "PreconditionFailed");
    let unwanted = copy("lake/key").copy_source_if_match("\"other\"").send().await;
    assert_refused(unwanted, 412, "PreconditionFailed");
    assert_refused(copy("lake/none").send().await, 404, "NoSuchKey");
    assert_refused(copy("pond/key").send().await, 404, "NoSuchBucket");
    let nowhere = client.copy_object().bucket("pond").key("copy").copy_source("lake/key");
    assert_refused(nowhere.send().await, 404, "NoSuchBucket");
}
