//! The system tables of loads, column by column, and what each kind of COPY leaves in them.

use crate::support::s3::ENDLESS;
use crate::support::{Connected, Kit, said, until};

/// As the guide's page of each has them; `c` is `character`.
const COLUMNS: &[(&str, &str)] = &[
    (
        "stl_load_errors",
        "userid integer, slice integer, tbl integer, starttime timestamp, session integer, \
         query integer, filename c(256), line_number bigint, colname c(127), type c(10), \
         col_length c(10), position integer, raw_line c(1024), raw_field_value c(1024), \
         err_code integer, err_reason c(100), is_partial integer, start_offset bigint, \
         copy_job_id bigint",
    ),
    (
        "stl_loaderror_detail",
        "userid integer, slice integer, session integer, query integer, filename c(256), \
         line_number bigint, field integer, colname c(1024), value c(1024), is_null integer, \
         type c(10), col_length c(10)",
    ),
    (
        "stl_load_commits",
        "userid integer, query integer, slice integer, name c(256), filename c(256), \
         byte_offset integer, lines_scanned integer, errors integer, curtime timestamp, \
         status integer, file_format c(16), is_partial integer, start_offset bigint, \
         copy_job_id bigint",
    ),
    (
        "stl_replacements",
        "userid integer, query integer, slice integer, tbl integer, starttime timestamp, \
         session integer, filename c(256), line_number bigint, colname c(127), raw_line c(1024)",
    ),
    (
        "stl_query",
        "userid integer, query integer, label c(320), xid bigint, pid integer, database c(32), \
         querytxt c(4000), starttime timestamp, endtime timestamp, aborted integer, \
         insert_pristine integer, concurrency_scaling_status integer",
    ),
    (
        "stv_tbl_perm",
        "slice integer, id integer, name c(72), rows bigint, sorted_rows bigint, temp integer, \
         db_id integer, insert_pristine integer, delete_pristine integer, backup integer, \
         dist_style integer, block_count integer",
    ),
    (
        "stv_load_state",
        "userid integer, session integer, query integer, slice integer, pid integer, \
         recordtime timestamp, bytes_to_load bigint, bytes_loaded bigint, \
         bytes_to_load_compressed bigint, bytes_loaded_compressed bigint, lines integer, \
         num_files integer, num_files_complete integer, current_file c(256), pct_complete integer",
    ),
    (
        "sys_load_history",
        "user_id integer, query_id bigint, transaction_id bigint, session_id integer, \
         database_name text, status text, table_name text, start_time timestamp, \
         end_time timestamp, duration bigint, data_source text, file_format text, \
         loaded_rows bigint, loaded_bytes bigint, source_file_count integer, \
         source_file_bytes bigint, file_count_scanned integer, file_bytes_scanned bigint, \
         error_count bigint, copy_job_id bigint",
    ),
    (
        "sys_load_error_detail",
        "user_id integer, query_id bigint, transaction_id bigint, session_id integer, \
         database_name c(64), table_id integer, start_time timestamp, file_name c(256), \
         line_number bigint, column_name c(127), column_type c(10), column_length c(10), \
         position integer, error_code integer, error_message c(512)",
    ),
    (
        "sys_load_detail",
        "user_id integer, query_id integer, file_name c(256), bytes_scanned integer, \
         lines_scanned integer, record_time timestamp, splits_scanned integer, \
         start_time timestamp, end_time timestamp, file_etag c(256), \
         file_last_modified timestamp",
    ),
    (
        "stl_analyze_compression",
        "userid integer, start_time timestamp, xid bigint, tbl integer, tablename c(128), \
         col integer, old_encoding c(15), new_encoding c(15), mode c(14), \
         best_compression_encoding c(15), recommended_bytes c(15), best_compression_bytes c(15), \
         ndv bigint",
    ),
    (
        "sys_analyze_compression_history",
        "user_id integer, start_time timestamp, transaction_id bigint, table_id integer, \
         table_name c(128), column_position integer, old_encoding c(15), new_encoding c(15), \
         mode c(14)",
    ),
    (
        "svl_s3list",
        "query integer, segment integer, node integer, slice integer, eventtime timestamp, \
         bucket text, prefix text, recursive c(1), retrieved_files integer, \
         max_file_size bigint, avg_file_size double precision, generated_splits integer, \
         avg_split_length double precision, duration bigint",
    ),
    (
        "sys_copy_job",
        "job_id bigint, job_name c(128), iam_role c(128), job_text c(256), is_auto integer, \
         on_error_suspend integer",
    ),
    (
        "sys_transaction_history",
        "user_id integer, transaction_id bigint, isolation_level text, status text, \
         transaction_start_time timestamp, commit_start_time timestamp, \
         commit_end_time timestamp, blocks_committed bigint, undo_transaction_id bigint",
    ),
];

#[tokio::test]
async fn columns_are_those_of_the_guide() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    for (view, expected) in COLUMNS {
        let sql = format!(
            "select listagg(attname || ' ' || format_type(atttypid, atttypmod), ', ') \
             within group (order by attnum) from pg_attribute \
             where attrelid = '{view}'::regclass and 0 < attnum"
        );
        let columns = session.value(&sql).await;
        let columns = columns.replace("character(", "c(").replace(" without time zone", "");
        assert_eq!(columns, *expected, "{view}");
    }
}

/// How many rows of each table the last COPY has.
async fn rows_of_last_copy(session: &Connected) -> String {
    rows_of_copy(session, "pg_last_copy_id()").await
}

/// How many rows of each table a COPY has.
async fn rows_of_copy(session: &Connected, query: &str) -> String {
    let mut counts = Vec::new();
    for (view, id) in [
        ("stl_load_errors", "query"),
        ("stl_loaderror_detail", "query"),
        ("stl_load_commits", "query"),
        ("stl_replacements", "query"),
        ("stl_insert", "query"),
        ("sys_load_history", "query_id"),
        ("sys_load_error_detail", "query_id"),
        ("sys_load_detail", "query_id"),
    ] {
        let sql = format!("select count(*) from {view} where {id} = {query}");
        counts.push(session.value(&sql).await);
    }
    counts.join(" ")
}

/// What `sys_load_history` and `stl_query` have of the last COPY, and its number of rows.
async fn outcome_of_last_copy(session: &Connected) -> String {
    let sql = "select h.status || ' ' || loaded_rows || ' ' || loaded_bytes || ' ' || \
               source_file_count || ' ' || error_count || ' ' || q.aborted || ' ' || \
               pg_last_copy_count() from sys_load_history h join stl_query q \
               on q.query = h.query_id and q.xid = h.transaction_id and q.userid = h.user_id \
               and q.pid = h.session_id where h.query_id = pg_last_copy_id()";
    session.value(sql).await
}

const GOOD: &[&str] = &["{\"a\": 1, \"b\": \"x\"}", "{\"a\": 2, \"b\": \"\u{fdd0}\"}"];
const BAD: &[&str] = &["{\"a\": 3}", "{\"a\": 4, \"b\": \"long\"}", "{\"b\": \"n\"}"];

#[tokio::test]
async fn each_kind_of_copy_leaves_its_rows() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int not null, b varchar(3))").await;
    let (good, bad) = (kit.copy_of("t", "good", GOOD), kit.copy_of("t", "bad", BAD));
    let history = "select count(*) from sys_load_history";
    // The statement; its rows: errors, their details, files, replacements, inserts, history, …
    for (copy, rows, outcome) in [
        (good.clone(), "0 0 1 0 1 1 0 1", "completed 2 39 1 0 0 2"),
        (format!("{good} acceptinvchars"), "0 0 1 1 1 1 0 1", "completed 2 39 1 0 0 2"),
        (format!("{bad} maxerror 3"), "2 3 1 0 1 1 2 1", "completed 1 41 1 2 0 1"),
        (format!("{good} noload"), "0 0 1 0 0 1 0 1", "completed 0 0 1 0 0 0"),
    ] {
        session.run(&copy).await;
        assert_eq!(rows_of_last_copy(&session).await, rows, "{copy}");
        assert_eq!(outcome_of_last_copy(&session).await, outcome, "{copy}");
    }
    for (copy, rows, outcome) in [
        (bad.clone(), "1 2 0 0 0 1 1 0", "aborted 0 0 0 1 1 0"),
        (format!("{bad} noload maxerror 2"), "2 3 0 0 0 1 2 0", "aborted 0 0 0 2 1 0"),
    ] {
        session.client.batch_execute(&copy).await.unwrap_err();
        assert_eq!(rows_of_last_copy(&session).await, rows, "{copy}");
        assert_eq!(outcome_of_last_copy(&session).await, outcome, "{copy}");
    }
    assert_eq!(session.value(history).await, "6");
    // What S3 says of a file ("SYS_LOAD_DETAIL").
    let stored =
        "select distinct trim(file_etag) || ' ' || file_last_modified from sys_load_detail";
    assert_eq!(session.value(stored).await, "x 2019-08-06 10:11:12");
    // One without files has begun, and is no "last COPY"; one without a table has not.
    let error = session.client.batch_execute(&good.replace("/good", "/none")).await.unwrap_err();
    assert_eq!(said(&error).0, "XX000");
    let last = "select status || ' ' || (query_id > pg_last_copy_id()) from sys_load_history \
                order by query_id desc limit 1";
    assert_eq!(session.value(last).await, "aborted true");
    session.client.batch_execute(&good.replace("COPY t", "COPY u")).await.unwrap_err();
    assert_eq!(session.value(history).await, "7");
}

#[tokio::test]
async fn a_transaction_sees_its_own_loads_which_outlive_it() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int not null, b varchar(3))").await;
    let (good, bad) = (kit.copy_of("t", "good", GOOD), kit.copy_of("t", "bad", BAD));
    let transactions = "select listagg(shown, ', ') from ( \
        select h.status || ' ' || count(*) as shown from sys_load_history l \
        join sys_transaction_history h on h.transaction_id = l.transaction_id \
        group by h.status order by h.status) as counted";
    session.run("begin").await;
    session.run(&format!("{bad} maxerror 3")).await;
    assert_eq!(rows_of_last_copy(&session).await, "2 3 1 0 1 1 2 1");
    assert_eq!(outcome_of_last_copy(&session).await, "completed 1 41 1 2 0 1");
    let query = session.value("select pg_last_copy_id()").await;
    session.run("rollback").await;
    assert_eq!(session.value("select count(*) from t").await, "0");
    assert_eq!(rows_of_copy(&session, &query).await, "2 3 1 0 1 1 2 1");
    assert_eq!(session.value(transactions).await, "rolledback 1");
    // "STL_LOAD_COMMITS": which loads were committed.
    session.run(&format!("begin; {good}; end")).await;
    session.run(&good).await;
    let committed = "select count(*) from stl_load_commits l, stl_query q where l.query = q.query \
        and exists (select xid from stl_utilitytext where xid = q.xid and rtrim(\"text\") = 'COMMIT')";
    assert_eq!(session.value(committed).await, "2");
    assert_eq!(session.value(transactions).await, "committed 2, rolledback 1");
    let failing = "insert into t select 1 / (query - query) from stl_query";
    session.client.batch_execute(failing).await.unwrap_err();
    // The client hears of the error before the transaction's end has been answered.
    session.run("set query_group to ended").await;
    let last = "select h.status from sys_transaction_history h join stl_query q \
        on q.xid = h.transaction_id where q.querytxt like 'insert into t select 1%'";
    assert_eq!(session.value(last).await, "rolledback");
    let isolation = "select distinct isolation_level from sys_transaction_history";
    assert_eq!(session.value(isolation).await, "Snapshot Isolation");
}

#[tokio::test]
async fn a_load_is_seen_while_it_runs() {
    // "SYS_LOAD_HISTORY", "STV_LOAD_STATE".
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run("create table t (a int, b varchar(3))").await;
    let copy = kit.copy_of("t", ENDLESS, GOOD);
    let cancel = session.client.cancel_token();
    let looking = async {
        let running = "select count(*) from sys_load_history join stv_load_state on query = query_id \
            and userid = user_id and userid = current_user_id where status = 'running' \
            and table_name = 't'";
        until("the COPY is seen", || async { other.value(running).await == "1" }).await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (copied, ()) = tokio::join!(session.client.execute(&copy, &[]), looking);
    assert_eq!(said(&copied.unwrap_err()).0, "57014");
    let ended = "select trim(q.status) || ' ' || h.status from sys_query_history q \
        join sys_load_history h using (query_id)";
    assert_eq!(other.value(ended).await, "canceled aborted");
}

#[tokio::test]
async fn queries_say_what_they_inserted_returned_or_why_they_failed() {
    // "SYS_QUERY_HISTORY", "SYS_QUERY_DETAIL", "STL_INSERT".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a int); insert into t values (1), (2); insert into public.t select 3; \
             create table u as select * from t; create temp table #v as select * from t; \
             insert into #v select * from t; delete from t where a = 3; select a from t",
        )
        .await;
    session.client.batch_execute("select 1 / (a - a) from t").await.unwrap_err();
    let steps = "select listagg(trim(table_name) || ' ' || output_rows || ' ' || \
                 (table_id = c.oid::int)::varchar, ', ') within group (order by query_id) \
                 from sys_query_detail join pg_class c on c.relname = trim(table_name) \
                 where step_name = 'insert' and metrics_level = 'step'";
    assert_eq!(session.value(steps).await, "t 2 true, t 1 true, u 3 true, #v 3 true, #v 3 true");
    assert_eq!(session.value("select sum(rows) from stl_insert").await, "12");
    let last = "select trim(status) || ' ' || trim(error_message) from sys_query_history \
                where query_text like 'select 1 / %' order by query_id limit 1";
    assert_eq!(session.value(last).await, "failed division by zero");
    let returned =
        "select returned_rows from sys_query_history where query_text = 'select a from t'";
    assert_eq!(session.value(returned).await, "2");
}

#[tokio::test]
async fn a_copy_is_written_down_as_it_was_sent_but_for_secrets() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b varchar(3))").await;
    let copy = kit.copy_of("T", "good", GOOD);
    let copy = copy
        .replace("IAM_ROLE default", "credentials 'aws_access_key_id=a;aws_secret_access_key=b'");
    session.client.execute(&copy, &[]).await.unwrap();
    session.run(&copy).await;
    let sql =
        "select count(*) || ' ' || min(trim(querytxt)) from stl_query where querytxt ilike 'copy%'";
    let written = "2 COPY T FROM 's3://bucket/good' credentials '' FORMAT AS JSON 'auto'";
    assert_eq!(session.value(sql).await, written);
}
