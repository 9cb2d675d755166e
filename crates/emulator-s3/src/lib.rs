//! S3: our storage behind the s3s protocol crate.
