//! Why S3 says no.
//!
//! The texts are S3's own, word for word, since programs and people look for them; hence the
//! capitals and full stops. API Reference, "Error responses", "List of error codes".

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use s3s::{S3Error, S3ErrorCode};

use crate::checksum::Algorithm;
use crate::limits;

/// How the elements of an error that `s3s` does not know reach the door, which takes this header
/// off again: their XML in Base64.
pub(crate) const ELEMENTS_HEADER: HeaderName =
    HeaderName::from_static("x-blueshift-error-elements");

/// One variant per answer S3 gives when it does not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("The specified bucket does not exist")]
    NoSuchBucket { bucket: String },
    #[error("The specified key does not exist.")]
    NoSuchKey { key: String },
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may \
         have been aborted or completed."
    )]
    NoSuchUpload { upload_id: String },
    #[error("The specified version does not exist.")]
    NoSuchVersion,
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou { bucket: String },
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty { bucket: String },
    #[error("The specified location-constraint is not valid")]
    InvalidLocationConstraint { constraint: String },
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed { header: &'static str },
    #[error("Not Modified")]
    NotModified { etag: String, last_modified: String },
    #[error("The requested range is not satisfiable")]
    InvalidRange { requested: String, bytes: u64 },
    #[error("The requested partnumber is not satisfiable")]
    InvalidPartNumber { asked: i32, parts: usize },
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart { upload_id: String, number: i32, etag: String },
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder { upload_id: String },
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    EntityTooSmall { bytes: u64, number: i32, etag: String },
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge { bytes: u64 },
    #[error("Your metadata headers exceed the maximum allowed metadata size")]
    MetadataTooLarge { bytes: usize },
    #[error("You must provide the Content-Length HTTP header.")]
    MissingContentLength,
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadMd5 { claimed: String, computed: String },
    #[error("The {0} you specified did not match the calculated checksum.")]
    BadChecksum(Algorithm),
    #[error("The Content-MD5 you specified is not valid.")]
    InvalidDigest { claimed: String },
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    ContentSha256Mismatch { claimed: String, computed: String },
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
    #[error("{message}")]
    InvalidArgument { message: Cow<'static, str>, name: String, value: String },
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    #[error("{0}")]
    BadQueryAuthorization(&'static str),
    #[error("Request has expired")]
    Expired,
    #[error("A header you provided implies functionality that is not implemented")]
    NotImplemented { header: &'static str },
}

impl Refusal {
    /// `name` and `value` of the parameter or header that S3 does not like.
    pub(crate) fn argument(
        message: impl Into<Cow<'static, str>>,
        name: &str,
        value: impl Into<String>,
    ) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            name: name.to_owned(),
            value: value.into(),
        }
    }

    pub(crate) fn request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidRequest(message.into())
    }

    /// The error code, as the SDKs know it.
    pub(crate) fn code(&self) -> S3ErrorCode {
        match self {
            Self::NoSuchBucket { .. } => S3ErrorCode::NoSuchBucket,
            Self::NoSuchKey { .. } => S3ErrorCode::NoSuchKey,
            Self::NoSuchUpload { .. } => S3ErrorCode::NoSuchUpload,
            Self::NoSuchVersion => S3ErrorCode::NoSuchVersion,
            Self::BucketAlreadyOwnedByYou { .. } => S3ErrorCode::BucketAlreadyOwnedByYou,
            Self::BucketNotEmpty { .. } => S3ErrorCode::BucketNotEmpty,
            Self::InvalidLocationConstraint { .. } => S3ErrorCode::InvalidLocationConstraint,
            Self::PreconditionFailed { .. } => S3ErrorCode::PreconditionFailed,
            Self::NotModified { .. } => S3ErrorCode::NotModified,
            Self::InvalidRange { .. } => S3ErrorCode::InvalidRange,
            Self::InvalidPartNumber { .. } => S3ErrorCode::Custom("InvalidPartNumber".into()),
            Self::InvalidPart { .. } => S3ErrorCode::InvalidPart,
            Self::InvalidPartOrder { .. } => S3ErrorCode::InvalidPartOrder,
            Self::EntityTooSmall { .. } => S3ErrorCode::EntityTooSmall,
            Self::EntityTooLarge { .. } => S3ErrorCode::EntityTooLarge,
            Self::MetadataTooLarge { .. } => S3ErrorCode::MetadataTooLarge,
            Self::MissingContentLength => S3ErrorCode::MissingContentLength,
            Self::IncompleteBody => S3ErrorCode::IncompleteBody,
            Self::BadMd5 { .. } | Self::BadChecksum(_) => S3ErrorCode::BadDigest,
            Self::InvalidDigest { .. } => S3ErrorCode::InvalidDigest,
            Self::ContentSha256Mismatch { .. } => {
                S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into())
            }
            Self::MalformedTrailer => S3ErrorCode::Custom("MalformedTrailerError".into()),
            Self::MalformedXml => S3ErrorCode::MalformedXML,
            Self::InvalidArgument { .. } => S3ErrorCode::InvalidArgument,
            Self::InvalidRequest(_) => S3ErrorCode::InvalidRequest,
            Self::BadQueryAuthorization(_) => S3ErrorCode::AuthorizationQueryParametersError,
            Self::Expired => S3ErrorCode::AccessDenied,
            Self::NotImplemented { .. } => S3ErrorCode::NotImplemented,
        }
    }
}

impl Refusal {
    /// What S3 says besides code and message, in its order: SDKs hand these elements on.
    fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::NoSuchBucket { bucket }
            | Self::BucketAlreadyOwnedByYou { bucket }
            | Self::BucketNotEmpty { bucket } => vec![("BucketName", bucket.clone())],
            Self::NoSuchKey { key } => vec![("Key", key.clone())],
            Self::NoSuchUpload { upload_id } | Self::InvalidPartOrder { upload_id } => {
                vec![("UploadId", upload_id.clone())]
            }
            Self::InvalidLocationConstraint { constraint } => {
                vec![("LocationConstraint", constraint.clone())]
            }
            Self::PreconditionFailed { header } => vec![("Condition", (*header).to_owned())],
            Self::NotImplemented { header } => vec![("Header", (*header).to_owned())],
            Self::InvalidRange { requested, bytes } => {
                vec![("RangeRequested", requested.clone()), ("ActualObjectSize", bytes.to_string())]
            }
            Self::InvalidPartNumber { asked, parts } => vec![
                ("PartNumberRequested", asked.to_string()),
                ("ActualPartCount", parts.to_string()),
            ],
            Self::InvalidPart { upload_id, number, etag } => vec![
                ("UploadId", upload_id.clone()),
                ("PartNumber", number.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::EntityTooSmall { bytes, number, etag } => vec![
                ("ProposedSize", bytes.to_string()),
                ("MinSizeAllowed", limits::PART_BYTES_MIN.to_string()),
                ("PartNumber", number.to_string()),
                ("ETag", etag.clone()),
            ],
            Self::EntityTooLarge { bytes } => vec![
                ("ProposedSize", bytes.to_string()),
                ("MaxSizeAllowed", limits::PUT_BYTES_MAX.to_string()),
            ],
            Self::MetadataTooLarge { bytes } => vec![
                ("Size", bytes.to_string()),
                ("MaxSizeAllowed", limits::USER_METADATA_BYTES_MAX.to_string()),
            ],
            Self::BadMd5 { claimed, computed } => {
                vec![("ExpectedDigest", claimed.clone()), ("CalculatedDigest", computed.clone())]
            }
            Self::InvalidDigest { claimed } => vec![("Content-MD5", claimed.clone())],
            Self::ContentSha256Mismatch { claimed, computed } => vec![
                ("ClientComputedContentSHA256", claimed.clone()),
                ("S3ComputedContentSHA256", computed.clone()),
            ],
            Self::InvalidArgument { name, value, .. } => {
                vec![("ArgumentName", name.clone()), ("ArgumentValue", value.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn elements(&self) -> Option<HeaderValue> {
        let elements: String =
            self.details().iter().map(|(name, text)| element(name, text)).collect();
        if elements.is_empty() {
            return None;
        }
        let encoded = BASE64.encode(elements);
        Some(HeaderValue::try_from(encoded).expect("Base64 is plain ASCII"))
    }
}

/// `<name>text</name>`.
pub(crate) fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// As text in XML. What XML cannot hold at all is dealt with in the whole answer (`xml_characters`).
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(character),
        }
        out
    })
}

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> Self {
        let mut error = S3Error::with_message(refusal.code(), refusal.to_string());
        let mut headers = HeaderMap::new();
        if let Some(elements) = refusal.elements() {
            headers.insert(ELEMENTS_HEADER, elements);
            // Headers of ours are all the headers there are.
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        }
        match &refusal {
            Refusal::InvalidPartNumber { .. } => {
                error.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE)
            }
            Refusal::ContentSha256Mismatch { .. } | Refusal::MalformedTrailer => {
                error.set_status_code(StatusCode::BAD_REQUEST);
            }
            Refusal::NotModified { etag, last_modified } => {
                let fields = [(header::ETAG, etag), (header::LAST_MODIFIED, last_modified)];
                for (name, value) in fields {
                    headers.insert(name, value.parse().expect("ETags and dates are plain ASCII"));
                }
            }
            _ => {}
        }
        if !headers.is_empty() {
            error.set_headers(headers);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_error_says_besides_is_text_and_no_markup() {
        let check = |key: &str, expected: &str| assert_eq!(element("Key", key), expected);
        check("plain", "<Key>plain</Key>");
        check("</Key>&\"'", "<Key>&lt;/Key&gt;&amp;&quot;'</Key>");
    }

    #[test]
    fn the_elements_stand_in_the_order_of_s3() {
        let refusal = Refusal::InvalidRange { requested: "bytes=9-".to_owned(), bytes: 7 };
        let encoded = refusal.elements().expect("it has some");
        let elements = BASE64.decode(encoded).expect("Base64");
        assert_eq!(
            String::from_utf8_lossy(&elements),
            "<RangeRequested>bytes=9-</RangeRequested><ActualObjectSize>7</ActualObjectSize>"
        );
        assert_eq!(Refusal::MalformedXml.elements(), None);
    }
}
