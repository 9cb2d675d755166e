//! What goes over the wire, for clients that are no AWS SDK.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// The answer to one request: status line and headers in lower case, and the body.
async fn post(server: &Server, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: queue.test:99\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

async fn call(server: &Server, operation: &str, body: &str) -> (String, String) {
    post(server, &format!("X-Amz-Target: AmazonSQS.{operation}\r\n"), body).await
}

#[tokio::test]
async fn a_queue_url_has_the_host_of_the_request() {
    let server = Server::start().await;
    let (head, body) = call(&server, "CreateQueue", r#"{"QueueName":"q"}"#).await;
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    assert!(head.contains("content-type: application/x-amz-json-1.0"), "{head}");
    assert!(head.contains("x-amzn-requestid: "), "{head}");
    assert_eq!(r#"{"QueueUrl":"http://queue.test:99/000000000000/q"}"#, body);
}

#[tokio::test]
async fn an_error_has_type_text_and_the_code_of_the_query_protocol() {
    let server = Server::start().await;
    let (head, body) = call(&server, "GetQueueUrl", r#"{"QueueName":"q"}"#).await;
    assert!(head.starts_with("http/1.1 400 bad request"), "{head}");
    let code = "x-amzn-query-error: aws.simplequeueservice.nonexistentqueue;sender";
    assert!(head.contains(code), "{head}");
    assert_eq!(
        "{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\
         \"message\":\"The specified queue does not exist.\"}",
        body
    );
}

async fn check_type(operation: &str, body: &str, expected: &str) {
    let server = Server::start().await;
    let (head, body) = call(&server, operation, body).await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    assert!(body.starts_with(&format!(r#"{{"__type":"{expected}""#)), "{body}");
}

#[tokio::test]
async fn what_is_not_understood_or_not_emulated_is_refused_by_name() {
    check_type("Frobnicate", "{}", "com.amazon.coral.service#UnknownOperationException").await;
    check_type("SendMessage", "{", "com.amazon.coral.service#SerializationException").await;
    let missing = "com.amazon.coral.service#MissingRequiredParameterException";
    check_type("SendMessage", "", missing).await;
    check_type("CreateQueue", "{}", missing).await;
    for operation in ["StartMessageMoveTask", "CancelMessageMoveTask", "ListMessageMoveTasks"] {
        check_type(operation, "{}", "com.amazonaws.sqs#UnsupportedOperation").await;
    }
    check_type("AddPermission", "{}", "com.amazonaws.sqs#UnsupportedOperation").await;
}

#[tokio::test]
async fn an_empty_receive_is_an_empty_object() {
    let server = Server::start().await;
    call(&server, "CreateQueue", r#"{"QueueName":"q"}"#).await;
    let (_, body) = call(&server, "ReceiveMessage", r#"{"QueueUrl":"http://x/0/q"}"#).await;
    assert_eq!("{}", body);
    let (_, body) = call(&server, "PurgeQueue", r#"{"QueueUrl":"http://x/0/q"}"#).await;
    assert_eq!("{}", body);
}

#[tokio::test]
async fn the_query_protocol_is_refused_in_its_own_format() {
    let server = Server::start().await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (head, body) = post(&server, form, "Action=ListQueues&Version=2012-11-05").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    assert!(head.contains("content-type: text/xml"), "{head}");
    assert!(body.contains("<Code>AWS.SimpleQueueService.UnsupportedOperation</Code>"), "{body}");
    assert!(body.contains("Query protocol"), "{body}");
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused() {
    let server = Server::start().await;
    let body = format!(r#"{{"QueueName":"{}"}}"#, "q".repeat(8 << 20));
    let (head, body) = call(&server, "CreateQueue", &body).await;
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert!(body.contains("longer than 8388608 bytes"), "{body}");
}
