//! COPYs that fail, what they say, and what is left to read about them.

use tokio_postgres::error::SqlState;

use crate::support::{Kit, said};

const BAD: &[&str] = &[r#"{"a": 1}"#, r#"{"a": "x"}"#, r#"{"a": 3}"#];
const FAILED: &str =
    "Load into table 't' failed.  Check 'stl_load_errors' system table for details.";

#[tokio::test]
async fn load_errors_survive_the_rollback() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let earlier = kit.connect().await;
    earlier.run("begin; select count(*) from t").await;

    session.run("begin; insert into t values (9)").await;
    let error = session.client.execute(&kit.copy_of("t", "bad", BAD), &[]).await.unwrap_err();
    assert_eq!(said(&error), ("XX000".to_owned(), FAILED.to_owned()));
    let aborted = session.client.execute("select * from stl_load_errors", &[]).await.unwrap_err();
    assert_eq!(aborted.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    let aborted = session.client.batch_execute("select 1 from stl_load_errors").await.unwrap_err();
    assert_eq!(aborted.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    session.run("rollback").await;

    let sql = "select filename, line_number, colname, type, err_code, err_reason, query, tbl \
               from stl_load_errors";
    let rows = session.client.query(sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
    let text = |index: usize| rows[0].get::<_, String>(index);
    assert_eq!((text(0).len(), text(0).trim_end()), (256, "s3://bucket/bad"));
    assert_eq!((rows[0].get::<_, i64>(1), text(2).len(), text(2).trim_end()), (2, 127, "a"));
    assert_eq!((text(3).trim_end(), rows[0].get::<_, i32>(4)), ("int4", 1207));
    assert!(text(5).starts_with("Invalid digit, Value 'x'"), "{}", text(5));

    // Inside a transaction that began before, in another session.
    assert_eq!(earlier.value("select count(*) from stl_load_errors").await, "1");
    assert_eq!(session.value("select pg_last_copy_id() - query from stl_load_errors").await, "0");
    assert_eq!(session.value("select count(*) from t").await, "0");
    assert_eq!(kit.redshift.system_tables().load_errors().len(), 1);
}

#[tokio::test]
async fn a_simple_copy_fails_alike() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let bad = kit.copy_of("t", "bad", BAD);
    let error = session.client.batch_execute(&bad).await.unwrap_err();
    assert_eq!(said(&error), ("XX000".to_owned(), FAILED.to_owned()));
    assert_eq!(session.value("select count(*) from stl_load_errors").await, "1");
    session.run(&format!("{bad} maxerror 2")).await;
    assert_eq!(
        session.take_notices(),
        [
            "INFO: Load into table 't' completed, 2 record(s) loaded successfully.",
            "INFO: Load into table 't' completed, 1 record(s) could not be loaded.  \
         Check 'stl_load_errors' system table for details.",
        ]
    );
    assert_eq!(session.value("select sum(a) from t").await, "4");
    assert_eq!(session.value("select count(*) from stl_load_errors").await, "2");
}

#[tokio::test]
async fn as_many_errors_are_shown_as_maxerror_lets_pass() {
    // "Data load operations", MAXERROR; only STL_LOADERROR_DETAIL is capped.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let bad = kit.copy_of("t", "bad", &[BAD[1]; 30_000]);
    session.run(&format!("{bad} maxerror 100000")).await;
    let counts = "select count(*) || ' ' || max(line_number) from stl_load_errors";
    assert_eq!(session.value(counts).await, "30000 30000");
    let details = "select count(distinct line_number) from stl_loaderror_detail";
    assert_eq!(session.value(details).await, "20");
}

#[tokio::test]
async fn a_failed_load_resets_the_count_and_a_refused_one_does_not() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    session.run(&kit.copy_of("t", "good", &BAD[..1])).await;
    let missing = "copy t from 's3://bucket/missing' iam_role default json 'auto'";
    let error = session.client.execute(missing, &[]).await.unwrap_err();
    assert_eq!(
        said(&error),
        ("XX000".to_owned(), "The specified S3 prefix 'missing' does not exist".to_owned())
    );
    let detail = error.as_db_error().unwrap().detail().unwrap().to_owned();
    assert!(detail.contains("code:      8001"), "{detail}");
    let process_id = session.value("select pg_backend_pid()").await;
    assert!(detail.contains(&format!("padbmaster [pid={process_id}]")), "{detail}");
    assert_eq!(session.value("select pg_last_copy_count()").await, "1");
    session.client.execute(&kit.copy_of("t", "bad", BAD), &[]).await.unwrap_err();
    assert_eq!(session.value("select pg_last_copy_count()").await, "0");
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused_in_words() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let check = async |sql: &str, code: &str, message: &str| {
        let simple = session.client.batch_execute(sql).await.unwrap_err();
        let (actual, text) = said(&simple);
        assert_eq!(actual, code, "{sql}: {text}");
        assert!(text.contains(message), "{sql}: {text}");
        assert_eq!(said(&session.client.execute(sql, &[]).await.unwrap_err()), (actual, text));
    };
    let source = "from 's3://bucket/x' iam_role default json 'auto'";
    let unknown = "Cannot COPY into nonexistent table u";
    check(&format!("copy u {source}"), "XX000", unknown).await;
    check(&format!("copy public.u {source}"), "XX000", unknown).await;
    check(&format!("copy s.u {source}"), "3F000", "schema \"s\" does not exist").await;
    check(&format!("copy t (b) {source}"), "42703", "column \"b\"").await;
    check("copy t from stdin", "42601", "").await;
    check("copy t to stdout", "42601", "").await;
    check(&format!("copy t {source} frobnicate"), "42601", "").await;
    assert_eq!(session.value("select count(*) from t").await, "0");
}

#[tokio::test]
async fn in_an_aborted_transaction_a_copy_is_ignored_like_any_statement() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    session.run("begin").await;
    session.client.execute("select 1/0", &[]).await.unwrap_err();
    let copy = kit.copy_of("t", "good", &BAD[..1]);
    let extended = session.client.execute(&copy, &[]).await.unwrap_err();
    assert_eq!(extended.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    let simple = session.client.batch_execute(&copy).await.unwrap_err();
    assert_eq!(simple.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    session.run("rollback").await;
    session.run(&copy).await;
}

#[tokio::test]
async fn a_failed_copy_can_be_repeated_under_the_same_name() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let statement = session.client.prepare(&kit.copy_of("t", "file", BAD)).await.unwrap();
    session.client.execute(&statement, &[]).await.unwrap_err();
    kit.s3.put("file", r#"{"a": 5}"#);
    session.client.execute(&statement, &[]).await.unwrap();
    assert_eq!(session.value("select sum(a) from t").await, "5");
}

#[tokio::test]
async fn a_view_is_no_table_to_copy_into() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); create view v as select a from t").await;
    let error =
        session.client.execute(&kit.copy_of("v", "good", &BAD[..1]), &[]).await.unwrap_err();
    let expected = ("42809".to_owned(), "cannot copy to view \"v\"".to_owned());
    assert_eq!((said(&error), error.as_db_error().unwrap().where_()), (expected, None));
    assert_eq!(session.value("select 1").await, "1");
}

#[tokio::test]
async fn only_the_owner_may_update_statistics() {
    // "Data load operations", STATUPDATE.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); create user statupdate_loader password 'Aa345678'").await;
    session.run("grant insert on t to statupdate_loader").await;
    let copy = kit.copy_of("t", "good", &[r#"{"a": 1}"#]);
    session.run(&format!("{copy} statupdate on")).await;
    let (client, connection) =
        kit.config().user("statupdate_loader").connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&copy).await.unwrap();
    for tail in ["statupdate", "statupdate on", "statupdate off"] {
        let error = client.batch_execute(&format!("{copy} {tail}")).await.unwrap_err();
        let expected = ("42501".to_owned(), "must be owner of relation t".to_owned());
        assert_eq!(said(&error), expected, "{tail}");
    }
    assert_eq!(session.value("select count(*) from t").await, "2");
}

#[tokio::test]
async fn only_who_may_insert_may_copy() {
    // "COPY", required privileges; the words are those of amazon-redshift-utils #648.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); create user insert_loader password 'Aa345678'").await;
    let copy = kit.copy_of("t", "good", &[r#"{"a": 1}"#]);
    let (client, connection) =
        kit.config().user("insert_loader").connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let refused = |right: &str| ("42501".to_owned(), format!("{right} relation t"));
    let error = client.batch_execute(&copy).await.unwrap_err();
    assert_eq!(said(&error), refused("permission denied for"));
    let error = client.batch_execute("drop table t").await.unwrap_err();
    assert_eq!(said(&error), refused("must be owner of"));
    session.run("grant insert on t to insert_loader").await;
    client.batch_execute(&copy).await.unwrap();
    assert_eq!(session.value("select count(*) from t").await, "1");
}
