//! Sets aside what COPY cannot load, so that one bad object or row does not hold up the rest.
//!
//! `consume-events` stores nothing that the table could not take; what is bad comes from somebody
//! else, or from a table that was changed.
//!
//! - An object with bad rows is loaded without them. Before COMMIT its original and the reasons,
//!   row by row, are copied to `rejected/`; afterwards it is put away like any loaded object.
//! - An object that COPY cannot read, with more than `BAD_ROWS_MAX` bad rows, or with an event that
//!   has no id, is not loaded: it moves to `rejected/` once the rest is.
//!
//! - An object that S3 does not let COPY read stays in `events/`, with a warning: nobody knows what
//!   it holds. If COPY reads none at all, the run fails.
//!
//! Any number of objects may go the first two ways, if COPY takes one row at least of another object in the
//! same run. While it takes none, table, rights or cluster may be to blame, and nothing is moved: at
//! the end of the run only a few objects are, and a single one if all are refused at one and the same
//! column. An object is blamed for the failure of a whole COPY
//! only if COPY can read an empty one at that very time.

mod keep;

use tracing::{error, info, warn};

use crate::archive::Unmoved;
use crate::error::{LoadError, RejectedRow, StatementError, StoreError};
use crate::load::{Loader, Request};
use crate::manifest::object_url;
use crate::patience::pause_before_last_try;
use crate::refusal::Blame;
use crate::store::{ObjectStore, StoredObject};
use crate::summary::Summary;
use crate::warehouse::Warehouse;

pub(crate) use keep::keep_bad_rows;
use keep::set_aside;

/// What `stl_load_errors` holds of an object's URL at most, in bytes.
const URL_BYTES_MAX: usize = 256;

/// Objects that COPY refuses one after the other until the search for a good one ends; also those
/// of a run that it refuses for reasons that do not tell of what they hold, good ones or not.
const REFUSED_MAX: u64 = 1000;

/// Objects that wait for their last try; when there are more, they get it before the others.
const SUSPECTS_MAX: usize = 50;

/// So many objects that an error names are tried one by one; more are halved.
const NAMED_MAX: usize = 8;

/// Bad objects that are set aside beside no good one, if nobody says how many …
const UNPROVEN_MAX: u64 = 10;
/// … and if one column of the table looks as if it were to blame.
const UNPROVEN_AT_ONE_COLUMN_MAX: u64 = 1;

/// Reasons held in memory; of further objects only the first [`REASONS_OF_ONE_MAX`] each.
const REASONS_MAX: usize = 20_000;
const REASONS_OF_ONE_MAX: usize = 20;

/// An object that COPY cannot load, and why.
struct Bad {
    object: StoredObject,
    reasons: Vec<RejectedRow>,
    /// Whether COPY failed as a whole and named no rows.
    is_whole: bool,
}

/// An object that S3 does not let COPY read.
struct Refused {
    object: StoredObject,
    is_missing: bool,
    source: StatementError,
}

/// The bad objects of a run, and what speaks for the table.
pub(crate) struct Rejects {
    /// Not set aside yet.
    bad: Vec<Bad>,
    /// Of all of them.
    reason_count: usize,
    /// Not reported yet.
    refused: Vec<Refused>,
    /// Objects of this run that COPY refused without a word on what they hold.
    doubt_count: u64,
    /// Whether COPY took a row in this run.
    copy_works: bool,
    /// Whether COPY could read an object in this run.
    copy_reads: bool,
    /// How many objects may be set aside if COPY took none, if that was said.
    unproven_max: Option<u64>,
    unmoved: Unmoved,
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
    pub(crate) fn new(unproven_max: Option<u64>) -> Self {
        Self {
            bad: Vec::new(),
            reason_count: 0,
            refused: Vec::new(),
            doubt_count: 0,
            copy_works: false,
            copy_reads: false,
            unproven_max,
            unmoved: Unmoved::default(),
        }
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
        let mut suspects = Vec::new();
        let mut is_lenient = false;
        while let Some(group) = next(loader, &mut groups, &mut suspects).await {
            match loader.load(Request { candidates: &group.objects, is_lenient }).await {
                Ok(loaded) => {
                    self.copy_works |= 0 < loaded.rows + loaded.duplicates;
                    self.copy_reads |= 0 < loaded.objects;
                    summary.add(loaded);
                    candidates.extend(group.objects);
                }
                Err(LoadError::BadRows { .. }) if !is_lenient => groups.push(group),
                // With bad rows, and no copy of them: they are not loaded, but the others are.
                Err(LoadError::NotKept { refused }) => {
                    let others = self.leave_unkept(group, refused, summary);
                    groups.extend(Some(others).filter(|it| !it.is_empty()).map(Group::new));
                }
                Err(error) => match error.blame() {
                    Some(blame @ (Blame::Access { .. } | Blame::Content | Blame::Unknown)) => {
                        self.copy_reads |= blame == Blame::Content;
                        let bucket = loader.statements.bucket();
                        groups.extend(self.sort(bucket, group, (&error, blame), &mut suspects));
                        self.check_count(REFUSED_MAX.max(self.unproven_max.unwrap_or_default()))?;
                        self.check_doubts(error)?;
                        if self.copy_works && REASONS_MAX < self.reason_count {
                            self.set_all_aside(loader, summary).await?;
                        }
                    }
                    _ => return Err(error),
                },
            }
            is_lenient = true;
        }
        if self.copy_works {
            self.set_all_aside(loader, summary).await?;
        }
        if self.copy_reads {
            self.leave_refused(loader, summary).await;
        }
        Ok(())
    }

    /// At the end of a run: what becomes of bad objects beside which none was good.
    pub(crate) async fn settle<W: Warehouse, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        summary: &mut Summary,
    ) -> Result<(), LoadError> {
        self.forget_missing(loader).await;
        if !self.copy_reads
            && let Some(Refused { source, .. }) = self.refused.first()
        {
            let count = self.refused.len() as u64;
            return Err(LoadError::AllRefused { count, source: source.clone() });
        }
        let is_column = one_column(&self.bad).is_some();
        let default = if is_column { UNPROVEN_AT_ONE_COLUMN_MAX } else { UNPROVEN_MAX };
        self.check_count(self.unproven_max.unwrap_or(default))?;
        self.set_all_aside(loader, summary).await
    }

    /// What S3 refused to move in this run.
    pub(crate) fn take_unmoved(&mut self) -> Unmoved {
        std::mem::take(&mut self.unmoved)
    }

    /// Fails if COPY refused more objects of this run than can be blamed one by one. `error` is the
    /// last refusal.
    fn check_doubts(&self, error: LoadError) -> Result<(), LoadError> {
        let count = self.doubt_count;
        match error {
            LoadError::Statement { source, .. }
                if REFUSED_MAX.max(self.unproven_max.unwrap_or_default()) < count =>
            {
                Err(LoadError::TooManyRefused { count, source })
            }
            _ => Ok(()),
        }
    }

    /// Fails if more than `unproven_max` objects are bad and none is good.
    fn check_count(&self, unproven_max: u64) -> Result<(), LoadError> {
        let count = self.bad.len() as u64;
        if self.copy_works || count <= unproven_max {
            return Ok(());
        }
        let rejects = self.bad.iter().filter_map(|bad| bad.reasons.first().cloned()).collect();
        let column = one_column(&self.bad).map(str::to_owned);
        Err(LoadError::AllBad { count, column, rejects })
    }

    /// Blames those objects of a group that are bad beyond doubt; returns what to load next.
    fn sort(
        &mut self,
        bucket: &str,
        group: Group,
        (error, blame): (&LoadError, Blame),
        suspects: &mut Vec<Group>,
    ) -> Vec<Group> {
        let Group { mut objects, has_failed } = group;
        let is_named = |object: &StoredObject| names(error, bucket, object);
        let is_alone = objects.len() == 1;
        // What COPY says of rows does not pass; an unreadable object may be readable next time.
        let is_whole = matches!(error, LoadError::Statement { .. });
        if is_alone && is_whole && !has_failed {
            self.suspect(objects, blame, suspects);
            return Vec::new();
        }
        if is_alone || matches!(error, LoadError::NoGoodRows { .. }) {
            let (bad, others): (Vec<_>, Vec<_>) =
                objects.into_iter().partition(|object| is_alone || is_named(object));
            let is_progress = !bad.is_empty();
            bad.into_iter().for_each(|object| self.judge(bucket, object, (error, blame)));
            if is_progress {
                let others = Some(others).filter(|it| !it.is_empty());
                return others.map(Group::new).into_iter().collect();
            }
            objects = others;
        }
        let is_bad_so_often = NAMED_MAX < self.bad.len() + self.refused.len() + suspects.len();
        let named_count = objects.iter().filter(|object| is_named(object)).count();
        let mut groups = Vec::new();
        if (1..=NAMED_MAX).contains(&named_count) {
            let (named, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_named);
            objects = others;
            if is_whole {
                self.suspect(named, blame, suspects);
            } else {
                groups.extend(named.into_iter().map(|object| Group::new(vec![object])));
            }
        }
        if named_count == 0 || NAMED_MAX < named_count || is_bad_so_often {
            let half = objects.split_off(objects.len() / 2);
            groups.push(Group::new(half));
        }
        groups.push(Group::new(objects));
        groups.retain(|group| !group.objects.is_empty());
        groups
    }

    /// Puts objects, of which COPY said they made it fail, off to a last try of each.
    fn suspect(&mut self, objects: Vec<StoredObject>, blame: Blame, suspects: &mut Vec<Group>) {
        if blame != Blame::Content {
            self.doubt_count += objects.len() as u64;
        }
        let alone = |object| Group { objects: vec![object], has_failed: true };
        suspects.extend(objects.into_iter().map(alone));
    }

    fn judge(&mut self, bucket: &str, object: StoredObject, (error, blame): (&LoadError, Blame)) {
        if let (Blame::Access { is_missing }, LoadError::Statement { source, .. }) = (blame, error)
        {
            self.refused.push(Refused { object, is_missing, source: source.clone() });
            return;
        }
        let mut bad = Bad::new(bucket, object, error);
        if REASONS_MAX < self.reason_count {
            bad.reasons.truncate(REASONS_OF_ONE_MAX);
        }
        self.reason_count += bad.reasons.len();
        self.bad.push(bad);
    }

    /// Sets all aside that is bad, unless COPY does not even read an empty object, or the ledger
    /// says by now that another run has loaded it.
    async fn set_all_aside<W: Warehouse, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        summary: &mut Summary,
    ) -> Result<(), LoadError> {
        if self.bad.is_empty() {
            return Ok(());
        }
        if !self.copy_works || self.bad.iter().any(|bad| bad.is_whole) {
            loader.try_copy().await.map_err(|error| match error {
                // What Redshift leaves unanswered at the end of a stop says nothing about COPY.
                error if error.is_transient() || error.is_of_a_stop() => error,
                LoadError::Statement { source, .. } => LoadError::NothingCopies(source),
                error => error,
            })?;
        }
        let objects: Vec<_> = self.bad.iter().map(|bad| bad.object.clone()).collect();
        let known = loader.known(&objects).await?;
        self.reason_count = 0;
        for Bad { object, reasons, .. } in std::mem::take(&mut self.bad) {
            if known.holds(&object) {
                info!(object_key = object.key, "object was loaded by another run, not set aside");
                continue;
            }
            match set_aside(loader, &object, &reasons).await {
                Ok(is_moved) => {
                    summary.rejected += u64::from(is_moved);
                    self.unmoved.moved += u64::from(is_moved);
                }
                // Neither it nor what is refused to it must hold up the others.
                Err(LoadError::SetAside { source, .. }) if source.is_about_object() => {
                    stays(&object, reasons.first(), &source, summary);
                    self.unmoved.note(source);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Leaves those objects where they are whose bad rows could not be kept; returns the others.
    fn leave_unkept(
        &mut self,
        group: Group,
        refused: Vec<(String, StoreError)>,
        summary: &mut Summary,
    ) -> Vec<StoredObject> {
        let mut others = group.objects;
        for (key, source) in refused {
            for object in others.extract_if(.., |object| object.key == key) {
                stays(&object, None, &source, summary);
            }
            self.unmoved.note(source);
        }
        others
    }

    /// Says which objects S3 did not let COPY read. They stay where they are.
    async fn leave_refused<W, S: ObjectStore>(
        &mut self,
        loader: &Loader<'_, W, S>,
        summary: &mut Summary,
    ) {
        self.forget_missing(loader).await;
        for Refused { object, source, .. } in self.refused.drain(..) {
            warn!(object_key = object.key, error = %source, "object not loaded, S3 refuses it");
            summary.stuck += 1;
        }
    }

    /// Forgets refused objects that are gone, or were written anew: the next run looks at those.
    async fn forget_missing<W, S: ObjectStore>(&mut self, loader: &Loader<'_, W, S>) {
        for refused in std::mem::take(&mut self.refused) {
            let object = &refused.object;
            // Its own key is the first with that prefix.
            let is_gone = refused.is_missing
                && matches!(loader.store.list(&object.key, None).await, Ok(page) if
                page.objects.first().is_none_or(|it| {
                    it.key != object.key || it.etag != object.etag
                }));
            if is_gone {
                info!(object_key = object.key, "object is gone, not loaded");
            } else {
                self.refused.push(refused);
            }
        }
    }
}

/// The column at which every row of every one of these objects was refused, if there is one.
fn one_column(bad: &[Bad]) -> Option<&str> {
    let mut columns = bad.iter().flat_map(|it| it.reasons.iter().map(|it| it.column.as_str()));
    let first = columns.next().filter(|column| !column.is_empty())?;
    columns.all(|column| column == first).then_some(first)
}

/// What to load next. Suspects come last, one by one, after a pause.
async fn next<W, S>(
    loader: &Loader<'_, W, S>,
    groups: &mut Vec<Group>,
    suspects: &mut Vec<Group>,
) -> Option<Group> {
    if !suspects.is_empty() && (groups.is_empty() || SUSPECTS_MAX <= suspects.len()) {
        pause_before_last_try(loader.shutdown).await;
        groups.append(suspects);
    }
    groups.pop()
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
            LoadError::NoId { id_column, .. } => {
                let column = id_column.clone();
                vec![RejectedRow { column, ..RejectedRow::of_object(url, error.to_string()) }]
            }
            other => vec![RejectedRow::of_object(url, other.to_string())],
        };
        Self { object, reasons, is_whole: matches!(error, LoadError::Statement { .. }) }
    }
}

#[cfg(test)]
mod access_tests;
#[cfg(test)]
mod tests;
