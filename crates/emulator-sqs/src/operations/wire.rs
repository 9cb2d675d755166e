//! How ids and digests are written: lower-case hexadecimal, straight into the answer.

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::message::Md5Digest;

/// A digest as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hex(pub(crate) Md5Digest);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A UUID without hyphens is the same 16 bytes in the same digits.
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(Uuid::from_bytes(self.0).simple().encode_lower(&mut buffer))
    }
}

/// A message id as a UUID.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) Uuid);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
    }
}
