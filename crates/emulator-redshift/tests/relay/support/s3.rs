//! An S3 of one bucket and canned answers: ListObjectsV2 and GetObject, nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Objects with this in their key never end: the first bytes come, the rest does not.
pub(crate) const ENDLESS: &str = "endless";

#[derive(Clone)]
pub(crate) struct CannedS3 {
    address: SocketAddr,
    objects: Arc<Mutex<BTreeMap<String, String>>>,
}

impl CannedS3 {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let canned = Self { address, objects: Arc::default() };
        let serving = canned.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        canned
    }

    pub(crate) fn put(&self, key: &str, body: &str) {
        self.objects.lock().unwrap().insert(key.to_owned(), body.to_owned());
    }

    pub(crate) fn client(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let mut target = None;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if line.trim().is_empty() {
                    break;
                }
                target.get_or_insert_with(|| line.split(' ').nth(1).unwrap_or("/").to_owned());
            }
            let target = target.unwrap_or_default();
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            if query.contains("list-type=2") {
                let body = self.list(query);
                answer(&mut stream, "200 OK", body.as_bytes(), body.len()).await;
                continue;
            }
            let key = path.trim_start_matches("/bucket/");
            let object = self.objects.lock().unwrap().get(key).cloned();
            match object {
                Some(body) if key.contains(ENDLESS) => {
                    answer(&mut stream, "200 OK", body.as_bytes(), usize::MAX >> 2).await;
                    std::future::pending::<()>().await;
                }
                Some(body) => answer(&mut stream, "200 OK", body.as_bytes(), body.len()).await,
                None => {
                    let body = b"<Error><Code>NoSuchKey</Code></Error>";
                    answer(&mut stream, "404 Not Found", body, body.len()).await;
                }
            }
        }
    }

    fn list(&self, query: &str) -> String {
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        let prefix = prefix.unwrap_or_default().replace("%2F", "/");
        let objects = self.objects.lock().unwrap();
        let contents: String = objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(key, body)| {
                format!("<Contents><Key>{key}</Key><Size>{}</Size></Contents>", body.len())
            })
            .collect();
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>")
    }
}

async fn answer(stream: &mut BufReader<TcpStream>, status: &str, body: &[u8], length: usize) {
    let stored = "etag: \"x\"\r\nlast-modified: Tue, 06 Aug 2019 10:11:12 GMT";
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{stored}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
    let _ = stream.flush().await;
}
