//! The store half of the fakes: objects in memory, at once or in parts.

use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::time::Duration;

use super::fakes::{Fakes, Fault, HANGS_FOR, World, error};
use crate::error::{CallError, FailedCall};
use crate::store::{ObjectStore, StoredPart};

impl Fakes {
    /// The events in all objects, sorted, doubles included.
    pub(super) fn stored(&self) -> Vec<String> {
        let world = self.world();
        let objects = world.objects.iter().filter(|(key, _)| key.starts_with("lake/events/"));
        let mut lines: Vec<String> = objects.flat_map(|(_, lines)| lines).cloned().collect();
        lines.sort();
        lines
    }

    /// What is kept under `rejected/`, as JSON, in no order.
    pub(super) fn rejected(&self) -> Vec<serde_json::Value> {
        let world = self.world();
        let objects =
            world.objects.iter().filter(|(key, _)| key.starts_with("lake/rejected/messages/"));
        let lines = objects.flat_map(|(_, lines)| lines);
        lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Uploads that were begun, and neither completed nor aborted.
    pub(super) fn unfinished_uploads(&self) -> usize {
        self.world().uploads.len()
    }

    /// The largest part that was stored.
    pub(super) fn part_bytes_max(&self) -> usize {
        self.world().part_bytes_max
    }

    /// As a lifecycle rule would.
    pub(super) fn forget_uploads(&self) {
        self.world().uploads.clear();
    }

    /// Counts the call, takes its time, and fails if the script wants that before the effect.
    async fn call(&self, operation: &'static str) -> Result<Option<Fault>, CallError> {
        let fault = self.enter_unless_mute(operation).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        match fault {
            Some(fault @ (Fault::Unavailable | Fault::Denied)) => Err(error(operation, fault)),
            fault => Ok(fault),
        }
    }
}

/// What the caller hears after the effect.
fn answer<T>(operation: &'static str, fault: Option<Fault>, good: T) -> Result<T, CallError> {
    match fault {
        Some(fault) => Err(error(operation, fault)),
        None => Ok(good),
    }
}

fn gone(operation: &'static str) -> CallError {
    let (resource, reason) = ("fake".to_owned(), "no such upload".to_owned());
    CallError::Gone(FailedCall { operation, resource, reason })
}

fn lines(key: &str, body: &[u8]) -> Vec<String> {
    let mut text = String::new();
    let read = if key.ends_with(".json.zst") {
        let decoder = StreamingDecoder::new(body).expect("one frame");
        { decoder }.read_to_string(&mut text)
    } else {
        GzDecoder::new(body).read_to_string(&mut text)
    };
    read.expect("a whole object");
    text.lines().map(str::to_owned).collect()
}

impl World {
    fn store(&mut self, key: &str, body: &[u8]) {
        let lines = lines(key, body);
        for line in &lines {
            // A rejected message is as safe as a dead letter.
            let json: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            self.safe.extend(json["original_message_id"].as_str().map(str::to_owned));
        }
        self.safe.extend(lines.iter().cloned());
        self.objects.insert(key.to_owned(), lines);
    }
}

impl ObjectStore for Fakes {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), CallError> {
        let is_rejected = key.starts_with("lake/rejected/");
        let operation = if is_rejected { "put_rejected" } else { "put" };
        let fault = self.enter_unless_mute(operation).await;
        if fault == Some(Fault::Hung) {
            tokio::time::sleep(HANGS_FOR).await;
            return Err(error(operation, Fault::Hung));
        }
        if fault == Some(Fault::SlowAnswer) {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let gate = self.world().put_gate.clone();
        if let Some(gate) = gate {
            self.world().puts_waiting += 1;
            gate.notified().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(fault @ (Fault::Unavailable | Fault::Denied)) = fault {
            return Err(error(operation, fault));
        }
        self.world().store(key, &body);
        answer(operation, fault.filter(|fault| *fault != Fault::SlowAnswer), ())
    }

    async fn begin(&self, key: &str) -> Result<String, CallError> {
        let fault = self.call("begin").await?;
        let upload_id = format!("upload of {key}, {}", self.calls("begin"));
        self.world().uploads.insert(upload_id.clone(), Default::default());
        answer("begin", fault, upload_id)
    }

    async fn put_part(
        &self,
        _: &str,
        upload_id: &str,
        number: usize,
        body: Bytes,
    ) -> Result<StoredPart, CallError> {
        let fault = self.call("put_part").await?;
        let mut world = self.world();
        world.part_bytes_max = world.part_bytes_max.max(body.len());
        let parts = world.uploads.get_mut(upload_id).ok_or_else(|| gone("put_part"))?;
        parts.insert(number, body);
        answer("put_part", fault, StoredPart { e_tag: number.to_string(), ..Default::default() })
    }

    async fn complete(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<(), CallError> {
        let fault = self.call("complete").await?;
        let mut world = self.world();
        let stored = world.uploads.remove(upload_id).ok_or_else(|| gone("complete"))?;
        let tags: Vec<String> = stored.keys().map(usize::to_string).collect();
        assert!(parts.iter().map(|part| &part.e_tag).eq(&tags), "{parts:?} {tags:?}");
        world.store(key, &stored.into_values().collect::<Vec<_>>().concat());
        answer("complete", fault, ())
    }

    async fn abort(&self, _: &str, upload_id: &str) -> Result<(), CallError> {
        let fault = self.call("abort").await?;
        self.world().uploads.remove(upload_id).ok_or_else(|| gone("abort"))?;
        answer("abort", fault, ())
    }

    async fn is_there(&self, key: &str) -> Result<bool, CallError> {
        let fault = self.call("is_there").await?;
        answer("is_there", fault, self.world().objects.contains_key(key))
    }
}
