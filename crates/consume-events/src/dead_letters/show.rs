//! `dead-letters show`: some of them, with their bodies.

use std::fmt::Write;

use anyhow::Context;
use runtime::telemetry::Format;

use super::args::ShowArgs;
use super::letter::{DeadLetter, harmless};
use super::sweep::Sweep;
use super::{DeadLetterQueue, Desk, Outcome};
use crate::error::CallError;
use crate::hinted;

pub(super) async fn run<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    args: &ShowArgs,
) -> anyhow::Result<Outcome> {
    let mut sweep = desk.sweep().only_looking(true);
    let found = find(&mut sweep, args).await;
    let complete = sweep.is_complete();
    sweep.hand_back().await;
    let found = hinted(found)?;
    let text = match desk.format {
        Format::Json => {
            let lines = found.iter().map(|letter| serde_json::to_string(&letter.shown()));
            let lines: Result<Vec<String>, _> = lines.collect();
            lines.context("write the dead letters")?.join("\n")
        }
        Format::Human if found.is_empty() => {
            let selection = &args.selection;
            let which =
                if selection.is_all() { String::new() } else { format!(" with {selection}") };
            let seen = if complete { "" } else { " among those that were looked at" };
            format!("{}: no dead letters{which}{seen}", desk.place())
        }
        Format::Human => found.iter().map(paragraph).collect::<Vec<_>>().join("\n\n"),
    };
    Ok(Outcome { text, failure: None })
}

async fn find<Q: DeadLetterQueue>(
    sweep: &mut Sweep<'_, Q>,
    args: &ShowArgs,
) -> Result<Vec<DeadLetter>, CallError> {
    let mut found = Vec::new();
    while found.len() < args.limit {
        let Some(letters) = sweep.next().await? else { break };
        letters.iter().for_each(|letter| sweep.keep(letter));
        found.extend(letters.into_iter().filter(|letter| args.selection.takes(letter)));
    }
    found.truncate(args.limit);
    Ok(found)
}

fn paragraph(letter: &DeadLetter) -> String {
    let shown = serde_json::to_value(letter.shown()).unwrap_or_default();
    let mut text = String::new();
    for name in [
        "message_id",
        "original_message_id",
        "event_id",
        "error_code",
        "error_field",
        "error_message",
        "first_sent_at",
        "dead_lettered_at",
    ] {
        if let Some(value) = shown[name].as_str() {
            let _ = writeln!(text, "{name:<20}{}", harmless(value));
        }
    }
    let _ = write!(text, "{:<20}{}", "body", harmless(&letter.body));
    text
}
