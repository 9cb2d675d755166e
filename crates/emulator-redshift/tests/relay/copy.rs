//! COPY as drivers run it.

use tokio_postgres::error::SqlState;

use crate::support::cluster::Cluster;
use crate::support::raw::Raw;
use crate::support::s3::ENDLESS;
use crate::support::{Connected, Kit, said, until};

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
async fn the_id_of_a_rolled_back_copy_is_forgotten_unless_the_load_failed() {
    // "PG_LAST_COPY_ID".
    const LAST: &str = "select pg_last_copy_id() || ' ' || pg_last_copy_count()";
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    let (copy, bad) = (kit.copy_of("t", "two", TWO), kit.copy_of("t", "bad", &["{]"]));
    session.run(&format!("begin; {copy}; rollback")).await;
    assert_eq!(session.value(LAST).await, "-1 0");
    session.run(&copy).await;
    let loaded = session.value(LAST).await;
    assert!(loaded.ends_with(" 2"), "{loaded}");
    session.run(&format!("begin; {copy}")).await;
    assert_ne!(session.value(LAST).await, loaded);
    session.client.execute("select 1/0", &[]).await.unwrap_err();
    session.run("rollback").await;
    assert_eq!(session.value(LAST).await, loaded);
    session.run("begin").await;
    session.client.execute(&bad, &[]).await.unwrap_err();
    session.run("rollback").await;
    let failed = session.value(LAST).await;
    assert!(failed != loaded && failed.ends_with(" 0"), "{failed}");
    // TRUNCATE commits.
    session.run(&format!("begin; {copy}; truncate t; rollback")).await;
    assert!(session.value(LAST).await.ends_with(" 2"));
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
    check_stopped(&session, &copied.unwrap_err()).await;
}

#[tokio::test]
async fn a_copy_can_be_cancelled_or_time_out_while_postgres_waits() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(9))").await;
    session.run(&kit.copy_of("t", "two", TWO)).await;
    session.run("truncate t").await;
    let superuser = Cluster::shared().superuser(&kit.database).await;
    superuser
        .batch_execute(
            "create function pause() returns trigger language plpgsql as \
             'begin perform pg_catalog.pg_sleep(60); return new; end'; \
             create trigger pause before insert on t for each row execute function pause()",
        )
        .await
        .unwrap();
    let copy = kit.copy_of("t", "two", TWO);
    let cancel = session.client.cancel_token();
    let cancelling = async {
        until("a row is inserted", || async {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event = 'PgSleep'";
            superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (copied, ()) = tokio::join!(session.client.execute(&copy, &[]), cancelling);
    check_stopped(&session, &copied.unwrap_err()).await;
    session.run("set statement_timeout to 200").await;
    let error = session.client.batch_execute(&copy).await.unwrap_err();
    session.run("set statement_timeout to 0").await;
    check_stopped(&session, &error).await;
    let history = "select trim(status) || ' ' || trim(error_message) from sys_query_history \
                   where query_id = pg_last_copy_id()";
    let said = session.value(history).await;
    assert!(said.starts_with("canceled Query ("), "{said}");
}

/// What is told of a COPY that was stopped while it loaded, and what is left.
async fn check_stopped(session: &Connected, error: &tokio_postgres::Error) {
    let id = session.value("select pg_last_copy_id()").await;
    let expected = format!("Query ({id}) cancelled on user's request");
    assert_eq!(said(error), (SqlState::QUERY_CANCELED.code().to_owned(), expected));
    assert_eq!(error.as_db_error().unwrap().where_(), None);
    assert_eq!(session.value("select pg_last_copy_count()").await, "0");
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
