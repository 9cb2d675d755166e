//! Copies: of objects, and of ranges into parts. The copy shares the bytes of its source.

use std::ops::Range;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use s3s::dto::{
    self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETag,
    MetadataDirective, UploadPartCopyInput, UploadPartCopyOutput,
};

use super::answers::{encryption, etag, refuse_customer_key, refuse_version, timestamp, unix_s};
use super::multiparts::{check_part_number, part_algorithm};
use super::objects::find;
use crate::S3Store;
use crate::checksum::{Algorithm, Checksum, Kind};
use crate::conditions::{ReadConditions, Verdict, WriteConditions};
use crate::content::Content;
use crate::error::Refusal;
use crate::limits;
use crate::multipart::{Part, hexadecimal};
use crate::store::{Attributes, Object};

pub(super) async fn copy_object(
    store: &S3Store,
    input: CopyObjectInput,
) -> Result<CopyObjectOutput, Refusal> {
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    refuse_customer_key(input.copy_source_sse_customer_algorithm.as_ref())?;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since_s: input.copy_source_if_modified_since.clone().map(unix_s),
        if_unmodified_since_s: input.copy_source_if_unmodified_since.clone().map(unix_s),
    };
    // Its bucket is looked for first, or a copy to nowhere would be told of a missing source.
    store.with(|buckets| buckets.bucket(&input.bucket).map(|_| ()))?;
    let (source_bucket, source_key) = place(&input.copy_source)?;
    let source = find_source(store, source_bucket, source_key, &conditions)?;
    if limits::COPY_SOURCE_BYTES_MAX < source.content.bytes() {
        return Err(Refusal::request(
            "The specified copy source is larger than the maximum allowable size for a copy \
             source: 5368709120",
        ));
    }
    let is_self = (source_bucket, source_key) == (input.bucket.as_str(), input.key.as_str());
    let asked = input.checksum_algorithm.as_ref().map(|asked| Algorithm::from_name(asked.as_str()));
    let algorithm = asked.transpose()?.unwrap_or(source.checksum.algorithm);
    let (bucket, key) = (input.bucket.clone(), input.key.clone());
    let attributes = copied_attributes(input, &source, is_self)?;
    attributes.check()?;
    let (object_etag, checksum) = hashes(&source, algorithm).await;
    let object = Arc::new(Object {
        content: source.content.clone(),
        etag: object_etag,
        checksum,
        attributes: Arc::new(attributes),
        modified_ms: store.now_ms(),
        parts_bytes: Vec::new(),
    });
    let replaced = store.with(|buckets| {
        let bucket = buckets.bucket_mut(&bucket)?;
        bucket.put(&key, Arc::clone(&object), &WriteConditions::default())
    })?;
    drop(replaced);
    let checksum = object.checksum.fields();
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            e_tag: Some(etag(&object)),
            last_modified: Some(timestamp(object.modified_ms)),
        }),
        server_side_encryption: Some(encryption(&object.attributes)),
        ..Default::default()
    })
}

pub(super) async fn upload_part_copy(
    store: &S3Store,
    input: UploadPartCopyInput,
) -> Result<UploadPartCopyOutput, Refusal> {
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    refuse_customer_key(input.copy_source_sse_customer_algorithm.as_ref())?;
    check_part_number(input.part_number)?;
    let algorithm = part_algorithm(store, &input.bucket, &input.key, &input.upload_id, None)?;
    let conditions = ReadConditions {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since_s: input.copy_source_if_modified_since.map(unix_s),
        if_unmodified_since_s: input.copy_source_if_unmodified_since.map(unix_s),
    };
    let (source_bucket, source_key) = place(&input.copy_source)?;
    let source = find_source(store, source_bucket, source_key, &conditions)?;
    let range = source_range(input.copy_source_range.as_deref(), source.content.bytes())?;
    if limits::PUT_BYTES_MAX < range.end - range.start {
        return Err(Refusal::EntityTooLarge { bytes: range.end - range.start });
    }
    let content = source.content.slice(range);
    let (md5, checksum) = hash(content.clone(), algorithm).await;
    let part = Part { content, md5, checksum, modified_ms: store.now_ms() };
    let (part_etag, modified_ms, fields) = (part.etag(), part.modified_ms, part.checksum.fields());
    let (attributes, is_asked, replaced) = store.with(|buckets| {
        let uploads = &mut buckets.bucket_mut(&input.bucket)?.uploads;
        let replaced = uploads.put_part(&input.key, &input.upload_id, input.part_number, part)?;
        let upload = uploads.upload(&input.key, &input.upload_id)?;
        Ok((Arc::clone(&upload.attributes), upload.checksum.is_some(), replaced))
    })?;
    drop(replaced);
    // Told if the upload was made with an algorithm (API_CopyPartResult), not if we chose it.
    let fields = if is_asked { fields } else { Default::default() };
    let result = CopyPartResult {
        checksum_crc32: fields.checksum_crc32,
        checksum_crc32c: fields.checksum_crc32c,
        checksum_crc64nvme: fields.checksum_crc64nvme,
        checksum_sha1: fields.checksum_sha1,
        checksum_sha256: fields.checksum_sha256,
        e_tag: Some(ETag::Strong(part_etag)),
        last_modified: Some(timestamp(modified_ms)),
    };
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(result),
        server_side_encryption: Some(encryption(&attributes)),
        ..Default::default()
    })
}

/// Bucket and key of a source. Access points are not emulated.
fn place(source: &CopySource) -> Result<(&str, &str), Refusal> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => {
            refuse_version(version_id.as_deref())?;
            Ok((bucket, key))
        }
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(Refusal::NotImplemented { header: "x-amz-copy-source" })
        }
    }
}

/// Unlike a read, a copy whose source is unchanged has failed. API Reference, "CopyObject".
fn find_source(
    store: &S3Store,
    bucket: &str,
    key: &str,
    conditions: &ReadConditions,
) -> Result<Arc<Object>, Refusal> {
    let source = find(store, bucket, key)?;
    match conditions.judge(&source.etag, source.modified_s()) {
        Verdict::Proceed => Ok(source),
        Verdict::Failed(header) | Verdict::Unchanged(header) => {
            let header = copy_source_header(header);
            Err(Refusal::PreconditionFailed { header })
        }
    }
}

fn copy_source_header(header: &'static str) -> &'static str {
    match header {
        "If-Match" => "x-amz-copy-source-If-Match",
        "If-None-Match" => "x-amz-copy-source-If-None-Match",
        "If-Modified-Since" => "x-amz-copy-source-If-Modified-Since",
        "If-Unmodified-Since" => "x-amz-copy-source-If-Unmodified-Since",
        other => other,
    }
}

/// The attributes of the source, or those of the request. Encryption, storage class and redirect
/// are the request's either way. API Reference, "CopyObject".
fn copied_attributes(
    input: CopyObjectInput,
    source: &Object,
    is_self: bool,
) -> Result<Attributes, Refusal> {
    let directive = input.metadata_directive.as_ref().map(MetadataDirective::as_str);
    let own = Attributes {
        server_side_encryption: input.server_side_encryption.map(|kind| kind.as_str().to_owned()),
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        website_redirect_location: input.website_redirect_location,
        ..Attributes::default()
    };
    match directive {
        Some(MetadataDirective::REPLACE) => Ok(Attributes {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            content_type: input.content_type,
            expires: input.expires,
            user_metadata: input.metadata.unwrap_or_default(),
            ..own
        }),
        None | Some(MetadataDirective::COPY) => {
            let changes_nothing = own.server_side_encryption.is_none()
                && own.storage_class.is_none()
                && own.website_redirect_location.is_none();
            if is_self && changes_nothing {
                return Err(Refusal::request(
                    "This copy request is illegal because it is trying to copy an object to \
                     itself without changing the object's metadata, storage class, website \
                     redirect location or encryption attributes.",
                ));
            }
            Ok(Attributes {
                server_side_encryption: own.server_side_encryption,
                storage_class: own.storage_class,
                website_redirect_location: own.website_redirect_location,
                ..source.attributes.as_ref().clone()
            })
        }
        Some(directive) => Err(Refusal::argument(
            "Unknown metadata directive.",
            "x-amz-metadata-directive",
            directive.to_owned(),
        )),
    }
}

/// A copy is an object put whole, even if its source came in parts: so are its ETag and checksum.
async fn hashes(source: &Object, algorithm: Algorithm) -> (String, Checksum) {
    let is_same = source.parts_bytes.is_empty() && source.checksum.algorithm == algorithm;
    if is_same && source.checksum.kind == Kind::FullObject {
        return (source.etag.clone(), source.checksum.clone());
    }
    let (md5, checksum) = hash(source.content.clone(), algorithm).await;
    (hexadecimal(&md5), checksum)
}

/// Hashes what is in memory, off the threads that serve connections.
async fn hash(content: Content, algorithm: Algorithm) -> ([u8; 16], Checksum) {
    let hashed = tokio::task::spawn_blocking(move || {
        let mut md5 = Md5::new();
        content.blocks().iter().for_each(|block| md5.update(block));
        (md5.finalize().into(), Checksum::of(&content, algorithm))
    });
    hashed.await.expect("hashing does not panic, and the runtime outlives its requests")
}

/// `bytes=first-last`, both given and within the source. API Reference, "UploadPartCopy".
fn source_range(range: Option<&str>, source_bytes: u64) -> Result<Range<u64>, Refusal> {
    let Some(text) = range else { return Ok(0..source_bytes) };
    match dto::Range::parse(text) {
        Ok(dto::Range::Int { first, last: Some(last) }) if last < source_bytes => {
            Ok(first..last + 1)
        }
        Ok(dto::Range::Int { last: Some(_), .. }) => Err(Refusal::argument(
            format!("Range specified is not valid for source object of size: {source_bytes}"),
            "x-amz-copy-source-range",
            text,
        )),
        _ => Err(Refusal::argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_source_has_two_ends_within_it() {
        let check = |range, expected: Option<Range<u64>>| {
            assert_eq!(source_range(range, 10).ok(), expected, "{range:?}");
        };
        check(None, Some(0..10));
        check(Some("bytes=0-9"), Some(0..10));
        check(Some("bytes=3-3"), Some(3..4));
        check(Some("bytes=3-10"), None);
        check(Some("bytes=3-"), None);
        check(Some("bytes=-3"), None);
        check(Some("3-4"), None);
    }
}
