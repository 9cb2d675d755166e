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

/// Whether it is the guide's error; gives the id of the table that it names.
fn is_violation(error: &DbError) -> String {
    assert_eq!((error.code().code(), error.message()), ("XX000", "1023"));
    let detail = error.detail().unwrap();
    let rest = detail.strip_prefix("Serializable isolation violation on table - ").expect(detail);
    let (table, _) = rest.split_once(", transactions forming the cycle are: ").expect(detail);
    table.to_owned()
}

#[tokio::test]
async fn crossing_transactions_fail_if_isolation_is_serializable() {
    let kit = Kit::start_isolated(Isolation::Serializable).await;
    let table = is_violation(&crossing(&kit, &kit.database).await.expect("the guide's error"));
    let session = kit.connect().await;
    assert_eq!(session.value("select 'tab1'::regclass::oid").await, table);
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
        let table = is_violation(&error(&two, "update t set a = 3").await.expect("a conflict"));
        two.run("rollback").await;
        // "STV_TBL_PERM", "STL_TR_CONFLICT".
        let id = "select id from stv_tbl_perm where name = 't'";
        assert_eq!(two.value(id).await, table, "{isolation}");
        let logged = "select table_id || ' ' || (process_id = pg_backend_pid() and \
                      xact_start_ts <= abort_time)::text from stl_tr_conflict";
        assert_eq!(two.value(logged).await, format!("{table} true"));
        assert_eq!(two.value("select a from t").await, "2");
        // The extended protocol says the same.
        two.run("begin").await;
        two.client.query("select * from t", &[]).await.unwrap();
        one.run("delete from t").await;
        let failed = two.client.execute("delete from t", &[]).await.unwrap_err();
        assert_eq!(is_violation(failed.as_db_error().unwrap()), table);
    }
}

#[tokio::test]
async fn a_violation_names_the_table_that_the_failed_statement_writes() {
    let kit = Kit::start().await;
    let (one, two) = (kit.connect().await, kit.connect().await);
    one.run(
        "create schema s; create table a (x int); create table s.b (x int); \
         create table c (x int); insert into a values (1); insert into s.b values (1)",
    )
    .await;
    for (failing, table) in [
        ("update a set x = 2; delete from b; update a set x = 3", "s.b"),
        ("update a set x = 2; delete S.B; insert into c select x from a", "s.b"),
    ] {
        two.run("begin; set search_path to s, public; select * from a").await;
        one.run("update s.b set x = x + 1").await;
        let named = is_violation(&error(&two, failing).await.expect("a conflict"));
        two.run("rollback").await;
        let id = format!("select '{table}'::regclass::oid");
        assert_eq!(two.value(&id).await, named, "{failing}");
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
