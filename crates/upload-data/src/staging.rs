//! The staging table: what COPY puts into it, what it left out, and what goes on to the table.
//!
//! Parts of the transaction of [`crate::load`], which decides when they run.

use std::time::Instant;

use tracing::warn;

use crate::copy_sql::{BadRows, LAST_COPY_ID, SESSION_ID};
use crate::error::{
    COPY_STEP, LoadError, RejectedRow, StatementError, UNDEFINED_SCHEMA, UNDEFINED_TABLE,
};
use crate::load::{Loader, run};
use crate::manifest::Compression;
use crate::store::ObjectStore;
use crate::warehouse::{Reply, Session, Warehouse};
use crate::window::{self, Part};

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

    /// Returns the rows inserted, and the staged rows that were not.
    pub(crate) async fn insert_new(
        &self,
        session: &mut W::Session,
    ) -> Result<(u64, u64), LoadError> {
        let step = "count the staged rows";
        let counted = run(session, step, &self.statements.count_staged()).await?;
        let count =
            |column| counted.count(column).map_err(|source| LoadError::Statement { step, source });
        let (staged, with_id) = (count(0)?, count(1)?);
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

    /// Fills the staging table; returns the rows that were left out.
    pub(crate) async fn copy(
        &self,
        session: &mut W::Session,
        parts: Vec<(String, Compression)>,
        is_lenient: bool,
    ) -> Result<Vec<RejectedRow>, LoadError> {
        let bad_rows = if is_lenient { BadRows::Skip } else { BadRows::Fail };
        let mut rejects = Vec::new();
        for (manifest_key, compression) in parts {
            let copy = self.statements.copy(&manifest_key, compression, bad_rows);
            self.run_copy(session, &copy).await?;
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
