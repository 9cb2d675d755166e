//! Long polls: what wakes them, and what must not be lost by them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::types::QueueAttributeName as Name;
use emulator_sqs::Sqs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::server::{DEADLINE, Server, check_refused};

type Polled = Result<ReceiveMessageOutput, aws_sdk_sqs::error::SdkError<ReceiveMessageError>>;

/// A long poll for one message, already under way.
fn poll(server: &Server, url: &str) -> JoinHandle<Polled> {
    let request = server.receive(url).max_number_of_messages(1).wait_time_seconds(20);
    tokio::spawn(async move { request.send().await })
}

async fn ended(poll: JoinHandle<Polled>) -> Polled {
    let ended = tokio::time::timeout(DEADLINE, poll).await;
    ended.expect("the poll ends before its time").expect("the poll does not panic")
}

async fn body_of(poll: JoinHandle<Polled>) -> String {
    let messages = ended(poll).await.unwrap().messages.unwrap_or_default();
    messages.into_iter().next().and_then(|message| message.body).expect("a message came")
}

#[tokio::test]
async fn a_message_wakes_a_poll_and_every_message_one_poll() {
    let (server, url) = Server::with_queue().await;
    let polls: Vec<_> = (0..8).map(|_| poll(&server, &url)).collect();
    for index in 0..8 {
        server.send(&url, &index.to_string()).await;
    }
    let mut bodies = Vec::new();
    for poll in polls {
        bodies.push(body_of(poll).await);
    }
    bodies.sort();
    assert_eq!(["0", "1", "2", "3", "4", "5", "6", "7"], bodies[..]);
}

#[tokio::test]
async fn a_batch_wakes_as_many_polls_as_it_has_messages() {
    let (server, url) = Server::with_queue().await;
    let polls: Vec<_> = (0..5).map(|_| poll(&server, &url)).collect();
    let entry = |index: usize| {
        aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body("a")
            .build()
            .unwrap()
    };
    let batch = server.client.send_message_batch().queue_url(&url);
    batch.set_entries(Some((0..5).map(entry).collect())).send().await.unwrap();
    for poll in polls {
        body_of(poll).await;
    }
}

#[tokio::test]
async fn a_message_that_returns_or_was_delayed_wakes_a_poll() {
    let (server, url) = Server::with_queue().await;
    server.send(&url, "returning").await;
    let handle = server.receive_one(&url).await.receipt_handle.unwrap();
    let first = poll(&server, &url);
    // Its timeout is made shorter while somebody waits already.
    let request = server.client.change_message_visibility().queue_url(&url);
    request.receipt_handle(handle).visibility_timeout(1).send().await.unwrap();
    assert_eq!("returning", body_of(first).await);

    let second = poll(&server, &url);
    let delayed = server.client.send_message().queue_url(&url).message_body("delayed");
    delayed.delay_seconds(900).send().await.unwrap();
    server.clock.advance(Duration::from_secs(5));
    let third = poll(&server, &url);
    server.clock.advance(Duration::from_secs(895));
    // The clock also ended the second poll's 20 seconds; one of the two gets the message.
    let mut bodies = Vec::new();
    for poll in [second, third] {
        let messages = ended(poll).await.unwrap().messages.unwrap_or_default();
        bodies.extend(messages.into_iter().filter_map(|message| message.body));
    }
    bodies.extend(server.receive_bodies(&url).await);
    assert!(bodies.contains(&"delayed".to_owned()), "{bodies:?}");
}

#[tokio::test]
async fn a_poll_without_messages_ends_after_its_time_or_the_queues() {
    let server = Server::start().await;
    let url = server.create("orders", &[(Name::ReceiveMessageWaitTimeSeconds, "1")]).await;
    let started = Instant::now();
    let empty = server.receive(&url).send().await.unwrap();
    assert!(empty.messages().is_empty());
    assert!(Duration::from_millis(900) < started.elapsed());
    let started = Instant::now();
    server.receive(&url).wait_time_seconds(0).send().await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(900));
}

#[tokio::test]
async fn a_moved_clock_ends_a_poll() {
    let (server, url) = Server::with_queue().await;
    let waiting = poll(&server, &url);
    // Whether the poll has begun cannot be seen from here: move the clock until it has ended.
    while !waiting.is_finished() {
        server.clock.advance(Duration::from_secs(20));
        tokio::task::yield_now().await;
    }
    assert!(ended(waiting).await.unwrap().messages().is_empty());
}

#[tokio::test]
async fn a_shutdown_answers_polls_at_once() {
    let (server, url) = Server::with_queue().await;
    let waiting = poll(&server, &url);
    server.sqs.shutdown();
    assert!(ended(waiting).await.unwrap().messages().is_empty());
    assert!(ended(poll(&server, &url)).await.unwrap().messages().is_empty());
    server.send(&url, "a").await;
    assert_eq!("a", body_of(poll(&server, &url)).await);
}

#[tokio::test]
async fn a_deleted_queue_ends_its_polls() {
    let (server, url) = Server::with_queue().await;
    let waiting = poll(&server, &url);
    server.client.delete_queue().queue_url(&url).send().await.unwrap();
    let code = "AWS.SimpleQueueService.NonExistentQueue";
    check_refused(ended(waiting).await, code, "does not exist");
}

#[tokio::test]
async fn a_client_that_leaves_takes_no_message_with_it() {
    let (server, url) = Server::with_queue().await;
    let body = format!(r#"{{"QueueUrl":"{url}","WaitTimeSeconds":20}}"#);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n\
         Content-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    for _ in 0..5 {
        let mut leaving = TcpStream::connect(&server.address).await.unwrap();
        leaving.write_all(request.as_bytes()).await.unwrap();
        // Half closed is gone: the server ends the connection, and with it the poll.
        leaving.shutdown().await.unwrap();
        let mut nothing = Vec::new();
        leaving.read_to_end(&mut nothing).await.unwrap();
        assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
    }
    server.send(&url, "a").await;
    assert_eq!(["a"], server.receive_bodies(&url).await[..]);
}

/// Receives three at a time and deletes, until all consumers together have `count` bodies.
async fn consume(
    client: aws_sdk_sqs::Client,
    sqs: Sqs,
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
    count: usize,
) {
    while bodies.lock().unwrap().len() < count {
        let request = client.receive_message().queue_url(&url).wait_time_seconds(20);
        let received = request.max_number_of_messages(3).send().await.unwrap();
        for message in received.messages.unwrap_or_default() {
            let handle = message.receipt_handle.unwrap();
            let delete = client.delete_message().queue_url(&url).receipt_handle(handle);
            delete.send().await.unwrap();
            bodies.lock().unwrap().push(message.body.unwrap());
        }
    }
    // The others may still be polling for more.
    sqs.shutdown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_message_is_received_exactly_once() {
    const COUNT: usize = 600;
    let (server, url) = Server::with_queue().await;
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let consumers: Vec<_> = (0..4)
        .map(|_| {
            let (client, sqs) = (server.client.clone(), server.sqs.clone());
            tokio::spawn(consume(client, sqs, url.clone(), Arc::clone(&bodies), COUNT))
        })
        .collect();
    for index in 0..COUNT {
        server.send(&url, &index.to_string()).await;
    }
    for consumer in consumers {
        tokio::time::timeout(DEADLINE, consumer).await.expect("all are received").unwrap();
    }
    let mut bodies = bodies.lock().unwrap().clone();
    bodies.sort_by_key(|body| body.parse::<usize>().unwrap());
    assert_eq!((0..COUNT).map(|index| index.to_string()).collect::<Vec<_>>(), bodies);
}
