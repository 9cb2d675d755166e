//! The transaction that loads objects, each event exactly once.
//!
//! In this order: `LOCK` the ledger, read it, write the manifest of what is left, `CREATE TEMP
//! TABLE`, `COPY`, insert one row per new id, remember the objects, `COMMIT`. The lock is the first
//! statement, so that the snapshot, which Redshift takes at the first statement that reads, shows
//! what the previous holder committed. Archiving is not done here: it may begin only when
//! [`Loader::load`] has returned.
//!
//! Whatever fails before COMMIT is undone by Redshift. When the answer to COMMIT is lost, the load
//! starts over on a new connection: lock and ledger tell whether the first attempt counts.

use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use crate::copy_sql::{
    BEGIN, BadRows, COMMIT, LAST_COPY_ID, ROLLBACK, SESSION_ID, Statements, UNBOUND,
};
use crate::error::{
    COPY_STEP, LoadError, QUERY_CANCELED, RejectedRow, StatementError, UNDEFINED_SCHEMA,
    UNDEFINED_TABLE,
};
use crate::ledger;
use crate::manifest::{self, Compression};
use crate::reject;
use crate::store::{ObjectStore, StoredObject};
use crate::warehouse::{Reply, Session, Warehouse};

/// Attempts at one load: one that finds no ledger, one that is cut, one that is cut again, and one
/// that must do.
const ATTEMPTS_MAX: usize = 4;

/// Loads objects of one bucket into one table.
pub(crate) struct Loader<'a, W, S> {
    pub warehouse: &'a W,
    pub store: &'a S,
    pub statements: &'a Statements,
    /// Put before the keys of manifests.
    pub prefix: &'a str,
    /// How long another load may hold the ledger.
    pub lock_wait: Duration,
    /// Heeded while another load holds the ledger, when nothing is begun yet.
    pub shutdown: &'a CancellationToken,
}

/// What to load.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub candidates: &'a [StoredObject],
    /// How many of them may be loaded without their bad rows; `None`: the first bad row fails the
    /// load, which then has read no more than it must.
    pub bad_objects_max: Option<u64>,
}

/// What a load did. All its candidates are in the ledger now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub load_id: Uuid,
    /// Objects that were not in the ledger before.
    pub objects: u64,
    /// Rows that the table has more.
    pub rows: u64,
    /// Events whose id the table had already, or that came more than once.
    pub duplicates: u64,
    /// Of the objects, those loaded without their bad rows.
    pub bad_objects: u64,
    /// The rows that were left out.
    pub bad_rows: u64,
}

/// Why an attempt did not load.
enum Failure {
    /// The ledger is not there.
    NoLedger(StatementError),
    /// COMMIT was sent, and what came of it is unknown.
    CommitUnknown { loaded: Loaded, source: StatementError },
    /// Nothing was committed.
    Failed(LoadError),
}

impl<E: Into<LoadError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<W: Warehouse, S: ObjectStore> Loader<'_, W, S> {
    /// Loads those of the candidates that the ledger does not know.
    ///
    /// # Errors
    /// Then nothing was committed, or, with [`LoadError::CommitUnknown`], the next run finds out.
    pub(crate) async fn load(&self, request: Request<'_>) -> Result<Loaded, LoadError> {
        let started = Instant::now();
        let mut manifests = Vec::new();
        let outcome = self.load_in_attempts(request, &mut manifests).await;
        self.delete_manifests(manifests).await;
        if let Ok(loaded) = &outcome
            && 0 < loaded.objects
        {
            info!(
                load_id = %loaded.load_id,
                object_count = loaded.objects,
                row_count = loaded.rows,
                duplicate_count = loaded.duplicates,
                seconds = started.elapsed().as_secs_f64(),
                "objects loaded"
            );
        }
        outcome
    }

    /// Reads objects as COPY does, and loads nothing.
    ///
    /// # Errors
    /// As [`Loader::load`]; rows that are bad, but not too many, are none.
    pub(crate) async fn look(&self, objects: &[StoredObject]) -> Result<(), LoadError> {
        let mut manifests = Vec::new();
        let outcome = self.look_through(objects, &mut manifests).await;
        self.delete_manifests(manifests).await;
        outcome
    }

    async fn look_through(
        &self,
        objects: &[StoredObject],
        manifests: &mut Vec<String>,
    ) -> Result<(), LoadError> {
        let all: Vec<_> = objects.iter().collect();
        let now = OffsetDateTime::now_utc();
        let parts = self.put_manifests(&all, Uuid::new_v4(), now, manifests).await?;
        // The staging table is gone with the session.
        let mut session = self.warehouse.connect().await?;
        self.create_staging(&mut session).await?;
        for (manifest_key, compression) in parts {
            let copy = self.statements.copy(&manifest_key, compression, BadRows::Look);
            if let Err(error) = run(&mut session, COPY_STEP, &copy).await {
                return Err(self.explain(&mut session, error).await);
            }
        }
        Ok(())
    }

    /// Nobody reads them any more: COPY is over, or its session is lost.
    async fn delete_manifests(&self, manifests: Vec<String>) {
        for key in manifests {
            if let Err(error) = self.store.delete(&key).await {
                warn!(%error, manifest_key = key, "manifest not deleted");
            }
        }
    }

    async fn load_in_attempts(
        &self,
        request: Request<'_>,
        manifests: &mut Vec<String>,
    ) -> Result<Loaded, LoadError> {
        let mut unknown = None;
        let mut not_created = None;
        for _ in 1..ATTEMPTS_MAX {
            match self.attempt(request, unknown, manifests).await {
                Ok(loaded) => return Ok(loaded),
                Err(Failure::NoLedger(_)) => not_created = self.create_ledger().await.err(),
                Err(Failure::CommitUnknown { loaded, source }) => {
                    warn!(error = %source, "outcome of COMMIT unknown, asking the ledger");
                    unknown = Some(loaded);
                }
                Err(Failure::Failed(error)) if error.is_transient() => {
                    let error = anyhow::Error::new(error);
                    warn!(error = format!("{error:#}"), "load starts over");
                }
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        self.attempt(request, unknown, manifests).await.map_err(|failure| match failure {
            Failure::NoLedger(source) => not_created.unwrap_or_else(|| self.no_ledger(source)),
            Failure::CommitUnknown { source, .. } => LoadError::CommitUnknown(source),
            Failure::Failed(error) => error,
        })
    }

    /// One transaction on one connection. `unknown` is the load whose COMMIT was not answered.
    async fn attempt(
        &self,
        request: Request<'_>,
        unknown: Option<Loaded>,
        manifests: &mut Vec<String>,
    ) -> Result<Loaded, Failure> {
        let mut session = self.warehouse.connect().await.map_err(LoadError::from)?;
        let bound = self.statements.bound_lock_wait(self.lock_wait);
        run(&mut session, "bound the wait for the ledger", &bound).await?;
        run(&mut session, "begin", BEGIN).await?;
        let prepared = self.prepare(&mut session, request, unknown, manifests).await;
        match prepared {
            Ok(Prepared::Nothing(loaded)) => {
                // Dropping the session would do as well, but only when Redshift notices.
                let _ = session.run(ROLLBACK).await;
                Ok(loaded)
            }
            Ok(Prepared::ToCommit(loaded)) => match session.run(COMMIT).await {
                Ok(_) => Ok(loaded),
                Err(source @ StatementError::Lost { .. }) => {
                    Err(Failure::CommitUnknown { loaded, source })
                }
                Err(source) => Err(LoadError::Statement { step: "commit", source }.into()),
            },
            Err(failure) => {
                // The failure counts; if this fails too, the connection's end undoes the rest.
                let _ = session.run(ROLLBACK).await;
                match failure {
                    Failure::Failed(error) => Err(self.explain(&mut session, error).await.into()),
                    other => Err(other),
                }
            }
        }
    }

    /// Everything between BEGIN and COMMIT.
    async fn prepare(
        &self,
        session: &mut W::Session,
        request: Request<'_>,
        unknown: Option<Loaded>,
        manifests: &mut Vec<String>,
    ) -> Result<Prepared, Failure> {
        let candidates = request.candidates;
        self.lock(session).await?;
        run(session, "end the bound", UNBOUND).await?;
        let known = ledger::read(session, self.statements, candidates)
            .await
            .map_err(|source| LoadError::Statement { step: "read the ledger", source })?;
        if let Some(unknown) = unknown
            && known.holds_load(unknown.load_id)
        {
            return Ok(Prepared::Nothing(unknown));
        }
        let left: Vec<_> = candidates.iter().filter(|object| !known.holds(object)).collect();
        let load_id = Uuid::new_v4();
        if left.is_empty() {
            return Ok(Prepared::Nothing(Loaded::nothing(load_id)));
        }
        let now = OffsetDateTime::now_utc();
        let parts = self.put_manifests(&left, load_id, now, manifests).await?;
        self.create_staging(session).await?;
        let rejects = self.copy(session, parts, request.bad_objects_max.is_some()).await?;
        let bad_rows = rejects.len() as u64;
        let bad_objects_max = request.bad_objects_max.unwrap_or_default();
        let bad_objects = reject::keep_bad_rows(self, &left, rejects, bad_objects_max).await?;
        let (rows, duplicates) = self.insert_new(session).await?;
        ledger::record(session, self.statements, &left, load_id, now)
            .await
            .map_err(|source| LoadError::Statement { step: "write the ledger", source })?;
        let objects = left.len() as u64;
        let loaded = Loaded { load_id, objects, rows, duplicates, bad_objects, bad_rows };
        Ok(Prepared::ToCommit(loaded))
    }

    /// Fills the staging table; returns the rows that were left out.
    async fn copy(
        &self,
        session: &mut W::Session,
        parts: Vec<(String, Compression)>,
        is_lenient: bool,
    ) -> Result<Vec<RejectedRow>, LoadError> {
        let bad_rows = if is_lenient { BadRows::Skip } else { BadRows::Fail };
        let mut rejects = Vec::new();
        for (manifest_key, compression) in parts {
            let copy = self.statements.copy(&manifest_key, compression, bad_rows);
            run(session, COPY_STEP, &copy).await?;
            if is_lenient {
                let step = "read stl_load_errors";
                let copy_id = run(session, step, LAST_COPY_ID).await?;
                let found = match copy_id.count(0) {
                    Ok(copy_id) => self.rejected_rows(session, Some(copy_id)).await,
                    Err(error) => Err(error),
                };
                rejects.extend(found.map_err(|source| LoadError::Statement { step, source })?);
            }
        }
        Ok(rejects)
    }

    /// Waiting for the ledger is waiting for work: the one place where a stop is heeded.
    async fn lock(&self, session: &mut W::Session) -> Result<(), Failure> {
        let lock = self.statements.lock();
        let Some(locked) = self.shutdown.run_until_cancelled(session.run(&lock)).await else {
            session.cancel().await;
            return Err(LoadError::Stopped.into());
        };
        match locked {
            Ok(_) => Ok(()),
            Err(error) if error.is(UNDEFINED_TABLE) => Err(Failure::NoLedger(error)),
            Err(error) if error.is(UNDEFINED_SCHEMA) => {
                Err(LoadError::NoTable { table: self.statements.table() }.into())
            }
            Err(error) if error.is(QUERY_CANCELED) => {
                let ledger = self.statements.ledger();
                Err(LoadError::Locked { ledger, waited: self.lock_wait }.into())
            }
            Err(source) => Err(LoadError::Statement { step: "lock the ledger", source }.into()),
        }
    }

    /// One manifest per kind of compression, because COPY takes one kind at a time.
    async fn put_manifests(
        &self,
        objects: &[&StoredObject],
        load_id: Uuid,
        now: OffsetDateTime,
        manifests: &mut Vec<String>,
    ) -> Result<Vec<(String, Compression)>, LoadError> {
        let mut parts = Vec::new();
        for compression in Compression::ALL {
            let of_kind =
                |object: &&StoredObject| Compression::of(&object.key) == Some(compression);
            let mut objects = objects.iter().copied().filter(of_kind).peekable();
            if objects.peek().is_none() {
                continue;
            }
            let key = manifest::key(self.prefix, now, load_id, compression);
            manifests.push(key.clone());
            self.store.put(&key, manifest::render(self.statements.bucket(), objects)).await?;
            parts.push((key, compression));
        }
        Ok(parts)
    }

    async fn create_staging(&self, session: &mut W::Session) -> Result<(), LoadError> {
        match session.run(&self.statements.create_staging()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(UNDEFINED_TABLE) || error.is(UNDEFINED_SCHEMA) => {
                Err(LoadError::NoTable { table: self.statements.table() })
            }
            Err(source) => Err(LoadError::Statement { step: "create the staging table", source }),
        }
    }

    /// Returns the rows inserted, and the staged rows that were not.
    async fn insert_new(&self, session: &mut W::Session) -> Result<(u64, u64), LoadError> {
        let step = "count the staged rows";
        let counted = run(session, step, &self.statements.count_staged()).await?;
        let count =
            |column| counted.count(column).map_err(|source| LoadError::Statement { step, source });
        let (staged, with_id) = (count(0)?, count(1)?);
        if with_id < staged {
            let id_column = self.statements.target().id_column.clone();
            return Err(LoadError::NoId { count: staged - with_id, id_column });
        }
        let inserted = run(session, "insert new rows", &self.statements.insert_new()).await?;
        Ok((inserted.row_count, staged.saturating_sub(inserted.row_count)))
    }

    /// Creates the ledger. Another run may be doing the same, which `IF NOT EXISTS` does not make
    /// safe: a refusal counts only if the next attempt finds no ledger either.
    async fn create_ledger(&self) -> Result<(), LoadError> {
        let mut session = self.warehouse.connect().await?;
        match session.run(&self.statements.create_ledger()).await {
            Ok(_) => info!(ledger = self.statements.ledger(), "ledger created"),
            Err(source) => return Err(self.no_ledger(source)),
        }
        Ok(())
    }

    fn no_ledger(&self, source: StatementError) -> LoadError {
        LoadError::NoLedger { ledger: self.statements.ledger(), source }
    }

    /// Replaces COPY's "check stl_load_errors" by what stands there. The rows outlive ROLLBACK.
    async fn explain(&self, session: &mut W::Session, error: LoadError) -> LoadError {
        match &error {
            LoadError::Statement { source: StatementError::Refused { message, .. }, .. }
                if message.contains("load_error") => {}
            _ => return error,
        }
        match self.rejected_rows(session, None).await {
            Ok(rejects) if !rejects.is_empty() => LoadError::BadRows { rejects },
            Ok(_) => error,
            Err(unread) => {
                warn!(error = %unread, "stl_load_errors not read");
                error
            }
        }
    }

    /// The bad rows of that COPY, or of the last one that met any.
    async fn rejected_rows(
        &self,
        session: &mut W::Session,
        copy_id: Option<u64>,
    ) -> Result<Vec<RejectedRow>, StatementError> {
        let session_id = session.run(SESSION_ID).await?.count(0)?;
        let reply = session.run(&self.statements.load_errors(session_id, copy_id)).await?;
        let latest = reply.text(0, 0).to_owned();
        let rejects = (0..reply.rows.len())
            // Session numbers come again; the rows of an earlier COPY are none of ours.
            .filter(|&row| reply.text(row, 0) == latest)
            .map(|row| RejectedRow {
                url: reply.text(row, 1).to_owned(),
                line_number: reply.text(row, 2).to_owned(),
                column: reply.text(row, 3).to_owned(),
                value: reply.text(row, 4).to_owned(),
                reason: reply.text(row, 5).to_owned(),
                raw_line: reply.text(row, 6).to_owned(),
            });
        Ok(rejects.collect())
    }
}

impl Loaded {
    fn nothing(load_id: Uuid) -> Self {
        Self { load_id, objects: 0, rows: 0, duplicates: 0, bad_objects: 0, bad_rows: 0 }
    }
}

/// How far a transaction came.
enum Prepared {
    /// Everything was loaded before.
    Nothing(Loaded),
    /// All is done but COMMIT.
    ToCommit(Loaded),
}

async fn run(
    session: &mut impl Session,
    step: &'static str,
    sql: &str,
) -> Result<Reply, LoadError> {
    session.run(sql).await.map_err(|source| LoadError::Statement { step, source })
}

#[cfg(test)]
pub(crate) mod tests;
