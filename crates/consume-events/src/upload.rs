//! The way of one object to S3: at once if it is small, in parts while it grows if it is not.
//!
//! A part leaves memory when S3 has it, so a batch costs no more memory than two parts, however
//! large its object becomes. Until the last call the object does not exist for anybody: COPY and
//! listings never see half of one. An upload that cannot be completed is aborted; that of a killed
//! process is left to the bucket's lifecycle rule (`AbortIncompleteMultipartUpload`).

use bytes::Bytes;

use crate::error::CallError;
use crate::retry::Persistence;
use crate::store::{ObjectStore, StoredPart};

/// How large a part is, at least: S3 takes none under 5 MiB but the last (User Guide, "Amazon S3
/// multipart upload limits"), and 10,000 of these are more than any batch.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// How often an upload that is of no use any more is aborted, if S3 does not answer.
const ABORT_ATTEMPTS: u32 = 3;

/// An object on its way.
#[derive(Debug)]
pub(crate) struct Upload<S> {
    store: S,
    s3: Persistence,
    key: String,
    /// The upload's id and what S3 has of it, from the first part on.
    begun: Option<(String, Vec<StoredPart>)>,
    /// Why there is no use in going on.
    failure: Option<CallError>,
}

impl<S: ObjectStore> Upload<S> {
    /// Nothing of the object is there yet.
    pub(crate) fn new(store: S, s3: Persistence, key: String) -> Self {
        Self { store, s3, key, begun: None, failure: None }
    }

    /// The object's key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a part could not be stored, so that the batch had better end.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Stores the next part, and says why if it cannot when the object is finished.
    pub(crate) async fn add(mut self, part: Bytes) -> Self {
        if self.failure.is_none()
            && let Err(error) = self.store_part(part).await
        {
            self.failure = Some(error);
        }
        self
    }

    async fn store_part(&mut self, part: Bytes) -> Result<(), CallError> {
        let (upload_id, parts) = match &mut self.begun {
            Some(begun) => begun,
            None => {
                let upload_id = self.s3.call(|| self.store.begin(&self.key)).await?;
                self.begun.insert((upload_id, Vec::new()))
            }
        };
        let number = parts.len() + 1;
        let put = || self.store.put_part(&self.key, upload_id, number, part.clone());
        parts.push(self.s3.call(put).await?);
        Ok(())
    }

    /// Stores the last bytes; `Ok` means that the object is there to stay.
    ///
    /// # Errors
    /// Why the object is not there, or not known to be there, and what is left of it.
    pub(crate) async fn finish(mut self, last: Bytes) -> Result<(), (CallError, Remains<S>)> {
        if self.begun.is_none() && self.failure.is_none() {
            let stored = self.s3.call(|| self.store.put(&self.key, last.clone())).await;
            return stored.map_err(|error| (error, Remains(self)));
        }
        // A compressed object has an end, so the last part is never empty.
        self = self.add(last).await;
        let completed = match (self.failure.take(), &self.begun) {
            (None, Some((upload_id, parts))) => self.complete(upload_id, parts).await,
            (failure, _) => Err(failure.expect("what is not begun has failed")),
        };
        completed.map_err(|error| (error, Remains(self)))
    }

    /// Puts the parts together. If the answer to a first attempt was lost, S3 may not know the
    /// upload any more because it is complete: then the object is there.
    async fn complete(&self, upload_id: &str, parts: &[StoredPart]) -> Result<(), CallError> {
        let complete = || async {
            match self.store.complete(&self.key, upload_id, parts).await {
                Err(CallError::Gone(call)) => match self.store.is_there(&self.key).await {
                    Ok(true) => Ok(()),
                    Err(error) if error.is_transient() => Err(error),
                    // Also if we may not look: the messages come again, and doubles are removed.
                    Ok(false) | Err(_) => Err(CallError::Gone(call)),
                },
                completed => completed,
            }
        };
        self.s3.call(complete).await
    }
}

/// What S3 has of an object that did not come to be.
#[derive(Debug)]
#[must_use = "parts cost storage until they are thrown away"]
pub(crate) struct Remains<S>(Upload<S>);

impl<S: ObjectStore> Remains<S> {
    /// Throws it away, as far as S3 answers. Others may need the messages: give them back first.
    pub(crate) async fn abort(self) {
        let Upload { store, s3, key, begun, .. } = self.0;
        let Some((upload_id, _)) = begun else { return };
        for attempt in 1..=ABORT_ATTEMPTS {
            match s3.in_time(store.abort(&key, &upload_id)).await {
                Ok(()) | Err(CallError::Gone(_)) => return,
                Err(error)
                    if attempt == ABORT_ATTEMPTS
                        || matches!(error, CallError::GivenUp(_))
                        || !error.is_transient() =>
                {
                    tracing::warn!(object_key = key, %error, "parts of an object left in the bucket");
                    return;
                }
                Err(_) => s3.pause(attempt).await,
            }
        }
    }
}
