//! `dead-letters redrive` and `purge`: what ends in the deletion of dead letters.
//!
//! A dead letter is deleted only after SQS has confirmed that its message, or the repaired one, is
//! in the queue of events. A consumer at work may refuse a message again and dead-letter it anew:
//! such a letter is known by the id that its message got here, and is left alone.

use std::collections::HashSet;

use anyhow::{Context, anyhow};
use events::Validator;
use runtime::failure::WithHint;
use runtime::telemetry::Format;
use serde::Serialize;

use super::args::{PurgeArgs, RedriveArgs, Selection};
use super::letter::DeadLetter;
use super::repair::{Repairs, named};
use super::sweep::Sweep;
use super::{DeadLetterQueue, Desk, Finished, Outcome};
use crate::dead_letter::LETTER_BYTES_MAX;
use crate::error::CallError;
use crate::hinted;
use crate::queue::Receipt;

/// How often an entry is sent that SQS failed to take without blaming us.
const ATTEMPTS_MAX: u32 = 5;

/// What `redrive` did.
#[derive(Debug, Default, Serialize)]
struct Redriven {
    from: String,
    to: String,
    dry_run: bool,
    /// Messages that the queue of events has confirmed; in a dry run, that would be sent.
    sent: u64,
    /// Dead letters deleted.
    deleted: u64,
    /// Messages that the queue of events refused; their dead letters stay.
    refused: u64,
    /// Dead letters that were seen and stay, those refused included.
    left: usize,
    /// Whether the whole queue was seen.
    complete: bool,
}

/// What is sent for a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Nothing,
    Itself,
    /// Which of [`Repairs::all`].
    Repaired(usize),
}

/// A `redrive` under way.
#[derive(Debug)]
struct Redrive<'a, Q> {
    desk: &'a Desk<Q>,
    args: &'a RedriveArgs,
    repairs: Option<Repairs>,
    /// The ids that the messages got in the queue of events.
    sent_ids: HashSet<String>,
    /// Dead letters that something is, or would be, sent for.
    chosen: usize,
    result: Redriven,
}

pub(super) async fn redrive<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    args: &RedriveArgs,
    validator: Option<&Validator>,
) -> anyhow::Result<Outcome> {
    let repairs = match (&args.file, validator) {
        (Some(path), Some(validator)) => Some(Repairs::read(path, validator).or_else(|error| {
            let hint = error.hint();
            Err(error).hint(hint)
        })?),
        _ => None,
    };
    let result = Redriven {
        from: desk.dead_letters_name.clone(),
        to: desk.events_name.clone(),
        dry_run: args.dry_run,
        ..Redriven::default()
    };
    let mut redrive = Redrive { desk, args, repairs, sent_ids: HashSet::new(), chosen: 0, result };
    let mut sweep = desk.sweep().only_looking(args.dry_run);
    let done = redrive.run(&mut sweep).await;
    let Finished { stayed, error } = desk.dead_letters.finish().await;
    let done = done.and(error.map_or(Ok(()), Err));
    // A dry run holds also what it would send.
    redrive.result.left = sweep.held() + stayed - if args.dry_run { redrive.chosen } else { 0 };
    redrive.result.complete = sweep.is_complete();
    redrive.result.deleted = desk.counters.deleted().saturating_sub(stayed as u64);
    sweep.hand_back().await;
    let failure = match hinted(done) {
        Err(error) if 0 < stayed => Some(error.context(not_deleted(stayed, &desk.place()))),
        Err(error) => Some(error.context("redrive the dead letters")),
        Ok(()) if 0 < stayed => Some(anyhow!(not_deleted(stayed, &desk.place()))),
        Ok(()) => redrive.failure(),
    };
    let Redriven { from, to, sent, deleted, left, .. } = &redrive.result;
    let text = match (desk.format, args.dry_run) {
        (Format::Json, _) => serde_json::to_string(&redrive.result).context("write the result")?,
        (Format::Human, true) => {
            format!(
                "would send {sent} messages from {from} to {to}; {left} other dead letters stay"
            )
        }
        (Format::Human, false) => format!(
            "sent {sent} messages from {from} to {to}, deleted {deleted} dead letters, left {left}"
        ),
    };
    Ok(Outcome { text, failure })
}

impl<Q: DeadLetterQueue> Redrive<'_, Q> {
    async fn run(&mut self, sweep: &mut Sweep<'_, Q>) -> Result<(), CallError> {
        while let Some(letters) = sweep.next().await? {
            let choices: Vec<Choice> = letters.iter().map(|letter| self.choose(letter)).collect();
            if self.args.dry_run {
                letters.iter().for_each(|letter| sweep.keep(letter));
                self.count(&choices);
                continue;
            }
            let (is_safe, error) = self.send(&letters, &choices).await;
            let mut originals = Vec::new();
            for (letter, is_safe) in letters.iter().zip(is_safe) {
                if is_safe {
                    originals.push(Receipt::clone(&letter.receipt_handle));
                } else {
                    sweep.keep(letter);
                }
            }
            if !originals.is_empty() {
                self.desk.acknowledger.acknowledge(&originals).await?;
            }
            error.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn choose(&mut self, letter: &DeadLetter) -> Choice {
        let ids = [Some(letter.message_id.as_str()), letter.original_message_id()];
        if ids.into_iter().flatten().any(|id| self.sent_ids.contains(id)) {
            return Choice::Nothing;
        }
        let Some(repairs) = &mut self.repairs else {
            let is_meant = self.args.selection.takes(letter);
            return if is_meant { Choice::Itself } else { Choice::Nothing };
        };
        let Some(index) = repairs.find(letter) else { return Choice::Nothing };
        repairs.all[index].is_matched = true;
        Choice::Repaired(index)
    }

    fn count(&mut self, choices: &[Choice]) {
        self.chosen += choices.iter().filter(|choice| **choice != Choice::Nothing).count();
        for choice in choices {
            self.result.sent += match (choice, &mut self.repairs) {
                (Choice::Itself, _) => 1,
                (Choice::Repaired(index), Some(repairs)) => {
                    u64::from(!std::mem::replace(&mut repairs.all[*index].is_sent, true))
                }
                _ => 0,
            };
        }
    }

    /// Sends what is chosen, a repaired message once however many dead letters it stands for. Of
    /// which letters the message is in the queue of events then, and what ended the attempts.
    async fn send(
        &mut self,
        letters: &[DeadLetter],
        choices: &[Choice],
    ) -> (Vec<bool>, Option<CallError>) {
        let mut to_send: Vec<(Choice, &str)> = Vec::new();
        for (letter, choice) in letters.iter().zip(choices) {
            match (*choice, &self.repairs) {
                (Choice::Itself, _) => to_send.push((Choice::Itself, &letter.body)),
                (Choice::Repaired(index), Some(repairs))
                    if !repairs.all[index].is_sent
                        && to_send.iter().all(|(before, _)| before != choice) =>
                {
                    to_send.push((*choice, &repairs.all[index].body));
                }
                _ => {}
            }
        }
        let bodies: Vec<&str> = to_send.iter().map(|(_, body)| *body).collect();
        let (ids, error) = send_all(self.desk, &bodies).await;
        let confirmed: Vec<(Choice, bool)> =
            to_send.iter().zip(&ids).map(|((choice, _), id)| (*choice, id.is_some())).collect();
        let mut itself = confirmed.iter().filter(|(choice, _)| *choice == Choice::Itself);
        for (choice, is_confirmed) in &confirmed {
            if let (Choice::Repaired(index), Some(repairs)) = (choice, &mut self.repairs) {
                repairs.all[*index].is_sent |= is_confirmed;
            }
        }
        let count = ids.iter().flatten().count() as u64;
        self.result.sent += count;
        self.result.refused += if error.is_none() { ids.len() as u64 - count } else { 0 };
        self.sent_ids.extend(ids.into_iter().flatten());
        let is_safe = choices.iter().map(|choice| match (choice, &self.repairs) {
            (Choice::Itself, _) => itself.next().is_some_and(|(_, is_confirmed)| *is_confirmed),
            (Choice::Repaired(index), Some(repairs)) => repairs.all[*index].is_sent,
            _ => false,
        });
        (is_safe.collect(), error)
    }

    /// What did not succeed.
    fn failure(&self) -> Option<anyhow::Error> {
        let Redriven { to, refused, complete, .. } = &self.result;
        let from = self.desk.place();
        if 0 < *refused {
            return Some(anyhow!("{refused} messages were refused by queue {to}"));
        }
        let lines = self.repairs.as_ref().map(Repairs::unmatched).unwrap_or_default();
        if !lines.is_empty() {
            let (count, named) = (lines.len(), named(&lines));
            return Some(anyhow!(
                "{count} lines of the file match no dead letter of {from}: {named}"
            ));
        }
        (!complete).then(|| anyhow!("not all of {from} was seen, run it again for the rest"))
    }
}

/// Sends bodies to the queue of events: the ids of those that SQS has confirmed, and what ended
/// the attempts before all were tried.
async fn send_all<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    bodies: &[&str],
) -> (Vec<Option<String>>, Option<CallError>) {
    let mut ids = vec![None; bodies.len()];
    let mut groups = grouped(bodies);
    while let Some(mut pending) = groups.pop() {
        for attempt in 1..=ATTEMPTS_MAX {
            let texts: Vec<&str> = pending.iter().map(|index| bodies[*index]).collect();
            match desk.sqs.call(|| desk.events.send_bodies(&texts)).await {
                // One message spoils the batch: each by itself, then.
                Err(CallError::Refused(_)) if 1 < pending.len() => {
                    groups.extend(pending.iter().map(|index| vec![*index]));
                    pending.clear();
                }
                Err(CallError::Refused(call)) => {
                    tracing::warn!(reason = %call, "message refused, its dead letter stays");
                    pending.clear();
                }
                Err(error) => return (ids, Some(error)),
                Ok((sent, failures)) => {
                    for sent in sent {
                        ids[pending[sent.index]] = Some(sent.message_id);
                    }
                    let (hopeless, hopeful): (Vec<_>, Vec<_>) =
                        failures.into_iter().partition(|failure| failure.sender_fault);
                    for failure in hopeless {
                        tracing::warn!(
                            code = failure.code,
                            "message refused, its dead letter stays"
                        );
                    }
                    pending = hopeful.iter().map(|failure| pending[failure.index]).collect();
                }
            }
            if pending.is_empty() {
                break;
            }
            desk.sqs.pause(attempt).await;
        }
    }
    (ids, None)
}

/// The indices of the bodies in groups that one batch may hold.
fn grouped(bodies: &[&str]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, body) in bodies.iter().enumerate() {
        bytes += body.len();
        match groups.last_mut() {
            Some(group) if bytes <= LETTER_BYTES_MAX => group.push(index),
            _ => {
                bytes = body.len();
                groups.push(vec![index]);
            }
        }
    }
    groups
}

/// Who runs the command again must know of these.
fn not_deleted(count: usize, place: &str) -> String {
    format!("{count} messages that were sent are still in {place}: sent again, they are doubles")
}

/// What `purge` did.
#[derive(Debug, Serialize)]
struct Purged<'a> {
    queue: &'a str,
    dry_run: bool,
    /// Dead letters deleted; in a dry run, that would be.
    deleted: u64,
    /// Dead letters that were seen and stay.
    left: usize,
    /// Whether the whole queue was seen.
    complete: bool,
}

pub(super) async fn purge<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    args: &PurgeArgs,
) -> anyhow::Result<Outcome> {
    let (queue, place) = (desk.dead_letters_name.as_str(), desk.place());
    let mut sweep = desk.sweep().only_looking(args.dry_run);
    if args.selection.is_all() && !args.yes && !args.dry_run {
        let depth = hinted(sweep.depth().await)?;
        let count = depth.visible + depth.not_visible + depth.delayed;
        return Err(anyhow!("this would delete all of about {count} dead letters of {place}"))
            .hint("add --yes, or choose some with --code or --id, or look first with --dry-run");
    }
    let mut chosen = 0;
    let done = delete(desk, &mut sweep, &args.selection, args.dry_run, &mut chosen).await;
    let Finished { stayed, error } = desk.dead_letters.finish().await;
    let done = done.and(error.map_or(Ok(()), Err));
    let complete = sweep.is_complete();
    let counted = desk.counters.deleted().saturating_sub(stayed as u64);
    let deleted = if args.dry_run { chosen } else { counted };
    let left = sweep.held() + stayed - if args.dry_run { chosen as usize } else { 0 };
    sweep.hand_back().await;
    let failure = match hinted(done) {
        Err(error) => Some(error.context("delete the dead letters")),
        Ok(()) if 0 < stayed => Some(anyhow!("{stayed} messages stay in {place}, run it again")),
        Ok(()) if complete => None,
        Ok(()) => Some(anyhow!("not all of {place} was seen, run it again for the rest")),
    };
    let purged = Purged { queue, dry_run: args.dry_run, deleted, left, complete };
    let text = match (desk.format, args.dry_run) {
        (Format::Json, _) => serde_json::to_string(&purged).context("write the result")?,
        (Format::Human, true) => {
            format!("would delete {deleted} dead letters of {place}; {left} others stay")
        }
        (Format::Human, false) => {
            format!("deleted {deleted} dead letters of {place}, left {left}")
        }
    };
    Ok(Outcome { text, failure })
}

async fn delete<Q: DeadLetterQueue>(
    desk: &Desk<Q>,
    sweep: &mut Sweep<'_, Q>,
    selection: &Selection,
    dry_run: bool,
    chosen: &mut u64,
) -> Result<(), CallError> {
    while let Some(letters) = sweep.next().await? {
        let mut originals = Vec::new();
        for letter in &letters {
            let is_meant = selection.takes(letter);
            *chosen += u64::from(is_meant);
            if is_meant && !dry_run {
                originals.push(Receipt::clone(&letter.receipt_handle));
            } else {
                sweep.keep(letter);
            }
        }
        if !originals.is_empty() {
            desk.acknowledger.acknowledge(&originals).await?;
        }
    }
    Ok(())
}
