//! Puts the files of a run into the bucket, after the directory has them.
//!
//! Knows names, bytes and types. Does not know what they show, nor the key of anything else there.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use runtime::settings::AwsSettings;
use tokio_util::sync::CancellationToken;

use crate::error::VisualizeError;
use crate::files::Written;

/// How long S3 may take for all files once the program is stopped.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What else is in the bucket, by the first part of the key; `upload-data` would load charts.
const TAKEN: [&str; 5] = ["events", "archive", "manifests", "rejected", "runs"];

/// Where in the bucket the files go.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where in AWS, and as whom.
    pub aws: AwsSettings,
    /// The bucket's name.
    pub bucket: String,
    /// Put before every file's name; ends with a slash.
    pub prefix: String,
}

/// `charts_prefix` with a slash at its end, or what is wrong with it.
pub(crate) fn checked_prefix(given: &str) -> Result<String, &'static str> {
    let folder = given.strip_suffix('/').unwrap_or(given);
    if given.chars().any(char::is_control) {
        return Err("control characters have no place there");
    }
    if folder.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("give names with one slash between them, such as charts or reports/daily");
    }
    if folder.split('/').next().is_some_and(|first| TAKEN.contains(&first)) {
        return Err("events, archive, manifests, rejected and runs are for other objects");
    }
    Ok(format!("{folder}/"))
}

/// What of a run is in the bucket.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// `s3://…` of each object, in the order of the files.
    pub(crate) urls: Vec<String>,
    /// Whether a stop ended it before S3 had taken all.
    pub(crate) stopped: bool,
}

/// Puts every file under its own name, one after the other. After a stop S3 has [`STOP_GRACE`] for
/// those that are left.
pub(crate) async fn put_all(
    target: &Target,
    files: &[Written],
    shutdown: &CancellationToken,
) -> Result<Published, VisualizeError> {
    let given_up = async {
        shutdown.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    let mut urls = Vec::new();
    let ended = tokio::select! {
        biased;
        ended = put_each(target, files, &mut urls) => Some(ended),
        () = given_up => None,
    };
    let stopped = ended.is_none();
    if stopped {
        tracing::info!(object_count = urls.len(), "stopped before s3 had taken all files");
    }
    ended.transpose()?;
    Ok(Published { urls, stopped })
}

async fn put_each(
    target: &Target,
    files: &[Written],
    urls: &mut Vec<String>,
) -> Result<(), VisualizeError> {
    let sdk = runtime::aws::load(&target.aws).await;
    runtime::aws::check_account(&sdk).await?;
    let s3 = runtime::aws::s3(&sdk);
    let bucket = &target.bucket;
    for file in files {
        let key = format!("{}{}", target.prefix, file.name);
        let put = s3.put_object().bucket(bucket).key(&key).content_type(file.format.content_type());
        let body = ByteStream::from(file.bytes.clone());
        put.body(body).send().await.map_err(|error| failure(bucket, &key, error))?;
        urls.push(format!("s3://{bucket}/{key}"));
    }
    tracing::info!(object_count = urls.len(), bucket, "charts published");
    Ok(())
}

fn failure<E>(bucket: &str, key: &str, error: SdkError<E>) -> VisualizeError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    match (&error, error.code()) {
        (SdkError::ServiceError(_), code) => VisualizeError::Refused {
            bucket,
            key,
            code: code.unwrap_or("no error code").to_owned(),
            message: error.message().unwrap_or("no message").to_owned(),
        },
        _ => {
            let source = error.into_source().unwrap_or_else(Into::into);
            VisualizeError::Unreachable { bucket, key, source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_folder_of_its_own() {
        for (given, expected) in [
            ("charts", Ok("charts/")),
            ("charts/", Ok("charts/")),
            ("reports/täglich", Ok("reports/täglich/")),
            ("eventsx/events", Ok("eventsx/events/")),
            ("events", Err("for other objects")),
            ("runs/visualize/", Err("for other objects")),
            ("/charts", Err("one slash")),
            ("charts//", Err("one slash")),
            ("a/../events", Err("one slash")),
            ("/", Err("one slash")),
            ("a\nb", Err("control characters")),
        ] {
            match (checked_prefix(given), expected) {
                (Ok(prefix), Ok(expected)) => assert_eq!(prefix, expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{given:?}: {why}"),
                (got, _) => panic!("{given:?}: {got:?}"),
            }
        }
    }
}
