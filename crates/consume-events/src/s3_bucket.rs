//! A bucket of S3, behind the seam of [`ObjectStore`].

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::error::CallError;
use crate::object::CONTENT_TYPE;
use crate::store::{ObjectStore, StoredPart};

/// A bucket of S3.
#[derive(Debug, Clone)]
pub struct S3Bucket {
    client: aws_sdk_s3::Client,
    name: String,
    /// For errors: `bucket <name>`.
    resource: String,
}

impl S3Bucket {
    /// The bucket called `name`. Whether it exists, [`S3Bucket::look_for`] tells.
    pub fn new(client: aws_sdk_s3::Client, name: &str) -> Self {
        Self { client, name: name.to_owned(), resource: format!("bucket {name}") }
    }

    /// Looks whether the bucket exists, so that a wrong name shows before messages are held.
    ///
    /// # Errors
    /// [`CallError::Missing`], that it is in another region, or that no bucket is called so, and no
    /// other: whoever may put objects need not be allowed to look (`HeadBucket` takes
    /// `s3:ListBucket`), and an S3 that is away may be back when the first batch closes.
    pub async fn look_for(&self) -> Result<(), CallError> {
        let Err(error) = self.client.head_bucket().bucket(&self.name).send().await else {
            return Ok(());
        };
        match CallError::from_sdk("HeadBucket", &self.resource, &error) {
            error if error.is_elsewhere() || matches!(error, CallError::Missing(_)) => Err(error),
            // Without a body it says no more than 400, which is also said of expired credentials.
            error @ CallError::Refused(_) if !may_be_called(&self.name) => Err(error),
            error => {
                tracing::debug!(%error, "bucket not looked for");
                Ok(())
            }
        }
    }
}

/// Whether a bucket may have that name (S3 User Guide, "General purpose bucket naming rules"), or
/// it is the ARN of an access point.
fn may_be_called(name: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    };
    let is_plain = (3..=63).contains(&name.len()) && name.bytes().all(is_allowed);
    is_plain || name.starts_with("arn:")
}

impl ObjectStore for S3Bucket {
    async fn put(&self, key: &str, body: Bytes) -> Result<(), CallError> {
        let put = self.client.put_object().bucket(&self.name).key(key).content_type(CONTENT_TYPE);
        let stored = put.body(ByteStream::from(body)).send().await;
        stored.map_err(|error| CallError::from_sdk("PutObject", &self.resource, &error))?;
        Ok(())
    }

    async fn begin(&self, key: &str) -> Result<String, CallError> {
        let begin = self.client.create_multipart_upload().bucket(&self.name).key(key);
        // Said here as well: parts may name a checksum at the end only if the upload was begun with
        // its algorithm (API_CompletedPart).
        let begin = begin.checksum_algorithm(ChecksumAlgorithm::Crc32);
        // Of the whole object, which its readers can check; of its parts they cannot.
        let begin = begin.checksum_type(ChecksumType::FullObject);
        let begun = begin.content_type(CONTENT_TYPE).send().await;
        let begun = begun.map_err(|error| {
            CallError::from_sdk("CreateMultipartUpload", &self.resource, &error)
        })?;
        Ok(begun.upload_id.unwrap_or_default())
    }

    async fn put_part(
        &self,
        key: &str,
        upload_id: &str,
        number: usize,
        body: Bytes,
    ) -> Result<StoredPart, CallError> {
        let put = self.client.upload_part().bucket(&self.name).key(key).upload_id(upload_id);
        let put = put.part_number(part_number(number)).checksum_algorithm(ChecksumAlgorithm::Crc32);
        let stored = put.body(ByteStream::from(body)).send().await;
        let stored =
            stored.map_err(|error| CallError::from_sdk("UploadPart", &self.resource, &error))?;
        Ok(StoredPart { e_tag: stored.e_tag.unwrap_or_default(), crc32: stored.checksum_crc32 })
    }

    async fn complete(
        &self,
        key: &str,
        upload_id: &str,
        parts: &[StoredPart],
    ) -> Result<(), CallError> {
        let parts = (1..).zip(parts).map(|(number, part)| {
            CompletedPart::builder()
                .part_number(part_number(number))
                .e_tag(&part.e_tag)
                .set_checksum_crc32(part.crc32.clone())
                .build()
        });
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.name).key(key);
        let complete = complete.checksum_type(ChecksumType::FullObject);
        let completed = complete.upload_id(upload_id).multipart_upload(upload).send().await;
        completed.map_err(|error| {
            CallError::from_sdk("CompleteMultipartUpload", &self.resource, &error)
        })?;
        Ok(())
    }

    async fn abort(&self, key: &str, upload_id: &str) -> Result<(), CallError> {
        let abort = self.client.abort_multipart_upload().bucket(&self.name).key(key);
        let aborted = abort.upload_id(upload_id).send().await;
        aborted
            .map_err(|error| CallError::from_sdk("AbortMultipartUpload", &self.resource, &error))?;
        Ok(())
    }

    async fn is_there(&self, key: &str) -> Result<bool, CallError> {
        let Err(error) = self.client.head_object().bucket(&self.name).key(key).send().await else {
            return Ok(true);
        };
        match CallError::from_sdk("HeadObject", &self.resource, &error) {
            CallError::Missing(_) => Ok(false),
            error => Err(error),
        }
    }
}

/// A batch of 4 GiB has 512 parts.
fn part_number(number: usize) -> i32 {
    i32::try_from(number).expect("no batch has so many parts")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

    use super::*;

    /// A bucket of an S3 that answers the first request with that status.
    fn bucket_answering(status: &'static str, name: &str) -> S3Bucket {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().expect("a client");
            let _ = connection.read(&mut [0; 4096]);
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n");
            connection.write_all(answer.as_bytes()).expect("the client listens");
        });
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(format!("http://127.0.0.1:{port}"))
            .retry_config(RetryConfig::disabled())
            .force_path_style(true);
        S3Bucket::new(aws_sdk_s3::Client::from_conf(config.build()), name)
    }

    #[tokio::test]
    async fn only_a_bucket_that_is_not_there_or_elsewhere_or_cannot_be_is_missed() {
        for (status, name, is_missing) in [
            ("200 OK", "lake", false),
            ("404 Not Found", "lake", true),
            ("403 Forbidden", "lake", false),
            ("301 Moved Permanently", "lake", true),
            ("503 Slow Down", "lake", false),
            ("400 Bad Request", "lake", false),
            ("400 Bad Request", "b2", true),
            ("400 Bad Request", "Lake_1", true),
            ("503 Slow Down", "b2", false),
        ] {
            let looked = bucket_answering(status, name).look_for().await;
            assert_eq!(looked.is_err(), is_missing, "{status} {name}: {looked:?}");
        }
    }
}
