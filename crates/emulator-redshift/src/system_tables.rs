//! The rows of system tables, which outlive rollbacks and sessions.
//!
//! They live here and not in Postgres, because `stl_load_errors` must show the errors of a COPY
//! that was rolled back, even inside a transaction that began before them. Sessions copy them into
//! settings that the views of `catalog` read.

pub(crate) mod copies;
pub(crate) mod dependents;
pub(crate) mod queries;
pub(crate) mod reads;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use self::copies::CopyRecord;
use self::dependents::Dependents;
use self::queries::{Outcome, QueryRecord, TransactionRecord};
use self::reads::SystemReads;
use crate::copy::rejects::{LoadError, REJECTS_BYTES_MAX, REJECTS_MAX};

/// How many rows of `stl_load_errors` are kept, as long as they hold at most 32 MiB; the oldest go
/// first.
pub const LOAD_ERRORS_MAX: usize = REJECTS_MAX;

/// How many COPYs are kept, and how many of their files in all; the oldest go first.
pub const COPIES_MAX: usize = 1_000;
const FILES_MAX: usize = 20_000;

/// How many rows of `stl_replacements` are kept; those of the oldest COPYs go first.
const REPLACEMENTS_MAX: usize = 2_000;

/// How many rows of `stl_query` and of `sys_transaction_history` are kept; the oldest go first.
pub const QUERIES_MAX: usize = 1_000;

/// Names of views, functions and prepared statements that show system tables, with what they show.
pub(crate) type SystemViews = HashMap<String, SystemReads>;

/// The system tables of one emulated cluster. Clones share the rows.
#[derive(Debug, Clone, Default)]
pub struct SystemTables {
    records: Arc<Mutex<Records>>,
    query_count: Arc<AtomicI32>,
    transaction_count: Arc<AtomicI64>,
    last_transaction_ended: Arc<AtomicI64>,
    pub(crate) dependents: Dependents,
}

#[derive(Debug, Default)]
struct Records {
    load_errors: VecDeque<LoadError>,
    load_errors_bytes: usize,
    /// `load_errors` as a JSON array, until they change.
    load_errors_json: Option<Bytes>,
    copies: VecDeque<CopyRecord>,
    queries: VecDeque<QueryRecord>,
    transactions: VecDeque<TransactionRecord>,
}

impl SystemTables {
    /// The rows of `stl_load_errors`, oldest first ("STL_LOAD_ERRORS").
    pub fn load_errors(&self) -> Vec<LoadError> {
        self.with(|records| records.load_errors.iter().cloned().collect())
    }

    /// The last COPYs, oldest first ("SYS_LOAD_HISTORY").
    pub fn copies(&self) -> Vec<CopyRecord> {
        self.with(|records| records.copies.iter().cloned().collect())
    }

    /// Forgets all rows.
    pub fn reset(&self) {
        self.with(|records| *records = Records::default());
    }

    /// The id of the next query; unique and growing.
    pub(crate) fn next_query_id(&self) -> i32 {
        self.query_count.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & i32::MAX
    }

    /// The id of the next transaction; unique and growing.
    pub(crate) fn next_transaction_id(&self) -> i64 {
        self.transaction_count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Keeps a transaction that is over.
    pub(crate) fn transaction_ended(&self, transaction: TransactionRecord) {
        self.last_transaction_ended.store(transaction.xid(), Ordering::Relaxed);
        self.with(|records| {
            if records.transactions.len() == QUERIES_MAX {
                records.transactions.pop_front();
            }
            records.transactions.push_back(transaction);
        });
    }

    /// The id of the transaction that ended last.
    pub(crate) fn last_transaction_ended(&self) -> i64 {
        self.last_transaction_ended.load(Ordering::Relaxed)
    }

    /// Keeps the errors of a load.
    pub(crate) fn record(&self, rejects: Vec<LoadError>) {
        if rejects.is_empty() {
            return;
        }
        self.with(|records| {
            records.load_errors_json = None;
            records.load_errors_bytes += rejects.iter().map(LoadError::bytes).sum::<usize>();
            records.load_errors.extend(rejects);
            while LOAD_ERRORS_MAX < records.load_errors.len()
                || REJECTS_BYTES_MAX < records.load_errors_bytes
            {
                let Some(oldest) = records.load_errors.pop_front() else { break };
                records.load_errors_bytes -= oldest.bytes();
            }
        });
    }

    /// Keeps a COPY, in place of what was known of it before.
    pub(crate) fn record_copy(&self, copy: &CopyRecord) {
        self.with(|records| {
            let copies = &mut records.copies;
            match copies.iter_mut().rfind(|earlier| earlier.query_id == copy.query_id) {
                Some(earlier) => *earlier = copy.clone(),
                None => copies.push_back(copy.clone()),
            }
            let mut files: usize = copies.iter().map(|copy| copy.files.len()).sum();
            while COPIES_MAX < copies.len() || (FILES_MAX < files && 1 < copies.len()) {
                files -= copies.pop_front().map_or(0, |oldest| oldest.files.len());
            }
            let mut room = REPLACEMENTS_MAX;
            for copy in copies.iter_mut().rev() {
                copy.replacements.truncate(room);
                room -= copy.replacements.len();
            }
        });
    }

    /// Keeps a query that has begun.
    pub(crate) fn record_query(&self, query: QueryRecord) {
        self.with(|records| {
            if records.queries.len() == QUERIES_MAX {
                records.queries.pop_front();
            }
            records.queries.push_back(query);
        });
    }

    /// Completes the record of a query; nothing if there is none.
    pub(crate) fn finish_query(&self, query_id: i32, ended_at_ms: u64, outcome: Outcome) {
        self.with(|records| {
            let mut newest_first = records.queries.iter_mut().rev();
            if let Some(query) = newest_first.find(|query| query.query == query_id) {
                query.finish(ended_at_ms, outcome);
            }
        });
    }

    /// `stl_load_errors` as a JSON array of objects.
    pub(crate) fn load_errors_json(&self) -> Bytes {
        self.with(|records| {
            let Records { load_errors, load_errors_json, .. } = records;
            load_errors_json.get_or_insert_with(|| to_json_by_row(load_errors)).clone()
        })
    }

    /// The COPYs as a JSON array of objects.
    pub(crate) fn copies_json(&self) -> Bytes {
        self.with(|records| to_json(&records.copies))
    }

    /// The queries that have ended, as a JSON array of objects.
    pub(crate) fn queries_json(&self) -> Bytes {
        self.with(|records| {
            let ended: Vec<_> = records.queries.iter().filter(|query| query.has_ended()).collect();
            to_json(&ended)
        })
    }

    /// The transactions that have ended, as a JSON array of objects.
    pub(crate) fn transactions_json(&self) -> Bytes {
        self.with(|records| to_json(&records.transactions))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        // Rows are only added or dropped: there is no half-changed state to fear.
        act(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn to_json(rows: &impl serde::Serialize) -> Bytes {
    let mut rows = serde_json::to_value(rows).expect("rows are plain numbers and texts");
    without_nul(&mut rows);
    Bytes::from(rows.to_string())
}

/// As `to_json`, of many rows.
fn to_json_by_row(rows: &VecDeque<LoadError>) -> Bytes {
    let mut json = vec![b'['];
    for row in rows {
        if json.len() > 1 {
            json.push(b',');
        }
        let start = json.len();
        serde_json::to_writer(&mut json, row).expect("rows are plain numbers and texts");
        if memchr::memmem::find(&json[start..], b"\\u0000").is_some() {
            json.truncate(start);
            json.extend_from_slice(&to_json(row));
        }
    }
    json.push(b']');
    Bytes::from(json)
}

/// Postgres refuses a JSON text with a NUL.
fn without_nul(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', " "),
        Value::Array(elements) => elements.iter_mut().for_each(without_nul),
        Value::Object(members) => members.values_mut().for_each(without_nul),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn load_error(line_number: i64, raw_line: &str) -> LoadError {
        LoadError {
            userid: 100,
            slice: 0,
            tbl: 1,
            starttime: SystemTime::UNIX_EPOCH,
            session: 2,
            query: 3,
            filename: "s3://b/k".to_owned(),
            line_number,
            colname: "a".to_owned(),
            column_type: "int4".to_owned(),
            col_length: "0".to_owned(),
            position: 0,
            raw_line: raw_line.to_owned(),
            raw_field_value: String::new(),
            err_code: 1207,
            err_reason: "Invalid digit".to_owned(),
            is_partial: 0,
            start_offset: 0,
            copy_job_id: 0,
            details: Vec::new(),
        }
    }

    #[test]
    fn only_the_newest_rows_are_kept() {
        let tables = SystemTables::default();
        let long = "x".repeat(1024);
        for line in 0..40_000 {
            tables.record(vec![load_error(line, &long)]);
        }
        let kept = tables.load_errors();
        let bytes: usize = kept.iter().map(LoadError::bytes).sum();
        assert!(bytes <= REJECTS_BYTES_MAX && REJECTS_BYTES_MAX < bytes + 2048, "{bytes}");
        assert_eq!((kept.last().unwrap().line_number, kept.len() < 40_000), (39_999, true));
    }

    #[test]
    fn the_json_follows_the_rows_and_has_no_nul() {
        let tables = SystemTables::default();
        assert_eq!(&tables.load_errors_json()[..], b"[]");
        tables.record(vec![load_error(1, "a\0b"), load_error(2, "a\\u0000b")]);
        let json: Value = serde_json::from_slice(&tables.load_errors_json()).unwrap();
        assert_eq!(json[0]["raw_line"], "a b");
        assert_eq!(json[1]["raw_line"], "a\\u0000b");
        tables.reset();
        assert_eq!(&tables.load_errors_json()[..], b"[]");
    }

    #[test]
    fn query_ids_grow() {
        let tables = SystemTables::default();
        assert!(tables.next_query_id() < tables.clone().next_query_id());
    }
}
