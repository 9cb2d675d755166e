//! An emulator on a free port with an SDK client to it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use emulator_core::clock::Clock;
use emulator_core::serve;
use emulator_sqs::{Sqs, SqsConfig};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "eu-central-1";
/// What a test may wait for, at most.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Stops when dropped.
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) sqs: Sqs,
    pub(crate) clock: Clock,
    pub(crate) address: String,
    _stop: DropGuard,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let clock = Clock::default();
        let sqs = Sqs::new(SqsConfig {
            account_id: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            clock: clock.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve(listener, Arc::new(sqs.clone()), stop.clone()));
        let client = client(&format!("http://{address}"));
        Self { client, sqs, clock, address, _stop: stop.drop_guard() }
    }

    /// A started server and the URL of a queue `orders` with default attributes.
    pub(crate) async fn with_queue() -> (Self, String) {
        let server = Self::start().await;
        let url = server.create("orders", &[]).await;
        (server, url)
    }

    pub(crate) async fn create(
        &self,
        name: &str,
        attributes: &[(QueueAttributeName, &str)],
    ) -> String {
        let mut request = self.client.create_queue().queue_name(name);
        for (attribute, value) in attributes {
            request = request.attributes(attribute.clone(), *value);
        }
        request.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn send(&self, url: &str, body: &str) -> String {
        let sent = self.client.send_message().queue_url(url).message_body(body).send().await;
        sent.unwrap().message_id.unwrap()
    }

    /// A request for up to ten messages.
    pub(crate) fn receive(&self, url: &str) -> ReceiveMessageFluentBuilder {
        self.client.receive_message().queue_url(url).max_number_of_messages(10)
    }

    /// Receives one message, which must be there.
    pub(crate) async fn receive_one(&self, url: &str) -> Message {
        let received = self.receive(url).max_number_of_messages(1).send().await.unwrap();
        received.messages.unwrap_or_default().pop().expect("a message is there")
    }

    /// Bodies of up to ten messages, sorted.
    pub(crate) async fn receive_bodies(&self, url: &str) -> Vec<String> {
        let received = self.receive(url).send().await.unwrap();
        let messages = received.messages.unwrap_or_default();
        let mut bodies: Vec<_> = messages.into_iter().filter_map(|each| each.body).collect();
        bodies.sort();
        bodies
    }

    pub(crate) async fn attribute(&self, url: &str, name: QueueAttributeName) -> Option<String> {
        let request = self.client.get_queue_attributes().queue_url(url);
        let answer = request.attribute_names(name.clone()).send().await.unwrap();
        answer.attributes.and_then(|mut attributes| attributes.remove(&name))
    }

    /// Messages available, in flight and delayed.
    pub(crate) async fn counts(&self, url: &str) -> [String; 3] {
        use QueueAttributeName as Name;
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let mut counts = Vec::new();
        for name in names {
            counts.push(self.attribute(url, name).await.unwrap());
        }
        counts.try_into().unwrap()
    }
}

pub(crate) fn client(endpoint_url: &str) -> Client {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint_url)
        .credentials_provider(credentials)
        .build();
    Client::from_conf(config)
}

/// Code and text of an error, as the SDK sees them.
pub(crate) fn seen<T, E, R>(result: Result<T, SdkError<E, R>>) -> (String, String)
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    let error = result.err().expect("the call is refused");
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}

/// Checks the code and a part of the text of an error.
pub(crate) fn check_refused<T, E, R>(result: Result<T, SdkError<E, R>>, code: &str, part: &str)
where
    SdkError<E, R>: ProvideErrorMetadata,
{
    let (seen_code, text) = seen(result);
    assert_eq!(code, seen_code, "{text}");
    assert!(text.contains(part), "{text}");
}
