//! Listings of objects, in both versions of the API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use s3s::dto::{
    ChecksumAlgorithm, ChecksumType, CommonPrefix, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass,
};

use super::answers::{Naming, entries_max, etag, owner, timestamp};
use crate::S3Store;
use crate::error::Refusal;
use crate::listing::{self, Entry, Query, Start};
use crate::store;

pub(super) fn list(store: &S3Store, input: ListObjectsInput) -> Result<ListObjectsOutput, Refusal> {
    let naming = Naming::asked(input.encoding_type.as_ref())?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let marker = input.marker.unwrap_or_default();
    let start = if marker.is_empty() { Start::Beginning } else { Start::AfterEntry(&marker) };
    let entries_max = entries_max(input.max_keys, "maxKeys")?;
    let query = Query { prefix: &prefix, delimiter: delimiter.as_deref(), start, entries_max };
    let page = page(store, &input.bucket, query, naming, true)?;
    // Without a delimiter, the last key is the next marker. API Reference, "ListObjects".
    let next = page.last.filter(|_| page.is_truncated && delimiter.is_some());
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(naming.name(&prefix)),
        marker: Some(naming.name(&marker)),
        max_keys: i32::try_from(entries_max).ok(),
        is_truncated: Some(page.is_truncated),
        contents: Some(page.contents),
        common_prefixes: Some(page.common_prefixes),
        delimiter: naming.optional(delimiter.as_deref()),
        next_marker: naming.optional(next.as_deref()),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

pub(super) fn list_v2(
    store: &S3Store,
    input: ListObjectsV2Input,
) -> Result<ListObjectsV2Output, Refusal> {
    let naming = Naming::asked(input.encoding_type.as_ref())?;
    let prefix = input.prefix.unwrap_or_default();
    let delimiter = input.delimiter.filter(|delimiter| !delimiter.is_empty());
    let continued = input.continuation_token.as_deref().map(name_in_token).transpose()?;
    // A token outranks StartAfter. API Reference, "ListObjectsV2".
    let start = match (&continued, &input.start_after) {
        (Some(name), _) => Start::AfterEntry(name),
        (None, Some(key)) if !key.is_empty() => Start::AfterKey(key),
        (None, _) => Start::Beginning,
    };
    let entries_max = entries_max(input.max_keys, "maxKeys")?;
    let query = Query { prefix: &prefix, delimiter: delimiter.as_deref(), start, entries_max };
    let with_owner = input.fetch_owner.unwrap_or(false);
    let page = page(store, &input.bucket, query, naming, with_owner)?;
    let next = page.last.filter(|_| page.is_truncated).map(|name| BASE64.encode(name));
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(naming.name(&prefix)),
        max_keys: i32::try_from(entries_max).ok(),
        key_count: i32::try_from(page.contents.len() + page.common_prefixes.len()).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(page.is_truncated),
        next_continuation_token: next,
        contents: Some(page.contents),
        common_prefixes: Some(page.common_prefixes),
        delimiter: naming.optional(delimiter.as_deref()),
        encoding_type: input.encoding_type,
        start_after: naming.optional(input.start_after.as_deref()),
        request_charged: None,
    })
}

/// A token is the last entry of the page before it, so it outlives whatever happens in between.
fn name_in_token(token: &str) -> Result<String, Refusal> {
    let name = BASE64.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        Refusal::argument(message, "continuation-token", token)
    })
}

/// A page in the words of the protocol.
struct Page {
    contents: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    is_truncated: bool,
    /// The name of the last entry, not encoded.
    last: Option<String>,
}

fn page(
    store: &S3Store,
    bucket: &str,
    query: Query<'_>,
    naming: Naming,
    with_owner: bool,
) -> Result<Page, Refusal> {
    store.with(|buckets| {
        let page = listing::page(&buckets.bucket(bucket)?.objects, query);
        let last = page.entries.last().map(|entry| entry.name().to_owned());
        let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
        for entry in page.entries {
            match entry {
                Entry::Key(key, object) => {
                    contents.push(described(naming.name(key), object, with_owner));
                }
                Entry::CommonPrefix(prefix) => common_prefixes.push(naming.common_prefix(prefix)),
            }
        }
        Ok(Page { contents, common_prefixes, is_truncated: page.is_truncated, last })
    })
}

fn described(key: String, object: &store::Object, with_owner: bool) -> Object {
    let class = object.attributes.storage_class.clone();
    let algorithm = ChecksumAlgorithm::from_static(object.checksum.algorithm.name());
    Object {
        checksum_algorithm: Some(vec![algorithm]),
        checksum_type: Some(ChecksumType::from_static(object.checksum.kind.name())),
        e_tag: Some(etag(object)),
        key: Some(key),
        last_modified: Some(timestamp(object.modified_ms)),
        owner: with_owner.then(owner),
        restore_status: None,
        size: i64::try_from(object.content.bytes()).ok(),
        storage_class: Some(class.map_or_else(
            || ObjectStorageClass::from_static(ObjectStorageClass::STANDARD),
            ObjectStorageClass::from,
        )),
    }
}
