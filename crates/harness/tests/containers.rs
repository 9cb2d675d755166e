//! `Stack::containers()` as a Rust user's test meets it. Where this machine has no Docker or no image,
//! that is said and nothing is proven; with BLUESHIFT_CI_STRICT=1 it is a failure.

use std::io::Write;
use std::time::{Duration, Instant};

use blueshift::provision::sdk_config;
use blueshift::{Need, Stack, StackError};

/// A stack, or `None` where this machine has no Docker. All else that goes wrong is a failure.
async fn start() -> Option<Stack> {
    match Stack::containers().region("eu-central-1").await {
        Ok(stack) => Some(stack),
        Err(StackError::Containers(error)) if error.is_absence() => {
            harness::ci::skip("harness: Stack::containers()", &error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Ids of this process's containers: others may run stacks on this machine too.
fn containers() -> Vec<String> {
    harness::ci::containers_of(std::process::id()).expect("docker answers")
}

/// Waits until none is left.
async fn until_gone() {
    let waits_since = Instant::now();
    while !containers().is_empty() && waits_since.elapsed() < Duration::from_secs(20) {
        tokio::task::yield_now().await;
    }
    assert_eq!(containers(), Vec::<String>::new());
}

/// In one test, because all containers of this process are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn containers_serve_a_pipeline_and_go_with_their_stack_and_in_a_panic() {
    copy_reads_what_localstack_holds().await;
    a_panic_takes_them_along().await;
}

async fn a_panic_takes_them_along() {
    let Some(stack) = start().await else { return };
    assert_eq!(containers().len(), 2);
    let ended = tokio::spawn(async move {
        assert!(stack.lacks(Need::Clock).is_none(), "as a test that fails does");
    });
    assert!(ended.await.expect_err("it panics").is_panic());
    until_gone().await;
}

async fn copy_reads_what_localstack_holds() {
    let started_at = Instant::now();
    let Some(stack) = start().await else { return };
    let seconds = started_at.elapsed().as_secs_f64();
    writeln!(std::io::stderr(), "ready in {seconds:.1} s").expect("stderr is there");
    assert!(stack.lacks(Need::Clock).is_some());
    let config = sdk_config(stack.endpoints()).await;
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint("eu-central-1".into())
        .build();
    s3.create_bucket()
        .bucket("lake")
        .create_bucket_configuration(place)
        .send()
        .await
        .expect("made");
    let body = br#"{"a": 1} {"a": 41}"#.to_vec();
    s3.put_object().bucket("lake").key("k").body(body.into()).send().await.expect("put");
    let redshift = stack.redshift().await.expect("a session");
    let script = "CREATE TABLE t (a INT SORTKEY); \
                  COPY t FROM 's3://lake/k' IAM_ROLE default JSON 'auto'";
    redshift.batch_execute(script).await.expect("loaded");
    let row = redshift.query_one("SELECT SUM(a), version() FROM t", &[]).await.expect("a row");
    assert_eq!(row.get::<_, i64>(0), 42);
    assert!(row.get::<_, &str>(1).contains("Redshift"));
    let sqs = aws_sdk_sqs::Client::new(&config);
    let url = sqs.create_queue().queue_name("q").send().await.expect("made").queue_url;
    let url = url.expect("a URL");
    // It names the proxy, or faults would be passed by.
    assert!(url.starts_with(stack.endpoints().aws_url().expect("local")), "{url}");
    assert!(!containers().is_empty());
    stack.shutdown().await;
    until_gone().await;
}
