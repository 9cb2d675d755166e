//! A server that speaks just enough of SQS's JSON protocol to answer from a script.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Status and body of an answer to `SendMessageBatch`.
pub(crate) type Answer = (u16, Value);

/// No answer at all, ever.
pub(crate) const MUTE: Answer = (0, Value::Null);

/// Decides the answer to the n-th batch (from 0) with these entries.
pub(crate) type Script = Box<dyn FnMut(usize, &[Value]) -> Answer + Send>;

/// The running server. It ends when it is dropped.
pub(crate) struct CannedSqs {
    address: std::net::SocketAddr,
    batches: Arc<Mutex<Vec<Vec<Value>>>>,
    task: JoinHandle<()>,
}

impl Drop for CannedSqs {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl CannedSqs {
    /// Starts a server that knows the queue `events`, tells nobody of `forbidden`, and answers batches by `script`.
    pub(crate) async fn start(
        script: impl FnMut(usize, &[Value]) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let batches = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(Box::new(script)));
        let seen = batches.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), seen.clone()));
            }
        });
        CannedSqs { address, batches, task }
    }

    /// Stops listening; answers once the port is free.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.is_err_and(|error| error.is_cancelled()));
    }

    /// A client of this server that never tries again by itself.
    pub(crate) fn client(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(format!("http://{}", self.address))
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// The bodies of every batch received, in order.
    pub(crate) fn batches(&self) -> Vec<Vec<String>> {
        let body = |entry: &Value| entry["MessageBody"].as_str().unwrap().to_owned();
        self.batches.lock().unwrap().iter().map(|batch| batch.iter().map(body).collect()).collect()
    }
}

/// The answer that takes every entry.
pub(crate) fn take_all(entries: &[Value]) -> Answer {
    take(entries, |_| None)
}

/// The answer that takes the entries for which `fault` is `None`; the others fail by the sender's
/// fault or not, as it says.
pub(crate) fn take(entries: &[Value], fault: impl Fn(&Value) -> Option<bool>) -> Answer {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = &entry["Id"];
        match fault(entry) {
            None => successful.push(json!({
                "Id": id,
                "MessageId": message_id(entry["MessageBody"].as_str().unwrap()),
                "MD5OfMessageBody": "",
            })),
            Some(sender_fault) => failed.push(json!({
                "Id": id,
                "SenderFault": sender_fault,
                "Code": "Odd",
                "Message": "as the script says",
            })),
        }
    }
    (200, json!({"Successful": successful, "Failed": failed}))
}

/// The message id that this server gives to a body.
pub(crate) fn message_id(body: &str) -> String {
    format!("m-{}-{}", body.len(), body.bytes().map(u64::from).sum::<u64>())
}

async fn serve(
    stream: TcpStream,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Vec<Value>>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let (name, value) = line.trim_end().split_once(':').unwrap_or((line.trim_end(), ""));
            match name.to_ascii_lowercase().as_str() {
                "" => break,
                "x-amz-target" => operation = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request: Value = serde_json::from_slice(&body).unwrap();
        let (status, answer) = match operation.as_str() {
            "AmazonSQS.GetQueueUrl" if request["QueueName"] == "events" => {
                (200, json!({"QueueUrl": "http://localhost/000000000000/events"}))
            }
            "AmazonSQS.GetQueueUrl" if request["QueueName"] == "forbidden" => {
                (403, json!({"__type": "com.amazonaws.sqs#AccessDenied", "message": "no"}))
            }
            "AmazonSQS.GetQueueUrl" => {
                (400, json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}))
            }
            "AmazonSQS.SendMessageBatch" => {
                let entries = request["Entries"].as_array().unwrap();
                let mut seen = seen.lock().unwrap();
                let answer = (script.lock().unwrap())(seen.len(), entries);
                seen.push(entries.clone());
                answer
            }
            other => panic!("the program has no business with {other}"),
        };
        if (status, &answer) == (MUTE.0, &MUTE.1) {
            std::future::pending::<()>().await;
        }
        let answer = answer.to_string();
        let code = if answer.contains("#QueueDoesNotExist") {
            "x-amzn-query-error: AWS.SimpleQueueService.NonExistentQueue;Sender\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: application/x-amz-json-1.0\r\n\
             {code}content-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + &answer).as_bytes()).await.ok()?;
    }
}
