//! `--from-rejected`: the messages under `rejected/messages/`, as if they were in a queue.
//!
//! There malformed messages lie that no dead-letter queue took (see [`crate::rejected`]), a line of
//! JSON each. What is sent back or purged is only noted at first; an object is deleted when all its
//! lines are noted, and written anew without some of them by [`RejectedMessages::finish`]. Both
//! come after SQS has confirmed, so that a crash makes a double, never a loss. Looking changes
//! nothing.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use runtime::settings::BucketSettings;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Mutex;

use super::letter::DeadLetter;
use super::{DeadLetterQueue, Sent};
use crate::dead_letter::Letter;
use crate::error::{CallError, FailedCall};
use crate::object::{CONTENT_TYPE, Compression, ObjectWriter};
use crate::queue::{Depth, ENTRIES_MAX, EntryFailure, Message, Queue, Receipt, SqsQueue};
use crate::rejected::FOLDER;

/// What is read of one object at most, uncompressed; the consumer makes none of a quarter of it.
const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where dead letters come from, and where messages go.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Queue(SqsQueue),
    Rejected(RejectedMessages),
}

/// The messages in a bucket that no dead-letter queue took.
#[derive(Debug, Clone)]
pub(crate) struct RejectedMessages {
    s3: aws_sdk_s3::Client,
    bucket: String,
    /// With a slash at its end.
    folder: String,
    /// For errors: `bucket <name>`.
    resource: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    listing: Listing,
    /// Listed and not read yet.
    keys: VecDeque<String>,
    /// Read and not handed out yet.
    letters: VecDeque<DeadLetter>,
    /// How often a message was met.
    met: HashMap<String, u32>,
    objects: BTreeMap<String, Object>,
}

#[derive(Debug, Default)]
enum Listing {
    #[default]
    Start,
    Page(String),
    End,
}

/// An object that was read.
#[derive(Debug)]
struct Object {
    etag: Option<String>,
    line_count: usize,
    /// Lines that are to be no more, from 0.
    gone: BTreeSet<usize>,
}

/// A line, as [`Letter::line`] writes it.
#[derive(Debug, Default, Deserialize)]
struct Line {
    body: String,
    error_code: Option<String>,
    error_message: Option<String>,
    error_field: Option<String>,
    event_id: Option<String>,
    original_message_id: Option<String>,
    first_sent_at: Option<String>,
}

impl RejectedMessages {
    pub(crate) fn new(s3: aws_sdk_s3::Client, settings: &BucketSettings) -> Self {
        let BucketSettings { bucket, prefix } = settings.clone();
        let (folder, resource) = (format!("{prefix}{FOLDER}/"), format!("bucket {bucket}"));
        Self { s3, bucket, folder, resource, state: Arc::default() }
    }

    /// For people: `s3://bucket/…/rejected/messages/`.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.folder)
    }

    /// Writes objects anew of which some lines are gone.
    pub(crate) async fn finish(&self) -> Result<(), CallError> {
        let mut state = self.state.lock().await;
        for (key, object) in std::mem::take(&mut state.objects) {
            if object.gone.is_empty() {
                continue;
            }
            let (etag, bytes) = self.get(&key).await?;
            if etag != object.etag {
                tracing::warn!(object_key = key, "object has changed, its messages stay");
                continue;
            }
            let mut writer = ObjectWriter::new(Compression::Gzip);
            for (index, line) in lines(&bytes) {
                if !object.gone.contains(&index) {
                    writer.append(&[line, b"\n"].concat());
                }
            }
            let put = self.s3.put_object().bucket(&self.bucket).key(&key).set_if_match(etag);
            let put = put.content_type(CONTENT_TYPE).body(ByteStream::from(writer.finish()));
            put.send()
                .await
                .map_err(|error| CallError::from_sdk("PutObject", &self.resource, &error))?;
        }
        Ok(())
    }

    /// The next key that is listed; `None` at the end.
    async fn next_key(
        &self,
        keys: &mut VecDeque<String>,
        at: &mut Listing,
    ) -> Result<Option<String>, CallError> {
        while keys.is_empty() {
            let token = match &*at {
                Listing::Start => None,
                Listing::Page(token) => Some(token.clone()),
                Listing::End => return Ok(None),
            };
            let list = self.s3.list_objects_v2().bucket(&self.bucket).prefix(&self.folder);
            let page =
                list.set_continuation_token(token).send().await.map_err(|error| {
                    CallError::from_sdk("ListObjectsV2", &self.resource, &error)
                })?;
            *at = page.next_continuation_token.map_or(Listing::End, Listing::Page);
            let listed = page.contents.unwrap_or_default().into_iter();
            keys.extend(listed.filter_map(|object| object.key).filter(|key| !key.ends_with('/')));
        }
        Ok(keys.pop_front())
    }

    /// An object's entity tag, and its bytes, uncompressed.
    async fn get(&self, key: &str) -> Result<(Option<String>, Vec<u8>), CallError> {
        let failed = |reason: String| FailedCall {
            operation: "GetObject",
            resource: self.resource.clone(),
            reason: format!("{key}: {reason}"),
        };
        let get = self.s3.get_object().bucket(&self.bucket).key(key).send().await;
        let got = get.map_err(|error| CallError::from_sdk("GetObject", &self.resource, &error))?;
        let body = got.body.collect().await;
        let body = body.map_err(|error| CallError::Unreachable(failed(error.to_string())))?;
        let body = body.into_bytes();
        let mut bytes = Vec::new();
        let mut reader: Box<dyn Read + Send> = match key.ends_with(".gz") {
            true => Box::new(flate2::read::MultiGzDecoder::new(&*body)),
            false => Box::new(&*body),
        };
        reader
            .by_ref()
            .take(OBJECT_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| CallError::Refused(failed(error.to_string())))?;
        if OBJECT_BYTES_MAX < bytes.len() as u64 {
            let reason = format!("more than {OBJECT_BYTES_MAX} bytes, uncompressed");
            return Err(CallError::Refused(failed(reason)));
        }
        Ok((got.e_tag, bytes))
    }

    async fn next_letters(&self) -> Result<Vec<DeadLetter>, CallError> {
        let mut state = self.state.lock().await;
        let State { listing, keys, letters, met, objects } = &mut *state;
        while letters.is_empty() {
            let Some(key) = self.next_key(keys, listing).await? else { break };
            let (etag, bytes) = match self.get(&key).await {
                Ok(got) => got,
                // Somebody else has sent all of it back, or it is none of ours.
                Err(CallError::Missing(_)) => continue,
                Err(CallError::Refused(call)) => {
                    tracing::warn!(reason = call.reason, "object passed over");
                    continue;
                }
                Err(error) => {
                    keys.push_front(key);
                    return Err(error);
                }
            };
            letters.extend(lines(&bytes).map(|(index, line)| letter(&key, index, line, met)));
            let object = Object { etag, line_count: letters.len(), gone: BTreeSet::new() };
            objects.insert(key, object);
        }
        let count = ENTRIES_MAX.min(letters.len());
        Ok(letters.drain(..count).collect())
    }

    async fn note_gone(&self, receipts: &[Receipt]) -> Result<(), CallError> {
        let mut state = self.state.lock().await;
        for receipt in receipts {
            let Some((index, key)) = receipt.split_once(' ') else { continue };
            if let (Ok(index), Some(object)) = (index.parse(), state.objects.get_mut(key)) {
                object.gone.insert(index);
            }
        }
        let is_empty = |object: &Object| object.line_count <= object.gone.len();
        let empty = state.objects.iter().filter(|(_, object)| is_empty(object));
        for key in empty.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let delete = self.s3.delete_object().bucket(&self.bucket).key(&key).send().await;
            delete.map_err(|error| CallError::from_sdk("DeleteObject", &self.resource, &error))?;
            state.objects.remove(&key);
        }
        Ok(())
    }

    /// Reads all there is, and counts it.
    async fn count(&self) -> Result<u64, CallError> {
        let (mut keys, mut listing, mut count) = (VecDeque::new(), Listing::Start, 0);
        while let Some(key) = self.next_key(&mut keys, &mut listing).await? {
            match self.get(&key).await {
                Ok((_, bytes)) => count += lines(&bytes).count() as u64,
                Err(CallError::Missing(_) | CallError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

/// The lines that are not empty, numbered from 0.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).enumerate()
}

/// A line as a dead letter. Its id is that of the message it was, which stays when lines before it
/// are gone; what was met before gets a number besides.
fn letter(key: &str, index: usize, line: &[u8], met: &mut HashMap<String, u32>) -> DeadLetter {
    let said: Line = serde_json::from_slice(line).unwrap_or_else(|_| Line {
        body: String::from_utf8_lossy(line).into_owned(),
        ..Line::default()
    });
    let mut message_id = said.original_message_id.clone().unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    });
    let times = met.entry(message_id.clone()).or_default();
    *times += 1;
    if 1 < *times {
        message_id = format!("{message_id}#{times}");
    }
    let first_sent_at = said.first_sent_at.and_then(|text| {
        let at = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
        Some((at.unix_timestamp_nanos() / 1_000_000).to_string())
    });
    let attributes = [
        ("ErrorCode", said.error_code),
        ("ErrorMessage", said.error_message),
        ("ErrorField", said.error_field),
        ("EventId", said.event_id),
        ("OriginalMessageId", said.original_message_id),
        ("FirstSentAt", first_sent_at),
    ];
    let attributes = attributes.into_iter();
    DeadLetter {
        message_id,
        receipt_handle: format!("{index} {key}").into(),
        body: said.body,
        sent_at: None,
        by_sqs: false,
        attributes: attributes.filter_map(|(name, it)| Some((name.to_owned(), it?))).collect(),
    }
}

/// What is asked of a bucket that only a queue can do.
fn no_queue(operation: &'static str, rejected: &RejectedMessages) -> CallError {
    let (resource, reason) = (rejected.resource.clone(), "it is no queue".to_owned());
    CallError::Refused(FailedCall { operation, resource, reason })
}

impl Queue for Source {
    async fn receive(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, CallError> {
        match self {
            Self::Queue(queue) => queue.receive(visibility_timeout, wait).await,
            Self::Rejected(rejected) => Err(no_queue("ReceiveMessage", rejected)),
        }
    }

    async fn delete(&self, receipt_handles: &[Receipt]) -> Result<Vec<EntryFailure>, CallError> {
        match self {
            Self::Queue(queue) => queue.delete(receipt_handles).await,
            Self::Rejected(rejected) => {
                rejected.note_gone(receipt_handles).await.map(|()| Vec::new())
            }
        }
    }

    async fn change_visibility(
        &self,
        receipt_handles: &[Receipt],
        visibility_timeout: Duration,
    ) -> Result<Vec<EntryFailure>, CallError> {
        match self {
            Self::Queue(queue) => {
                queue.change_visibility(receipt_handles, visibility_timeout).await
            }
            // Whoever reads an object hides it from nobody.
            Self::Rejected(_) => Ok(Vec::new()),
        }
    }

    async fn send(&self, letters: &[&Letter]) -> Result<Vec<EntryFailure>, CallError> {
        match self {
            Self::Queue(queue) => queue.send(letters).await,
            Self::Rejected(rejected) => Err(no_queue("SendMessage", rejected)),
        }
    }

    async fn depth(&self) -> Result<Depth, CallError> {
        match self {
            Self::Queue(queue) => queue.depth().await,
            Self::Rejected(rejected) => {
                Ok(Depth { visible: rejected.count().await?, not_visible: 0, delayed: 0 })
            }
        }
    }
}

impl DeadLetterQueue for Source {
    async fn read(
        &self,
        visibility_timeout: Duration,
        wait: Duration,
    ) -> Result<Vec<DeadLetter>, CallError> {
        match self {
            Self::Queue(queue) => queue.read(visibility_timeout, wait).await,
            Self::Rejected(rejected) => rejected.next_letters().await,
        }
    }

    async fn send_bodies(
        &self,
        bodies: &[&str],
    ) -> Result<(Vec<Sent>, Vec<EntryFailure>), CallError> {
        match self {
            Self::Queue(queue) => queue.send_bodies(bodies).await,
            Self::Rejected(rejected) => Err(no_queue("SendMessage", rejected)),
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{Refusal, Rule};

    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_known_by_the_message_it_was() {
        let refusal = Refusal {
            rule: Rule::NotJson,
            reason: "it is no JSON".to_owned(),
            field: None,
            id: None,
        };
        let sent_at = Some(1_772_000_000_123);
        let written = Letter::new("so \"what\n".to_owned(), refusal, "o-1".to_owned(), sent_at);
        let mut met = HashMap::new();
        let text = [written.line(), b"\nnonsense\n".to_vec(), written.line()].concat();
        let read: Vec<_> =
            lines(&text).map(|(index, line)| letter("k", index, line, &mut met)).collect();
        let ids: Vec<_> = read.iter().map(|it| it.message_id.as_str()).collect();
        assert_eq!((ids[0], ids[1].len(), ids[2]), ("o-1", 16, "o-1#2"));
        assert_eq!((read[0].body.as_str(), read[0].first_sent_at()), ("so \"what\n", sent_at));
        assert_eq!((read[0].code(), read[0].reason()), ("not-json", Some("it is no JSON")));
        assert_eq!((read[1].body.as_str(), read[1].code()), ("nonsense", "unknown"));
        assert!(read[2].is_called("o-1") && &*read[2].receipt_handle == "2 k");
    }
}
