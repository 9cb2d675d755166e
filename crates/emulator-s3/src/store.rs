//! Buckets and objects.
//!
//! Pure: no I/O, no clock, no randomness; `now_ms` and ids are handed in. What is removed is handed
//! back, so that the caller can free gigabytes outside its lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use s3s::dto::Timestamp;

use crate::checksum::Checksum;
use crate::conditions::WriteConditions;
use crate::content::Content;
use crate::error::Refusal;
use crate::limits;
use crate::multipart::Uploads;

/// All buckets of the account.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    buckets: BTreeMap<String, Bucket>,
}

/// One bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) region: String,
    pub(crate) created_ms: u64,
    pub(crate) objects: BTreeMap<String, Arc<Object>>,
    pub(crate) uploads: Uploads,
}

/// One object. Never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) content: Content,
    /// Without quotation marks.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) attributes: Arc<Attributes>,
    pub(crate) modified_ms: u64,
    /// Of an object that was uploaded in parts, the length of each.
    pub(crate) parts_bytes: Vec<u64>,
}

/// What a writer says about an object, and a reader is told again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) server_side_encryption: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) user_metadata: HashMap<String, String>,
    pub(crate) website_redirect_location: Option<String>,
}

/// A bucket that was created, or that was there already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    New,
    Already,
}

impl Buckets {
    /// Creates a bucket. In us-east-1 doing so twice is no error. API Reference, "CreateBucket".
    pub(crate) fn create(
        &mut self,
        name: &str,
        region: &str,
        now_ms: u64,
    ) -> Result<Created, Refusal> {
        match self.buckets.get(name) {
            Some(present) if present.region == region && region == limits::DEFAULT_REGION => {
                Ok(Created::Already)
            }
            Some(_) => Err(Refusal::BucketAlreadyOwnedByYou { bucket: name.to_owned() }),
            None => {
                let bucket = Bucket {
                    region: region.to_owned(),
                    created_ms: now_ms,
                    objects: BTreeMap::new(),
                    uploads: Uploads::default(),
                };
                self.buckets.insert(name.to_owned(), bucket);
                Ok(Created::New)
            }
        }
    }

    /// Removes a bucket without objects, and with it the uploads that nobody completed.
    pub(crate) fn remove(&mut self, name: &str) -> Result<Bucket, Refusal> {
        if !self.bucket(name)?.objects.is_empty() {
            return Err(Refusal::BucketNotEmpty { bucket: name.to_owned() });
        }
        self.buckets.remove(name).ok_or_else(|| no_such_bucket(name))
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or_else(|| no_such_bucket(name))
    }

    pub(crate) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        self.buckets.get_mut(name).ok_or_else(|| no_such_bucket(name))
    }

    /// All buckets, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Bucket)> {
        self.buckets.iter().map(|(name, bucket)| (name.as_str(), bucket))
    }
}

impl Bucket {
    pub(crate) fn object(&self, key: &str) -> Result<&Arc<Object>, Refusal> {
        self.objects.get(key).ok_or_else(|| Refusal::NoSuchKey { key: key.to_owned() })
    }

    /// Stores an object if the present one meets the conditions; hands back the present one.
    pub(crate) fn put(
        &mut self,
        key: &str,
        object: Arc<Object>,
        conditions: &WriteConditions,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        conditions.judge(key, self.objects.get(key).map(|object| object.etag.as_str()))?;
        Ok(self.objects.insert(key.to_owned(), object))
    }

    /// Removes an object if it meets the conditions; one that is not there meets all.
    pub(crate) fn delete(
        &mut self,
        key: &str,
        conditions: &WriteConditions,
    ) -> Result<Option<Arc<Object>>, Refusal> {
        match self.objects.get(key) {
            // What is not there counts as deleted, but does not match (User Guide, "How to perform
            // conditional deletes").
            None => conditions.judge(key, None).map(|()| None),
            Some(object) => {
                conditions.judge(key, Some(&object.etag))?;
                Ok(self.objects.remove(key))
            }
        }
    }
}

impl Object {
    /// To the second, as S3 keeps it.
    pub(crate) fn modified_s(&self) -> i64 {
        seconds(self.modified_ms)
    }
}

impl Attributes {
    /// Names and values of user metadata may have 2 KiB together.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let bytes: usize =
            self.user_metadata.iter().map(|(name, text)| name.len() + text.len()).sum();
        if limits::USER_METADATA_BYTES_MAX < bytes {
            return Err(Refusal::MetadataTooLarge { bytes });
        }
        Ok(())
    }
}

fn no_such_bucket(name: &str) -> Refusal {
    Refusal::NoSuchBucket { bucket: name.to_owned() }
}

/// Whole Unix seconds of Unix milliseconds.
pub(crate) fn seconds(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms / 1_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::checksum::Algorithm;

    fn object(text: &'static str) -> Arc<Object> {
        let content = Content::from(Bytes::from(text));
        Arc::new(Object {
            checksum: Checksum::of(&content, Algorithm::Crc64Nvme),
            content,
            etag: text.to_owned(),
            attributes: Arc::default(),
            modified_ms: 1_999,
            parts_bytes: Vec::new(),
        })
    }

    #[test]
    fn a_bucket_can_be_made_again_only_in_the_default_region() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.create("one", "us-east-1", 1), Ok(Created::New));
        assert_eq!(buckets.create("one", "us-east-1", 2), Ok(Created::Already));
        assert_eq!(buckets.bucket("one").unwrap().created_ms, 1);
        assert_eq!(buckets.create("two", "eu-central-1", 1), Ok(Created::New));
        for region in ["eu-central-1", "us-east-1"] {
            let again = buckets.create("two", region, 2);
            assert_eq!(again, Err(Refusal::BucketAlreadyOwnedByYou { bucket: "two".to_owned() }));
        }
    }

    #[test]
    fn only_an_empty_bucket_can_be_removed() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.remove("one").unwrap_err(), no_such_bucket("one"));
        buckets.create("one", "us-east-1", 1).unwrap();
        let bucket = buckets.bucket_mut("one").unwrap();
        bucket.put("key", object("text"), &WriteConditions::default()).unwrap();
        let refused = buckets.remove("one").unwrap_err();
        assert_eq!(refused, Refusal::BucketNotEmpty { bucket: "one".to_owned() });
        let bucket = buckets.bucket_mut("one").unwrap();
        assert!(bucket.delete("key", &WriteConditions::default()).unwrap().is_some());
        assert!(bucket.delete("key", &WriteConditions::default()).unwrap().is_none());
        assert!(buckets.remove("one").is_ok());
    }

    #[test]
    fn a_write_hands_back_what_it_replaced_and_heeds_its_conditions() {
        let mut buckets = Buckets::default();
        buckets.create("one", "us-east-1", 1).unwrap();
        let bucket = buckets.bucket_mut("one").unwrap();
        let always = WriteConditions::default();
        assert!(bucket.put("key", object("first"), &always).unwrap().is_none());
        let replaced = bucket.put("key", object("second"), &always).unwrap();
        assert_eq!(replaced.unwrap().etag, "first");
        let absent = WriteConditions { if_none_match: Some("*".parse().unwrap()), if_match: None };
        let refused = bucket.put("key", object("third"), &absent).unwrap_err();
        assert_eq!(refused, Refusal::PreconditionFailed { header: "If-None-Match" });
        let other = WriteConditions { if_match: Some("other".parse().unwrap()), ..absent };
        let refused = bucket.delete("key", &other).unwrap_err();
        assert_eq!(refused, Refusal::PreconditionFailed { header: "If-Match" });
        assert_eq!(bucket.object("key").unwrap().modified_s(), 1);
    }

    #[test]
    fn user_metadata_has_a_limit() {
        let check = |bytes: usize, expected| {
            let user_metadata = HashMap::from([("n".to_owned(), "x".repeat(bytes - 1))]);
            let attributes = Attributes { user_metadata, ..Attributes::default() };
            assert_eq!(attributes.check(), expected, "{bytes} bytes");
        };
        check(limits::USER_METADATA_BYTES_MAX, Ok(()));
        let bytes = limits::USER_METADATA_BYTES_MAX + 1;
        check(bytes, Err(Refusal::MetadataTooLarge { bytes }));
    }
}
