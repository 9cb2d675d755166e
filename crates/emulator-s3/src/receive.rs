//! Reads a body into a [`Content`], hashing each piece while it is at hand, and holds it against
//! what its sender said about it.
//!
//! User Guide, "Checking object integrity in Amazon S3". Touches no bucket: an upload that breaks
//! off leaves nothing behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::StreamExt as _;
use http::{Extensions, HeaderMap};
use md5::{Digest as _, Md5};
use s3s::crypto::{Checksum as _, Sha256};
use s3s::dto::StreamingBlob;
use s3s::stream::ByteStream as _;

use crate::body::{BodyError, Trailers};
use crate::checksum::{Algorithm, Checksum, Kind};
use crate::content::{Content, ContentWriter};
use crate::error::Refusal;
use crate::limits;
use crate::multipart::hexadecimal;

/// What arrived.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) content: Content,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
}

/// What the sender said about the body.
#[derive(Debug)]
pub(crate) struct Claims {
    bytes: u64,
    md5: Option<Vec<u8>>,
    /// Lower-case hexadecimal.
    sha256: Option<String>,
    checksum: Option<(Algorithm, ClaimedValue)>,
    trailers: Trailers,
}

#[derive(Debug)]
enum ClaimedValue {
    Header(String),
    Trailer,
}

impl Claims {
    /// Reads them off the request. `body` knows the length of a form's file, which no header has.
    pub(crate) fn read(
        headers: &HeaderMap,
        extensions: &Extensions,
        body: &StreamingBlob,
    ) -> Result<Self, Refusal> {
        let bytes = body.remaining_length().exact().ok_or(Refusal::MissingContentLength)? as u64;
        if limits::PUT_BYTES_MAX < bytes {
            return Err(Refusal::EntityTooLarge { bytes });
        }
        let md5 = match text(headers, "content-md5") {
            None => None,
            Some(encoded) => match BASE64.decode(encoded) {
                Ok(md5) if md5.len() == 16 => Some(md5),
                _ => return Err(Refusal::InvalidDigest { claimed: encoded.to_owned() }),
            },
        };
        let sha256 = text(headers, "x-amz-content-sha256")
            .filter(|hash| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_ascii_lowercase);
        let trailers = extensions.get::<Trailers>().cloned().unwrap_or_default();
        Ok(Self { bytes, md5, sha256, checksum: claimed_checksum(headers)?, trailers })
    }

    /// The checksum the sender chose, if any.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// Reads the body. Without a checksum from the sender, computes that of `fallback`.
    pub(crate) async fn receive(
        self,
        mut body: StreamingBlob,
        fallback: Algorithm,
    ) -> Result<Received, Refusal> {
        let mut writer = ContentWriter::new(self.bytes);
        let mut md5 = Md5::new();
        let mut sha256 = self.sha256.as_ref().map(|_| Sha256::new());
        let algorithm = self.algorithm().unwrap_or(fallback);
        let mut hasher = algorithm.hasher();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| match error.downcast_ref() {
                Some(BodyError::Chunked(_)) => {
                    Refusal::request("The request body is not aws-chunked.")
                }
                Some(BodyError::Cut(_)) | None => Refusal::IncompleteBody,
            })?;
            writer.push(&piece);
            md5.update(&piece);
            hasher.update(&piece);
            if let Some(sha256) = &mut sha256 {
                sha256.update(&piece);
            }
            if self.bytes < writer.bytes() {
                return Err(Refusal::IncompleteBody);
            }
        }
        if writer.bytes() < self.bytes {
            return Err(Refusal::IncompleteBody);
        }
        let md5 = md5.finalize().into();
        let checksum = Checksum { algorithm, kind: Kind::FullObject, value: hasher.finish() };
        self.check(&md5, &checksum, sha256.map(|sha256| hexadecimal(sha256.finalize().as_ref())))?;
        Ok(Received { content: writer.finish(), md5, checksum })
    }

    fn check(
        &self,
        md5: &[u8; 16],
        checksum: &Checksum,
        sha256: Option<String>,
    ) -> Result<(), Refusal> {
        if let (Some(claimed), Some(computed)) = (&self.sha256, sha256)
            && *claimed != computed
        {
            return Err(Refusal::ContentSha256Mismatch { claimed: claimed.clone(), computed });
        }
        if let Some(claimed) = &self.md5
            && claimed != md5
        {
            let (claimed, computed) = (BASE64.encode(claimed), BASE64.encode(md5));
            return Err(Refusal::BadMd5 { claimed, computed });
        }
        let claimed = match &self.checksum {
            None => return Ok(()),
            Some((_, ClaimedValue::Header(value))) => value.as_str(),
            Some((algorithm, ClaimedValue::Trailer)) => {
                self.trailers.get(algorithm.header()).ok_or(Refusal::MalformedTrailer)?
            }
        };
        if claimed == checksum.value {
            Ok(())
        } else {
            Err(Refusal::BadChecksum(checksum.algorithm))
        }
    }
}

fn claimed_checksum(headers: &HeaderMap) -> Result<Option<(Algorithm, ClaimedValue)>, Refusal> {
    let mut given = Algorithm::ALL
        .into_iter()
        .filter_map(|algorithm| Some((algorithm, text(headers, algorithm.header())?)));
    match (given.next(), given.next()) {
        (Some((algorithm, value)), None) => {
            return Ok(Some((algorithm, ClaimedValue::Header(value.to_owned()))));
        }
        (Some(_), Some(_)) => {
            return Err(Refusal::request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not \
                 allowed.",
            ));
        }
        (None, _) => {}
    }
    let announced = text(headers, "x-amz-trailer").into_iter().flat_map(|names| names.split(','));
    let trailer = announced.filter_map(|name| Algorithm::from_header(name.trim())).next();
    if trailer.is_none() && headers.contains_key("x-amz-sdk-checksum-algorithm") {
        return Err(Refusal::request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
             x-amz-trailer headers were found.",
        ));
    }
    Ok(trailer.map(|algorithm| (algorithm, ClaimedValue::Trailer)))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn receive(body: &'static str, claims: &[(&'static str, &str)]) -> Result<Received, Refusal> {
        let headers = claims
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let body = StreamingBlob::from(s3s::Body::from(Bytes::from(body)));
        let claims = Claims::read(&headers, &Extensions::new(), &body)?;
        // Nothing here waits: the body is in memory.
        futures_util::FutureExt::now_or_never(claims.receive(body, Algorithm::Crc64Nvme))
            .expect("a body in memory is read at once")
    }

    #[test]
    fn a_body_that_is_what_it_claims_to_be_is_taken() {
        let check = |claims: &[(&'static str, &str)], algorithm, value: &str| {
            let received = receive("hello", claims).unwrap();
            assert_eq!(received.content.blocks().concat(), b"hello");
            assert_eq!(hexadecimal(&received.md5), "5d41402abc4b2a76b9719d911017c592");
            assert_eq!(received.checksum.algorithm, algorithm, "{claims:?}");
            assert_eq!(received.checksum.value, value, "{claims:?}");
        };
        check(&[], Algorithm::Crc64Nvme, "M3eFcAZSQlc=");
        check(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")], Algorithm::Crc64Nvme, "M3eFcAZSQlc=");
        check(&[("x-amz-checksum-crc32", "NhCmhg==")], Algorithm::Crc32, "NhCmhg==");
        check(
            &[(
                "x-amz-content-sha256",
                "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            )],
            Algorithm::Crc64Nvme,
            "M3eFcAZSQlc=",
        );
        check(
            &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")],
            Algorithm::Crc64Nvme,
            "M3eFcAZSQlc=",
        );
    }

    fn sha256(text: &str) -> String {
        let mut sha256 = Sha256::new();
        sha256.update(text.as_bytes());
        hexadecimal(sha256.finalize().as_ref())
    }

    #[test]
    fn a_body_that_is_not_what_it_claims_to_be_is_refused() {
        let check = |claims: &[(&'static str, &str)], expected| {
            assert_eq!(receive("hello!", claims).unwrap_err(), expected, "{claims:?}");
        };
        let bad_md5 = Refusal::BadMd5 {
            claimed: "XUFAKrxLKna5cZ2REBfFkg==".to_owned(),
            computed: "Wo3TrQdWqT3tcrgjsZ3Ydw==".to_owned(),
        };
        check(&[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")], bad_md5);
        for claimed in ["not base64", "YWJj"] {
            let refused = Refusal::InvalidDigest { claimed: claimed.to_owned() };
            check(&[("content-md5", claimed)], refused);
        }
        check(&[("x-amz-checksum-crc32", "NhCmhg==")], Refusal::BadChecksum(Algorithm::Crc32));
        let mismatch =
            Refusal::ContentSha256Mismatch { claimed: "0".repeat(64), computed: sha256("hello!") };
        check(&[("x-amz-content-sha256", &"0".repeat(64))], mismatch);
        check(&[("x-amz-trailer", "x-amz-checksum-crc32")], Refusal::MalformedTrailer);
        for claims in [
            vec![("x-amz-checksum-crc32", "NhCmhg=="), ("x-amz-checksum-sha1", "x")],
            vec![("x-amz-sdk-checksum-algorithm", "CRC32")],
        ] {
            let refused = receive("hello!", &claims).unwrap_err();
            assert!(matches!(refused, Refusal::InvalidRequest(_)), "{claims:?}: {refused}");
        }
    }
}
