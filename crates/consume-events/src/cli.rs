//! The command line: consuming without a subcommand, and what else the program can do.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, Parser, Subcommand};

use crate::config::Args;
use crate::dead_letters::DeadLetters;

/// Flags that mean the same to all parts of the program, before or after the subcommand.
const SHARED: [&str; 11] = [
    "settings",
    "region",
    "sqs_name",
    "sqs_dead_letter_name",
    "s3_bucket",
    "s3_prefix",
    "create_table",
    "redshift_id_column",
    "log_format",
    "log_filter",
    "output",
];

/// Moves events from SQS to S3, one compressed object per batch.
///
/// Every message is checked against the table; one that the table could not take goes to the
/// dead-letter queue with the reason, or, without such a queue, to rejected/messages/ in the
/// bucket. A message is deleted only after S3 has confirmed the object that holds it, so nothing is
/// lost whenever this program is killed. Any number of these may share one queue. SIGTERM or
/// SIGINT: stores what is open, then ends.
///
/// SQS or S3 may be away for as long as it takes: nothing is received meanwhile, nothing lost, and
/// a warning says so once a minute. What is refused from the start (a missing permission, a wrong
/// name) ends the program with a hint; a permission that is taken away later is waited for, except
/// with --until-empty.
#[derive(Debug, Clone, Parser)]
#[command(name = "consume-events", version, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct Program {
    /// Everything but the subcommand.
    #[command(flatten)]
    pub args: Args,
    /// `None`: consume.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  Consume for ever, as settings.ini in the working directory says:
    consume-events
  Move what is there now, and end:
    consume-events --until-empty
  Large objects, each after 100 MB or five minutes, in Zstandard:
    consume-events --compression zstd --batch-bytes 100000000 --batch-age-max 300
  A hundred thousand a second, with figures for Prometheus:
    consume-events --pollers 16 --metrics-listen 127.0.0.1:9090
  Without a settings file, on a local stack (blueshift up):
    consume-events --sqs-name events --s3-bucket blueshift-events --create-table create_table.sql
  What could the table not take, and why?
    consume-events dead-letters list

Permissions:
  queue of events     sqs:GetQueueUrl, ReceiveMessage, DeleteMessage, ChangeMessageVisibility,
                      GetQueueAttributes (for --until-empty, and to say that a queue is full)
  dead-letter queue   sqs:GetQueueUrl, SendMessage; for dead-letters also ReceiveMessage,
                      DeleteMessage, ChangeMessageVisibility, GetQueueAttributes
  bucket              s3:PutObject, s3:AbortMultipartUpload; s3:GetObject and s3:ListBucket
                      help to resolve an upload whose answer was lost; for dead-letters
                      --from-rejected all three and s3:DeleteObject

Limits of time:
  a call    SQS has 15 seconds to answer, beyond the wait of a long poll, S3 two minutes for each attempt;
            what is not answered is tried again for as long as it takes
  queue     SQS deletes messages at the end of the queue's retention (4 days, if nobody changed it),
            taken or not: an outage may last less. run-pipeline doctor warns of less than a day
  a stop    SIGTERM or SIGINT: what is open is stored, within --stop-timeout and 5 seconds for a
            call under way; the rest is given back to the queue, 30 seconds later at the latest.
            A second signal ends it at once, with exit code 143 or 130. What was not given back
            comes again after --visibility-timeout; dead-letters ends within 30 seconds
Killed while a large object (--batch-bytes) is on its way, it leaves parts in the bucket, which cost
until a lifecycle rule with AbortIncompleteMultipartUpload removes them.

Exit codes:
  0  ended as asked: by SIGTERM, SIGINT or --until-empty; all that was held is stored or given back
  1  failed; a hint says what to do, and nothing is lost
  2  the flags are wrong";

/// What the program does besides consuming.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Looks at the messages that the table could not take, and sends them back.
    DeadLetters(DeadLetters),
}

impl Program {
    /// Reads the command line; ends the process if it is wrong, or asks for help.
    pub fn parse_args() -> Self {
        runtime::settings::parse_args_of(Self::described(), unheeded)
    }

    fn described() -> clap::Command {
        Self::command().mut_args(|arg| {
            let is_shared = SHARED.contains(&arg.get_id().as_str());
            if is_shared { arg.global(true) } else { arg }
        })
    }
}

/// The flag, if there is one, that stands before a subcommand which does not heed it.
fn unheeded(command: &clap::Command, matches: &ArgMatches) -> Result<(), String> {
    let Some(name) = matches.subcommand_name() else { return Ok(()) };
    let mut given = command.get_arguments().filter(|arg| {
        let is_given =
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
        is_given && !SHARED.contains(&arg.get_id().as_str())
    });
    match given.find_map(|arg| arg.get_long()) {
        Some(flag) => Err(format!("--{flag} means nothing to {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    fn parse(line: &[&str]) -> Result<Program, String> {
        let mut command = Program::described();
        let line = std::iter::once("consume-events").chain(line.iter().copied());
        let matches = command.try_get_matches_from_mut(line).map_err(|error| error.to_string())?;
        unheeded(&command, &matches)?;
        Program::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_are_well_formed() {
        Program::described().debug_assert();
    }

    #[test]
    fn shared_flags_stand_before_or_after_the_subcommand() {
        for line in [
            &["--sqs-name", "q", "--output", "json", "dead-letters", "list", "--sample", "5"][..],
            &["dead-letters", "list", "--sample", "5", "--sqs-name", "q", "--output", "json"],
        ] {
            let program = parse(line).expect("well formed");
            assert!(matches!(program.command, Some(Command::DeadLetters(_))));
            let shared = program.args.resolve_shared().expect("complete");
            assert_eq!(shared.queue.dead_letter_name, "q-dead-letter", "{line:?}");
            assert_eq!(program.args.output.output, runtime::telemetry::Format::Json);
        }
        assert!(parse(&["--until-empty"]).expect("well formed").command.is_none());
    }

    #[test]
    fn a_flag_that_means_nothing_to_the_subcommand_is_refused() {
        let before = parse(&["--pollers", "3", "dead-letters", "list"]).expect_err("unheeded");
        assert_eq!(before, "--pollers means nothing to dead-letters");
        assert!(parse(&["dead-letters", "list", "--pollers", "3"]).is_err());
        assert!(parse(&["dead-letters"]).is_err());
        let contradiction = ["dead-letters", "redrive", "--file", "f", "--code", "integer"];
        assert!(parse(&contradiction).is_err());
    }
}
