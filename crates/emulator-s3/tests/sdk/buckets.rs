//! Buckets, and the store as the kit sees it.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use crate::{Emulator, assert_refused, put};

fn in_frankfurt() -> CreateBucketConfiguration {
    let frankfurt = BucketLocationConstraint::EuCentral1;
    CreateBucketConfiguration::builder().location_constraint(frankfurt).build()
}

#[tokio::test]
async fn a_bucket_is_created_found_listed_and_deleted() {
    let emulator = Emulator::start().await;
    let client = emulator.client();
    for name in ["zebra", "lake", "lake-2"] {
        client.create_bucket().bucket(name).send().await.unwrap();
    }
    let head = client.head_bucket().bucket("lake").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("us-east-1"));
    let listed = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, ["lake", "lake-2", "zebra"]);
    assert!(listed.buckets()[0].creation_date().is_some());
    assert!(listed.owner().is_some());
    client.delete_bucket().bucket("lake").send().await.unwrap();
    assert_refused(client.delete_bucket().bucket("lake").send().await, 404, "NoSuchBucket");
    // A HEAD answer has no body, so the SDK makes the code of the status.
    assert_refused(client.head_bucket().bucket("lake").send().await, 404, "NotFound");
}

#[tokio::test]
async fn buckets_are_listed_in_pages() {
    let emulator = Emulator::start().await;
    let client = emulator.client();
    for index in 0..5 {
        client.create_bucket().bucket(format!("lake-{index}")).send().await.unwrap();
    }
    let first = client.list_buckets().prefix("lake-").max_buckets(3).send().await.unwrap();
    assert_eq!(first.buckets().len(), 3);
    let token = first.continuation_token().unwrap();
    let rest = client.list_buckets().max_buckets(3).continuation_token(token).send().await.unwrap();
    assert_eq!(rest.buckets().len(), 2);
    assert_eq!(rest.continuation_token(), None);
}

#[tokio::test]
async fn creating_a_bucket_again_is_an_error_but_in_the_default_region() {
    let emulator = Emulator::start().await;
    let client = emulator.client();
    for _ in 0..2 {
        client.create_bucket().bucket("lake").send().await.unwrap();
    }
    let create = || client.create_bucket().bucket("rhine");
    create().create_bucket_configuration(in_frankfurt()).send().await.unwrap();
    let again = create().create_bucket_configuration(in_frankfurt()).send().await;
    assert_refused(again, 409, "BucketAlreadyOwnedByYou");
    let nowhere = BucketLocationConstraint::from("us-east-1");
    let nowhere = CreateBucketConfiguration::builder().location_constraint(nowhere).build();
    let refused = client.create_bucket().bucket("new").create_bucket_configuration(nowhere);
    assert_refused(refused.send().await, 400, "InvalidLocationConstraint");
}

#[tokio::test]
async fn a_location_is_null_in_the_default_region() {
    let emulator = Emulator::start().await;
    let client = emulator.client();
    client.create_bucket().bucket("lake").send().await.unwrap();
    let create = client.create_bucket().bucket("rhine");
    create.create_bucket_configuration(in_frankfurt()).send().await.unwrap();
    for (bucket, expected) in
        [("lake", None), ("rhine", Some(BucketLocationConstraint::EuCentral1))]
    {
        let answer = client.get_bucket_location().bucket(bucket).send().await.unwrap();
        let constraint = answer.location_constraint().filter(|name| !name.as_str().is_empty());
        assert_eq!(constraint, expected.as_ref(), "{bucket}");
    }
}

#[tokio::test]
async fn a_bad_bucket_name_is_refused() {
    let emulator = Emulator::start().await;
    let client = emulator.client();
    for name in ["ab", "Lake", "lake_1", "-lake", "lake.", "192.168.1.1", &"x".repeat(64)] {
        let answer = client.create_bucket().bucket(name).send().await;
        assert_refused(answer, 400, "InvalidBucketName");
    }
}

#[tokio::test]
async fn a_bucket_with_objects_is_not_deleted() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    put(&client, "key", "text").await;
    assert_refused(client.delete_bucket().bucket("lake").send().await, 409, "BucketNotEmpty");
}

#[tokio::test]
async fn what_is_not_emulated_says_so() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let answer = client.get_bucket_versioning().bucket("lake").send().await;
    assert_refused(answer, 501, "NotImplemented");
}

#[tokio::test]
async fn the_kit_can_look_into_the_store_and_empty_it() {
    let (emulator, client) = Emulator::start_with_lake().await;
    for key in ["events/1", "events/2", "archive/1", "eventually"] {
        put(&client, key, "text").await;
    }
    assert_eq!(emulator.store.bucket_names(), ["lake"]);
    assert_eq!(emulator.store.object_count("lake", "events/"), 2);
    assert_eq!(emulator.store.object_count("lake", ""), 4);
    assert_eq!(emulator.store.object_count("pond", ""), 0);
    emulator.store.reset();
    assert!(emulator.store.bucket_names().is_empty());
}
