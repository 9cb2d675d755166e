//! The flags of `consume-events dead-letters`.

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

/// Looks at the messages that the table could not take, and sends them back when they are repaired.
///
/// All four work on the dead-letter queue (--sqs-dead-letter-name, by default
/// <SQS_NAME>-dead-letter); with --from-rejected, on the messages under rejected/messages/ in the
/// bucket, where they go if there is no such queue. What is only looked at is handed back at once,
/// so that looking keeps nothing from anybody for longer than it takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DeadLetters {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
    /// Work on <s3_prefix>rejected/messages/ in the bucket instead of the dead-letter queue. An
    /// object goes with the last of its messages that is sent back or purged.
    #[arg(long, global = true)]
    pub from_rejected: bool,
}

const EXAMPLES: &str = "\
Examples:
  What is wrong, and how often?
    consume-events dead-letters list
  The first ten messages whose integer is none, with their bodies:
    consume-events dead-letters show --code integer
  Repair by hand, and send back:
    consume-events dead-letters show --code integer --limit 1000 --output json > letters.ndjson
    (edit the bodies)
    consume-events dead-letters redrive --file letters.ndjson
  The table was at fault and is changed; send all back, unchanged:
    consume-events dead-letters redrive --dry-run
    consume-events dead-letters redrive
  Nobody needs these:
    consume-events dead-letters purge --code not-json
  There was no dead-letter queue when they came:
    consume-events dead-letters list --from-rejected
    consume-events dead-letters redrive --from-rejected

Exit codes:
  0  done
  1  failed, or not all was seen or sent back; what is left stays where it was, so run it again
  2  the flags are wrong";

/// What to do with the dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Counts the dead letters by reason and column.
    List(ListArgs),
    /// Shows dead letters with their bodies.
    Show(ShowArgs),
    /// Sends messages back to the queue of events, and deletes their dead letters then.
    Redrive(RedriveArgs),
    /// Deletes dead letters for good.
    Purge(PurgeArgs),
}

/// Flags of `list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Look at so many dead letters at most, 1 to 100000.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1_000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000)
    )]
    pub sample: usize,
}

/// Which dead letters; without any of these, all.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Only those with this reason, as `list` names it, e.g. `integer`; can be repeated.
    #[arg(long, value_name = "CODE")]
    pub code: Vec<String>,
    /// Only those with this message id, original message id or event id; can be repeated.
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
}

/// Flags of `show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// Which dead letters.
    #[command(flatten)]
    pub selection: Selection,
    /// Show so many at most, 1 to 100000.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000)
    )]
    pub limit: usize,
}

/// Flags of `redrive`.
#[derive(Debug, Clone, Args)]
pub struct RedriveArgs {
    /// Which dead letters.
    #[command(flatten)]
    pub selection: Selection,
    /// Send these repaired messages instead of what is in the queue: lines of JSON as `show
    /// --output json` prints them, with `body` changed, or lines that are the repaired events
    /// themselves. A line finds its dead letter by `message_id`, `original_message_id` or
    /// `event_id`. All are checked against the table before the first one is sent.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["code", "id"])]
    pub file: Option<PathBuf>,
    /// Say what would be sent, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `purge`.
#[derive(Debug, Clone, Args)]
pub struct PurgeArgs {
    /// Which dead letters.
    #[command(flatten)]
    pub selection: Selection,
    /// Really delete all of them: needed without --code and --id.
    #[arg(long)]
    pub yes: bool,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    pub dry_run: bool,
}
