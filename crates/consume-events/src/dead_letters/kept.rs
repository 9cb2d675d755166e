//! `--from-rejected`: the messages under `rejected/messages/`, as if they were in a queue.
//!
//! There malformed messages lie that no dead-letter queue took (see [`crate::rejected`]), a line of
//! JSON each. One object at a time is read and held. What of it is sent back or purged is only noted
//! at first; before the next object is read, it is deleted if all its lines are noted, or else
//! written anew without those that are. That comes after SQS has confirmed, so that a crash makes a
//! double, never a loss. Looking changes nothing, and what is none of ours is left as it is.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use runtime::settings::BucketSettings;
use tokio::sync::Mutex;

use super::letter::DeadLetter;
use super::line::{self, OBJECT_BYTES_MAX, lines, unpack};
use super::{DeadLetterQueue, Finished, Sent};
use crate::dead_letter::Letter;
use crate::error::{CallError, FailedCall};
use crate::object::{CONTENT_TYPE, Compression, ObjectWriter};
use crate::queue::{Depth, ENTRIES_MAX, EntryFailure, Message, Queue, Receipt, SqsQueue};
use crate::rejected::FOLDER;
use crate::retry::Persistence;

/// What the keys of the consumer's objects end in.
const ENDING: &str = ".json.gz";

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
    calls: Persistence,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    listing: Listing,
    /// Listed and not read yet.
    keys: VecDeque<String>,
    /// Read and not handed out yet; all of them from the object at hand.
    letters: VecDeque<DeadLetter>,
    /// How often a message was met, by the hash of its id.
    met: HashMap<u64, u32>,
    at_hand: Option<Object>,
    /// Messages that were to be no more, and are still in an object that somebody else changed.
    stayed: usize,
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
    key: String,
    etag: Option<String>,
    line_count: usize,
    /// Lines that are to be no more, from 0.
    gone: BTreeSet<usize>,
}

impl RejectedMessages {
    /// `calls` is the patience with S3.
    pub(crate) fn new(
        s3: aws_sdk_s3::Client,
        settings: &BucketSettings,
        calls: Persistence,
    ) -> Self {
        let BucketSettings { bucket, prefix } = settings.clone();
        let (folder, resource) = (format!("{prefix}{FOLDER}/"), format!("bucket {bucket}"));
        Self { s3, bucket, folder, resource, calls, state: Arc::default() }
    }

    /// For people: `s3://bucket/…/rejected/messages/`.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.folder)
    }

    /// Takes the noted messages out of the object at hand; it is at hand no more if that worked.
    async fn settle(&self, state: &mut State) -> Result<(), CallError> {
        let Some(object) = &state.at_hand else { return Ok(()) };
        if !self.take_out(object).await? {
            let message_count = object.gone.len();
            let object_key = &object.key;
            tracing::warn!(object_key, message_count, "object has changed, its messages stay");
            state.stayed += message_count;
        }
        state.at_hand = None;
        Ok(())
    }

    /// Whether the messages that are to be no more are in the object no more; not so if somebody
    /// else has changed it.
    async fn take_out(&self, object: &Object) -> Result<bool, CallError> {
        let Object { key, etag, line_count, gone } = object;
        if gone.is_empty() {
            return Ok(true);
        }
        let got = match self.calls.call(|| self.get(key)).await {
            // It went, with all that was in it.
            Err(CallError::Missing(_)) => return Ok(true),
            got => got?,
        };
        if got.0 != *etag {
            return Ok(false);
        }
        if *line_count <= gone.len() {
            return self.calls.call(|| self.delete(key)).await.map(|()| true);
        }
        let mut writer = ObjectWriter::new(Compression::Gzip);
        for (index, line) in lines(&unpack(&got.1).map_err(|reason| self.unread(key, reason))?) {
            if !gone.contains(&index) {
                writer.append(&[line, b"\n"].concat());
            }
        }
        let rest = Bytes::from(writer.finish());
        if self.calls.call(|| self.put(key, etag.clone(), rest.clone())).await? {
            return Ok(true);
        }
        // An answer may have been lost, and it is ourselves who changed it.
        match self.calls.call(|| self.get(key)).await {
            Err(CallError::Missing(_)) => Ok(true),
            got => Ok(got?.1 == rest),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), CallError> {
        let deleted = self.s3.delete_object().bucket(&self.bucket).key(key).send().await;
        deleted.map_err(|error| CallError::from_sdk("DeleteObject", &self.resource, &error))?;
        Ok(())
    }

    /// Replaces an object if it is still the one with this entity tag; whether it was.
    async fn put(&self, key: &str, etag: Option<String>, body: Bytes) -> Result<bool, CallError> {
        let put = self.s3.put_object().bucket(&self.bucket).key(key).set_if_match(etag);
        let put = put.content_type(CONTENT_TYPE).body(ByteStream::from(body));
        let Err(error) = put.send().await else { return Ok(true) };
        match error.raw_response().map(|answer| answer.status().as_u16()) {
            // NoSuchKey, PreconditionFailed (S3 User Guide, "Conditional writes").
            Some(404 | 412) => Ok(false),
            _ => Err(CallError::from_sdk("PutObject", &self.resource, &error)),
        }
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
            let list = list.set_continuation_token(token);
            let page = self.calls.call(async || {
                list.clone()
                    .send()
                    .await
                    .map_err(|error| CallError::from_sdk("ListObjectsV2", &self.resource, &error))
            });
            let page = page.await?;
            *at = page.next_continuation_token.map_or(Listing::End, Listing::Page);
            let listed = page.contents.unwrap_or_default().into_iter();
            keys.extend(listed.filter_map(|object| object.key).filter(|key| !key.ends_with('/')));
        }
        Ok(keys.pop_front())
    }

    fn unread(&self, key: &str, reason: String) -> CallError {
        let (operation, resource) = ("GetObject", self.resource.clone());
        CallError::Refused(FailedCall { operation, resource, reason: format!("{key}: {reason}") })
    }

    /// An object's entity tag, and its bytes as they are.
    async fn get(&self, key: &str) -> Result<(Option<String>, Bytes), CallError> {
        let get = self.s3.get_object().bucket(&self.bucket).key(key).send().await;
        let got = get.map_err(|error| CallError::from_sdk("GetObject", &self.resource, &error))?;
        if got.content_length.is_some_and(|bytes| OBJECT_BYTES_MAX < bytes.unsigned_abs()) {
            return Err(self.unread(key, format!("more than {OBJECT_BYTES_MAX} bytes")));
        }
        let body = got.body.collect().await.map_err(|error| {
            let (operation, resource) = ("GetObject", self.resource.clone());
            CallError::Unreachable(FailedCall { operation, resource, reason: error.to_string() })
        })?;
        Ok((got.e_tag, body.into_bytes()))
    }

    /// An object's entity tag and its bytes, uncompressed; `None` if it is none of ours, which is
    /// said, or if it is gone.
    async fn read(&self, key: &str) -> Result<Option<(Option<String>, Vec<u8>)>, CallError> {
        let pass_over = |reason: &str| {
            tracing::warn!(object_key = key, reason, "object passed over");
            Ok(None)
        };
        if !key.ends_with(ENDING) {
            return pass_over("its key is none that consume-events makes");
        }
        match self.calls.call(|| self.get(key)).await {
            Ok((etag, bytes)) => match unpack(&bytes) {
                Ok(bytes) => Ok(Some((etag, bytes))),
                Err(reason) => pass_over(&reason),
            },
            // Somebody else has sent all of it back.
            Err(CallError::Missing(_)) => Ok(None),
            Err(CallError::Refused(call)) => pass_over(&call.reason),
            Err(error) => Err(error),
        }
    }

    async fn next_letters(&self) -> Result<Vec<DeadLetter>, CallError> {
        let mut state = self.state.lock().await;
        while state.letters.is_empty() {
            self.settle(&mut state).await?;
            let State { listing, keys, letters, met, at_hand, .. } = &mut *state;
            let Some(key) = self.next_key(keys, listing).await? else { break };
            let (etag, bytes) = match self.read(&key).await {
                Ok(Some(read)) => read,
                Ok(None) => continue,
                Err(error) => {
                    keys.push_front(key);
                    return Err(error);
                }
            };
            let mut line_count = 0;
            for (index, line) in lines(&bytes) {
                line_count += 1;
                letters.extend(line::letter(&key, index, line, met));
            }
            let foreign = line_count - letters.len();
            if 0 < foreign {
                let object_key = &key;
                tracing::warn!(object_key, line_count = foreign, "lines passed over: no messages");
            }
            *at_hand = Some(Object { key, etag, line_count, gone: BTreeSet::new() });
        }
        let count = ENTRIES_MAX.min(state.letters.len());
        Ok(state.letters.drain(..count).collect())
    }

    /// Notes what is to be no more.
    async fn note_gone(&self, receipts: &[Receipt]) -> Vec<EntryFailure> {
        let mut state = self.state.lock().await;
        let mut failures = Vec::new();
        for (entry, receipt) in receipts.iter().enumerate() {
            let line = receipt.split_once(' ').and_then(|(line, key)| {
                let object = state.at_hand.as_mut().filter(|object| object.key == key)?;
                Some(object.gone.insert(line.parse().ok()?))
            });
            if line.is_none() {
                let code = "ObjectNotAtHand".to_owned();
                failures.push(EntryFailure { index: entry, code, sender_fault: true });
            }
        }
        failures
    }

    /// Reads all there is, and counts it.
    async fn count(&self) -> Result<u64, CallError> {
        let (mut keys, mut listing, mut count) = (VecDeque::new(), Listing::Start, 0);
        while let Some(key) = self.next_key(&mut keys, &mut listing).await? {
            if !key.ends_with(ENDING) {
                continue;
            }
            match self.calls.call(|| self.get(&key)).await {
                Ok((_, bytes)) => {
                    let bytes = unpack(&bytes).unwrap_or_default();
                    let ours = lines(&bytes).filter(|(_, line)| line::is_ours(line));
                    count += ours.count() as u64;
                }
                // What cannot be read is said when it is to be listed.
                Err(CallError::Missing(_) | CallError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
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
            Self::Rejected(rejected) => Ok(rejected.note_gone(receipt_handles).await),
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

    fn hides(&self) -> bool {
        matches!(self, Self::Queue(_))
    }

    async fn finish(&self) -> Finished {
        let Self::Rejected(rejected) = self else { return Finished::default() };
        let mut state = rejected.state.lock().await;
        let error = rejected.settle(&mut state).await.err();
        let unsettled = state.at_hand.take().map_or(0, |object| object.gone.len());
        Finished { stayed: state.stayed + unsettled, error }
    }
}
