//! The rows of system tables, which outlive rollbacks and sessions.
//!
//! They live here and not in Postgres, because `stl_load_errors` must show the errors of a COPY
//! that was rolled back, even inside a transaction that began before them. Sessions copy them into
//! a setting that the views of `catalog` read.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde_json::Value;

use crate::copy::rejects::LoadError;

/// How many rows of `stl_load_errors` are kept; the oldest go first.
pub const LOAD_ERRORS_MAX: usize = 10_000;

/// The system tables of one emulated cluster. Clones share the rows.
#[derive(Debug, Clone, Default)]
pub struct SystemTables {
    records: Arc<Mutex<Records>>,
    query_count: Arc<AtomicI32>,
}

#[derive(Debug, Default)]
struct Records {
    load_errors: VecDeque<LoadError>,
    /// `load_errors` as a JSON array, until they change.
    json: Option<Bytes>,
}

impl SystemTables {
    /// The rows of `stl_load_errors`, oldest first ("STL_LOAD_ERRORS").
    pub fn load_errors(&self) -> Vec<LoadError> {
        self.with(|records| records.load_errors.iter().cloned().collect())
    }

    /// Forgets all rows.
    pub fn reset(&self) {
        self.with(|records| *records = Records::default());
    }

    /// The id of the next query; unique and growing.
    pub(crate) fn next_query_id(&self) -> i32 {
        self.query_count.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & i32::MAX
    }

    /// Keeps the errors of a load.
    pub(crate) fn record(&self, rejects: &[LoadError]) {
        if rejects.is_empty() {
            return;
        }
        self.with(|records| {
            records.json = None;
            records.load_errors.extend(rejects.iter().cloned());
            let surplus = records.load_errors.len().saturating_sub(LOAD_ERRORS_MAX);
            records.load_errors.drain(..surplus);
        });
    }

    /// `stl_load_errors` as a JSON array of objects.
    pub(crate) fn load_errors_json(&self) -> Bytes {
        self.with(|records| {
            let Records { load_errors, json } = records;
            json.get_or_insert_with(|| to_json(load_errors)).clone()
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Records) -> T) -> T {
        // Rows are only added or dropped: there is no half-changed state to fear.
        act(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn to_json(load_errors: &VecDeque<LoadError>) -> Bytes {
    let mut rows = serde_json::to_value(load_errors).expect("rows are plain numbers and texts");
    for row in rows.as_array_mut().into_iter().flatten() {
        for value in row.as_object_mut().into_iter().flat_map(|columns| columns.values_mut()) {
            // Postgres refuses a JSON text with a NUL.
            if let Value::String(text) = value
                && text.contains('\0')
            {
                *text = text.replace('\0', " ");
            }
        }
    }
    Bytes::from(rows.to_string())
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
        }
    }

    #[test]
    fn only_the_newest_rows_are_kept() {
        let tables = SystemTables::default();
        let rows: Vec<_> = (0..10_005).map(|line| load_error(line, "")).collect();
        tables.record(&rows);
        let kept = tables.load_errors();
        assert_eq!((kept.len(), kept[0].line_number), (LOAD_ERRORS_MAX, 5));
    }

    #[test]
    fn the_json_follows_the_rows_and_has_no_nul() {
        let tables = SystemTables::default();
        assert_eq!(&tables.load_errors_json()[..], b"[]");
        tables.record(&[load_error(1, "a\0b")]);
        let json: Value = serde_json::from_slice(&tables.load_errors_json()).unwrap();
        assert_eq!(json[0]["raw_line"], "a b");
        tables.reset();
        assert_eq!(&tables.load_errors_json()[..], b"[]");
    }

    #[test]
    fn query_ids_grow() {
        let tables = SystemTables::default();
        assert!(tables.next_query_id() < tables.clone().next_query_id());
    }
}
