//! What the upload needs of S3, and S3 itself behind it.
//!
//! Knows keys and bytes. Knows neither events nor what the keys mean.

mod parts;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use time::OffsetDateTime;

use crate::error::StoreError;

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
    /// Deletes what is under that key; nothing there counts as deleted.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;
    /// Deletes an object, if it is still the listed one; returns whether this call deleted it.
    async fn remove(&self, object: &StoredObject) -> Result<bool, StoreError>;
}

/// A bucket in S3.
pub(crate) struct Bucket {
    client: Client,
    name: String,
}

impl Bucket {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    fn error<E>(&self, operation: &str, key: &str, error: SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let bucket = self.name.clone();
        let operation = format!("{operation} {key}");
        let SdkError::ServiceError(_) = &error else {
            let reason = chain(&error);
            return StoreError::Unreachable { bucket, operation, reason };
        };
        match error.code().unwrap_or_default() {
            "NoSuchBucket" => StoreError::NoBucket { bucket },
            "NoSuchKey" => StoreError::NoObject { bucket, key: key.to_owned() },
            "PreconditionFailed" | "ConditionalRequestConflict" => {
                StoreError::Changed { bucket, key: key.to_owned() }
            }
            code => StoreError::Refused {
                bucket,
                operation,
                code: if code.is_empty() { "no error code".to_owned() } else { code.to_owned() },
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
            .set_continuation_token(page.map(str::to_owned))
            .send()
            .await
            .map_err(|error| self.error("list", prefix, error))?;
        let next = listing.next_continuation_token().map(str::to_owned);
        let objects = listing.contents.unwrap_or_default();
        Ok(Page {
            objects: objects
                .into_iter()
                .map(|object| StoredObject {
                    stored_at: object
                        .last_modified
                        .and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok()),
                    key: object.key.unwrap_or_default(),
                    etag: object.e_tag.unwrap_or_default().trim_matches('"').to_owned(),
                    bytes: object.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
                })
                .collect(),
            next: next.filter(|_| listing.is_truncated.unwrap_or_default()),
        })
    }

    async fn put(&self, key: &str, body: String) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(body.into_bytes()))
            .send()
            .await
            .map_err(|error| self.error("put", key, error))?;
        Ok(())
    }

    async fn copy(&self, object: &StoredObject, to: &str) -> Result<(), StoreError> {
        if parts::COPY_BYTES_MAX < object.bytes {
            return self.copy_in_parts(object, to).await;
        }
        let copied = self
            .client
            .copy_object()
            .bucket(&self.name)
            .key(to)
            .copy_source(copy_source(&self.name, &object.key))
            .set_copy_source_if_match(object.quoted_etag())
            .send()
            .await
            .map_err(|error| self.error("copy", &object.key, error));
        match copied {
            // What S3 says of a source that is too large for it; another store may take less.
            Err(error @ StoreError::Refused { .. }) if 0 < object.bytes && is_too_large(&error) => {
                self.copy_in_parts(object, to).await.map_err(|_| error)
            }
            copied => copied.map(drop),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.client
            .delete_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .map_err(|error| self.error("delete", key, error))?;
        Ok(())
    }

    /// S3 User Guide, "How to perform conditional deletes": 412 if it was written anew, 409 or 404
    /// if somebody was faster.
    async fn remove(&self, object: &StoredObject) -> Result<bool, StoreError> {
        let removed = self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(&object.key)
            .set_if_match(object.quoted_etag())
            .send()
            .await
            .map_err(|error| self.error("delete", &object.key, error));
        match removed {
            Ok(_) => Ok(true),
            Err(StoreError::NoObject { .. } | StoreError::Changed { .. }) => Ok(false),
            // Not every store that speaks S3 knows conditional deletes.
            Err(StoreError::Refused { code, .. }) if code == "NotImplemented" => {
                self.delete(&object.key).await.map(|()| true)
            }
            Err(error) => Err(error),
        }
    }
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
    use super::copy_source;

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
