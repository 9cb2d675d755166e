//! What concurrent transactions see and how conflicts are told ("Isolation levels in Amazon Redshift",
//! "CREATE DATABASE", "Troubleshooting serializable isolation errors").

use emulator_redshift::Isolation;
use tokio_postgres::error::DbError;

use crate::support::{Connected, Kit};

/// The guide's example: each reads what the other writes. What the second COMMIT says.
async fn crossing(kit: &Kit, database: &str) -> Option<DbError> {
    let (one, two) = (kit.connect_to(database).await, kit.connect_to(database).await);
    one.run("create table tab1 (a int); create table tab2 (a int)").await;
    for session in [&one, &two] {
        session.run("begin").await;
    }
    one.run("select * from tab1; insert into tab2 values (1)").await;
    two.run("insert into tab1 values (1); select * from tab2").await;
    one.run("commit").await;
    error(&two, "commit").await
}

async fn error(session: &Connected, sql: &str) -> Option<DbError> {
    let outcome = session.client.batch_execute(sql).await;
    outcome.err().map(|error| error.as_db_error().expect("Redshift says it").clone())
}

fn is_violation(error: &DbError) {
    assert_eq!((error.code().code(), error.message()), ("XX000", "1023"));
    let detail = error.detail().unwrap();
    assert!(detail.starts_with("Serializable isolation violation on table - "), "{detail}");
    assert!(detail.contains(", transactions forming the cycle are: "), "{detail}");
}

#[tokio::test]
async fn crossing_transactions_fail_if_isolation_is_serializable() {
    let kit = Kit::start_isolated(Isolation::Serializable).await;
    is_violation(&crossing(&kit, &kit.database).await.expect("the guide's error"));
    let kit = Kit::start_isolated(Isolation::Snapshot).await;
    assert_eq!(crossing(&kit, &kit.database).await, None);
}

#[tokio::test]
async fn two_changes_of_one_row_fail_in_any_isolation() {
    for isolation in [Isolation::Snapshot, Isolation::Serializable] {
        let kit = Kit::start_isolated(isolation).await;
        let (one, two) = (kit.connect().await, kit.connect().await);
        one.run("create table t (a int); insert into t values (1)").await;
        two.run("begin isolation level read committed; select * from t").await;
        one.run("update t set a = 2").await;
        is_violation(&error(&two, "update t set a = 3").await.expect("a conflict"));
        two.run("rollback").await;
        assert_eq!(two.value("select a from t").await, "2");
        // The extended protocol says the same.
        two.run("begin").await;
        two.client.query("select * from t", &[]).await.unwrap();
        one.run("delete from t").await;
        let failed = two.client.execute("delete from t", &[]).await.unwrap_err();
        is_violation(failed.as_db_error().unwrap());
    }
}

#[tokio::test]
async fn a_database_has_its_own_isolation_level() {
    let kit = Kit::start_isolated(Isolation::Snapshot).await;
    let session = kit.connect().await;
    let name = format!("{}_own", kit.database);
    let levels = |name: &str| {
        format!("select trim(isolation_level) from stv_db_isolation_level where db_name = '{name}'")
    };
    session
        .run(&format!(
            "create database {name} with connection limit unlimited collate case_sensitive \
             isolation level serializable"
        ))
        .await;
    assert_eq!(session.value(&levels(&name)).await, "Serializable");
    assert_eq!(session.value(&levels(&kit.database)).await, "Snapshot Isolation");
    is_violation(&crossing(&kit, &name).await.expect("the guide's error"));
    session.run(&format!("alter database {name} isolation level snapshot")).await;
    assert_eq!(session.value(&levels(&name)).await, "Snapshot Isolation");
    let inside = kit.connect_to(&name).await;
    inside.run("drop table tab1; drop table tab2").await;
    assert_eq!(crossing(&kit, &name).await, None);
    let sql = format!("select datconnlimit from pg_database_info where datname = '{name}'");
    assert_eq!(session.value(&sql).await, "UNLIMITED");
    let refused = error(&session, "alter database dev isolation level serializable").await;
    assert_eq!(refused.unwrap().code().code(), "0A000");
}

#[tokio::test]
async fn every_level_is_called_serializable() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    for sql in [
        "set session characteristics as transaction isolation level read committed",
        "set default_transaction_isolation to 'read committed'",
        "set default_transaction_isolation to default",
        "begin; set transaction isolation level read uncommitted; commit",
    ] {
        session.run(sql).await;
        for shown in ["show transaction isolation level", "show transaction_isolation"] {
            assert_eq!(session.value(shown).await, "serializable", "{sql}");
        }
        // What Postgres does is what the database says.
        let actual = session.value("select current_setting('transaction_isolation')").await;
        assert_eq!(actual, "repeatable read", "{sql}");
    }
    assert_eq!(session.value("select current_setting('server_version')").await, "8.0.2");
    assert_eq!(session.value("show server_version").await, "8.0.2");
}
