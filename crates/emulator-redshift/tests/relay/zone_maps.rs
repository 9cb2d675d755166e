//! Sort keys have zone maps: a range of the key reads only the blocks that may hold it, and nobody
//! sees how.

use crate::support::cluster::Cluster;
use crate::support::{Connected, Kit};

const SALES: &str = "create table sales (id int, at timestamp not null sortkey, note varchar(10))";

/// The columns of the zone map that a table has, without the relay in between.
async fn zone_map(kit: &Kit, table: &str) -> Option<String> {
    let postgres = Cluster::shared().superuser(&kit.database).await;
    let sql = format!(
        "select pg_get_indexdef(indexrelid) from pg_index where indrelid = '\"{table}\"'::regclass"
    );
    let rows = postgres.query(&sql, &[]).await.unwrap();
    assert!(rows.len() <= 1, "{table} has {} indexes", rows.len());
    let triggers = format!(
        "select count(*) from pg_trigger where tgisinternal and tgrelid = '\"{table}\"'::regclass"
    );
    let triggers: i64 = postgres.query_one(&triggers, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(triggers), Ok(rows.len()), "{table}");
    let definition: String = rows.first()?.get(0);
    Some(definition.split_once("USING brin ").expect("a BRIN index").1.to_owned())
}

/// How many rows beside those asked for were read, once `session` is through with its work.
async fn rows_read_in_vain(kit: &Kit, session: &Connected, sql: &str) -> (String, i64) {
    assert_eq!(session.value("select 1").await, "1");
    let postgres = Cluster::shared().superuser(&kit.database).await;
    let explain = format!("explain (analyze, costs off, timing off, summary off) {sql}");
    let rows = postgres.query(&explain, &[]).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let removed = plan.iter().filter_map(|line| line.split_once("Removed by ")?.1.split_once(": "));
    (plan.join("\n"), removed.map(|(_, count)| count.trim().parse::<i64>().unwrap()).sum())
}

/// One row a minute.
fn fill(table: &str, count: u32) -> String {
    let tens = "(select 0 as n union all select 1 union all select 2 union all select 3 union all \
                select 4 union all select 5 union all select 6 union all select 7 union all \
                select 8 union all select 9)";
    format!(
        "insert into {table} select i, dateadd(minute, i, '2026-01-01'::timestamp), \
         'padding' from (select a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n as i \
         from {tens} a, {tens} b, {tens} c, {tens} d, {tens} e) numbers where i < {count} order by 1"
    )
}

async fn count(session: &Connected, sql: &str) -> i64 {
    session.value(sql).await.parse().unwrap()
}

#[tokio::test]
async fn a_range_of_the_sort_key_reads_few_blocks() {
    // "Sort keys"; "Best practices: choose the best sort key".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(SALES).await;
    session.run(&fill("sales", 100_000)).await;
    let recent = "select * from sales where at >= '2026-03-01' and at < '2026-03-02'";
    let (plan, removed) = rows_read_in_vain(&kit, &session, recent).await;
    assert!(plan.contains("blueshift_zone_map_") && removed < 30_000, "{plan}");
    // What comes later is mapped too, by COPY as well, in a transaction or not.
    let line = |day: u32| format!("{{\"id\": {day}, \"at\": \"2030-01-{day:02} 00:00:00\"}}");
    let lines: Vec<String> = (0..60_000).map(|number| line(1 + number / 2_000)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let copy = kit.copy_of("sales", "later", &lines);
    session.run(&format!("begin; {copy}; commit")).await;
    let later = "select * from sales where at >= '2030-01-30'";
    let (plan, removed) = rows_read_in_vain(&kit, &session, later).await;
    assert!(plan.contains("blueshift_zone_map_") && removed < 30_000, "{plan}");
    assert_eq!(count(&session, "select count(*) from sales where at >= '2030-01-30'").await, 2_000);
}

#[tokio::test]
async fn zone_maps_do_not_wait_for_other_sessions() {
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run(SALES).await;
    // Holds the lock that mapping needs until the transaction ends.
    other.run("begin; analyze sales").await;
    session.run(&fill("sales", 5_000)).await;
    assert_eq!(count(&session, "select count(*) from sales").await, 5_000);
    other.run("commit").await;
}

#[tokio::test]
async fn an_open_load_does_not_hold_up_the_upkeep_of_others() {
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run(SALES).await;
    session.run("begin").await;
    session.run(&fill("sales", 100_000)).await;
    other.run("set statement_timeout to 10000").await;
    other.run("analyze sales").await;
    other.run("vacuum sales").await;
    session.run("commit").await;
    let recent = "select * from sales where at < '2026-01-02'";
    let (plan, _) = rows_read_in_vain(&kit, &session, recent).await;
    assert!(plan.contains("blueshift_zone_map_"), "{plan}");
}

#[tokio::test]
async fn they_follow_the_sort_key() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a int sortkey, b date, c varchar(256), d varchar(257), s super); \
             create table l (like t); create table u (a int); \
             create table i (a int, b date, \"c \"\"%s\" numeric(9,2)) \
             interleaved sortkey (b, \"c \"\"%s\"); \
             create table q compound sortkey (b, a) as select * from t; \
             create table w (d varchar(9) sortkey)",
        )
        .await;
    let expected = [
        ("t", Some("(a)")),
        ("l", Some("(a)")),
        ("u", None),
        ("i", Some("(b, \"c \"\"%s\")")),
        ("q", Some("(b, a)")),
        ("w", Some("(d)")),
    ];
    for (table, columns) in expected {
        assert_eq!(zone_map(&kit, table).await.as_deref(), columns, "{table}");
    }
    session.run("begin; alter table t alter sortkey (b, a); rollback").await;
    assert_eq!(zone_map(&kit, "t").await.as_deref(), Some("(a)"));
    session.run("alter table t alter sortkey (d, c, b)").await;
    assert_eq!(zone_map(&kit, "t").await.as_deref(), Some("(c, b)"));
    session.run("alter table t rename column c to z; alter table t rename to t2").await;
    assert_eq!(zone_map(&kit, "t2").await.as_deref(), Some("(z, b)"));
    session.run("alter table t2 alter sortkey none").await;
    assert_eq!(zone_map(&kit, "t2").await, None);
    session.run("alter table w alter column d type varchar(5000)").await;
    assert_eq!(zone_map(&kit, "w").await, None);
    session.run("truncate l; insert into l (a) values (1); drop table l").await;
    session.run("create temp table x (a int sortkey); insert into x values (1)").await;
    let session_of_x = "select count(*) from pg_index where indrelid = 'x'::regclass";
    assert_eq!(count(&session, session_of_x).await, 0);
}

#[tokio::test]
async fn nobody_sees_them() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(SALES).await;
    assert!(zone_map(&kit, "sales").await.is_some());
    for sql in [
        "select count(*) from pg_index where indrelid = 'sales'::regclass",
        "select count(*) from pg_catalog.pg_class where relkind = 'i' and relname like '%zone_map%'",
        "select count(*) from pg_class where relname like '%zone_map%' and relname <> 'x'",
        "select count(*) from pg_class c join pg_index i on c.oid = i.indexrelid \
         where c.relname like '%zone_map%' and not i.indisprimary",
        "select count(*) from pg_indexes where tablename = 'sales'",
        "select count(*) from information_schema.triggers",
        "select count(*) from pg_trigger where not tgisinternal",
        "select count(*) from pg_trigger where tgrelid = 'sales'::regclass",
        "select count(*) from pg_class where relkind not in ('r', 'v') and relname like '%zone_map%'",
        "select count(*) from pg_class where relkind <> 'r' and relname like '%zone_map%'",
        "select count(*) from \"pg_class\" where relname like '%zone_map%'",
        "select count(*) from pg_catalog.\"pg_index\" where indrelid = 'sales'::regclass",
        "select count(*) from pg_class where relname = 'sales' and (relhastriggers or relhasindex)",
        "select count(*) from pg_attribute where attrelid::regclass::varchar like '%zone_map%'",
        "select count(*) from pg_depend where objid::regclass::varchar like '%zone_map%'",
        "select count(*) from pg_index i join pg_class c on c.oid = i.indrelid \
         join pg_attribute a on a.attrelid = c.oid and a.attisdistkey where c.relname = 'sales'",
        "select count(*) from pg_table_def where tablename like '%zone_map%'",
        "select count(*) from svv_tables where table_name like '%zone_map%'",
    ] {
        assert_eq!(count(&session, sql).await, 0, "{sql}");
    }
}
