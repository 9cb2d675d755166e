//! What the user says.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use runtime::metrics::MetricsFlags;
use runtime::run_record::RunRecordFlags;
use runtime::schedule::{Expression, Zone, parse_expression, parse_zone};
use runtime::settings::{
    AwsArgs, BucketArgs, CopyArgs, CreateTableArgs, EventColumnArgs, IdColumnArgs, QueueArgs,
    RedshiftArgs, SettingsArgs, TableNameArgs, TimeColumnArgs,
};
use runtime::telemetry::OutputArgs;

const AFTER_HELP: &str = "\
Examples:
  blueshift up --settings settings.ini            in another terminal: SQS, S3 and Redshift here
  run-pipeline doctor                             is everything there, reachable and allowed?
  run-pipeline provision                          make what is missing
  run-pipeline --events 1000 --duration 60        try it out: 1,000 events, or a minute, to charts
  run-pipeline                                    run until Ctrl-C
  run-pipeline --parts consume-events,upload-data --metrics-listen 127.0.0.1:9090

All settings of the four programs hold here too: the settings file, their environment variables
(such as EVENTS_POLLERS, UPLOAD_LOCK_WAIT; see --help of each), and the flags below.

Permissions: those of the parts, which their --help lists; provision also needs sqs:CreateQueue,
SetQueueAttributes, GetQueueAttributes, s3:CreateBucket, and CREATE in the schema of the table.

Stopping, by SIGTERM or SIGINT, in this order: the generator, within 20 seconds; the consumers, which
store what they hold or give it back (EVENTS_STOP_TIMEOUT, 20 seconds for services that do not
answer); the upload, whose load Redshift has UPLOAD_STOP_GRACE (20) seconds to finish; the charts.
With --final-upload one more load and the charts follow, which have five minutes together; then they
are stopped like the others. A second signal ends all at once, with exit code 143 or 130; nothing is
lost, and messages in hand come back after their visibility timeout.

Exit codes:
  0  all went well
  1  a part failed three times within a minute, which ended all, or a scheduled run failed
  2  the flags are wrong
  4  loaded, but a human should look: something was rejected, or S3 refuses to move objects out of
     <s3_prefix>events/";

/// Runs the whole pipeline in one process: generator, consumers, upload and charts
///
/// Generator and consumers run all the time, upload and charts by their schedules. A part that
/// fails is started again, after a pause; the others go on.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "run-pipeline",
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true
)]
pub struct Args {
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What else to do than run.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Make queue, dead-letter queue, bucket, table and ledger, as far as they are not there yet.
    ///
    /// May be run again and again, on any stack. What is there and differs is named and left alone.
    #[command(after_help = PROVISION_HELP)]
    Provision(ProvisionArgs),
    /// Say what is missing, unreachable or forbidden, with the cure.
    ///
    /// Looks at settings, credentials, clock, queues, bucket and Redshift as the programs would use
    /// them. No message is received; empty objects are written and deleted: under runs/doctor/, and
    /// under each prefix that the programs write to.
    #[command(after_help = DOCTOR_HELP)]
    Doctor(DoctorArgs),
}

const PROVISION_HELP: &str = "\
Examples:
  run-pipeline provision             make what is missing
  run-pipeline provision --check     only say what is missing or differs
  run-pipeline provision --update    also change redrive policy and visibility timeout, add columns

Exit codes:
  0  everything is as it should be
  1  something could not be made or, with --check, is missing
  2  the flags are wrong
  4  everything is there, but something differs";

const DOCTOR_HELP: &str = "\
A call may take 10 seconds, a load's statements a minute in all.

Examples:
  run-pipeline doctor
  run-pipeline doctor --output json --settings /etc/blueshift/settings.ini

Exit codes:
  0  the pipeline can start; what is marked warn should be looked at
  1  something fails; the hints say what to do
  2  the flags are wrong";

/// How far to go.
#[derive(Debug, Clone, ClapArgs)]
pub struct ProvisionArgs {
    /// Change nothing.
    #[arg(long, conflicts_with = "update")]
    pub check: bool,
    /// Change what differs, where that risks no rows and no messages.
    #[arg(long)]
    pub update: bool,
    /// Where everything is.
    #[command(flatten)]
    pub shared: SharedArgs,
}

/// What to look at.
#[derive(Debug, Clone, ClapArgs)]
pub struct DoctorArgs {
    /// Where everything is.
    #[command(flatten)]
    pub shared: SharedArgs,
}

/// How to run.
#[derive(Debug, Clone, ClapArgs)]
pub struct RunArgs {
    /// Which parts run.
    #[arg(
        long,
        value_name = "NAMES",
        env = "PIPELINE_PARTS",
        value_delimiter = ',',
        default_value = "generate-events,consume-events,upload-data,visualize"
    )]
    pub parts: Vec<PartName>,
    /// End after so many events: they are sent, consumed, loaded and drawn.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub events: Option<u64>,
    /// End after so many seconds: what was sent by then is consumed, loaded and drawn.
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=31_536_000)
    )]
    pub duration: Option<u64>,
    /// After a signal too, load and draw once more before the end, for five minutes at most.
    #[arg(long, env = "PIPELINE_FINAL_UPLOAD")]
    pub final_upload: bool,
    /// Consumers at once; each polls the queue EVENTS_POLLERS times at once (4).
    #[arg(
        long,
        value_name = "COUNT",
        env = "PIPELINE_CONSUMERS",
        default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(1..=16)
    )]
    pub consumers: u8,
    /// When to upload, as cron writes it: minute, hour, day of month, month, day of week. The
    /// default is every five minutes.
    #[arg(
        long,
        value_name = "CRON",
        env = "UPLOAD_SCHEDULE",
        default_value = "*/5 * * * *",
        value_parser = parse_expression
    )]
    pub upload_schedule: Expression,
    /// When to draw charts, alike. The default is every two hours.
    #[arg(
        long,
        value_name = "CRON",
        env = "VISUALIZE_SCHEDULE",
        default_value = "0 */2 * * *",
        value_parser = parse_expression
    )]
    pub visualize_schedule: Expression,
    /// The time zone of both schedules, such as Europe/Berlin.
    #[arg(
        long,
        value_name = "ZONE",
        env = "TIME_ZONE",
        default_value = "UTC",
        value_parser = parse_zone
    )]
    pub time_zone: Zone,
    /// Failures of one part within a minute that end all.
    #[arg(
        long,
        value_name = "COUNT",
        env = "PIPELINE_FAILURES_MAX",
        default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..)
    )]
    pub failures_max: u8,
    /// Flags that go to the parts as they are.
    #[command(flatten)]
    pub passed: PassedArgs,
    /// Where everything is.
    #[command(flatten)]
    pub shared: SharedArgs,
    /// Records of runs.
    #[command(flatten)]
    pub run_records: RunRecordFlags,
    /// Figures of all parts on one port.
    #[command(flatten)]
    pub metrics: MetricsFlags,
}

/// Flags of single parts. Their values are checked by the part, which has the same flag.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Parts")]
pub struct PassedArgs {
    /// Average events per second of the generator [default: EVENTS_PER_SEC in the environment,
    /// else events_per_sec in the settings file, else 10].
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,
    /// Generate as fast as SQS takes it.
    #[arg(long, conflicts_with = "rate")]
    pub flat_out: bool,
    /// Seed of the generator's chance.
    #[arg(long, value_name = "SEED")]
    pub seed: Option<String>,
    /// Share of messages that the table cannot take, 0 to 1 [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub malformed: Option<String>,
    /// Share of messages that repeat an earlier good event, 0 to 1 [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub duplicates: Option<String>,
    /// Share of events that happened 1 to 72 hours ago, 0 to 1 [default: 0].
    #[arg(long, value_name = "SHARE")]
    pub late: Option<String>,
    /// Seconds after its first event that a consumer stores a batch [default: polling cycles times
    /// polling timeout].
    #[arg(long, value_name = "SECONDS")]
    pub batch_age_max: Option<String>,
    /// The directory for the charts [default: VISUALIZE_OUT in the environment, else charts].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Names of the events to draw, separated by commas [default: EVENTS_REPORT_EVENTS in the
    /// environment, else report_events in the settings file].
    #[arg(long, value_name = "NAMES")]
    pub report_events: Option<String>,
    /// Put charts and report into the bucket too, under <S3_PREFIX><PREFIX>/ [default:
    /// AWS_CHARTS_PREFIX in the environment, else charts_prefix in the settings file, else only
    /// into the directory].
    #[arg(long, value_name = "PREFIX")]
    pub charts_prefix: Option<String>,
}

/// Where everything is: each part takes the flags that it has.
#[derive(Debug, Clone, ClapArgs)]
pub struct SharedArgs {
    /// The settings file.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The AWS account.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// The queues.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// The bucket.
    #[command(flatten)]
    pub bucket: BucketArgs,
    /// The warehouse.
    #[command(flatten)]
    pub redshift: RedshiftArgs,
    /// What its table is like.
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
    /// What names an event.
    #[command(flatten)]
    pub event_column: EventColumnArgs,
    /// How COPY may read the bucket.
    #[command(flatten)]
    pub copy: CopyArgs,
    /// Logs and results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A part of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartName {
    /// The generator.
    GenerateEvents,
    /// The consumers.
    ConsumeEvents,
    /// The upload.
    UploadData,
    /// The charts.
    Visualize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_fit_together() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn by_default_everything_runs_as_the_prototypes_container_did() {
        let run = Args::try_parse_from(["run-pipeline"]).expect("nothing is needed").run;
        assert_eq!(run.parts.len(), 4);
        assert_eq!(run.upload_schedule.to_string(), "*/5 * * * *");
        assert_eq!(run.visualize_schedule.to_string(), "0 */2 * * *");
        let run = Args::try_parse_from(["run-pipeline", "--parts=visualize,upload-data"]);
        assert_eq!(run.expect("fine").run.parts, [PartName::Visualize, PartName::UploadData]);
    }
}
