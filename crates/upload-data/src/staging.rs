//! The staging table: what COPY puts into it, what it left out, and what goes on to the table.
//!
//! Parts of the transaction of [`crate::load`], which decides when they run.

use std::time::Instant;

use tracing::warn;

use crate::copy_sql::{BadRows, LAST_COPY, SESSION_ID};
use crate::error::{
    COPY_STEP, LoadError, RejectedRow, StatementError, UNDEFINED_SCHEMA, UNDEFINED_TABLE,
};
use crate::load::{Loader, run};
use crate::manifest::Compression;
use crate::store::ObjectStore;
use crate::warehouse::{Reply, Session, Warehouse};
use crate::window::{self, Part};

/// What the COPYs of a load did.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// Rows loaded, as COPY counts them.
    pub row_count: u64,
    /// The rows that were left out: all of them.
    pub rejects: Vec<RejectedRow>,
}

impl<W: Warehouse, S: ObjectStore> Loader<'_, W, S> {
    pub(crate) async fn create_staging(&self, session: &mut W::Session) -> Result<(), LoadError> {
        match session.run(&self.statements.create_staging()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(UNDEFINED_TABLE) || error.is(UNDEFINED_SCHEMA) => {
                Err(LoadError::NoTable { table: self.statements.table() })
            }
            Err(source) => Err(LoadError::Statement { step: "create the staging table", source }),
        }
    }

    /// Returns the rows inserted, and the staged rows that were not. `copied_count` rows must be
    /// staged.
    pub(crate) async fn insert_new(
        &self,
        session: &mut W::Session,
        copied_count: u64,
    ) -> Result<(u64, u64), LoadError> {
        let step = "count the staged rows";
        let counted = run(session, step, &self.statements.count_staged()).await?;
        let count =
            |column| counted.count(column).map_err(|source| LoadError::Statement { step, source });
        let (staged, with_id) = (count(0)?, count(1)?);
        if staged != copied_count {
            return Err(LoadError::Miscounted { copied: copied_count, staged });
        }
        if with_id < staged {
            let id_column = self.statements.target().id_column.clone();
            return Err(LoadError::NoId { count: staged - with_id, id_column });
        }
        if staged == 0 {
            return Ok((0, 0));
        }
        let parts = self.parts(session, &counted, staged).await?;
        let insert = self.statements.insert_new(&parts);
        let inserted = run(session, "insert new rows", &insert).await?;
        Ok((inserted.row_count, staged.saturating_sub(inserted.row_count)))
    }

    /// Where to look for the ids of the staged rows, which [`Statements::count_staged`] counted.
    ///
    /// [`Statements::count_staged`]: crate::copy_sql::Statements::count_staged
    async fn parts(
        &self,
        session: &mut W::Session,
        counted: &Reply,
        staged: u64,
    ) -> Result<Vec<Part>, LoadError> {
        let Some(window) = self.statements.window() else { return Ok(vec![Part::Everything]) };
        let step = "read the times of the staged rows";
        let with_time = counted.count(2).map_err(|source| LoadError::Statement { step, source })?;
        let (first, last) = (counted.text(0, 3), counted.text(0, 4));
        let mut spans = vec![(first, last)];
        let days;
        if with_time == 0 {
            spans.clear();
        } else if !window::is_contiguous(window, first, last) {
            days = run(session, step, &self.statements.staged_days(window)).await?;
            if days.rows.len() <= window::DAYS_MAX {
                let day = |row| days.text(row, 0);
                spans = (0..days.rows.len()).map(|row| (day(row), day(row))).collect();
            }
        }
        Ok(window::parts(window, &spans, with_time < staged))
    }

    /// Fills the staging table. Of rows that were left out each one must be known: COPY says how
    /// many there are, and `stl_load_errors` which.
    pub(crate) async fn copy(
        &self,
        session: &mut W::Session,
        parts: Vec<(String, Compression)>,
        is_lenient: bool,
    ) -> Result<Copied, LoadError> {
        let bad_rows = if is_lenient { BadRows::Skip } else { BadRows::Fail };
        let mut copied = Copied::default();
        for (manifest_key, compression) in parts {
            let copy = self.statements.copy(&manifest_key, compression, bad_rows);
            let skipped = self.run_copy(session, &copy).await?.skipped_count();
            let step = "read the number of the last COPY";
            let last = run(session, step, LAST_COPY).await?;
            let count =
                |column| last.count(column).map_err(|source| LoadError::Statement { step, source });
            let (copy_id, row_count) = (count(0)?, count(1)?);
            copied.row_count += row_count;
            if !is_lenient && skipped == 0 {
                continue;
            }
            let step = "read stl_load_errors";
            let found = self.rejected_rows(session, Some(copy_id)).await;
            let found = found.map_err(|source| LoadError::Statement { step, source })?;
            let listed = found.len() as u64;
            if listed < skipped {
                return Err(LoadError::Unexplained { skipped, listed });
            }
            copied.rejects.extend(found);
        }
        Ok(copied)
    }

    /// Runs a COPY and counts it.
    pub(crate) async fn run_copy(
        &self,
        session: &mut W::Session,
        copy: &str,
    ) -> Result<Reply, LoadError> {
        let started = Instant::now();
        let outcome = run(session, COPY_STEP, copy).await;
        self.tally.copied(started.elapsed());
        outcome
    }

    /// Replaces COPY's "check stl_load_errors" by what stands there. The rows outlive ROLLBACK.
    pub(crate) async fn explain(&self, session: &mut W::Session, error: LoadError) -> LoadError {
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
