//! COPY as drivers run it.

use tokio_postgres::error::SqlState;

use crate::support::cluster::Cluster;
use crate::support::raw::Raw;
use crate::support::s3::ENDLESS;
use crate::support::{Kit, said, until};

const TWO: &[&str] = &[r#"{"a": 1, "b": "x"}"#, r#"{"a": 2, "b": "ü\\\t"}"#];

#[tokio::test]
async fn a_copy_loads_and_says_how_much() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int not null, b varchar(9))").await;
    assert_eq!(
        session.value("select pg_last_copy_count() || ' ' || pg_last_copy_id()").await,
        "0 -1"
    );
    let copy = kit.copy_of("t", "two", TWO);
    session.client.execute(&copy, &[]).await.unwrap();
    let rows = session.client.query("select a, b from t order by a", &[]).await.unwrap();
    assert_eq!(rows[1].get::<_, &str>(1), "ü\\\t");
    assert_eq!(
        session.take_notices(),
        ["INFO: Load into table 't' completed, 2 record(s) loaded successfully."]
    );
    assert_eq!(session.value("select pg_last_copy_count()").await, "2");
    assert_ne!(session.value("select pg_last_copy_id()").await, "-1");
    session.run(&copy).await;
    assert_eq!(session.value("select count(*) from t").await, "4");
}

#[tokio::test]
async fn a_prepared_copy_can_be_executed_again() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    let statement = session.client.prepare(&kit.copy_of("t", "two", TWO)).await.unwrap();
    assert!(statement.columns().is_empty() && statement.params().is_empty());
    for _ in 0..3 {
        session.client.execute(&statement, &[]).await.unwrap();
    }
    assert_eq!(session.value("select count(*) from t").await, "6");
}

#[tokio::test]
async fn a_rolled_back_copy_leaves_nothing() {
    let kit = Kit::start().await;
    let mut session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    let copy = kit.copy_of("t", "two", TWO);
    let transaction = session.client.transaction().await.unwrap();
    transaction.execute(&copy, &[]).await.unwrap();
    let count = transaction.query_one("select count(*) from t", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 2);
    transaction.rollback().await.unwrap();
    assert_eq!(session.value("select count(*) from t").await, "0");
    session.run(&format!("begin; {copy}; commit")).await;
    assert_eq!(session.value("select count(*) from t").await, "2");
}

#[tokio::test]
async fn temporary_tables_and_the_search_path_count() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create schema s; create table s.\"odd t\" (a int, b varchar(9))").await;
    session.run(&kit.copy_of("s.\"Odd T\"", "two", TWO)).await;
    session.run("set search_path to s").await;
    session.client.execute(&kit.copy_of("\"odd t\"", "two", TWO), &[]).await.unwrap();
    assert_eq!(session.value("select count(*) from \"odd t\"").await, "4");
    session.run("create temp table stage (b varchar(9), a int, c int default 5)").await;
    session.run(&kit.copy_of("stage (a)", "two", TWO)).await;
    assert_eq!(session.value("select sum(a + c) from stage").await, "13");
}

#[tokio::test]
async fn identity_columns_are_filled_unless_they_are_named() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (id bigint identity(10, 5), a int)").await;
    session.run(&kit.copy_of("t", "two", TWO)).await;
    assert_eq!(
        session
            .value(
                "select listed.ids from (select min(id) || ',' || max(id) as ids \
                              from t) listed"
            )
            .await,
        "10,15"
    );
}

#[tokio::test]
async fn the_clients_encoding_is_not_that_of_the_files() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    session.run("set client_encoding to 'LATIN1'").await;
    session.run(&kit.copy_of("t", "two", TWO)).await;
    assert_eq!(session.value("select octet_length(b) from t where a = 2").await, "4");
}

#[tokio::test]
async fn a_copy_can_be_cancelled_while_s3_is_silent() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    let copy = kit.copy_of("t", ENDLESS, TWO);
    let cancel = session.client.cancel_token();
    let copying = session.client.execute(&copy, &[]);
    let cancelling = async {
        wait_for_copy(&kit).await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (copied, ()) = tokio::join!(copying, cancelling);
    let (code, message) = said(&copied.unwrap_err());
    assert_eq!(code, SqlState::QUERY_CANCELED.code());
    assert!(message.ends_with("cancelled on user's request"), "{message}");
    assert_eq!(session.value("select count(*) from t").await, "0");
}

#[tokio::test]
async fn a_client_that_hangs_up_during_a_copy_leaves_nothing_behind() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    let mut raw = Raw::connect(&kit).await;
    raw.query(&kit.copy_of("t", ENDLESS, TWO)).send().await;
    wait_for_copy(&kit).await;
    drop(raw);
    let superuser = Cluster::shared().superuser(&kit.database).await;
    until("its Postgres session ends", || async {
        let sql = "select count(*) from pg_stat_activity \
                   where datname = current_database() and usename = 'awsuser'";
        superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
    assert_eq!(session.value("select count(*) from t").await, "0");
}

#[tokio::test]
async fn a_shutdown_stops_a_copy() {
    let kit = Kit::start().await;
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int, b varchar(9))").tags(1).await;
    raw.query(&kit.copy_of("t", ENDLESS, TWO)).send().await;
    wait_for_copy(&kit).await;
    kit.shutdown.cancel();
    let answer = raw.answer().await.expect("the client is told");
    assert_eq!(crate::support::raw::shown(&answer), "E57P01 ");
}

/// Waits until Postgres waits for the rows of a COPY.
async fn wait_for_copy(kit: &Kit) {
    let superuser = Cluster::shared().superuser(&kit.database).await;
    until("the COPY runs", || async {
        let sql = "select count(*) from pg_stat_progress_copy where datname = current_database()";
        superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
    })
    .await;
}
