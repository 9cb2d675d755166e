//! The calls: every operation that the programs use, well and badly.
//!
//! Every case is one step; an error is an answer like any other, so outcomes are not looked at here.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload,
    CompletedPart, CreateBucketConfiguration, Delete, ObjectIdentifier,
};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry as Change, DeleteMessageBatchRequestEntry as Gone,
    MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry as Entry,
};
use blueshift::Stack;
use blueshift::provision::sdk_config;

use super::record::{Exchange, Recorder};

/// Where both are.
pub(super) const REGION: &str = "eu-central-1";

/// No part but the last may be smaller (S3 User Guide, "Multipart upload limits").
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Plays all and returns the answers.
pub(super) async fn play(stack: &Stack) -> anyhow::Result<Vec<Exchange>> {
    let recorder = Recorder::default();
    let config = sdk_config(stack.endpoints()).await;
    let sqs = aws_sdk_sqs::config::Builder::from(&config).interceptor(recorder.clone()).build();
    let s3 = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .interceptor(recorder.clone())
        .build();
    queues(&aws_sdk_sqs::Client::from_conf(sqs), &recorder).await;
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    buckets(&s3, &recorder).await;
    objects(&s3, &recorder).await?;
    multipart(&s3, &recorder).await?;
    copies_of_parts(&s3, &recorder).await;
    Ok(recorder.exchanges())
}

async fn queues(sqs: &aws_sdk_sqs::Client, recorder: &Recorder) {
    recorder.step("CreateQueue: with attributes");
    let create = sqs.create_queue().queue_name("q");
    let create = create.attributes(QueueAttributeName::VisibilityTimeout, "60");
    let created = create.send().await.ok();
    let url = created.and_then(|created| created.queue_url).unwrap_or_default();
    recorder.step("CreateQueue: the same again");
    let again = sqs.create_queue().queue_name("q");
    let _ = again.attributes(QueueAttributeName::VisibilityTimeout, "60").send().await;
    recorder.step("CreateQueue: with other attributes");
    let other = sqs.create_queue().queue_name("q");
    let _ = other.attributes(QueueAttributeName::VisibilityTimeout, "61").send().await;
    recorder.step("CreateQueue: a bad name");
    let _ = sqs.create_queue().queue_name("q!").send().await;
    recorder.step("GetQueueUrl");
    let _ = sqs.get_queue_url().queue_name("q").send().await;
    recorder.step("GetQueueUrl: of none");
    let _ = sqs.get_queue_url().queue_name("none").send().await;
    recorder.step("SetQueueAttributes");
    let set = sqs.set_queue_attributes().queue_url(&url);
    let _ = set.attributes(QueueAttributeName::DelaySeconds, "0").send().await;
    recorder.step("GetQueueAttributes: all");
    let all = sqs.get_queue_attributes().queue_url(&url);
    let _ = all.attribute_names(QueueAttributeName::All).send().await;
    recorder.step("GetQueueAttributes: two");
    let two = sqs.get_queue_attributes().queue_url(&url);
    let two = two.attribute_names(QueueAttributeName::QueueArn);
    let _ = two.attribute_names(QueueAttributeName::ApproximateNumberOfMessages).send().await;
    messages(sqs, &url, recorder).await;
    // Last, because LocalStack takes it.
    recorder.step("SetQueueAttributes: a bad value");
    let set = sqs.set_queue_attributes().queue_url(&url);
    let _ = set.attributes(QueueAttributeName::DelaySeconds, "901").send().await;
    recorder.step("PurgeQueue");
    let _ = sqs.purge_queue().queue_url(&url).send().await;
    recorder.step("PurgeQueue: again at once");
    let _ = sqs.purge_queue().queue_url(&url).send().await;
}

async fn messages(sqs: &aws_sdk_sqs::Client, url: &str, recorder: &Recorder) {
    let note = MessageAttributeValue::builder().data_type("String").string_value("note").build();
    let note = note.expect("it has a type");
    recorder.step("SendMessage");
    let _ = sqs.send_message().queue_url(url).message_body("{\"a\": 1}").send().await;
    recorder.step("ReceiveMessage: one with all attributes");
    let receive = sqs.receive_message().queue_url(url).message_attribute_names("All");
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    let received = receive.send().await.ok().and_then(|it| it.messages).unwrap_or_default();
    let handle = received.into_iter().find_map(|it| it.receipt_handle).unwrap_or_default();
    recorder.step("ChangeMessageVisibility");
    let change = sqs.change_message_visibility().queue_url(url).receipt_handle(&handle);
    let _ = change.visibility_timeout(30).send().await;
    recorder.step("ChangeMessageVisibility: too long");
    let change = sqs.change_message_visibility().queue_url(url).receipt_handle(&handle);
    let _ = change.visibility_timeout(43_201).send().await;
    recorder.step("DeleteMessage");
    let _ = sqs.delete_message().queue_url(url).receipt_handle(&handle).send().await;
    recorder.step("DeleteMessage: again");
    let _ = sqs.delete_message().queue_url(url).receipt_handle(&handle).send().await;
    recorder.step("DeleteMessage: no handle of SQS");
    let _ = sqs.delete_message().queue_url(url).receipt_handle("nonsense").send().await;
    recorder.step("ReceiveMessage: an empty queue");
    let _ = sqs.receive_message().queue_url(url).send().await;
    recorder.step("ReceiveMessage: eleven");
    let _ = sqs.receive_message().queue_url(url).max_number_of_messages(11).send().await;
    recorder.step("ReceiveMessage: of no queue");
    let _ = sqs.receive_message().queue_url(format!("{url}-none")).send().await;
    recorder.step("SendMessage: an empty body");
    let _ = sqs.send_message().queue_url(url).message_body("").send().await;

    recorder.step("SendMessageBatch: one good, one bad");
    let good = Entry::builder().id("a").message_body("x").message_attributes("Note", note);
    let bad = Entry::builder().id("b").message_body("x").delay_seconds(901);
    let batch = sqs.send_message_batch().queue_url(url).entries(good.build().expect("complete"));
    let _ = batch.entries(bad.build().expect("complete")).send().await;
    recorder.step("SendMessageBatch: an id twice");
    let twice = || Entry::builder().id("a").message_body("x").build().expect("complete");
    let _ = sqs.send_message_batch().queue_url(url).entries(twice()).entries(twice()).send().await;
    recorder.step("SendMessageBatch: empty");
    let _ = sqs.send_message_batch().queue_url(url).set_entries(Some(Vec::new())).send().await;
    recorder.step("ReceiveMessage: with a message attribute");
    let receive = sqs.receive_message().queue_url(url).message_attribute_names("All");
    let received = receive.send().await.ok().and_then(|it| it.messages).unwrap_or_default();
    let handle = received.into_iter().find_map(|it| it.receipt_handle).unwrap_or_default();
    recorder.step("ChangeMessageVisibilityBatch: one good, one bad");
    let change = |id: &str, handle: &str| {
        let entry = Change::builder().id(id).receipt_handle(handle).visibility_timeout(0);
        entry.build().expect("complete")
    };
    let batch = sqs.change_message_visibility_batch().queue_url(url);
    let batch = batch.entries(change("a", &handle)).entries(change("b", "nonsense"));
    let _ = batch.send().await;
    recorder.step("DeleteMessageBatch: one good, one bad");
    let gone = |id: &str, handle: &str| {
        Gone::builder().id(id).receipt_handle(handle).build().expect("complete")
    };
    let batch = sqs.delete_message_batch().queue_url(url);
    let _ = batch.entries(gone("a", &handle)).entries(gone("b", "nonsense")).send().await;
}

async fn buckets(s3: &aws_sdk_s3::Client, recorder: &Recorder) {
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::from(REGION))
        .build();
    recorder.step("CreateBucket");
    let create = s3.create_bucket().bucket("lake").create_bucket_configuration(place.clone());
    let _ = create.send().await;
    recorder.step("CreateBucket: again");
    let create = s3.create_bucket().bucket("lake").create_bucket_configuration(place.clone());
    let _ = create.send().await;
    recorder.step("CreateBucket: a bad name");
    let create = s3.create_bucket().bucket("La").create_bucket_configuration(place);
    let _ = create.send().await;
    recorder.step("HeadBucket");
    let _ = s3.head_bucket().bucket("lake").send().await;
    recorder.step("HeadBucket: of none");
    let _ = s3.head_bucket().bucket("no-such-lake").send().await;
}

async fn objects(s3: &aws_sdk_s3::Client, recorder: &Recorder) -> anyhow::Result<()> {
    let put = |key: &str| s3.put_object().bucket("lake").key(key);
    let get = |key: &str| s3.get_object().bucket("lake").key(key);
    let body = |text: &'static str| ByteStream::from_static(text.as_bytes());
    recorder.step("PutObject");
    let _ = put("events/a").body(body("{\"a\": 1}\n")).send().await;
    recorder.step("PutObject: with type and metadata");
    let typed = put("events/b ü+.json").body(body("{}")).content_type("application/json");
    let _ = typed.metadata("run", "7").send().await;
    recorder.step("PutObject: only if there is none");
    let _ = put("events/a").body(body("x")).if_none_match("*").send().await;
    recorder.step("PutObject: into no bucket");
    let none = s3.put_object().bucket("no-such-lake").key("k");
    let _ = none.body(body("x")).send().await;
    for (step, request) in [
        ("GetObject", get("events/a")),
        ("GetObject: a range", get("events/a").range("bytes=1-3")),
        ("GetObject: a range beyond the end", get("events/a").range("bytes=90-")),
        ("GetObject: with metadata", get("events/b ü+.json")),
        ("GetObject: of none", get("events/none")),
        ("GetObject: only if it is another", get("events/a").if_none_match("*")),
    ] {
        recorder.step(step);
        if let Ok(answer) = request.send().await {
            let bytes = answer.body.collect().await?.into_bytes();
            recorder.add("body", String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    recorder.step("HeadObject");
    let _ = s3.head_object().bucket("lake").key("events/a").send().await;
    recorder.step("HeadObject: of none");
    let _ = s3.head_object().bucket("lake").key("events/none").send().await;
    recorder.step("CopyObject");
    let copy = s3.copy_object().bucket("lake").key("archive/a").copy_source("lake/events/a");
    let _ = copy.send().await;
    recorder.step("CopyObject: of none");
    let copy = s3.copy_object().bucket("lake").key("archive/n").copy_source("lake/events/none");
    let _ = copy.send().await;
    let list = || s3.list_objects_v2().bucket("lake");
    recorder.step("ListObjectsV2: a prefix");
    let _ = list().prefix("events/").send().await;
    recorder.step("ListObjectsV2: folders");
    let _ = list().delimiter("/").send().await;
    recorder.step("ListObjectsV2: a page of one");
    let page = list().max_keys(1).send().await.ok();
    recorder.step("ListObjectsV2: the next page");
    let token = page.and_then(|page| page.next_continuation_token);
    let _ = list().max_keys(1).set_continuation_token(token).send().await;
    recorder.step("ListObjectsV2: nothing there");
    let _ = list().prefix("none/").send().await;
    recorder.step("ListObjectsV2: of no bucket");
    let _ = s3.list_objects_v2().bucket("no-such-lake").send().await;
    recorder.step("DeleteObject");
    let _ = s3.delete_object().bucket("lake").key("archive/a").send().await;
    recorder.step("DeleteObject: of none");
    let _ = s3.delete_object().bucket("lake").key("archive/a").send().await;
    recorder.step("DeleteObjects");
    let keys = ["events/a", "events/none"]
        .map(|key| ObjectIdentifier::builder().key(key).build().expect("it has a key"));
    let delete = Delete::builder().set_objects(Some(keys.to_vec())).build()?;
    let _ = s3.delete_objects().bucket("lake").delete(delete).send().await;
    Ok(())
}

async fn multipart(s3: &aws_sdk_s3::Client, recorder: &Recorder) -> anyhow::Result<()> {
    recorder.step("CreateMultipartUpload");
    let create = s3.create_multipart_upload().bucket("lake").key("big");
    let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let created = create.checksum_type(ChecksumType::FullObject).send().await.ok();
    let id = created.and_then(|created| created.upload_id).unwrap_or_default();
    let mut parts = Vec::new();
    for (number, size) in [(1, PART_BYTES), (2, 10)] {
        recorder.step(&format!("UploadPart: {number}"));
        let upload = s3.upload_part().bucket("lake").key("big").upload_id(&id).part_number(number);
        let upload = upload.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let answer = upload.body(ByteStream::from(vec![b'x'; size])).send().await;
        let (tag, sum) = answer.map(|it| (it.e_tag, it.checksum_crc32)).unwrap_or_default();
        let part = CompletedPart::builder().part_number(number).set_e_tag(tag);
        parts.push(part.set_checksum_crc32(sum).build());
    }
    recorder.step("ListParts");
    let _ = s3.list_parts().bucket("lake").key("big").upload_id(&id).send().await;
    recorder.step("CompleteMultipartUpload");
    let all = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.complete_multipart_upload().bucket("lake").key("big").upload_id(&id);
    let complete = complete.checksum_type(ChecksumType::FullObject);
    let _ = complete.multipart_upload(all).send().await;
    recorder.step("HeadObject: of parts");
    let _ = s3.head_object().bucket("lake").key("big").send().await;
    recorder.step("CreateMultipartUpload: to be given up");
    let created = s3.create_multipart_upload().bucket("lake").key("given-up").send().await.ok();
    let id = created.and_then(|created| created.upload_id).unwrap_or_default();
    recorder.step("AbortMultipartUpload");
    let abort = s3.abort_multipart_upload().bucket("lake").key("given-up").upload_id(&id);
    let _ = abort.send().await;
    recorder.step("AbortMultipartUpload: of none");
    let abort = s3.abort_multipart_upload().bucket("lake").key("given-up").upload_id("none");
    let _ = abort.send().await;
    Ok(())
}

/// Parts that are copied from what [`multipart`] has made.
async fn copies_of_parts(s3: &aws_sdk_s3::Client, recorder: &Recorder) {
    recorder.step("CreateMultipartUpload: of copies");
    let created = s3.create_multipart_upload().bucket("lake").key("copied").send().await.ok();
    let id = created.and_then(|created| created.upload_id).unwrap_or_default();
    let copy = |number: i32, source: &str| {
        let copy = s3.upload_part_copy().bucket("lake").key("copied").upload_id(&id);
        copy.part_number(number).copy_source(source)
    };
    for (step, request) in [
        ("UploadPartCopy", copy(1, "lake/big")),
        ("UploadPartCopy: a range", copy(2, "lake/big").copy_source_range("bytes=1-9")),
        ("UploadPartCopy: of no such key", copy(3, "lake/none")),
    ] {
        recorder.step(step);
        let _ = request.send().await;
    }
    recorder.step("AbortMultipartUpload: of copies");
    let abort = s3.abort_multipart_upload().bucket("lake").key("copied").upload_id(&id);
    let _ = abort.send().await;
}
