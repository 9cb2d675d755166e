//! Removes one thing. What is gone already is no error.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::Thing;
use crate::endpoints::Endpoints;
use crate::provision::{s3_client, sdk_config};

/// What "it is not there" is called.
const GONE: [&str; 4] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NoSuchBucket",
    "NoSuchUpload",
];

/// Removes it; else says why it is still there.
pub(crate) async fn remove(thing: &Thing, endpoints: &Endpoints) -> Result<(), String> {
    match thing {
        Thing::Queue(name) => remove_queue(name, endpoints).await,
        Thing::Bucket(name) => {
            let s3 = s3_client(endpoints).await;
            empty(&s3, name, "").await?;
            if_there(s3.delete_bucket().bucket(name).send().await).map(drop)
        }
        Thing::Objects { bucket, prefix } => {
            empty(&s3_client(endpoints).await, bucket, prefix).await
        }
        Thing::Schema(name) => {
            let said = |error: &dyn std::error::Error| match error.source() {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            let redshift = endpoints.redshift.connect().await.map_err(|error| said(&error))?;
            // Our own names are letters, digits and underscores.
            let statement = format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE");
            redshift.batch_execute(&statement).await.map_err(|error| said(&error))
        }
    }
}

async fn remove_queue(name: &str, endpoints: &Endpoints) -> Result<(), String> {
    let sqs = aws_sdk_sqs::Client::new(&sdk_config(endpoints).await);
    let found = if_there(sqs.get_queue_url().queue_name(name).send().await)?;
    let Some(url) = found.and_then(|found| found.queue_url) else { return Ok(()) };
    if_there(sqs.delete_queue().queue_url(url).send().await).map(drop)
}

/// Removes every object and every unfinished upload below the prefix.
async fn empty(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<(), String> {
    loop {
        let listing = s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await;
        let Some(page) = if_there(listing)? else { return Ok(()) };
        let keys: Vec<ObjectIdentifier> = page
            .contents()
            .iter()
            .filter_map(|object| ObjectIdentifier::builder().key(object.key()?).build().ok())
            .collect();
        if keys.is_empty() {
            break;
        }
        let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build();
        let delete = delete.map_err(|error| error.to_string())?;
        let answer = if_there(s3.delete_objects().bucket(bucket).delete(delete).send().await)?;
        // Else the same page would come for ever.
        if let Some(error) = answer.as_ref().and_then(|answer| answer.errors().first()) {
            return Err(format!("{:?}: {:?}", error.key(), error.message()));
        }
    }
    let uploads = s3.list_multipart_uploads().bucket(bucket).prefix(prefix).send().await;
    for upload in if_there(uploads)?.iter().flat_map(|page| page.uploads()) {
        let abort = s3
            .abort_multipart_upload()
            .bucket(bucket)
            .set_key(upload.key.clone())
            .set_upload_id(upload.upload_id.clone());
        if_there(abort.send().await)?;
    }
    Ok(())
}

/// The answer; `None` if what was asked for is gone; else the service's words.
fn if_there<T, E>(answer: Result<T, SdkError<E>>) -> Result<Option<T>, String>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code().is_some_and(|code| GONE.contains(&code)) => Ok(None),
        Err(error) => Err(match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => DisplayErrorContext(error).to_string(),
        }),
    }
}
