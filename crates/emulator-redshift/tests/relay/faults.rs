//! Faults round statements: whether COMMIT counts when its connection is cut, and who hears of it.

use emulator_core::faults::Release;
use emulator_core::faults::plan::{Action, Moment, Plan, Rule};

use crate::support::{DEADLINE, Kit};

async fn kit_with(operation: &str, action: Action) -> Kit {
    let kit = Kit::start().await;
    let setup = kit.connect().await;
    setup.client.batch_execute("CREATE TABLE kept (id INTEGER)").await.unwrap();
    let rules = vec![Rule::new("fault", operation, action).at_most(1)];
    kit.faults.set_plan(Plan { seed: 1, rules });
    kit
}

async fn rows(kit: &Kit) -> i64 {
    let session = kit.connect().await;
    session.client.query_one("SELECT COUNT(*) FROM kept", &[]).await.unwrap().get(0)
}

/// Inserts in a transaction; what the client hears of COMMIT, and the rows that are there then.
async fn check(action: Action, answered: bool, expected_rows: i64) {
    let kit = kit_with("COMMIT", action.clone()).await;
    let session = kit.connect().await;
    session.client.batch_execute("BEGIN").await.unwrap();
    session.client.batch_execute("INSERT INTO kept VALUES (1)").await.unwrap();
    let outcome = session.client.batch_execute("COMMIT").await;
    assert_eq!(outcome.is_ok(), answered, "{action:?}: {outcome:?}");
    assert_eq!(rows(&kit).await, expected_rows, "{action:?}");
    assert_eq!(kit.faults.hits("fault"), 1, "{action:?}");
}

#[tokio::test]
async fn a_cut_commit_counts_or_not_as_the_plan_says() {
    check(Action::Cut, false, 0).await;
    check(Action::Lose, false, 1).await;
    check(Action::Delay { ms: 1 }, true, 1).await;
    check(Action::Refuse { status: 503, code: "40001".to_owned() }, false, 0).await;
}

#[tokio::test]
async fn a_commit_is_held_before_or_after_its_effect() {
    for (moment, release, rows_held, rows_at_end) in [
        (Moment::Before, Release::Continue, 0, 1),
        (Moment::Before, Release::Cut, 0, 0),
        (Moment::After, Release::Continue, 1, 1),
        (Moment::After, Release::Cut, 1, 1),
    ] {
        let kit = kit_with("COMMIT", Action::Hold(moment)).await;
        let session = kit.connect().await;
        let committing = tokio::spawn(async move {
            session.client.batch_execute("BEGIN; INSERT INTO kept VALUES (1)").await.unwrap();
            session.client.batch_execute("COMMIT").await.is_ok()
        });
        tokio::time::timeout(DEADLINE, kit.faults.until_held("fault")).await.unwrap();
        assert_eq!(rows(&kit).await, rows_held, "{moment:?} {release:?}");
        kit.faults.release(release);
        let answered = tokio::time::timeout(DEADLINE, committing).await.unwrap().unwrap();
        assert_eq!(answered, release == Release::Continue, "{moment:?} {release:?}");
        assert_eq!(rows(&kit).await, rows_at_end, "{moment:?} {release:?}");
    }
}

#[tokio::test]
async fn a_copy_can_lose_its_answer_too() {
    let kit = kit_with("COPY", Action::Lose).await;
    let copy = kit.copy_of("kept", "a.json", &[r#"{"id": 1}"#]);
    let session = kit.connect().await;
    assert!(session.client.batch_execute(&copy).await.is_err());
    assert_eq!(rows(&kit).await, 1);
}

#[tokio::test]
async fn a_refused_statement_leaves_the_session_usable() {
    let refuse = Action::Refuse { status: 503, code: "40001".to_owned() };
    let kit = kit_with("SELECT", refuse).await;
    let session = kit.connect().await;
    let error = session.client.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("40001"));
    session.client.batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn what_is_executed_in_the_extended_protocol_is_seen_too() {
    for (action, answered, expected_rows) in [
        (Action::Cut, false, 0),
        (Action::Lose, false, 1),
        (Action::Delay { ms: 1 }, true, 1),
        (Action::Refuse { status: 503, code: "40001".to_owned() }, false, 0),
    ] {
        // Alone, and as the COMMIT of a transaction.
        for (operation, begins, ends) in
            [("INSERT", None, None), ("COMMIT", Some("BEGIN"), Some("COMMIT"))]
        {
            let kit = kit_with(operation, action.clone()).await;
            let session = kit.connect().await;
            if let Some(begins) = begins {
                session.client.execute(begins, &[]).await.unwrap();
            }
            let mut outcome = session.client.execute("INSERT INTO kept VALUES ($1)", &[&1]).await;
            if let Some(ends) = ends {
                outcome = session.client.execute(ends, &[]).await;
            }
            assert_eq!(outcome.is_ok(), answered, "{action:?} {operation}: {outcome:?}");
            drop(session);
            assert_eq!(rows(&kit).await, expected_rows, "{action:?} {operation}");
            assert_eq!(kit.faults.hits("fault"), 1, "{action:?} {operation}");
        }
    }
}
