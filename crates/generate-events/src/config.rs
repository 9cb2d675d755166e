//! Flags, environment, settings file and defaults, checked once.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use events::Shares;
use runtime::metrics::{Metrics, MetricsFlags};
use runtime::settings::{AwsArgs, AwsSettings, EventsArgs, QueueArgs, SettingsArgs};
use runtime::telemetry::OutputArgs;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use crate::error::GenerateError;

/// Shown at the end of `--help`.
const EXAMPLES: &str = "\
Examples:
  generate-events                                  send, with ./settings.ini, until Ctrl-C
  generate-events --count 10000 --flat-out         as many, as fast as SQS takes them
  generate-events --count 1000 --malformed 0.01 --duplicates 0.02 --seed 7

Permissions: sqs:GetQueueUrl and sqs:SendMessage on the queue.
A stop: SIGTERM or SIGINT lets SQS answer for 5 seconds. A second signal ends it at once, with exit
code 143 or 130; then --record may lack messages that SQS has.

Exit codes:
  0  all were sent; or SIGTERM or SIGINT ended it, and the result says how many were
  1  failed; the result says how many were sent before
  2  the flags are wrong";

/// Send random events to SQS, as an app's users would cause them
///
/// By default it sends good events at the average rate of the settings file until it is stopped
/// with Ctrl-C. The queue must exist.
#[derive(Debug, Clone, Parser)]
#[command(name = "generate-events", version, after_help = EXAMPLES)]
pub struct Args {
    /// Average events per second; the pauses are random [default: EVENTS_PER_SEC in the
    /// environment, else events_per_sec in the settings file, else 10].
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "flat_out")]
    pub rate: Option<f64>,
    /// The rate of the environment, which does not conflict with `--flat-out`.
    #[arg(long, value_name = "RATE", env = "EVENTS_PER_SEC", value_parser = rate, hide = true)]
    pub events_per_sec: Option<f64>,
    /// Send as fast as SQS takes it, whatever rate the environment or the settings file gives.
    #[arg(long)]
    pub flat_out: bool,
    /// Send this many messages, then stop.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "endless",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub count: Option<u64>,
    /// Send until stopped, which is the default.
    #[arg(long)]
    pub endless: bool,
    /// Seed of all chance: the same seed sends the same kinds of events [default: a random one,
    /// which is logged].
    #[arg(long, value_name = "SEED", conflicts_with = "messages")]
    pub seed: Option<u64>,
    /// Pretend to begin at this time (UTC, such as 2019-02-11 or 2019-02-11T05:09:12Z): with the
    /// same seed, the same bodies and ids [default: now].
    #[arg(long, value_name = "TIME", value_parser = start, conflicts_with = "messages")]
    pub start: Option<OffsetDateTime>,
    /// Share of messages that the table cannot take, 0 to 1.
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0",
        value_parser = share,
        conflicts_with = "messages"
    )]
    pub malformed: f64,
    /// Share of messages that repeat an earlier good event, 0 to 1.
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0",
        value_parser = share,
        conflicts_with = "messages"
    )]
    pub duplicates: f64,
    /// Share of events that happened 1 to 72 hours ago, 0 to 1.
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0",
        value_parser = share,
        conflicts_with = "messages"
    )]
    pub late: f64,
    /// Send the messages of this file in its order instead of random ones: one JSON object per
    /// line with name, verdict (loaded, duplicate or dead-letter) and body.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "endless"])]
    pub messages: Option<PathBuf>,
    /// Write one JSON line per message that SQS has confirmed: id, message_id, kind.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Seconds that one batch of at most ten messages may take, its repetitions included; then the
    /// run fails, and says which messages SQS may or may not have. SQS has 30 seconds to answer an
    /// attempt, so that the default is three unanswered ones.
    #[arg(
        long,
        value_name = "SECONDS",
        env = "GENERATE_PATIENCE",
        default_value = "90",
        value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    pub patience: u32,
    /// Name of the SQS queue that carries the events.
    #[arg(long, value_name = "NAME", env = "AWS_SQS_NAME", help_heading = "Settings")]
    pub sqs_name: Option<String>,
    /// Which settings file.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Which AWS account.
    #[command(flatten)]
    pub aws: AwsArgs,
    /// Logs and result.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Figures.
    #[command(flatten)]
    pub metrics: MetricsFlags,
}

/// What to send, when, and where to.
#[derive(Debug, Clone)]
pub struct Config {
    /// The AWS account.
    pub aws: AwsSettings,
    /// The queue's name.
    pub queue_name: String,
    /// The average events per second.
    pub rate: f64,
    /// Whether to send without pauses.
    pub flat_out: bool,
    /// What to send.
    pub input: Input,
    /// Where to write what SQS confirmed.
    pub record: Option<PathBuf>,
    /// How long one batch may take, its repetitions included.
    pub patience: Duration,
    /// Where it is counted.
    pub metrics: Metrics,
    /// Whether a terminal may show a bar: not if it belongs to others too.
    pub show_progress: bool,
}

/// What to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Random events.
    Random {
        /// `None`: any seed.
        seed: Option<u64>,
        /// `None`: now, and as time goes by.
        start: Option<OffsetDateTime>,
        /// How many messages are no good new events.
        shares: Shares,
        /// `None`: without end.
        count: Option<u64>,
    },
    /// The messages of a file.
    File(PathBuf),
}

impl Args {
    /// Puts flags, environment, file and defaults together.
    ///
    /// # Errors
    /// If something is wrong or missing; the error names it.
    pub fn resolve(&self) -> Result<Config, GenerateError> {
        let file = self.settings.load()?;
        let queue = QueueArgs { sqs_name: self.sqs_name.clone(), ..QueueArgs::default() };
        let events = EventsArgs {
            events_per_sec: self.rate.or(self.events_per_sec),
            ..EventsArgs::default()
        };
        Ok(Config {
            aws: self.aws.resolve(&file),
            queue_name: queue.resolve(&file)?.name,
            rate: events.resolve(&file).events_per_sec,
            flat_out: self.flat_out,
            input: self.input()?,
            record: self.record.clone(),
            patience: Duration::from_secs(self.patience.into()),
            metrics: Metrics::new("generate-events"),
            show_progress: true,
        })
    }

    fn input(&self) -> Result<Input, GenerateError> {
        if let Some(path) = &self.messages {
            return Ok(Input::File(path.clone()));
        }
        let shares =
            Shares { malformed: self.malformed, duplicate: self.duplicates, late: self.late };
        let sum = shares.malformed + shares.duplicate + shares.late;
        // Sums such as 0.7 + 0.2 + 0.1 may miss 1 by a rounding error.
        if 1.0 + 1e-9 < sum {
            return Err(GenerateError::SharesBeyondOne { sum });
        }
        Ok(Input::Random { seed: self.seed, start: self.start, shares, count: self.count })
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && 0.0 < rate => Ok(rate),
        _ => Err("a number above 0 is allowed".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a number from 0 to 1 is allowed".to_owned()),
    }
}

fn start(text: &str) -> Result<OffsetDateTime, String> {
    let seconds = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, &seconds).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| {
            let day = format_description!("[year]-[month]-[day]");
            Date::parse(text, &day).map(|day| day.midnight().assume_utc())
        })
        .map_err(|_| {
            "a time such as 2019-02-11, \"2019-02-11 05:09:12\" or 2019-02-11T05:09:12Z is allowed"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(["generate-events", "--sqs-name", "events"].iter().chain(flags))
    }

    #[test]
    fn without_flags_it_sends_good_events_without_end() {
        let input = parse(&[]).unwrap().input().unwrap();
        let shares = Shares::default();
        assert_eq!(input, Input::Random { seed: None, start: None, shares, count: None });
    }

    #[test]
    fn a_start_may_be_a_day_or_a_time() {
        let check = |text: &str, expected: OffsetDateTime| {
            assert_eq!(parse(&["--start", text]).unwrap().start, Some(expected), "{text}");
        };
        check("2019-02-11", datetime!(2019-02-11 00:00 UTC));
        check("2019-02-11 05:09:12", datetime!(2019-02-11 05:09:12 UTC));
        check("2019-02-11T05:09:12.195Z", datetime!(2019-02-11 05:09:12.195 UTC));
        check("2019-02-11T05:09:12+01:00", datetime!(2019-02-11 04:09:12 UTC));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let check = |flags: &[&str]| assert!(parse(flags).is_err(), "{flags:?}");
        check(&["--count", "0"]);
        check(&["--count", "5", "--endless"]);
        check(&["--rate", "0"]);
        check(&["--rate", "5", "--flat-out"]);
        check(&["--rate", "inf"]);
        check(&["--malformed", "1.5"]);
        check(&["--late", "-0.1"]);
        check(&["--duplicates", "NaN"]);
        check(&["--start", "yesterday"]);
        check(&["--messages", "day.ndjson", "--count", "5"]);
        check(&["--messages", "day.ndjson", "--seed", "5"]);
        check(&["--messages", "day.ndjson", "--late", "0.5"]);
    }

    #[test]
    fn the_rate_of_the_environment_gives_way_to_flags() {
        let check = |flags: &[&str], expected: (f64, bool)| {
            // As `env` gives it: clap tells the two apart no further.
            let given = [flags, &["--events-per-sec", "5", "--settings", "/dev/null"]].concat();
            let config = parse(&given).unwrap().resolve().unwrap();
            assert_eq!((config.rate, config.flat_out), expected, "{flags:?}");
        };
        check(&[], (5.0, false));
        check(&["--rate", "3"], (3.0, false));
        check(&["--flat-out"], (5.0, true));
    }

    #[test]
    fn shares_may_add_up_to_one_and_no_more() {
        let check = |malformed, duplicates, late, expected: bool| {
            let flags = ["--malformed", malformed, "--duplicates", duplicates, "--late", late];
            assert_eq!(parse(&flags).unwrap().input().is_ok(), expected, "{flags:?}");
        };
        check("0.7", "0.2", "0.1", true);
        check("1", "0", "0", true);
        check("0.5", "0.5", "0.5", false);
    }

    #[test]
    fn the_flags_fit_together() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
