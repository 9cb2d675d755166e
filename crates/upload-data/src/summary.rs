//! The one result of a run.

use std::fmt;

use serde::Serialize;

use crate::load::Loaded;

/// What a run did; printed on stdout at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Objects loaded by this run.
    pub objects: u64,
    /// Rows that the table has more.
    pub rows_loaded: u64,
    /// Events that were not loaded because their id was there already, or came more than once.
    pub duplicates: u64,
    /// Objects moved to the archive, leftovers of earlier runs included.
    pub archived: u64,
    /// Objects under `rejected/` by this run, in whole or for some rows: a human should look.
    pub rejected: u64,
    /// Rows that were left out of objects whose other rows were loaded.
    pub rows_rejected: u64,
    /// Wall clock.
    pub seconds: f64,
}

impl Summary {
    /// Counts one load and the objects that were set aside for it.
    pub(crate) fn add(&mut self, loaded: Option<Loaded>, rejected_count: u64) {
        self.rejected += rejected_count;
        if let Some(loaded) = loaded {
            self.objects += loaded.objects;
            self.rows_loaded += loaded.rows;
            self.duplicates += loaded.duplicates;
            self.rejected += loaded.bad_objects;
            self.rows_rejected += loaded.bad_rows;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, rows_loaded, duplicates, archived, .. } = self;
        let Self { rejected, rows_rejected, seconds, .. } = self;
        if *objects == 0 {
            write!(formatter, "nothing to load")?;
        } else {
            write!(formatter, "{objects} objects loaded: {rows_loaded} rows")?;
            write!(formatter, ", {duplicates} duplicates")?;
        }
        write!(formatter, "; {archived} objects archived")?;
        if 0 < *rejected {
            write!(formatter, "; {rejected} objects REJECTED")?;
            if 0 < *rows_rejected {
                write!(formatter, " in whole or for one of {rows_rejected} bad rows")?;
            }
            write!(formatter, ", see rejected/")?;
        }
        write!(formatter, "; {seconds:.1} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_a_line_and_as_an_object() {
        let mut summary = Summary::default();
        insta::assert_snapshot!(summary, @"nothing to load; 0 objects archived; 0.0 s");
        summary = Summary {
            objects: 2,
            rows_loaded: 10,
            duplicates: 1,
            archived: 3,
            rejected: 0,
            rows_rejected: 0,
            seconds: 1.25,
        };
        insta::assert_snapshot!(summary, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 1.2 s");
        let rejecting = Summary { rejected: 1, ..summary.clone() };
        assert!(rejecting.to_string().contains("; 1 objects REJECTED, see rejected/;"));
        let partly = Summary { rows_rejected: 7, ..rejecting };
        insta::assert_snapshot!(partly, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 1 objects REJECTED in whole or for one of 7 bad rows, see rejected/; 1.2 s");
        let json = serde_json::to_string(&summary).unwrap();
        insta::assert_snapshot!(json, @r#"{"objects":2,"rows_loaded":10,"duplicates":1,"archived":3,"rejected":0,"rows_rejected":0,"seconds":1.25}"#);
    }
}
