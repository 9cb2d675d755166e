//! Removes one thing. What is gone already is no error.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use tokio_postgres::error::SqlState;

use super::Thing;
use super::journal::Made;
use crate::endpoints::Endpoints;
use crate::provision::{s3_client, sdk_config};

/// What "it is not there" is called.
const GONE: [&str; 4] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
    "NoSuchBucket",
    "NoSuchUpload",
];

/// A queue that was announced less long ago may be made and not be found yet: AWS says that a queue
/// can be used one second after CreateQueue, and its request may still be under way after a kill
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>).
const FOUND_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the server may work on removing a schema, and how long its answer may take in all.
const DROP_WITHIN: Duration = Duration::from_secs(60);
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// What says that a transaction has made or changed the schema since the statement began.
const OVERTAKEN: [SqlState; 4] = [
    SqlState::UNIQUE_VIOLATION,
    SqlState::DUPLICATE_SCHEMA,
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::INTERNAL_ERROR,
];

/// Removes it; else says why it is still there.
pub(crate) async fn remove(made: &Made, endpoints: &Endpoints) -> Result<(), String> {
    match &made.thing {
        Thing::Queue(name) => remove_queue(name, made.at, endpoints).await,
        Thing::Bucket(name) => {
            let s3 = s3_client(endpoints).await;
            empty(&s3, name, "").await?;
            if_there(s3.delete_bucket().bucket(name).send().await).map(drop)
        }
        Thing::Objects { bucket, prefix } => {
            empty(&s3_client(endpoints).await, bucket, prefix).await
        }
        Thing::Schema(name) => {
            let removal = tokio::time::timeout(ANSWER_WITHIN, remove_schema(name, endpoints));
            removal.await.unwrap_or_else(|_| {
                Err(format!("redshift {:?} did not answer in time", endpoints.redshift))
            })
        }
    }
}

async fn remove_schema(name: &str, endpoints: &Endpoints) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let redshift = endpoints.redshift.connect().await.map_err(|error| said(&error))?;
    let limit = format!("SET statement_timeout TO {}", DROP_WITHIN.as_millis());
    redshift.batch_execute(&limit).await.map_err(|error| said(&error))?;
    // A CREATE SCHEMA may still be under way: of a session that this process has given up, or of a
    // killed run. DROP alone would not see it, and it would be committed afterwards. A CREATE of the
    // same name waits for its end. Our own names are letters, digits and underscores.
    let create = format!("CREATE SCHEMA IF NOT EXISTS \"{name}\"");
    let drop = format!("DROP SCHEMA IF EXISTS \"{name}\" CASCADE");
    loop {
        let outcome = match redshift.batch_execute(&create).await {
            Ok(()) => redshift.batch_execute(&drop).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err(error) if error.code().is_some_and(|code| OVERTAKEN.contains(code)) => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) => return Err(said(&error)),
        }
    }
}

async fn remove_queue(name: &str, at: SystemTime, endpoints: &Endpoints) -> Result<(), String> {
    let sqs = aws_sdk_sqs::Client::new(&sdk_config(endpoints).await);
    // A clock that was set back tells nothing: then it was just now.
    let age = at.elapsed().unwrap_or_default();
    let until = Instant::now() + FOUND_WITHIN.saturating_sub(age);
    loop {
        let found = if_there(sqs.get_queue_url().queue_name(name).send().await)?;
        if let Some(url) = found.and_then(|found| found.queue_url) {
            return if_there(sqs.delete_queue().queue_url(url).send().await).map(drop);
        }
        if until <= Instant::now() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
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
    abort_uploads(s3, bucket, prefix).await
}

/// Aborts every unfinished upload below the prefix, of which a page lists at most 1,000. Each page is
/// the first one: a marker would name an upload that is gone.
async fn abort_uploads(s3: &aws_sdk_s3::Client, bucket: &str, prefix: &str) -> Result<(), String> {
    let mut aborted = BTreeSet::new();
    loop {
        let listing = s3.list_multipart_uploads().bucket(bucket).prefix(prefix).send().await;
        let Some(page) = if_there(listing)? else { return Ok(()) };
        if page.uploads().is_empty() {
            return Ok(());
        }
        for upload in page.uploads() {
            let id = upload.upload_id.clone();
            let key = upload.key.clone();
            let abort = s3.abort_multipart_upload().bucket(bucket);
            if_there(abort.set_key(key.clone()).set_upload_id(id.clone()).send().await)?;
            // Else the same page would come for ever.
            if !aborted.insert(id) {
                return Err(format!("the upload of {} stays", key.unwrap_or_default()));
            }
        }
    }
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

#[cfg(test)]
#[path = "remove_tests.rs"]
mod tests;
