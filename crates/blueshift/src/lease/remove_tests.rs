//! Removal against the kit's own S3.

use std::sync::Arc;
use std::time::SystemTime;

use emulator_core::clock::Clock;
use emulator_s3::S3Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_go_page_by_page_and_only_those_below_the_prefix() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let shutdown = CancellationToken::new();
    let service = Arc::new(emulator_s3::service(S3Store::new(Clock::default())));
    tokio::spawn(emulator_core::serve::serve(listener, service, shutdown.clone()));
    let endpoints = Endpoints::local(address, address, None, "us-east-1".to_owned());
    let s3 = s3_client(&endpoints).await;
    s3.create_bucket().bucket("lake").send().await.expect("made");
    let begin = async |key: String| {
        s3.create_multipart_upload().bucket("lake").key(key).send().await.expect("begun");
    };
    begin("theirs/a".to_owned()).await;
    // A page has at most 1,000.
    for number in 0..1_002 {
        begin(format!("ours/{}", number % 7)).await;
    }
    let thing = Thing::Objects { bucket: "lake".to_owned(), prefix: "ours/".to_owned() };
    let made = Made { thing, at: SystemTime::now() };
    remove(&made, &endpoints).await.expect("removed");
    let left = s3.list_multipart_uploads().bucket("lake").send().await.expect("listed");
    let left: Vec<_> = left.uploads().iter().filter_map(|upload| upload.key()).collect();
    assert_eq!(left, ["theirs/a"]);
    shutdown.cancel();
}
