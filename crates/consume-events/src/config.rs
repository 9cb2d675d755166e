//! Flags, environment and settings file, turned once into a checked [`Config`].

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};
use runtime::metrics::MetricsFlags;
use runtime::settings::{
    AwsArgs, AwsSettings, BucketArgs, BucketSettings, CreateTableArgs, EventsArgs, IdColumnArgs,
    Key, QueueArgs, QueueSettings, SettingsArgs, SettingsError, SettingsFile, TableArgs,
    TableSettings, keys,
};
use runtime::telemetry::OutputArgs;

use crate::batch::BatchLimits;
use crate::in_flight::IN_FLIGHT_MAX;
use crate::object::Compression;

/// The longest that SQS hides a message (API Reference, "ReceiveMessage": 12 hours).
const VISIBILITY_TIMEOUT_MAX: Duration = Duration::from_secs(43_200);

/// The shortest that we hide a message unless told otherwise.
const VISIBILITY_TIMEOUT_MIN: Duration = Duration::from_secs(30);

/// A message is ours for so many times as long as its batch may take to fill: the rest is for
/// waiting behind the batch before it, for S3, and for the deletes.
const VISIBILITY_PER_AGE: u32 = 3;

/// The age limit when the settings multiply to nothing (`sqs_polling_timeout = 0`).
const AGE_MIN: Duration = Duration::from_secs(1);

/// One open batch and one that is being stored never hold more than this process may hold.
const BATCH_EVENTS_MAX: u64 = IN_FLIGHT_MAX as u64 / 2;

/// An object of this size compresses to what COPY loads well in one piece.
const BATCH_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// What to do when the dead-letter queue is the queue itself.
pub(crate) const ANOTHER_QUEUE: &str =
    "name another one with --sqs-dead-letter-name, or leave it out: <SQS_NAME>-dead-letter";

/// Moves events from SQS to S3, one compressed object per batch.
///
/// Every message is checked against the table; one that the table could not take goes to the
/// dead-letter queue with the reason: its body as it came, without message attributes of its
/// sender, which nothing here reads. A message is deleted only after S3 has confirmed the object
/// that holds it, so nothing is lost whenever this program is killed. Any number of these may
/// share one queue. SIGTERM or SIGINT: stores what is open, then ends.
#[derive(Debug, Clone, Parser)]
#[command(name = "consume-events", version)]
pub struct Args {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    aws: AwsArgs,
    #[command(flatten)]
    queue: QueueArgs,
    #[command(flatten)]
    bucket: BucketArgs,
    #[command(flatten)]
    create_table: CreateTableArgs,
    #[command(flatten)]
    id_column: IdColumnArgs,
    #[command(flatten)]
    consume: ConsumeArgs,
    /// About logs and the result.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Where figures are served.
    #[command(flatten)]
    pub metrics: MetricsFlags,
}

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Consuming")]
struct ConsumeArgs {
    /// Long polls at once. Each may bring 10 messages of up to 1 MiB, which SQS allows: a flood of
    /// the largest takes up to 30 MiB of memory per poller, usual events less than 1 MiB. With the
    /// 40 MiB of the program itself that is 160 MiB at most by default, whatever waits in the queue.
    #[arg(
        long,
        value_name = "COUNT",
        env = "EVENTS_POLLERS",
        default_value_t = 4,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=256)
    )]
    pollers: usize,
    /// Stop when the queue is empty, messages in flight with other consumers included, and
    /// everything is stored.
    #[arg(long)]
    until_empty: bool,
    /// Polls of SQS_POLLING_TIMEOUT seconds before a batch is stored [default: 6].
    #[arg(
        long,
        value_name = "COUNT",
        env = "EVENTS_POLLING_CYCLES",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000)
    )]
    polling_cycles: Option<u64>,
    /// Seconds after its first event that a batch is stored, instead of polling cycles times
    /// polling timeout.
    #[arg(long, value_name = "SECONDS", env = "EVENTS_BATCH_AGE_MAX", value_parser = seconds)]
    batch_age_max: Option<Duration>,
    /// Events after which a batch is stored, 10 to 20000 [default: 20000].
    #[arg(
        long,
        visible_alias = "batch-events",
        value_name = "COUNT",
        env = "EVENTS_BATCH_EVENTS_MAX",
        value_parser = RangedU64ValueParser::<usize>::new().range(10..=BATCH_EVENTS_MAX)
    )]
    batch_events_max: Option<usize>,
    /// Bytes, before compression, after which a batch is stored, 1024 to 4294967296
    /// [default: 16777216]. Memory does not grow with it: large objects go to S3 in parts.
    #[arg(
        long,
        visible_alias = "batch-bytes",
        value_name = "BYTES",
        env = "EVENTS_BATCH_BYTES_MAX",
        value_parser = RangedU64ValueParser::<usize>::new().range(1_024..=BATCH_BYTES_MAX)
    )]
    batch_bytes_max: Option<usize>,
    /// How objects are compressed; upload-data reads both [default: gzip].
    #[arg(long, value_name = "FORMAT", env = "AWS_COMPRESSION")]
    compression: Option<Compression>,
    /// Seconds that a received message is hidden from other consumers; more than the age at which
    /// a batch is stored [default: three times that age, at least 30].
    #[arg(
        long,
        value_name = "SECONDS",
        env = "EVENTS_VISIBILITY_TIMEOUT",
        value_parser = clap::value_parser!(u64).range(1..=VISIBILITY_TIMEOUT_MAX.as_secs())
    )]
    visibility_timeout: Option<u64>,
    /// Seconds to try on with S3 and SQS after a stop, if they do not answer, before the messages
    /// are given back. A call under way has 5 seconds more. However slow they are, all ends within
    /// 30 seconds after that; what is not stored, deleted or given back by then comes again after
    /// --visibility-timeout.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "EVENTS_STOP_TIMEOUT",
        default_value = "20",
        value_parser = seconds
    )]
    stop_timeout: Duration,
}

/// Everything a run needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Account, queues and table.
    pub shared: Shared,
    /// The bucket.
    pub bucket: BucketSettings,
    /// Long polls at once, 1 to 256.
    pub poller_count: usize,
    /// When a batch is stored.
    pub limits: BatchLimits,
    /// How objects are compressed.
    pub compression: Compression,
    /// How long a received message is ours; longer than `limits.age_max`, at most 12 hours.
    pub visibility_timeout: Duration,
    /// Stop when there is nothing left.
    pub until_empty: bool,
    /// How long a stop waits for services that do not answer.
    pub stop_timeout: Duration,
    /// Whether a terminal may show a line of progress: not if it belongs to others too.
    pub show_progress: bool,
}

/// What all parts of the program need to know.
#[derive(Debug, Clone)]
pub struct Shared {
    /// Where in AWS, and as whom.
    pub aws: AwsSettings,
    /// The queues.
    pub queue: QueueSettings,
    /// The table that the events must fit.
    pub table: TableSettings,
}

/// Why the settings do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One setting alone is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The dead-letter queue is the queue itself: what is moved there would come back for ever.
    #[error("the dead-letter queue is {name}, the queue of events itself")]
    OneQueue {
        /// The name given twice.
        name: String,
    },
    /// A batch would be older than its messages can be hidden.
    #[error(
        "a batch would be stored after {age_max:?}, but SQS hides a message for {longest:?} at most"
    )]
    AgeTooLong {
        /// The age asked for.
        age_max: Duration,
        /// The longest visibility timeout.
        longest: Duration,
    },
    /// Messages would come back before their batch is stored.
    #[error(
        "the visibility timeout of {visibility_timeout:?} is over before a batch is stored, which \
         is after {age_max:?}"
    )]
    VisibilityTooShort {
        /// The visibility timeout asked for.
        visibility_timeout: Duration,
        /// The age of a batch.
        age_max: Duration,
    },
}

impl ConfigError {
    /// What the user can do, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OneQueue { .. } => Some(ANOTHER_QUEUE),
            Self::Settings(error) => error.hint(),
            Self::AgeTooLong { .. } => {
                Some("store batches sooner: --batch-age-max SECONDS, or fewer --polling-cycles")
            }
            Self::VisibilityTooShort { .. } => Some(
                "hide messages for longer than a batch fills: raise --visibility-timeout, or lower \
                 --batch-age-max; without the first it is three times the second",
            ),
        }
    }
}

impl Args {
    /// Puts flags, environment, file and defaults together and checks that they fit.
    ///
    /// # Errors
    /// If a setting is missing or wrong, or two contradict each other.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        let file = self.settings.load()?;
        let shared = self.shared(&file)?;
        let events =
            EventsArgs { polling_cycles: self.consume.polling_cycles, ..EventsArgs::default() };
        let cycles = events.resolve(&file).polling_cycles;
        let consume = &self.consume;
        let age_max = consume
            .batch_age_max
            .or_else(|| file.value(&keys::EVENTS_BATCH_AGE_MAX).and_then(|it| seconds(it).ok()))
            .unwrap_or_else(|| shared.queue.polling_timeout.saturating_mul(cycles).max(AGE_MIN));
        let asked = consume.visibility_timeout.map(Duration::from_secs);
        Ok(Config {
            visibility_timeout: visibility_timeout(asked, age_max)?,
            shared,
            bucket: self.bucket.resolve(&file)?,
            poller_count: consume.pollers,
            limits: BatchLimits {
                events_max: consume
                    .batch_events_max
                    .unwrap_or_else(|| checked(&file, &keys::EVENTS_BATCH_EVENTS_MAX)),
                bytes_max: consume
                    .batch_bytes_max
                    .unwrap_or_else(|| checked(&file, &keys::EVENTS_BATCH_BYTES_MAX)),
                age_max,
            },
            compression: consume.compression.unwrap_or_else(|| {
                let name: String = checked(&file, &keys::COMPRESSION);
                Compression::from_str(&name, false).expect("the file was checked")
            }),
            until_empty: consume.until_empty,
            stop_timeout: consume.stop_timeout,
            show_progress: true,
        })
    }
}

impl Args {
    /// What looking after dead letters needs of it.
    ///
    /// # Errors
    /// If a setting is missing or wrong.
    pub fn resolve_shared(&self) -> Result<Shared, ConfigError> {
        self.shared(&self.settings.load()?)
    }

    /// The bucket alone.
    ///
    /// # Errors
    /// If a setting is missing or wrong.
    pub fn resolve_bucket(&self) -> Result<BucketSettings, ConfigError> {
        Ok(self.bucket.resolve(&self.settings.load()?)?)
    }

    fn shared(&self, file: &SettingsFile) -> Result<Shared, ConfigError> {
        let queue = self.queue.resolve(file)?;
        if queue.name == queue.dead_letter_name {
            return Err(ConfigError::OneQueue { name: queue.name });
        }
        let table = TableArgs {
            create_table: self.create_table.clone(),
            id_column: self.id_column.clone(),
            ..TableArgs::default()
        };
        Ok(Shared { aws: self.aws.resolve(file), queue, table: table.resolve(file) })
    }
}

/// The file's value, or the default, of a key whose value was checked when the file was read.
fn checked<T: std::str::FromStr>(file: &SettingsFile, key: &Key) -> T {
    let value = file.value(key).or(key.default).expect("the key has a default");
    value.parse().ok().expect("the file and the defaults were checked")
}

/// How long messages are hidden, in whole seconds, as SQS counts.
fn visibility_timeout(asked: Option<Duration>, age_max: Duration) -> Result<Duration, ConfigError> {
    if VISIBILITY_TIMEOUT_MAX <= age_max {
        return Err(ConfigError::AgeTooLong { age_max, longest: VISIBILITY_TIMEOUT_MAX });
    }
    let derived = age_max.saturating_mul(VISIBILITY_PER_AGE).as_secs_f64().ceil();
    let derived = Duration::from_secs_f64(derived);
    let visibility_timeout =
        asked.unwrap_or(derived.clamp(VISIBILITY_TIMEOUT_MIN, VISIBILITY_TIMEOUT_MAX));
    if visibility_timeout <= age_max {
        return Err(ConfigError::VisibilityTooShort { visibility_timeout, age_max });
    }
    Ok(visibility_timeout)
}

/// Seconds, with a fraction if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    let allowed = || format!("{text:?} is not a number of seconds from 0.1 to 43200");
    let seconds: f64 = text.parse().map_err(|_| allowed())?;
    if (0.1..=43_200.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(allowed())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_help_offers_no_flag_about_redshift_but_the_column_of_ids() {
        let command = Args::command();
        let flags = command.get_arguments().filter_map(|arg| arg.get_long());
        let flags: Vec<_> = flags.filter(|flag| flag.starts_with("redshift")).collect();
        assert_eq!(flags, ["redshift-id-column"]);
    }

    #[test]
    fn messages_stay_hidden_longer_than_a_batch_takes() {
        let check = |asked: Option<u64>, age: f64, expected: Option<u64>| {
            let asked = asked.map(Duration::from_secs);
            let visibility_timeout = visibility_timeout(asked, Duration::from_secs_f64(age)).ok();
            assert_eq!(visibility_timeout.map(|it| it.as_secs()), expected, "{asked:?} {age}");
        };
        check(None, 60.0, Some(180));
        check(None, 1.0, Some(30));
        check(None, 10.1, Some(31));
        check(None, 20_000.0, Some(43_200));
        check(None, 43_200.0, None);
        check(Some(3), 1.0, Some(3));
        check(Some(3), 3.0, None);
        check(Some(61), 60.0, Some(61));
        for (asked, age, cure) in
            [(Some(3), 3, "--visibility-timeout"), (None, 43_200, "--batch-age-max")]
        {
            let asked = asked.map(Duration::from_secs);
            let error = visibility_timeout(asked, Duration::from_secs(age)).expect_err("too old");
            assert!(error.hint().is_some_and(|hint| hint.contains(cure)), "{error}");
        }
    }

    #[test]
    fn the_dead_letter_queue_is_another_queue() {
        let line =
            ["consume-events", "--sqs-name=q", "--s3-bucket=lake", "--sqs-dead-letter-name=q"];
        let file = tempfile::NamedTempFile::new().expect("a file");
        let settings = ["--settings", file.path().to_str().expect("a name in UTF-8")];
        let error =
            Args::parse_from(line.iter().chain(&settings)).resolve().expect_err("one queue");
        assert_eq!(error.to_string(), "the dead-letter queue is q, the queue of events itself");
        assert_eq!(error.hint(), Some(ANOTHER_QUEUE));
    }

    #[test]
    fn seconds_may_have_a_fraction_but_not_be_nonsense() {
        for (text, expected) in [
            ("0.5", Some(500)),
            ("60", Some(60_000)),
            ("0", None),
            ("-1", None),
            ("NaN", None),
            ("50000", None),
            ("1m", None),
        ] {
            let parsed = seconds(text).ok().map(|it| it.as_millis());
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn the_age_of_a_batch_is_the_prototypes_unless_said_otherwise() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(
            b"[aws]\nsqs_name = q\ns3_bucket = lake\nsqs_polling_timeout = 5\n\
              [events]\npolling_cycles = 4\n",
        )
        .expect("written");
        let path = file.path().to_str().expect("a name in UTF-8");
        for (flags, age, visibility) in [
            (&[][..], 20.0, 60),
            (&["--polling-cycles", "1"], 5.0, 30),
            (&["--batch-age-max", "0.5", "--visibility-timeout", "3"], 0.5, 3),
        ] {
            let base = ["consume-events", "--settings", path];
            let line = base.iter().chain(flags);
            let config = Args::parse_from(line).resolve().expect("complete");
            assert_eq!(config.limits.age_max.as_secs_f64(), age, "{flags:?}");
            assert_eq!(config.visibility_timeout.as_secs(), visibility, "{flags:?}");
        }
    }
}
