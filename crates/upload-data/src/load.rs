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

use crate::copy_sql::{BEGIN, BadRows, COMMIT, ROLLBACK, Statements, UNBOUND};
use crate::error::{LoadError, QUERY_CANCELED, StatementError, UNDEFINED_SCHEMA, UNDEFINED_TABLE};
use crate::ledger;
use crate::manifest::{self, Compression};
use crate::patience::Patience;
use crate::reject;
use crate::store::{ObjectStore, STOP_GRACE, StoredObject};
use crate::tally::Tally;
use crate::warehouse::{Reply, Session, Warehouse};

/// Loads objects of one bucket into one table.
pub(crate) struct Loader<'a, W, S> {
    pub warehouse: &'a W,
    pub store: &'a S,
    pub statements: &'a Statements,
    /// Put before the keys of manifests.
    pub prefix: &'a str,
    /// How long another load may hold the ledger.
    pub lock_wait: Duration,
    /// Heeded while Redshift is logged in to and another load holds the ledger, when nothing is
    /// begun yet.
    pub shutdown: &'a CancellationToken,
    /// Counts what is done.
    pub tally: &'a Tally,
}

/// What to load.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub candidates: &'a [StoredObject],
    /// Whether they may be loaded without their bad rows; else the first bad row fails the load,
    /// which then has read no more than it must.
    pub is_lenient: bool,
}

/// What a load did. All its candidates are in the ledger now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub load_id: Uuid,
    /// Objects that were not in the ledger before.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
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

    /// Reads an empty object as COPY reads all others, and loads nothing: whether the role, the
    /// bucket's rights and the cluster let COPY work at all.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub(crate) async fn try_copy(&self) -> Result<(), LoadError> {
        let mut patience = Patience::new(self.shutdown);
        let mut manifests = Vec::new();
        let outcome = loop {
            match self.copy_nothing(&mut manifests).await {
                Err(error) if error.is_transient() && patience.allows_another() => {
                    let error = anyhow::Error::new(error);
                    warn!(error = format!("{error:#}"), "trial of COPY starts over");
                    self.tally.started_over();
                    patience.pause().await;
                }
                outcome => break outcome,
            }
        };
        self.delete_manifests(manifests).await;
        outcome
    }

    /// Which of the objects the ledger knows by now; a load of another run that goes on is awaited.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub(crate) async fn known(
        &self,
        objects: &[StoredObject],
    ) -> Result<ledger::Loaded, LoadError> {
        let mut patience = Patience::new(self.shutdown);
        loop {
            match self.ask_ledger(objects).await {
                Err(error) if error.is_transient() && patience.allows_another() => {
                    let error = anyhow::Error::new(error);
                    warn!(error = format!("{error:#}"), "asking the ledger again");
                    self.tally.started_over();
                    patience.pause().await;
                }
                outcome => return outcome,
            }
        }
    }

    /// A session. Once the program is stopped, Redshift has `grace` to give one.
    async fn connect_within(&self, grace: Duration) -> Result<W::Session, LoadError> {
        let given_up = async {
            self.shutdown.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            biased;
            session = Box::pin(self.warehouse.connect()) => Ok(session?),
            () = given_up => Err(LoadError::Stopped),
        }
    }

    async fn ask_ledger(&self, objects: &[StoredObject]) -> Result<ledger::Loaded, LoadError> {
        let mut session = self.connect_within(STOP_GRACE).await?;
        let bound = self.statements.bound_lock_wait(self.lock_wait);
        run(&mut session, "bound the wait for the ledger", &bound).await?;
        let read = ledger::read(&mut session, self.statements, objects).await;
        read.map_err(|source| match source {
            error if error.is(QUERY_CANCELED) => self.locked(),
            source => LoadError::Statement { step: "read the ledger", source },
        })
    }

    fn locked(&self) -> LoadError {
        LoadError::Locked { ledger: self.statements.ledger(), waited: self.lock_wait }
    }

    async fn copy_nothing(&self, manifests: &mut Vec<String>) -> Result<(), LoadError> {
        let now = OffsetDateTime::now_utc();
        // It has a manifest's name, so that it is swept as one if we are killed here.
        let key = manifest::key(self.prefix, now, Uuid::new_v4(), Compression::Plain);
        manifests.push(key.clone());
        self.store.put(&key, String::new()).await?;
        let empty = StoredObject { key, etag: String::new(), bytes: 0, stored_at: None };
        let parts = self.put_manifests(&[&empty], Uuid::new_v4(), now, manifests).await?;
        // The staging table is gone with the session.
        let mut session = self.connect_within(STOP_GRACE).await?;
        self.create_staging(&mut session).await?;
        for (manifest_key, compression) in parts {
            let copy = self.statements.copy(&manifest_key, compression, BadRows::Look);
            self.run_copy(&mut session, &copy).await?;
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
        let mut patience = Patience::new(self.shutdown);
        let mut unknown = None;
        let mut unanswered = None;
        let mut not_created: Option<LoadError> = None;
        loop {
            let failure = match Box::pin(self.attempt(request, unknown, manifests)).await {
                Ok(loaded) => return Ok(loaded),
                Err(failure) => failure,
            };
            let is_last = !patience.allows_another();
            match failure {
                Failure::NoLedger(source) => {
                    let refused = not_created.take_if(|error| is_last || !error.is_transient());
                    if is_last || refused.is_some() {
                        return Err(refused.unwrap_or_else(|| self.no_ledger(source)));
                    }
                    not_created = self.create_ledger().await.err();
                    if not_created.is_none() {
                        continue;
                    }
                }
                Failure::CommitUnknown { source, .. } if is_last || !source.is_transient() => {
                    return Err(LoadError::CommitUnknown(source));
                }
                Failure::CommitUnknown { loaded, source } => {
                    warn!(error = %source, "outcome of COMMIT unknown, asking the ledger");
                    unknown = Some(loaded);
                    unanswered = Some(source);
                }
                Failure::Failed(error) => {
                    let is_gone = matches!(error, LoadError::Connect(_));
                    // A cluster that was there a moment ago comes back.
                    let may_return = is_gone && 1 < patience.failure_count();
                    if is_last || !(error.is_transient() || may_return) {
                        let is_unasked = is_gone || error.is_of_a_stop();
                        let unanswered = unanswered.filter(|_| is_unasked);
                        return Err(unanswered.map_or(error, LoadError::CommitUnknown));
                    }
                    let error = anyhow::Error::new(error);
                    warn!(error = format!("{error:#}"), "load starts over");
                }
            }
            self.tally.started_over();
            patience.pause().await;
        }
    }

    /// One transaction on one connection. `unknown` is the load whose COMMIT was not answered.
    async fn attempt(
        &self,
        request: Request<'_>,
        unknown: Option<Loaded>,
        manifests: &mut Vec<String>,
    ) -> Result<Loaded, Failure> {
        let mut session = self.connect_within(Duration::ZERO).await?;
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
                Err(source @ (StatementError::Lost { .. } | StatementError::Unanswered { .. })) => {
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
        let copied = self.copy(session, parts, request.is_lenient).await?;
        let (rows, duplicates) = self.insert_new(session, copied.row_count).await?;
        let rejects = copied.rejects;
        if rows + duplicates == 0 && !rejects.is_empty() {
            return Err(LoadError::NoGoodRows { rejects }.into());
        }
        let bad_rows = rejects.len() as u64;
        let bad_objects = reject::keep_bad_rows(self, &left, rejects).await?;
        ledger::record(session, self.statements, &left, load_id, now)
            .await
            .map_err(|source| LoadError::Statement { step: "write the ledger", source })?;
        let objects = left.len() as u64;
        let bytes = left.iter().map(|object| object.bytes).sum();
        let loaded = Loaded { load_id, objects, bytes, rows, duplicates, bad_objects, bad_rows };
        Ok(Prepared::ToCommit(loaded))
    }

    /// Waiting for the ledger is waiting for work: the one place where a stop is heeded at once.
    /// Everything else that Redshift does has [`crate::Config::stop_grace`] to come to its end.
    async fn lock(&self, session: &mut W::Session) -> Result<(), Failure> {
        let lock = self.statements.lock();
        let started = Instant::now();
        let locked = self.shutdown.run_until_cancelled(session.run(&lock)).await;
        self.tally.waited(started.elapsed());
        let Some(locked) = locked else {
            session.cancel().await;
            return Err(LoadError::Stopped.into());
        };
        match locked {
            Ok(_) => Ok(()),
            Err(error) if error.is(UNDEFINED_TABLE) => Err(Failure::NoLedger(error)),
            Err(error) if error.is(UNDEFINED_SCHEMA) => {
                Err(LoadError::NoTable { table: self.statements.table() }.into())
            }
            Err(error) if error.is(QUERY_CANCELED) => Err(self.locked().into()),
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

    /// Creates the ledger. Another run may be doing the same, which `IF NOT EXISTS` does not make
    /// safe: a refusal counts only if the next attempt finds no ledger either.
    async fn create_ledger(&self) -> Result<(), LoadError> {
        let mut session = self.connect_within(Duration::ZERO).await?;
        match session.run(&self.statements.create_ledger()).await {
            Ok(_) => info!(ledger = self.statements.ledger(), "ledger created"),
            Err(source) => return Err(self.no_ledger(source)),
        }
        Ok(())
    }

    fn no_ledger(&self, source: StatementError) -> LoadError {
        LoadError::NoLedger { ledger: self.statements.ledger(), source }
    }
}

impl Loaded {
    fn nothing(load_id: Uuid) -> Self {
        let (objects, bytes, rows, duplicates, bad_objects, bad_rows) = Default::default();
        Self { load_id, objects, bytes, rows, duplicates, bad_objects, bad_rows }
    }
}

/// How far a transaction came.
enum Prepared {
    /// Everything was loaded before.
    Nothing(Loaded),
    /// All is done but COMMIT.
    ToCommit(Loaded),
}

pub(crate) async fn run(
    session: &mut impl Session,
    step: &'static str,
    sql: &str,
) -> Result<Reply, LoadError> {
    session.run(sql).await.map_err(|source| LoadError::Statement { step, source })
}

#[cfg(test)]
mod retry_tests;
#[cfg(test)]
mod stop_tests;
#[cfg(test)]
pub(crate) mod tests;
