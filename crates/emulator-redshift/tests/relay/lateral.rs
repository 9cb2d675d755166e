//! Names of the select list, used in it and in WHERE ("SELECT list": lateral alias references).

use crate::support::raw::Raw;
use crate::support::{Kit, said};

#[tokio::test]
async fn a_name_of_the_list_can_be_used_behind_it_and_in_where() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table sales (price int, clicks int, day date); \
             insert into sales values (10, 2, '2024-01-01'), (30, 3, '2024-02-03'), (7, 0, null)",
        )
        .await;
    for (sql, expected) in [
        ("select clicks * 10 as c, c + 1 as d, d * 2 from sales where c = 20", "20"),
        ("select max(x) from (select price + 1 as x, x * 2 as y from sales where y > 30)", "31"),
        (
            "with s as (select price, clicks from sales) select price / clicks as p, p * 2 as q \
          from s where clicks > 0 and q > 15",
            "10",
        ),
        (
            "select a.price as p, p + b.clicks as q from sales a join sales b on a.price = b.price \
          where q > 30",
            "30",
        ),
        ("select 1 as one, one + 1 as two, two + one", "1"),
        // A column of that name comes first.
        ("select price as clicks, clicks as c from sales where clicks = 2", "10"),
        (
            "with s as (select price as p, clicks from sales) select clicks as p, p + 1 as q from s \
          where p = 7",
            "0",
        ),
        ("select clicks as price, price from (select * from sales) s where price = 7", "0"),
        // A date part is none, nor is a name in an inner query.
        (
            "select extract(day from day) as month, dateadd(month, 1, day) from sales where \
          date_part(month, day) = 2",
            "3",
        ),
        (
            "select clicks as c from sales s where exists (select 1 from (select 2 as c) i where c = 2 \
          and s.clicks = 3)",
            "3",
        ),
    ] {
        assert_eq!(session.value(sql).await, expected, "{sql}");
        let rows = session.client.query(sql, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{sql}");
    }
    let sql = "select price + $1::int as p, p * 2 as q from sales where q > 60";
    let row = session.client.query_one(sql, &[&1]).await.unwrap();
    assert_eq!(row.get::<_, i32>(1), 62);
    session.run("create view v as select price as p, p + 1 as q from sales where p > 7").await;
    assert_eq!(session.value("select sum(q) from v").await, "42");
    session.run("begin; create temp table x (a int); insert into x values (1)").await;
    assert_eq!(session.value("select a as b, b + 1 from x where b = 1").await, "1");
    session.run("rollback").await;
}

#[tokio::test]
async fn what_follows_the_only_statement_of_a_script_does_not_matter() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int); insert into t values (1)").await;
    for end in ["", ";", ";\n", "; -- note", ";; /* note */ ;"] {
        let sql = format!("select a as b, b + 1 as c from t where b = 1{end}");
        assert_eq!(session.value(&sql).await, "1", "{sql}");
        if !end.contains(";;") {
            assert_eq!(session.client.query_one(&sql, &[]).await.unwrap().get::<_, i32>(1), 2);
        }
    }
}

#[tokio::test]
async fn a_prepared_statement_does_not_outlive_what_it_takes_for_granted() {
    let kit = Kit::start().await;
    let (session, other) = (kit.connect().await, kit.connect().await);
    session.run("create table t (a int); insert into t values (1)").await;
    let sql = "select a as b, b + 1 as c from t";
    let value = async |statement| {
        let rows = session.client.query(statement, &[]).await;
        rows.map(|rows| rows[0].get::<_, i32>(1)).map_err(|error| said(&error).0)
    };
    let first = session.client.prepare(sql).await.unwrap();
    assert_eq!(value(&first).await, Ok(2));
    other.run("alter table t add column d int").await;
    assert_eq!(value(&first).await, Ok(2));
    other.run("alter table t add column b int default 9").await;
    assert_eq!(value(&first).await, Err("0A000".to_owned()));
    let second = session.client.prepare(sql).await.unwrap();
    assert_eq!(value(&second).await, Ok(10));
    session.run("alter table t drop column b").await;
    assert_eq!(value(&second).await, Err("0A000".to_owned()));
    assert_eq!(value(&first).await, Ok(2));
    let mut raw = Raw::connect(&kit).await;
    raw.parse("s", sql).bind("", "s").execute("").bind("", "s").execute("").sync();
    raw.bind("", "s").execute("").statement("alter table t add b int").bind("", "s").execute("");
    raw.sync().bind("", "s").execute("").sync();
    assert_eq!(raw.tags(3).await, "12DC2DCZi 2DC12nCE0A000 Zi 2DCZi ");
}

#[tokio::test]
async fn errors_stay_where_they_belong() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let missing = "select a as b, b + 1 from missing where b = 1";
    let error = session.client.batch_execute(missing).await.unwrap_err();
    assert_eq!(
        said(&error),
        ("42P01".to_owned(), "relation \"missing\" does not exist".to_owned())
    );
    session.client.query(missing, &[]).await.unwrap_err();
    session.run("create table t (a int); insert into t values (1)").await;
    let good = "select a as b, b + 1 from t where b = 1";
    let mut raw = Raw::connect(&kit).await;
    raw.query("begin").query("select 1 / 0").query(good).statement(good).sync();
    raw.query("rollback").query(good);
    raw.statement(good).statement("select 1 / 0").statement(good).sync();
    assert_eq!(raw.tags(7).await, "CZt E22012 Ze E25P02 Ze E25P02 Ze CZi TDCZi 12TDC1E22012 Zi ");
}

#[tokio::test]
async fn minus_plus_and_materialized_views_mean_what_the_guide_says() {
    // "UNION, INTERSECT, and EXCEPT", "|| (Concatenation) operator", "CREATE MATERIALIZED VIEW".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run("create table t (a int, b varchar(9)); insert into t values (1, 'x'), (2, 'y')")
        .await;
    assert_eq!(session.value("select a from t minus select 1").await, "2");
    assert_eq!(session.value("select b + 'z' + b from t where a = 1").await, "xzx");
    session
        .run(
            "create materialized view m backup no diststyle key distkey (a) sortkey (a) \
             auto refresh no as select a, b from t; insert into t values (3, 'z')",
        )
        .await;
    assert_eq!(session.value("select count(*) from m").await, "2");
    session.run("alter materialized view m auto refresh yes; refresh materialized view m").await;
    assert_eq!(session.value("select count(*) from m").await, "3");
}
