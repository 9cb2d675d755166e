//! Bodies and addresses that the SDK does not write, or not always: every form of `aws-chunked`,
//! unsigned requests, broken uploads, virtual hosts.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Emulator, get};

const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=nobody/20260101/eu-west-1/s3/aws4_request, \
                         SignedHeaders=host, Signature=00";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// One request on its own connection; the whole answer as text.
pub(crate) async fn exchange(
    emulator: &Emulator,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: &[u8],
) -> String {
    let mut stream = TcpStream::connect(emulator.address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        head += &format!("Host: {}\r\n", emulator.address);
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Puts empty objects into `lake`, one request behind the other on one connection.
pub(crate) async fn put_empty(emulator: &Emulator, keys: &[String]) {
    let (mut reader, mut writer) = TcpStream::connect(emulator.address).await.unwrap().into_split();
    let mut requests = String::new();
    for (index, key) in keys.iter().enumerate() {
        let connection = if index + 1 == keys.len() { "close" } else { "keep-alive" };
        requests += &format!("PUT /lake/{key} HTTP/1.1\r\nHost: kit\r\n");
        requests += &format!("Connection: {connection}\r\nContent-Length: 0\r\n\r\n");
    }
    let mut answers = String::new();
    let (written, read) =
        tokio::join!(writer.write_all(requests.as_bytes()), reader.read_to_string(&mut answers));
    written.and(read).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), keys.len());
}

#[tokio::test]
async fn every_kind_of_signed_body_is_taken() {
    let (emulator, client) = Emulator::start_with_lake().await;
    let signature = "0".repeat(64);
    let chunk = |text: &str| format!("{:x};chunk-signature={signature}\r\n{text}\r\n", text.len());
    let end = format!("0;chunk-signature={signature}\r\n");
    let trailer = "x-amz-checksum-crc32:NhCmhg==\r\n";
    let announced = ("x-amz-trailer", "x-amz-checksum-crc32");
    let rows: [(&str, Headers<'_>, String); 6] = [
        ("UNSIGNED-PAYLOAD", &[], "hello".to_owned()),
        (
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            &[],
            "hello".to_owned(),
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            &[announced],
            format!("5\r\nhello\r\n0\r\n{trailer}\r\n"),
        ),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", &[], "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", &[], format!("{}{end}\r\n", chunk("hello"))),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            &[announced],
            format!(
                "{}{}{end}{trailer}x-amz-trailer-signature:{signature}\r\n\r\n",
                chunk("hel"),
                chunk("lo")
            ),
        ),
    ];
    for (index, (kind, more, body)) in rows.into_iter().enumerate() {
        let mut headers = vec![("Authorization", SIGNATURE), ("x-amz-content-sha256", kind)];
        headers.extend_from_slice(more);
        if kind.starts_with("STREAMING") {
            headers.push(("x-amz-decoded-content-length", "5"));
            headers.push(("Content-Encoding", "aws-chunked"));
        }
        let path = format!("/lake/key-{index}");
        let answer = exchange(&emulator, "PUT", &path, &headers, body.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{kind}: {answer}");
        assert!(answer.contains("\"5d41402abc4b2a76b9719d911017c592\""), "{kind}: {answer}");
        assert_eq!(get(&client, &path["/lake/".len()..]).await, b"hello", "{kind}");
        let head = client.head_object().bucket("lake").key(&path["/lake/".len()..]);
        assert_eq!(head.send().await.unwrap().content_encoding(), None, "{kind}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_its_word_leaves_nothing_behind() {
    let (emulator, _client) = Emulator::start_with_lake().await;
    let streaming = ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    let trailer = ("x-amz-trailer", "x-amz-checksum-crc32");
    let five = ("x-amz-decoded-content-length", "5");
    let zeros = "0".repeat(64);
    let rows: [(Headers<'_>, &str, &str); 7] = [
        (&[streaming, trailer], "0\r\n\r\n", "411|MissingContentLength"),
        (&[streaming, trailer, five], "5\r\nhello\r\n0\r\n\r\n", "400|MalformedTrailerError"),
        (
            &[streaming, trailer, five],
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
            "400|BadDigest",
        ),
        (&[streaming, five], "3\r\nhel\r\n0\r\n\r\n", "400|IncompleteBody"),
        (&[streaming, five], "6\r\nhello!\r\n0\r\n\r\n", "400|IncompleteBody"),
        (&[streaming, five], "hello", "400|InvalidRequest"),
        (&[("x-amz-content-sha256", &zeros)], "hello", "400|XAmzContentSHA256Mismatch"),
    ];
    for (headers, body, expected) in rows {
        let answer = exchange(&emulator, "PUT", "/lake/key", headers, body.as_bytes()).await;
        let (status, code) = expected.split_once('|').unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{expected}: {answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{expected}: {answer}");
    }
    // One who says more than he sends, and hangs up.
    let mut stream = TcpStream::connect(emulator.address).await.unwrap();
    let head = "PUT /lake/key HTTP/1.1\r\nHost: kit\r\nContent-Length: 1000000\r\n\r\nhello";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // Answered or not, the connection ends.
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(emulator.store.object_count("lake", ""), 0);
}

#[tokio::test]
async fn nobody_needs_credentials() {
    let (emulator, _client) = Emulator::start_with_lake().await;
    let answer = exchange(&emulator, "PUT", "/lake/key", &[], b"hello").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for (headers, path) in [
        (vec![], "/lake/key"),
        (vec![("Authorization", "AWS key:signature")], "/lake/key"),
        (vec![("Authorization", SIGNATURE)], "/lake/key"),
        (vec![], "/lake/key?AWSAccessKeyId=me&Expires=4000000000&Signature=x%3D"),
    ] {
        let answer = exchange(&emulator, "GET", path, &headers, b"").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
        assert!(answer.contains("x-amz-request-id: "), "{answer}");
    }
}

#[tokio::test]
async fn a_bucket_can_be_named_by_the_host() {
    let (emulator, client) = Emulator::start_with_lake().await;
    let host = [("Host", "lake.s3.localhost.localstack.cloud:4566")];
    let answer = exchange(&emulator, "PUT", "/dir/key", &host, b"hello").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(get(&client, "dir/key").await, b"hello");
    for (host, path) in [("lake.localhost:4566", "/dir/key"), ("kit:4566", "/lake/dir/key")] {
        let answer = exchange(&emulator, "GET", path, &[("Host", host)], b"").await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
            "{host}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_refused_head_and_an_unchanged_get_have_no_body() {
    let (emulator, _client) = Emulator::start_with_lake().await;
    exchange(&emulator, "PUT", "/lake/key", &[], b"hello").await;
    let etag = [("If-None-Match", "\"5d41402abc4b2a76b9719d911017c592\"")];
    let answer = exchange(&emulator, "GET", "/lake/key", &etag, b"").await;
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
    assert!(answer.contains("etag: \"5d41402abc4b2a76b9719d911017c592\""), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = exchange(&emulator, "HEAD", "/lake/none", &[], b"").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.ends_with("\r\n\r\n"), "{answer}");
    let range = [("Range", "bytes=1-2")];
    let answer = exchange(&emulator, "HEAD", "/lake/key", &range, b"").await;
    assert!(answer.starts_with("HTTP/1.1 206"), "{answer}");
}

#[tokio::test]
async fn an_error_says_what_and_where() {
    let (emulator, _client) = Emulator::start_with_lake().await;
    exchange(&emulator, "PUT", "/lake/seven", &[], b"7 bytes").await;
    let check = async |method, path, headers: Headers<'_>, code: &str, rest: &str| {
        let answer = exchange(&emulator, method, path, headers, b"").await;
        assert!(answer.contains("content-type: application/xml"), "{answer}");
        let begins = format!("<Error><Code>{code}</Code><Message>");
        assert!(answer.contains(&begins), "{answer}");
        assert!(answer.contains(&format!("</Message>{rest}<RequestId>")), "{rest}\n{answer}");
        assert!(answer.ends_with("</HostId></Error>"), "{answer}");
        assert!(!answer.contains("x-blueshift"), "{answer}");
    };
    check("GET", "/lake/a%20%3Ckey", &[], "NoSuchKey", "<Key>a &lt;key</Key>").await;
    check("GET", "/pond/key", &[], "NoSuchBucket", "<BucketName>pond</BucketName>").await;
    check("GET", "/Lake/key", &[], "InvalidBucketName", "<BucketName>Lake</BucketName>").await;
    let range = "<RangeRequested>bytes=9-</RangeRequested><ActualObjectSize>7</ActualObjectSize>";
    check("GET", "/lake/seven", &[("Range", "bytes=9-")], "InvalidRange", range).await;
    let condition = "<Condition>If-Match</Condition>";
    check("GET", "/lake/seven", &[("If-Match", "\"x\"")], "PreconditionFailed", condition).await;
    let condition = "<Condition>If-None-Match</Condition>";
    check("PUT", "/lake/seven", &[("If-None-Match", "*")], "PreconditionFailed", condition).await;
    check("DELETE", "/lake", &[], "BucketNotEmpty", "<BucketName>lake</BucketName>").await;
    let argument = "<ArgumentName>maxKeys</ArgumentName><ArgumentValue>-1</ArgumentValue>";
    check("GET", "/lake?max-keys=-1", &[], "InvalidArgument", argument).await;
    let upload = "<UploadId>none</UploadId>";
    check("DELETE", "/lake/key?uploadId=none", &[], "NoSuchUpload", upload).await;
}

#[tokio::test]
async fn who_is_refused_instead_of_told_to_continue_gets_a_connection_of_its_own_next_time() {
    let (emulator, _client) = Emulator::start_with_lake().await;
    let expecting = [("expect", "100-continue")];
    let refused = exchange(&emulator, "PUT", "/pond/key", &expecting, b"").await;
    assert!(refused.starts_with("HTTP/1.1 404"), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("connection: close"), "{refused}");
}
