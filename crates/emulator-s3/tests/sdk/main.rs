//! The real SDK, and bytes written by hand, against a real socket.

// clippy's `allow-unwrap-in-tests` does not know that the functions between tests are tests, too.
#![allow(clippy::unwrap_used)]

mod bodies;
mod buckets;
mod copies;
mod listings;
mod multiparts;
mod objects;

use std::net::SocketAddr;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use emulator_core::clock::Clock;
use emulator_core::serve::serve;
use emulator_s3::{S3Store, service};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A running emulator; it stops when this is dropped.
struct Emulator {
    address: SocketAddr,
    clock: Clock,
    store: S3Store,
    shutdown: CancellationToken,
}

impl Emulator {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (clock, shutdown) = (Clock::default(), CancellationToken::new());
        let store = S3Store::new(clock.clone());
        let answers = Arc::new(service(store.clone()));
        tokio::spawn(serve(listener, answers, shutdown.clone()));
        Self { address, clock, store, shutdown }
    }

    /// Also creates the bucket `lake`.
    async fn start_with_lake() -> (Self, Client) {
        let emulator = Self::start().await;
        let client = emulator.client();
        client.create_bucket().bucket("lake").send().await.unwrap();
        (emulator, client)
    }

    fn client(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("anybody", "anything", None, None, "test"))
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn put(client: &Client, key: &str, text: &'static str) {
    let body = ByteStream::from_static(text.as_bytes());
    client.put_object().bucket("lake").key(key).body(body).send().await.unwrap();
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket("lake").key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

/// Bytes that repeat only after a while.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Status and error code, as the SDK sees them.
#[track_caller]
fn refusal<T, E>(answer: Result<T, SdkError<E>>) -> (u16, String)
where
    E: ProvideErrorMetadata,
{
    let Err(error) = answer else { panic!("expected a refusal") };
    let status = error.raw_response().expect("an answer arrived").status().as_u16();
    (status, error.code().unwrap_or_default().to_owned())
}

#[track_caller]
fn assert_refused<T, E>(answer: Result<T, SdkError<E>>, status: u16, code: &str)
where
    E: ProvideErrorMetadata,
{
    assert_eq!(refusal(answer), (status, code.to_owned()));
}
