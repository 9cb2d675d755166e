//! What the upload needs of S3, and S3 itself behind it.
//!
//! Knows keys and bytes. Knows neither events nor what the keys mean.

mod parts;
mod stop;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;
use runtime::aws::ATTEMPT_TIMEOUT;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use stop::{Call, GivenUp, Stop};

/// How long an answer is awaited once the program is stopped; that to a copy, at least so long.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// S3 copies faster than that, in bytes per second.
const COPIED_PER_SECOND_MIN: u64 = 8 << 20;

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The whole key, prefix included.
    pub key: String,
    /// The entity tag without its quotes; changes when the object is written anew.
    pub etag: String,
    /// Size as stored.
    pub bytes: u64,
    /// When it was stored, by S3's clock.
    pub stored_at: Option<OffsetDateTime>,
}

impl StoredObject {
    /// As headers want it; `None` if the listing gave none.
    fn quoted_etag(&self) -> Option<String> {
        (!self.etag.is_empty()).then(|| format!("\"{}\"", self.etag))
    }
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// In the order of their keys.
    pub objects: Vec<StoredObject>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<String>,
}

/// One bucket. Every call may be repeated without harm.
pub(crate) trait ObjectStore {
    /// Lists the objects whose keys begin with `prefix`, from where `page` says.
    async fn list(&self, prefix: &str, page: Option<&str>) -> Result<Page, StoreError>;
    /// Writes an object.
    async fn put(&self, key: &str, body: String) -> Result<(), StoreError>;
    /// Copies an object within the bucket, unless it is not the listed one any more.
    async fn copy(&self, object: &StoredObject, to: &str) -> Result<(), StoreError>;
    /// Deletes what is under that key; nothing there counts as deleted. As it takes back what the
    /// program itself has put there, it is begun even at the end of a stop.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Deletes an object, if it is still the listed one; returns whether this call deleted it.
    async fn remove(&self, object: &StoredObject) -> Result<bool, StoreError>;
}

/// A bucket in S3.
pub(crate) struct Bucket {
    client: Client,
    name: String,
    stop: Stop,
    /// Whether it was said that this S3 deletes without a condition.
    is_told: AtomicBool,
}

impl Bucket {
    /// Once `shutdown` is cancelled, S3 has [`STOP_GRACE`] to answer a call, `grace` to copy, and
    /// after `grace`, or a call that it left unanswered, no other is begun.
    pub(crate) fn new(
        client: Client,
        name: String,
        shutdown: CancellationToken,
        grace: Duration,
    ) -> Self {
        Self { client, name, stop: Stop::new(shutdown, grace), is_told: AtomicBool::new(false) }
    }

    /// What the call gives, unless the program is stopped and it is too late to begin it, or S3 does
    /// not answer: then the next run finds out what came of it, as after a kill.
    async fn unless_given_up<T>(
        &self,
        kind: Call,
        operation: &str,
        key: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let given_up = match self.stop.unless_given_up(kind, call).await {
            Ok(answer) => return answer,
            Err(given_up) => given_up,
        };
        let (bucket, operation) = (self.name.clone(), format!("{operation} {key}"));
        Err(match given_up {
            GivenUp::NotBegun => StoreError::NotBegun { bucket, operation },
            GivenUp::Silent(waited) => {
                let reason = format!("none within {waited:?} of the stop");
                StoreError::Unreachable { bucket, operation, reason }
            }
        })
    }

    /// One call, which ends in any case.
    async fn call<T, E>(
        &self,
        kind: Call,
        operation: &str,
        key: &str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, StoreError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        // Boxed: the SDK's futures are large, and a part of run-pipeline has a thread's stack only.
        let call = Box::pin(call);
        let call = async { call.await.map_err(|error| self.error(operation, key, error)) };
        self.unless_given_up(kind, operation, key, call).await
    }

    fn error<E>(&self, operation: &str, key: &str, error: SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let bucket = self.name.clone();
        let operation = format!("{operation} {key}");
        let SdkError::ServiceError(answer) = &error else {
            let reason = chain(&error);
            return StoreError::Unreachable { bucket, operation, reason };
        };
        if answer.raw().status().is_success() && error.code().is_none() {
            let reason = chain(answer.err());
            return StoreError::Unreadable { bucket, operation, reason };
        }
        let code = match (error.code(), answer.raw().status().as_u16()) {
            (Some(code), _) => code,
            // An answer to HEAD has no body that says why.
            (None, 403) => "AccessDenied",
            (None, 404) => "NoSuchKey",
            (None, _) => "no error code",
        };
        match code {
            "NoSuchBucket" => StoreError::NoBucket { bucket },
            "NoSuchKey" | "NotFound" => StoreError::NoObject { bucket, key: key.to_owned() },
            "PreconditionFailed" | "ConditionalRequestConflict" => {
                StoreError::Changed { bucket, key: key.to_owned() }
            }
            code => StoreError::Refused {
                bucket,
                operation,
                code: code.to_owned(),
                message: error.message().unwrap_or("no message").to_owned(),
            },
        }
    }
}

impl ObjectStore for Bucket {
    async fn list(&self, prefix: &str, page: Option<&str>) -> Result<Page, StoreError> {
        let listing = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(page.map(str::to_owned));
        let listing = self.call(Call::Short, "list", prefix, listing.send()).await?;
        let is_encoded = listing.encoding_type == Some(EncodingType::Url);
        let next = listing.next_continuation_token().map(str::to_owned);
        let objects = listing.contents.unwrap_or_default();
        Ok(Page {
            objects: objects
                .into_iter()
                .map(|object| StoredObject {
                    stored_at: object
                        .last_modified
                        .and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok()),
                    key: listed_key(object.key.unwrap_or_default(), is_encoded),
                    etag: object.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
                    bytes: object.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
                })
                .collect(),
            next: next.filter(|_| listing.is_truncated.unwrap_or_default()),
        })
    }

    async fn put(&self, key: &str, body: String) -> Result<(), StoreError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(body.into_bytes()));
        self.call(Call::Short, "put", key, put.send()).await.map(drop)
    }

    async fn copy(&self, object: &StoredObject, to: &str) -> Result<(), StoreError> {
        if parts::COPY_BYTES_MAX < object.bytes {
            return self.copy_in_parts(object, to).await;
        }
        let copy = self
            .client
            .copy_object()
            .bucket(&self.name)
            .key(to)
            .copy_source(copy_source(&self.name, &object.key))
            .set_copy_source_if_match(object.quoted_etag())
            .customize()
            .config_override(taking(copy_time_max(object.bytes)));
        match self.call(Call::Copy, "copy", &object.key, copy.send()).await {
            // What S3 says of a source that is too large for it; another store may take less.
            Err(error @ StoreError::Refused { .. }) if 0 < object.bytes && is_too_large(&error) => {
                let in_parts = self.copy_in_parts(object, to).await;
                // Of two refusals the first one says what is wrong with the object, unless S3 does
                // not answer: the object is not to blame for that.
                in_parts.map_err(|other| if other.is_about_object() { error } else { other })
            }
            copied => copied.map(drop),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        if self.stop.is_silent() {
            let operation = format!("delete {key}");
            return Err(StoreError::NotBegun { bucket: self.name.clone(), operation });
        }
        let delete = self.client.delete_object().bucket(&self.name).key(key);
        self.call(Call::TakeBack, "delete", key, delete.send()).await.map(drop)
    }

    /// S3 User Guide, "How to perform conditional deletes": 412 if it was written anew, 409 or 404
    /// if somebody was faster.
    async fn remove(&self, object: &StoredObject) -> Result<bool, StoreError> {
        let remove = self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(&object.key)
            .set_if_match(object.quoted_etag());
        match self.call(Call::Short, "delete", &object.key, remove.send()).await {
            Ok(_) => Ok(true),
            Err(StoreError::NoObject { .. } | StoreError::Changed { .. }) => Ok(false),
            // Not every store that speaks S3 knows conditional deletes.
            Err(StoreError::Refused { code, .. }) if code == "NotImplemented" => {
                if !self.is_told.swap(true, Ordering::Relaxed) {
                    let bucket = &self.name;
                    tracing::warn!(
                        bucket,
                        "this S3 knows no conditional deletes: objects that are written anew while \
                         they are loaded may be deleted unread"
                    );
                }
                self.delete(&object.key).await.map(|()| true)
            }
            Err(error) => Err(error),
        }
    }
}

/// A key as it is. S3 API Reference, "ListObjectsV2": XML has no words for some characters that a
/// key may have, so `encoding-type=url` is asked for; a blank is a plus sign there.
fn listed_key(key: String, is_encoded: bool) -> String {
    if !is_encoded {
        return key;
    }
    let key = key.replace('+', " ");
    percent_decode_str(&key).decode_utf8_lossy().into_owned()
}

/// How long S3 may take to copy so many bytes, before it is asked again.
fn copy_time_max(bytes: u64) -> Duration {
    ATTEMPT_TIMEOUT + Duration::from_secs(bytes / COPIED_PER_SECOND_MIN)
}

/// Settings of one call, whose attempts may take so long each.
fn taking(attempt_time_max: Duration) -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_time_max).build();
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
}

/// Whether a copy was refused as one is that is too large for a single call.
fn is_too_large(refusal: &StoreError) -> bool {
    matches!(refusal, StoreError::Refused { code, .. } if
        ["InvalidRequest", "EntityTooLarge"].contains(&code.as_str()))
}

/// An error and its causes in one line; the SDK's own rendering adds their `Debug` forms.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The header `x-amz-copy-source`, which the SDK sends as it is given (S3 API Reference,
/// "CopyObject": the value must be URL-encoded).
fn copy_source(bucket: &str, key: &str) -> String {
    let mut encoded = format!("{bucket}/");
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{copy_source, listed_key};

    #[test]
    fn a_listed_key_is_read_as_it_was_written() {
        for (listed, expected) in [
            ("a/b.json", "a/b.json"),
            ("a+b%2Bc%2520.json", "a b+c%20.json"),
            ("%01%C3%BC%0A", "\u{1}ü\n"),
        ] {
            assert_eq!(listed_key(listed.to_owned(), true), expected);
        }
        assert_eq!(listed_key("a+b%20".to_owned(), false), "a+b%20");
    }

    #[test]
    fn the_source_of_a_copy_is_encoded_byte_by_byte_but_for_slashes() {
        for (key, expected) in [
            ("events/20260101/000000-a.json.gz", "lake/events/20260101/000000-a.json.gz"),
            ("a b+c%20?d#e", "lake/a%20b%2Bc%2520%3Fd%23e"),
            ("o'clock\"\\", "lake/o%27clock%22%5C"),
            ("ü🦀\n", "lake/%C3%BC%F0%9F%A6%80%0A"),
        ] {
            assert_eq!(copy_source("lake", key), expected);
        }
    }
}
