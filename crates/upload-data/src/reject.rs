//! Sets aside the objects that COPY cannot load, so that one bad object does not hold up the rest.
//!
//! `consume-events` stores nothing that the table could not take; a bad object comes from somebody
//! else, or from a table that was changed. It moves to `rejected/` with the reasons beside it. How
//! many may go that way in one run is bounded: when every object is bad, the table is to blame.

use tracing::error;

use crate::error::{LoadError, RejectedRow, StoreError};
use crate::load::{Loaded, Loader};
use crate::manifest::object_url;
use crate::store::{ObjectStore, StoredObject};
use crate::warehouse::Warehouse;

/// Loads what can be loaded of `candidates` and sets the rest aside, at most `objects_max`.
///
/// `candidates` is left with the objects that the ledger now holds. COPY stops at the first bad
/// row, so each bad object costs one more COPY.
pub(crate) async fn load_good<W: Warehouse, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    candidates: &mut Vec<StoredObject>,
    objects_max: u64,
) -> Result<(Option<Loaded>, u64), LoadError> {
    let mut rejected_count = 0;
    while !candidates.is_empty() {
        let rejects = match loader.load(candidates).await {
            Ok(loaded) => return Ok((Some(loaded), rejected_count)),
            Err(LoadError::BadRows { rejects }) => rejects,
            Err(error) => return Err(error),
        };
        let bad = bad_objects(loader.statements.bucket(), candidates, &rejects);
        let bad_count = bad.len() as u64;
        if bad_count == 0 || objects_max < rejected_count + bad_count {
            return Err(LoadError::BadRows { rejects });
        }
        for &index in &bad {
            let object = &candidates[index];
            let url = object_url(loader.statements.bucket(), &object.key);
            let reasons: Vec<_> = rejects.iter().filter(|reject| reject.url == url).collect();
            set_aside(loader.store, loader.prefix, object, &reasons)
                .await
                .map_err(|source| LoadError::SetAside { key: object.key.clone(), source })?;
        }
        rejected_count += bad_count;
        for index in bad.into_iter().rev() {
            candidates.remove(index);
        }
    }
    Ok((None, rejected_count))
}

/// The places in `candidates`, ascending, of the objects that the rejects name.
fn bad_objects(bucket: &str, candidates: &[StoredObject], rejects: &[RejectedRow]) -> Vec<usize> {
    let is_bad = |object: &StoredObject| {
        let url = object_url(bucket, &object.key);
        rejects.iter().any(|reject| reject.url == url)
    };
    (0..candidates.len()).filter(|&index| is_bad(&candidates[index])).collect()
}

/// The reasons first, the original last: killed in between, the next run does it again.
async fn set_aside(
    store: &impl ObjectStore,
    prefix: &str,
    object: &StoredObject,
    reasons: &[&RejectedRow],
) -> Result<(), StoreError> {
    let bare_key = object.key.strip_prefix(prefix).unwrap_or(&object.key);
    let rejected_key = format!("{prefix}rejected/{bare_key}");
    let text = serde_json::to_string_pretty(reasons).expect("texts are JSON");
    store.put(&format!("{rejected_key}.errors.json"), text).await?;
    match store.copy(object, &rejected_key).await {
        Ok(()) => store.delete(&object.key).await?,
        // Another run was faster, or the object was written anew and the next run looks at it.
        Err(StoreError::NoObject { .. } | StoreError::Changed { .. }) => return Ok(()),
        Err(error) => return Err(error),
    }
    let reason = reasons.first().map(ToString::to_string);
    error!(object_key = object.key, rejected_key, reason, "object set aside");
    Ok(())
}
