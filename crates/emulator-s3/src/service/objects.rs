//! Single objects: put, get, head.

use std::ops::Range;
use std::sync::Arc;

use s3s::S3Request;
use s3s::dto::{
    self, ChecksumMode, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, StorageClass, StreamingBlob,
};

use super::answers::{
    encryption, etag, http_date, refuse_customer_key, refuse_version, timestamp, unix_s,
};
use crate::S3Store;
use crate::checksum::Algorithm;
use crate::conditions::{ReadConditions, Verdict, WriteConditions};
use crate::error::Refusal;
use crate::multipart::hexadecimal;
use crate::receive::Claims;
use crate::store::{Attributes, Object};

/// What S3 says of an object whose writer did not. API Reference, "PutObject".
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

pub(super) async fn put(
    store: &S3Store,
    request: S3Request<PutObjectInput>,
) -> Result<PutObjectOutput, Refusal> {
    let S3Request { input, headers, extensions, .. } = request;
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    // Before its body: nobody wants to send gigabytes to a bucket that is not there.
    store.with(|buckets| buckets.bucket(&input.bucket).map(|_| ()))?;
    let body = input.body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let claims = Claims::read(&headers, &extensions, &body)?;
    let attributes = Attributes {
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding,
        content_language: input.content_language,
        content_type: input.content_type,
        expires: input.expires,
        server_side_encryption: input.server_side_encryption.map(|kind| kind.as_str().to_owned()),
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        user_metadata: input.metadata.unwrap_or_default(),
        website_redirect_location: input.website_redirect_location,
    };
    attributes.check()?;
    let received = claims.receive(body, Algorithm::Crc64Nvme).await?;
    let object = Arc::new(Object {
        content: received.content,
        etag: hexadecimal(&received.md5),
        checksum: received.checksum,
        attributes: Arc::new(attributes),
        modified_ms: store.now_ms(),
        parts_bytes: Vec::new(),
    });
    let conditions =
        WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
    let replaced = store.with(|buckets| {
        buckets.bucket_mut(&input.bucket)?.put(&input.key, Arc::clone(&object), &conditions)
    })?;
    drop(replaced);
    let checksum = object.checksum.fields();
    Ok(PutObjectOutput {
        checksum_crc32: checksum.checksum_crc32,
        checksum_crc32c: checksum.checksum_crc32c,
        checksum_crc64nvme: checksum.checksum_crc64nvme,
        checksum_sha1: checksum.checksum_sha1,
        checksum_sha256: checksum.checksum_sha256,
        checksum_type: checksum.checksum_type,
        e_tag: Some(etag(&object)),
        server_side_encryption: Some(encryption(&object.attributes)),
        ..Default::default()
    })
}

pub(super) fn get(store: &S3Store, input: GetObjectInput) -> Result<GetObjectOutput, Refusal> {
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    refuse_version(input.version_id.as_deref())?;
    let object = find(store, &input.bucket, &input.key)?;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since_s: input.if_modified_since.map(unix_s),
        if_unmodified_since_s: input.if_unmodified_since.map(unix_s),
    };
    heed(&conditions, &object)?;
    let window = Window::of(&object, input.range, input.part_number)?;
    let checksum = window.checksum(&object, input.checksum_mode.as_ref());
    let attributes = object.attributes.as_ref().clone();
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::new(object.content.slice(window.range.clone()).stream())),
        cache_control: attributes.cache_control.clone(),
        checksum_crc32: checksum.checksum_crc32,
        checksum_crc32c: checksum.checksum_crc32c,
        checksum_crc64nvme: checksum.checksum_crc64nvme,
        checksum_sha1: checksum.checksum_sha1,
        checksum_sha256: checksum.checksum_sha256,
        checksum_type: checksum.checksum_type,
        content_disposition: attributes.content_disposition.clone(),
        content_encoding: attributes.content_encoding.clone(),
        content_language: attributes.content_language.clone(),
        content_length: Some(window.length()),
        content_range: window.content_range(&object),
        content_type: Some(content_type(&attributes)),
        e_tag: Some(etag(&object)),
        expires: attributes.expires.clone(),
        last_modified: Some(timestamp(object.modified_ms)),
        parts_count: window.parts_count,
        server_side_encryption: Some(encryption(&attributes)),
        storage_class: storage_class(&attributes),
        metadata: Some(attributes.user_metadata),
        website_redirect_location: attributes.website_redirect_location,
        ..Default::default()
    })
}

pub(super) fn head(store: &S3Store, input: HeadObjectInput) -> Result<HeadObjectOutput, Refusal> {
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    refuse_version(input.version_id.as_deref())?;
    let object = find(store, &input.bucket, &input.key)?;
    let conditions = ReadConditions {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since_s: input.if_modified_since.map(unix_s),
        if_unmodified_since_s: input.if_unmodified_since.map(unix_s),
    };
    heed(&conditions, &object)?;
    let window = Window::of(&object, input.range, input.part_number)?;
    let checksum = window.checksum(&object, input.checksum_mode.as_ref());
    let attributes = object.attributes.as_ref().clone();
    // The overrides, which s3s applies to GET only.
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: input.response_cache_control.or(attributes.cache_control.clone()),
        checksum_crc32: checksum.checksum_crc32,
        checksum_crc32c: checksum.checksum_crc32c,
        checksum_crc64nvme: checksum.checksum_crc64nvme,
        checksum_sha1: checksum.checksum_sha1,
        checksum_sha256: checksum.checksum_sha256,
        checksum_type: checksum.checksum_type,
        content_disposition: input
            .response_content_disposition
            .or(attributes.content_disposition.clone()),
        content_encoding: input.response_content_encoding.or(attributes.content_encoding.clone()),
        content_language: input.response_content_language.or(attributes.content_language.clone()),
        content_length: Some(window.length()),
        content_range: window.content_range(&object),
        content_type: input.response_content_type.or(Some(content_type(&attributes))),
        e_tag: Some(etag(&object)),
        expires: input.response_expires.or(attributes.expires.clone()),
        last_modified: Some(timestamp(object.modified_ms)),
        parts_count: window.parts_count,
        server_side_encryption: Some(encryption(&attributes)),
        storage_class: storage_class(&attributes),
        metadata: Some(attributes.user_metadata),
        website_redirect_location: attributes.website_redirect_location,
        ..Default::default()
    })
}

/// The object, shared: it stays whole for its reader even if it is replaced meanwhile.
pub(super) fn find(store: &S3Store, bucket: &str, key: &str) -> Result<Arc<Object>, Refusal> {
    store.with(|buckets| buckets.bucket(bucket)?.object(key).cloned())
}

fn heed(conditions: &ReadConditions, object: &Object) -> Result<(), Refusal> {
    match conditions.judge(&object.etag, object.modified_s()) {
        Verdict::Proceed => Ok(()),
        Verdict::Failed(header) => Err(Refusal::PreconditionFailed { header }),
        Verdict::Unchanged(_) => Err(Refusal::NotModified {
            etag: format!("\"{}\"", object.etag),
            last_modified: http_date(object.modified_ms),
        }),
    }
}

fn content_type(attributes: &Attributes) -> String {
    attributes.content_type.clone().unwrap_or_else(|| DEFAULT_CONTENT_TYPE.to_owned())
}

/// S3 names every class but the standard one. API Reference, "HeadObject".
fn storage_class(attributes: &Attributes) -> Option<StorageClass> {
    let class = attributes.storage_class.clone();
    class.filter(|class| class != StorageClass::STANDARD).map(StorageClass::from)
}

/// A range as its header has it.
fn header_text(range: dto::Range) -> String {
    match range {
        dto::Range::Int { first, last: Some(last) } => format!("bytes={first}-{last}"),
        dto::Range::Int { first, last: None } => format!("bytes={first}-"),
        dto::Range::Suffix { length } => format!("bytes=-{length}"),
    }
}

/// The part of an object that is asked for.
struct Window {
    range: Range<u64>,
    is_partial: bool,
    parts_count: Option<i32>,
}

impl Window {
    fn of(
        object: &Object,
        range: Option<dto::Range>,
        part_number: Option<i32>,
    ) -> Result<Self, Refusal> {
        let bytes = object.content.bytes();
        match (range, part_number) {
            (None, None) => Ok(Self { range: 0..bytes, is_partial: false, parts_count: None }),
            (Some(range), None) => {
                let requested = header_text(range);
                let range = range.check(bytes).ok().filter(|range| !range.is_empty());
                let range = range.ok_or(Refusal::InvalidRange { requested, bytes })?;
                Ok(Self { range, is_partial: true, parts_count: None })
            }
            (None, Some(number)) => Self::of_part(object, number),
            (Some(_), Some(_)) => Err(Refusal::request(
                "Cannot specify both Range header and partNumber query parameter",
            )),
        }
    }

    /// API Reference, "GetObject", `partNumber`. An object that was put whole has one part.
    fn of_part(object: &Object, number: i32) -> Result<Self, Refusal> {
        let whole = [object.content.bytes()];
        let is_multipart = !object.parts_bytes.is_empty();
        let parts = if is_multipart { object.parts_bytes.as_slice() } else { &whole };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let index = index.ok_or_else(|| super::multiparts::bad_part_number(number))?;
        let length = *parts
            .get(index)
            .ok_or(Refusal::InvalidPartNumber { asked: number, parts: parts.len() })?;
        let start: u64 = parts[..index].iter().sum();
        let parts_count = i32::try_from(parts.len()).ok().filter(|_| is_multipart);
        Ok(Self { range: start..start + length, is_partial: 0 < length, parts_count })
    }

    fn length(&self) -> i64 {
        i64::try_from(self.range.end - self.range.start).unwrap_or(i64::MAX)
    }

    fn content_range(&self, object: &Object) -> Option<String> {
        let Range { start, end } = self.range;
        self.is_partial.then(|| format!("bytes {start}-{}/{}", end - 1, object.content.bytes()))
    }

    /// The object's checksum, if the reader wants it and gets all that it covers.
    fn checksum(&self, object: &Object, mode: Option<&ChecksumMode>) -> dto::Checksum {
        let is_wanted = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        if is_wanted && self.range == (0..object.content.bytes()) {
            object.checksum.fields()
        } else {
            dto::Checksum::default()
        }
    }
}
