//! `consume-events` as a process against the kit: what its scenarios do not show.

mod dead_letters;
mod objects;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use blueshift::Stack;
use blueshift::provision::sdk_config;
use harness::binaries::binaries;
use harness::pipeline::Pipeline;
use serde_json::Value;

const QUEUE: &str = "q";
const BUCKET: &str = "lake";
const CREATE_TABLE: &str = "CREATE TABLE t (id VARCHAR(36) NOT NULL, count INTEGER)";

/// A stack with a queue, a dead-letter queue if wanted, and a bucket; and the programs beside it.
struct World {
    stack: Stack,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    queue_url: String,
    pipeline: Pipeline,
    folder: tempfile::TempDir,
}

impl World {
    async fn start(has_dead_letter_queue: bool) -> Self {
        let stack = Stack::in_process().await.expect("the stack starts");
        let config = sdk_config(stack.endpoints()).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let made = sqs.create_queue().queue_name(QUEUE).send().await.expect("a queue");
        if has_dead_letter_queue {
            let name = format!("{QUEUE}-dead-letter");
            sqs.create_queue().queue_name(name).send().await.expect("a dead-letter queue");
        }
        s3.create_bucket().bucket(BUCKET).send().await.expect("a bucket");
        let folder = tempfile::tempdir().expect("a folder");
        let create_table = folder.path().join("create_table.sql");
        std::fs::write(&create_table, CREATE_TABLE).expect("written");
        let environment = stack.endpoints().environment().into_iter();
        let mut environment: Vec<(String, String)> =
            environment.map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, value) in [
            ("AWS_SQS_NAME", QUEUE.to_owned()),
            ("AWS_S3_BUCKET", BUCKET.to_owned()),
            ("AWS_SQS_POLLING_TIMEOUT", "1".to_owned()),
            ("REDSHIFT_CREATE_TABLE", create_table.display().to_string()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let binaries = binaries().expect("built");
        Self {
            queue_url: made.queue_url.expect("a URL"),
            pipeline: Pipeline::new(binaries, folder.path(), environment),
            stack,
            sqs,
            s3,
            folder,
        }
    }

    async fn send(&self, bodies: &[String]) {
        for bodies in bodies.chunks(10) {
            let entries = bodies.iter().enumerate().map(|(index, body)| {
                let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
                entry.message_body(body).build().expect("complete")
            });
            let send = self.sqs.send_message_batch().queue_url(&self.queue_url);
            let sent = send.set_entries(Some(entries.collect())).send().await.expect("sent");
            assert!(sent.failed.is_empty(), "{:?}", sent.failed);
        }
    }

    /// Runs the program to its good end, and returns its result line.
    async fn consume(&self, arguments: &[&str]) -> Value {
        self.pipeline.run("consume-events", arguments).await.expect("it ends well").result
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let list = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix);
        let listed = list.send().await.expect("a list").contents.unwrap_or_default();
        listed.into_iter().filter_map(|object| object.key).collect()
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.s3.get_object().bucket(BUCKET).key(key).send().await.expect("an object");
        got.body.collect().await.expect("its bytes").to_vec()
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) {
        let put = self.s3.put_object().bucket(BUCKET).key(key).body(bytes.into());
        put.send().await.expect("stored");
    }
}
