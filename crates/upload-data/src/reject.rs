//! Sets aside what COPY cannot load, so that one bad object or row does not hold up the rest.
//!
//! `consume-events` stores nothing that the table could not take; what is bad comes from somebody
//! else, or from a table that was changed.
//!
//! - An object with bad rows is loaded without them. Before COMMIT its original and the reasons,
//!   row by row, are copied to `rejected/`; afterwards it is put away like any loaded object.
//! - An object that COPY cannot read, or with more than `BAD_ROWS_MAX` bad rows, is not loaded: it
//!   moves to `rejected/` once the rest is.
//!
//! How many objects may go these ways in one run is bounded, and all are found before the first is
//! touched: when every object is bad, the table is to blame, or the rights.

use tracing::error;

use crate::error::{LoadError, RejectedRow, StatementError, StoreError};
use crate::load::{Loaded, Loader, Request};
use crate::manifest::object_url;
use crate::store::{ObjectStore, StoredObject};
use crate::warehouse::Warehouse;

/// What `stl_load_errors` holds of an object's URL at most, in bytes.
const URL_BYTES_MAX: usize = 256;

/// An object that COPY cannot load, and why.
struct Bad {
    object: StoredObject,
    reasons: Vec<RejectedRow>,
}

/// Loads what can be loaded of `candidates` and sets the rest aside, at most `objects_max` objects.
/// Returns what was loaded, and how many objects were moved to `rejected/`.
///
/// `candidates` is left with the objects that the ledger now holds.
pub(crate) async fn load_good<W: Warehouse, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    candidates: &mut Vec<StoredObject>,
    objects_max: u64,
) -> Result<(Option<Loaded>, u64), LoadError> {
    let mut bad: Vec<Bad> = Vec::new();
    let mut is_lenient = false;
    let loaded = loop {
        if candidates.is_empty() {
            break None;
        }
        let room = objects_max - bad.len() as u64;
        let bad_objects_max = is_lenient.then_some(room);
        match loader.load(Request { candidates, bad_objects_max }).await {
            Ok(loaded) => break Some(loaded),
            Err(LoadError::BadRows { .. }) if !is_lenient => {}
            Err(error) if error.may_be_about_objects() => {
                let found = find_bad(loader, candidates, error, room).await?;
                candidates.retain(|object| found.iter().all(|bad| bad.object != *object));
                bad.extend(found);
            }
            Err(error) => return Err(error),
        }
        is_lenient = true;
    };
    let mut rejected_count = 0;
    for Bad { object, reasons } in &bad {
        let is_moved = set_aside(loader, object, reasons).await?;
        rejected_count += u64::from(is_moved);
    }
    Ok((loaded, rejected_count))
}

/// Finds the objects that made COPY fail: those that the error names, else by halving. Each is
/// tried alone before it is blamed; an error that does not come again blames nobody.
async fn find_bad<W: Warehouse, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    candidates: &[StoredObject],
    error: LoadError,
    objects_max: u64,
) -> Result<Vec<Bad>, LoadError> {
    let bucket = loader.statements.bucket();
    let named: Vec<_> = candidates.iter().filter(|it| names(&error, bucket, it)).collect();
    let mut bad: Vec<Bad> = Vec::new();
    if named.len() as u64 <= objects_max {
        let mut groups = split(bucket, candidates.to_vec(), &error);
        while let Some(group) = groups.pop()
            && bad.len() as u64 <= objects_max
        {
            match (loader.look(&group).await, group.as_slice()) {
                (Ok(()), _) => {}
                (Err(error), _) if !error.may_be_about_objects() => return Err(error),
                (Err(error), [object]) => bad.push(Bad::new(bucket, object, &error)),
                (Err(error), _) => groups.extend(split(bucket, group, &error)),
            }
        }
    }
    if bad.is_empty() && matches!(error, LoadError::BadRows { .. }) {
        // None has too many bad rows, but all of them together have.
        bad = named.into_iter().map(|object| Bad::new(bucket, object, &error)).collect();
    }
    match bad.len() as u64 {
        0 => Err(error),
        count if objects_max < count => {
            let rejects = bad.into_iter().filter_map(|bad| bad.reasons.into_iter().next());
            Err(LoadError::TooManyBad { count, max: objects_max, rejects: rejects.collect() })
        }
        _ => Ok(bad),
    }
}

/// What to look at next: each named object alone and then the others; without names, two halves.
fn split(bucket: &str, objects: Vec<StoredObject>, error: &LoadError) -> Vec<Vec<StoredObject>> {
    let is_named = |object: &StoredObject| names(error, bucket, object);
    let (named, mut others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_named);
    if named.is_empty() {
        let half = others.split_off(others.len() / 2);
        return [others, half].into_iter().filter(|it| !it.is_empty()).collect();
    }
    let others = Some(others).filter(|it| !it.is_empty());
    others.into_iter().chain(named.into_iter().map(|object| vec![object])).collect()
}

/// Whether the error is about that object, as far as it says.
fn names(error: &LoadError, bucket: &str, object: &StoredObject) -> bool {
    let url = object_url(bucket, &object.key);
    match error {
        LoadError::BadRows { rejects } => rejects.iter().any(|reject| is_of(reject, &url)),
        LoadError::Statement { source: StatementError::Refused { message, .. }, .. } => {
            // The DETAIL has a line `context:   S3 key being read : s3://…`.
            let mut ends = message.match_indices(&url).map(|(at, _)| &message[at + url.len()..]);
            ends.any(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        }
        _ => false,
    }
}

fn is_of(reject: &RejectedRow, url: &str) -> bool {
    let is_cut = URL_BYTES_MAX <= reject.url.len();
    reject.url == url || is_cut && url.starts_with(&reject.url)
}

impl Bad {
    fn new(bucket: &str, object: &StoredObject, error: &LoadError) -> Self {
        let url = object_url(bucket, &object.key);
        let reasons = match error {
            LoadError::BadRows { rejects } => {
                rejects.iter().filter(|reject| is_of(reject, &url)).cloned().collect()
            }
            LoadError::Statement { source, .. } => {
                vec![RejectedRow::of_object(url, source.to_string())]
            }
            other => vec![RejectedRow::of_object(url, other.to_string())],
        };
        Self { object: object.clone(), reasons }
    }
}

/// Keeps, before COMMIT, the rows that a COPY left out, with the objects they stand in; returns
/// how many objects. Repeated without harm when the transaction starts over.
pub(crate) async fn keep_bad_rows<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    objects: &[&StoredObject],
    rejects: Vec<RejectedRow>,
    objects_max: u64,
) -> Result<u64, LoadError> {
    let bucket = loader.statements.bucket();
    let mut bad: Vec<Bad> = Vec::new();
    for reject in &rejects {
        let is_in = |object: &StoredObject| is_of(reject, &object_url(bucket, &object.key));
        if let Some(known) = bad.iter_mut().find(|bad| is_in(&bad.object)) {
            known.reasons.push(reject.clone());
        } else if let Some(&object) = objects.iter().find(|object| is_in(object)) {
            bad.push(Bad { object: object.clone(), reasons: vec![reject.clone()] });
        } else {
            // It would be lost if we went on.
            return Err(LoadError::BadRows { rejects });
        }
    }
    let count = bad.len() as u64;
    if objects_max < count {
        let rejects = bad.into_iter().filter_map(|bad| bad.reasons.into_iter().next());
        let rejects = rejects.collect();
        return Err(LoadError::TooManyBad { count, max: objects_max, rejects });
    }
    for Bad { object, reasons } in &bad {
        if copy_aside(loader, object, reasons).await? {
            let reason = reasons.first().map(ToString::to_string);
            error!(object_key = object.key, row_count = reasons.len(), reason, "bad rows left out");
        }
    }
    Ok(count)
}

/// Moves an object to `rejected/`; returns whether it was still there. Killed in between, the next
/// run does it again.
async fn set_aside<W, S: ObjectStore>(
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
        Err(source) => return Err(failed(source)),
    }
    let text = serde_json::to_string_pretty(reasons).expect("texts are JSON");
    loader.store.put(&format!("{rejected_key}.errors.json"), text).await.map_err(failed)?;
    Ok(true)
}

#[cfg(test)]
mod tests;
