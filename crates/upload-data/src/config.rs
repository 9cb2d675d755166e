//! Flags, settings and the table, put together and checked before anything is touched.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use events::schema::{ColumnType, Table};
use runtime::metrics::MetricsFlags;
use runtime::run_record::{Place, RunRecordFlags};
use runtime::schedule::ScheduleFlags;
use runtime::settings::{
    AwsArgs, AwsSettings, BucketArgs, BucketSettings, CopyArgs, CreateTableArgs, IdColumnArgs,
    RedshiftArgs, RedshiftSettings, SettingsArgs, TableArgs, TableNameArgs, TableSettings,
    TimeColumnArgs, keys,
};
use runtime::telemetry::OutputArgs;

use crate::archive::AfterLoad;
use crate::copy_sql::{LEDGER, STAGING, Statements, Target};
use crate::pending::LoadLimits;
use crate::window::Window;

/// Shown at the end of `--help`.
const AFTER_HELP: &str = "\
Examples:
  upload-data                              load once, with ./settings.ini
  upload-data --schedule '*/5 * * * *'     stay, and load every five minutes
  upload-data --dry-run                    show the objects and the SQL, change nothing

Words:
  object    a file in S3: a batch of events, as consume-events stored it
  ledger    load_ledger, a table beside the target that says which objects were loaded; every load
            locks it first, so that runs wait for each other
  COPY      Redshift's own command that reads objects; here into a temporary table, from which new
            events go to the target, and the objects' keys to the ledger, in one transaction

Permissions (run-pipeline doctor tries them all):
  bucket    s3:ListBucket, GetObject, PutObject, DeleteObject; s3:AbortMultipartUpload for objects
            of more than 5 GB
  redshift  SELECT and INSERT on the table; TEMP in the database; CREATE in the table's schema, the
            first time, for the ledger; if somebody else made the ledger: SELECT, INSERT and UPDATE
            on it (nothing is updated, but LOCK asks for that right)
  role      of COPY, arn_credentials: s3:GetObject and s3:ListBucket on the bucket

Limits of time:
  S3        30 seconds for each of three attempts of a call; more for copies of gigabytes
  Redshift  60 seconds to log in; --lock-wait for other runs; a statement, such as COPY, may take as
            long as Redshift lets it (statement_timeout, WLM)
  a stop    SIGTERM or SIGINT: --stop-grace for Redshift and for copies in S3, 5 seconds for every
            other answer; then nothing is begun any more, so that it ends within --stop-grace and
            20 seconds more, whatever does not answer. Loaded objects that are still in
            <s3_prefix>events/ are for the next run to put away. A second signal ends it at once,
            with exit code 143 or 130; then the next run completes what was begun, as after a kill. If it is killed while it moves an object of more than 5 GB,
            parts are left for a lifecycle rule with AbortIncompleteMultipartUpload to remove

Exit codes:
  0  everything that waited is loaded; or SIGTERM or SIGINT ended the run between two loads, while
     it waited for another run, or while it put loaded objects away, which the result says
  1  failed: nothing of the failed load is in the table, and the next run starts over (if the answer
     to COMMIT was lost, it finds out); so also if another run was loading for longer than
     --lock-wait, or a stop for longer than --stop-grace
  2  the flags are wrong
  4  loaded, but a human should look: <s3_prefix>rejected/ has objects that COPY refuses, in whole
     or for some rows, and, as <KEY>.errors.json, the reasons; or S3 refuses to hand objects to
     COPY, or to move them, so that they stay in <s3_prefix>events/. A repaired object is loaded
     when it lies under <s3_prefix>events/ again; what of it is in the table is not doubled
With --schedule a failing run is logged and the next one tries again; at the end the exit code is
the worst of all runs.";

/// Loads the objects under `<s3_prefix>events/` into Redshift, each event exactly once, and moves
/// them to `<s3_prefix>archive/`.
///
/// Runs once and ends; start it from cron, systemd or EventBridge, or give it a --schedule. Runs may
/// overlap: they wait for each other. Whatever is interrupted, the next run completes.
#[derive(Debug, Parser)]
#[command(name = "upload-data", version, after_help = AFTER_HELP)]
pub struct Args {
    /// What becomes of objects once they are loaded [default: archive].
    #[arg(long, value_name = "WHAT", env = "AWS_AFTER_LOAD")]
    pub after_load: Option<AfterLoad>,
    /// Days before and after the times of new events in which the table is searched for their ids,
    /// or `unlimited`. What is redelivered is found in any case, because it has the same time; days
    /// are for senders that send an id again with another time [default: 7].
    #[arg(long, value_name = "DAYS", env = "REDSHIFT_DUPLICATE_WINDOW_DAYS")]
    pub duplicate_window_days: Option<WindowDays>,
    /// Seconds to wait for another run that is loading; then this one fails, and changes nothing.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "UPLOAD_LOCK_WAIT",
        default_value = "300",
        value_parser = clap::value_parser!(u32).range(1..=2_000_000)
    )]
    pub lock_wait: u32,
    /// Seconds that Redshift has after SIGTERM or SIGINT to finish the load in hand. Then the
    /// statement is cancelled and the connection closed; nothing of that load is in the table, and
    /// the next run starts it over, unless COMMIT was sent: then the ledger tells the next run. After
    /// this time no call of S3 is begun either, and those under way have five seconds. Whoever may
    /// kill the program should wait half a minute longer: of their defaults, systemd's 90 seconds are
    /// enough, Docker's 10 and Kubernetes' 30 are not.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "UPLOAD_STOP_GRACE",
        default_value = "20",
        value_parser = clap::value_parser!(u32).range(0..=86_400)
    )]
    pub stop_grace: u32,
    /// Objects in one COPY at most; if there are more, several transactions follow each other.
    #[arg(
        long,
        value_name = "COUNT",
        env = "UPLOAD_OBJECTS_MAX",
        default_value = "5000",
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    pub objects_max: u32,
    /// Bytes in one COPY at most, as stored; an object that is larger is loaded alone.
    #[arg(
        long,
        value_name = "BYTES",
        env = "UPLOAD_BYTES_MAX",
        default_value = "1073741824",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub bytes_max: u64,
    /// Bad objects that are set aside although COPY took no row of any other in the same run. If more
    /// are bad, and none is good, the table may be to blame: the run fails and moves nothing. Beside
    /// a good object, any number is set aside [default: 10, but 1 if all rows of all of them are
    /// refused at one and the same column, as it is when that column of the table was changed].
    #[arg(long, value_name = "COUNT", env = "UPLOAD_REJECTS_MAX")]
    pub rejects_max: Option<u32>,
    /// Print the objects and the SQL of the next load, and change nothing.
    #[arg(long, conflicts_with = "schedule")]
    pub dry_run: bool,
    /// When to run.
    #[command(flatten)]
    pub schedule: ScheduleFlags,
    /// The settings file.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The AWS account.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// The bucket.
    #[command(flatten)]
    pub bucket: BucketArgs,
    /// The warehouse.
    #[command(flatten)]
    pub redshift: RedshiftArgs,
    /// What it is like.
    #[command(flatten)]
    pub create_table: CreateTableArgs,
    /// The table.
    #[command(flatten)]
    pub table_name: TableNameArgs,
    /// What tells its rows apart.
    #[command(flatten)]
    pub id_column: IdColumnArgs,
    /// What orders its rows.
    #[command(flatten)]
    pub time_column: TimeColumnArgs,
    /// How COPY may read the bucket.
    #[command(flatten)]
    pub copy: CopyArgs,
    /// Logs and result.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Records of runs.
    #[command(flatten)]
    pub run_records: RunRecordFlags,
    /// Figures.
    #[command(flatten)]
    pub metrics: MetricsFlags,
}

/// How far from the time of an event its id is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowDays {
    /// So many days.
    Days(u32),
    /// In the whole table.
    Unlimited,
}

impl FromStr for WindowDays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        text.parse().map(Self::Days).map_err(|_| "not a whole number of days or unlimited".into())
    }
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where in AWS, and as whom.
    pub aws: AwsSettings,
    /// Where the objects are.
    pub bucket: BucketSettings,
    /// Where the table is.
    pub redshift: RedshiftSettings,
    /// The SQL, with names and role filled in.
    pub statements: Statements,
    /// What becomes of objects once they are loaded.
    pub after_load: AfterLoad,
    /// How long another load may hold the ledger.
    pub lock_wait: Duration,
    /// How long Redshift has, after a stop, to finish the load in hand, and S3 to copy; nothing is
    /// begun after it.
    pub stop_grace: Duration,
    /// How much one load takes at most.
    pub limits: LoadLimits,
    /// Bad objects that are set aside although none is good in the same run, if that was said.
    pub rejects_max: Option<u64>,
}

/// What the settings say about the table that its CREATE TABLE does not bear out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A setting names a column that is not there.
    #[error("{setting} is {column:?}, but table {table} has no such column; it has {columns}")]
    NoColumn {
        /// The key in section [redshift].
        setting: &'static str,
        /// What it says.
        column: String,
        /// The table.
        table: String,
        /// The columns there are.
        columns: String,
    },
    /// The table has the name of one that the upload makes for itself.
    #[error("the table to load into cannot be called {name}: the upload needs that name")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The name has more parts than schema and table.
    #[error("table is {name:?}, not a table or schema.table")]
    BadName {
        /// What the setting says.
        name: String,
    },
    /// COPY would take it for a role, or refuse it and show it in its error.
    #[error(
        "arn_credentials in [redshift] is no role: it is `default`, the ARN of a role, or several \
         ARNs of a chain joined by commas without blanks"
    )]
    BadRole,
}

impl Args {
    /// Where the records of runs are kept, if anywhere.
    ///
    /// # Errors
    /// If the settings file cannot be read.
    pub fn record_place(&self) -> anyhow::Result<Option<Place>> {
        let file = self.settings.load()?;
        Ok(self.run_records.resolve(&self.aws, &self.bucket, &file)?)
    }

    /// Reads the settings file and the CREATE TABLE file and checks all of it.
    pub fn resolve(&self) -> anyhow::Result<Config> {
        let file = self.settings.load()?;
        let bucket = self.bucket.resolve(&file)?;
        let redshift = self.redshift.resolve(&file)?;
        let settings = TableArgs {
            create_table: self.create_table.clone(),
            name: self.table_name.clone(),
            id_column: self.id_column.clone(),
            time_column: self.time_column.clone(),
            ..TableArgs::default()
        };
        let settings = settings.resolve(&file);
        let sql = settings.read_create_table()?;
        let table = Table::parse(&sql)
            .with_context(|| format!("read table from {}", settings.create_table.display()))?;
        let target = target(&table, &settings)?;
        let iam_role = self.copy.resolve(&file);
        check_role(&iam_role)?;
        let after_load = self.after_load.unwrap_or_else(|| {
            let written = file.value(&keys::AFTER_LOAD).unwrap_or("archive");
            AfterLoad::from_str(written, false).expect("the file was checked")
        });
        let days = self.duplicate_window_days.unwrap_or_else(|| {
            let written = file.value(&keys::REDSHIFT_DUPLICATE_WINDOW_DAYS);
            let default = keys::REDSHIFT_DUPLICATE_WINDOW_DAYS.default.expect("it has one");
            written.unwrap_or(default).parse().expect("the file was checked")
        });
        let window = window(&table, &settings, days);
        Ok(Config {
            aws: self.aws.resolve(&file),
            statements: Statements::new(target, bucket.bucket.clone(), iam_role).within(window),
            bucket,
            redshift,
            after_load,
            lock_wait: Duration::from_secs(self.lock_wait.into()),
            stop_grace: Duration::from_secs(self.stop_grace.into()),
            limits: LoadLimits {
                objects_max: self.objects_max as usize,
                bytes_max: self.bytes_max,
            },
            rejects_max: self.rejects_max.map(u64::from),
        })
    }
}

/// The table to load into, as the CREATE TABLE file declares it and the settings name it.
fn target(table: &Table, settings: &TableSettings) -> Result<Target, TargetError> {
    let (schema, name) = match &settings.name {
        Some(name) => split(name)?,
        None => (table.schema.clone(), table.name.clone()),
    };
    if [LEDGER, STAGING].contains(&name.as_str()) {
        return Err(TargetError::Reserved { name });
    }
    let id_column = column(table, "id_column", &settings.id_column)?;
    let time_column = column(table, "time_column", &settings.time_column)?;
    let filled: Vec<_> = table.columns.iter().filter(|column| !column.identity).collect();
    let others = filled
        .iter()
        .filter(|column| has_order(column.column_type))
        .map(|column| column.name.clone())
        .filter(|name| *name != id_column && *name != time_column);
    Ok(Target {
        schema,
        table: name,
        columns: filled.iter().map(|column| column.name.clone()).collect(),
        order_by: std::iter::once(time_column.clone()).chain(others).collect(),
        id_column,
        has_identity: filled.len() < table.columns.len(),
    })
}

/// `None` if ids are looked for in the whole table: that is the setting, or the column that orders
/// the events is not one of days.
fn window(table: &Table, settings: &TableSettings, days: WindowDays) -> Option<Window> {
    let column = table.column(&settings.time_column.to_lowercase())?;
    match (days, column.column_type) {
        (
            WindowDays::Days(days),
            ColumnType::Date | ColumnType::Timestamp | ColumnType::TimestampTz,
        ) => Some(Window { column: column.name.clone(), days }),
        _ => None,
    }
}

/// Refuses what is no role; without showing it, because it may well be a key.
fn check_role(iam_role: &str) -> Result<(), TargetError> {
    let is_arn = |arn: &str| arn.starts_with("arn:") && !arn.contains(char::is_whitespace);
    if iam_role.eq_ignore_ascii_case("default") || iam_role.split(',').all(is_arn) {
        return Ok(());
    }
    Err(TargetError::BadRole)
}

/// `schema.table` or `table`, folded to lower case as Redshift folds names.
fn split(name: &str) -> Result<(Option<String>, String), TargetError> {
    let parts: Vec<_> = name.split('.').map(|part| part.trim().to_lowercase()).collect();
    match parts.as_slice() {
        [table] if !table.is_empty() => Ok((None, table.clone())),
        [schema, table] if !schema.is_empty() && !table.is_empty() => {
            Ok((Some(schema.clone()), table.clone()))
        }
        _ => Err(TargetError::BadName { name: name.to_owned() }),
    }
}

fn column(table: &Table, setting: &'static str, name: &str) -> Result<String, TargetError> {
    let folded = name.to_lowercase();
    match table.column(&folded) {
        Some(column) if !column.identity => Ok(folded),
        _ => {
            let columns: Vec<_> = table.columns.iter().map(|it| it.name.as_str()).collect();
            Err(TargetError::NoColumn {
                setting,
                column: name.to_owned(),
                table: table.name.clone(),
                columns: columns.join(", "),
            })
        }
    }
}

/// Whether `ORDER BY` takes the type.
fn has_order(column_type: ColumnType) -> bool {
    !matches!(column_type, ColumnType::Super | ColumnType::Varbyte(_) | ColumnType::Opaque(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: Option<&str>, id_column: &str) -> TableSettings {
        TableSettings {
            create_table: "create_table.sql".into(),
            name: name.map(str::to_owned),
            id_column: id_column.to_owned(),
            time_column: "at".to_owned(),
            event_column: "event".to_owned(),
        }
    }

    fn table() -> Table {
        Table::parse(
            "CREATE TABLE app.clicks (number BIGINT IDENTITY(1, 1), id VARCHAR(36) NOT NULL,
             properties SUPER, event VARCHAR(32), at TIMESTAMP SORTKEY)",
        )
        .unwrap()
    }

    #[test]
    fn the_target_leaves_out_what_redshift_fills_and_orders_by_what_has_an_order() {
        let target = target(&table(), &settings(None, "ID")).unwrap();
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = Target {
            schema: Some("app".to_owned()),
            table: "clicks".to_owned(),
            columns: names(&["id", "properties", "event", "at"]),
            id_column: "id".to_owned(),
            order_by: names(&["at", "event"]),
            has_identity: true,
        };
        assert_eq!(target, expected);
    }

    #[test]
    fn the_settings_may_name_another_table() {
        for (name, expected) in [
            ("Other", Ok((None, "other"))),
            ("lab.events", Ok((Some("lab"), "events"))),
            ("load_ledger", Err("cannot be called load_ledger: the upload needs that name")),
            ("x.blueshift_staging", Err("cannot be called blueshift_staging")),
            ("a.b.c", Err(r#"table is "a.b.c", not a table or schema.table"#)),
            ("a.", Err("not a table or schema.table")),
        ] {
            let found = target(&table(), &settings(Some(name), "id"));
            match (found, expected) {
                (Ok(target), Ok((schema, table))) => {
                    assert_eq!((target.schema.as_deref(), &*target.table), (schema, table));
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_column_that_is_not_there_is_named_with_those_that_are() {
        let error = target(&table(), &settings(None, "uuid")).unwrap_err();
        insta::assert_snapshot!(error, @r#"id_column is "uuid", but table clicks has no such column; it has number, id, properties, event, at"#);
        target(&table(), &settings(None, "number")).unwrap_err();
    }

    #[test]
    fn ids_are_looked_for_within_days_only_if_the_column_has_days() {
        let window = |column: &str, days| {
            let settings = TableSettings { time_column: column.to_owned(), ..settings(None, "id") };
            window(&table(), &settings, days).map(|window| (window.column, window.days))
        };
        assert_eq!(window("AT", WindowDays::Days(7)), Some(("at".to_owned(), 7)));
        assert_eq!(window("at", WindowDays::Unlimited), None);
        assert_eq!(window("number", WindowDays::Days(7)), None);
        for (text, expected) in [
            ("0", Some(WindowDays::Days(0))),
            ("unlimited", Some(WindowDays::Unlimited)),
            ("-1", None),
            ("a week", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_role_is_refused_and_not_shown() {
        for role in ["default", "DEFAULT", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a,arn:b"] {
            assert_eq!(check_role(role), Ok(()), "{role}");
        }
        let keys = "aws_access_key_id=AKIA;aws_secret_access_key=secret";
        for role in ["", "role/a", "arn:a, arn:b", "arn:a,", keys] {
            let error = check_role(role).unwrap_err().to_string();
            assert!(error.starts_with("arn_credentials") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_flags_are_well_formed_and_all_are_heeded() {
        use clap::CommandFactory;
        Args::command().debug_assert();
        let command = Args::command();
        assert!(command.get_arguments().all(|arg| arg.get_long() != Some("redshift-event-column")));
    }
}
