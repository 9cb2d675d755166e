//! LOCK ("LOCK"), which awswrangler and loaders send in and out of transactions.

use crate::support::raw::Raw;
use crate::support::{Kit, said};

#[tokio::test]
async fn a_lock_outside_a_transaction_is_taken_and_released_at_once() {
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run("create table a (x int); create table b (x int)").await;
    session.run("lock a").await;
    session.run("LOCK TABLE public.a, \"B\" -- both\n;").await;
    session.client.execute("lock a, b;", &[]).await.unwrap();
    session.run("insert into a values (1); lock b; insert into b values (1)").await;
    other.run("insert into a values (2); lock a").await;
    assert_eq!(session.value("select sum(x) from a").await, "3");
    let error = session.client.batch_execute("lock missing").await.unwrap_err();
    assert_eq!(
        said(&error),
        ("42P01".to_owned(), "relation \"missing\" does not exist".to_owned())
    );
    assert_eq!(error.as_db_error().unwrap().where_(), None);
    session.client.execute("lock missing", &[]).await.unwrap_err();
    session.run("lock a").await;
    let mut raw = Raw::connect(&kit).await;
    raw.query("lock a").statement("lock a").sync();
    assert_eq!(raw.tags(2).await, "CZi 12nCZi ");
}

#[tokio::test]
async fn a_lock_behind_the_end_of_a_transaction_is_outside_of_it() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table a (x int); create table \"we$blueshift$x\" (x int)").await;
    for end in ["commit", "end", "rollback", "abort", "truncate a"] {
        session.run(&format!("begin; lock a; {end}; lock a; begin; lock a; {end}")).await;
        let mut raw = Raw::connect(&kit).await;
        raw.statement("begin").statement("lock a").statement(end).statement("lock a").sync();
        assert_eq!(raw.tags(1).await, "12nC12nC12nC12nCZi ", "{end}");
        raw.statement("begin").sync().statement("lock a").statement(end).statement("lock a").sync();
        assert_eq!(raw.tags(2).await, "12nCZt 12nC12nC12nCZi ", "{end}");
    }
    // A Query ends what was begun before it, without a Sync.
    let mut raw = Raw::connect(&kit).await;
    raw.statement("begin").query("lock a; commit; lock a").statement("lock a").sync();
    assert_eq!(raw.tags(2).await, "12nCCCCZi 12nCZi ");
    // The text of a LOCK is quoted by what it does not contain.
    session.run("lock \"we$blueshift$x\"").await;
    session.client.execute("lock \"we$blueshift$x\"", &[]).await.unwrap();
}

#[tokio::test]
async fn it_waits_for_a_lock_of_another_session() {
    let kit = Kit::start().await;
    let (one, two) = (kit.connect().await, kit.connect().await);
    one.run("create table t (a int)").await;
    one.run("begin; lock t").await;
    let waiting = async {
        two.run("lock t").await;
        two.value("select count(*) from t").await
    };
    let committing = async {
        one.run("insert into t values (1)").await;
        one.run("commit").await;
    };
    let (seen, ()) = tokio::join!(waiting, committing);
    assert_eq!(seen, "1");
}

#[tokio::test]
async fn a_pipelined_begin_keeps_the_lock_and_the_snapshot_comes_after_it() {
    // What JDBC sends with autocommit off.
    let kit = Kit::start().await;
    let (one, two) = (kit.connect().await, kit.connect().await);
    one.run("create table t (a int)").await;
    one.run("begin; lock t; insert into t values (1)").await;
    let mut raw = Raw::connect(&kit).await;
    raw.statement("begin").statement("lock t").sync().statement("select a from t").sync();
    raw.send().await;
    let waits = "select count(*) from pg_locks where not granted";
    crate::support::until("the lock is waited for", || async { two.value(waits).await == "1" })
        .await;
    one.run("commit").await;
    assert_eq!(raw.tags(2).await, "12nC12nCZt 12TDCZt ");
    let held = "select count(*) from stv_locks where table_id = 't'::regclass::int \
                and lock_status = 'Holding write lock'";
    assert_eq!(two.value(held).await, "1");
}
