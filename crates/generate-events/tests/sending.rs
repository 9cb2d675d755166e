//! The program's sending against a scripted SQS: what is sent, sent again, recorded and refused.
#![expect(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

mod canned_sqs;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use canned_sqs::{CannedSqs, MUTE, message_id, take, take_all};
use events::Shares;
use generate_events::config::Input;
use generate_events::{Config, GenerateError, run_with};
use runtime::metrics::Metrics;
use runtime::settings::AwsSettings;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

fn random(count: Option<u64>) -> Input {
    let shares = Shares { malformed: 0.1, duplicate: 0.1, late: 0.1 };
    Input::Random { seed: Some(7), start: None, shares, count }
}

fn config(input: Input, record: Option<PathBuf>) -> Config {
    Config {
        aws: AwsSettings { region: None, credentials: None },
        queue_name: "events".to_owned(),
        rate: 1_000.0,
        flat_out: true,
        input,
        record,
        patience: Duration::from_secs(90),
        metrics: Metrics::new("generate-events"),
        show_progress: false,
    }
}

fn read_record(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the record must hold, in any order, if exactly these bodies were confirmed.
fn check_record(path: &Path, bodies: &[String]) {
    let mut expected: Vec<_> = bodies.iter().map(|body| message_id(body)).collect();
    let mut recorded: Vec<_> =
        read_record(path).iter().map(|l| l["message_id"].as_str().unwrap().to_owned()).collect();
    expected.sort();
    recorded.sort();
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn every_message_is_sent_once_and_recorded() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let config = config(random(Some(1_234)), Some(record.clone()));
    let summary = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap();
    let batches = sqs.batches();
    assert!(batches.iter().all(|batch| batch.len() <= 10));
    assert_eq!(batches.len(), 124, "full batches but for the last one");
    let bodies = batches.concat();
    assert_eq!((summary.sent, bodies.len()), (1_234, 1_234));
    let figures = config.metrics.text();
    assert!(figures.contains("\ngenerate_events_messages_sent_total 1234\n"), "{figures}");
    assert!(figures.contains("\ngenerate_events_batches_total 124\n"), "{figures}");
    check_record(&record, &bodies);
    let recorded = read_record(&record);
    let count = |kinds: &[&str]| {
        recorded.iter().filter(|l| kinds.contains(&l["kind"].as_str().unwrap())).count() as u64
    };
    assert_eq!(count(&["duplicate"]), summary.duplicates);
    assert_eq!(count(&["late"]), summary.late);
    let good = count(&["valid", "late", "duplicate"]);
    assert_eq!(summary.sent - good, summary.malformed);
    assert!(0 < summary.malformed && 0 < summary.duplicates && 0 < summary.late);
}

#[tokio::test]
async fn entries_that_sqs_fails_to_take_are_sent_again_and_only_those() {
    let sqs = CannedSqs::start(|batch, entries| match batch {
        0 => take(entries, |entry| (entry["Id"] == "3" || entry["Id"] == "8").then_some(false)),
        1 => (503, json!({"__type": "ServiceUnavailable", "message": "later"})),
        2 => (200, json!({"Successful": [], "Failed": []})),
        _ => take_all(entries),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let config = config(random(Some(10)), Some(record.clone()));
    let summary = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap();
    assert_eq!(summary.sent, 10);
    let batches = sqs.batches();
    let again = vec![batches[0][3].clone(), batches[0][8].clone()];
    assert_eq!(batches[1..], [again.clone(), again.clone(), again]);
    check_record(&record, &batches[0]);
}

#[tokio::test]
async fn an_entry_that_sqs_refuses_is_named_and_the_others_still_count() {
    let sqs = CannedSqs::start(|batch, entries| match batch {
        0 => take(entries, |entry| match entry["Id"].as_str() {
            Some("2") => Some(true),
            Some("4") => Some(false),
            _ => None,
        }),
        _ => take_all(entries),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let config = config(random(Some(10)), Some(record.clone()));
    let outcome = run_with(sqs.client(), &config, &CancellationToken::new()).await;
    let mut bodies = sqs.batches()[0].clone();
    bodies.remove(2);
    check_record(&record, &bodies);
    let Err(error @ GenerateError::Interrupted { sent, .. }) = &outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(sent.sent, 9);
    assert_eq!(error.to_string(), "9 messages were sent, then");
    let cause = std::error::Error::source(error).unwrap().to_string();
    assert!(cause.starts_with("sqs refuses message "), "{cause}");
    assert!(cause.ends_with(": Odd: as the script says"), "{cause}");
}

#[tokio::test]
async fn patience_with_sqs_ends_and_what_was_sent_is_said() {
    let sqs =
        CannedSqs::start(|_, entries| take(entries, |e| (e["Id"] == "0").then_some(false))).await;
    let config = config(random(Some(10)), None);
    let outcome = run_with(sqs.client(), &config, &CancellationToken::new()).await;
    let Err(GenerateError::Interrupted { sent, source }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(sent.sent, 9);
    let text = source.to_string();
    assert!(text.starts_with("1 messages, "), "{text}");
    assert!(text.ends_with("were not taken in 6 attempts: Odd: as the script says"), "{text}");
}

#[tokio::test]
async fn an_sqs_that_never_answers_ends_the_run_when_its_time_is_up() {
    let sqs = CannedSqs::start(|number, entries| match number {
        0 => take_all(entries),
        _ => MUTE,
    })
    .await;
    let patience = Duration::from_secs(1);
    let config = Config { patience, ..config(random(Some(20)), None) };
    let started = std::time::Instant::now();
    let outcome = run_with(sqs.client(), &config, &CancellationToken::new()).await;
    let took = started.elapsed();
    assert!(patience <= took && took < Duration::from_secs(20), "{took:?}");
    let Err(error @ GenerateError::Interrupted { .. }) = outcome else { panic!("{outcome:?}") };
    let GenerateError::Interrupted { sent, source } = &error else { unreachable!() };
    assert_eq!(sent.sent, 10);
    let text = source.to_string();
    assert!(text.starts_with("10 messages, "), "{text}");
    assert!(
        text.ends_with("were not answered within 1s (--patience); SQS may have them"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("AWS_ENDPOINT_URL"));
}

#[tokio::test]
async fn a_call_that_sqs_refuses_is_not_repeated() {
    let sqs = CannedSqs::start(|_, _| {
        (400, json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}))
    })
    .await;
    let config = config(random(Some(10)), None);
    let outcome = run_with(sqs.client(), &config, &CancellationToken::new()).await;
    let Err(GenerateError::Interrupted { sent, source }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((sent.sent, sqs.batches().len()), (0, 1));
    assert_eq!(source.to_string(), "the queue http://localhost/000000000000/events is gone");
}

#[tokio::test]
async fn what_sqs_does_not_allow_is_named_with_the_right_that_is_missing() {
    let denied = || (403, json!({"__type": "com.amazonaws.sqs#AccessDenied", "message": "no"}));
    let sqs = CannedSqs::start(move |_, _| denied()).await;
    for (queue_name, expected) in [
        ("events", "sqs:SendMessage on http://localhost/000000000000/events"),
        ("forbidden", "sqs:GetQueueUrl on the queue forbidden"),
    ] {
        let config = Config { queue_name: queue_name.to_owned(), ..config(random(Some(1)), None) };
        let error = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains(expected), "{error}: {hint}");
    }
    assert_eq!(sqs.batches().len(), 1, "a refusal is not repeated");
}

#[tokio::test]
async fn an_sqs_that_is_not_there_is_said_in_few_words() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let client = sqs.client();
    sqs.stop().await;
    let config = config(random(None), None);
    let error = run_with(client, &config, &CancellationToken::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("look up the queue events: dispatch failure: "), "{text}");
    assert!(text.len() < 300 && error.hint().unwrap().contains("AWS_ENDPOINT_URL"), "{text}");
}

#[tokio::test]
async fn a_missing_queue_is_named_with_the_cure() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let config = Config { queue_name: "nowhere".to_owned(), ..config(random(None), None) };
    let error = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no queue nowhere");
    let hint = error.hint().unwrap();
    assert!(hint.contains("aws sqs create-queue --queue-name nowhere"), "{hint}");
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_records_it() {
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let sqs = CannedSqs::start(move |batch, entries| {
        if batch == 20 {
            stop.cancel();
        }
        take_all(entries)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let config = config(random(None), Some(record.clone()));
    let summary = run_with(sqs.client(), &config, &shutdown).await.unwrap();
    let bodies = sqs.batches().concat();
    assert_eq!(summary.sent, bodies.len() as u64);
    assert!((200..=600).contains(&summary.sent), "{}", summary.sent);
    check_record(&record, &bodies);
}

#[tokio::test]
async fn a_paced_run_gathers_messages_into_batches() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let config = Config { rate: 2_000.0, flat_out: false, ..config(random(Some(400)), None) };
    let summary = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap();
    assert_eq!(summary.sent, 400);
    assert!(150 <= summary.took.as_millis(), "{:?}", summary.took);
    assert!(sqs.batches().len() <= 100, "{} batches", sqs.batches().len());
}

#[tokio::test]
async fn a_file_s_messages_are_sent_in_order_under_their_names() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/messages/prototype-day.ndjson");
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record.ndjson");
    let config = config(Input::File(fixture.clone()), Some(record.clone()));
    let summary = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap();
    let messages: Vec<Value> = read_record(&fixture);
    let bodies: Vec<_> = messages.iter().map(|m| m["body"].as_str().unwrap()).collect();
    assert_eq!(sqs.batches().concat(), bodies);
    let recorded: Vec<_> =
        read_record(&record).into_iter().map(|l| (l["id"].clone(), l["kind"].clone())).collect();
    let expected: Vec<_> =
        messages.iter().map(|m| (m["name"].clone(), m["verdict"].clone())).collect();
    assert_eq!(recorded, expected);
    assert_eq!(summary.sent, messages.len() as u64);
    let names: HashSet<_> = expected.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names.len(), messages.len());
}

#[tokio::test]
async fn a_record_that_cannot_be_written_stops_the_run_before_anything_is_sent() {
    let sqs = CannedSqs::start(|_, entries| take_all(entries)).await;
    let config = config(random(None), Some("/nonexistent/record.ndjson".into()));
    let error = run_with(sqs.client(), &config, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "write the record /nonexistent/record.ndjson");
    assert!(sqs.batches().is_empty());
}
