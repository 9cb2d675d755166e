//! The five additional checksums, of a whole object or composed of its parts' checksums.
//!
//! User Guide, "Checking object integrity in Amazon S3". Knows no header but the checksums' own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto;

use crate::content::Content;
use crate::error::Refusal;

/// How a checksum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header, or trailer, that carries the value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        found.ok_or_else(|| {
            Refusal::request(
                "Checksum algorithm provided is unsupported. Please try again with any of the \
                 valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        })
    }

    pub(crate) fn from_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header))
    }

    /// What `CreateMultipartUpload` assumes when it names no checksum type.
    pub(crate) fn default_kind(self) -> Kind {
        if self == Self::Crc64Nvme { Kind::FullObject } else { Kind::Composite }
    }

    /// Whether a multipart object can have this checksum in this kind.
    pub(crate) fn allows(self, kind: Kind) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => kind == Kind::FullObject,
            Self::Sha1 | Self::Sha256 => kind == Kind::Composite,
        }
    }

    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Crc32 => Hasher::Crc32(Crc32::new()),
            Self::Crc32c => Hasher::Crc32c(Crc32c::new()),
            Self::Crc64Nvme => Hasher::Crc64Nvme(Crc64Nvme::new()),
            Self::Sha1 => Hasher::Sha1(Sha1::new()),
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A checksum in the making.
pub(crate) enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64Nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The value in base64, as S3 writes it.
    pub(crate) fn finish(self) -> String {
        match self {
            Self::Crc32(hasher) => BASE64.encode(hasher.finalize()),
            Self::Crc32c(hasher) => BASE64.encode(hasher.finalize()),
            Self::Crc64Nvme(hasher) => BASE64.encode(hasher.finalize()),
            Self::Sha1(hasher) => BASE64.encode(hasher.finalize()),
            Self::Sha256(hasher) => BASE64.encode(hasher.finalize()),
        }
    }
}

/// What a checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    FullObject,
    Composite,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullObject => dto::ChecksumType::FULL_OBJECT,
            Self::Composite => dto::ChecksumType::COMPOSITE,
        }
    }
}

/// A checksum and what it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) kind: Kind,
    /// Base64; of a composite one with `-<part count>` behind it.
    pub(crate) value: String,
}

impl Checksum {
    /// Of all the bytes.
    pub(crate) fn of(content: &Content, algorithm: Algorithm) -> Self {
        let mut hasher = algorithm.hasher();
        content.blocks().iter().for_each(|block| hasher.update(block));
        Self { algorithm, kind: Kind::FullObject, value: hasher.finish() }
    }

    /// The checksum of the checksums of the parts.
    pub(crate) fn composed<'a>(
        algorithm: Algorithm,
        parts: impl ExactSizeIterator<Item = &'a Checksum>,
    ) -> Self {
        let part_count = parts.len();
        let mut hasher = algorithm.hasher();
        for part in parts {
            hasher.update(&BASE64.decode(&part.value).expect("our own base64"));
        }
        let value = format!("{}-{part_count}", hasher.finish());
        Self { algorithm, kind: Kind::Composite, value }
    }

    /// The fields that answers have for checksums, of which one is filled.
    pub(crate) fn fields(&self) -> dto::Checksum {
        let mut fields = dto::Checksum {
            checksum_type: Some(dto::ChecksumType::from_static(self.kind.name())),
            ..Default::default()
        };
        let value = Some(self.value.clone());
        match self.algorithm {
            Algorithm::Crc32 => fields.checksum_crc32 = value,
            Algorithm::Crc32c => fields.checksum_crc32c = value,
            Algorithm::Crc64Nvme => fields.checksum_crc64nvme = value,
            Algorithm::Sha1 => fields.checksum_sha1 = value,
            Algorithm::Sha256 => fields.checksum_sha256 = value,
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn of(text: &'static str, algorithm: Algorithm) -> String {
        Checksum::of(&Content::from(Bytes::from(text)), algorithm).value
    }

    #[test]
    fn the_known_values_of_123456789_come_out() {
        let check = |algorithm, expected| assert_eq!(of("123456789", algorithm), expected);
        check(Algorithm::Crc32, "y/Q5Jg==");
        check(Algorithm::Crc32c, "4waSgw==");
        check(Algorithm::Crc64Nvme, "rosUhgp5mIg=");
        check(Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE=");
        check(Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=");
    }

    #[test]
    fn a_composite_checksum_hashes_the_values_of_the_parts() {
        let parts = ["123456789", "123456789"].map(|text| Checksum {
            algorithm: Algorithm::Crc32,
            kind: Kind::FullObject,
            value: of(text, Algorithm::Crc32),
        });
        let whole = Checksum::composed(Algorithm::Crc32, parts.iter());
        let mut hasher = Algorithm::Crc32.hasher();
        hasher.update(&[0xcb, 0xf4, 0x39, 0x26, 0xcb, 0xf4, 0x39, 0x26]);
        assert_eq!(whole.value, format!("{}-2", hasher.finish()));
        assert_eq!(whole.kind, Kind::Composite);
    }

    #[test]
    fn every_algorithm_is_found_by_its_name_and_by_its_header() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Ok(algorithm));
            assert_eq!(Algorithm::from_header(algorithm.header()), Some(algorithm));
        }
        assert!(Algorithm::from_name("MD5").is_err());
    }
}
