//! The flags of each group of settings and what they resolve to.
//!
//! A program flattens the groups it heeds into its own `clap` struct. Secrets have no flags: a
//! command line is readable by every user of the machine; they come from the environment or the
//! file.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

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
    ///
    /// Credentials have no flags: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else
    /// from the settings file, else from the SDK's chain (~/.aws, roles). AWS_ENDPOINT_URL leads to
    /// another place than AWS; `blueshift up` prints all of these for a local one.
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
    /// The S3 bucket: of events, of what was loaded or rejected, and of the records of runs.
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
        if !may_be_bucket(&bucket) {
            return Err(SettingsError::NotABucket { bucket });
        }
        let mut prefix =
            pick(self.s3_prefix.as_deref(), file, &keys::S3_PREFIX).unwrap_or_default();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        Ok(BucketSettings { bucket, prefix })
    }
}

/// Whether a bucket may have that name (S3 User Guide, "General purpose bucket naming rules"). Those
/// of us-east-1 from before March 2018 may be longer, and have upper-case letters and underscores.
fn may_be_bucket(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (3..=255).contains(&name.len()) && name.bytes().all(is_allowed)
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

/// Flag or environment (both in `flag`), else file, else default.
pub(super) fn pick(flag: Option<&str>, file: &SettingsFile, key: &Key) -> Option<String> {
    flag.filter(|value| !value.is_empty())
        .or_else(|| file.value(key))
        .or(key.default)
        .map(str::to_owned)
}

pub(super) fn require(
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
pub(super) fn checked<T: std::str::FromStr>(file: &SettingsFile, key: &Key) -> T {
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
    fn what_no_bucket_can_be_called_is_refused_before_s3_is_asked() {
        for (name, expected) in [
            ("lake", true),
            ("my.lake-1", true),
            ("Old_Bucket", true),
            ("b2", false),
            ("s3://lake", false),
            ("lake/events", false),
            ("lake ", false),
        ] {
            let args = BucketArgs { s3_bucket: Some(name.to_owned()), s3_prefix: None };
            let bucket = args.resolve(&SettingsFile::default());
            assert_eq!(bucket.is_ok(), expected, "{name}: {bucket:?}");
        }
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
}
