//! Every statement that `upload-data` sends, as text.
//!
//! Pure. Only what both Redshift and its stand-in take: no `ON CONFLICT`, `RETURNING`,
//! `DISTINCT ON` or advisory lock. Whatever comes from outside is quoted: literals by
//! `quote_literal`, which doubles `'` and `\`, names by `quote_identifier`.

use std::time::Duration;

use runtime::redshift::{quote_identifier, quote_literal};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::manifest::{Compression, object_url};
use crate::store::StoredObject;
use crate::window::{DAYS_MAX, Part, Window};

/// The table that remembers which objects were loaded; it stands beside the target table.
pub const LEDGER: &str = "load_ledger";
/// The temporary table that COPY fills. A fixed name, because no name may pass 127 bytes.
pub const STAGING: &str = "blueshift_staging";
/// Opens the transaction.
pub const BEGIN: &str = "BEGIN";
/// Makes all of it visible at once.
pub const COMMIT: &str = "COMMIT";
/// Undoes it.
pub const ROLLBACK: &str = "ROLLBACK";
/// Ends the bound that [`Statements::bound_lock_wait`] set: COPY may take as long as it takes, or
/// as long as the user's own setting allows.
pub const UNBOUND: &str = "RESET statement_timeout";
/// The number by which `stl_load_errors` knows this session.
pub const SESSION_ID: &str = "SELECT pg_backend_pid()";
/// The COPY before it: the number by which [`Statements::load_errors`] knows it, and the rows that
/// it loaded.
pub const LAST_COPY: &str = "SELECT pg_last_copy_id(), pg_last_copy_count()";
/// So many bad rows together fail a COPY that skips them (`MAXERROR`), and as many are read from
/// `stl_load_errors`: of rows that are left out, each one is known.
pub const BAD_ROWS_MAX: usize = 1000;

/// What COPY makes of a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRows {
    /// It fails at the first.
    Fail,
    /// It leaves them out, if there are fewer than [`BAD_ROWS_MAX`].
    Skip,
    /// As [`BadRows::Skip`], but the good rows are not loaded either: it only looks.
    Look,
}

/// The table to load into. Names in lower case, as Redshift folds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The schema, if one is named.
    pub schema: Option<String>,
    /// The bare name.
    pub table: String,
    /// The columns that events fill: all but IDENTITY columns.
    pub columns: Vec<String>,
    /// One row per value of this column.
    pub id_column: String,
    /// Decides which of several staged rows with one id is taken; orders all columns that have an
    /// order, so that the choice does not depend on Redshift's slices.
    pub order_by: Vec<String>,
    /// Whether the table has a column that Redshift numbers itself.
    pub has_identity: bool,
}

impl Target {
    fn in_schema(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote_identifier(schema), quote_identifier(name)),
            None => quote_identifier(name),
        }
    }
}

/// The statements of loads from one bucket into one table.
#[derive(Debug, Clone)]
pub struct Statements {
    target: Target,
    bucket: String,
    iam_role: String,
    window: Option<Window>,
}

impl Statements {
    /// `iam_role` is an ARN, several joined by commas, or `default`.
    pub fn new(target: Target, bucket: String, iam_role: String) -> Self {
        Self { target, bucket, iam_role, window: None }
    }

    /// Looks for ids only within a window of time; `None`: in the whole table.
    pub fn within(self, window: Option<Window>) -> Self {
        Self { window, ..self }
    }

    /// Where ids are looked for; `None`: in the whole table.
    pub fn window(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// The table to load into.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The bucket to load from.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The table's name in SQL.
    pub fn table(&self) -> String {
        self.target.in_schema(&self.target.table)
    }

    /// The role that COPY assumes, as it stands in SQL.
    pub fn iam_role(&self) -> String {
        if self.iam_role.eq_ignore_ascii_case("default") {
            return "default".to_owned();
        }
        quote_literal(&self.iam_role)
    }

    /// The ledger's name in SQL.
    pub fn ledger(&self) -> String {
        self.target.in_schema(LEDGER)
    }

    /// Bounds how long [`Statements::lock`] waits; Redshift has no `NOWAIT` and no `lock_timeout`.
    /// Sent before the transaction.
    pub fn bound_lock_wait(&self, wait_max: Duration) -> String {
        format!("SET statement_timeout TO {}", wait_max.as_millis())
    }

    /// Lets one load at a time past. Always the first statement of the transaction: Redshift takes
    /// its snapshot at the first statement that reads, and a lock taken later guards nothing.
    pub fn lock(&self) -> String {
        format!("LOCK {}", self.ledger())
    }

    /// Creates the ledger, outside the transaction.
    pub fn create_ledger(&self) -> String {
        let ledger = self.ledger();
        format!(
            r#"CREATE TABLE IF NOT EXISTS {ledger} (
    "table_name" VARCHAR(127) NOT NULL,
    "bucket" VARCHAR(255) NOT NULL,
    "object_key" VARCHAR(1024) NOT NULL,
    "etag" VARCHAR(255) NOT NULL,
    "object_bytes" BIGINT NOT NULL,
    "load_id" VARCHAR(36) NOT NULL,
    "loaded_at" TIMESTAMP NOT NULL
) SORTKEY ("object_key")"#
        )
    }

    /// What the ledger knows of these keys: key, entity tag, load.
    pub fn read_ledger<'a>(&self, objects: impl IntoIterator<Item = &'a StoredObject>) -> String {
        let keys = objects.into_iter().map(|object| quote_literal(&object.key));
        let keys = keys.collect::<Vec<_>>().join(",\n");
        format!(
            "SELECT \"object_key\", \"etag\", \"load_id\"\nFROM {}\nWHERE \"table_name\" = {}\n\
             AND \"bucket\" = {}\nAND \"object_key\" IN (\n{keys})",
            self.ledger(),
            quote_literal(&self.target.table),
            quote_literal(&self.bucket),
        )
    }

    /// Creates the table that COPY fills: the target's columns and their NOT NULL, no rows.
    ///
    /// A copy of an IDENTITY column would keep its NOT NULL but number nothing, and COPY would
    /// fail on it; so a table with one is copied by column.
    pub fn create_staging(&self) -> String {
        let staging = quote_identifier(STAGING);
        let table = self.table();
        if self.target.has_identity {
            let columns = self.columns("");
            return format!(
                "CREATE TEMP TABLE {staging} AS\nSELECT {columns}\nFROM {table}\nWHERE 1 = 0"
            );
        }
        format!("CREATE TEMP TABLE {staging} (LIKE {table})")
    }

    /// Loads the objects of a manifest into the staging table. The staging table is read once, so
    /// neither choosing encodings nor counting its values pays.
    pub fn copy(&self, manifest_key: &str, compression: Compression, bad_rows: BadRows) -> String {
        let role = self.iam_role();
        let codec = match compression {
            Compression::Plain => "",
            Compression::Gzip => "GZIP\n",
            Compression::Zstd => "ZSTD\n",
        };
        let errors = match bad_rows {
            BadRows::Fail => String::new(),
            BadRows::Skip => format!("MAXERROR {BAD_ROWS_MAX}\n"),
            BadRows::Look => format!("MAXERROR {BAD_ROWS_MAX}\nNOLOAD\n"),
        };
        format!(
            "COPY {} ({})\nFROM {}\nIAM_ROLE {role}\nMANIFEST\nFORMAT AS JSON 'auto'\n\
             TIMEFORMAT 'auto'\n{codec}{errors}COMPUPDATE OFF\nSTATUPDATE OFF",
            quote_identifier(STAGING),
            self.columns(""),
            quote_literal(&object_url(&self.bucket, manifest_key)),
        )
    }

    /// How many rows are staged, and how many of them have an id; if there is a window, also how
    /// many have a time, and the first and the last day.
    pub fn count_staged(&self) -> String {
        let times = self.window.as_ref().map(|window| {
            let time = quote_identifier(&window.column);
            format!(", COUNT({time}), CAST(MIN({time}) AS DATE), CAST(MAX({time}) AS DATE)")
        });
        format!(
            "SELECT COUNT(*), COUNT({}){}\nFROM {}",
            quote_identifier(&self.target.id_column),
            times.unwrap_or_default(),
            quote_identifier(STAGING),
        )
    }

    /// The days on which staged rows have their times, one more than [`DAYS_MAX`] at most.
    pub fn staged_days(&self, window: &Window) -> String {
        let time = quote_identifier(&window.column);
        format!(
            "SELECT DISTINCT CAST({time} AS DATE)\nFROM {}\nWHERE {time} IS NOT NULL\n\
             ORDER BY 1\nLIMIT {}",
            quote_identifier(STAGING),
            DAYS_MAX + 1,
        )
    }

    /// Inserts one row per id that those parts of the table do not have yet: the first one loaded
    /// stays.
    ///
    /// `NOT EXISTS` does not see doubles among the staged rows themselves; `ROW_NUMBER` does. Each
    /// part is a join of its own with literals as bounds: that is what Redshift skips blocks by.
    pub fn insert_new(&self, parts: &[Part]) -> String {
        let id = quote_identifier(&self.target.id_column);
        let rank = quote_identifier(&self.rank_column());
        let order: Vec<_> =
            self.target.order_by.iter().map(|name| quote_identifier(name)).collect();
        let order = if order.is_empty() { id.clone() } else { order.join(", ") };
        let joins: Vec<_> = parts.iter().map(|part| self.loaded_before(part)).collect();
        format!(
            "INSERT INTO {table} ({columns})\nSELECT {staged_columns}\nFROM (\n\
             SELECT {columns},\nROW_NUMBER() OVER (PARTITION BY {id} ORDER BY {order}) AS {rank}\n\
             FROM {staging}\n) AS staged\nWHERE staged.{rank} = 1\nAND NOT EXISTS {joins}",
            table = self.table(),
            columns = self.columns(""),
            staged_columns = self.columns("staged."),
            staging = quote_identifier(STAGING),
            joins = joins.join("\nAND NOT EXISTS "),
        )
    }

    /// The row that a staged row is a double of, in that part of the table.
    fn loaded_before(&self, part: &Part) -> String {
        let id = quote_identifier(&self.target.id_column);
        let table = self.table();
        let mut sql =
            format!("(\nSELECT 1\nFROM {table} AS loaded\nWHERE loaded.{id} = staged.{id}\n");
        if let Some(window) = &self.window {
            let time = quote_identifier(&window.column);
            let mut add = |condition: &str, day: &str| {
                let day = quote_literal(day);
                sql.push_str(&format!("AND loaded.{time} {condition} {day}\n"));
            };
            match part {
                Part::Everything => {}
                Part::Days { since, before } => {
                    since.iter().for_each(|day| add(">=", day));
                    before.iter().for_each(|day| add("<", day));
                }
                Part::NoTime => sql.push_str(&format!("AND loaded.{time} IS NULL\n")),
            }
        }
        sql.push(')');
        sql
    }

    /// Remembers these objects as loaded.
    pub fn record<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a StoredObject>,
        load_id: Uuid,
        loaded_at: OffsetDateTime,
    ) -> String {
        let table = quote_literal(&self.target.table);
        let bucket = quote_literal(&self.bucket);
        let loaded_at = loaded_at
            .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
            .expect("the format has date and time only");
        let rows: Vec<_> = objects
            .into_iter()
            .map(|object| {
                let key = quote_literal(&object.key);
                let etag = quote_literal(&object.etag);
                let bytes = object.bytes;
                format!("({table}, {bucket}, {key}, {etag}, {bytes}, '{load_id}', '{loaded_at}')")
            })
            .collect();
        format!(
            "INSERT INTO {} (\"table_name\", \"bucket\", \"object_key\", \"etag\", \
             \"object_bytes\", \"load_id\", \"loaded_at\")\nVALUES\n{}",
            self.ledger(),
            rows.join(",\n"),
        )
    }

    /// The bad rows that COPY met in the session of that number, the latest COPY first; or, with
    /// the number of a COPY, those that it met.
    pub fn load_errors(&self, session_id: u64, copy_id: Option<u64>) -> String {
        let of_copy = copy_id.map(|id| format!("\nAND query = {id}")).unwrap_or_default();
        format!(
            "SELECT query, TRIM(filename), line_number, TRIM(colname), TRIM(raw_field_value), \
             TRIM(err_reason), TRIM(raw_line)\nFROM stl_load_errors\n\
             WHERE session = {session_id}{of_copy}\n\
             ORDER BY query DESC, filename, line_number\nLIMIT {BAD_ROWS_MAX}"
        )
    }

    fn columns(&self, qualifier: &str) -> String {
        let columns = self.target.columns.iter();
        let columns = columns.map(|name| format!("{qualifier}{}", quote_identifier(name)));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// A name that no column of the table has.
    fn rank_column(&self) -> String {
        let mut name = "rank_of_id".to_owned();
        while self.target.columns.contains(&name) {
            name.push('_');
        }
        name
    }
}

#[cfg(test)]
#[path = "copy_sql/tests.rs"]
mod tests;
