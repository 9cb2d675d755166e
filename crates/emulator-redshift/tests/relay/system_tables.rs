//! The system tables of loads and queries, as loaders read them.

use emulator_redshift::CopyStatus;

use crate::support::Kit;

const GOOD: &[&str] = &[r#"{"a": 1}"#, r#"{"a": 2}"#];
const BAD: &[&str] = &[r#"{"a": 3}"#, r#"{"a": "x"}"#];

#[tokio::test]
async fn a_load_is_written_down_file_by_file_and_survives_the_rollback() {
    // "STL_LOAD_COMMITS", "SYS_LOAD_HISTORY", "SYS_LOAD_DETAIL", "PG_LAST_COPY_ID".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let first = kit.copy_of("t", "in/1", GOOD);
    kit.copy_of("t", "in/2", &GOOD[..1]);
    session.run("create table t (a int)").await;
    session.run("begin").await;
    session.run(&first.replace("in/1", "in/")).await;
    let files = "select trim(filename) || ' ' || lines_scanned || ' ' || trim(file_format) from \
                 stl_load_commits where query = pg_last_copy_id() order by filename desc";
    assert_eq!(session.value(files).await, "s3://bucket/in/2 1 JSON");
    session.run("rollback").await;
    // Its id is no longer the last one ("PG_LAST_COPY_ID").
    let files = files.replace("where query = pg_last_copy_id()", "");
    let rows = session.client.query(&files, &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    let history = "select status || ' ' || trim(table_name) || ' ' || data_source || ' ' || \
                   file_format || ' ' || loaded_rows || ' ' || source_file_count || ' ' || \
                   error_count || ' ' || database_name from sys_load_history";
    let expected = format!("completed t s3://bucket/in/ json 3 2 0 {}", kit.database);
    assert_eq!(session.value(history).await, expected);
    let detail = "select count(*) || ' ' || sum(bytes_scanned) from sys_load_detail";
    assert_eq!(session.value(detail).await, "2 25");
    let another = kit.connect().await;
    assert_eq!(another.value("select count(*) from stl_load_commits").await, "2");
    assert_eq!(another.value("select pg_last_copy_id()").await, "-1");
    assert_eq!(another.value("select pg_last_unload_count() + pg_last_unload_id()").await, "-1");
}

#[tokio::test]
async fn errors_of_a_load_join_its_history() {
    // "SYS_LOAD_ERROR_DETAIL", "STL_LOADERROR_DETAIL".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let bad = kit.copy_of("t", "bad", BAD);
    session.client.execute(&bad, &[]).await.unwrap_err();
    let sql = "select h.status || ' ' || h.error_count || ' ' || trim(d.column_name) || ' ' || \
               d.error_code || ' ' || d.line_number || ' ' || (d.table_id = 't'::regclass::int) \
               from sys_load_error_detail d join sys_load_history h using (query_id) \
               where d.transaction_id = h.transaction_id";
    assert_eq!(session.value(sql).await, "aborted 1 a 1207 2 true");
    // What is no number is parsed as a null.
    let sql = "select trim(colname) || ' ' || field || ' ' || is_null || ' ' || trim(value) || '.' \
               from stl_loaderror_detail where query = pg_last_copy_id()";
    assert_eq!(session.value(sql).await, "a 0 1 .");
    session.run(&format!("{bad} maxerror 5")).await;
    let sql = "select loaded_rows || ' ' || error_count from sys_load_history \
               where status = 'completed'";
    assert_eq!(session.value(sql).await, "1 1");
}

#[tokio::test]
async fn the_loadview_of_the_guide_shows_new_errors() {
    // "STL_LOAD_ERRORS", sample queries.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a int); create view loadview as (select distinct tbl, query, \
             starttime, trim(filename) as input, line_number, colname, err_code, \
             trim(err_reason) as reason from stl_load_errors)",
        )
        .await;
    session.client.execute(&kit.copy_of("t", "bad", BAD), &[]).await.unwrap_err();
    assert_eq!(session.value("select count(*) from loadview").await, "1");
    let rows = session.client.query("select input from public.loadview", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>(0), "s3://bucket/bad");
}

#[tokio::test]
async fn queries_are_written_down_with_their_ids() {
    // "STL_QUERY", "PG_LAST_QUERY_ID", "STL_LOAD_COMMITS" (the join with STL_QUERY).
    let kit = Kit::start().await;
    let session = kit.connect().await;
    assert_eq!(session.value("select pg_last_query_id()").await, "-1");
    session.run("create table t (a int)").await;
    assert_eq!(session.value("select pg_last_query_id()").await, "-1");
    session.run("insert into t values (1)").await;
    let sql = "select trim(querytxt) || ' ' || aborted || ' ' || (starttime <= endtime) \
               from stl_query where query = pg_last_query_id()";
    assert_eq!(session.value(sql).await, "insert into t values (1) 0 true");
    session.client.query("select a from t where a = $1", &[&1]).await.unwrap();
    session.client.batch_execute("select a / 0 from t").await.unwrap_err();
    let count = async |pattern: &str| {
        let sql = format!(
            "select sum(aborted) || ' ' || count(*) from stl_query where querytxt like '{pattern}'"
        );
        session.value(&sql).await
    };
    assert_eq!(count("select a from t where%").await, "0 1");
    assert_eq!(count("select a / 0%").await, "1 1");
    let secret = "ACCESS_KEY_ID 'AKIA' SECRET_ACCESS_KEY 'hidden'";
    let copy = kit.copy_of("t", "good", GOOD).replace("IAM_ROLE default", secret);
    session.run(&copy).await;
    let join = "select trim(q.querytxt) from stl_query q join stl_load_commits c \
                on q.query = c.query and trim(q.database) = current_database()";
    let text = session.value(join).await;
    assert!(text.starts_with("COPY") && !text.contains("hidden"), "{text}");
    let text = "select count(distinct sequence) from stl_querytext where text like '%3://bucket%'";
    assert_eq!(session.value(text).await, "1");
}

#[tokio::test]
async fn the_last_copies_say_why_they_failed() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int not null, b varbyte)").await;
    let secret = "CREDENTIALS 'aws_access_key_id=AKIA;aws_secret_access_key=hidden'";
    let good = kit.copy_of("t (a)", "good", GOOD).replace("IAM_ROLE default", secret);
    session.run(&good).await;
    for failing in [
        kit.copy_of("t (a)", "bad", BAD),
        kit.copy_of("nowhere", "good", GOOD),
        good.replace("bucket/good", "bucket/nothing"),
        good.replace("(a)", "(a, b)"),
        format!("{good}; select 1 / 0"),
    ] {
        session.client.batch_execute(&failing).await.unwrap_err();
    }
    let copies = kit.redshift.copies();
    let errors: Vec<&str> =
        copies.iter().map(|copy| copy.error.as_deref().unwrap_or("none")).collect();
    assert_eq!(
        errors,
        [
            "none",
            "Load into table 't' failed.  Check 'stl_load_errors' system table for details.",
            "Cannot COPY into nonexistent table nowhere",
            "The specified S3 prefix 'nothing' does not exist",
            "COPY into column \"b\" of type VARBYTE needs CSV, PARQUET or ORC",
            "none",
        ]
    );
    assert_eq!((copies[0].status, copies[1].status), (CopyStatus::Completed, CopyStatus::Aborted));
    assert_eq!((copies[0].loaded_rows, copies[0].files.len()), (2, 1));
    assert!(!copies[0].statement.contains("hidden"), "{}", copies[0].statement);
}

#[tokio::test]
async fn what_shows_system_tables_by_another_name_is_up_to_date_too() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); create table counts (n int)").await;
    let insert = "insert into t values (1)";
    let counted = "select count(*) from stl_query where querytxt like 'insert into t %'";
    session.run(insert).await;
    // A procedure, in a session that has read nothing yet.
    session
        .run(&format!(
            "create procedure count_them() as $$ begin insert into counts {counted}; end $$ \
             language plpgsql"
        ))
        .await;
    let other = kit.connect().await;
    other.run("call count_them()").await;
    other.client.execute("call count_them()", &[]).await.unwrap();
    assert_eq!(other.value("select min(n) || ' ' || max(n) from counts").await, "1 1");
    // It may commit in the extended protocol, too.
    session
        .run("create procedure empty_it() as $$ begin truncate counts; end $$ language plpgsql")
        .await;
    other.client.execute("call empty_it()", &[]).await.unwrap();
    // A prepared statement, executed twice.
    session.run(&format!("prepare x as {counted}")).await;
    assert_eq!(session.value("execute x").await, "1");
    session.run(insert).await;
    assert_eq!(session.value("execute x").await, "2");
    // Views of views by other names, in sessions that were there before and came after.
    let viewed = counted.replace("count(*)", "querytxt");
    other.run("select a from t").await;
    session
        .run(&format!("create view one as {viewed}; create view two as select querytxt from one"))
        .await;
    assert_eq!(other.value("select count(*) from two").await, "2");
    session.run("begin; alter table two rename to three").await;
    assert_eq!(session.value("select count(*) from three").await, "2");
    session.run(&format!("{insert}; commit")).await;
    assert_eq!(other.value("select count(*) from three").await, "3");
    assert_eq!(kit.connect().await.value("select count(*) from three").await, "3");
    session.run(insert).await;
    let prepared = other.client.prepare("select count(*)::int from three").await.unwrap();
    assert_eq!(other.client.query_one(&prepared, &[]).await.unwrap().get::<_, i32>(0), 4);
    // In a failed transaction a script still rolls back.
    session
        .client
        .batch_execute("begin; create view four as select 1 as a; select 1 / 0")
        .await
        .unwrap_err();
    session.run("rollback; select a from t").await;
}

#[tokio::test]
async fn views_are_known_after_a_restart_of_the_relay() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); create view mine as select querytxt from stl_query").await;
    let again = Kit::start().await;
    let session = again.connect_to(&kit.database).await;
    session.run("insert into t values (1)").await;
    assert_eq!(session.value("select count(*) from mine").await, "1");
}
