//! Buckets: create, head, list, delete, location.

use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
};

use super::answers::{owner, timestamp};
use crate::S3Store;
use crate::error::Refusal;
use crate::limits;

pub(super) fn create(
    store: &S3Store,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput, Refusal> {
    let constraint = input.create_bucket_configuration.and_then(|asked| asked.location_constraint);
    let region = match constraint.as_ref().map(BucketLocationConstraint::as_str) {
        None | Some("") => limits::DEFAULT_REGION,
        // The default region is asked for by asking for none. API Reference, "CreateBucket".
        Some(limits::DEFAULT_REGION) => {
            let constraint = limits::DEFAULT_REGION.to_owned();
            return Err(Refusal::InvalidLocationConstraint { constraint });
        }
        Some(region) => region,
    };
    let now_ms = store.now_ms();
    store.with(|buckets| buckets.create(&input.bucket, region, now_ms))?;
    let location = if region == limits::DEFAULT_REGION {
        format!("/{}", input.bucket)
    } else {
        format!("http://{}.s3.amazonaws.com/", input.bucket)
    };
    Ok(CreateBucketOutput { location: Some(location) })
}

pub(super) fn head(store: &S3Store, input: &HeadBucketInput) -> Result<HeadBucketOutput, Refusal> {
    let region = region(store, &input.bucket)?;
    Ok(HeadBucketOutput { bucket_region: Some(region), ..Default::default() })
}

pub(super) fn list(store: &S3Store, input: ListBucketsInput) -> Result<ListBucketsOutput, Refusal> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let after = input.continuation_token.as_deref().unwrap_or_default();
    let buckets_max = match input.max_buckets.map(usize::try_from) {
        None => limits::LIST_BUCKETS_MAX,
        Some(Ok(asked @ 1..=limits::LIST_BUCKETS_MAX)) => asked,
        Some(_) => {
            let asked = input.max_buckets.unwrap_or_default();
            return Err(Refusal::argument(
                "Argument max-buckets must be an integer between 1 and 10000",
                "max-buckets",
                asked.to_string(),
            ));
        }
    };
    let wanted_region = input.bucket_region.as_deref();
    let mut found: Vec<Bucket> = store.with(|buckets| {
        let wanted = buckets.iter().filter(|(name, bucket)| {
            name.starts_with(prefix)
                && *name > after
                && wanted_region.is_none_or(|region| region == bucket.region)
        });
        let described = wanted.map(|(name, bucket)| Bucket {
            bucket_region: Some(bucket.region.clone()),
            creation_date: Some(timestamp(bucket.created_ms)),
            name: Some(name.to_owned()),
        });
        described.take(buckets_max + 1).collect()
    });
    let is_truncated = buckets_max < found.len();
    found.truncate(buckets_max);
    let last = found.last().and_then(|bucket| bucket.name.clone());
    Ok(ListBucketsOutput {
        continuation_token: last.filter(|_| is_truncated),
        buckets: Some(found),
        owner: Some(owner()),
        prefix: input.prefix,
    })
}

pub(super) fn delete(
    store: &S3Store,
    input: &DeleteBucketInput,
) -> Result<DeleteBucketOutput, Refusal> {
    let removed = store.with(|buckets| buckets.remove(&input.bucket))?;
    drop(removed);
    Ok(DeleteBucketOutput::default())
}

pub(super) fn location(
    store: &S3Store,
    input: &GetBucketLocationInput,
) -> Result<GetBucketLocationOutput, Refusal> {
    let region = Some(region(store, &input.bucket)?);
    let elsewhere = region.filter(|region| region != limits::DEFAULT_REGION);
    Ok(GetBucketLocationOutput {
        location_constraint: elsewhere.map(BucketLocationConstraint::from),
    })
}

fn region(store: &S3Store, bucket: &str) -> Result<String, Refusal> {
    store.with(|buckets| Ok(buckets.bucket(bucket)?.region.clone()))
}
