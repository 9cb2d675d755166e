//! Multipart uploads on the wire: create, upload parts, complete, abort, list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::header;
use s3s::S3Request;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, Initiator,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput,
    MultipartUpload, StorageClass, StreamingBlob, UploadPartInput, UploadPartOutput,
};
use uuid::Uuid;

use super::answers::{
    Naming, encryption, entries_max, etag, owner, refuse_customer_key, timestamp,
};
use crate::S3Store;
use crate::checksum::{Algorithm, Checksum, Kind};
use crate::conditions::WriteConditions;
use crate::error::Refusal;
use crate::limits;
use crate::listing::url_encoded;
use crate::multipart::{ListedPart, Part, Upload};
use crate::receive::Claims;
use crate::store::{Attributes, Object};

pub(super) fn create(
    store: &S3Store,
    input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput, Refusal> {
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    let checksum = asked_checksum(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
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
    let encryption = encryption(&attributes);
    let upload = Upload {
        key: input.key.clone(),
        initiated_ms: store.now_ms(),
        attributes: Arc::new(attributes),
        checksum,
        parts: BTreeMap::new(),
    };
    let upload_id = Uuid::new_v4().simple().to_string();
    store.with(|buckets| {
        buckets.bucket_mut(&input.bucket)?.uploads.begin(upload_id.clone(), upload);
        Ok(())
    })?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: checksum.map(|(algorithm, _)| wire_algorithm(algorithm)),
        checksum_type: checksum.map(|(_, kind)| ChecksumType::from_static(kind.name())),
        server_side_encryption: Some(encryption),
        ..Default::default()
    })
}

pub(super) async fn upload_part(
    store: &S3Store,
    request: S3Request<UploadPartInput>,
) -> Result<UploadPartOutput, Refusal> {
    let S3Request { input, headers, extensions, .. } = request;
    refuse_customer_key(input.sse_customer_algorithm.as_ref())?;
    check_part_number(input.part_number)?;
    let body = input.body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let claims = Claims::read(&headers, &extensions, &body)?;
    let claimed = claims.algorithm();
    let algorithm = part_algorithm(store, &input.bucket, &input.key, &input.upload_id, claimed)?;
    let received = claims.receive(body, algorithm).await?;
    let part = Part {
        content: received.content,
        md5: received.md5,
        checksum: received.checksum,
        modified_ms: store.now_ms(),
    };
    let (part_etag, fields) = (part.etag(), part.checksum.fields());
    let (attributes, replaced) = store.with(|buckets| {
        let uploads = &mut buckets.bucket_mut(&input.bucket)?.uploads;
        let replaced = uploads.put_part(&input.key, &input.upload_id, input.part_number, part)?;
        let upload = uploads.upload(&input.key, &input.upload_id)?;
        Ok((Arc::clone(&upload.attributes), replaced))
    })?;
    drop(replaced);
    Ok(UploadPartOutput {
        checksum_crc32: fields.checksum_crc32,
        checksum_crc32c: fields.checksum_crc32c,
        checksum_crc64nvme: fields.checksum_crc64nvme,
        checksum_sha1: fields.checksum_sha1,
        checksum_sha256: fields.checksum_sha256,
        e_tag: Some(ETag::Strong(part_etag)),
        server_side_encryption: Some(encryption(&attributes)),
        ..Default::default()
    })
}

pub(super) async fn complete(
    store: &S3Store,
    request: S3Request<CompleteMultipartUploadInput>,
) -> Result<CompleteMultipartUploadOutput, Refusal> {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("localhost").to_owned();
    let input = request.input;
    let claimed = [
        (Algorithm::Crc32, input.checksum_crc32),
        (Algorithm::Crc32c, input.checksum_crc32c),
        (Algorithm::Crc64Nvme, input.checksum_crc64nvme),
        (Algorithm::Sha1, input.checksum_sha1),
        (Algorithm::Sha256, input.checksum_sha256),
    ];
    let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let listed = parts.into_iter().map(listed_part).collect::<Result<Vec<_>, _>>()?;
    let assembly = store.with(|buckets| {
        let uploads = &buckets.bucket(&input.bucket)?.uploads;
        uploads.upload(&input.key, &input.upload_id)?.assemble(&input.upload_id, &listed)
    })?;
    let now_ms = store.now_ms();
    // Off the threads that serve connections: it may read gigabytes.
    let object = tokio::task::spawn_blocking(move || assembly.finish(now_ms))
        .await
        .expect("assembling does not panic, and the runtime outlives its requests");
    check_whole(&object, &claimed, input.mpu_object_size)?;
    let object = Arc::new(object);
    let conditions =
        WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
    let gone = store.with(|buckets| {
        let bucket = buckets.bucket_mut(&input.bucket)?;
        // Completed or aborted by somebody else meanwhile, it is no more ours to complete.
        bucket.uploads.upload(&input.key, &input.upload_id)?;
        let replaced = bucket.put(&input.key, Arc::clone(&object), &conditions)?;
        Ok((replaced, bucket.uploads.end(&input.key, &input.upload_id)?))
    })?;
    drop(gone);
    let fields = object.checksum.fields();
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("http://{host}/{}/{}", input.bucket, url_encoded(&input.key))),
        bucket: Some(input.bucket),
        key: Some(input.key),
        checksum_crc32: fields.checksum_crc32,
        checksum_crc32c: fields.checksum_crc32c,
        checksum_crc64nvme: fields.checksum_crc64nvme,
        checksum_sha1: fields.checksum_sha1,
        checksum_sha256: fields.checksum_sha256,
        checksum_type: fields.checksum_type,
        e_tag: Some(etag(&object)),
        server_side_encryption: Some(encryption(&object.attributes)),
        ..Default::default()
    })
}

pub(super) fn abort(
    store: &S3Store,
    input: &AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput, Refusal> {
    let aborted = store.with(|buckets| {
        buckets.bucket_mut(&input.bucket)?.uploads.end(&input.key, &input.upload_id)
    })?;
    drop(aborted);
    Ok(AbortMultipartUploadOutput::default())
}

pub(super) fn list_parts(
    store: &S3Store,
    input: ListPartsInput,
) -> Result<ListPartsOutput, Refusal> {
    let parts_max = entries_max(input.max_parts, "max-parts")?;
    let marker = input.part_number_marker.unwrap_or(0);
    store.with(|buckets| {
        let uploads = &buckets.bucket(&input.bucket)?.uploads;
        let upload = uploads.upload(&input.key, &input.upload_id)?;
        let behind = upload.parts.range(marker.saturating_add(1)..);
        let mut parts: Vec<_> = behind.take(parts_max.saturating_add(1)).collect();
        let is_truncated = 0 < parts_max && parts_max < parts.len();
        parts.truncate(parts_max);
        Ok(ListPartsOutput {
            next_part_number_marker: parts.last().map(|(number, _)| **number),
            parts: Some(parts.into_iter().map(|(number, part)| described(*number, part)).collect()),
            bucket: Some(input.bucket),
            checksum_algorithm: upload.checksum.map(|(algorithm, _)| wire_algorithm(algorithm)),
            checksum_type: upload.checksum.map(|(_, kind)| ChecksumType::from_static(kind.name())),
            initiator: Some(initiator()),
            is_truncated: Some(is_truncated),
            key: Some(input.key),
            max_parts: i32::try_from(parts_max).ok(),
            owner: Some(owner()),
            part_number_marker: Some(marker),
            storage_class: Some(storage_class(upload)),
            upload_id: Some(input.upload_id),
            ..Default::default()
        })
    })
}

pub(super) fn list_uploads(
    store: &S3Store,
    input: ListMultipartUploadsInput,
) -> Result<ListMultipartUploadsOutput, Refusal> {
    let naming = Naming::asked(input.encoding_type.as_ref())?;
    let uploads_max = entries_max(input.max_uploads, "max-uploads")?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let key_marker = input.key_marker.clone().unwrap_or_default();
    let id_marker = input.upload_id_marker.as_deref().filter(|_| !key_marker.is_empty());
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let mut common_prefixes = BTreeSet::new();
    let mut found = Vec::new();
    let mut is_truncated = false;
    let mut last = None;
    store.with(|buckets| {
        let uploads = &buckets.bucket(&input.bucket)?.uploads;
        let marked = id_marker.and_then(|id| uploads.upload(&key_marker, id).ok());
        for (id, upload) in uploads.in_order() {
            let key = upload.key.as_str();
            let Some(rest) = key.strip_prefix(prefix.as_str()) else { continue };
            let rolled_up = delimiter
                .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()))
                .map(|end| &key[..prefix.len() + end]);
            let is_later = match marked {
                // Of the key of the marker, only the uploads behind the marked one.
                Some(marked) if key == key_marker => {
                    (marked.initiated_ms, id_marker) < (upload.initiated_ms, Some(id))
                }
                _ => *key_marker < *rolled_up.unwrap_or(key),
            };
            if !is_later || rolled_up.is_some_and(|common| common_prefixes.contains(common)) {
                continue;
            }
            if found.len() + common_prefixes.len() == uploads_max {
                is_truncated = 0 < uploads_max;
                break;
            }
            last = Some((rolled_up.unwrap_or(key).to_owned(), id.to_owned()));
            match rolled_up {
                Some(common) => drop(common_prefixes.insert(common.to_owned())),
                None => found.push(listed_upload(naming.name(key), id, upload)),
            }
        }
        Ok(())
    })?;
    let (next_key, next_id) = last.filter(|_| is_truncated).unzip();
    let common_prefixes = common_prefixes.iter().map(|prefix| naming.common_prefix(prefix));
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(common_prefixes.collect()),
        delimiter: naming.optional(delimiter),
        encoding_type: input.encoding_type,
        is_truncated: Some(is_truncated),
        key_marker: Some(naming.name(&key_marker)),
        max_uploads: i32::try_from(uploads_max).ok(),
        next_key_marker: naming.optional(next_key.as_deref()),
        next_upload_id_marker: next_id,
        prefix: Some(naming.name(&prefix)),
        request_charged: None,
        upload_id_marker: input.upload_id_marker,
        uploads: Some(found),
    })
}

pub(super) fn check_part_number(number: i32) -> Result<(), Refusal> {
    let is_legal = (1..=limits::PART_NUMBER_MAX).contains(&number);
    if is_legal { Ok(()) } else { Err(bad_part_number(number)) }
}

pub(super) fn bad_part_number(number: i32) -> Refusal {
    let message = "Part number must be an integer between 1 and 10000, inclusive";
    Refusal::argument(message, "partNumber", number.to_string())
}

/// The algorithm of a part's checksum: what the upload was begun with. A part that claims another
/// is refused; if the upload has none, a part may have any.
pub(super) fn part_algorithm(
    store: &S3Store,
    bucket: &str,
    key: &str,
    upload_id: &str,
    claimed: Option<Algorithm>,
) -> Result<Algorithm, Refusal> {
    let asked = store
        .with(|buckets| Ok(buckets.bucket(bucket)?.uploads.upload(key, upload_id)?.checksum))?;
    match (asked.map(|(algorithm, _)| algorithm), claimed) {
        (Some(asked), Some(claimed)) if asked != claimed => Err(Refusal::request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            asked.name().to_lowercase(),
            claimed.name().to_lowercase()
        ))),
        (asked, claimed) => Ok(asked.or(claimed).unwrap_or(Algorithm::Crc64Nvme)),
    }
}

fn asked_checksum(
    algorithm: Option<&ChecksumAlgorithm>,
    kind: Option<&ChecksumType>,
) -> Result<Option<(Algorithm, Kind)>, Refusal> {
    let algorithm = algorithm.map(|name| Algorithm::from_name(name.as_str())).transpose()?;
    let kind = match kind.map(ChecksumType::as_str) {
        None => None,
        Some(ChecksumType::FULL_OBJECT) => Some(Kind::FullObject),
        Some(ChecksumType::COMPOSITE) => Some(Kind::Composite),
        Some(_) => {
            return Err(Refusal::request("Value for x-amz-checksum-type header is invalid."));
        }
    };
    match (algorithm, kind) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refusal::request(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm \
             header.",
        )),
        (Some(algorithm), kind) => {
            let kind = kind.unwrap_or_else(|| algorithm.default_kind());
            if algorithm.allows(kind) {
                return Ok(Some((algorithm, kind)));
            }
            Err(Refusal::request(format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                kind.name(),
                algorithm.name().to_lowercase()
            )))
        }
    }
}

fn listed_part(part: CompletedPart) -> Result<ListedPart, Refusal> {
    let (Some(number), Some(etag)) = (part.part_number, part.e_tag) else {
        return Err(Refusal::MalformedXml);
    };
    let checksum = part.checksum_crc32.or(part.checksum_crc32c).or(part.checksum_crc64nvme);
    let checksum = checksum.or(part.checksum_sha1).or(part.checksum_sha256);
    Ok(ListedPart { number, etag: etag.into_value(), checksum })
}

/// Holds the object against what its uploader says of it as a whole.
fn check_whole(
    object: &Object,
    claimed: &[(Algorithm, Option<String>)],
    bytes: Option<i64>,
) -> Result<(), Refusal> {
    let Checksum { algorithm, value, .. } = &object.checksum;
    for (claimed_algorithm, claimed) in claimed {
        // A composite value may come without its part count.
        let is_right = |claimed: &String| {
            claimed == value
                || value.strip_prefix(claimed).is_some_and(|rest| rest.starts_with('-'))
        };
        if claimed_algorithm == algorithm && claimed.as_ref().is_some_and(|sum| !is_right(sum)) {
            return Err(Refusal::BadChecksum(*algorithm));
        }
    }
    match bytes {
        Some(bytes) if u64::try_from(bytes) != Ok(object.content.bytes()) => Err(Refusal::request(
            "The provided 'x-amz-mp-object-size' header does not match what was computed.",
        )),
        _ => Ok(()),
    }
}

fn described(number: i32, part: &Part) -> s3s::dto::Part {
    let fields = part.checksum.fields();
    s3s::dto::Part {
        checksum_crc32: fields.checksum_crc32,
        checksum_crc32c: fields.checksum_crc32c,
        checksum_crc64nvme: fields.checksum_crc64nvme,
        checksum_sha1: fields.checksum_sha1,
        checksum_sha256: fields.checksum_sha256,
        e_tag: Some(ETag::Strong(part.etag())),
        last_modified: Some(timestamp(part.modified_ms)),
        part_number: Some(number),
        size: i64::try_from(part.content.bytes()).ok(),
    }
}

fn listed_upload(key: String, upload_id: &str, upload: &Upload) -> MultipartUpload {
    MultipartUpload {
        checksum_algorithm: upload.checksum.map(|(algorithm, _)| wire_algorithm(algorithm)),
        checksum_type: upload.checksum.map(|(_, kind)| ChecksumType::from_static(kind.name())),
        initiated: Some(timestamp(upload.initiated_ms)),
        initiator: Some(initiator()),
        key: Some(key),
        owner: Some(owner()),
        storage_class: Some(storage_class(upload)),
        upload_id: Some(upload_id.to_owned()),
    }
}

fn wire_algorithm(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(algorithm.name())
}

fn storage_class(upload: &Upload) -> StorageClass {
    let class = upload.attributes.storage_class.clone();
    class.map_or_else(|| StorageClass::from_static(StorageClass::STANDARD), StorageClass::from)
}

fn initiator() -> Initiator {
    let owner = owner();
    Initiator { display_name: owner.display_name, id: owner.id }
}
