//! Which operation a request asks for; and each action against a service that counts its calls.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::super::plan::{Plan, Rule};
use super::*;
use crate::serve::serve;

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = ::http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn s3_operations_are_told_by_method_path_and_query() {
    let copy = [("x-amz-copy-source", "lake/a")];
    for (method, uri, headers, expected) in [
        ("GET", "/", &[][..], "ListBuckets "),
        ("GET", "/lake?list-type=2&prefix=events%2F", &[], "ListObjectsV2 lake"),
        ("GET", "/lake/", &[], "ListObjects lake"),
        ("GET", "/lake?location", &[], "GetBucketLocation lake"),
        ("PUT", "/lake", &[], "CreateBucket lake"),
        ("HEAD", "/lake", &[], "HeadBucket lake"),
        ("POST", "/lake?delete", &[], "DeleteObjects lake"),
        ("PUT", "/lake/events/x", &[], "PutObject lake/events/x"),
        ("PUT", "/lake/archive/x", &copy, "CopyObject lake/archive/x"),
        ("PUT", "/lake/x?partNumber=1&uploadId=u", &[], "UploadPart lake/x"),
        ("PUT", "/lake/x?partNumber=1&uploadId=u", &copy, "UploadPartCopy lake/x"),
        ("POST", "/lake/x?uploads", &[], "CreateMultipartUpload lake/x"),
        ("POST", "/lake/x?uploadId=u", &[], "CompleteMultipartUpload lake/x"),
        ("DELETE", "/lake/x?uploadId=u", &[], "AbortMultipartUpload lake/x"),
        ("DELETE", "/lake/x", &[], "DeleteObject lake/x"),
        ("HEAD", "/lake/x", &[], "HeadObject lake/x"),
        ("GET", "/x", &[("host", "lake.s3.amazonaws.com")], "GetObject lake/x"),
        ("GET", "/", &[("host", "lake.localhost:4566")], "ListObjects lake"),
        ("GET", "/lake/x", &[("host", "localhost:4566")], "GetObject lake/x"),
    ] {
        let call = s3_call(&parts(method, uri, headers));
        assert_eq!(format!("{} {}", call.operation, call.resource), expected, "{method} {uri}");
    }
}

#[test]
fn the_caller_is_the_access_key_of_the_signature() {
    let signed = "AWS4-HMAC-SHA256 Credential=03-consume-events/20260101/r/sqs/aws4_request, \
                  SignedHeaders=host, Signature=0";
    for (uri, headers, expected) in [
        ("/", &[("authorization", signed)][..], "03-consume-events"),
        ("/x?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=0", &[], "AKIA"),
        ("/", &[], "anonymous"),
    ] {
        assert_eq!(caller(&parts("GET", uri, headers)), expected);
    }
}

#[test]
fn sqs_operations_are_told_by_target_and_body() {
    let target = [("x-amz-target", "AmazonSQS.DeleteMessageBatch")];
    let call = sqs_call(&parts("POST", "/", &target), br#"{"QueueUrl":"http://h/0/events"}"#);
    assert_eq!((&*call.operation, &*call.resource), ("DeleteMessageBatch", "events"));
    let call = sqs_call(&parts("POST", "/", &[]), b"\xFF");
    assert_eq!((&*call.operation, &*call.resource), ("", ""));
}

/// Confirms every entry of a batch and counts the calls that take effect: while their answers are
/// read, as CompleteMultipartUpload does.
struct Counting(Arc<AtomicUsize>);

impl Service for Counting {
    fn call(&self, request: Request) -> ResponseFuture {
        let count = Arc::clone(&self.0);
        Box::pin(async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let batch: Value = serde_json::from_slice(&body).unwrap();
            let entries = batch["Entries"].as_array().cloned().unwrap_or_default();
            let ids: Vec<_> = entries.iter().map(|entry| json!({ "Id": entry["Id"] })).collect();
            let text = json!({ "Successful": ids }).to_string();
            Response::new(Streamed { text: Some(text), count }.boxed_unsync())
        })
    }
}

/// Counts when it is read.
struct Streamed {
    text: Option<String>,
    count: Arc<AtomicUsize>,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = crate::serve::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let text = self.text.take();
        self.count.fetch_add(usize::from(text.is_some()), Ordering::SeqCst);
        Poll::Ready(text.map(|text| Ok(Frame::data(text.into()))))
    }
}

struct Server {
    address: std::net::SocketAddr,
    faults: Faults,
    effects: Arc<AtomicUsize>,
    _stop: tokio_util::sync::DropGuard,
}

async fn server(action: Action) -> Server {
    let faults = Faults::default();
    let rules = vec![Rule::new("fault", "SendMessageBatch", action)];
    faults.set_plan(Plan { seed: 1, rules });
    let effects = Arc::new(AtomicUsize::new(0));
    let service =
        Faulty::new(Arc::new(Counting(Arc::clone(&effects))), Dialect::Sqs, faults.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Arc::new(service), stop.clone()));
    Server { address, faults, effects, _stop: stop.drop_guard() }
}

/// The whole answer as text; empty if there is none.
async fn send(address: std::net::SocketAddr) -> String {
    let body = r#"{"QueueUrl":"http://h/0/q","Entries":[{"Id":"a"},{"Id":"b"}]}"#;
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\
         x-amz-target: AmazonSQS.SendMessageBatch\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A cut connection may end in a reset.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

async fn check(action: Action, effects: usize, expected: &[&str]) {
    let server = server(action.clone()).await;
    let answer = send(server.address).await;
    assert_eq!(server.effects.load(Ordering::SeqCst), effects, "{action:?}");
    assert_eq!(expected.is_empty(), answer.is_empty(), "{action:?}: {answer}");
    for part in expected {
        assert!(answer.contains(part), "{action:?}: {part} is not in {answer}");
    }
    assert_eq!(server.faults.hits("fault"), 1, "{action:?}");
}

#[tokio::test]
async fn each_action_has_its_effect_and_its_answer() {
    let refuse = Action::Refuse { status: 400, code: "RequestThrottled".to_owned() };
    let type_text = r#""__type":"com.amazonaws.sqs#RequestThrottled""#;
    check(refuse, 0, &["HTTP/1.1 400", type_text, "RequestThrottled;Sender"]).await;
    check(Action::Cut, 0, &[]).await;
    check(Action::Lose, 1, &[]).await;
    check(Action::Delay { ms: 1 }, 1, &["HTTP/1.1 200", r#"{"Id":"a"},{"Id":"b"}"#]).await;
    let fail = |count| Action::FailEntries {
        count,
        code: "InternalError".to_owned(),
        sender_fault: false,
    };
    let failed = r#""Failed":[{"Code":"InternalError","Id":"a","SenderFault":false}"#;
    check(fail(1), 1, &["HTTP/1.1 200", failed, r#""Successful":[{"Id":"b"}]"#]).await;
    check(fail(9), 0, &["HTTP/1.1 200", failed, r#""Successful":[]"#]).await;
}

#[tokio::test]
async fn a_call_is_held_before_or_after_its_effect() {
    for (moment, release, effects_held, effects, answered) in [
        (Moment::Before, Release::Continue, 0, 1, true),
        (Moment::Before, Release::Cut, 0, 0, false),
        (Moment::After, Release::Continue, 1, 1, true),
        (Moment::After, Release::Cut, 1, 1, false),
    ] {
        let server = server(Action::Hold(moment)).await;
        let sender = tokio::spawn(send(server.address));
        let held = tokio::time::timeout(Duration::from_secs(5), server.faults.until_held("fault"));
        held.await.expect("the call is held");
        assert_eq!(server.effects.load(Ordering::SeqCst), effects_held, "{moment:?} {release:?}");
        server.faults.release(release);
        assert_eq!(!sender.await.unwrap().is_empty(), answered, "{moment:?} {release:?}");
        assert_eq!(server.effects.load(Ordering::SeqCst), effects, "{moment:?} {release:?}");
    }
}
