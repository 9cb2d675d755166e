//! Objects: both compressions, large ones in parts, and the figures about them.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use base64::Engine;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{BUCKET, World};

/// Events that hardly compress: what they hold besides has no column.
fn large_events(count: usize) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(7);
    let text = |random: &mut StdRng| {
        let bytes: Vec<u8> = (0..60_000).map(|_| random.random()).collect();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    (0..count).map(|it| format!(r#"{{"id":"E{it}","more":"{}"}}"#, text(&mut random))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_object_comes_in_parts_and_is_whole_in_both_compressions() {
    let world = World::start(true).await;
    for (compression, extension) in [("zstd", ".json.zst"), ("gzip", ".json.gz")] {
        let events = large_events(170);
        world.send(&events).await;
        let arguments = [
            "--until-empty",
            "--compression",
            compression,
            "--batch-bytes",
            "1000000000",
            "--batch-age-max",
            "600",
        ];
        let consumed = world.consume(&arguments).await;
        assert_eq!((&consumed["stored"], &consumed["objects"]), (&170.into(), &1.into()));
        let keys = world.keys("events/").await;
        let key = keys.iter().find(|key| key.ends_with(extension)).expect("an object");
        let head =
            world.s3.head_object().bucket(BUCKET).key(key).send().await.expect("it is there");
        // The entity tag of an object of two parts.
        assert!(head.e_tag().unwrap_or_default().ends_with("-2\""), "{:?}", head.e_tag());
        let object = world.get(key).await;
        let mut text = String::new();
        let read = match compression {
            "gzip" => flate2::read::GzDecoder::new(object.as_slice()).read_to_string(&mut text),
            _ => ruzstd::decoding::StreamingDecoder::new(object.as_slice())
                .expect("a frame")
                .read_to_string(&mut text),
        };
        read.expect("a whole object");
        let mut lines: Vec<&str> = text.lines().collect();
        let mut expected: Vec<&str> = events.iter().map(String::as_str).collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert!(lines == expected, "{} lines of {compression}", lines.len());
    }
    world.stack.shutdown().await;
}

async fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut connection = tokio::net::TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_and_health_are_served_while_it_runs() {
    let world = World::start(true).await;
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    let mut bodies: Vec<String> = (0..40).map(|it| format!(r#"{{"id":"E{it}"}}"#)).collect();
    bodies.push("nonsense".to_owned());
    world.send(&bodies).await;
    let listen = address.to_string();
    let arguments = ["--metrics-listen", &listen, "--batch-age-max", "0.5"];
    let mut running = world.pipeline.start("consume-events", &arguments).expect("it starts");
    let figures = running
        .meanwhile(async {
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                let text = get(address, "/metrics").await.unwrap_or_default();
                let is_done = ["stored_events_total 40", "dead_lettered_messages_total 1"]
                    .iter()
                    .all(|figure| text.contains(&format!("consume_events_{figure}\n")))
                    && text.contains("consume_events_deleted_messages_total 41\n");
                if is_done {
                    return Ok(text);
                }
                assert!(Instant::now() < deadline, "never complete: {text}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .expect("it runs");
    for figure in [
        "consume_events_received_messages_total 41",
        "consume_events_batch_events_count ",
        "consume_events_put_seconds_bucket{le=\"+Inf\"} ",
        "consume_events_store_lag_seconds ",
        "consume_events_in_flight_messages ",
        "consume_events_sqs_retries_total 0",
        "consume_events_s3_retries_total 0",
    ] {
        assert!(figures.contains(figure), "{figure}: {figures}");
    }
    let health = get(address, "/healthz").await.expect("an answer");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    running.terminate().await.expect("it ends well");
    world.stack.shutdown().await;
}
