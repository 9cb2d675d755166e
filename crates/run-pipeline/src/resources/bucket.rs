//! The bucket, and the region it is in.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;

use super::Refusal;

/// What there is under a bucket's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A bucket we may look at.
    Here,
    /// Nothing.
    Missing,
    /// A bucket in another region than we ask.
    Elsewhere(String),
}

/// Looks for a bucket (S3 API Reference, "HeadBucket": an answer without a body; another region is
/// 301 or 400, and the header `x-amz-bucket-region` names it).
///
/// # Errors
/// If S3 does not answer or refuses us.
pub async fn find(s3: &Client, bucket: &str) -> Result<Found, Refusal> {
    let asked_region = s3.config().region().map(ToString::to_string);
    let error = match s3.head_bucket().bucket(bucket).send().await {
        Ok(head) => {
            return Ok(match head.bucket_region {
                Some(region) if asked_region.is_some_and(|asked| asked != region) => {
                    Found::Elsewhere(region)
                }
                _ => Found::Here,
            });
        }
        Err(error) => error,
    };
    if let SdkError::ServiceError(context) = &error {
        let region = context.raw().headers().get("x-amz-bucket-region");
        match (context.raw().status().as_u16(), region) {
            (404, _) => return Ok(Found::Missing),
            (301 | 400, Some(region)) => return Ok(Found::Elsewhere(region.to_owned())),
            _ => {}
        }
    }
    Err(Refusal::of(error))
}
