//! Creating, finding, listing, tagging, purging and deleting queues.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::QueueAttributeName as Name;

use crate::server::{ACCOUNT, Server, check_refused, client};

const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

#[tokio::test]
async fn a_queue_is_created_once_and_found_by_any_host_name() {
    let (server, url) = Server::with_queue().await;
    assert_eq!(format!("http://{}/{ACCOUNT}/orders", server.address), url);
    assert_eq!(url, server.create("orders", &[(Name::VisibilityTimeout, "30")]).await);

    let found = server.client.get_queue_url().queue_name("orders").send().await.unwrap();
    assert_eq!(Some(&*url), found.queue_url());
    // A URL made under another name of this host still works.
    let port = server.address.rsplit_once(':').unwrap().1;
    let by_name = client(&format!("http://localhost:{port}"));
    let found = by_name.get_queue_url().queue_name("orders").send().await.unwrap();
    assert_eq!(Some(&*format!("http://localhost:{port}/{ACCOUNT}/orders")), found.queue_url());
    server.send("http://sqs.eu-central-1.amazonaws.com/000000000000/orders", "a").await;
    assert_eq!(["a"], server.receive_bodies(&url).await[..]);
}

#[tokio::test]
async fn the_same_name_with_other_attributes_is_refused() {
    let server = Server::start().await;
    server.create("orders", &[(Name::VisibilityTimeout, "5")]).await;
    // Without attributes, or with the same ones, it is the same queue.
    server.create("orders", &[]).await;
    server.create("orders", &[(Name::VisibilityTimeout, "5")]).await;
    let request = server.client.create_queue().queue_name("orders");
    let other = request.attributes(Name::VisibilityTimeout, "6").send().await;
    assert!(other.as_ref().unwrap_err().as_service_error().unwrap().is_queue_name_exists());
    let text = "already exists with the same name and a different value for attribute \
                VisibilityTimeout";
    check_refused(other, "QueueAlreadyExists", text);
}

#[tokio::test]
async fn what_cannot_be_a_queue_is_refused() {
    let server = Server::start().await;
    let create = |name: &str| server.client.create_queue().queue_name(name);
    let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80";
    check_refused(create("a b").send().await, "InvalidParameterValue", reason);

    let unsupported = "AWS.SimpleQueueService.UnsupportedOperation";
    check_refused(create("q.fifo").send().await, unsupported, "FIFO queues");
    let fifo = create("q").attributes(Name::FifoQueue, "true");
    check_refused(fifo.send().await, unsupported, "FIFO queues");
    let not_fifo = create("q").attributes(Name::FifoQueue, "false");
    check_refused(not_fifo.send().await, "InvalidAttributeName", "Unknown Attribute FifoQueue.");

    let timeout = create("q").attributes(Name::VisibilityTimeout, "43201");
    let text = "Invalid value for the parameter VisibilityTimeout.";
    check_refused(timeout.send().await, "InvalidAttributeValue", text);
    assert!(server.sqs.queue_names().is_empty());
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_not_found() {
    let server = Server::start().await;
    let url = format!("http://{}/{ACCOUNT}/nowhere", server.address);
    let client = &server.client;
    let text = "The specified queue does not exist.";
    let missing = client.get_queue_url().queue_name("nowhere").send().await;
    assert!(missing.as_ref().unwrap_err().as_service_error().unwrap().is_queue_does_not_exist());
    check_refused(missing, NO_QUEUE, text);
    let sent = client.send_message().queue_url(&url).message_body("a").send().await;
    assert!(sent.as_ref().unwrap_err().as_service_error().unwrap().is_queue_does_not_exist());
    check_refused(sent, NO_QUEUE, text);
    check_refused(client.receive_message().queue_url(&url).send().await, NO_QUEUE, text);
    check_refused(client.delete_queue().queue_url(&url).send().await, NO_QUEUE, text);
    let strange = client.receive_message().queue_url("nonsense").send().await;
    check_refused(strange, "InvalidAddress", "nonsense");
    let other_account =
        client.get_queue_url().queue_name("orders").queue_owner_aws_account_id("111122223333");
    check_refused(other_account.send().await, NO_QUEUE, text);
}

#[tokio::test]
async fn queues_are_listed_by_prefix_in_pages() {
    let server = Server::start().await;
    for name in ["b2", "a1", "b1", "b3"] {
        server.create(name, &[]).await;
    }
    let url = |name: &str| format!("http://{}/{ACCOUNT}/{name}", server.address);
    let all = server.client.list_queues().send().await.unwrap();
    assert_eq!([url("a1"), url("b1"), url("b2"), url("b3")], all.queue_urls()[..]);
    assert_eq!(None, all.next_token());

    let page = || server.client.list_queues().queue_name_prefix("b").max_results(2);
    let first = page().send().await.unwrap();
    assert_eq!([url("b1"), url("b2")], first.queue_urls()[..]);
    let second = page().next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!([url("b3")], second.queue_urls()[..]);
    assert_eq!(None, second.next_token());

    let too_many = server.client.list_queues().max_results(1_001).send().await;
    check_refused(too_many, "InvalidParameterValue", "Must be between 1 and 1000");
    let wrong = server.client.list_queues().next_token("?").send().await;
    check_refused(wrong, "InvalidParameterValue", "next token");
}

#[tokio::test]
async fn a_deleted_queue_is_gone_with_its_messages() {
    let (server, url) = Server::with_queue().await;
    server.send(&url, "a").await;
    server.client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = server.client.delete_queue().queue_url(&url).send().await.unwrap_err();
    assert_eq!(Some(NO_QUEUE), gone.code());
    server.create("orders", &[]).await;
    assert!(server.receive_bodies(&url).await.is_empty());
}

#[tokio::test]
async fn a_purge_empties_a_queue_once_a_minute() {
    let (server, url) = Server::with_queue().await;
    server.send(&url, "a").await;
    server.client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(["0", "0", "0"], server.counts(&url).await);
    let again = server.client.purge_queue().queue_url(&url).send().await;
    let text = "Only one PurgeQueue operation on orders is allowed every 60 seconds.";
    check_refused(again, "AWS.SimpleQueueService.PurgeQueueInProgress", text);
    server.clock.advance(std::time::Duration::from_secs(60));
    server.client.purge_queue().queue_url(&url).send().await.unwrap();
}

#[tokio::test]
async fn tags_are_set_listed_and_taken_away() {
    let server = Server::start().await;
    let create = server.client.create_queue().queue_name("orders").tags("team", "data");
    let url = create.send().await.unwrap().queue_url.unwrap();
    let tag = server.client.tag_queue().queue_url(&url).tags("stage", "test").tags("x", "");
    tag.send().await.unwrap();
    let untag = server.client.untag_queue().queue_url(&url).tag_keys("x").tag_keys("y");
    untag.send().await.unwrap();
    let listed = server.client.list_queue_tags().queue_url(&url).send().await.unwrap();
    let mut tags: Vec<_> = listed.tags.unwrap().into_iter().collect();
    tags.sort();
    let expected = [("stage", "test"), ("team", "data")];
    assert_eq!(expected.map(|(key, value)| (key.to_owned(), value.to_owned())), tags[..]);
    let long = server.client.tag_queue().queue_url(&url).tags("k".repeat(129), "v");
    check_refused(long.send().await, "InvalidParameterValue", "1 to 128");
}

#[tokio::test]
async fn a_reset_deletes_every_queue() {
    let (server, url) = Server::with_queue().await;
    server.create("others", &[]).await;
    assert_eq!(["orders", "others"], server.sqs.queue_names()[..]);
    server.sqs.reset();
    assert!(server.sqs.queue_names().is_empty());
    let gone = server.receive(&url).send().await;
    check_refused(gone, NO_QUEUE, "does not exist");
}
