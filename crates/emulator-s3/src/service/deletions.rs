//! Deletions, one by one and by the thousand. What is not there counts as deleted.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error, ObjectIdentifier,
};

use super::answers::refuse_version;
use crate::S3Store;
use crate::conditions::WriteConditions;
use crate::error::Refusal;
use crate::limits;

pub(super) fn delete(
    store: &S3Store,
    input: DeleteObjectInput,
) -> Result<DeleteObjectOutput, Refusal> {
    refuse_version(input.version_id.as_deref())?;
    let conditions = WriteConditions { if_match: input.if_match, if_none_match: None };
    let removed =
        store.with(|buckets| buckets.bucket_mut(&input.bucket)?.delete(&input.key, &conditions))?;
    drop(removed);
    Ok(DeleteObjectOutput::default())
}

pub(super) fn delete_many(
    store: &S3Store,
    input: DeleteObjectsInput,
) -> Result<DeleteObjectsOutput, Refusal> {
    let asked = input.delete.objects;
    if asked.is_empty() || limits::DELETE_KEYS_MAX < asked.len() {
        return Err(Refusal::MalformedXml);
    }
    let removals = store.with(|buckets| {
        let bucket = buckets.bucket_mut(&input.bucket)?;
        let remove = |identifier: ObjectIdentifier| {
            let if_match = identifier.e_tag.map(ETagCondition::ETag);
            let conditions = WriteConditions { if_match, if_none_match: None };
            let removed = refuse_version(identifier.version_id.as_deref())
                .and_then(|()| bucket.delete(&identifier.key, &conditions));
            (identifier.key, removed)
        };
        Ok(asked.into_iter().map(remove).collect::<Vec<_>>())
    })?;
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (key, removed) in removals {
        match removed {
            Ok(_) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
            Err(refusal) => errors.push(Error {
                code: Some(refusal.code().as_str().to_owned()),
                message: Some(refusal.to_string()),
                key: Some(key),
                version_id: None,
            }),
        }
    }
    let is_quiet = input.delete.quiet.unwrap_or(false);
    Ok(DeleteObjectsOutput {
        deleted: if is_quiet { None } else { Some(deleted) },
        errors: Some(errors).filter(|errors| !errors.is_empty()),
        request_charged: None,
    })
}
