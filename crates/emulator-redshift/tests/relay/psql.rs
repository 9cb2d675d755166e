//! psql, which speaks the simple protocol and asks the catalog as it would ask an old server.

use std::process::Output;

use tokio::process::Command;

use crate::support::Kit;

async fn psql(kit: &Kit, commands: &[&str]) -> Output {
    let mut psql = Command::new("psql");
    psql.env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PGPASSWORD", "anything")
        .env("LC_ALL", "C.UTF-8")
        .args(["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "awsuser"])
        .arg("-p")
        .arg(kit.redshift.address().port().to_string())
        .args(["-d", &kit.database]);
    for command in commands {
        psql.args(["-c", command]);
    }
    psql.kill_on_drop(true).output().await.unwrap()
}

async fn shows(kit: &Kit, commands: &[&str]) -> String {
    let output = psql(kit, commands).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{commands:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_catalog_commands_of_psql_work() {
    let kit = Kit::start().await;
    let table = include_str!("../../../../create_table.sql");
    shows(&kit, &[table, "create view v as select id from events"]).await;
    let tables = shows(&kit, &["\\dt"]).await;
    assert_eq!(tables.trim(), "public|events|table|awsuser");
    let columns = shows(&kit, &["\\d events"]).await;
    assert!(columns.contains("timestamp|timestamp without time zone||not null|"), "{columns}");
    let relations = shows(&kit, &["\\d"]).await;
    assert_eq!(relations.lines().count(), 2, "{relations}");
    for command in ["\\dn", "\\dv", "\\d v", "\\du", "\\l", "\\dp", "\\di", "\\dT", "\\conninfo"] {
        shows(&kit, &[command]).await;
    }
    let users = shows(&kit, &["\\du"]).await;
    assert!(users.contains("awsuser|Superuser, Create role, Create DB|{}"), "{users}");
    assert!(!users.contains("blueshift"), "{users}");
    shows(
        &kit,
        &["create function f(int) returns int immutable as $$ select 1 $$ language sql", "\\df"],
    )
    .await;
}

#[tokio::test]
async fn a_script_of_psql_with_a_copy_runs() {
    let kit = Kit::start().await;
    let copy = kit.copy_of("t", "one", &[r#"{"a": 1}"#]);
    let script = format!("create table t (a int); {copy}; select a from t");
    let output = psql(&kit, &[&script, "select pg_last_copy_count()"]).await;
    let (shown, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert_eq!(shown.lines().collect::<Vec<_>>(), ["CREATE TABLE", "COPY", "1", "1"]);
    assert!(told.contains("INFO:  Load into table 't' completed, 1 record(s)"), "{told}");
}

#[tokio::test]
async fn psql_shows_where_a_statement_was_refused() {
    let kit = Kit::start().await;
    let output = psql(&kit, &["select 1,\n  string_agg('a', 'b')"]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("ERROR:  Redshift does not support STRING_AGG"), "{told}");
    assert!(told.contains("LINE 2:   string_agg('a', 'b')"), "{told}");
    assert!(told.contains("HINT:  use LISTAGG"), "{told}");
}
