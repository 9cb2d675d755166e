//! `dead-letters list`: how many, why, since when.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use runtime::telemetry::Format;
use serde::Serialize;

use super::args::ListArgs;
use super::letter::{DeadLetter, harmless_cell};
use super::sweep::Sweep;
use super::{DeadLetterQueue, Desk, Outcome};
use crate::dead_letter::readable_time;
use crate::hinted;

/// One reason, and who has it.
#[derive(Debug, Default, Serialize)]
struct Reason {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_sent_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent_at: Option<String>,
    /// The reason of one of them, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
}

#[derive(Debug, Default)]
struct Tally {
    count: u64,
    first: Option<u64>,
    last: Option<u64>,
    example: Option<String>,
}

impl Tally {
    fn add(&mut self, letter: &DeadLetter) {
        let sent_at = letter.first_sent_at();
        self.count += 1;
        self.first = self.first.into_iter().chain(sent_at).min();
        self.last = self.last.max(sent_at);
        if self.example.is_none() {
            self.example = letter.reason().map(str::to_owned);
        }
    }
}

/// What is in the queue.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    queue: &'a str,
    #[serde(skip)]
    place: String,
    /// As SQS says, which is not exact.
    messages: u64,
    /// How many were looked at.
    sampled: usize,
    /// Whether that is all of them.
    complete: bool,
    reasons: Vec<Reason>,
}

pub(super) async fn run<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    args: &ListArgs,
) -> anyhow::Result<Outcome> {
    let mut sweep = desk.sweep().only_looking(true);
    let depth = hinted(sweep.depth().await)?;
    let mut tallies: BTreeMap<(String, Option<String>), Tally> = BTreeMap::new();
    let looked = look(&mut sweep, args.sample, &mut tallies).await;
    let (sampled, complete) = (sweep.held(), sweep.is_complete());
    sweep.hand_back().await;
    hinted(looked)?;
    let mut reasons: Vec<Reason> = tallies
        .into_iter()
        .map(|((code, field), tally)| Reason {
            code,
            field,
            count: tally.count,
            first_sent_at: tally.first.and_then(readable_time),
            last_sent_at: tally.last.and_then(readable_time),
            example: tally.example,
        })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    let messages = depth.visible + depth.not_visible + depth.delayed;
    let queue = desk.dead_letters_name.as_str();
    let listed = Listed { queue, place: desk.place(), messages, sampled, complete, reasons };
    let text = match desk.format {
        Format::Json => serde_json::to_string(&listed).context("write the list")?,
        Format::Human => listed.table(),
    };
    Ok(Outcome { text, failure: None })
}

async fn look<Q: DeadLetterQueue>(
    sweep: &mut Sweep<'_, Q>,
    sample: usize,
    tallies: &mut BTreeMap<(String, Option<String>), Tally>,
) -> Result<(), crate::error::CallError> {
    while sweep.held() < sample {
        let Some(letters) = sweep.next().await? else { break };
        for letter in &letters {
            let reason = (letter.code().to_owned(), letter.field().map(str::to_owned));
            tallies.entry(reason).or_default().add(letter);
            sweep.keep(letter);
        }
    }
    Ok(())
}

impl Listed<'_> {
    fn table(&self) -> String {
        let Self { place, messages, sampled, complete, reasons, .. } = self;
        if *sampled == 0 {
            return format!("{place}: no dead letters");
        }
        let mut text = match complete {
            true => format!("{place}: {sampled} dead letters\n"),
            false => {
                format!("{place}: about {messages} dead letters, a sample of {sampled}\n")
            }
        };
        // Anybody may send to this queue.
        let cell = |text: Option<&str>| harmless_cell(text.unwrap_or("-")).into_owned();
        let rows = reasons.iter().map(|reason| {
            [
                reason.count.to_string(),
                cell(Some(&reason.code)),
                cell(reason.field.as_deref()),
                cell(reason.first_sent_at.as_deref()),
                cell(reason.last_sent_at.as_deref()),
                cell(reason.example.as_deref().map(|it| it.replace('\n', " ")).as_deref()),
            ]
        });
        let head = ["count", "code", "field", "first sent", "last sent", "example"];
        let rows: Vec<[String; 6]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
        let width = |column: usize| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; 5] = std::array::from_fn(width);
        for row in &rows {
            let _ = write!(text, "\n{:>width$}", row[0], width = widths[0]);
            for (cell, width) in row[1..5].iter().zip(&widths[1..]) {
                let _ = write!(text, "  {cell:<width$}");
            }
            let _ = write!(text, "  {}", row[5]);
        }
        text
    }
}
