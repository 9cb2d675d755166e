//! Executes a COPY in the client's own session and transaction.
//!
//! Towards Postgres it is `COPY … FROM STDIN`, sent as Parse, Bind and Execute under the relay's
//! own names: a simple Query would commit what the client's pipeline did before. What the files
//! hold is the business of `copy`.

use std::sync::Arc;

use bytes::Bytes;
use pgwire::messages::copy::{CopyData, CopyDone, CopyFail};
use pgwire::messages::extendedquery::Flush;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::Session;
use super::copy_destination::{Constants, qualified};
use crate::copy::failure::{CopyFailure, Refusal};
use crate::copy::load::{CopyContext, LoadReport, load};
use crate::copy::statement::CopyStatement;
use crate::copy::target::{TargetColumn, TargetTable, load_columns};
use crate::error::{SessionError, SqlError, info_notice};
use crate::relay::Copying;
use crate::relay::pipeline::Audience;
use crate::sql::quotes;
use crate::system_tables::copies::Recording;
use crate::system_tables::queries::Outcome;

/// How many chunks of rows may wait for Postgres.
const CHUNKS_MAX: usize = 4;

/// What is known of a COPY that Postgres ended, if the client has not heard of it.
const FAILED_UPSTREAM: &str = "refused by the database";

/// How the transfer of the rows ended.
enum Transfer {
    Loaded(LoadReport),
    Failed(CopyFailure),
    /// Postgres failed first, and the client knows.
    UpstreamFailed,
}

impl Session {
    /// Executes a COPY, written as `text`. The client has been told of a failure when this returns
    /// false; of a success it has been told by notices, and awaits CommandComplete.
    pub(super) async fn copy(
        &mut self,
        statement: &Arc<CopyStatement>,
        text: &str,
    ) -> Result<bool, SessionError> {
        let query_id = self.begin_query(Some(text));
        let transaction_id = self.relay.journal.transaction_id();
        let mut recording = Recording::begin(
            self.shared.system_tables.clone(),
            statement,
            (query_id, transaction_id, self.identity.process_id),
            &self.identity.database,
            self.relay.journal.now(),
        );
        self.relay.copying = Some(Copying::new(query_id));
        let loaded = self.load_recorded(statement, query_id, &mut recording).await?;
        let failed = self.relay.copying.take().and_then(|copying| copying.failed);
        if !loaded && !recording.is_aborted() {
            recording.aborted(failed.as_deref().unwrap_or(FAILED_UPSTREAM));
        }
        let now = self.relay.journal.now();
        let (rows, error) = (recording.record.loaded_rows, recording.record.error.clone());
        let outcome = Outcome { aborted: !loaded, rows: loaded.then_some(rows), error };
        self.relay.journal.end_query(query_id, outcome);
        recording.end(now);
        Ok(loaded)
    }

    async fn load_recorded(
        &mut self,
        statement: &Arc<CopyStatement>,
        query_id: i32,
        recording: &mut Recording,
    ) -> Result<bool, SessionError> {
        let cancellable = self.shared.cancellations.register(self.identity.cancel_key.clone());
        let Some(destination) = self.destination(statement, recording).await? else {
            return Ok(false);
        };
        recording.located();
        let table = Arc::new(destination.table);
        let columns = match load_columns(statement, &table) {
            Ok(columns) => columns,
            Err(failure) => {
                recording.aborted(failure.message(&table.name));
                let error = copy_error(&failure, &table.name, self.copy_ids(query_id));
                self.relay.fail(error).await?;
                return Ok(false);
            }
        };
        let listed: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let Some(constants) = self.constants(&destination.defaults, &listed).await? else {
            return Ok(false);
        };
        if !self.compress(statement, recording).await? {
            return Ok(false);
        }
        let upstream = upstream_copy(&table, &columns, &constants);
        self.relay.send_own(&upstream, Vec::new(), Audience::Relay);
        self.relay.send(&Flush::new(), None);
        if !self.upstream_awaits_rows().await? {
            return Ok(false);
        }
        let context = CopyContext {
            query_id,
            session_pid: self.identity.process_id,
            user_id: destination.user_id,
            database: self.identity.database.clone(),
            started_at: recording.record.start_time,
        };
        let (sender, mut rows) = mpsc::channel(CHUNKS_MAX);
        let loading = tokio::spawn({
            let (shared, statement, table) =
                (Arc::clone(&self.shared), Arc::clone(statement), Arc::clone(&table));
            async move { load(&shared.s3, &statement, &table, &context, sender).await }
        });
        let loading = AbortOnDropHandle::new(loading);
        let token = &cancellable.token;
        let transfer = tokio::select! {
            biased;
            () = token.cancelled() => Transfer::Failed(CopyFailure::Cancelled),
            transfer = transfer(
                &mut self.relay, &mut rows, loading, &constants,
            ) => transfer?,
        };
        self.finish_copy(transfer, &table.name, query_id, recording).await
    }

    /// Who executes a COPY, as its errors say.
    fn copy_ids(&self, query_id: i32) -> (i32, i32) {
        (query_id, self.identity.process_id)
    }

    /// Waits for Postgres' CopyInResponse; false if it failed instead.
    async fn upstream_awaits_rows(&mut self) -> Result<bool, SessionError> {
        loop {
            if self.relay.is_skipping() {
                return Ok(false);
            }
            if self.relay.take_kept().iter().any(|frame| frame.tag() == b'G') {
                return Ok(true);
            }
            self.relay.advance(false).await?;
        }
    }

    /// Ends the COPY towards Postgres, keeps the records and tells the client.
    async fn finish_copy(
        &mut self,
        transfer: Transfer,
        table: &str,
        query_id: i32,
        recording: &mut Recording,
    ) -> Result<bool, SessionError> {
        match transfer {
            Transfer::UpstreamFailed => {
                self.relay.journal.copy_failed(query_id);
                Ok(false)
            }
            Transfer::Failed(mut failure) => {
                let error = copy_error(&failure, table, self.copy_ids(query_id));
                recording.aborted(error.message.as_str());
                if let CopyFailure::Rejected { count, replacements, .. } = &failure {
                    recording.record.error_count = *count;
                    recording.record.replacements.clone_from(replacements);
                }
                self.shared.system_tables.record(failure.take_rejects());
                self.relay.replace_error(error);
                self.relay.send(&CopyFail::new("the load failed".to_owned()), None);
                self.relay.drain().await?;
                if failure.had_begun() {
                    self.relay.journal.copy_failed(query_id);
                }
                Ok(false)
            }
            Transfer::Loaded(mut report) => {
                self.relay.send(&CopyDone::new(), None);
                self.relay.close_own(Audience::Errors);
                self.relay.drain().await?;
                self.relay.take_kept();
                if self.relay.is_skipping() {
                    self.relay.journal.copy_failed(query_id);
                    return Ok(false);
                }
                recording.completed(&report);
                self.shared.system_tables.record(std::mem::take(&mut report.rejects));
                self.relay.journal.copied(query_id, report.rows_loaded);
                for notice in report.notices(table) {
                    self.relay.tell_client(&info_notice(&notice));
                }
                Ok(true)
            }
        }
    }
}

/// Carries rows from the load to Postgres.
async fn transfer(
    relay: &mut crate::relay::Relay,
    rows: &mut mpsc::Receiver<Bytes>,
    loading: AbortOnDropHandle<Result<LoadReport, CopyFailure>>,
    constants: &Constants,
) -> Result<Transfer, SessionError> {
    loop {
        let room = relay.upstream_has_room();
        tokio::select! {
            biased;
            advanced = relay.advance(!room) => {
                advanced?;
                if relay.is_skipping() {
                    return Ok(Transfer::UpstreamFailed);
                }
            }
            chunk = rows.recv(), if room => match chunk {
                Some(chunk) => relay.send(&CopyData::new(constants.complete(chunk)), None),
                None => break,
            },
        }
    }
    Ok(match loading.await {
        Ok(Ok(report)) => Transfer::Loaded(report),
        Ok(Err(failure)) => Transfer::Failed(failure),
        Err(panic) => {
            tracing::error!(%panic, "a load ended by a panic");
            Transfer::Failed(Refusal::new("XX000", "the load stopped by a bug of ours").into())
        }
    })
}

/// The rows come as UTF-8, whatever encoding the client has set.
fn upstream_copy(table: &TargetTable, columns: &[&TargetColumn], constants: &Constants) -> String {
    let names = columns.iter().map(|column| &column.name).chain(&constants.columns);
    let columns: Vec<String> = names.map(|name| quotes::identifier(name)).collect();
    format!(
        "COPY {} ({}) FROM STDIN WITH (ENCODING 'UTF8')",
        qualified(Some(&table.schema), &table.name),
        columns.join(", ")
    )
}

/// The error as the client sees it.
fn copy_error(failure: &CopyFailure, table: &str, (query_id, process_id): (i32, i32)) -> SqlError {
    let message = match failure {
        CopyFailure::Cancelled => return Copying::cancelled(query_id),
        CopyFailure::Rejected { .. } | CopyFailure::Refused(_) => failure.message(table),
    };
    SqlError {
        detail: failure.detail(query_id, process_id),
        ..SqlError::new(failure.sqlstate(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::target::ColumnType;

    #[test]
    fn the_upstream_statement_quotes_every_name() {
        let column = |name: &str| TargetColumn {
            name: name.to_owned(),
            column_type: ColumnType::Integer,
            not_null: false,
            has_default: false,
            identity: None,
        };
        let (one, two) = (column("timestamp"), column("a\"b"));
        let table = TargetTable {
            oid: 1,
            schema: "pg_temp_3".to_owned(),
            name: "#Stage".to_owned(),
            columns: Vec::new(),
        };
        insta::assert_snapshot!(
            upstream_copy(&table, &[&one, &two], &Constants::default()),
            @r##"COPY "pg_temp_3"."#Stage" ("timestamp", "a""b") FROM STDIN WITH (ENCODING 'UTF8')"##
        );
    }
}
