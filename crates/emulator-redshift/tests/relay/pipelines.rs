//! What no driver sends, but the protocol allows: pipelines, and where errors end them.

use crate::support::Kit;
use crate::support::raw::{Raw, field};

#[tokio::test]
async fn a_refused_statement_skips_to_the_sync() {
    let kit = Kit::start().await;
    let mut raw = Raw::connect(&kit).await;
    raw.statement("select 1");
    raw.statement("select pg_advisory_lock(1)").statement("select 2").sync();
    raw.statement("select 3").sync();
    assert_eq!(raw.tags(2).await, "12TDCE0A000 Zi 12TDCZi ");
}

#[tokio::test]
async fn without_a_sync_everything_is_ignored() {
    let kit = Kit::start().await;
    let mut raw = Raw::connect(&kit).await;
    raw.parse("", "create index i on t (a)").flush_message().send().await;
    let (tag, body) = raw.answer().await.unwrap();
    assert_eq!((tag, field(&body, b'C').as_str()), (b'E', "0A000"));
    raw.statement("select 1").query("select 1").statement("truncate t").sync();
    assert_eq!(raw.tags(1).await, "Zi ");
    raw.query("select 1");
    assert_eq!(raw.tags(1).await, "TDCZi ");
}

#[tokio::test]
async fn a_copy_in_a_pipeline_answers_in_its_place() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#, r#"{"a": 2}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    raw.statement("select 1").parse("c", &copy).describe(b'S', "c").bind("p", "c");
    raw.describe(b'P', "p").execute("p").close(b'S', "c").statement("select a from t").sync();
    assert_eq!(raw.tags(1).await, "12TDC1tn2nNC312TDDCZi ");
}

#[tokio::test]
async fn statements_before_and_after_a_copy_share_its_implicit_transaction() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    raw.statement("insert into t values (7)").statement(&copy).statement("select 1/0").sync();
    assert_eq!(raw.tags(1).await, "12nC12nNC1E22012 Zi ");
    raw.query("select a from t");
    assert_eq!(raw.tags(1).await, "TCZi ");
}

#[tokio::test]
async fn a_copy_that_fails_in_a_pipeline_skips_to_the_sync() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": "x"}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    raw.statement("insert into t values (7)").statement(&copy).statement("select 1").sync();
    raw.statement("select a from t").sync();
    assert_eq!(raw.tags(2).await, "12nC12nEXX000 Zi 12TCZi ");
}

#[tokio::test]
async fn a_copy_behind_an_error_is_not_executed() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    raw.statement("select 1/0").statement(&copy).sync();
    raw.statement("select a from t").sync();
    assert_eq!(raw.tags(2).await, "1E22012 Zi 12TCZi ");
}

#[tokio::test]
async fn a_statement_that_was_never_prepared_is_forgotten() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    // The Parse of the COPY is skipped, so the second Parse of the name is the first.
    raw.parse("", "select nonsense").parse("s", &copy).sync();
    raw.parse("s", "select 5").bind("", "s").execute("").sync();
    assert_eq!(raw.tags(2).await, "E42703 Zi 12DCZi ");
    // A COPY that was closed is one no longer.
    raw.parse("c", &copy).close(b'S', "c").parse("c", "select 6").bind("", "c").execute("").sync();
    assert_eq!(raw.tags(1).await, "1312DCZi ");
    // A portal that is gone is Postgres' to complain about.
    raw.parse("d", &copy).bind("p", "d").sync().execute("p").sync();
    assert_eq!(raw.tags(2).await, "12Zi E34000 Zi ");
}

#[tokio::test]
async fn a_script_with_a_copy_answers_as_a_simple_query() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let mut raw = Raw::connect(&kit).await;
    let script =
        format!("create table t (a int); {copy}; select a from t;; insert into t values (2)");
    raw.query(&script);
    assert_eq!(raw.tags(1).await, "CNCTDCCZi ");
    raw.query(&format!("begin; {copy}")).query("rollback");
    assert_eq!(raw.tags(2).await, "CNCZt CZi ");
    raw.query(&format!("insert into t values (3); {copy}; select 1/0; select 2"));
    assert_eq!(raw.tags(1).await, "CNCE22012 Zi ");
    raw.query("select a from t");
    assert_eq!(raw.tags(1).await, "TDDCZi ");
}

#[tokio::test]
async fn simple_queries_may_be_pipelined_with_a_copy_among_them() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").query(&copy).query("select a from t").query(&copy);
    assert_eq!(raw.tags(4).await, "CZi NCZi TDCZi NCZi ");
}

#[tokio::test]
async fn truncate_commits_in_both_protocols() {
    let kit = Kit::start().await;
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int); insert into t values (1)").tags(1).await;
    raw.query("begin").query("truncate t").query("select a from t");
    assert_eq!(raw.tags(3).await, "CZt CZi TCZi ");
    raw.query("insert into t values (1)").tags(1).await;
    raw.statement("begin").sync().statement("truncate table t").sync();
    raw.statement("rollback").sync().statement("select a from t").sync();
    assert_eq!(raw.tags(4).await, "12nCZt 12nCZi 12nNCZi 12TCZi ");
}

#[tokio::test]
async fn records_are_fresh_in_a_pipeline_and_in_a_script() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#, r#"{"a": 2}"#]);
    let mut raw = Raw::connect(&kit).await;
    raw.query("create table t (a int)").tags(1).await;
    raw.statement(&copy).parse("s", "select pg_last_copy_count()").bind("", "s").execute("").sync();
    let answers = raw.until_ready(1).await;
    let rows: Vec<_> = answers.iter().filter(|(tag, _)| *tag == b'D').collect();
    assert!(rows[0].1.ends_with(b"2"), "{rows:?}");
    raw.query(&format!("{copy}; select pg_last_copy_id() = pg_last_query_id()"));
    let answers = raw.until_ready(1).await;
    assert!(answers.iter().any(|(tag, body)| *tag == b'D' && body.ends_with(b"t")));
}
