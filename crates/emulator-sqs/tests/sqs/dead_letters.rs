//! Redrive policies: the way into the dead-letter queue.

use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName as Name};

use crate::server::{ACCOUNT, REGION, Server, check_refused};

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

fn policy(target: &str, max_receive_count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#, arn(target))
}

#[tokio::test]
async fn a_message_received_too_often_moves_to_the_dead_letter_queue() {
    let server = Server::start().await;
    let dead = server.create("dead", &[]).await;
    let url = server.create("orders", &[(Name::RedrivePolicy, &policy("dead", 2))]).await;
    let sent_id = server.send(&url, "bad").await;
    for _ in 0..2 {
        let received = server.receive(&url).visibility_timeout(0).send().await.unwrap();
        assert_eq!(1, received.messages().len());
    }
    // The third receive moves it instead.
    assert!(server.receive_bodies(&url).await.is_empty());
    assert_eq!(["0", "0", "0"], server.counts(&url).await);

    let request = server.receive(&dead).message_system_attribute_names(System::All);
    let message = request.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!((Some("bad"), Some(&*sent_id)), (message.body(), message.message_id()));
    let attributes = message.attributes.unwrap();
    assert_eq!(arn("orders"), attributes[&System::DeadLetterQueueSourceArn]);
    assert_eq!("3", attributes[&System::ApproximateReceiveCount]);
    assert_eq!(Some(arn("orders")), server.sqs.peek("dead", 1)[0].dead_letter_queue_source_arn);
}

#[tokio::test]
async fn a_dead_letter_wakes_who_polls_for_dead_letters() {
    let server = Server::start().await;
    let dead = server.create("dead", &[]).await;
    let url = server.create("orders", &[(Name::RedrivePolicy, &policy("dead", 1))]).await;
    let waiting = tokio::spawn(server.receive(&dead).wait_time_seconds(20).send());
    server.send(&url, "bad").await;
    server.receive(&url).visibility_timeout(0).send().await.unwrap();
    server.receive(&url).send().await.unwrap();
    let woken = tokio::time::timeout(crate::server::DEADLINE, waiting).await.unwrap();
    assert_eq!(1, woken.unwrap().unwrap().messages().len());
}

#[tokio::test]
async fn without_its_dead_letter_queue_a_message_stays() {
    let server = Server::start().await;
    let dead = server.create("dead", &[]).await;
    let url = server.create("orders", &[(Name::RedrivePolicy, &policy("dead", 1))]).await;
    server.client.delete_queue().queue_url(&dead).send().await.unwrap();
    server.send(&url, "a").await;
    for _ in 0..3 {
        let received = server.receive(&url).visibility_timeout(0).send().await.unwrap();
        assert_eq!(1, received.messages().len());
    }
}

#[tokio::test]
async fn a_policy_must_name_a_queue_that_allows_it() {
    let server = Server::start().await;
    server.create("dead", &[]).await;
    let strict = r#"{"redrivePermission":"denyAll"}"#;
    server.create("strict", &[(Name::RedriveAllowPolicy, strict)]).await;
    let url = server.create("orders", &[]).await;
    let set = |policy: &str| {
        let request = server.client.set_queue_attributes().queue_url(&url);
        request.attributes(Name::RedrivePolicy, policy).send()
    };
    let code = "InvalidParameterValue";
    let part = "Reason: Dead letter target does not exist.";
    check_refused(set(&policy("nowhere", 1)).await, code, part);
    check_refused(set(&policy("strict", 1)).await, code, "does not allow this queue");
    check_refused(set(&policy("dead", 0)).await, code, "Invalid value for maxReceiveCount: 0");
    set(&policy("dead", 5)).await.unwrap();
    let shown = server.attribute(&url, Name::RedrivePolicy).await;
    assert_eq!(Some(policy("dead", 5)), shown);
    set("").await.unwrap();
    assert_eq!(None, server.attribute(&url, Name::RedrivePolicy).await);
}

#[tokio::test]
async fn a_dead_letter_queue_knows_its_sources() {
    let server = Server::start().await;
    let dead = server.create("dead", &[]).await;
    let mut sources = Vec::new();
    for name in ["one", "three", "two"] {
        sources.push(server.create(name, &[(Name::RedrivePolicy, &policy("dead", 1))]).await);
    }
    server.create("other", &[]).await;
    let list = || server.client.list_dead_letter_source_queues().queue_url(&dead);
    assert_eq!(sources, list().send().await.unwrap().queue_urls());
    let first = list().max_results(2).send().await.unwrap();
    assert_eq!(sources[..2], first.queue_urls()[..]);
    let rest = list().max_results(2).next_token(first.next_token().unwrap()).send().await.unwrap();
    assert_eq!((&sources[2..], None), (rest.queue_urls(), rest.next_token()));
}
