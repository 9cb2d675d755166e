//! What is made, what is said of it, and how the run ends.

use runtime::settings::Secret;

use super::*;

#[test]
fn a_finding_reads_as_a_line_and_says_what_to_do() {
    let finding = Finding {
        details: vec!["maxReceiveCount is 5, not 100".to_owned()],
        hint: Some("run-pipeline provision --update changes it".to_owned()),
        ..Finding::new("queue", "events", State::Differs)
    };
    insta::assert_snapshot!(finding, @r"
    differs  queue events: maxReceiveCount is 5, not 100
             hint: run-pipeline provision --update changes it
    ");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_sqs_finds_only_later_is_waited_for_and_not_for_ever() {
    for (found_at, expected) in [(1, true), (5, true), (1_000, false)] {
        let looks = std::cell::Cell::new(0);
        let found = once_there(async || {
            looks.set(looks.get() + 1);
            Ok((found_at <= looks.get()).then(Queue::default))
        });
        assert_eq!(found.await.is_ok(), expected, "{found_at}");
        assert!(looks.get() <= LOOKS_MAX, "{found_at}");
    }
}

#[tokio::test]
async fn all_that_is_not_set_is_named_whatever_else_is_missing() {
    let unset = || SettingsError::NotAHost;
    let wanted = Wanted {
        aws: AwsSettings {
            region: Some("eu-central-1".to_owned()),
            credentials: Some(("id".to_owned(), Secret::new("secret"))),
        },
        queue: Err(unset()),
        bucket: Err(unset()),
        tables: Err(unset().into()),
    };
    let findings = provision(&wanted, Mode::Make).await;
    let resources: Vec<_> = findings.iter().map(|finding| finding.resource).collect();
    assert_eq!(resources, ["dead-letter queue", "queue", "bucket", "table", "ledger"]);
    for finding in findings {
        assert_eq!(finding.state, State::Failed, "{finding}");
        assert!(finding.hint.as_ref().is_some_and(|it| it.contains("REDSHIFT_HOST")));
    }
}

#[test]
fn the_exit_code_tells_missing_from_different() {
    let code = |states: &[State]| {
        let findings: Vec<_> =
            states.iter().map(|state| Finding::new("queue", "q", *state)).collect();
        exit_code(&findings)
    };
    assert_eq!(code(&[State::Ok, State::Made, State::Updated]), 0);
    assert_eq!(code(&[State::Ok, State::Differs]), 4);
    assert_eq!(code(&[State::Differs, State::Missing]), 1);
    assert_eq!(code(&[State::Failed]), 1);
}
