//! What lies under `rejected/`: objects as they were, and beside each the reasons as JSON.

use tracing::error;

use super::is_of;
use crate::error::{LoadError, RejectedRow, StoreError};
use crate::load::Loader;
use crate::manifest::object_url;
use crate::store::{ObjectStore, StoredObject};

/// Keeps, before COMMIT, the rows that a COPY left out, with the objects they stand in; returns
/// how many objects. Repeated without harm when the transaction starts over.
pub(crate) async fn keep_bad_rows<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    objects: &[&StoredObject],
    rejects: Vec<RejectedRow>,
) -> Result<u64, LoadError> {
    let bucket = loader.statements.bucket();
    let mut bad: Vec<(&StoredObject, Vec<RejectedRow>)> = Vec::new();
    for reject in &rejects {
        let is_in = |object: &StoredObject| is_of(reject, &object_url(bucket, &object.key));
        if let Some((_, reasons)) = bad.iter_mut().find(|(object, _)| is_in(object)) {
            reasons.push(reject.clone());
        } else if let Some(&object) = objects.iter().find(|object| is_in(object)) {
            bad.push((object, vec![reject.clone()]));
        } else {
            // It would be lost if we went on.
            return Err(LoadError::BadRows { rejects });
        }
    }
    let count = bad.len() as u64;
    // All are tried, so that one more COPY without those that are refused is enough.
    let mut refused = Vec::new();
    for (object, reasons) in bad {
        match copy_aside(loader, object, &reasons).await {
            Ok(false) => {}
            Ok(true) => {
                let reason = reasons.first().map(ToString::to_string);
                let row_count = reasons.len();
                error!(object_key = object.key, row_count, reason, "bad rows left out");
            }
            Err(LoadError::SetAside { key, source }) if source.is_about_object() => {
                refused.push((key, source));
            }
            Err(error) => return Err(error),
        }
    }
    if !refused.is_empty() {
        return Err(LoadError::NotKept { refused });
    }
    Ok(count)
}

/// Moves an object to `rejected/`; returns whether it was still there. Killed in between, the next
/// run does it again.
pub(super) async fn set_aside<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    object: &StoredObject,
    reasons: &[RejectedRow],
) -> Result<bool, LoadError> {
    let key = object.key.clone();
    let is_moved = copy_aside(loader, object, reasons).await?
        && loader
            .store
            .remove(object)
            .await
            .map_err(|source| LoadError::SetAside { key, source })?;
    if is_moved {
        let reason = reasons.first().map(ToString::to_string);
        error!(object_key = object.key, reason, "object set aside");
    }
    Ok(is_moved)
}

/// Copies an object to `rejected/` with the reasons beside it. False if it is gone or was written
/// anew: then another run, or the next one, looks at it.
async fn copy_aside<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    object: &StoredObject,
    reasons: &[RejectedRow],
) -> Result<bool, LoadError> {
    let failed = |source| LoadError::SetAside { key: object.key.clone(), source };
    let prefix = loader.prefix;
    let bare_key = object.key.strip_prefix(prefix).unwrap_or(&object.key);
    let rejected_key = format!("{prefix}rejected/{bare_key}");
    match loader.store.copy(object, &rejected_key).await {
        Ok(()) => {}
        Err(StoreError::NoObject { .. } | StoreError::Changed { .. }) => return Ok(false),
        // It stays where it is; the reasons tell why.
        Err(source) if source.is_about_object() => {
            keep_reasons(loader, object, &rejected_key, reasons).await?;
            return Err(failed(source));
        }
        Err(source) => return Err(failed(source)),
    }
    keep_reasons(loader, object, &rejected_key, reasons).await?;
    Ok(true)
}

async fn keep_reasons<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    object: &StoredObject,
    rejected_key: &str,
    reasons: &[RejectedRow],
) -> Result<(), LoadError> {
    let text = serde_json::to_string_pretty(reasons).expect("texts are JSON");
    let put = loader.store.put(&format!("{rejected_key}.errors.json"), text).await;
    put.map_err(|source| LoadError::KeepReasons { key: object.key.clone(), source })
}
