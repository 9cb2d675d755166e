//! What ops scripts and drivers ask about sessions, queries, locks and loads.

use crate::support::cluster::Cluster;
use crate::support::{Kit, said};

#[tokio::test]
async fn sessions_and_transactions_are_listed() {
    // "STV_SESSIONS", "STV_RECENTS", "STV_INFLIGHT", "SVV_TRANSACTIONS", "CURRENT_USER_ID".
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run("create table t (a int)").await;
    session.run("begin; insert into t values (1)").await;
    let pid = session.value("select pg_backend_pid()").await;
    let mine = format!("trim(user_name) = 'awsuser' and trim(db_name) = '{}'", kit.database);
    for sql in [
        format!("select count(*) from stv_sessions where process = {pid} and {mine}"),
        format!(
            "select count(distinct relation) from svv_transactions where pid = {pid} \
                 and relation = 't'::regclass::int and lock_mode = 'RowExclusiveLock'"
        ),
        format!(
            "select count(*) from stv_locks where lock_owner_pid = {pid} \
                 and table_id = 't'::regclass::int"
        ),
        "select count(*) from stv_inflight where pid = pg_backend_pid()".to_owned(),
        format!(
            "select count(*) from stv_recents where trim(status) = 'Running' and {mine} \
                 and pid = pg_backend_pid()"
        ),
        "select count(*) from pg_user where usesysid = current_user_id".to_owned(),
    ] {
        assert_eq!(other.value(&sql).await, "1", "{sql}");
    }
    session.run("commit").await;
    let done =
        "select trim(query) from stv_recents where trim(status) = 'Done' and query like 'ins%'";
    assert_eq!(other.value(done).await, "insert into t values (1)");
}

#[tokio::test]
async fn queries_have_a_history() {
    // "SYS_QUERY_HISTORY", "SYS_QUERY_TEXT", "SVL_QLOG", "STL_WLM_QUERY", "SVL_STATEMENTTEXT".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); insert into t values (1)").await;
    session.client.batch_execute("select a / 0 from t").await.unwrap_err();
    session
        .run("with x as (select a from t) select a from x; create table u as select a from t")
        .await;
    let sql = "select listagg(trim(query_type) || ' ' || trim(status), ', ') within group (order by \
               query_id) from sys_query_history where database_name = current_database()";
    assert_eq!(
        session.value(sql).await,
        "INSERT success, SELECT failed, SELECT success, CTAS success"
    );
    for view in ["svl_qlog", "stl_wlm_query", "sys_query_text", "svl_statementtext"] {
        let sql = format!("select 4 <= count(*) from {view}");
        assert_eq!(session.value(&sql).await, "t", "{view}");
    }
}

#[tokio::test]
async fn the_files_of_a_load_are_found_where_loaders_look() {
    // "STL_S3CLIENT", "STL_FILE_SCAN", "STV_LOAD_STATE", "SYS_QUERY_DETAIL".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    session.run(&kit.copy_of("t", "in/one", &[r#"{"a": 1}"#, r#"{"a": 2}"#])).await;
    for (sql, expected) in [
        (
            "select trim(bucket) || ' ' || trim(key) || ' ' || transfer_size from stl_s3client \
          where query = pg_last_copy_id()",
            "bucket in/one 17",
        ),
        (
            "select trim(name) || ' ' || lines from stl_file_scan where query = pg_last_copy_id()",
            "s3://bucket/in/one 2",
        ),
        ("select count(*) from stv_load_state", "0"),
        (
            "select max(start_time) is not null from sys_query_detail where step_name = 'insert' \
          and table_id = 't'::regclass::int",
            "t",
        ),
    ] {
        assert_eq!(session.value(sql).await, expected, "{sql}");
    }
    let empty = [
        "stl_error",
        "stl_s3client_error",
        "stl_tr_conflict",
        "stl_ddltext",
        "stl_alert_event_log",
    ];
    for view in empty {
        let rows = session.client.query(&format!("select * from {view}"), &[]).await.unwrap();
        assert!(rows.is_empty(), "{view}");
    }
}

#[tokio::test]
async fn no_table_takes_the_name_of_a_system_table() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    for sql in [
        "create temp table stl_load_errors (a int)",
        "create table public.sys_load_history (a int)",
        "create table stv_sessions as select 1 as a",
    ] {
        let error = session.client.batch_execute(sql).await.unwrap_err();
        let (state, message) = said(&error);
        assert!(state == "42P07" && message.ends_with("already exists"), "{sql}: {message}");
        assert_eq!(error.as_db_error().unwrap().where_(), None, "{sql}");
    }
    session.run("create table stl_mine (a int)").await;
}

#[tokio::test]
async fn errors_and_notices_do_not_tell_of_postgres() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a varchar(2), b int)").await;
    for sql in [
        "insert into t (a) values ('abc')",
        "create table u (a int) distkey (x)",
        "select dateadd(nothing, 1, sysdate)",
        "select to_varbyte('a', 'nothing')",
    ] {
        let error = session.client.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.as_db_error().unwrap().where_(), None, "{sql}");
    }
    session
        .run("create procedure p() as $$ begin insert into t (b) values (1 / 0); end $$ language plpgsql")
        .await;
    let error = session.client.batch_execute("call p()").await.unwrap_err();
    let context = error.as_db_error().unwrap().where_().unwrap_or_default().to_owned();
    assert!(context.contains("PL/pgSQL function p()"), "{context}");
    session.run("vacuum").await;
    session.run("analyze").await;
    assert_eq!(session.take_notices(), Vec::<String>::new());
}

#[tokio::test]
async fn what_runs_with_more_rights_looks_nothing_up_where_users_can_put_it() {
    let kit = Kit::start().await;
    let postgres = Cluster::shared().superuser(&kit.database).await;
    let functions = "select proname from pg_proc where prosecdef \
        and not coalesce(proconfig, '{}') && array['search_path=pg_catalog, pg_temp']";
    let rows = postgres.query(functions, &[]).await.unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert!(names.is_empty(), "{names:?} are SECURITY DEFINER without a search path");
    // Nor does it call what users have made.
    let session = kit.connect().await;
    session.run("create table seen (who varchar)").await;
    // Redshift's own functions change nothing.
    postgres
        .batch_execute(
            "set role awsuser; create function nosy() returns int as $$ begin \
             insert into seen values (current_user); return 1; end $$ language plpgsql volatile",
        )
        .await
        .unwrap();
    session
        .run(
            "create view v as select nosy() as a; create table target (a int, b int default nosy()); \
             create table source (a int); insert into source values (1)",
        )
        .await;
    session.run("alter table target append from source filltarget").await;
    session.run("select pg_catalog.blueshift_row_count('v'::regclass)").await;
    assert_eq!(session.value("select listagg(distinct who) from seen").await, "awsuser");
}
