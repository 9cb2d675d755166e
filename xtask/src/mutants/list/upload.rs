//! What `upload-data` is safe by: each taken out once.

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
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
        caught_by: &["the second upload loaded"],
    },
    Mutant {
        name: "skip-the-ledger",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "ledger::record(session, self.statements, &left, ",
            "ledger::record(session, self.statements, &[], ",
        )],
        scenario: "kill-upload-steps",
        caught_by: &["COPY again, though the ledger knows the objects"],
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
        caught_by: &["After COMMIT on *: too early: upload-data ended with exit status: 0"],
    },
    Mutant {
        name: "delete-without-copy",
        file: "crates/upload-data/src/archive.rs",
        edits: &[(
            "match store.copy(object, &archive_key(prefix, &object.key)).await {",
            "match { let _ = archive_key(prefix, &object.key); Ok::<(), StoreError>(()) } {",
        )],
        scenario: "kill-upload-steps",
        caught_by: &["Before CopyObject on */archive/*: too early"],
    },
    Mutant {
        name: "believe-in-commit",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "Err(Failure::CommitUnknown { loaded, source })\n",
            "{ let _ = source; Ok(loaded) }\n",
        )],
        scenario: "lost-answers",
        caught_by: &["was sent and is not in the table"],
    },
    Mutant {
        name: "no-second-attempt",
        file: "crates/upload-data/src/error/statement.rs",
        edits: &[(
            "sqlstate == SERIALIZATION_FAILURE || ",
            "(sqlstate == SERIALIZATION_FAILURE && sqlstate.is_empty()) || ",
        )],
        scenario: "refusals",
        caught_by: &["upload-data ended with exit status: 1", "SQLSTATE 40001"],
    },
    Mutant {
        name: "no-row-number",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[("staged.{rank} = 1\\nAND NOT EXISTS", "1 <= staged.{rank}\\nAND NOT EXISTS")],
        scenario: "duplicates",
        caught_by: &["is in the table 2 times"],
    },
    Mutant {
        name: "no-anti-join",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            "staged.{rank} = 1\\nAND NOT EXISTS",
            "staged.{rank} = 1\\nOR 1 = 0 AND NOT EXISTS",
        )],
        scenario: "duplicates",
        caught_by: &["is in the table 2 times"],
    },
    Mutant {
        name: "first-page-only",
        file: "crates/upload-data/src/pending.rs",
        edits: &[("page.next.map_or(Position::End, Position::Page)", "Position::End")],
        scenario: "many-objects",
        caught_by: &["was not loaded and archived"],
    },
    Mutant {
        name: "no-lock",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            r#"format!("LOCK {}", self.ledger())"#,
            r#"format!("SELECT 1 FROM {} WHERE 1 = 0", self.ledger())"#,
        )],
        scenario: "overlapping-uploads",
        caught_by: &["too early: upload-data ended with exit status: 0"],
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
        caught_by: &["the upload says 0 rows"],
    },
    Mutant {
        name: "gone-is-gone-for-good",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            r#"let may_return = is_gone && 1 <"#,
            r#"let may_return = is_gone && u32::MAX <"#,
        )],
        scenario: "redshift-away",
        caught_by: &["too early: upload-data ended with exit status: 1"],
    },
    Mutant {
        name: "no-attempt-after-1023",
        file: "crates/upload-data/src/error/statement.rs",
        edits: &[(r#"let codes = ["1023", "1018"];"#, r#"let codes = ["1018"];"#)],
        scenario: "serializable",
        caught_by: &["upload-data ended with exit status: 1", "1023"],
    },
    Mutant {
        name: "window-without-margin",
        file: "crates/upload-data/src/window.rs",
        edits: &[(
            r#"ranges(&read, Duration::days(window.days.into()))"#,
            r#"ranges(&read, Duration::ZERO)"#,
        )],
        scenario: "moved-doubles",
        caught_by: &["doubles", "were noticed"],
    },
    Mutant {
        name: "window-ends-a-day-early",
        file: "crates/upload-data/src/window.rs",
        edits: &[(r#"last.checked_add(margin + Duration::DAY)"#, r#"last.checked_add(margin)"#)],
        scenario: "moved-doubles",
        caught_by: &["doubles", "were noticed"],
    },
    Mutant {
        name: "window-of-the-first-range-only",
        file: "crates/upload-data/src/copy_sql.rs",
        edits: &[(
            r#"parts.iter().map(|part| self.loaded_before(part))"#,
            r#"parts.iter().take(1).map(|part| self.loaded_before(part))"#,
        )],
        scenario: "moved-doubles",
        caught_by: &["doubles", "were noticed"],
    },
    Mutant {
        name: "first-keys-of-the-ledger-only",
        file: "crates/upload-data/src/ledger.rs",
        edits: &[(r#"objects.chunks(KEYS_MAX) {"#, r#"objects.chunks(KEYS_MAX).take(1) {"#)],
        scenario: "many-objects",
        caught_by: &["rows and duplicates of objects loaded again"],
    },
    Mutant {
        name: "reject-without-copy",
        file: "crates/upload-data/src/reject/keep.rs",
        edits: &[(
            r#"match loader.store.copy(object, &rejected_key).await {"#,
            r#"match { let _ = &rejected_key; Ok::<(), StoreError>(()) } {"#,
        )],
        scenario: "bad-objects",
        caught_by: &["get rejected/events/20190211/000001-cut.json.gz"],
    },
    Mutant {
        name: "blame-whatever-s3-refuses",
        file: "crates/upload-data/src/refusal.rs",
        edits: &[(
            "return blame_for_s3(&said, refusal);",
            "let _ = blame_for_s3(&said, refusal); return Blame::Content;",
        )],
        scenario: "copy-refused",
        caught_by: &[r#"["throttled for long"]: upload-data ended with"#],
    },
    Mutant {
        name: "no-patience-with-s3",
        file: "crates/upload-data/src/error/statement.rs",
        edits: &[(
            "|| refusal::blame(sqlstate, message) == Blame::Passing",
            "|| false && refusal::blame(sqlstate, message) == Blame::Passing",
        )],
        scenario: "copy-refused",
        caught_by: &[r#"["denied", "throttled"]: upload-data ended with exit status: 1"#],
    },
    Mutant {
        name: "refused-object-ends-the-run",
        file: "crates/upload-data/src/reject.rs",
        edits: &[(
            "Some(blame @ (Blame::Access { .. } | Blame::Content | Blame::Unknown)) => {",
            "Some(blame @ (Blame::Content | Blame::Unknown)) => {",
        )],
        scenario: "copy-refused",
        caught_by: &[r#"["denied", "throttled"]: upload-data ended with exit status: 1"#],
    },
    Mutant {
        name: "refused-everything-is-fine",
        file: "crates/upload-data/src/reject.rs",
        edits: &[("if !self.copy_reads\n", "if false && !self.copy_reads\n")],
        scenario: "copy-refused",
        caught_by: &[r#"["denied"]: upload-data ended with exit status: 0"#],
    },
    Mutant {
        name: "reject-without-reasons",
        file: "crates/upload-data/src/reject/keep.rs",
        edits: &[(
            r#"let put = loader.store.put(&format!("{rejected_key}.errors.json"), text).await;"#,
            "let _ = (text, rejected_key, loader); let put = Ok::<(), StoreError>(());",
        )],
        scenario: "bad-objects",
        caught_by: &["get rejected/events/20190211/000001-cut.json.gz.errors.json"],
    },
    Mutant {
        name: "original-gone-before-reasons",
        file: "crates/upload-data/src/reject/keep.rs",
        edits: &[
            ("Ok(()) => {}", "Ok(()) => drop(loader.store.remove(object).await),"),
            (
                "&& loader
            .store
            .remove(object)
            .await
            .map_err(|source| LoadError::SetAside { key, source })?;",
                "&& !key.is_empty();",
            ),
        ],
        scenario: "kill-set-aside",
        caught_by: &[
            "Before PutObject on */rejected/*.errors.json: the next upload-data ended with",
        ],
    },
    Mutant {
        name: "bad-rows-not-kept",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "let bad_objects = reject::keep_bad_rows(self, &left, rejects).await?;",
            "let bad_objects = reject::keep_bad_rows(self, &left, rejects[..0].to_vec()).await?;",
        )],
        scenario: "bad-objects",
        caught_by: &["get rejected/events/20190211/000003-bad-row.json.gz"],
    },
    Mutant {
        name: "believe-in-the-count",
        file: "crates/upload-data/src/staging.rs",
        edits: &[("if staged != copied_count {", "if copied_count == u64::MAX {")],
        scenario: "wrong-counts",
        caught_by: &["RowLost: upload-data ended with exit status: 0"],
    },
    Mutant {
        name: "believe-in-the-reasons",
        file: "crates/upload-data/src/staging.rs",
        edits: &[("if listed < skipped {", "if skipped == u64::MAX {")],
        scenario: "wrong-counts",
        caught_by: &["ReasonLost: upload-data ended with exit status: 4"],
    },
    Mutant {
        name: "wait-for-ever",
        file: "crates/upload-data/src/load.rs",
        edits: &[(
            "run(&mut session, \"bound the wait for the ledger\", &bound).await?;
        run(&mut session, \"begin\", BEGIN)",
            "let _ = bound;
        run(&mut session, \"begin\", BEGIN)",
        )],
        scenario: "lock-wait",
        caught_by: &["the second upload still waits for the ledger"],
    },
    Mutant {
        name: "archive-without-if-match",
        file: "crates/upload-data/src/store.rs",
        edits: &[(".set_copy_source_if_match(object.quoted_etag())", "")],
        scenario: "rewritten-objects",
        caught_by: &["is in the archive: true, and it was written anew"],
    },
    Mutant {
        name: "remove-without-if-match",
        file: "crates/upload-data/src/store.rs",
        edits: &[(".set_if_match(object.quoted_etag())", "")],
        scenario: "rewritten-objects",
        caught_by: &["before DeleteObject", "was written anew and is gone"],
    },
    Mutant {
        name: "no-id-ends-the-run",
        file: "crates/upload-data/src/error.rs",
        edits: &[(
            "Self::BadRows { .. } | Self::NoGoodRows { .. } | Self::NoId { .. } => {",
            "Self::BadRows { .. } | Self::NoGoodRows { .. } => {",
        )],
        scenario: "nameless-events",
        caught_by: &["upload-data met no id and ended with exit status: 1"],
    },
    Mutant {
        name: "upload-waits-for-s3",
        file: "crates/upload-data/src/store/stop.rs",
        edits: &[("tokio::time::sleep(STOP_GRACE);", "std::future::pending::<()>();")],
        scenario: "held-services",
        caught_by: &["Before PutObject on */manifests/*: it still runs"],
    },
    Mutant {
        name: "upload-waits-for-redshift",
        file: "crates/upload-data/src/bounded.rs",
        edits: &[("self.bound.is_over.run_until_cancelled(reply).await", "Some(reply.await)")],
        scenario: "held-services",
        caught_by: &["Before BEGIN on *: it still runs 25s after SIGTERM"],
    },
    Mutant {
        name: "listing-heeds-no-stop",
        file: "crates/upload-data/src/lib.rs",
        edits: &[(
            "shutdown.run_until_cancelled(Box::pin(pending.next(config.limits)));",
            "async { Some(pending.next(config.limits).await) };",
        )],
        scenario: "held-services",
        caught_by: &["Before ListObjectsV2 on *: upload-data ended with exit status: 1"],
    },
    Mutant {
        name: "login-heeds-no-stop",
        file: "crates/upload-data/src/load.rs",
        edits: &[("tokio::time::sleep(grace).await;", "std::future::pending::<()>().await;")],
        scenario: "held-services",
        caught_by: &["a mute Redshift: it still runs"],
    },
    Mutant {
        name: "ledger-by-key-alone",
        file: "crates/upload-data/src/ledger.rs",
        edits: &[(
            "self.load_ids.contains_key(&(object.key.clone(), object.etag.clone()))",
            "self.load_ids.keys().any(|(key, _)| *key == object.key)",
        )],
        scenario: "repaired-objects",
        caught_by: &["the repaired objects made 200 rows"],
    },
    Mutant {
        name: "copies-in-one-call-only",
        file: "crates/upload-data/src/store.rs",
        edits: &[(
            "&& is_too_large(&error) =>",
            "&& is_too_large(&error) && error.hint() == None =>",
        )],
        scenario: "large-copies",
        caught_by: &[r#"the fault "denied" never happened"#],
    },
    Mutant {
        name: "lost-completion-is-failure",
        file: "crates/upload-data/src/store/parts.rs",
        edits: &[("Ok(found) if is_made(", "Ok(found) if false && is_made(")],
        scenario: "large-copies",
        caught_by: &["upload-data ended with"],
    },
    Mutant {
        name: "parts-of-copies-left",
        file: "crates/upload-data/src/store/parts.rs",
        edits: &[("if copied.is_err() {", "if copied.is_err() && upload_id.is_empty() {")],
        scenario: "large-copies",
        caught_by: &["uploads to the archive are unfinished, not 0"],
    },
];
