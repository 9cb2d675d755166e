//! Why S3 says no.
//!
//! The texts are S3's own, word for word, since programs and people look for them; hence the
//! capitals and full stops. API Reference, "Error responses", "List of error codes".

use std::borrow::Cow;

use http::{HeaderMap, StatusCode, header};
use s3s::{S3Error, S3ErrorCode};

use crate::checksum::Algorithm;

/// One variant per answer S3 gives when it does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The specified bucket does not exist")]
    NoSuchBucket,
    #[error("The specified key does not exist.")]
    NoSuchKey,
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may \
         have been aborted or completed."
    )]
    NoSuchUpload,
    #[error("The specified version does not exist.")]
    NoSuchVersion,
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou,
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    #[error("The specified location-constraint is not valid")]
    InvalidLocationConstraint,
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed,
    #[error("Not Modified")]
    NotModified { etag: String, last_modified: String },
    #[error("The requested range is not satisfiable")]
    InvalidRange,
    #[error("The requested partnumber is not satisfiable")]
    InvalidPartNumber,
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall,
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge,
    #[error("Your metadata headers exceed the maximum allowed metadata size")]
    MetadataTooLarge,
    #[error("You must provide the Content-Length HTTP header.")]
    MissingContentLength,
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadMd5,
    #[error("The {0} you specified did not match the calculated checksum.")]
    BadChecksum(Algorithm),
    #[error("The Content-MD5 you specified is not valid.")]
    InvalidDigest,
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256Mismatch,
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our \
         published schema."
    )]
    MalformedTrailer,
    #[error(
        "The XML you provided was not well-formed or did not validate against our published \
         schema"
    )]
    MalformedXml,
    #[error("{0}")]
    InvalidArgument(Cow<'static, str>),
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    #[error("{0}")]
    BadQueryAuthorization(&'static str),
    #[error("Request has expired")]
    Expired,
    #[error("A header you provided implies functionality that is not implemented")]
    NotImplemented,
}

impl Refusal {
    pub(crate) fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidArgument(message.into())
    }

    pub(crate) fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(message.into())
    }

    /// The error code, as the SDKs know it.
    pub(crate) fn code(&self) -> S3ErrorCode {
        match self {
            Self::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            Self::NoSuchKey => S3ErrorCode::NoSuchKey,
            Self::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            Self::NoSuchVersion => S3ErrorCode::NoSuchVersion,
            Self::BucketAlreadyOwnedByYou => S3ErrorCode::BucketAlreadyOwnedByYou,
            Self::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
            Self::InvalidLocationConstraint => S3ErrorCode::InvalidLocationConstraint,
            Self::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            Self::NotModified { .. } => S3ErrorCode::NotModified,
            Self::InvalidRange => S3ErrorCode::InvalidRange,
            Self::InvalidPartNumber => S3ErrorCode::Custom("InvalidPartNumber".into()),
            Self::InvalidPart => S3ErrorCode::InvalidPart,
            Self::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            Self::EntityTooSmall => S3ErrorCode::EntityTooSmall,
            Self::EntityTooLarge => S3ErrorCode::EntityTooLarge,
            Self::MetadataTooLarge => S3ErrorCode::MetadataTooLarge,
            Self::MissingContentLength => S3ErrorCode::MissingContentLength,
            Self::IncompleteBody => S3ErrorCode::IncompleteBody,
            Self::BadMd5 | Self::BadChecksum(_) => S3ErrorCode::BadDigest,
            Self::InvalidDigest => S3ErrorCode::InvalidDigest,
            Self::ContentSha256Mismatch => S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
            Self::MalformedTrailer => S3ErrorCode::Custom("MalformedTrailerError".into()),
            Self::MalformedXml => S3ErrorCode::MalformedXML,
            Self::InvalidArgument(_) => S3ErrorCode::InvalidArgument,
            Self::InvalidRequest(_) => S3ErrorCode::InvalidRequest,
            Self::BadQueryAuthorization(_) => S3ErrorCode::AuthorizationQueryParametersError,
            Self::Expired => S3ErrorCode::AccessDenied,
            Self::NotImplemented => S3ErrorCode::NotImplemented,
        }
    }
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        let mut error = S3Error::with_message(refusal.code(), refusal.to_string());
        match &refusal {
            Refusal::InvalidPartNumber => error.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE),
            Refusal::ContentSha256Mismatch | Refusal::MalformedTrailer => {
                error.set_status_code(StatusCode::BAD_REQUEST);
            }
            Refusal::NotModified { etag, last_modified } => {
                let mut headers = HeaderMap::new();
                let fields = [(header::ETAG, etag), (header::LAST_MODIFIED, last_modified)];
                for (name, value) in fields {
                    headers.insert(name, value.parse().expect("ETags and dates are plain ASCII"));
                }
                error.set_headers(headers);
            }
            _ => {}
        }
        error
    }
}
