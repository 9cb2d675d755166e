//! Every answer of queries with names of their own select list: a column comes first, and what
//! cannot be told is Postgres' own error, never another answer.

use tokio_postgres::SimpleQueryMessage;

use crate::support::{Connected, Kit, said};

const TABLES: &str = "create table sales (price int, clicks int, day date); \
    insert into sales values (10, 2, '2024-01-01'), (30, 3, '2024-02-03'); \
    create table p (q int); insert into p values (7); \
    create table rates (rate int, clicks int, ts timestamp); \
    insert into rates values (5, 2, '2024-05-06 07:08:09'); \
    create schema shop; create table shop.sales (cost int); insert into shop.sales values (4)";

/// Names of the columns and all rows, or the code of the error.
async fn answer(session: &Connected, sql: &str) -> String {
    match session.client.simple_query(sql).await {
        Err(error) => said(&error).0,
        Ok(messages) => {
            let mut lines = Vec::new();
            for message in messages {
                match message {
                    SimpleQueryMessage::RowDescription(columns) => {
                        let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
                        lines.push(names.join(","));
                    }
                    SimpleQueryMessage::Row(row) => {
                        let values = (0..row.len()).map(|at| row.get(at).unwrap_or("-"));
                        lines.push(values.collect::<Vec<_>>().join(","));
                    }
                    _ => {}
                }
            }
            lines.join(" | ")
        }
    }
}

async fn check(cases: &[(&str, &str)]) {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let actual = answer(&session, sql).await;
        if actual != *expected {
            wrong.push(format!("{sql}\n  answers  {actual}\n  expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn names_of_the_list_are_put_in_place() {
    check(&[
        ("select price*2 as p, p+1 as q from sales order by 1", "p,q | 20,21 | 60,61"),
        ("select price p, p + 1 q, q * 2 from sales order by 1", "p,q,?column? | 10,11,22 | 30,31,62"),
        ("select price as p, p, p::text from sales where p = 10", "p,p,p | 10,10,10"),
        ("select sum(price) as s, s / count(*) as average from sales", "s,average | 40,20"),
        ("select top 1 price as p, p + 1 from sales order by 1", "p,?column? | 10,11"),
        ("select distinct 1 as p, p + 1 from sales", "p,?column? | 1,2"),
        ("select clicks as c, sum(price) as s from sales group by c having s > 20 and c > 2", "c,s | 3,30"),
        ("select price as pr, clicks from sales order by pr * -1", "pr,clicks | 30,3 | 10,2"),
        ("select 40 - price as price, clicks from sales order by price", "price,clicks | 10,3 | 30,2"),
        ("select 40 - price as x from sales order by x", "x | 10 | 30"),
        (
            "select listagg(clicks, '-') within group (order by clicks) as l, l || '!' as m from sales",
            "l,m | 2-3,2-3!",
        ),
        ("select dateadd(month, 1, day)::date as next, dateadd(day, 1, next)::date as then_ from sales where next < '2024-02-02'",
            "next,then_ | 2024-02-01,2024-02-02"),
        ("select nvl(price, 0) as n, nvl2(n, n + 1, 0) as m from sales where n = 30", "n,m | 30,31"),
        ("select \"Price\" as \"P\", \"P\" + 1 as q from sales where \"p\" = 10", "p,q | 10,11"),
        ("select same from (select sysdate as s, s = sysdate as same from p) i", "same | t"),
        ("select price as \"order\", \"order\" + 1 from sales where \"order\" = 10", "order,?column? | 10,11"),
        ("select extract(day from ts) as day, day + 1 as d from rates", "day,d | 6,7"),
        ("select ts::date as date, date - 1 as before, date '2024-01-01' as fixed from rates",
            "date,before,fixed | 2024-05-06,2024-05-05,2024-01-01"),
        ("select datediff(day, '2024-05-01', ts) as day, day * 2 as d from rates", "day,d | 5,10"),
        ("select count(*) as sales, sales * 2 from sales", "sales,?column? | 2,4"),
        ("with c as (select price as a from sales) select a * 2 as p, p + 1 as q from c where p > 20", "p,q | 60,61"),
        ("select * from (select price as p, p + 1 as q from sales) s where q = 11", "p,q | 10,11"),
        ("select cost as price, price + 1 from shop.sales", "price,?column? | 4,5"),
        ("select price as x into kept from sales where x = 10; select * from kept", "x | 10"),
        ("insert into p select price as x from sales where x = 10; select sum(q) from p", "sum | 17"),
    ])
    .await;
}

#[tokio::test]
async fn a_column_comes_before_a_name() {
    check(&[
        ("select price*2 as clicks, clicks from sales order by 1", "clicks,clicks | 20,2 | 60,3"),
        ("select price as clicks from sales where clicks = 2", "clicks | 10"),
        // WITHIN GROUP is no GROUP BY.
        (
            "select listagg(clicks) within group (order by clicks) as clicks, max(clicks) from sales",
            "clicks,max | 23,3",
        ),
        (
            "select percentile_cont(0.5) within group (order by price) as price, max(price) from sales",
            "price,max | 20,30",
        ),
        // A word of the catalog changes nothing.
        ("select pg_backend_pid() > 0 as price, price from sales order by 2", "price,price | t,10 | t,30"),
        ("select 1 as clicks, clicks from sales, pg_namespace where nspname = 'shop' order by 2",
            "clicks,clicks | 1,2 | 1,3"),
        // Queries of WITH: with columns, reading itself, twice the same name.
        ("with sales (q) as (select 1) select 2 as q, q from sales", "q,q | 2,1"),
        (
            "with recursive sales as (select 1 as q union all select q + 1 from sales where q < 2) \
             select 5 as q, q from sales order by 2",
            "q,q | 5,1 | 5,2",
        ),
        (
            "with c as (select 1 as q) select * from (with c as (select 2 as r) select 3 as q, q from c) s, c",
            "42703",
        ),
        (
            "with c as (select 1 as q) select * from (with c as (select 2 as q) select 3 as q, q as r from c) s",
            "q,r | 3,2",
        ),
        ("with sales as (select price as x from sales) select 1 as x, x from sales order by 2", "x,x | 1,10 | 1,30"),
        // A column of a query around this one.
        (
            "select price from sales where exists (select 1 as price where price > 10)",
            "price | 30",
        ),
        (
            "select clicks from sales s where 3 in (select 2 as clicks from p where clicks = 3 union select 0)",
            "clicks",
        ),
        (
            "select (select count(*) from (select 1 as price from p where price > 20) i) from sales order by 1",
            "count | 0 | 1",
        ),
        ("select (select sum(y + price) from (select 1 as y) i) as r from sales order by 1", "r | 11 | 31"),
        ("select 1 as x, x from sales, (select 2 as x) s limit 1", "x,x | 1,2"),
        ("select 1 as x, x from generate_series(5, 5) as x", "x,x | 1,5"),
        ("select 1 as x, x from p as t (x)", "x,x | 1,7"),
        ("select 1 as int4, int4 from (select '5'::int) s", "int4,int4 | 1,5"),
        ("select 1 as coalesce, \"coalesce\" from (select nvl(6, 7)) s", "coalesce,coalesce | 1,6"),
    ])
    .await;
}

#[tokio::test]
async fn words_of_the_syntax_are_no_names() {
    let words = [
        "row",
        "current",
        "first",
        "last",
        "nulls",
        "preceding",
        "following",
        "unbounded",
        "range",
        "groups",
        "ignore",
        "respect",
        "precision",
        "varying",
        "zone",
        "asc",
        "desc",
        "day",
        "rows",
        "partition",
        "between",
        "interval",
        "time",
        "timestamp",
        "date",
        "int",
        "month",
        "over",
    ];
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    for word in words {
        let sql = format!(
            "select 1 as {word}, sum(price) over (order by day asc nulls first \
             rows between unbounded preceding and current row), \
             sum(price) over (order by clicks desc nulls last rows between current row and \
             unbounded following) as r, extract(day from date '2024-01-09') as e, \
             datediff(day, day, timestamp '2024-03-04 00:00:00') as f, \
             cast(price as double precision)::int as g, 'x'::character varying(3) as h, \
             '2024-01-01 00:00:00'::timestamp with time zone at time zone 'UTC' as i, \
             interval '1' day = interval '1 day' as j, date_trunc('month', day)::date as k \
             from sales order by g",
        );
        let expected = format!(
            "{word},sum,r,e,f,g,h,i,j,k \
             | 1,10,10,9,63,10,x,2024-01-01 00:00:00,t,2024-01-01 \
             | 1,40,40,9,30,30,x,2024-01-01 00:00:00,t,2024-02-01"
        );
        assert_eq!(answer(&session, &sql).await, expected, "{word}");
    }
}

#[tokio::test]
async fn queries_in_update_and_delete_see_the_columns_of_its_tables() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    for sql in [
        // No column: in place.
        "update sales set clicks = 9 where price in (select q + 3 as x from p where x = 10)",
        "delete from sales s where clicks in (select q + 2 as x from p where x = 10)",
        "update sales set clicks = 5 from rates where rates.clicks = (select 2 as x where x = 2) \
         and price = 30",
        // A column of the table that is changed, which comes first.
        "update sales set clicks = 7 where exists (select 1 as price from p where price = 10)",
        "update sales set clicks = 8 from rates where (select 1 as rate where rate = 5) = 1 \
         and price = 30",
    ] {
        session.run(sql).await;
    }
    assert_eq!(
        answer(&session, "select price, clicks from sales order by 1").await,
        "price,clicks | 10,7 | 30,8"
    );
}

#[tokio::test]
async fn words_of_the_grammar_may_be_names() {
    check(&[
        ("select price as value, value + 1 from sales where value = 10", "value,?column? | 10,11"),
        ("select price as first, first + 1 as last from sales where first = 10", "first,last | 10,11"),
        ("select price as rows, rows + 1 as range, range * 2 as at from sales where rows = 10", "rows,range,at | 10,11,22"),
        ("select price as row, row + 1 as filter, filter + 1 as zone, zone + 1 as over, over + 1 as precision, precision + 1 as within from sales where within = 15", "row,filter,zone,over,precision,within | 10,11,12,13,14,15"),
    ])
    .await;
}

#[tokio::test]
async fn what_cannot_be_told_is_an_error() {
    check(&[
        ("select 1 as x, x from generate_series(1, 2) g", "42703"),
        ("select 1 as x, x from missing", "42P01"),
        ("select 1 as x, x from U&\"sales\"", "42703"),
        ("select 1 as x, x from \"\"", "42601"),
        ("select 1 as x, 2 as x, x from sales", "42703"),
        ("select 1 as x, x from elsewhere.public.sales", "0A000"),
        ("select price as a, a as b from sales where zz = 1", "42703"),
        ("select x, 1 as x from sales", "42703"),
    ])
    .await;
}

#[tokio::test]
async fn tables_are_found_by_all_their_names() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    session.run("create table #kept (a int); insert into #kept values (1)").await;
    let database = &kit.database;
    for (from, expected) in [
        ("#kept", "a,b,?column? | 1,1,2".to_owned()),
        ("\"#kept\" k", "a,b,?column? | 1,1,2".to_owned()),
        (&format!("{database}.public.p"), "42703".to_owned()),
    ] {
        let sql = format!("select a, a as b, b + 1 from {from}");
        assert_eq!(answer(&session, &sql).await, expected, "{sql}");
    }
    let sql = format!("select q as b, b + 1 as c, (p).q as d from {database}.public.p");
    assert_eq!(answer(&session, &sql).await, "b,c,d | 7,8,7");
    let sql =
        format!("select 1 as p, (p).q, b.q as r from public.p join {database}.public.p b on true");
    assert_eq!(answer(&session, &sql).await, "p,q,r | 1,7,7");
}

#[tokio::test]
async fn no_list_grows_without_end() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    let doubled = |count: usize| {
        let names: Vec<String> =
            (1..=count).map(|at| format!("a{} + a{} as a{at}", at - 1, at - 1)).collect();
        format!("select price as a0, {} from sales order by 1", names.join(", "))
    };
    let value = answer(&session, &doubled(8)).await;
    assert!(value.ends_with(",3840,7680"), "{value}");
    assert_eq!(answer(&session, &doubled(500)).await, "42703");
}

#[tokio::test]
async fn statements_of_one_script_see_what_those_before_them_made() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    for (sql, expected) in [
        ("create temp table t as select 1 as a; select a as b, b + 1 as c from t", "b,c | 1,2"),
        (
            "alter table t add column b int default 9; select a as b, b + 1 as c from t",
            "b,c | 1,10",
        ),
        (
            "alter table t drop column b; select a as b, b + 1 as c from t; -- and so on\n",
            "b,c | 1,2",
        ),
        ("drop table t; select a as b, b + 1 as c from t", "42P01"),
        (
            "select 1 as a; select price as p, p + 1 from sales where p = 10",
            "a | 1 | p,?column? | 10,11",
        ),
        (
            "begin; select price as p, p from sales where p = 10; rollback; select 1 as a",
            "p,p | 10,10 | a | 1",
        ),
        ("begin; select 1 / 0; select price as p, p from sales; rollback", "22012"),
        ("rollback; select price as p, p from sales where p = 10", "p,p | 10,10"),
        (
            "set enable_case_sensitive_identifier to on; select price as \"P\", \"P\" + 1 as q from sales \
             where \"P\" = 10; set enable_case_sensitive_identifier to off; select price as \"P\", p from sales where p = 10",
            "P,q | 10,11 | p,p | 10,10",
        ),
    ] {
        assert_eq!(answer(&session, sql).await, expected, "{sql}");
    }
    assert_eq!(session.value("select count(*) from sales").await, "2");
}
