//! The numbers of S3, each with the page it comes from.

/// Largest object of one `PutObject`, and largest part. User Guide, "Uploading objects".
pub(crate) const PUT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Largest source of a `CopyObject`. API Reference, "CopyObject".
pub(crate) const COPY_SOURCE_BYTES_MAX: u64 = PUT_BYTES_MAX;
/// Smallest part but the last. User Guide, "Amazon S3 multipart upload limits".
pub(crate) const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Highest part number, the lowest is 1. User Guide, "Amazon S3 multipart upload limits".
pub(crate) const PART_NUMBER_MAX: i32 = 10_000;
/// Most entries of one list answer. API Reference, "ListObjectsV2", "ListParts",
/// "ListMultipartUploads".
pub(crate) const LIST_ENTRIES_MAX: usize = 1_000;
/// Most buckets of one `ListBuckets` answer. API Reference, "ListBuckets".
pub(crate) const LIST_BUCKETS_MAX: usize = 10_000;
/// Most keys of one `DeleteObjects`. API Reference, "DeleteObjects".
pub(crate) const DELETE_KEYS_MAX: usize = 1_000;
/// Names and values of user metadata together. User Guide, "Working with object metadata".
pub(crate) const USER_METADATA_BYTES_MAX: usize = 2 * 1024;
/// Longest life of a presigned URL: seven days. API Reference, "Authenticating Requests: Using
/// Query Parameters".
pub(crate) const PRESIGNED_EXPIRES_S_MAX: u64 = 604_800;
/// Where a bucket lives that was created without a location constraint. API Reference,
/// "CreateBucket".
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
/// Longest key, in bytes of UTF-8. User Guide, "Naming Amazon S3 objects".
pub(crate) const KEY_BYTES_MAX: usize = 1_024;
