//! Multipart uploads: the parts that wait, and the object they become.
//!
//! User Guide, "Uploading and copying objects using multipart upload". Pure: `now_ms` and upload
//! ids are handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use md5::{Digest as _, Md5};

use crate::checksum::{Algorithm, Checksum, Kind};
use crate::content::Content;
use crate::error::Refusal;
use crate::limits;
use crate::store::{Attributes, Object};

/// The uploads of a bucket that are neither completed nor aborted.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    by_id: BTreeMap<String, Upload>,
}

/// One upload.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) key: String,
    pub(crate) initiated_ms: u64,
    pub(crate) attributes: Arc<Attributes>,
    /// What the uploader asked for; else a full-object CRC64NVME is computed.
    pub(crate) checksum: Option<(Algorithm, Kind)>,
    pub(crate) parts: BTreeMap<i32, Part>,
}

/// One part.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
    pub(crate) modified_ms: u64,
}

/// A part as the uploader lists it to complete the upload.
#[derive(Debug, Clone)]
pub(crate) struct ListedPart {
    pub(crate) number: i32,
    pub(crate) etag: String,
    pub(crate) checksum: Option<String>,
}

/// All that an object is made of, the checksum still to be computed.
#[derive(Debug)]
pub(crate) struct Assembly {
    parts: Vec<Part>,
    attributes: Arc<Attributes>,
    algorithm: Algorithm,
    kind: Kind,
}

impl Uploads {
    pub(crate) fn begin(&mut self, upload_id: String, upload: Upload) {
        self.by_id.insert(upload_id, upload);
    }

    /// The upload of this id, if it is one of this key.
    pub(crate) fn upload(&self, key: &str, upload_id: &str) -> Result<&Upload, Refusal> {
        let upload = self.by_id.get(upload_id).filter(|upload| upload.key == key);
        upload.ok_or_else(|| no_such_upload(upload_id))
    }

    /// Stores a part; hands back the part of this number that was there.
    pub(crate) fn put_part(
        &mut self,
        key: &str,
        upload_id: &str,
        number: i32,
        part: Part,
    ) -> Result<Option<Part>, Refusal> {
        let upload = self.by_id.get_mut(upload_id).filter(|upload| upload.key == key);
        Ok(upload.ok_or_else(|| no_such_upload(upload_id))?.parts.insert(number, part))
    }

    /// Forgets an upload, completed or aborted; hands it back.
    pub(crate) fn end(&mut self, key: &str, upload_id: &str) -> Result<Upload, Refusal> {
        self.upload(key, upload_id)?;
        self.by_id.remove(upload_id).ok_or_else(|| no_such_upload(upload_id))
    }

    /// Id and upload, by key, then by age, as `ListMultipartUploads` wants them.
    pub(crate) fn in_order(&self) -> Vec<(&str, &Upload)> {
        let mut uploads: Vec<_> =
            self.by_id.iter().map(|(id, upload)| (id.as_str(), upload)).collect();
        uploads.sort_by_key(|&(id, upload)| (upload.key.as_str(), upload.initiated_ms, id));
        uploads
    }
}

impl Upload {
    /// Checks the list of parts and gathers them.
    ///
    /// API Reference, "CompleteMultipartUpload": ascending numbers, each with the ETag it was
    /// given, and none but the last below 5 MiB.
    pub(crate) fn assemble(
        &self,
        upload_id: &str,
        listed: &[ListedPart],
    ) -> Result<Assembly, Refusal> {
        let Some((last, _)) = listed.split_last() else { return Err(Refusal::MalformedXml) };
        if listed.windows(2).any(|pair| pair[1].number <= pair[0].number) {
            return Err(Refusal::InvalidPartOrder { upload_id: upload_id.to_owned() });
        }
        let mut parts = Vec::with_capacity(listed.len());
        for claim in listed {
            let part = self.parts.get(&claim.number).ok_or_else(|| claim.invalid(upload_id))?;
            let same_checksum =
                claim.checksum.as_ref().is_none_or(|sum| *sum == part.checksum.value);
            if claim.etag != part.etag() || !same_checksum {
                return Err(claim.invalid(upload_id));
            }
            if part.content.bytes() < limits::PART_BYTES_MIN && claim.number != last.number {
                return Err(Refusal::EntityTooSmall {
                    bytes: part.content.bytes(),
                    number: claim.number,
                    etag: claim.etag.clone(),
                });
            }
            parts.push(part.clone());
        }
        let (algorithm, kind) = self.checksum.unwrap_or((Algorithm::Crc64Nvme, Kind::FullObject));
        Ok(Assembly { parts, attributes: Arc::clone(&self.attributes), algorithm, kind })
    }
}

impl ListedPart {
    fn invalid(&self, upload_id: &str) -> Refusal {
        Refusal::InvalidPart {
            upload_id: upload_id.to_owned(),
            number: self.number,
            etag: self.etag.clone(),
        }
    }
}

fn no_such_upload(upload_id: &str) -> Refusal {
    Refusal::NoSuchUpload { upload_id: upload_id.to_owned() }
}

impl Part {
    /// The MD5 in hexadecimal.
    pub(crate) fn etag(&self) -> String {
        hexadecimal(&self.md5)
    }
}

impl Assembly {
    /// Makes the object. Reads all its bytes if the checksum is one of the full object.
    pub(crate) fn finish(self, now_ms: u64) -> Object {
        let content = Content::concat(self.parts.iter().map(|part| &part.content));
        let checksum = match self.kind {
            Kind::FullObject => Checksum::of(&content, self.algorithm),
            Kind::Composite => {
                Checksum::composed(self.algorithm, self.parts.iter().map(|part| &part.checksum))
            }
        };
        let mut md5 = Md5::new();
        self.parts.iter().for_each(|part| md5.update(part.md5));
        Object {
            content,
            etag: format!("{}-{}", hexadecimal(&md5.finalize()), self.parts.len()),
            checksum,
            attributes: self.attributes,
            modified_ms: now_ms,
            parts_bytes: self.parts.iter().map(|part| part.content.bytes()).collect(),
        }
    }
}

/// Lower-case hexadecimal, as ETags are written.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn part(byte: u8, bytes: u64) -> Part {
        let raw = Bytes::from(vec![byte; usize::try_from(bytes).unwrap()]);
        let md5 = Md5::digest(&raw).into();
        let content = Content::from(raw);
        let checksum = Checksum::of(&content, Algorithm::Crc32);
        Part { content, md5, checksum, modified_ms: 1 }
    }

    fn upload(parts: impl IntoIterator<Item = (i32, Part)>) -> Upload {
        Upload {
            key: "key".to_owned(),
            initiated_ms: 1,
            attributes: Arc::default(),
            checksum: Some((Algorithm::Crc32, Kind::Composite)),
            parts: parts.into_iter().collect(),
        }
    }

    fn listed(number: i32, part: &Part) -> ListedPart {
        ListedPart { number, etag: part.etag(), checksum: None }
    }

    #[test]
    fn the_list_of_parts_must_be_right() {
        let (big, small) = (part(b'a', limits::PART_BYTES_MIN), part(b'b', 1));
        let upload = upload([(1, big.clone()), (2, small.clone()), (7, big.clone())]);
        let check = |list: &[ListedPart], expected: Result<(), Refusal>| {
            assert_eq!(upload.assemble("id", list).map(|_| ()), expected, "{list:?}");
        };
        let (first, second, last) = (listed(1, &big), listed(2, &small), listed(7, &big));
        check(&[first.clone(), second.clone()], Ok(()));
        check(&[first.clone(), last.clone()], Ok(()));
        check(std::slice::from_ref(&second), Ok(()));
        check(&[], Err(Refusal::MalformedXml));
        let order = || Err(Refusal::InvalidPartOrder { upload_id: "id".to_owned() });
        check(&[second.clone(), first.clone()], order());
        check(&[first.clone(), first.clone()], order());
        let small_one = Refusal::EntityTooSmall { bytes: 1, number: 2, etag: small.etag() };
        check(&[first.clone(), second.clone(), last], Err(small_one));
        let claim = listed(3, &big);
        check(std::slice::from_ref(&claim), Err(claim.invalid("id")));
        let claim = listed(1, &small);
        check(std::slice::from_ref(&claim), Err(claim.invalid("id")));
        let wrong = ListedPart { checksum: Some("AAAAAA==".to_owned()), ..second };
        let refusal = wrong.invalid("id");
        check(&[first, wrong], Err(refusal));
    }

    #[test]
    fn the_object_has_the_etag_of_etags_and_the_checksum_of_checksums() {
        let (big, small) = (part(b'a', limits::PART_BYTES_MIN), part(b'b', 1));
        let upload = upload([(1, big.clone()), (2, small.clone())]);
        let list = [listed(1, &big), listed(2, &small)];
        let object = upload.assemble("id", &list).unwrap().finish(5);
        let md5_of_md5s = Md5::digest([big.md5, small.md5].concat());
        assert_eq!(object.etag, format!("{}-2", hexadecimal(&md5_of_md5s)));
        assert!(object.checksum.value.ends_with("-2"));
        assert_eq!(object.content.bytes(), limits::PART_BYTES_MIN + 1);
        assert_eq!(object.parts_bytes, [limits::PART_BYTES_MIN, 1]);
    }

    #[test]
    fn an_upload_is_known_by_its_id_and_its_key() {
        let mut uploads = Uploads::default();
        uploads.begin("id".to_owned(), upload([]));
        assert!(uploads.put_part("key", "id", 1, part(b'a', 1)).unwrap().is_none());
        assert!(uploads.put_part("key", "id", 1, part(b'b', 1)).unwrap().is_some());
        assert_eq!(uploads.end("other", "id").unwrap_err(), no_such_upload("id"));
        assert_eq!(uploads.upload("key", "no").unwrap_err(), no_such_upload("no"));
        assert_eq!(uploads.end("key", "id").unwrap().parts.len(), 1);
        assert_eq!(uploads.upload("key", "id").unwrap_err(), no_such_upload("id"));
    }
}
