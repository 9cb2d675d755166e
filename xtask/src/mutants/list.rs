//! The mutants: each takes one safeguard out of a program, and names the scenario that must notice.

use harness::binaries::PACKAGES;

/// A deliberate fault in a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    /// From the root of the workspace; its crate is the program that is built anew.
    pub(crate) file: &'static str,
    /// Texts, each of which stands in the file exactly once, and what comes in their places.
    pub(crate) edits: &'static [(&'static str, &'static str)],
    /// The scenario that must fail.
    pub(crate) scenario: &'static str,
}

impl Mutant {
    /// The package it changes.
    pub(crate) fn package(&self) -> &'static str {
        self.file.split('/').nth(1).unwrap_or_default()
    }

    /// The program whose sources it changes; none if it is a library of several.
    pub(crate) fn program(&self) -> Option<&'static str> {
        PACKAGES.into_iter().find(|package| *package == self.package())
    }

    /// The file's text with the edits; an error names the text that is not there exactly once.
    pub(crate) fn apply(&self, text: &str) -> anyhow::Result<String> {
        let mut mutated = text.to_owned();
        for (original, replacement) in self.edits {
            let count = mutated.matches(original).count();
            anyhow::ensure!(
                count == 1,
                "{} has {count} times, instead of once: {original}",
                self.file
            );
            mutated = mutated.replacen(original, replacement, 1);
        }
        Ok(mutated)
    }
}

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "acknowledge-before-put",
        file: "crates/consume-events/src/store.rs",
        edits: &[(
            "let stored = batch.upload.finish(",
            "let _ = self.acknowledger.acknowledge(&batch.receipt_handles).await;
             let stored = batch.upload.finish(",
        )],
        scenario: "kill-consumer-steps",
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
    },
    Mutant {
        name: "ignore-failed-dead-letters",
        file: "crates/consume-events/src/queue.rs",
        edits: &[(
            "Ok(unconfirmed(letters.len(), successful, &answer.failed))",
            "Ok(unconfirmed(0, successful, &[]))",
        )],
        scenario: "partial-failures",
    },
    Mutant {
        name: "ignore-failed-deletes",
        file: "crates/consume-events/src/acknowledge.rs",
        edits: &[(
            "let hopeful = failures.iter().filter(|failure| !is_hopeless(failure));",
            "let hopeful = failures.iter().filter(|failure| !is_hopeless(failure)).take(0);",
        )],
        scenario: "partial-failures",
    },
    Mutant {
        name: "ignore-failed-sends",
        file: "crates/generate-events/src/send.rs",
        edits: &[("waiting = sorted.failed;", "waiting = Vec::new();")],
        scenario: "partial-failures",
    },
    Mutant {
        name: "no-give-back",
        file: "crates/consume-events/src/store.rs",
        edits: &[("self.acknowledger.give_back(&batch.receipt_handles).await;", "")],
        scenario: "shutdown-under-load",
    },
    Mutant {
        name: "drop-the-open-batch",
        file: "crates/consume-events/src/collect.rs",
        edits: &[("self.close(CloseReason::Stopped).await;", "")],
        scenario: "shutdown-under-load",
    },
    Mutant {
        name: "give-up-at-once",
        file: "crates/consume-events/src/retry.rs",
        edits: &[("if !self.may_pass(&error) || ", "if self.may_pass(&error) || ")],
        scenario: "refusals",
    },
    Mutant {
        name: "empty-without-asking",
        file: "crates/consume-events/src/until_empty.rs",
        edits: &[("Ok(depth) if depth.is_empty() && ", "Ok(_) if ")],
        scenario: "until-empty",
    },
    Mutant {
        name: "never-hide-anew",
        file: "crates/consume-events/src/custody.rs",
        edits: &[("if !short.is_empty() {", "if short.is_empty() && !short.is_empty() {")],
        scenario: "slow-put",
    },
    Mutant {
        name: "full-looks-empty",
        file: "crates/consume-events/src/full_queue.rs",
        edits: &[("0 < depth.visible && FULL_AT", "depth.visible == 0 && FULL_AT")],
        scenario: "in-flight-limit",
    },
    Mutant {
        name: "acknowledge-before-rejected",
        file: "crates/consume-events/src/rejected.rs",
        edits: &[(
            "let stored = s3.call(",
            "let _ = self.acknowledger.acknowledge(&receipts).await;
             let stored = s3.call(",
        )],
        scenario: "no-dead-letter-queue",
    },
    Mutant {
        name: "staging-before-lock",
        file: "crates/upload-data/src/load.rs",
        edits: &[
            ("self.create_staging(session).await?;", ""),
            (
                "self.lock(session).await?;",
                "self.create_staging(session).await?; self.lock(session).await?;",
            ),
        ],
        scenario: "overlapping-uploads",
    },
    Mutant {
        name: "skip-the-ledger",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "ledger::record(session, self.statements, &left, ",
            "ledger::record(session, self.statements, &[], ",
        )],
        scenario: "kill-upload-steps",
    },
    Mutant {
        name: "archive-before-commit",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "Ok(Prepared::ToCommit(loaded)) => match session.run(COMMIT).await {",
            "Ok(Prepared::ToCommit(loaded)) => match {
                 let archive = crate::archive::AfterLoad::Archive;
                 let (prefix, objects) = (self.prefix, request.candidates);
                 let _ = crate::archive::put_away(self.store, prefix, objects, archive).await;
                 session.run(COMMIT).await
             } {",
        )],
        scenario: "kill-upload-steps",
    },
    Mutant {
        name: "delete-without-copy",
        file: "crates/upload-data/src/archive.rs",
        edits: &[(
            "match store.copy(object, &archive_key(prefix, &object.key)).await {",
            "match { let _ = archive_key(prefix, &object.key); Ok::<(), StoreError>(()) } {",
        )],
        scenario: "kill-upload-steps",
    },
    Mutant {
        name: "believe-in-commit",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "Err(Failure::CommitUnknown { loaded, source })\n",
            "{ let _ = source; Ok(loaded) }\n",
        )],
        scenario: "lost-answers",
    },
    Mutant {
        name: "no-second-attempt",
        file: "crates/upload-data/src/error.rs",
        edits: &[("sqlstate == SERIALIZATION_FAILURE || ", "sqlstate == \"\" || ")],
        scenario: "refusals",
    },
    Mutant {
        name: "no-row-number",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[("staged.{rank} = 1\\nAND NOT EXISTS", "1 <= staged.{rank}\\nAND NOT EXISTS")],
        scenario: "duplicates",
    },
    Mutant {
        name: "no-anti-join",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            "staged.{rank} = 1\\nAND NOT EXISTS",
            "staged.{rank} = 1\\nOR 1 = 0 AND NOT EXISTS",
        )],
        scenario: "duplicates",
    },
    Mutant {
        name: "first-page-only",
        file: "crates/upload-data/src/pending.rs",
        edits: &[("page.next.map_or(Position::End, Position::Page)", "Position::End")],
        scenario: "many-objects",
    },
    Mutant {
        name: "log-the-password",
        file: "crates/runtime/src/redshift.rs",
        edits: &[(
            "config.password(settings.password.reveal());",
            "config.password(settings.password.reveal());
             tracing::trace!(password = settings.password.reveal(), \"log in\");",
        )],
        scenario: "secrets",
    },
    Mutant {
        name: "password-in-the-host",
        file: "crates/runtime/src/settings/redshift.rs",
        edits: &[("host.contains(\"://\") || host.contains('@')", "host.is_empty()")],
        scenario: "secrets",
    },
    Mutant {
        name: "doctor-shows-the-endpoint",
        file: "crates/run-pipeline/src/doctor/aws.rs",
        edits: &[
            ("without_user(sdk.endpoint_url()", "String::from(sdk.endpoint_url()"),
            (", without_user}", "}"),
        ],
        scenario: "secrets",
    },
    Mutant {
        name: "no-lock",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            r#"format!("LOCK {}", self.ledger())"#,
            r#"format!("SELECT 1 FROM {} WHERE 1 = 0", self.ledger())"#,
        )],
        scenario: "overlapping-uploads",
    },
    Mutant {
        name: "commit-unknown-is-failure",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            r#"Err(Failure::CommitUnknown { loaded, source })
"#,
            r#"{ let _ = loaded; Err(LoadError::Statement { step: "commit", source }.into()) }
"#,
        )],
        scenario: "lost-answers",
    },
    Mutant {
        name: "gone-is-gone-for-good",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            r#"let may_return = is_gone && 1 <"#,
            r#"let may_return = is_gone && u32::MAX <"#,
        )],
        scenario: "redshift-away",
    },
    Mutant {
        name: "no-attempt-after-1023",
        file: "crates/upload-data/src/error.rs",
        edits: &[(r#"let codes = ["1023", "1018"];"#, r#"let codes = ["1018"];"#)],
        scenario: "serializable",
    },
    Mutant {
        name: "window-without-margin",
        file: "crates/upload-data/src/window.rs",
        edits: &[(
            r#"ranges(&read, Duration::days(window.days.into()))"#,
            r#"ranges(&read, Duration::ZERO)"#,
        )],
        scenario: "moved-doubles",
    },
    Mutant {
        name: "window-ends-a-day-early",
        file: "crates/upload-data/src/window.rs",
        edits: &[(r#"last.checked_add(margin + Duration::DAY)"#, r#"last.checked_add(margin)"#)],
        scenario: "moved-doubles",
    },
    Mutant {
        name: "window-of-the-first-range-only",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            r#"parts.iter().map(|part| self.loaded_before(part))"#,
            r#"parts.iter().take(1).map(|part| self.loaded_before(part))"#,
        )],
        scenario: "moved-doubles",
    },
    Mutant {
        name: "first-keys-of-the-ledger-only",
        file: "crates/upload-data/src/ledger.rs",
        edits: &[(r#"objects.chunks(KEYS_MAX) {"#, r#"objects.chunks(KEYS_MAX).take(1) {"#)],
        scenario: "many-objects",
    },
    Mutant {
        name: "reject-without-copy",
        file: "crates/upload-data/src/reject/keep.rs",
        edits: &[(
            r#"match loader.store.copy(object, &rejected_key).await {"#,
            r#"match { let _ = &rejected_key; Ok::<(), StoreError>(()) } {"#,
        )],
        scenario: "bad-objects",
    },
    Mutant {
        name: "blame-whatever-s3-refuses",
        file: "crates/upload-data/src/refusal.rs",
        edits: &[(
            "return blame_for_s3(&said, refusal);",
            "let _ = blame_for_s3(&said, refusal); return Blame::Content;",
        )],
        scenario: "copy-refused",
    },
    Mutant {
        name: "no-patience-with-s3",
        file: "crates/upload-data/src/error.rs",
        edits: &[(
            "|| refusal::blame(sqlstate, message) == Blame::Passing",
            "|| false && refusal::blame(sqlstate, message) == Blame::Passing",
        )],
        scenario: "copy-refused",
    },
    Mutant {
        name: "refused-object-ends-the-run",
        file: "crates/upload-data/src/reject.rs",
        edits: &[(
            "Some(blame @ (Blame::Access { .. } | Blame::Content | Blame::Unknown)) => {",
            "Some(blame @ (Blame::Content | Blame::Unknown)) => {",
        )],
        scenario: "copy-refused",
    },
    Mutant {
        name: "refused-everything-is-fine",
        file: "crates/upload-data/src/reject.rs",
        edits: &[("if !self.copy_reads\n", "if false && !self.copy_reads\n")],
        scenario: "copy-refused",
    },
    Mutant {
        name: "throttled-for-good",
        file: "crates/consume-events/src/error.rs",
        edits: &[(
            r#"Self::Unavailable(_) | Self::Throttled(_) | Self::OverLimit(_)
"#,
            r#"Self::Unavailable(_) | Self::OverLimit(_)
"#,
        )],
        scenario: "refusals",
    },
    Mutant {
        name: "completion-unlooked-for",
        file: "crates/consume-events/src/upload.rs",
        edits: &[(r#"Ok(true) => Ok(()),"#, r#"Ok(true) => Err(CallError::Gone(call)),"#)],
        scenario: "kill-multipart",
    },
    Mutant {
        name: "no-abort",
        file: "crates/consume-events/src/upload.rs",
        edits: &[(
            r#"self.abort().await;
        }
        completed"#,
            r#"if false { self.abort().await; }
        }
        completed"#,
        )],
        scenario: "kill-multipart",
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
    },
];
