//! One message at a time: send, receive, change visibility, delete.

use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as System,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName as Name,
};
use emulator_sqs::MessageState;

use crate::server::{ACCOUNT, Server, check_refused};

const INVALID: &str = "InvalidParameterValue";

fn text(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_message_goes_through_unchanged() {
    let (server, url) = Server::with_queue().await;
    let body = "{\"name\": \"Zoë \\u00e4 🦀\",\r\n\t\"path\": \"C:\\\\tmp\"}\u{7f}";
    let sent = server.client.send_message().queue_url(&url).message_body(body).send().await;
    let sent = sent.unwrap();
    let message = server.receive_one(&url).await;
    assert_eq!(Some(body), message.body());
    assert_eq!(sent.message_id(), message.message_id());
    assert_eq!(sent.md5_of_message_body(), message.md5_of_body());
    assert_eq!(None, message.attributes());

    let plain = server.client.send_message().queue_url(&url).message_body("hello world");
    let md5 = plain.send().await.unwrap().md5_of_message_body;
    assert_eq!(Some("5eb63bbbe01eeed093cb22bb8f5acdc3"), md5.as_deref());
}

#[tokio::test]
async fn message_attributes_go_through_and_are_chosen_by_name() {
    let (server, url) = Server::with_queue().await;
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new(b"Hello binary world!".as_slice()))
        .build()
        .unwrap();
    let request = server.client.send_message().queue_url(&url).message_body("a");
    let request = request.message_attributes("app.name", text("kit"));
    let sent = request.message_attributes("binaryAttribute", binary.clone()).send().await.unwrap();
    assert!(sent.md5_of_message_attributes().is_some());

    let receive = |name: &'static str| {
        server.receive(&url).visibility_timeout(0).message_attribute_names(name).send()
    };
    let all = receive("All").await.unwrap().messages.unwrap().remove(0);
    assert_eq!(sent.md5_of_message_attributes(), all.md5_of_message_attributes());
    assert_eq!(2, all.message_attributes().unwrap().len());
    // Of a choice the digest is over the choice; this one is published.
    let one = receive("binaryAttribute").await.unwrap().messages.unwrap().remove(0);
    assert_eq!(Some("31a92b15d92f8db860eda32aceb656c3"), one.md5_of_message_attributes());
    assert_eq!(Some(&binary), one.message_attributes().unwrap().get("binaryAttribute"));
    let prefix = receive("app.*").await.unwrap().messages.unwrap().remove(0);
    assert_eq!(Some(&text("kit")), prefix.message_attributes().unwrap().get("app.name"));
    let none = receive("nothing").await.unwrap().messages.unwrap().remove(0);
    assert_eq!((None, None), (none.message_attributes(), none.md5_of_message_attributes()));
}

#[tokio::test]
async fn system_attributes_tell_who_when_and_how_often() {
    let (server, url) = Server::with_queue().await;
    let trace = MessageSystemAttributeValue::builder().data_type("String");
    let trace = trace.string_value("Root=1-5759e988-bd862e3fe1be46a994272793").build().unwrap();
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let request = server.client.send_message().queue_url(&url).message_body("a");
    let request = request.message_system_attributes(name, trace).message_group_id("tenant-1");
    let sent = request.send().await.unwrap();
    assert!(sent.md5_of_message_system_attributes().is_some());

    server.receive(&url).visibility_timeout(0).send().await.unwrap();
    let request = server.receive(&url).visibility_timeout(0);
    let received = request.message_system_attribute_names(System::All).send().await.unwrap();
    let attributes = received.messages.unwrap().remove(0).attributes.unwrap();
    assert_eq!(ACCOUNT, attributes[&System::SenderId]);
    assert_eq!("2", attributes[&System::ApproximateReceiveCount]);
    assert_eq!("tenant-1", attributes[&System::MessageGroupId]);
    assert!(attributes[&System::AwsTraceHeader].starts_with("Root=1-"));
    let time = |name| attributes[&name].parse::<u64>().unwrap();
    assert!(time(System::SentTimestamp) <= time(System::ApproximateFirstReceiveTimestamp));
    assert!(time(System::ApproximateFirstReceiveTimestamp) <= server.clock.now_ms());
    assert_eq!(6, attributes.len());

    let request = server.receive(&url).message_system_attribute_names(System::SentTimestamp);
    let one = request.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(1, one.attributes.unwrap().len());
    let unknown = server.receive(&url).message_system_attribute_names(System::from("Colour"));
    check_refused(unknown.send().await, "InvalidAttributeName", "Unknown Attribute Colour.");
}

#[tokio::test]
async fn what_sqs_does_not_carry_is_refused() {
    let (server, url) = Server::with_queue().await;
    let send = |body: &str| server.client.send_message().queue_url(&url).message_body(body);
    let control = send("a\u{7}b").send().await;
    assert!(
        control.as_ref().unwrap_err().as_service_error().unwrap().is_invalid_message_contents()
    );
    check_refused(control, "InvalidMessageContents", "Invalid binary character '#x7' was found");
    check_refused(send("").send().await, "MissingParameter", "the parameter MessageBody.");

    let largest = "x".repeat(1_048_576);
    send(&largest).send().await.unwrap();
    let text_of = "Message must be shorter than 1048576 bytes.";
    check_refused(send(&format!("{largest}x")).send().await, INVALID, text_of);
    // Attributes count too.
    let with_attribute = send(&largest).message_attributes("a", text("b"));
    check_refused(with_attribute.send().await, INVALID, text_of);

    let late = send("a").delay_seconds(901).send().await;
    check_refused(late, INVALID, "Value 901 for parameter DelaySeconds is invalid.");
    let fifo = send("a").message_deduplication_id("1").send().await;
    check_refused(fifo, INVALID, "for parameter MessageDeduplicationId is invalid.");
    let empty = send("a").message_attributes("piyo", text(""));
    let part = "Message (user) attribute 'piyo' must contain a non-empty value of type 'String'.";
    check_refused(empty.send().await, INVALID, part);
}

#[tokio::test]
async fn a_queue_may_allow_shorter_messages_only() {
    let server = Server::start().await;
    let url = server.create("short", &[(Name::MaximumMessageSize, "1024")]).await;
    server.send(&url, &"x".repeat(1_024)).await;
    let long = server.client.send_message().queue_url(&url).message_body("x".repeat(1_025));
    check_refused(long.send().await, INVALID, "Message must be shorter than 1024 bytes.");
}

#[tokio::test]
async fn a_receive_hides_a_message_until_its_timeout_or_its_deletion() {
    let (server, url) = Server::with_queue().await;
    server.send(&url, "a").await;
    let first = server.receive_one(&url).await;
    assert!(server.receive_bodies(&url).await.is_empty());
    server.clock.advance(Duration::from_secs(30));
    let second = server.receive_one(&url).await;
    assert_ne!(first.receipt_handle(), second.receipt_handle());

    let delete = |handle: Option<&str>| {
        server.client.delete_message().queue_url(&url).receipt_handle(handle.unwrap()).send()
    };
    delete(first.receipt_handle()).await.unwrap();
    assert_eq!(["0", "1", "0"], server.counts(&url).await);
    delete(second.receipt_handle()).await.unwrap();
    assert_eq!(["0", "0", "0"], server.counts(&url).await);
    delete(second.receipt_handle()).await.unwrap();
}

#[tokio::test]
async fn a_changed_visibility_brings_a_message_back_sooner_or_later() {
    let (server, url) = Server::with_queue().await;
    server.send(&url, "a").await;
    let handle = server.receive_one(&url).await.receipt_handle.unwrap();
    let change = |seconds: i32| {
        let request = server.client.change_message_visibility().queue_url(&url);
        request.receipt_handle(&handle).visibility_timeout(seconds).send()
    };
    change(100).await.unwrap();
    server.clock.advance(Duration::from_secs(99));
    assert!(server.receive_bodies(&url).await.is_empty());
    let part = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
    check_refused(change(43_200).await, INVALID, part);
    check_refused(change(43_201).await, INVALID, "Value 43201 for parameter VisibilityTimeout");
    change(0).await.unwrap();
    let gone = change(10).await;
    assert!(gone.as_ref().unwrap_err().as_service_error().unwrap().is_message_not_inflight());
    check_refused(gone, "AWS.SimpleQueueService.MessageNotInflight", "isn't in flight");
    assert_eq!(["a"], server.receive_bodies(&url).await[..]);
    let stale = "Message does not exist or is not available for visibility timeout change.";
    check_refused(change(10).await, INVALID, stale);
}

#[tokio::test]
async fn a_receipt_handle_must_be_one_of_this_queue() {
    let (server, url) = Server::with_queue().await;
    let other = server.create("others", &[]).await;
    server.send(&other, "a").await;
    let foreign = server.receive_one(&other).await.receipt_handle.unwrap();
    let delete =
        |handle: &str| server.client.delete_message().queue_url(&url).receipt_handle(handle).send();
    let invalid = "ReceiptHandleIsInvalid";
    let fake = delete("fake").await;
    assert!(fake.as_ref().unwrap_err().as_service_error().unwrap().is_receipt_handle_is_invalid());
    let text_of = "The input receipt handle \"fake\" is not a valid receipt handle.";
    check_refused(fake, invalid, text_of);
    check_refused(delete(&foreign).await, invalid, "is not valid for this queue.");
    let change = server.client.change_message_visibility().queue_url(&url);
    let change = change.receipt_handle("fake").visibility_timeout(1).send().await;
    check_refused(change, invalid, "fake");
}

#[tokio::test]
async fn the_terms_of_a_receive_have_limits() {
    let (server, url) = Server::with_queue().await;
    let receive = || server.client.receive_message().queue_url(&url);
    for count in [0, 11] {
        let refused = receive().max_number_of_messages(count).send().await;
        check_refused(refused, INVALID, "Reason: Must be between 1 and 10, if provided.");
    }
    let refused = receive().wait_time_seconds(21).send().await;
    check_refused(refused, INVALID, "Reason: Must be >= 0 and <= 20, if provided.");
    let refused = receive().visibility_timeout(43_201).send().await;
    check_refused(refused, INVALID, "Value 43201 for parameter VisibilityTimeout is invalid.");
}

#[tokio::test]
async fn a_peek_shows_messages_without_receiving_them() {
    let (server, url) = Server::with_queue().await;
    let request = server.client.send_message().queue_url(&url).message_body("a");
    let sent = request.message_attributes("reason", text("bad")).send().await.unwrap();
    server.receive_one(&url).await;
    server.send(&url, "b").await;
    let peeked = server.sqs.peek("orders", 10);
    assert_eq!(2, peeked.len());
    assert_eq!(sent.message_id(), Some(&*peeked[0].message_id));
    assert_eq!(Some("bad"), peeked[0].message_attributes.get("reason").map(|text| &**text));
    assert_eq!((MessageState::InFlight, 1), (peeked[0].state, peeked[0].receive_count));
    assert_eq!((MessageState::Available, "b"), (peeked[1].state, &*peeked[1].body));
    assert_eq!(1, server.sqs.peek("orders", 1).len());
    assert!(server.sqs.peek("nowhere", 1).is_empty());
    assert_eq!(["1", "1", "0"], server.counts(&url).await);
}
