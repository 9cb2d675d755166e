//! The batch operations: what fails as a whole, and what fails entry by entry.

use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
};

use crate::server::{Server, check_refused};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

fn check_failed(failed: &[BatchResultErrorEntry], expected: &[(&str, &str, &str)]) {
    assert_eq!(expected.len(), failed.len(), "{failed:?}");
    for (failed, (id, code, part)) in failed.iter().zip(expected) {
        assert_eq!((*id, *code), (failed.id(), failed.code()));
        assert!(failed.message().unwrap().contains(part), "{failed:?}");
        assert!(failed.sender_fault());
    }
}

#[tokio::test]
async fn a_batch_sends_what_it_can_and_names_what_it_cannot() {
    let (server, url) = Server::with_queue().await;
    let late = SendMessageBatchRequestEntry::builder().id("late").message_body("late");
    let entries = vec![
        entry("good", "good"),
        entry("control", "a\u{1}"),
        late.delay_seconds(901).build().unwrap(),
        entry("fine", "fine"),
    ];
    let batch = server.client.send_message_batch().queue_url(&url).set_entries(Some(entries));
    let answer = batch.send().await.unwrap();
    let sent: Vec<&str> = answer.successful().iter().map(|sent| sent.id()).collect();
    assert_eq!(["good", "fine"], sent[..]);
    check_failed(
        answer.failed(),
        &[
            ("control", "InvalidMessageContents", "'#x1'"),
            ("late", "InvalidParameterValue", "DelaySeconds"),
        ],
    );
    assert_eq!(["fine", "good"], server.receive_bodies(&url).await[..]);
}

#[tokio::test]
async fn a_batch_that_breaks_the_rules_is_refused_as_a_whole() {
    let (server, url) = Server::with_queue().await;
    let send = |entries: Vec<SendMessageBatchRequestEntry>| {
        server.client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    let code = |name: &str| format!("AWS.SimpleQueueService.{name}");
    let part = "There should be at least one SendMessageBatchRequestEntry in the request.";
    check_refused(send(Vec::new()).await, &code("EmptyBatchRequest"), part);
    let eleven = (0..11).map(|index| entry(&index.to_string(), "a")).collect();
    let part = "Maximum number of entries per request are 10. You have sent 11.";
    check_refused(send(eleven).await, &code("TooManyEntriesInBatchRequest"), part);
    let twins = vec![entry("a", "a"), entry("a", "b")];
    check_refused(send(twins).await, &code("BatchEntryIdsNotDistinct"), "Id a repeated.");
    let part = "can only contain alphanumeric characters, hyphens and underscores";
    let illegal = send(vec![entry("a b", "a")]).await;
    assert!(illegal.as_ref().unwrap_err().as_service_error().unwrap().is_invalid_batch_entry_id());
    check_refused(illegal, &code("InvalidBatchEntryId"), part);
    let half = "x".repeat(524_288);
    let long = send(vec![entry("a", &half), entry("b", &format!("{half}x"))]).await;
    let part = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.";
    check_refused(long, &code("BatchRequestTooLong"), part);
    assert_eq!(["0", "0", "0"], server.counts(&url).await);
    let largest = send(vec![entry("a", &half), entry("b", &half)]).await.unwrap();
    assert_eq!(2, largest.successful().len());
}

#[tokio::test]
async fn batches_of_receipt_handles_fail_entry_by_entry() {
    let (server, url) = Server::with_queue().await;
    for body in ["a", "b"] {
        server.send(&url, body).await;
    }
    let received = server.receive(&url).send().await.unwrap().messages.unwrap();
    let handle = |index: usize| received[index].receipt_handle().unwrap();

    let change = |id: &str, handle: &str, seconds: i32| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).visibility_timeout(seconds).build().unwrap()
    };
    let request = server.client.change_message_visibility_batch().queue_url(&url);
    let request = request
        .entries(change("back", handle(0), 0))
        .entries(change("fake", "fake", 0))
        .entries(change("long", handle(1), 43_201));
    let answer = request.send().await.unwrap();
    assert_eq!("back", answer.successful()[0].id());
    check_failed(
        answer.failed(),
        &[
            ("fake", "ReceiptHandleIsInvalid", "\"fake\""),
            ("long", "InvalidParameterValue", "43201"),
        ],
    );
    assert_eq!(["1", "1", "0"], server.counts(&url).await);

    let delete = |id: &str, handle: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.build().unwrap()
    };
    let request = server.client.delete_message_batch().queue_url(&url);
    let request = request.entries(delete("one", handle(0))).entries(delete("two", handle(1)));
    let answer = request.entries(delete("fake", "fake")).send().await.unwrap();
    let deleted: Vec<&str> = answer.successful().iter().map(|done| done.id()).collect();
    assert_eq!(["one", "two"], deleted[..]);
    check_failed(answer.failed(), &[("fake", "ReceiptHandleIsInvalid", "\"fake\"")]);
    assert_eq!(["0", "0", "0"], server.counts(&url).await);

    let empty = server.client.delete_message_batch().queue_url(&url).set_entries(Some(Vec::new()));
    let part = "at least one DeleteMessageBatchRequestEntry";
    check_refused(empty.send().await, "AWS.SimpleQueueService.EmptyBatchRequest", part);
}
