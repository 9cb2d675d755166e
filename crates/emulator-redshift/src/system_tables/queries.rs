//! The rows of `stl_query` ("STL_QUERY", "STL_QUERYTEXT").

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emulator_core::clock::Clock;
use serde::Serialize;

use super::SystemTables;
use crate::copy::rejects::timestamp_text;
use crate::error::SqlError;
use crate::isolation;
use crate::wire::Frame;

/// "STL_QUERYTEXT": a query's text in pieces of 200 characters; what is longer is cut.
const TEXT_CHARACTERS_MAX: usize = 65_400;

/// A query that a session executes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QueryRecord {
    pub(super) query: i32,
    username: String,
    xid: i64,
    pid: i32,
    database: String,
    querytxt: String,
    starttime: String,
    endtime: Option<String>,
    aborted: i32,
}

impl QueryRecord {
    pub(super) fn finish(&mut self, ended_at_ms: u64, aborted: bool) {
        self.endtime = Some(timestamp_text(moment(ended_at_ms)));
        self.aborted = i32::from(aborted);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.endtime.is_some()
    }
}

/// Writes down what one session does.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) tables: SystemTables,
    pub(crate) clock: Clock,
    username: String,
    database: String,
    process_id: i32,
    transaction_id: Option<i64>,
}

impl Journal {
    pub(crate) fn new(
        tables: SystemTables,
        clock: Clock,
        username: &str,
        database: &str,
        process_id: i32,
    ) -> Self {
        let (username, database) = (username.to_owned(), database.to_owned());
        Self { tables, clock, username, database, process_id, transaction_id: None }
    }

    /// The time, as the emulated cluster has it.
    pub(crate) fn now(&self) -> SystemTime {
        moment(self.clock.now_ms())
    }

    /// The id of the current transaction, or of the one that begins now.
    pub(crate) fn transaction_id(&mut self) -> i64 {
        *self.transaction_id.get_or_insert_with(|| self.tables.next_transaction_id())
    }

    /// The transaction is over.
    pub(crate) fn transaction_ended(&mut self) {
        if let Some(id) = self.transaction_id.take() {
            self.tables.transaction_ended(id);
        }
    }

    /// What the client is told of an error that came of a conflict with another transaction.
    pub(crate) fn conflict(&mut self, error: &Frame) -> Option<SqlError> {
        let id = self.transaction_id();
        isolation::conflict(error, id, self.tables.last_transaction_ended(), self.process_id)
    }

    /// A query begins.
    pub(crate) fn begin_query(&mut self, query: i32, text: &str) {
        let record = QueryRecord {
            query,
            username: self.username.clone(),
            xid: self.transaction_id(),
            pid: self.process_id,
            database: self.database.clone(),
            querytxt: text.trim().chars().take(TEXT_CHARACTERS_MAX).collect(),
            starttime: timestamp_text(self.now()),
            endtime: None,
            aborted: 0,
        };
        self.tables.record_query(record);
    }

    /// A query ends.
    pub(crate) fn end_query(&self, query: i32, aborted: bool) {
        self.tables.finish_query(query, self.clock.now_ms(), aborted);
    }
}

fn moment(since_epoch_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(since_epoch_ms)
}
