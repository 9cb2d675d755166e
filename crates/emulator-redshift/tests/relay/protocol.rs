//! Pass-through, start-up, cancelling, and the ends of sessions.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::support::cluster::Cluster;
use crate::support::raw::{Raw, field, shown};
use crate::support::{DEADLINE, Kit, said, until};

#[tokio::test]
async fn parameters_and_binary_results_pass_unchanged() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let row = session
        .client
        .query_one(
            "select $1::int4 + 1, $2::varchar, $3::float8, null::date",
            &[&41_i32, &"é'\\", &1.5_f64],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
    assert_eq!(row.get::<_, &str>(1), "é'\\");
    assert!((row.get::<_, f64>(2) - 1.5).abs() < f64::EPSILON);
}

#[tokio::test]
async fn what_drivers_of_redshift_send_at_the_start_is_accepted() {
    let kit = Kit::start().await;
    let parameters = format!(
        "user\0awsuser\0database\0{}\0client_protocol_version\x002\0driver_version\0x 2.1\0\
         os_version\0Linux\0plugin_name\0\0_pq_.compression\0lz4\0application_name\0me\0",
        kit.database
    );
    let mut raw = Raw::connect_with(&kit, &parameters).await;
    assert!(raw.statuses.contains(&"server_version=8.0.2".to_owned()), "{:?}", raw.statuses);
    assert!(raw.statuses.contains(&"standard_conforming_strings=off".to_owned()));
    let answers = raw.query("show application_name").until_ready(1).await;
    assert!(answers[1].1.ends_with(b"me"));
}

#[tokio::test]
async fn requests_for_encryption_are_declined() {
    let kit = Kit::start().await;
    let mut raw = Raw::unstarted(&kit).await;
    for code in [80_877_103_u32, 80_877_104] {
        raw.bytes(&8_u32.to_be_bytes()).bytes(&code.to_be_bytes()).send().await;
        assert_eq!(raw.take(1).await, b"N");
    }
    let version = 196_610_u32; // 3.2
    let body = format!("user\0awsuser\0database\0{}\0\0", kit.database);
    let length = u32::try_from(8 + body.len()).unwrap();
    raw.bytes(&length.to_be_bytes()).bytes(&version.to_be_bytes()).bytes(body.as_bytes());
    let tags = raw.tags(1).await;
    assert!(tags.starts_with("vR"), "the newer protocol is negotiated down: {tags}");
}

#[tokio::test]
async fn an_unknown_database_is_refused_in_postgres_words() {
    let kit = Kit::start().await;
    let mut config = kit.config();
    let error = config.dbname("nowhere").connect(tokio_postgres::NoTls).await.err().unwrap();
    assert_eq!(error.code(), Some(&SqlState::INVALID_CATALOG_NAME));
}

#[tokio::test]
async fn bytes_that_are_no_protocol_end_only_their_own_connection() {
    let kit = Kit::start().await;
    let starts: [&[u8]; 5] = [
        b"\0\0\0\x03",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x08\0\0\0\0",
        b"\0\0\0\x09\0\x03\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    for start in starts {
        let mut raw = Raw::unstarted(&kit).await;
        raw.bytes(start).send().await;
        let answer = raw.answer().await.expect("the client is told");
        assert_eq!((answer.0, field(&answer.1, b'C').as_str()), (b'E', "08P01"));
        assert_eq!(raw.answer().await, None);
    }
    let messages: [&[u8]; 6] = [
        b"Q\0\0\0\x01",
        b"Q\xff\xff\xff\xff",
        b"P\0\0\0\x05x",
        b"P\0\0\0\x06a\0",
        b"!\0\0\0\x04",
        b"C\0\0\0\x06S1",
    ];
    for message in messages {
        let mut raw = Raw::connect(&kit).await;
        raw.bytes(message).send().await;
        let answer = raw.answer().await.expect("the client is told");
        assert_eq!((answer.0, field(&answer.1, b'S').as_str()), (b'E', "FATAL"), "{message:?}");
    }
    assert_eq!(kit.connect().await.value("select 1").await, "1");
}

#[tokio::test]
async fn a_statement_can_be_cancelled() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let cancel = session.client.cancel_token();
    let sleeping =
        session.client.simple_query("select pg_sleep(60) from pg_catalog.pg_namespace limit 1");
    let cancelling = async {
        let superuser = Cluster::shared().superuser(&kit.database).await;
        until("the statement runs", || async {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event = 'PgSleep'";
            superuser.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
        })
        .await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleeping, cancelling);
    assert_eq!(slept.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(session.value("select 1").await, "1");
}

#[tokio::test]
async fn a_client_is_told_when_its_postgres_session_ends() {
    let kit = Kit::start().await;
    let mut raw = Raw::connect(&kit).await;
    let process_id = i32::from_be_bytes(raw.cancel_key[..4].try_into().unwrap());
    let superuser = Cluster::shared().superuser("postgres").await;
    superuser.execute("select pg_terminate_backend($1)", &[&process_id]).await.unwrap();
    let answer = raw.answer().await.expect("the client is told");
    assert_eq!(shown(&answer), "E57P01 ");
    assert_eq!(raw.answer().await, None);
}

#[tokio::test]
async fn a_shutdown_ends_every_session_at_once() {
    let kit = Kit::start().await;
    let mut idle = Raw::connect(&kit).await;
    let mut busy = Raw::connect(&kit).await;
    busy.query("select pg_sleep(60) from pg_catalog.pg_namespace limit 1").send().await;
    kit.shutdown.cancel();
    for raw in [&mut idle, &mut busy] {
        let answer = raw.answer().await.expect("the client is told");
        assert_eq!(shown(&answer), "E57P01 ");
    }
    until("the listener is closed", || async {
        tokio::net::TcpStream::connect(kit.redshift.address()).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn large_answers_and_deep_pipelines_do_not_block_each_other() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let sql = "select repeat('x', 200000)::varchar from generate_series(1, 10)";
    let statement = session.client.prepare(sql).await.unwrap();
    let queries = (0..20).map(|_| session.client.query(&statement, &[]));
    let all = futures_util::future::join_all(queries);
    let results = tokio::time::timeout(DEADLINE, all).await.expect("nothing blocks");
    for rows in results {
        assert_eq!(rows.unwrap().len(), 10);
    }
    let mut raw = Raw::connect(&kit).await;
    for _ in 0..5_000 {
        raw.statement("select 'a row that is answered before the next statement is read'").sync();
    }
    let answers = tokio::time::timeout(DEADLINE, raw.until_ready(5_000)).await.unwrap();
    assert_eq!(answers.len(), 5_000 * 6);
}

#[tokio::test]
async fn refused_statements_leave_the_session_usable() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int)").await;
    let refused = "insert into t values (1) on conflict do nothing";
    let message = "Redshift does not support INSERT … ON CONFLICT";
    let simple = session.client.batch_execute(refused).await.unwrap_err();
    assert_eq!(said(&simple), ("0A000".to_owned(), message.to_owned()));
    let hint = simple.as_db_error().unwrap().hint().unwrap();
    assert_eq!(hint, "use MERGE, or DELETE and INSERT in one transaction");
    let extended = session.client.execute(refused, &[]).await.unwrap_err();
    assert_eq!(said(&extended).1, message);
    assert_eq!(session.value("select count(*) from t").await, "0");

    session.run("begin; insert into t values (1)").await;
    session.client.execute(refused, &[]).await.unwrap_err();
    let aborted = session.client.execute("select 1", &[]).await.unwrap_err();
    assert_eq!(aborted.code(), Some(&SqlState::IN_FAILED_SQL_TRANSACTION));
    session.run("rollback").await;
    assert_eq!(session.value("select count(*) from t").await, "0");
}

#[tokio::test]
async fn a_script_with_a_refused_statement_does_nothing() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let script = "create table t (a int); create index i on t (a)";
    let error = session.client.batch_execute(script).await.unwrap_err();
    assert_eq!(said(&error).1, "Redshift does not support indexes");
    let tables = "select count(*) from pg_class where relname = 't'";
    assert_eq!(session.value(tables).await, "0");
}

#[tokio::test]
async fn notices_reach_the_client() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("drop table if exists nothing").await;
    let notices = tokio::time::timeout(Duration::from_secs(5), async {
        until("the notice arrives", || async { !session.notices.lock().unwrap().is_empty() }).await;
        session.take_notices()
    });
    assert_eq!(
        notices.await.unwrap(),
        ["INFO: Table \"nothing\" does not exist and will be skipped"]
    );
}

#[tokio::test]
async fn a_client_that_closes_its_side_still_gets_the_answers() {
    let kit = Kit::start().await;
    kit.connect().await.run("create table t (a int)").await;
    for case in ["query", "replayed", "extended", "without Sync"] {
        let mut raw = Raw::connect(&kit).await;
        let raw = match case {
            "query" => raw.query("select 1; select 2"),
            "replayed" => raw.query("truncate t; select 2"),
            "extended" => raw.statement("select 2").sync().query("select 3"),
            _ => raw.statement("select 2"),
        };
        raw.send_last().await;
        let mut rows = 0;
        while let Some((tag, _)) = raw.answer().await {
            rows += usize::from(tag == b'D');
        }
        assert!(0 < rows, "{case}");
    }
}
