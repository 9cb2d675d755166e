//! Flags, environment, settings file and defaults, checked once.

use std::path::PathBuf;

use clap::Parser;
use events::Table;
use runtime::metrics::MetricsFlags;
use runtime::redshift::{quote_identifier, quote_table};
use runtime::run_record::{Place, RunRecordFlags};
use runtime::schedule::ScheduleFlags;
use runtime::settings::{
    AwsArgs, BucketArgs, CreateTableArgs, EventColumnArgs, EventsArgs, RedshiftArgs,
    RedshiftSettings, SettingsArgs, SettingsFile, TableArgs, TableNameArgs, TableSettings,
    TimeColumnArgs, keys,
};
use runtime::telemetry::OutputArgs;

use crate::error::VisualizeError;
use crate::publish::{self, Target};

/// Shown at the end of `--help`.
const AFTER_HELP: &str = "\
Examples:
  visualize                              draw once into charts/, with ./settings.ini
  visualize --out /srv/charts --report-events signup,login
  visualize --charts-prefix charts       also put all files into the bucket, under charts/
  visualize --schedule '0 */2 * * *'     stay, and draw every two hours

Exit codes:
  0  all charts are drawn and, if asked for, in the bucket; or SIGTERM or SIGINT ended the run
     before that, which the result says
  1  failed; what was drawn before stays, also if the bucket does not take it
  2  the flags are wrong
With --schedule a failing run is logged and the next one tries again; at the end the exit code is
the worst of all runs.";

/// Draw how often events happened, per day and device type
///
/// Runs once and ends; start it from cron or systemd, or give it a --schedule. Asks Redshift once,
/// then draws a grouped bar chart for each event: <EVENT>-<YYYYMMDD-HHMMSS>.png
/// and .svg (the time is UTC). An event without rows gets a picture that says so.
/// report-<YYYYMMDD-HHMMSS>.html has all charts and the counts behind them in one file.
#[derive(Debug, Clone, Parser)]
#[command(name = "visualize", version, after_help = AFTER_HELP)]
pub struct Args {
    /// The directory for the charts; made if it is not there.
    #[arg(long, value_name = "DIR", env = "VISUALIZE_OUT", default_value = "charts")]
    pub out: PathBuf,
    /// The column whose values become the bars of a day.
    #[arg(
        long,
        value_name = "COLUMN",
        env = "VISUALIZE_GROUP_BY",
        default_value = "context_device_type"
    )]
    pub group_by: String,
    /// Names of the events to draw, separated by commas
    /// [default: submission_success, registration_initiated].
    #[arg(long, value_name = "NAMES", env = "EVENTS_REPORT_EVENTS", help_heading = "Settings")]
    pub report_events: Option<String>,
    /// Put all files into the bucket too, under <S3_PREFIX><PREFIX>/ [default: only into the
    /// directory].
    #[arg(long, value_name = "PREFIX", env = "AWS_CHARTS_PREFIX", help_heading = "Settings")]
    pub charts_prefix: Option<String>,
    /// When to run.
    #[command(flatten)]
    pub schedule: ScheduleFlags,
    /// Which settings file.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The AWS account of the bucket.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Where records of runs go, and charts if they are to.
    #[command(flatten)]
    pub bucket: BucketArgs,
    /// Where Redshift is.
    #[command(flatten)]
    pub redshift: RedshiftArgs,
    /// What its table is like.
    #[command(flatten)]
    pub create_table: CreateTableArgs,
    /// The table.
    #[command(flatten)]
    pub table_name: TableNameArgs,
    /// Which column orders events.
    #[command(flatten)]
    pub time_column: TimeColumnArgs,
    /// Which column names events.
    #[command(flatten)]
    pub event_column: EventColumnArgs,
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

/// What to count and where to put the charts.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach Redshift.
    pub redshift: RedshiftSettings,
    /// The table and its columns.
    pub columns: Columns,
    /// The events to draw: at least one, none twice.
    pub events: Vec<String>,
    /// The directory for the charts.
    pub out: PathBuf,
    /// Where they go beside it, if anywhere.
    pub target: Option<Target>,
}

/// The table, and the columns that are counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The table as it stands in SQL, quoted.
    pub table: String,
    /// When an event happened.
    pub time: String,
    /// An event's name.
    pub event: String,
    /// Whose values become the bars of a day.
    pub group: String,
}

impl Args {
    /// Where the records of runs are kept, if anywhere.
    ///
    /// # Errors
    /// If the settings file cannot be read, or the flags ask for a bucket and none is named.
    pub fn record_place(&self) -> Result<Option<Place>, VisualizeError> {
        let file = self.settings.load()?;
        Ok(self.run_records.resolve(&self.aws, &self.bucket, &file)?)
    }

    /// Reads the settings file, and `create_table.sql` unless the table is named in the settings.
    pub fn resolve(&self) -> Result<Config, VisualizeError> {
        let file = self.settings.load()?;
        let redshift = self.redshift.resolve(&file)?;
        let names = EventsArgs { report_events: self.report_events.clone(), ..Default::default() };
        let mut events: Vec<String> = Vec::new();
        for name in names.resolve(&file).report_events {
            if !events.contains(&name) {
                events.push(name);
            }
        }
        if events.is_empty() {
            return Err(VisualizeError::NoEvents);
        }
        let table = TableArgs {
            create_table: self.create_table.clone(),
            name: self.table_name.clone(),
            time_column: self.time_column.clone(),
            event_column: self.event_column.clone(),
            ..TableArgs::default()
        };
        let columns = columns(&table.resolve(&file), &self.group_by)?;
        let target = self.target(&file)?;
        Ok(Config { redshift, columns, events, out: self.out.clone(), target })
    }

    /// Where in the bucket the files go, if anywhere.
    ///
    /// # Errors
    /// If `charts_prefix` is none that files can have, or no bucket is named.
    pub fn target(&self, file: &SettingsFile) -> Result<Option<Target>, VisualizeError> {
        let given = self.charts_prefix.as_deref().filter(|prefix| !prefix.is_empty());
        let Some(given) = given.or_else(|| file.value(&keys::CHARTS_PREFIX)) else {
            return Ok(None);
        };
        let prefix = publish::checked_prefix(given)
            .map_err(|why| VisualizeError::Prefix { prefix: given.to_owned(), why })?;
        let bucket = self.bucket.resolve(file)?;
        let prefix = format!("{}{prefix}", bucket.prefix);
        Ok(Some(Target { aws: self.aws.resolve(file), bucket: bucket.bucket, prefix }))
    }
}

fn columns(settings: &TableSettings, group_by: &str) -> Result<Columns, VisualizeError> {
    let table = match &settings.name {
        Some(name) => quote_table(name),
        None => {
            let table = Table::parse(&settings.read_create_table()?).map_err(|source| {
                VisualizeError::CreateTable { path: settings.create_table.clone(), source }
            })?;
            let flags = [
                ("redshift-time-column", settings.time_column.as_str()),
                ("redshift-event-column", settings.event_column.as_str()),
                ("group-by", group_by),
            ];
            for (flag, column) in flags {
                check_column(&table, flag, column)?;
            }
            let schema = table.schema.map(|schema| quote_identifier(&schema) + ".");
            schema.unwrap_or_default() + &quote_identifier(&table.name)
        }
    };
    Ok(Columns {
        table,
        time: settings.time_column.clone(),
        event: settings.event_column.clone(),
        group: group_by.to_owned(),
    })
}

fn check_column(table: &Table, flag: &'static str, column: &str) -> Result<(), VisualizeError> {
    if table.column(&column.to_lowercase()).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    Err(VisualizeError::NoSuchColumn {
        flag,
        column: column.to_owned(),
        table: table.name.clone(),
        columns: names.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TABLE: &str = "CREATE TABLE lake.\"Clicks\" (id INT, at TIMESTAMP, name TEXT, os TEXT);";

    /// Arguments with a settings file and a CREATE TABLE file in `directory`.
    fn args(directory: &Path, settings: &str, flags: &[&str]) -> Args {
        let settings_path = directory.join("settings.ini");
        let create_table = directory.join("create_table.sql");
        std::fs::write(&settings_path, settings).unwrap();
        std::fs::write(&create_table, TABLE).unwrap();
        let paths = ["--settings".as_ref(), settings_path.as_os_str()];
        let paths = paths.into_iter().chain(["--create-table".as_ref(), create_table.as_os_str()]);
        let program: [&std::ffi::OsStr; 1] = ["visualize".as_ref()];
        let flags = flags.iter().map(AsRef::as_ref);
        Args::try_parse_from(program.into_iter().chain(paths).chain(flags)).unwrap()
    }

    const SETTINGS: &str = "\
[redshift]
host = localhost
user = awsuser
database = dev
time_column = at
event_column = name
[events]
report_events = a, b,a ,
";

    #[test]
    fn the_settings_file_says_what_to_draw_and_a_flag_wins() {
        let directory = tempfile::tempdir().unwrap();
        let config = args(directory.path(), SETTINGS, &["--group-by", "os"]).resolve().unwrap();
        assert_eq!(config.events, ["a", "b"], "each once");
        assert_eq!(config.columns.table, r#""lake"."clicks""#, "Redshift folds names");
        assert_eq!(config.columns.time, "at");
        assert_eq!(config.out, Path::new("charts"));
        let flags =
            ["--report-events", "c", "--redshift-table", "x.y", "--out", "/tmp/x", "--group-by=z"];
        let config = args(directory.path(), SETTINGS, &flags).resolve().unwrap();
        assert_eq!(config.events, ["c"]);
        assert_eq!(config.columns.table, r#""x"."y""#);
        assert_eq!(config.columns.group, "z", "of another table nothing is known");
        assert_eq!(config.out, Path::new("/tmp/x"));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_before_redshift_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |flags: &[&str]| {
            args(directory.path(), SETTINGS, flags)
                .resolve()
                .unwrap_err()
                .to_string()
                .replace("; ", ";\n")
        };
        insta::assert_snapshot!(refused(&[]), @r"
        table clicks has no column context_device_type (--group-by);
        its columns are id, at, name, os
        ");
        let no_names = ["--group-by", "os", "--report-events", ","];
        insta::assert_snapshot!(refused(&no_names), @r"
        there is no event to draw: report_events names none
        ");
    }

    #[test]
    fn charts_go_into_the_bucket_only_if_told_to() {
        let directory = tempfile::tempdir().unwrap();
        let target = |flags: &[&str]| {
            let flags = [&["--group-by", "os"], flags].concat();
            args(directory.path(), SETTINGS, &flags).resolve().map(|config| config.target)
        };
        let lake = "--s3-bucket=lake";
        assert!(target(&[lake]).unwrap().is_none());
        assert!(target(&[lake, "--charts-prefix="]).unwrap().is_none(), "blank is not set");
        let given = target(&[lake, "--s3-prefix=a", "--charts-prefix=charts"]).unwrap().unwrap();
        assert_eq!((given.bucket.as_str(), given.prefix.as_str()), ("lake", "a/charts/"));
        let refused = |flags| target(flags).unwrap_err().to_string();
        assert!(refused(&["--charts-prefix=charts"]).starts_with("no s3_bucket is set"));
        insta::assert_snapshot!(refused(&[lake, "--charts-prefix=events/x"]), @r#"charts_prefix (--charts-prefix) is "events/x": events, archive, manifests, rejected and runs are for other objects"#);
    }

    #[test]
    fn the_flags_are_consistent() {
        let command = <Args as clap::CommandFactory>::command();
        command.clone().debug_assert();
        for flag in ["redshift-id-column", "redshift-arn-credentials"] {
            assert!(command.get_arguments().all(|arg| arg.get_long() != Some(flag)), "{flag}");
        }
    }
}
