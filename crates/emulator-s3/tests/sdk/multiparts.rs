//! Multipart uploads.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

use crate::{Emulator, assert_refused, get, noise};

const PART_BYTES: usize = 5 * 1024 * 1024;

async fn begin(client: &Client, key: &str) -> String {
    let upload = client.create_multipart_upload().bucket("lake").key(key);
    let upload = upload.content_type("text/x").send().await.unwrap();
    upload.upload_id().unwrap().to_owned()
}

async fn upload(client: &Client, id: &str, number: i32, bytes: Vec<u8>) -> CompletedPart {
    let part = client.upload_part().bucket("lake").key("key").upload_id(id).part_number(number);
    let part = part.body(ByteStream::from(bytes)).send().await.unwrap();
    let completed = CompletedPart::builder().part_number(number).e_tag(part.e_tag().unwrap());
    completed.set_checksum_crc32(part.checksum_crc32().map(str::to_owned)).build()
}

fn list(parts: impl IntoIterator<Item = CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts.into_iter().collect())).build()
}

#[tokio::test]
async fn parts_become_one_object() {
    let (emulator, client) = Emulator::start_with_lake().await;
    let id = begin(&client, "key").await;
    let bytes = noise(PART_BYTES * 2 + 10);
    // Out of order, with gaps in the numbers, and one part twice.
    let third = upload(&client, &id, 9, bytes[PART_BYTES * 2..].to_vec()).await;
    upload(&client, &id, 1, vec![0; 3]).await;
    let first = upload(&client, &id, 1, bytes[..PART_BYTES].to_vec()).await;
    let second = upload(&client, &id, 5, bytes[PART_BYTES..PART_BYTES * 2].to_vec()).await;
    assert_eq!(emulator.store.object_count("lake", ""), 0, "nothing is there before the end");

    let listed = client.list_parts().bucket("lake").key("key").upload_id(&id);
    let listed = listed.max_parts(2).send().await.unwrap();
    let numbers: Vec<_> = listed.parts().iter().filter_map(|part| part.part_number()).collect();
    assert_eq!((numbers, listed.is_truncated()), (vec![1, 5], Some(true)));
    assert_eq!(listed.next_part_number_marker(), Some("5"));
    assert_eq!(listed.parts()[0].size(), Some(PART_BYTES as i64));

    let complete = client.complete_multipart_upload().bucket("lake").key("key").upload_id(&id);
    let complete = complete.multipart_upload(list([first, second, third]));
    let answer = complete.clone().send().await.unwrap();
    assert!(answer.e_tag().unwrap().ends_with("-3\""));
    assert!(answer.location().unwrap().ends_with("/lake/key"));
    assert!(get(&client, "key").await == bytes);
    let head = client.head_object().bucket("lake").key("key").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/x"));
    assert_refused(complete.send().await, 404, "NoSuchUpload");

    let part = client.get_object().bucket("lake").key("key").part_number(2).send().await.unwrap();
    assert_eq!((part.parts_count(), part.content_length()), (Some(3), Some(PART_BYTES as i64)));
    let expected = format!("bytes {PART_BYTES}-{}/{}", PART_BYTES * 2 - 1, bytes.len());
    assert_eq!(part.content_range(), Some(expected.as_str()));

    // A copy is an object put whole.
    let copy = client.copy_object().bucket("lake").key("copy").copy_source("lake/key");
    let copy = copy.send().await.unwrap();
    assert!(!copy.copy_object_result().unwrap().e_tag().unwrap().contains('-'));
}

#[tokio::test]
async fn a_wrong_list_of_parts_is_refused() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let id = begin(&client, "key").await;
    let first = upload(&client, &id, 1, vec![b'a'; 10]).await;
    let second = upload(&client, &id, 2, vec![b'b'; 10]).await;
    let missing = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    let complete = |parts: Vec<CompletedPart>| {
        let complete = client.complete_multipart_upload().bucket("lake").key("key");
        complete.upload_id(&id).multipart_upload(list(parts)).send()
    };
    let both = vec![first.clone(), second.clone()];
    assert_refused(complete(both).await, 400, "EntityTooSmall");
    assert_refused(complete(vec![second, first.clone()]).await, 400, "InvalidPartOrder");
    assert_refused(complete(vec![missing]).await, 400, "InvalidPart");
    assert_refused(complete(vec![]).await, 400, "MalformedXML");
    assert!(complete(vec![first]).await.is_ok(), "one part may be small");
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let id = begin(&client, "key").await;
    upload(&client, &id, 1, vec![b'a'; 10]).await;
    let abort = || client.abort_multipart_upload().bucket("lake").key("key").upload_id(&id).send();
    abort().await.unwrap();
    assert_refused(abort().await, 404, "NoSuchUpload");
    let part = client.upload_part().bucket("lake").key("key").upload_id(&id).part_number(1);
    assert_refused(part.send().await, 404, "NoSuchUpload");
    let uploads = client.list_multipart_uploads().bucket("lake").send().await.unwrap();
    assert!(uploads.uploads().is_empty());
    for number in [0, 10_001] {
        let part = client.upload_part().bucket("lake").key("key").upload_id(&id);
        assert_refused(part.part_number(number).send().await, 400, "InvalidArgument");
    }
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_age() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let mut begun = Vec::new();
    for key in ["b", "a/1", "a/2", "b"] {
        begun.push((key.to_owned(), begin(&client, key).await));
    }
    begun.sort();
    let list_uploads = || client.list_multipart_uploads().bucket("lake");
    let mut listed = Vec::new();
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let page = list_uploads().max_uploads(1).set_key_marker(key_marker);
        let page = page.set_upload_id_marker(id_marker).send().await.unwrap();
        listed.extend(page.uploads().iter().map(|upload| {
            (upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned())
        }));
        if page.is_truncated() != Some(true) {
            break;
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
    }
    listed.sort();
    assert_eq!(listed, begun);
    let rolled_up = list_uploads().delimiter("/").send().await.unwrap();
    assert_eq!((rolled_up.uploads().len(), rolled_up.common_prefixes().len()), (2, 1));
    let inside = list_uploads().prefix("a/").send().await.unwrap();
    assert_eq!(inside.uploads().len(), 2);
}

#[tokio::test]
async fn a_part_can_be_copied_from_an_object() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    let bytes = noise(PART_BYTES + 100);
    let source = client.put_object().bucket("lake").key("source dir/é");
    source.body(ByteStream::from(bytes.clone())).send().await.unwrap();
    let id = begin(&client, "key").await;
    let copy = |number, range: String| {
        let copy = client.upload_part_copy().bucket("lake").key("key").upload_id(&id);
        let copy = copy.copy_source("lake/source%20dir/%C3%A9").part_number(number);
        copy.copy_source_range(range).send()
    };
    let mut parts = Vec::new();
    for (number, range) in [
        (1, format!("bytes=0-{}", PART_BYTES - 1)),
        (2, format!("bytes={PART_BYTES}-{}", PART_BYTES + 99)),
    ] {
        let part = copy(number, range).await.unwrap();
        let told = part.copy_part_result().unwrap();
        assert_eq!(told.checksum_crc64_nvme(), None, "nobody has asked for a checksum");
        let etag = told.e_tag().unwrap().to_owned();
        parts.push(CompletedPart::builder().part_number(number).e_tag(etag).build());
    }
    assert_refused(copy(3, "bytes=0-99999999".to_owned()).await, 400, "InvalidArgument");
    let complete = client.complete_multipart_upload().bucket("lake").key("key").upload_id(&id);
    complete.multipart_upload(list(parts)).send().await.unwrap();
    assert!(get(&client, "key").await == bytes);

    let create = client.create_multipart_upload().bucket("lake").key("summed");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    let copy = client.upload_part_copy().bucket("lake").key("summed").part_number(1);
    let copy = copy.upload_id(create.upload_id().unwrap()).copy_source("lake/key");
    let part = copy.send().await.unwrap();
    assert!(part.copy_part_result().unwrap().checksum_crc32().is_some(), "{part:?}");
}

#[tokio::test]
async fn the_checksum_of_the_whole_is_composed_or_full_as_asked() {
    let (_emulator, client) = Emulator::start_with_lake().await;
    for (kind, is_composed) in [(ChecksumType::Composite, true), (ChecksumType::FullObject, false)]
    {
        let create = client.create_multipart_upload().bucket("lake").key("key");
        let create =
            create.checksum_algorithm(ChecksumAlgorithm::Crc32).checksum_type(kind.clone());
        let id = create.send().await.unwrap().upload_id().unwrap().to_owned();
        let part = upload(&client, &id, 1, noise(1_000)).await;
        let complete = client.complete_multipart_upload().bucket("lake").key("key").upload_id(&id);
        complete.multipart_upload(list([part.clone()])).send().await.unwrap();
        let head = client.head_object().bucket("lake").key("key");
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(head.checksum_type(), Some(&kind));
        let whole = head.checksum_crc32().unwrap();
        assert_eq!(whole.ends_with("-1"), is_composed, "{whole}");
        assert_eq!(Some(whole) == part.checksum_crc32(), !is_composed, "{whole}");
        assert!(get(&client, "key").await == noise(1_000));
    }
    let create = client.create_multipart_upload().bucket("lake").key("key");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Sha256);
    let refused = create.checksum_type(ChecksumType::FullObject).send().await;
    assert_refused(refused, 400, "InvalidRequest");
}
