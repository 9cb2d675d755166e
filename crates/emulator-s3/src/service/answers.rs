//! Pieces that many answers share.

use s3s::dto::{
    CommonPrefix, ETag, EncodingType, Owner, ServerSideEncryption, Timestamp, TimestampFormat,
};
use time::OffsetDateTime;

use crate::error::Refusal;
use crate::limits;
use crate::listing::url_encoded;
use crate::store::{Attributes, Object, seconds};

/// The canonical id of the one account there is.
const OWNER_ID: &str = "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a";

/// A date, to the second.
pub(super) fn timestamp(unix_ms: u64) -> Timestamp {
    let date = OffsetDateTime::from_unix_timestamp(seconds(unix_ms));
    Timestamp::from(date.unwrap_or(OffsetDateTime::UNIX_EPOCH))
}

/// A date as in a header.
pub(super) fn http_date(unix_ms: u64) -> String {
    let mut text = Vec::new();
    timestamp(unix_ms)
        .format(TimestampFormat::HttpDate, &mut text)
        .expect("every date has an HTTP form");
    String::from_utf8_lossy(&text).into_owned()
}

/// Unix seconds of a date in a condition.
pub(super) fn unix_s(timestamp: Timestamp) -> i64 {
    OffsetDateTime::from(timestamp).unix_timestamp()
}

pub(super) fn etag(object: &Object) -> ETag {
    ETag::Strong(object.etag.clone())
}

pub(super) fn owner() -> Owner {
    Owner { display_name: Some("blueshift".to_owned()), id: Some(OWNER_ID.to_owned()) }
}

/// What the object was asked to be encrypted with; if nothing, S3 does it with its own keys.
/// User Guide, "Setting default server-side encryption behavior for Amazon S3 buckets".
pub(super) fn encryption(attributes: &Attributes) -> ServerSideEncryption {
    attributes.server_side_encryption.clone().map_or_else(
        || ServerSideEncryption::from_static(ServerSideEncryption::AES256),
        ServerSideEncryption::from,
    )
}

/// Refuses a customer's own encryption key: answering as if it were heeded would be a lie.
pub(super) fn refuse_customer_key(algorithm: Option<&String>) -> Result<(), Refusal> {
    match algorithm {
        None => Ok(()),
        Some(_) => Err(Refusal::NotImplemented {
            header: "x-amz-server-side-encryption-customer-algorithm",
        }),
    }
}

/// Refuses a version but the only one, `null`.
pub(super) fn refuse_version(version_id: Option<&str>) -> Result<(), Refusal> {
    match version_id {
        None | Some("null") => Ok(()),
        Some(_) => Err(Refusal::NoSuchVersion),
    }
}

/// How many entries a list answer may have: 1,000 unless fewer are asked for.
pub(super) fn entries_max(asked: Option<i32>, name: &str) -> Result<usize, Refusal> {
    let Some(asked) = asked else { return Ok(limits::LIST_ENTRIES_MAX) };
    let entries_max = usize::try_from(asked).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        Refusal::argument(message, name, asked.to_string())
    })?;
    Ok(entries_max.min(limits::LIST_ENTRIES_MAX))
}

/// Names in a list answer: as they are, or percent-encoded if so asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Naming {
    is_url: bool,
}

impl Naming {
    pub(super) fn asked(encoding_type: Option<&EncodingType>) -> Result<Self, Refusal> {
        match encoding_type.map(EncodingType::as_str) {
            None => Ok(Self { is_url: false }),
            Some(EncodingType::URL) => Ok(Self { is_url: true }),
            Some(method) => Err(Refusal::argument(
                "Invalid Encoding Method specified in Request",
                "encoding-type",
                method,
            )),
        }
    }

    pub(super) fn name(self, name: &str) -> String {
        if self.is_url { url_encoded(name) } else { name.to_owned() }
    }

    pub(super) fn optional(self, name: Option<&str>) -> Option<String> {
        name.map(|name| self.name(name))
    }

    pub(super) fn common_prefix(self, prefix: &str) -> CommonPrefix {
        CommonPrefix { prefix: Some(self.name(prefix)) }
    }
}
