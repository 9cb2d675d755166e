//! Copies of objects that `CopyObject` does not take: part by part.
//!
//! S3 copies objects up to 5 GB in one call (S3 User Guide, "Copying, moving, and renaming
//! objects"); a part is a range of at most as much, and an object has at most 10,000 parts ("Amazon
//! S3 multipart upload limits").

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Bucket, Call, StoredObject, copy_source, copy_time_max, taking};
use crate::error::StoreError;

/// Bytes of an object that one `CopyObject` copies.
pub(super) const COPY_BYTES_MAX: u64 = 5 << 30;
/// Bytes of a part, as long as there are not too many.
const PART_BYTES: u64 = 1 << 30;
const PARTS_MAX: u64 = 10_000;
/// Parts at once.
const CONCURRENT_MAX: usize = 8;

impl Bucket {
    /// Copies an object in parts, with what is written about it, unless it is not the listed one any
    /// more. Whether it works or not, no unfinished upload is left, as far as S3 answers.
    pub(super) async fn copy_in_parts(
        &self,
        object: &StoredObject,
        to: &str,
    ) -> Result<(), StoreError> {
        let key = &object.key;
        let head = self.head(key).await?;
        let before = match self.head(to).await {
            Err(StoreError::NoObject { .. }) => None,
            found => found?.e_tag,
        };
        let begin = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(to)
            .set_content_type(head.content_type)
            .set_content_encoding(head.content_encoding)
            .set_metadata(head.metadata);
        let begun = self.call(Call::Short, "copy in parts", key, begin.send()).await?;
        let upload_id = begun.upload_id.unwrap_or_default();
        let copying = self.copy_parts(object, to, &upload_id);
        let copied = match self.unless_given_up(Call::Copy, "copy", key, copying).await {
            Err(error) if is_gone(&error) => match self.head(to).await {
                Ok(found) if is_made(&found, before.as_deref(), object.bytes) => Ok(()),
                Err(StoreError::NoObject { .. }) | Ok(_) => Err(error),
                Err(error) => Err(error),
            },
            copied => copied,
        };
        if copied.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(to);
            let abort = abort.upload_id(upload_id).send();
            match self.call(Call::TakeBack, "abort the copy in parts of", key, abort).await {
                Err(error) if !is_gone(&error) => {
                    tracing::warn!(%error, "parts of a copy are left in the bucket");
                }
                _ => {}
            }
        }
        copied
    }

    /// What is written about an object.
    async fn head(&self, key: &str) -> Result<HeadObjectOutput, StoreError> {
        let head = self.client.head_object().bucket(&self.name).key(key).send();
        self.call(Call::Short, "look at", key, head).await
    }

    async fn copy_parts(
        &self,
        object: &StoredObject,
        to: &str,
        upload_id: &str,
    ) -> Result<(), StoreError> {
        let copies = ranges(object.bytes).enumerate().map(|(index, range)| {
            let number = i32::try_from(index + 1).expect("at most 10,000 parts");
            async move {
                let copied = self
                    .client
                    .upload_part_copy()
                    .bucket(&self.name)
                    .key(to)
                    .upload_id(upload_id)
                    .part_number(number)
                    .copy_source(copy_source(&self.name, &object.key))
                    .copy_source_range(range)
                    .set_copy_source_if_match(object.quoted_etag())
                    .customize()
                    .config_override(taking(copy_time_max(part_bytes(object.bytes))))
                    .send()
                    .await
                    .map_err(|error| self.error("copy a part of", &object.key, error))?;
                let etag = copied.copy_part_result.and_then(|part| part.e_tag);
                Ok(CompletedPart::builder().part_number(number).set_e_tag(etag).build())
            }
        });
        let parts = stream::iter(copies).buffered(CONCURRENT_MAX).try_collect().await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(to)
            .upload_id(upload_id)
            .multipart_upload(parts)
            .customize()
            .config_override(taking(copy_time_max(object.bytes)))
            .send()
            .await
            .map_err(|error| self.error("complete the copy in parts of", &object.key, error))?;
        Ok(())
    }
}

/// Whether S3 does not know an upload any more: it was completed or aborted.
fn is_gone(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused { code, .. } if code == "NoSuchUpload")
}

/// Whether the upload that is gone became this object, which had another entity tag before, if
/// there was one: the answer to completing it was lost then. One that is the same as before may be
/// what an earlier run left, and is copied again by the next.
fn is_made(found: &HeadObjectOutput, before: Option<&str>, bytes: u64) -> bool {
    let is_whole = found.content_length().is_some_and(|length| u64::try_from(length) == Ok(bytes));
    is_whole && found.e_tag().is_some_and(|e_tag| Some(e_tag) != before)
}

/// How many bytes a part of such an object has, the last one aside.
fn part_bytes(bytes: u64) -> u64 {
    PART_BYTES.max(bytes.div_ceil(PARTS_MAX))
}

/// The parts of an object of so many bytes, as the header `x-amz-copy-source-range` has them.
fn ranges(bytes: u64) -> impl Iterator<Item = String> {
    let part_bytes = part_bytes(bytes);
    let count = bytes.div_ceil(part_bytes);
    (0..count).map(move |index| {
        let first = index * part_bytes;
        format!("bytes={first}-{}", bytes.min(first + part_bytes) - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_that_is_gone_was_completed_only_if_a_new_object_of_that_size_is_there() {
        let found = |e_tag: &str, bytes| {
            HeadObjectOutput::builder().e_tag(e_tag).content_length(bytes).build()
        };
        for (found, before, expected) in [
            (found("new", 7), None, true),
            (found("new", 7), Some("old"), true),
            (found("old", 7), Some("old"), false),
            (found("new", 6), Some("old"), false),
            (HeadObjectOutput::builder().content_length(7).build(), None, false),
        ] {
            assert_eq!(is_made(&found, before, 7), expected, "{found:?} after {before:?}");
        }
    }

    #[test]
    fn parts_follow_each_other_and_are_never_too_many() {
        for (bytes, expected) in [
            (1, &["bytes=0-0"][..]),
            (1 << 30, &["bytes=0-1073741823"]),
            ((1 << 30) + 1, &["bytes=0-1073741823", "bytes=1073741824-1073741824"]),
        ] {
            assert_eq!(ranges(bytes).collect::<Vec<_>>(), expected, "{bytes}");
        }
        // 50 TB, the largest object there is.
        let all: Vec<_> = ranges(50 << 40).collect();
        assert!(all.len() as u64 <= PARTS_MAX, "{} parts", all.len());
        assert!(all.last().expect("some").ends_with(&format!("-{}", (50_u64 << 40) - 1)));
    }
}
