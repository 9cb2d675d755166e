//! The flags of each group of settings and what they resolve to.
//!
//! A program flattens the groups it heeds into its own `clap` struct. Secrets have no flags: a
//! command line is readable by every user of the machine; they come from the environment or the
//! file.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::environment;
use super::error::SettingsError;
use super::file::SettingsFile;
use super::keys::{self, Key};
use super::secret::Secret;

/// Which settings file.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsArgs {
    /// The settings file; without it ./settings.ini is read if it is there.
    #[arg(long, value_name = "FILE", env = "BLUESHIFT_SETTINGS")]
    pub settings: Option<PathBuf>,
}

impl SettingsArgs {
    /// Reads and checks the file.
    pub fn load(&self) -> Result<SettingsFile, SettingsError> {
        SettingsFile::load(self.settings.as_deref())
    }
}

/// Flags about the AWS account.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct AwsArgs {
    /// AWS region; without any, the SDK's default chain decides.
    #[arg(long, value_name = "REGION", env = "AWS_REGION")]
    pub region: Option<String>,
}

/// Where in AWS, and as whom.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// `None`: the SDK's default chain decides.
    pub region: Option<String>,
    /// Access key id and secret of the settings file; `None`: the SDK's default chain decides.
    pub credentials: Option<(String, Secret)>,
}

impl AwsArgs {
    /// Puts flags, environment and file together.
    ///
    /// Credentials in the environment win over those in the file, as one set (id, secret and
    /// session token), which is what the SDK's chain takes first anyway.
    pub fn resolve(&self, file: &SettingsFile) -> AwsSettings {
        let of_file =
            file.value(&keys::AWS_ACCESS_KEY_ID).zip(file.value(&keys::AWS_SECRET_ACCESS_KEY));
        let of_environment = environment::value(&keys::AWS_ACCESS_KEY_ID);
        AwsSettings {
            region: pick(self.region.as_deref(), file, &keys::AWS_REGION),
            credentials: of_file
                .filter(|_| of_environment.is_none())
                .map(|(id, secret)| (id.to_owned(), Secret::new(secret))),
        }
    }
}

/// Flags about the queue.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct QueueArgs {
    /// Name of the SQS queue that carries the events.
    #[arg(long, value_name = "NAME", env = "AWS_SQS_NAME")]
    pub sqs_name: Option<String>,
    /// Name of the queue for events the table cannot take [default: <SQS_NAME>-dead-letter].
    #[arg(long, value_name = "NAME", env = "AWS_SQS_DEAD_LETTER_NAME")]
    pub sqs_dead_letter_name: Option<String>,
    /// Seconds one long poll waits for messages, 0 to 20 [default: 10].
    #[arg(
        long,
        value_name = "SECONDS",
        env = "AWS_SQS_POLLING_TIMEOUT",
        value_parser = clap::value_parser!(u64).range(0..=20)
    )]
    pub sqs_polling_timeout: Option<u64>,
}

/// The queue that carries the events and the one for those the table cannot take.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// The queue of events.
    pub name: String,
    /// The dead-letter queue.
    pub dead_letter_name: String,
    /// How long one poll waits, at most 20 s.
    pub polling_timeout: Duration,
}

impl QueueArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> Result<QueueSettings, SettingsError> {
        let name = require(self.sqs_name.as_deref(), file, &keys::SQS_NAME, "sqs-name")?;
        let dead_letter_name =
            pick(self.sqs_dead_letter_name.as_deref(), file, &keys::SQS_DEAD_LETTER_NAME)
                .unwrap_or_else(|| format!("{name}-dead-letter"));
        let polling_timeout =
            self.sqs_polling_timeout.unwrap_or_else(|| checked(file, &keys::SQS_POLLING_TIMEOUT));
        Ok(QueueSettings {
            name,
            dead_letter_name,
            polling_timeout: Duration::from_secs(polling_timeout),
        })
    }
}

/// Flags about the bucket.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct BucketArgs {
    /// The S3 bucket.
    #[arg(long, value_name = "NAME", env = "AWS_S3_BUCKET")]
    pub s3_bucket: Option<String>,
    /// Put before every key, for a bucket shared with others, e.g. `pipeline/` [default: none].
    #[arg(long, value_name = "PREFIX", env = "AWS_S3_PREFIX")]
    pub s3_prefix: Option<String>,
}

/// The bucket and what stands before every key in it.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The bucket's name.
    pub bucket: String,
    /// Empty, or ends with a slash.
    pub prefix: String,
}

impl BucketArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> Result<BucketSettings, SettingsError> {
        let bucket = require(self.s3_bucket.as_deref(), file, &keys::S3_BUCKET, "s3-bucket")?;
        let mut prefix =
            pick(self.s3_prefix.as_deref(), file, &keys::S3_PREFIX).unwrap_or_default();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        Ok(BucketSettings { bucket, prefix })
    }
}

/// How the connection to Redshift is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SslMode {
    /// TLS, with the certificate checked against the system's CAs and the host name.
    VerifyFull,
    /// No TLS.
    Disable,
}

/// Flags about Redshift.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct RedshiftArgs {
    /// Redshift's host name. The password comes from REDSHIFT_PASSWORD or the settings file.
    #[arg(long, value_name = "HOST", env = "REDSHIFT_HOST")]
    pub redshift_host: Option<String>,
    /// Redshift's port [default: 5439].
    #[arg(
        long,
        value_name = "PORT",
        env = "REDSHIFT_PORT",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub redshift_port: Option<u16>,
    /// Redshift user.
    #[arg(long, value_name = "USER", env = "REDSHIFT_USER")]
    pub redshift_user: Option<String>,
    /// Redshift database.
    #[arg(long, value_name = "DATABASE", env = "REDSHIFT_DATABASE")]
    pub redshift_database: Option<String>,
    /// TLS towards Redshift [default: disable on the loopback, verify-full elsewhere].
    #[arg(long, value_name = "MODE", env = "REDSHIFT_SSLMODE")]
    pub redshift_sslmode: Option<SslMode>,
    /// The file that declares the table [default: create_table.sql].
    #[arg(long, value_name = "FILE", env = "REDSHIFT_CREATE_TABLE")]
    pub create_table: Option<PathBuf>,
    /// The table, with schema if need be [default: as declared in the CREATE TABLE file].
    #[arg(long, value_name = "TABLE", env = "REDSHIFT_TABLE")]
    pub redshift_table: Option<String>,
    /// The column that identifies an event [default: id].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_ID_COLUMN")]
    pub redshift_id_column: Option<String>,
    /// The column that says when an event happened [default: timestamp].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_TIME_COLUMN")]
    pub redshift_time_column: Option<String>,
    /// The column that names an event [default: event].
    #[arg(long, value_name = "COLUMN", env = "REDSHIFT_EVENT_COLUMN")]
    pub redshift_event_column: Option<String>,
    /// The role COPY assumes: an ARN, several joined by commas, or `default` [default: default].
    #[arg(long, value_name = "ARN", env = "REDSHIFT_ARN_CREDENTIALS")]
    pub redshift_arn_credentials: Option<String>,
}

/// Redshift, the table in it, and which of its columns mean what.
#[derive(Debug, Clone)]
pub struct RedshiftSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password; empty if none is set.
    pub password: Secret,
    /// Database.
    pub database: String,
    /// TLS or not.
    pub sslmode: SslMode,
    /// The role COPY assumes: an ARN or `default`.
    pub iam_role: String,
    /// The table and its columns.
    pub table: TableSettings,
}

/// Which table, and which of its columns mean what. Needs no connection.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// The file with the CREATE TABLE statement.
    pub create_table: PathBuf,
    /// `None`: the name in the CREATE TABLE statement.
    pub name: Option<String>,
    /// One row per value of this column.
    pub id_column: String,
    /// When the event happened.
    pub time_column: String,
    /// The event's name.
    pub event_column: String,
}

impl RedshiftArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> Result<RedshiftSettings, SettingsError> {
        let host =
            require(self.redshift_host.as_deref(), file, &keys::REDSHIFT_HOST, "redshift-host")?;
        let sslmode = self
            .redshift_sslmode
            .or_else(|| {
                let value = file.value(&keys::REDSHIFT_SSLMODE)?;
                Some(SslMode::from_str(value, false).expect("the file was checked"))
            })
            .unwrap_or(if is_loopback(&host) { SslMode::Disable } else { SslMode::VerifyFull });
        let password = environment::value(&keys::REDSHIFT_PASSWORD)
            .or_else(|| file.value(&keys::REDSHIFT_PASSWORD).map(str::to_owned))
            .unwrap_or_default();
        let iam_role =
            pick(self.redshift_arn_credentials.as_deref(), file, &keys::REDSHIFT_ARN_CREDENTIALS);
        Ok(RedshiftSettings {
            host,
            port: self.redshift_port.unwrap_or_else(|| checked(file, &keys::REDSHIFT_PORT)),
            user: require(
                self.redshift_user.as_deref(),
                file,
                &keys::REDSHIFT_USER,
                "redshift-user",
            )?,
            password: Secret::new(password),
            database: require(
                self.redshift_database.as_deref(),
                file,
                &keys::REDSHIFT_DATABASE,
                "redshift-database",
            )?,
            sslmode,
            iam_role: iam_role.unwrap_or_default(),
            table: self.resolve_table(file),
        })
    }

    /// The part about the table, for programs that do not talk to Redshift.
    pub fn resolve_table(&self, file: &SettingsFile) -> TableSettings {
        let column = |flag: &Option<String>, key| {
            pick(flag.as_deref(), file, key).expect("column keys have defaults")
        };
        TableSettings {
            create_table: self.create_table.clone().unwrap_or_else(|| {
                PathBuf::from(checked::<String>(file, &keys::REDSHIFT_CREATE_TABLE))
            }),
            name: pick(self.redshift_table.as_deref(), file, &keys::REDSHIFT_TABLE),
            id_column: column(&self.redshift_id_column, &keys::REDSHIFT_ID_COLUMN),
            time_column: column(&self.redshift_time_column, &keys::REDSHIFT_TIME_COLUMN),
            event_column: column(&self.redshift_event_column, &keys::REDSHIFT_EVENT_COLUMN),
        }
    }
}

impl TableSettings {
    /// The text of the CREATE TABLE file.
    pub fn read_create_table(&self) -> Result<String, SettingsError> {
        std::fs::read_to_string(&self.create_table).map_err(|source| SettingsError::NoCreateTable {
            path: self.create_table.clone(),
            source,
        })
    }
}

/// Flags about events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct EventsArgs {
    /// Average events per second of the generator [default: 10].
    #[arg(long, value_name = "RATE", env = "EVENTS_PER_SEC")]
    pub events_per_sec: Option<f64>,
    /// Polls before a batch is stored in S3 [default: 6].
    #[arg(
        long,
        value_name = "COUNT",
        env = "EVENTS_POLLING_CYCLES",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    pub polling_cycles: Option<u64>,
    /// Names of the events to report, separated by commas.
    #[arg(long, value_name = "NAMES", env = "EVENTS_REPORT_EVENTS")]
    pub report_events: Option<String>,
}

/// Rates, cycles and what to report.
#[derive(Debug, Clone)]
pub struct EventsSettings {
    /// The generator's average rate, above 0.
    pub events_per_sec: f64,
    /// Polls before a batch is stored, 1 or more.
    pub polling_cycles: u32,
    /// Event names, each trimmed and not blank.
    pub report_events: Vec<String>,
}

impl EventsArgs {
    /// Puts flags, environment, file and defaults together.
    pub fn resolve(&self, file: &SettingsFile) -> EventsSettings {
        let cycles: u64 =
            self.polling_cycles.unwrap_or_else(|| checked(file, &keys::EVENTS_POLLING_CYCLES));
        let names = pick(self.report_events.as_deref(), file, &keys::EVENTS_REPORT_EVENTS)
            .expect("report_events has a default");
        EventsSettings {
            events_per_sec: self
                .events_per_sec
                .unwrap_or_else(|| checked(file, &keys::EVENTS_PER_SEC)),
            polling_cycles: u32::try_from(cycles).expect("at most a million"),
            report_events: names
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        }
    }
}

/// Whether a host name means this machine, where Redshift needs no TLS.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Flag or environment (both in `flag`), else file, else default.
fn pick(flag: Option<&str>, file: &SettingsFile, key: &Key) -> Option<String> {
    flag.filter(|value| !value.is_empty())
        .or_else(|| file.value(key))
        .or(key.default)
        .map(str::to_owned)
}

fn require(
    flag: Option<&str>,
    file: &SettingsFile,
    key: &Key,
    flag_name: &str,
) -> Result<String, SettingsError> {
    pick(flag, file, key).ok_or_else(|| SettingsError::Missing {
        section: key.section.name(),
        key: key.name,
        flag: flag_name.to_owned(),
        environment: key.environment(),
    })
}

/// The file's value or the default of a key whose value was checked when the file was read.
fn checked<T: std::str::FromStr>(file: &SettingsFile, key: &Key) -> T {
    let value = pick(None, file, key).expect("the key has a default");
    value.parse().ok().expect("the file and the defaults were checked")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(text: &str) -> SettingsFile {
        SettingsFile::parse(Path::new("settings.ini"), text).expect("fine")
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let written = file("[aws]\nsqs_name = of-file\nsqs_polling_timeout = 3\n");
        let args = QueueArgs { sqs_name: Some("of-flag".to_owned()), ..QueueArgs::default() };
        let queue = args.resolve(&written).expect("complete");
        assert_eq!(queue.name, "of-flag");
        assert_eq!(queue.dead_letter_name, "of-flag-dead-letter");
        assert_eq!(queue.polling_timeout, Duration::from_secs(3));
        let queue = QueueArgs::default().resolve(&written).expect("complete");
        assert_eq!(queue.name, "of-file");
        let events = EventsArgs::default().resolve(&written);
        assert_eq!(events.report_events, ["submission_success", "registration_initiated"]);
    }

    #[test]
    fn what_nobody_gives_is_named_with_all_three_places() {
        let error = BucketArgs::default().resolve(&SettingsFile::default()).expect_err("missing");
        insta::assert_snapshot!(error, @"no s3_bucket is set: give --s3-bucket, the environment variable AWS_S3_BUCKET, or the key s3_bucket in section [aws] of the settings file");
    }

    #[test]
    fn a_prefix_ends_with_one_slash() {
        for (given, expected) in [("", ""), ("a", "a/"), ("a/b/", "a/b/")] {
            let args = BucketArgs {
                s3_bucket: Some("lake".to_owned()),
                s3_prefix: Some(given.to_owned()),
            };
            let bucket = args.resolve(&SettingsFile::default()).expect("complete");
            assert_eq!(bucket.prefix, expected);
        }
    }

    #[test]
    fn tls_is_off_only_on_the_loopback_unless_said_otherwise() {
        let base = "[redshift]\nuser=u\ndatabase=d\n";
        for (host, extra, expected) in [
            ("localhost", "", SslMode::Disable),
            ("127.0.0.1", "", SslMode::Disable),
            ("cluster.example.com", "", SslMode::VerifyFull),
            ("cluster.example.com", "sslmode=disable\n", SslMode::Disable),
        ] {
            let args =
                RedshiftArgs { redshift_host: Some(host.to_owned()), ..RedshiftArgs::default() };
            let redshift = args.resolve(&file(&format!("{base}{extra}"))).expect("complete");
            assert_eq!(redshift.sslmode, expected, "{host} {extra}");
        }
    }
}
