//! What `consume-events` is safe by: each taken out once.

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "acknowledge-before-put",
        file: "crates/consume-events/src/store.rs",
        edits: &[(
            "let stored = batch.upload.finish(",
            "let _ = self.acknowledger.acknowledge(&batch.receipt_handles).await;
             let stored = batch.upload.finish(",
        )],
        scenario: "kill-consumer-steps",
        caught_by: &["was sent and is not in the table"],
    },
    Mutant {
        name: "acknowledge-before-dead-letter",
        file: "crates/consume-events/src/dead_letter/mod.rs",
        edits: &[(
            "let (accepted, error) = self.send(&group).await;",
            "let all: Vec<_> = group.iter().map(|it| it.receipt_handle.clone()).collect();
             let _ = self.acknowledger.acknowledge(&all).await;
             let (accepted, error) = self.send(&group).await;",
        )],
        scenario: "kill-consumer-steps",
        caught_by: &["is not in the dead-letter queue"],
    },
    Mutant {
        name: "ignore-failed-dead-letters",
        file: "crates/consume-events/src/queue.rs",
        edits: &[(
            "let failures = unconfirmed(count, successful, &answer.failed);",
            "let failures = unconfirmed(0 * count, successful, &[]);",
        )],
        scenario: "partial-failures",
        caught_by: &["is not in the dead-letter queue"],
    },
    Mutant {
        name: "ignore-failed-deletes",
        file: "crates/consume-events/src/acknowledge.rs",
        edits: &[(
            "let hopeful = failures.iter().filter(|failure| !is_hopeless(failure));",
            "let hopeful = failures.iter().filter(|failure| !is_hopeless(failure)).take(0);",
        )],
        scenario: "partial-failures",
        caught_by: &["messages received for"],
    },
    Mutant {
        name: "no-give-back",
        file: "crates/consume-events/src/store.rs",
        edits: &[("self.acknowledger.give_back(&batch.receipt_handles).await;", "")],
        scenario: "shutdown-under-load",
        caught_by: &["messages were not given back"],
    },
    Mutant {
        name: "drop-the-open-batch",
        file: "crates/consume-events/src/collect.rs",
        edits: &[("self.close(CloseReason::Stopped).await;", "")],
        scenario: "shutdown-under-load",
        caught_by: &["messages are hidden after a stop"],
    },
    Mutant {
        name: "give-up-at-once",
        file: "crates/consume-events/src/retry.rs",
        edits: &[("if !self.may_pass(&error) || ", "if self.may_pass(&error) || ")],
        scenario: "refusals",
        caught_by: &["consume-events ended with exit status: 1"],
    },
    Mutant {
        name: "empty-without-asking",
        file: "crates/consume-events/src/until_empty.rs",
        edits: &[("Ok(depth) if depth.is_empty() && ", "Ok(_) if ")],
        scenario: "until-empty",
        caught_by: &["too early: consume-events ended with exit status: 0"],
    },
    Mutant {
        name: "never-hide-anew",
        file: "crates/consume-events/src/custody.rs",
        edits: &[("if !short.is_empty() {", "if short.is_empty() && !short.is_empty() {")],
        scenario: "slow-put",
        caught_by: &[r#"says "messages hidden anew""#],
    },
    Mutant {
        name: "full-looks-empty",
        file: "crates/consume-events/src/full_queue.rs",
        edits: &[("0 < depth.visible && FULL_AT", "depth.visible == 0 && FULL_AT")],
        scenario: "in-flight-limit",
        caught_by: &[r#"says "queue at in-flight limit""#],
    },
    Mutant {
        name: "acknowledge-before-rejected",
        file: "crates/consume-events/src/rejected.rs",
        edits: &[(
            "let stored = self.puts.call(",
            "let all = rejected.iter().map(|it| Arc::clone(&it.receipt_handle));
             let _ = self.acknowledger.acknowledge(&all.collect::<Vec<_>>()).await;
             let stored = self.puts.call(",
        )],
        scenario: "no-dead-letter-queue",
        caught_by: &["is not in the dead-letter queue"],
    },
    Mutant {
        name: "throttled-for-good",
        file: "crates/consume-events/src/error.rs",
        edits: &[(
            r"| Self::Throttled(_)
                | Self::OverLimit(_)",
            r"| Self::OverLimit(_)",
        )],
        scenario: "refusals",
        caught_by: &["consume-events ended with exit status: 1"],
    },
    Mutant {
        name: "completion-unlooked-for",
        file: "crates/consume-events/src/upload.rs",
        edits: &[(r#"Ok(true) => Ok(()),"#, r#"Ok(true) => Err(CallError::Gone(call)),"#)],
        scenario: "kill-multipart",
        caught_by: &["stored of"],
    },
    Mutant {
        name: "no-abort",
        file: "crates/consume-events/src/upload.rs",
        edits: &[(
            "let Some((upload_id, _)) = begun else",
            "let Some((upload_id, _)) = begun.filter(|_| false) else",
        )],
        scenario: "kill-multipart",
        caught_by: &["unfinished uploads after a stop"],
    },
    Mutant {
        name: "delete-letters-before-send",
        file: "crates/consume-events/src/dead_letters/resend.rs",
        edits: &[(
            r#"let (is_safe, error) = self.send(&letters, &choices).await;"#,
            r#"let all = letters.iter().map(|letter| Receipt::clone(&letter.receipt_handle));
                 self.desk.acknowledger.acknowledge(&all.collect::<Vec<_>>()).await?;
                 let (is_safe, error) = self.send(&letters, &choices).await;"#,
        )],
        scenario: "redrive",
        caught_by: &["was sent and is not in the table"],
    },
    Mutant {
        name: "rejected-share-the-outage-of-events",
        file: "crates/consume-events/src/pipeline/mod.rs",
        edits: &[(
            "puts: shared.persist_for(rejected::PATIENCE, &shared.rejected),",
            "puts: shared.persist(&shared.s3).for_at_most(rejected::PATIENCE * 60),",
        )],
        scenario: "rejected-denied",
        caught_by: &["service refuses, trying on"],
    },
    Mutant {
        name: "refused-rejected-end-the-run",
        file: "crates/consume-events/src/rejected.rs",
        edits: &[(
            "if self.wants_an_end && !error.is_transient() {",
            "if !error.is_transient() { self.failure.record(error.clone());",
        )],
        scenario: "rejected-denied",
        caught_by: &["too early: consume-events ended with exit status: 1"],
    },
    Mutant {
        name: "dead-letters-at-any-price",
        file: "crates/consume-events/src/pipeline/mod.rs",
        edits: &[(
            "sends: shared.persist_for(dead_letter::PATIENCE, &shared.dead_letters),",
            "sends: shared.persist_for(dead_letter::PATIENCE * 60, &shared.dead_letters),",
        )],
        scenario: "dead-letters-away",
        caught_by: &["in vain until malformed messages go to the bucket"],
    },
    Mutant {
        name: "pollers-wait-for-places",
        file: "crates/consume-events/src/handover.rs",
        edits: &[(
            "{ WAIT_MAX } else { Duration::ZERO }",
            "{ WAIT_MAX * 600 } else { WAIT_MAX * 600 }",
        )],
        scenario: "dead-letters-away",
        caught_by: &["in vain until valid events do not wait"],
    },
    Mutant {
        name: "wait-for-s3-after-the-stop",
        file: "crates/consume-events/src/retry.rs",
        edits: &[("if self.late == Late::Made {", "if true || self.late == Late::Made {")],
        scenario: "held-puts",
        caught_by: &["are held: it still runs"],
    },
    Mutant {
        name: "hidden-as-the-queue-likes",
        file: "crates/consume-events/src/queue.rs",
        edits: &[(
            ".visibility_timeout(whole_seconds(visibility_timeout))
            .wait_time_seconds",
            ".wait_time_seconds",
        )],
        scenario: "held-puts",
        caught_by: &["messages are still hidden"],
    },
    Mutant {
        name: "refused-events-end-the-run",
        file: "crates/consume-events/src/pipeline/mod.rs",
        edits: &[("outlasts_refusals: !tuning.until_empty,", "outlasts_refusals: false,")],
        scenario: "denied-calls",
        caught_by: &["too early: consume-events ended with exit status: 1"],
    },
    Mutant {
        name: "deletes-share-receives-outage",
        file: "crates/consume-events/src/pipeline/mod.rs",
        edits: &[("persist(&shared.deletes, &", "persist(&shared.sqs, &")],
        scenario: "denied-calls",
        caught_by: &["outages of deletes began and"],
    },
    Mutant {
        name: "receive-while-s3-is-away",
        file: "crates/consume-events/src/receive.rs",
        edits: &[("self.s3.over().await;", "")],
        scenario: "denied-calls",
        caught_by: &["late ones wait in the queue"],
    },
    Mutant {
        name: "rest-of-object-unconditionally",
        file: "crates/consume-events/src/dead_letters/kept.rs",
        edits: &[(".set_if_match(etag);", ".set_if_match(etag.filter(|_| false));")],
        scenario: "redrive-again",
        caught_by: &["the later one undid the other"],
    },
    Mutant {
        name: "send-again-what-comes-back",
        file: "crates/consume-events/src/dead_letters/resend.rs",
        edits: &[(
            "any(|id| self.sent_ids.contains(id))",
            "any(|id| self.sent_ids.len() == id.len() + usize::MAX / 2)",
        )],
        scenario: "redrive-again",
        caught_by: &["the redrive sends for ever what comes back"],
    },
];
