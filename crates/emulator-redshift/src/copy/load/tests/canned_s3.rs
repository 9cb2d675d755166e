//! As much of S3 as a COPY sees: lists of two keys a page, objects, ranges. Path style, no checks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::copy::load::S3Access;

/// Keys of one page of a list.
const PAGE_KEYS: usize = 2;

/// A running server; the only bucket is `lake`.
pub(super) struct CannedS3 {
    address: std::net::SocketAddr,
    state: Arc<State>,
    _server: AbortOnDropHandle<()>,
}

struct State {
    objects: BTreeMap<String, Vec<u8>>,
    requests: Mutex<Vec<String>>,
    /// How many bodies still break off in the middle.
    breaks: AtomicUsize,
}

impl CannedS3 {
    pub(super) async fn start(objects: &[(&str, &[u8])]) -> CannedS3 {
        let objects = objects.iter().map(|(key, body)| (key.to_string(), body.to_vec())).collect();
        let (requests, breaks) = (Mutex::default(), AtomicUsize::new(0));
        let state = Arc::new(State { objects, requests, breaks });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let serving = state.clone();
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, serving.clone()));
            }
        });
        CannedS3 { address, state, _server: AbortOnDropHandle::new(server) }
    }

    /// The next bodies break off after half of their bytes.
    pub(super) fn break_bodies(&self, count: usize) {
        self.state.breaks.store(count, Ordering::SeqCst);
    }

    /// Paths and queries that were asked for.
    pub(super) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().expect("no test panics with the lock").clone()
    }

    pub(super) fn access(&self) -> S3Access {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "canned"))
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true)
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .build();
        S3Access { client: aws_sdk_s3::Client::from_conf(config) }
    }
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    loop {
        let Ok(Some(request)) = lines.next_line().await else { return };
        let mut range = None;
        while let Ok(Some(line)) = lines.next_line().await {
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                range = value.trim_end_matches('-').parse::<usize>().ok();
            }
        }
        let target = request.split(' ').nth(1).unwrap_or_default().to_string();
        state.requests.lock().expect("no test panics with the lock").push(target.clone());
        let answer = state.answer(&target, range);
        let head = format!(
            "HTTP/1.1 {}\r\ncontent-length: {}\r\nx-amz-request-id: R1\r\nx-amz-id-2: E1\r\n{}\r\n",
            answer.status,
            answer.body.len(),
            answer.headers
        );
        let breaks = state.breaks.load(Ordering::SeqCst);
        let broken = breaks > 0 && !target.contains("list-type");
        let sent = if broken { answer.body.len() / 2 } else { answer.body.len() };
        let written = writer.write_all(head.as_bytes()).await;
        if written.and(writer.write_all(&answer.body[..sent]).await).is_err() {
            return;
        }
        if broken {
            state.breaks.store(breaks - 1, Ordering::SeqCst);
            return;
        }
    }
}

impl State {
    fn answer(&self, target: &str, range: Option<usize>) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decode(path.trim_start_matches('/'));
        let Some(key) = path.strip_prefix("lake") else {
            return error("404 Not Found", "NoSuchBucket", "The specified bucket does not exist");
        };
        let key = key.trim_start_matches('/');
        if query.contains("list-type=2") {
            return self.list(query);
        }
        let Some(body) = self.objects.get(key) else {
            return error("404 Not Found", "NoSuchKey", "The specified key does not exist.");
        };
        let stored = "last-modified: Tue, 06 Aug 2019 10:11:12 GMT";
        let headers = format!("etag: \"e\"\r\n{stored}\r\n");
        match range {
            None => Answer { status: "200 OK", headers, body: body.clone() },
            Some(from) => {
                let range = format!("content-range: bytes {from}-{}/*\r\n", body.len());
                let body = body[from..].to_vec();
                Answer { status: "206 Partial Content", headers: headers + &range, body }
            }
        }
    }

    fn list(&self, query: &str) -> Answer {
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next()
        };
        let prefix = parameter("prefix").unwrap_or_default();
        let after = parameter("continuation-token").unwrap_or_default();
        let keys = self.objects.keys().filter(|key| key.starts_with(&prefix) && **key > after);
        let keys: Vec<&String> = keys.collect();
        let page = &keys[..keys.len().min(PAGE_KEYS)];
        let mut body = "<?xml version=\"1.0\"?><ListBucketResult>".to_string();
        for key in page {
            body += &format!("<Contents><Key>{key}</Key></Contents>");
        }
        if let Some(last) = page.last().filter(|_| keys.len() > PAGE_KEYS) {
            body += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
            body += "<IsTruncated>true</IsTruncated>";
        }
        body += "</ListBucketResult>";
        Answer { status: "200 OK", headers: String::new(), body: body.into_bytes() }
    }
}

fn error(status: &'static str, code: &str, message: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer { status, headers: String::new(), body: body.into_bytes() }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        let hex = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (first, hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            _ => {
                bytes.push(*first);
                rest = &rest[1..];
            }
        }
    }
    String::from_utf8(bytes).expect("keys are UTF-8")
}
