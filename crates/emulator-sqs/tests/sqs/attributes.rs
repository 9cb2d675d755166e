//! Attributes of queues.

use aws_sdk_sqs::types::QueueAttributeName as Name;

use crate::server::{ACCOUNT, REGION, Server, check_refused};

#[tokio::test]
async fn all_attributes_of_a_new_queue_are_the_defaults_of_aws() {
    let (server, url) = Server::with_queue().await;
    let request = server.client.get_queue_attributes().queue_url(&url);
    let answer = request.attribute_names(Name::All).send().await.unwrap();
    let mut attributes = answer.attributes.unwrap();
    for time in [Name::CreatedTimestamp, Name::LastModifiedTimestamp] {
        let seconds: u64 = attributes.remove(&time).unwrap().parse().unwrap();
        assert!(server.clock.now_ms() / 1_000 - seconds < 60, "{time} is in seconds");
    }
    let mut rest: Vec<_> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    rest.sort();
    let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:orders");
    let expected = [
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("QueueArn", &*arn),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("VisibilityTimeout", "30"),
    ];
    assert_eq!(expected, rest[..]);
}

#[tokio::test]
async fn only_the_attributes_asked_for_are_answered() {
    let (server, url) = Server::with_queue().await;
    let request = || server.client.get_queue_attributes().queue_url(&url);
    let none = request().send().await.unwrap();
    assert_eq!(None, none.attributes);
    let one = request().attribute_names(Name::DelaySeconds).send().await.unwrap();
    assert_eq!(1, one.attributes.unwrap().len());
    assert_eq!(None, server.attribute(&url, Name::Policy).await);
    let unknown = request().attribute_names(Name::FifoQueue).send().await;
    check_refused(unknown, "InvalidAttributeName", "Unknown Attribute FifoQueue.");
    let unknown = request().attribute_names(Name::from("Colour")).send().await;
    check_refused(unknown, "InvalidAttributeName", "Unknown Attribute Colour.");
}

#[tokio::test]
async fn attributes_are_set_all_or_none() {
    let (server, url) = Server::with_queue().await;
    let set = || server.client.set_queue_attributes().queue_url(&url);
    set().attributes(Name::DelaySeconds, "7").send().await.unwrap();
    assert_eq!(Some("7"), server.attribute(&url, Name::DelaySeconds).await.as_deref());

    let half = set().attributes(Name::DelaySeconds, "8").attributes(Name::MaximumMessageSize, "1");
    let text = "Invalid value for the parameter MaximumMessageSize.";
    check_refused(half.send().await, "InvalidAttributeValue", text);
    assert_eq!(Some("7"), server.attribute(&url, Name::DelaySeconds).await.as_deref());

    let counted = set().attributes(Name::QueueArn, "arn").send().await;
    check_refused(counted, "InvalidAttributeName", "Unknown Attribute QueueArn.");
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    set().attributes(Name::Policy, policy).send().await.unwrap();
    assert_eq!(Some(policy), server.attribute(&url, Name::Policy).await.as_deref());
}

#[tokio::test]
async fn messages_are_counted_by_state() {
    let (server, url) = Server::with_queue().await;
    for body in ["a", "b", "c"] {
        server.send(&url, body).await;
    }
    server.receive_one(&url).await;
    let delayed = server.client.send_message().queue_url(&url).message_body("d").delay_seconds(9);
    delayed.send().await.unwrap();
    assert_eq!(["2", "1", "1"], server.counts(&url).await);
    server.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(["4", "0", "0"], server.counts(&url).await);
    server.clock.advance(std::time::Duration::from_secs(345_600));
    assert_eq!(["0", "0", "0"], server.counts(&url).await);
}
