//! Implicit conversions in expressions ("Type compatibility and conversion").

use crate::support::{Kit, said};

/// Expressions over the one row of `t`, and their values as text.
const VALUES: &[(&str, &str)] = &[
    // Numbers, dates and times as arguments of string functions.
    ("len(12345)", "5"),
    ("left(20190806, 4)", "2019"),
    ("upper(1.50)", "1.50"),
    ("reverse(12::bigint)", "21"),
    ("lpad(7, 3, '0')", "007"),
    ("replace(101, 0, 9)", "191"),
    ("trim(5)", "5"),
    ("concat(1, 'a')", "1a"),
    ("concat('a', d)", "a2019-08-06"),
    ("concat(i, n)", "512.35"),
    ("concat(d, i)", "2019-08-065"),
    ("concat(c, i)", "75"),
    ("concat(i, null)", "NULL"),
    ("concat(i = 5, 'x')", "tx"),
    ("quote_literal(5)", "'5'"),
    ("left(date '2019-08-06', 7)", "2019-08"),
    ("substring(timestamp '2019-08-06 10:11:12', 1, 10)", "2019-08-06"),
    ("split_part(date '2019-08-06', '-', 2)", "08"),
    ("to_date(20190806, 'YYYYMMDD')", "2019-08-06"),
    ("regexp_substr(d, '^[0-9]+')", "2019"),
    ("len(n) || ',' || len(d) || ',' || strpos(i, '5')", "5,10,1"),
    // Texts that are joined.
    ("'a' || 1 || 2.5 || date '2019-08-06'", "a12.52019-08-06"),
    ("1 || 'a' || null", "NULL"),
    ("c || i || '-' || d", "75-2019-08-06"),
    ("i || c || f", "570.5"),
    // "When comparing all other numeric values with character strings, the numeric values are
    // converted to character strings."
    ("c = 7", "t"),
    ("7 <> c", "f"),
    ("c < 10", "f"),
    ("c in (5, 7)", "t"),
    ("c between 6 and 8", "t"),
    ("p = 5", "t"),
    ("i like '5%'", "t"),
    ("d like '2019-08-%'", "t"),
    ("ts like '2019%'", "t"),
    ("d = '2019-08-06'::varchar", "t"),
    // "If you compare DECIMAL values with character strings, Amazon Redshift attempts to convert
    // the character string to a DECIMAL value."
    ("c = 7.00", "t"),
    ("n < '100'::varchar", "t"),
    ("c < n", "t"),
    // As ever.
    ("i = '5'", "t"),
    ("i + '1'", "6"),
    ("'5' = 5", "t"),
    ("d > '2019-08-01'", "t"),
    ("d = ts", "f"),
    ("round(n, 1) || ' ' || abs(i) || ' ' || i % 2", "12.4 5 1"),
    ("coalesce(i, 1) + n", "17.35"),
    ("i = f", "f"),
    ("(n, i) > (12, 5)", "t"),
    ("(i, n) = (5.00, 12.35)", "t"),
    ("(i, n) <> (5.0, 12)", "t"),
    ("(n, i) in (select 12.35, 5.0)", "t"),
    ("(n, 1) not in (select 12, 1)", "t"),
    ("(f, n) >= (0.5, 12.25::float4)", "t"),
    ("greatest(i, n)", "12.35"),
    ("to_char(d, 'YYYY') || to_char(i, 'FM000')", "2019005"),
    ("datediff(day, d, ts)", "0"),
    ("date_trunc('month', d)", "2019-08-01 00:00:00"),
    ("dateadd(day, i, d)", "2019-08-11 00:00:00"),
    ("case when i = 5 then 'five' end", "five"),
    ("quote_literal('a')", "'a'"),
    ("md5(5) = md5('5')", "t"),
    ("max(i) || ' ' || min(d)", "5 2019-08-06"),
    ("listagg(i, ',')", "5"),
];

#[tokio::test]
async fn numbers_and_times_become_texts_where_texts_are_wanted() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (c varchar(9), p char(3), i int, n decimal(9, 2), f float, d date, \
             ts timestamp); insert into t values ('7', '5', 5, 12.35, 0.5, '2019-08-06', \
             '2019-08-06 10:11:12')",
        )
        .await;
    for (expression, expected) in VALUES {
        let value = session.value(&format!("select {expression} from t")).await;
        assert_eq!(value, *expected, "{expression}");
    }
    let joined = "select count(*) from t as a join t as b on a.p = b.i";
    assert_eq!(session.value(joined).await, "1");
}

#[tokio::test]
async fn texts_become_nothing_else_unless_told() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (c varchar(9), i int)").await;
    for sql in ["select abs(c) from t", "select c + i from t", "select sum(c) from t"] {
        let error = session.client.batch_execute(sql).await.unwrap_err();
        assert_eq!(said(&error).0, "42883", "{sql}");
    }
    session.run("insert into t values ('x', 1)").await;
    let error = session.client.batch_execute("select c = 1.5 from t").await.unwrap_err();
    assert_eq!(said(&error).0, "22P02");
}
