//! The one result of a run.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::load::Loaded;
use crate::tally::Counts;

/// What a run did; printed on stdout at its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Objects loaded by this run.
    pub objects: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
    /// Rows that the table has more.
    pub rows_loaded: u64,
    /// Events that were not loaded because their id was there already, or came more than once.
    pub duplicates: u64,
    /// Objects moved to the archive, leftovers of earlier runs included.
    pub archived: u64,
    /// Objects deleted instead, if that is the setting.
    pub deleted: u64,
    /// Objects under `rejected/` by this run, in whole or for some rows: a human should look.
    pub rejected: u64,
    /// Rows that were left out of objects whose other rows were loaded.
    pub rows_rejected: u64,
    /// Objects that S3 refused to move or to delete, loaded or bad, or to hand to COPY: they lie
    /// under `events/` still, and each run passes over those that are loaded.
    pub stuck: u64,
    /// Transactions that were committed.
    pub loads: u64,
    /// COPYs, failed ones included.
    pub copies: u64,
    /// Loads begun anew: connections lost, conflicts with other transactions.
    pub retries: u64,
    /// Manifests of runs that were killed, deleted by this one.
    pub manifests_swept: u64,
    /// Objects that lay under `events/`, as far as the run came.
    pub listed: u64,
    /// How old the oldest of them was when the run began: how far the table is behind. Unknown if
    /// loaded objects stay there.
    pub oldest_object_seconds: Option<f64>,
    /// Why the run ended before all was loaded that waited, and put away.
    pub stopped: Option<Stopped>,
    /// How long COPY took, of all.
    pub copy_seconds: f64,
    /// How long the run waited for the ledger, which is for other runs.
    pub lock_wait_seconds: f64,
    /// Wall clock.
    pub seconds: f64,
}

/// Where SIGTERM or SIGINT met a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// Before it held the ledger: another run may be loading, or Redshift did not answer.
    WaitingForTheLedger,
    /// When one load was complete and another had not begun.
    BetweenLoads,
    /// When all was loaded, but not all that is loaded had left `events/`.
    PuttingAway,
}

impl Summary {
    /// Counts one load.
    pub(crate) fn add(&mut self, loaded: Loaded) {
        self.objects += loaded.objects;
        self.bytes += loaded.bytes;
        self.rows_loaded += loaded.rows;
        self.duplicates += loaded.duplicates;
        self.rejected += loaded.bad_objects;
        self.rows_rejected += loaded.bad_rows;
        self.loads += u64::from(0 < loaded.objects);
    }

    /// Takes over what was counted on the way.
    pub(crate) fn count(&mut self, counts: Counts, elapsed: Duration) {
        self.listed = counts.listed;
        self.oldest_object_seconds = counts.oldest_age.map(|age| age.as_secs_f64());
        self.copies = counts.copies;
        self.retries = counts.retries;
        self.copy_seconds = counts.copy_time.as_secs_f64();
        self.lock_wait_seconds = counts.lock_wait.as_secs_f64();
        self.seconds = elapsed.as_secs_f64();
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, rows_loaded, duplicates, archived, deleted, .. } = self;
        let Self { rejected, rows_rejected, seconds, .. } = self;
        match (objects, self.stopped) {
            (0, None) => write!(formatter, "nothing to load")?,
            (0, Some(_)) => write!(formatter, "nothing loaded")?,
            _ => {
                write!(formatter, "{objects} objects loaded: {rows_loaded} rows")?;
                write!(formatter, ", {duplicates} duplicates")?;
            }
        }
        if 0 < *deleted {
            write!(formatter, "; {deleted} objects deleted")?;
        } else {
            write!(formatter, "; {archived} objects archived")?;
        }
        if 0 < *rejected {
            write!(formatter, "; {rejected} objects REJECTED")?;
            if 0 < *rows_rejected {
                write!(formatter, " in whole or for one of {rows_rejected} bad rows")?;
            }
            write!(formatter, ", see rejected/")?;
        }
        if 0 < self.stuck {
            write!(
                formatter,
                "; {} objects STUCK in events/, S3 refuses to hand them to COPY or to move them",
                self.stuck
            )?;
        }
        if let Some(stopped) = self.stopped {
            let place = match stopped {
                Stopped::WaitingForTheLedger => "while waiting for the ledger",
                Stopped::BetweenLoads => "between two loads",
                Stopped::PuttingAway => "while loaded objects were put away",
            };
            write!(formatter, "; STOPPED {place}, what is left waits for the next run")?;
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
        summary.stopped = Some(Stopped::WaitingForTheLedger);
        insta::assert_snapshot!(summary, @"nothing loaded; 0 objects archived; STOPPED while waiting for the ledger, what is left waits for the next run; 0.0 s");
        summary = Summary {
            objects: 2,
            bytes: 1234,
            rows_loaded: 10,
            duplicates: 1,
            archived: 3,
            loads: 1,
            copies: 2,
            seconds: 1.25,
            copy_seconds: 0.5,
            lock_wait_seconds: 0.25,
            ..Summary::default()
        };
        insta::assert_snapshot!(summary, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 1.2 s");
        let stopped = Some(Stopped::BetweenLoads);
        let stopped = Summary { stopped, deleted: 3, archived: 0, ..summary.clone() };
        insta::assert_snapshot!(stopped, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects deleted; STOPPED between two loads, what is left waits for the next run; 1.2 s");
        let stopped = Summary { stopped: Some(Stopped::PuttingAway), ..summary.clone() };
        insta::assert_snapshot!(stopped, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; STOPPED while loaded objects were put away, what is left waits for the next run; 1.2 s");
        let rejecting = Summary { rejected: 1, ..summary.clone() };
        assert!(rejecting.to_string().contains("; 1 objects REJECTED, see rejected/;"));
        let stuck = Summary { stuck: 2, ..summary.clone() };
        insta::assert_snapshot!(stuck, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 2 objects STUCK in events/, S3 refuses to hand them to COPY or to move them; 1.2 s");
        let partly = Summary { rows_rejected: 7, ..rejecting };
        insta::assert_snapshot!(partly, @"2 objects loaded: 10 rows, 1 duplicates; 3 objects archived; 1 objects REJECTED in whole or for one of 7 bad rows, see rejected/; 1.2 s");
        let json = serde_json::to_string_pretty(&summary).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "objects": 2,
          "bytes": 1234,
          "rows_loaded": 10,
          "duplicates": 1,
          "archived": 3,
          "deleted": 0,
          "rejected": 0,
          "rows_rejected": 0,
          "stuck": 0,
          "loads": 1,
          "copies": 2,
          "retries": 0,
          "manifests_swept": 0,
          "listed": 0,
          "oldest_object_seconds": null,
          "stopped": null,
          "copy_seconds": 0.5,
          "lock_wait_seconds": 0.25,
          "seconds": 1.25
        }
        "#);
    }
}
