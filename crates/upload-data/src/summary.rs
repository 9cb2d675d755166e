//! The one result of a run.

use std::fmt;

use serde::Serialize;

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
    /// Wall clock.
    pub seconds: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, rows_loaded, duplicates, archived, seconds } = self;
        if *objects == 0 {
            write!(formatter, "nothing to load")?;
        } else {
            write!(formatter, "{objects} objects loaded: {rows_loaded} rows")?;
            write!(formatter, ", {duplicates} duplicates")?;
        }
        write!(formatter, "; {archived} objects archived; {seconds:.1} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_reads_as_a_line_and_as_an_object() {
        let mut summary = Summary::default();
        insta::assert_snapshot!(summary, @"nothing to load; 0 objects archived; 0.0 s");
        summary =
            Summary { objects: 2, rows_loaded: 10, duplicates: 1, archived: 3, seconds: 1.25 };
        insta::assert_snapshot!(summary, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 1.2 s");
        let json = serde_json::to_string(&summary).unwrap();
        insta::assert_snapshot!(json, @r#"{"objects":2,"rows_loaded":10,"duplicates":1,"archived":3,"seconds":1.25}"#);
    }
}
