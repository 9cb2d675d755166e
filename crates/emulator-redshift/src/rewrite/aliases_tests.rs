//! What becomes of the names of select lists, with the tables `sales (price, clicks, day)`,
//! `shop.sales (price)`, `pg_class (relname)` and `pg_namespace (nspname)`.

use super::super::lateral::Relation;
use super::*;

fn has(relation: &Relation, name: &str) -> bool {
    let columns: &[&str] = match relation.name.as_str() {
        "\"sales\"" => &["price", "clicks", "day"],
        "\"shop\".\"sales\"" => &["price"],
        "\"pg_class\"" | "\"pg_catalog\".\"pg_class\"" => &["relname"],
        "\"pg_namespace\"" => &["nspname"],
        _ => return true, // It is not there.
    };
    columns.contains(&name)
}

fn inlined(sql: &str) -> String {
    let statement = Statement::new(sql);
    let asked = inline(&statement, &None).questions;
    let absent = asked.into_iter().filter(|question| !has(&question.relation, &question.name));
    let answered = inline(&statement, &Some(absent.collect()));
    assert!(answered.questions.is_empty(), "{sql}");
    answered.text.unwrap_or_else(|| sql.to_owned())
}

fn check(sql: &str, expected: &str) {
    assert_eq!(inlined(sql), expected, "{sql}");
}

fn same(sql: &str) {
    check(sql, sql);
}

#[test]
fn a_name_stands_for_its_expression() {
    check("select price*2 as p, p+1 from sales", "select price*2 as p, (price*2)+1 from sales");
    check(
        "select price*2 p, p+1 q, q from sales",
        "select price*2 p, (price*2)+1 q, ((price*2)+1) AS q from sales",
    );
    check(
        "select price as \"P\", p::int, 1+p",
        "select price as \"P\", (price)::int AS p, 1+(price)",
    );
    check(
        "select top 5 price as p, p + 1 from sales",
        "select top 5 price as p, (price) + 1 from sales",
    );
    check(
        "select distinct price as p, p + 1 from sales",
        "select distinct price as p, (price) + 1 from sales",
    );
    check(
        "select price as p from sales where p > 1 and p in (1, p) group by p having p < max(p)",
        "select price as p from sales where (price) > 1 and (price) in (1, (price)) group by p \
         having (price) < max((price))",
    );
    check(
        "select array[1, price] as a, a[1] from sales",
        "select array[1, price] as a, (array[1, price])[1] from sales",
    );
    check(
        "select price as p, case p when 1 then -p else p end from sales",
        "select price as p, case (price) when 1 then -(price) else (price) end from sales",
    );
}

#[test]
fn order_by_takes_a_name_alone_as_postgres_does() {
    same("select price as clicks from sales order by clicks");
    same("select price as p from sales order by p desc nulls last, (p), ((p)) asc");
    check(
        "select price as p from sales order by p, -p desc, clicks",
        "select price as p from sales order by p, -(price) desc, clicks",
    );
    same("select price as p from sales union select clicks from sales order by -p");
}

#[test]
fn a_column_comes_first() {
    for sql in [
        "select price*2 as clicks, clicks from sales",
        "select 1 as price, price from (select * from sales) s",
        "select 1 as x, x from sales, (select price as x from sales) s",
        "select 1 as x, x from sales s join (select price x from sales) t on s.price = t.x",
        "with c as (select price as x from sales) select 1 as x, x from c",
        "select 1 as x, x from f() as c (x int, y int)",
        "select 1 as x, x from (sales s join (select 2 as x) t on true)",
        // An outer query's, too.
        "select 1 from sales where exists (select 2 as price where price > 1)",
        "select (select 1 as clicks from (select 2 as x) s where clicks = 2) from sales",
        "select 1 from sales s join (select 1 as y) t on y in (select 3 as y where y = 1)",
        "select 1 from sales where 1 in (with c as (select 1 as day where day = 2) select 1)",
    ] {
        same(sql);
    }
}

#[test]
fn what_cannot_be_told_stays() {
    for sql in [
        "select 1 as x, x from missing",
        "select 1 as x, x from sales, missing",
        "select 1 as x, x from f()",
        "select 1 as x, x from f() c (a, b)",
        "select 1 as x, x from sales s (a, b)",
        "select 1 as x, x from U&\"sales\"",
        "select 1 as x, x from \"\"",
        "select 1 as x, x from a.b.c.sales",
        "select 1 as x, x from (values (1)) v",
        "select 1 as x, x from (select a + b from sales) v",
        "select 1 as x, x from ((select 1) union (select 2)) v",
        "select 1 as x, x from sales tablesample system (10)",
        "with c (a) as (select price from sales) select 1 as x, x from c",
        "with recursive c as (select 1 as y) select 1 as x, x from c",
        "with c as (select 1 as y) select 1 as x, x from (with c as (select 2 as y) select * from c) s, c d, (with c as (select 3 as y) select 1 as x, x from c) e",
        "select 1 as x, 2 as x, x from sales",
        "select 1 as x, x from sales limit 1 from sales",
        "update sales set price = (select 1 as x where x = 1) from f()",
        "with c as (select 1 as y) delete from sales where price in (select 1 as x where x = 1)",
        "create function f() returns int as 'x' language sql",
        "select 1 as x, x)",
        "select (select 1 as x, x",
        "select price as x, (select x from sales) from sales",
    ] {
        same(sql);
    }
}

#[test]
fn sources_are_told_by_what_is_read() {
    check(
        "with c as (select price as a from sales) select a as x, x from c",
        "with c as (select price as a from sales) select a as x, (a) AS x from c",
    );
    // In its own query, the name is a table's.
    check(
        "with sales as (select price as p, p from sales) select p as x, x from sales",
        "with sales as (select price as p, (price) AS p from sales) select p as x, (p) AS x from sales",
    );
    check(
        "select price as day, day from shop.sales",
        "select price as day, (price) AS day from shop.sales",
    );
    check(
        "select 1 as x, x from sales a left join shop.sales b on a.price is distinct from b.price \
         and b.price = (select 1) natural join (select distinct price, max(clicks) from sales) c, (sales d cross join sales e)",
        "select 1 as x, (1) AS x from sales a left join shop.sales b on a.price is distinct from b.price \
         and b.price = (select 1) natural join (select distinct price, max(clicks) from sales) c, (sales d cross join sales e)",
    );
    check(
        "select a is distinct from 1 as x, x from f() c (a int, b varchar(9))",
        "select a is distinct from 1 as x, (a is distinct from 1) AS x from f() c (a int, b varchar(9))",
    );
    check(
        "select listagg(price) within group (order by price) as l, l || '!' from sales",
        "select listagg(price) within group (order by price) as l, \
         (listagg(price) within group (order by price)) || '!' from sales",
    );
    check(
        "create view v as select price as x, x from sales with no schema binding",
        "create view v as select price as x, (price) AS x from sales with no schema binding",
    );
    check(
        "select price as x into t from sales where x > 1",
        "select price as x into t from sales where (price) > 1",
    );
}

#[test]
fn names_of_the_catalog_are_judged_too() {
    check(
        "select n.nspname as \"schema\", relname from pg_namespace n, pg_catalog.pg_class where schema = 'a' and n.schema = 'b'",
        "select n.nspname as \"schema\", relname from pg_namespace n, pg_catalog.pg_class where (n.nspname) = 'a' and n.schema = 'b'",
    );
    same("select 1 as relname, relname from pg_class");
    same("select 1 as reldiststyle, reldiststyle, 1 as \"adsrc\", \"adsrc\" from pg_class");
    same("select pg_backend_pid() as price, price from sales");
}

#[test]
fn only_columns_are_names() {
    for sql in [
        "select extract(day from now()) as day, dateadd(day, 1, now()), datediff(\"day\", a, b) from shop.sales",
        "select 1 as p, p(1), a.p, p.a, x::p, cast(x as p), p '1', f(p => 1), f(p := 1) from shop.sales",
        "select 1 as w, sum(price) over w, sum(price) over (w order by price) from shop.sales window w as ()",
        "select 1 as row, sum(price) over (rows between current row and 1 following) from shop.sales",
        "select 1 as first, 2 as last, 3 as nulls, sum(price) over (order by price nulls first) from sales",
        "select 1 as current, 2 as unbounded, 3 as preceding, sum(price) over (rows unbounded preceding) from sales",
        "select 1 as range, 2 as groups, 3 as following, 4 as ignore, 5 as respect, groups + following from sales",
        "select 1 as precision, 2 as varying, 3 as zone, varying, '1'::double precision from sales",
        "select 1 as asc, 2 as desc, asc, desc from sales order by 1 + asc",
        "select 1 as user, user, current_date, interval '1' day from sales",
        "select 1 as int, convert(int, price) from sales",
    ] {
        same(sql);
    }
    check(
        "select extract(day from now()) as d, day(d), d - 1 from shop.sales",
        "select extract(day from now()) as d, day((extract(day from now()))), \
         (extract(day from now())) - 1 from shop.sales",
    );
    check(
        "select price::date as date, date - 7, date '2024-01-01', dateadd(day, 1, date) from sales",
        "select price::date as date, (price::date) - 7, date '2024-01-01', dateadd(day, 1, (price::date)) from sales",
    );
    check(
        "select 1 as \"order\", \"order\" + 1 from sales order by 1",
        "select 1 as \"order\", (1) + 1 from sales order by 1",
    );
    check(
        "select 1 as from, 2 as x, x from sales",
        "select 1 as from, 2 as x, (2) AS x from sales",
    );
}

#[test]
fn inner_queries_have_names_of_their_own() {
    check(
        "select (select max(x) from (select price as x, x from sales) s) as m, m from sales",
        "select (select max(x) from (select price as x, (price) AS x from sales) s) as m, \
         ((select max(x) from (select price as x, (price) AS x from sales) s)) AS m from sales",
    );
}

#[test]
fn what_grows_without_end_stays() {
    let names = |count: usize| {
        let names: Vec<String> =
            (1..count).map(|at| format!("a{} + a{} as a{at}", at - 1, at - 1)).collect();
        format!("select price as a0, {} from sales", names.join(", "))
    };
    assert!(inlined(&names(8)).len() < 8 * 1024);
    assert!(inlined(&names(600)).len() < names(600).len() + GROWTH_BYTES_MAX);
    let long = format!("select '{}' as a {} from sales", "x".repeat(16_000), ", a".repeat(300));
    same(&long);
    let deep = format!("{}select 1 as x, x{}", "select * from (".repeat(200), ") s".repeat(200));
    same(&deep);
    let chain: String =
        (1..2000).map(|at| format!(", c{at} as (select * from c{})", at - 1)).collect();
    same(&format!("with c0 as (select 1 as a){chain} select 1 as x, x from c1999"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "select", "from", "where", "(", ")", ",", "as", "a", "b", "t", "1", "union",
                "group by", "order by", "having", "distinct", ".", "\"a\"", "with", "join", "on",
                "[", "]", ":", "U&\"a\"", "#", "*", "top", "is", "'x'", "values", "end",
            ]),
            0..32,
        ),
    ) {
        let sql = words.join(" ");
        let asked = inline(&Statement::new(&sql), &None).questions;
        let _ = inline(&Statement::new(&sql), &Some(asked.into_iter().collect()));
        let sql = format!("select {sql}");
        let asked = inline(&Statement::new(&sql), &None).questions;
        let _ = inline(&Statement::new(&sql), &Some(asked.into_iter().collect()));
    }
}
