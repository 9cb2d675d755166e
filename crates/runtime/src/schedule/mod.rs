//! When a periodic job runs: cron expressions in a time zone, for those without cron.
//!
//! Runs of one schedule never overlap. What falls due while a run is still going, or while the
//! machine sleeps, is made up for by one run, late, and said. What fell due while the program was
//! not running at all is nobody's: these jobs take up whatever waits, however late.
//!
//! Where clocks are put forward, a fixed time in the gap (`30 2 * * *`) runs right after it; where
//! they are put back, it runs once, the first time. Steps (`*/5 * * * *`) go by the clock on the
//! wall: none in the gap, twice in the hour that comes twice.

mod tick;

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio_util::sync::CancellationToken;

pub use tick::Tick;
use tick::{Step, Ticker};

/// The longest sleep before the clock on the wall is looked at again: it may have been set, and a
/// laptop may have slept.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// The flags of programs that run once, or by a schedule.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Schedule")]
pub struct ScheduleFlags {
    /// Stay, and run at these times, instead of once: cron's five fields (minute, hour, day of
    /// month, month, day of week), such as "*/5 * * * *", six with seconds before them, or @hourly.
    #[arg(long, value_name = "CRON", env = "SCHEDULE", value_parser = parse_expression)]
    pub schedule: Option<Expression>,
    /// The time zone of the schedule, such as Europe/Berlin [default: UTC].
    #[arg(
        long,
        value_name = "ZONE",
        env = "TIME_ZONE",
        requires = "schedule",
        value_parser = parse_zone
    )]
    pub time_zone: Option<Zone>,
}

impl ScheduleFlags {
    /// The schedule, if the user wants one.
    pub fn resolve(&self) -> Option<Schedule> {
        let expression = self.schedule.clone()?;
        let zone = self.time_zone.clone().unwrap_or_default();
        Some(Schedule { expression, zone })
    }
}

/// Why a text is no schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// It is not a cron expression.
    #[error(
        "{expression:?} is not a cron expression such as \"*/5 * * * *\" (minute, hour, day of \
         month, month, day of week): {reason}"
    )]
    Expression {
        /// What was given.
        expression: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No day of any year is like that.
    #[error("{expression:?} never comes")]
    Never {
        /// What was given.
        expression: String,
    },
    /// The IANA database does not have it.
    #[error("{name:?} is not a time zone such as Europe/Berlin or UTC")]
    Zone {
        /// What was given.
        name: String,
    },
}

/// A cron expression that comes at least once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    cron: Cron,
}

impl FromStr for Expression {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let parser =
            CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let expression = text.trim().to_owned();
        let cron = match parser.parse(&expression) {
            Ok(cron) => cron,
            Err(error) => {
                let reason = error.to_string().trim_end_matches('.').to_owned();
                return Err(ScheduleError::Expression { expression, reason });
            }
        };
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        if cron.find_next_occurrence(&now, false).is_err() {
            return Err(ScheduleError::Never { expression });
        }
        Ok(Self { text: expression, cron })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = ScheduleError;

    fn from_str(name: &str) -> Result<Self, ScheduleError> {
        let found = TimeZone::get(name.trim());
        found.map(Self).map_err(|_| ScheduleError::Zone { name: name.to_owned() })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

/// When to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    expression: Expression,
    zone: Zone,
}

impl Schedule {
    /// These times, in this zone.
    pub fn new(expression: Expression, zone: Zone) -> Self {
        Self { expression, zone }
    }

    /// The first time after `time`; `None` after the year 4999.
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.expression.cron.find_next_occurrence(&self.whole_second(time), false);
        next.ok().map(|next| next.timestamp())
    }

    /// The last time before `time`, or `time` itself.
    fn last_until(&self, time: Timestamp) -> Option<Timestamp> {
        let last = self.expression.cron.find_previous_occurrence(&self.whole_second(time), true);
        last.ok().map(|last| last.timestamp())
    }

    fn whole_second(&self, time: Timestamp) -> Zoned {
        let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
        second.to_zoned(self.zone.0.clone())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.expression, self.zone)
    }
}

/// For clap: such an argument of another name than `--schedule`.
///
/// # Errors
/// If it is not a cron expression, or never comes.
pub fn parse_expression(text: &str) -> Result<Expression, ScheduleError> {
    text.parse()
}

/// For clap: such an argument of another name than `--time-zone`.
///
/// # Errors
/// If there is no such zone.
pub fn parse_zone(name: &str) -> Result<Zone, ScheduleError> {
    name.parse()
}

/// What became of all runs of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Runs {
    /// How many there were.
    pub count: u64,
    /// How many of them did not end with exit code 0.
    pub failed_count: u64,
    /// 0 if all went well, 1 if one failed altogether, else the highest.
    pub exit_code: u8,
}

impl Runs {
    /// Counts one more in.
    pub fn add(&mut self, exit_code: u8) {
        self.count += 1;
        self.failed_count += u64::from(exit_code != 0);
        self.exit_code = match (self.exit_code, exit_code) {
            (1, _) | (_, 1) => 1,
            (so_far, new) => so_far.max(new),
        };
    }
}

/// Runs `job` at the times of `schedule` until `shutdown`; it answers with the exit code that it
/// would have had alone. A run that has begun is waited for: `job` heeds `shutdown` itself.
pub async fn run_on_schedule<Job, Run>(
    schedule: &Schedule,
    shutdown: &CancellationToken,
    job: Job,
) -> Runs
where
    Job: FnMut(Tick) -> Run,
    Run: Future<Output = u8>,
{
    run_by(schedule, shutdown, Timestamp::now, job).await
}

/// [`run_on_schedule`] by another clock.
async fn run_by<Job, Run>(
    schedule: &Schedule,
    shutdown: &CancellationToken,
    clock: impl Fn() -> Timestamp,
    mut job: Job,
) -> Runs
where
    Job: FnMut(Tick) -> Run,
    Run: Future<Output = u8>,
{
    let mut runs = Runs::default();
    let mut ticker = Ticker::new(schedule, clock());
    if let Some(next) = schedule.next_after(clock()) {
        tracing::info!(%schedule, %next, "waiting for the schedule");
    }
    while !shutdown.is_cancelled() {
        match ticker.step(clock()) {
            Step::Wait(pause) => {
                let pause = tokio::time::sleep(pause.min(LOOK_EVERY));
                shutdown.run_until_cancelled(pause).await;
            }
            Step::Run(tick) => {
                if 0 < tick.skipped_count || LOOK_EVERY < tick.late {
                    let Tick { due_at, late, skipped_count } = tick;
                    tracing::warn!(%due_at, ?late, skipped_count, "a run begins late");
                }
                runs.add(job(tick).await);
            }
            Step::Never => shutdown.cancelled().await,
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn schedule(expression: &str, zone: &str) -> Schedule {
        Schedule::new(expression.parse().expect("cron"), zone.parse().expect("a zone"))
    }

    /// The next runs after `after`, as clocks in `zone` show them.
    fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = schedule(expression, zone);
        let mut time: Timestamp = after.parse().expect("a time");
        for expected in expected {
            time = schedule.next_after(time).expect("one more");
            let local = time.to_zoned(schedule.zone.0.clone());
            let local = local.strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
            assert_eq!(local, *expected, "{expression} {zone}");
        }
    }

    #[test]
    fn times_follow_the_expression() {
        check(
            "*/5 * * * *",
            "UTC",
            "2026-01-31T23:51:30.5Z",
            &["2026-01-31 23:55:00 +00:00", "2026-02-01 00:00:00 +00:00"],
        );
        check(
            "0 */2 * * *",
            "UTC",
            "2026-01-31T22:00:00Z",
            &["2026-02-01 00:00:00 +00:00", "2026-02-01 02:00:00 +00:00"],
        );
        check("*/20 * * * * *", "UTC", "2026-01-01T00:00:59Z", &["2026-01-01 00:01:00 +00:00"]);
        check("@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-01-02 00:00:00 +05:30"]);
        check("0 9 * * MON", "UTC", "2026-11-22T10:00:00Z", &["2026-11-23 09:00:00 +00:00"]);
        check("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29 00:00:00 +00:00"]);
    }

    #[test]
    fn a_fixed_time_in_the_gap_runs_right_after_it_and_steps_skip_it() {
        // Berlin, 29 March 2026: 01:59:59 +01:00 is followed by 03:00:00 +02:00.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29 03:00:00 +02:00", "2026-03-30 02:30:00 +02:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:00:00Z",
            &["2026-03-29 01:30:00 +01:00", "2026-03-29 03:00:00 +02:00"],
        );
    }

    #[test]
    fn a_fixed_time_that_comes_twice_runs_once_and_steps_run_in_both_hours() {
        // Berlin, 25 October 2026: 02:59:59 +02:00 is followed by 02:00:00 +01:00.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"],
        );
        check(
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            &[
                "2026-10-25 02:30:00 +02:00",
                "2026-10-25 02:00:00 +01:00",
                "2026-10-25 02:30:00 +01:00",
                "2026-10-25 03:00:00 +01:00",
            ],
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_reason() {
        for (text, expected) in [
            ("* * * *", r#""* * * *" is not a cron expression such as "#),
            ("60 * * * *", "is not a cron expression"),
            ("every day", "is not a cron expression"),
            ("", "is not a cron expression"),
            ("0 0 0 1 1 * 2030", "is not a cron expression"),
            ("0 0 30 2 *", r#""0 0 30 2 *" never comes"#),
        ] {
            let error = text.parse::<Expression>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.ends_with('.'), "{error}");
        }
        let error = "Europe/Atlantis".parse::<Zone>().expect_err("no such zone").to_string();
        assert_eq!(error, r#""Europe/Atlantis" is not a time zone such as Europe/Berlin or UTC"#);
    }

    #[derive(Debug, clap::Parser)]
    struct Flags {
        #[command(flatten)]
        schedule: ScheduleFlags,
    }

    #[test]
    fn the_flags_make_a_schedule_and_a_zone_alone_is_refused() {
        use clap::Parser;
        let parse = |line: &[&str]| Flags::try_parse_from([&["p"], line].concat());
        assert_eq!(parse(&[]).expect("fine").schedule.resolve(), None);
        let flags = parse(&["--schedule", "@hourly", "--time-zone", "Europe/Berlin"]);
        let schedule = flags.expect("fine").schedule.resolve().expect("a schedule");
        assert_eq!(schedule.to_string(), "@hourly (Europe/Berlin)");
        let schedule = parse(&["--schedule=*/5 * * * *"]).expect("fine").schedule.resolve();
        assert_eq!(schedule.expect("a schedule").to_string(), "*/5 * * * * (UTC)");
        let error = parse(&["--time-zone=UTC"]).expect_err("nothing to apply it to").to_string();
        assert!(error.contains("--schedule"), "{error}");
    }

    #[test]
    fn the_exit_code_says_whether_any_run_failed() {
        for (codes, expected) in [
            (&[][..], (0, 0, 0)),
            (&[0, 0], (2, 0, 0)),
            (&[0, 4, 0], (3, 1, 4)),
            (&[4, 1, 0], (3, 2, 1)),
            (&[1, 4], (2, 2, 1)),
        ] {
            let mut runs = Runs::default();
            codes.iter().for_each(|code| runs.add(*code));
            assert_eq!((runs.count, runs.failed_count, runs.exit_code), expected, "{codes:?}");
        }
    }

    /// Runs `job` of so many seconds every minute for ten minutes of paused time.
    async fn run_minutes(job_seconds: &[u64]) -> (Vec<Tick>, Runs) {
        let started = tokio::time::Instant::now();
        let base: Timestamp = "2026-01-01T00:00:30Z".parse().expect("a time");
        let clock = || base + started.elapsed();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            stop.cancel();
        });
        let ticks = RefCell::new(Vec::new());
        let schedule = schedule("* * * * *", "UTC");
        let runs = run_by(&schedule, &shutdown, clock, async |tick| {
            let length = job_seconds.get(ticks.borrow().len()).copied().unwrap_or_default();
            ticks.borrow_mut().push(tick);
            tokio::time::sleep(Duration::from_secs(length)).await;
            0
        });
        let runs = runs.await;
        (ticks.into_inner(), runs)
    }

    #[tokio::test(start_paused = true)]
    async fn every_tick_runs_once_and_on_time() {
        let (ticks, runs) = run_minutes(&[]).await;
        assert_eq!(runs.count, 10);
        let late = ticks.iter().map(|tick| tick.late).max();
        assert!(late < Some(Duration::from_millis(10)), "{late:?}");
        assert_eq!(ticks.iter().map(|tick| tick.skipped_count).sum::<u64>(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_delays_the_next_and_what_it_missed_runs_once() {
        let (ticks, runs) = run_minutes(&[0, 190]).await;
        // At 1, 2 (until 5:10), at 5:10 for 3, 4 and 5, then at 6 to 10.
        assert_eq!(runs.count, 8);
        let late = &ticks[2];
        assert_eq!(late.skipped_count, 2);
        assert_eq!(late.due_at.to_string(), "2026-01-01T00:05:00Z");
        assert_eq!(late.late.as_secs(), 10);
        assert_eq!(ticks[3].due_at.to_string(), "2026-01-01T00:06:00Z");
    }
}
