//! What the other programs are safe by, and the library that all share: each taken out once.

use super::Mutant;

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "ignore-failed-sends",
        file: "crates/generate-events/src/send.rs",
        edits: &[("waiting = sorted.failed;", "waiting = Vec::new();")],
        scenario: "partial-failures",
        caught_by: &["events were sent"],
    },
    Mutant {
        name: "no-attempt-timeout",
        file: "crates/runtime/src/aws.rs",
        edits: &[(
            "TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build()",
            "TimeoutConfig::builder().build()",
        )],
        scenario: "held-services",
        caught_by: &["one batch without an answer", "were not answered within 90s"],
    },
    Mutant {
        name: "generator-waits-for-sqs",
        file: "crates/generate-events/src/run.rs",
        edits: &[(
            "() = &mut time_is_up, if !given_up.is_cancelled() =>",
            "() = &mut time_is_up, if false && !given_up.is_cancelled() =>",
        )],
        scenario: "held-services",
        caught_by: &["Before SendMessageBatch on *: it still runs"],
    },
    Mutant {
        name: "consumers-end-after-the-last-load",
        file: "crates/run-pipeline/src/run.rs",
        edits: &[
            ("self.end_consumers(consumers, end, shutdown, &mut codes).await;", ""),
            (
                "if let Some(charts) = charts {",
                "self.end_consumers(consumers, end, shutdown, &mut codes).await;
        if let Some(charts) = charts {",
            ),
        ],
        scenario: "kill-pipeline",
        caught_by: &["was sent and is not in the table"],
    },
    Mutant {
        name: "literals-without-doubling",
        file: "crates/runtime/src/redshift.rs",
        edits: &[(
            r"if matches!(character, '\'' | '\\') {",
            r"if false && matches!(character, '\'' | '\\') {",
        )],
        scenario: "large-copies",
        caught_by: &[r#"the fault "too large" never happened"#],
    },
    Mutant {
        name: "print-error-ends-the-rest",
        file: "crates/run-pipeline/src/run.rs",
        edits: &[(
            "self.settle(GENERATE, outcome, &mut codes);",
            "outcome.and_then(|sums| self.print(GENERATE, &sums.value()))?;",
        )],
        scenario: "full-stdout",
        caught_by: &["to its limit"],
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
        caught_by: &["secrets stand in", "CanaryPasswordOf"],
    },
    Mutant {
        name: "password-in-the-host",
        file: "crates/runtime/src/settings/redshift.rs",
        edits: &[("host.contains(\"://\") || host.contains('@')", "host.is_empty()")],
        scenario: "secrets",
        caught_by: &["secrets stand in", "CanaryPasswordInAHost"],
    },
    Mutant {
        name: "password-in-a-variable",
        file: "crates/runtime/src/settings/environment.rs",
        edits: &[("value.as_encoded_bytes().contains(&b'@').then", "value.is_empty().then")],
        scenario: "secrets",
        caught_by: &["secrets stand in", "CanaryPasswordInAnEndpoint"],
    },
    Mutant {
        name: "password-in-a-profile",
        file: "crates/runtime/src/settings/profile.rs",
        edits: &[("&& value.contains('@')", "&& value.is_empty()")],
        scenario: "secrets",
        caught_by: &["did not refuse, and ended with"],
    },
];
