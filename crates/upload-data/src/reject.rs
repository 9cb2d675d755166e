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
//! Any number of objects may go these ways, if COPY takes one row at least of another object in the
//! same run. While it takes none, table, rights or cluster may be to blame, and nothing is moved: at
//! the end of the run only a few objects are, and only if COPY can read an empty one.

use tracing::error;

use crate::error::{LoadError, RejectedRow, StatementError, StoreError};
use crate::load::{Loader, Request};
use crate::manifest::object_url;
use crate::store::{ObjectStore, StoredObject};
use crate::summary::Summary;
use crate::warehouse::Warehouse;

/// What `stl_load_errors` holds of an object's URL at most, in bytes.
const URL_BYTES_MAX: usize = 256;

/// Objects that COPY refuses one after the other until the search for a good one ends.
const REFUSED_MAX: u64 = 1000;

/// So many objects that an error names are tried one by one; more are halved.
const NAMED_MAX: usize = 8;

/// Reasons held in memory; of further objects only the first [`REASONS_OF_ONE_MAX`] each.
const REASONS_MAX: usize = 20_000;
const REASONS_OF_ONE_MAX: usize = 20;

/// An object that COPY cannot load, and why.
struct Bad {
    object: StoredObject,
    reasons: Vec<RejectedRow>,
}

/// The bad objects of a run, and what speaks for the table.
pub(crate) struct Rejects {
    /// Not set aside yet.
    bad: Vec<Bad>,
    /// Of all of them.
    reason_count: usize,
    /// Whether COPY took a row in this run.
    copy_works: bool,
    /// How many objects may be set aside if COPY took none.
    unproven_max: u64,
}

/// Objects to be loaded together.
struct Group {
    objects: Vec<StoredObject>,
    /// Whether COPY failed for just these, in a way that may pass.
    has_failed: bool,
}

impl Group {
    fn new(objects: Vec<StoredObject>) -> Self {
        Self { objects, has_failed: false }
    }
}

impl Rejects {
    pub(crate) fn new(unproven_max: u64) -> Self {
        Self { bad: Vec::new(), reason_count: 0, copy_works: false, unproven_max }
    }

    /// Loads what can be loaded of `candidates`, in several loads if need be, and sets the rest
    /// aside as soon as COPY has taken anything; what is not set aside waits for [`Self::settle`].
    ///
    /// `candidates` is left, whatever comes of it, with the objects that the ledger now holds.
    pub(crate) async fn load_good<W: Warehouse, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        candidates: &mut Vec<StoredObject>,
        summary: &mut Summary,
    ) -> Result<(), LoadError> {
        let mut groups = vec![Group::new(std::mem::take(candidates))];
        let mut is_lenient = false;
        while let Some(group) = groups.pop() {
            match loader.load(Request { candidates: &group.objects, is_lenient }).await {
                Ok(loaded) => {
                    self.copy_works |= 0 < loaded.rows + loaded.duplicates;
                    summary.add(loaded);
                    candidates.extend(group.objects);
                }
                Err(LoadError::BadRows { .. }) if !is_lenient => groups.push(group),
                // With bad rows, and no copy of them: it is not loaded, but the others are.
                Err(LoadError::SetAside { key, source }) if source.is_about_object() => {
                    let (kept, others): (Vec<_>, Vec<_>) =
                        group.objects.into_iter().partition(|object| object.key == key);
                    for object in &kept {
                        stays(object, None, &source, summary);
                    }
                    groups.extend(Some(others).filter(|it| !it.is_empty()).map(Group::new));
                }
                Err(error) if error.may_be_about_objects() => {
                    groups.extend(self.sort(loader.statements.bucket(), group, &error));
                    self.check_count(REFUSED_MAX.max(self.unproven_max))?;
                }
                Err(error) => return Err(error),
            }
            is_lenient = true;
        }
        if self.copy_works {
            self.set_all_aside(loader, summary).await?;
        }
        Ok(())
    }

    /// At the end of a run: what becomes of bad objects beside which none was good.
    pub(crate) async fn settle<W: Warehouse, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        summary: &mut Summary,
    ) -> Result<(), LoadError> {
        if self.bad.is_empty() {
            return Ok(());
        }
        self.check_count(self.unproven_max)?;
        match loader.try_copy().await {
            Ok(()) => self.set_all_aside(loader, summary).await,
            Err(LoadError::Statement { source, .. }) => Err(LoadError::NothingCopies(source)),
            Err(error) => Err(error),
        }
    }

    /// Fails if more than `unproven_max` objects are bad and none is good.
    fn check_count(&self, unproven_max: u64) -> Result<(), LoadError> {
        let count = self.bad.len() as u64;
        if self.copy_works || count <= unproven_max {
            return Ok(());
        }
        let rejects = self.bad.iter().filter_map(|bad| bad.reasons.first().cloned()).collect();
        Err(LoadError::AllBad { count, rejects })
    }

    /// Blames those objects of a group that are bad beyond doubt; returns what to load next.
    fn sort(&mut self, bucket: &str, group: Group, error: &LoadError) -> Vec<Group> {
        let Group { mut objects, has_failed } = group;
        let is_named = |object: &StoredObject| names(error, bucket, object);
        let is_alone = objects.len() == 1;
        // What COPY says of rows does not pass; an unreadable object may be readable next time.
        let is_certain = !matches!(error, LoadError::Statement { .. }) || has_failed;
        if is_alone && !is_certain {
            return vec![Group { objects, has_failed: true }];
        }
        if is_alone || matches!(error, LoadError::NoGoodRows { .. }) {
            let (bad, others): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|object| is_alone || is_named(object));
            let is_progress = !bad.is_empty();
            bad.into_iter().for_each(|object| self.blame(bucket, object, error));
            if is_progress {
                let others = Some(others).filter(|it| !it.is_empty());
                return others.map(Group::new).into_iter().collect();
            }
            objects = others;
        }
        let is_bad_so_often = NAMED_MAX < self.bad.len();
        let named_count = objects.iter().filter(|object| is_named(object)).count();
        let mut groups = Vec::new();
        if (1..=NAMED_MAX).contains(&named_count) {
            let (named, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_named);
            groups.extend(named.into_iter().map(|object| Group::new(vec![object])));
            objects = others;
        }
        if groups.is_empty() || is_bad_so_often {
            let half = objects.split_off(objects.len() / 2);
            groups.push(Group::new(half));
        }
        groups.push(Group::new(objects));
        groups.retain(|group| !group.objects.is_empty());
        groups
    }

    fn blame(&mut self, bucket: &str, object: StoredObject, error: &LoadError) {
        let mut bad = Bad::new(bucket, object, error);
        if REASONS_MAX < self.reason_count {
            bad.reasons.truncate(REASONS_OF_ONE_MAX);
        }
        self.reason_count += bad.reasons.len();
        self.bad.push(bad);
    }

    async fn set_all_aside<W, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        summary: &mut Summary,
    ) -> Result<(), LoadError> {
        self.reason_count = 0;
        for Bad { object, reasons } in std::mem::take(&mut self.bad) {
            match set_aside(loader, &object, &reasons).await {
                Ok(is_moved) => summary.rejected += u64::from(is_moved),
                // Neither it nor what is refused to it must hold up the others.
                Err(LoadError::SetAside { source, .. }) if source.is_about_object() => {
                    stays(&object, reasons.first(), &source, summary);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A bad object that S3 refuses to copy or to delete.
fn stays(
    object: &StoredObject,
    reason: Option<&RejectedRow>,
    refusal: &StoreError,
    summary: &mut Summary,
) {
    let reason = reason.map(ToString::to_string);
    let object_key = object.key.as_str();
    error!(object_key, reason, error = %refusal, "bad object stays where it is");
    summary.rejected += 1;
    summary.stuck += 1;
}

/// Whether the error is about that object, as far as it says.
fn names(error: &LoadError, bucket: &str, object: &StoredObject) -> bool {
    let url = object_url(bucket, &object.key);
    match error {
        LoadError::BadRows { rejects } | LoadError::NoGoodRows { rejects } => {
            rejects.iter().any(|reject| is_of(reject, &url))
        }
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
    fn new(bucket: &str, object: StoredObject, error: &LoadError) -> Self {
        let url = object_url(bucket, &object.key);
        let reasons = match error {
            LoadError::BadRows { rejects } | LoadError::NoGoodRows { rejects } => {
                rejects.iter().filter(|reject| is_of(reject, &url)).cloned().collect()
            }
            LoadError::Statement { source, .. } => {
                vec![RejectedRow::of_object(url, source.to_string())]
            }
            other => vec![RejectedRow::of_object(url, other.to_string())],
        };
        Self { object, reasons }
    }
}

/// Keeps, before COMMIT, the rows that a COPY left out, with the objects they stand in; returns
/// how many objects. Repeated without harm when the transaction starts over.
pub(crate) async fn keep_bad_rows<W, S: ObjectStore>(
    loader: &Loader<'_, W, S>,
    objects: &[&StoredObject],
    rejects: Vec<RejectedRow>,
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

#[cfg(test)]
mod tests;
