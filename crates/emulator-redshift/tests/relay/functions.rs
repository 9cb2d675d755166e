//! Functions of Redshift, by the examples of their pages in the guide.

use crate::support::{Kit, said};

/// Page, expression, value; where the guide's example has no rows of its own.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("REGEXP_SUBSTR", "regexp_substr('the fox', 'FOX', 1, 1, 'i')", "fox"),
    ("REGEXP_SUBSTR", "regexp_substr('a1b2', '([a-z])([0-9])', 2, 1, 'e')", "b"),
    ("REGEXP_SUBSTR", "len(regexp_substr('abc', '[0-9]+'))", "0"),
    (
        "REGEXP_REPLACE",
        "regexp_replace('the fox', 'FOX', 'quick brown fox', 1, 'i')",
        "the quick brown fox",
    ),
    ("REGEXP_REPLACE", "regexp_replace('a@b.com', '@.*\\\\.(org|gov|com)$')", "a"),
    (
        "REGEXP_REPLACE",
        "regexp_replace('aaa', 'a', 'b') || regexp_replace('aaa', 'a', 'b', 2)",
        "bbbabb",
    ),
    ("SHA1", "sha1('Amazon Redshift')", "eeac5ed1e11cda66032c30ad77b25071b5487f55"),
    ("SHA", "sha(repeat('x', 56)) = func_sha1(repeat('x', 56))", "t"),
    ("NVL", "nvl(null, 'b', 'c')", "b"),
    ("NVL2", "nvl2(null, 'a', 'b') || nvl2('x', 'a', 'b')", "ba"),
    ("DECODE", "decode(null, 1, 'one', null, 'none', 'other')", "none"),
    ("DECODE", "decode(2, 1, 'one', 'other')", "other"),
    ("DATEADD", "dateadd(month, 18, '2008-02-28')", "2009-08-28 00:00:00"),
    ("DATEADD", "dateadd(day, 30, date '2008-01-31')", "2008-03-01 00:00:00"),
    ("DATEADD", "dateadd(m, 30, timestamp '2008-01-31 00:00')", "2008-01-31 00:30:00"),
    ("DATEADD", "dateadd(year, 1, '2016-02-29')", "2017-03-01 00:00:00"),
    ("DATEADD", "dateadd(year, 4, date '2016-02-29')", "2020-02-29 00:00:00"),
    ("DATEADD", "dateadd(month, 12, '2016-02-29')", "2017-02-28 00:00:00"),
    ("DATEADD", "dateadd(minute, 5, timetz '05:58:00+00')", "06:03:00+00"),
    ("DATEADD", "dateadd(minute, 5, time '00:58:00')", "01:03:00"),
    ("DATEDIFF", "datediff(week, '2009-01-01', '2009-12-31')", "52"),
    ("DATEDIFF", "datediff(year, date '2008-12-31', date '2009-01-01')", "1"),
    ("DATEDIFF", "datediff(hour, '2009-01-01 8:30:00', '2009-01-01 10:00:00')", "2"),
    ("DATEDIFF", "datediff(hour, time '20:00:00', time '15:24:45')", "-5"),
    (
        "DATEDIFF",
        "datediff(hours, timestamptz '2019-01-01 00:00+00', getdate()::timestamptz) > 0",
        "t",
    ),
    ("DATEDIFF", "datediff(hours, timetz '20:00:00 PST', timetz '00:00:00 EST')", "1"),
    ("DATE_PART", "date_part(sec, timestamp '2009-09-21 11:10:03.189717')", "3.189717"),
    ("DATE_PART", "pgdate_part('year', timestamp '2008-01-01')", "2008"),
    ("DATE_PART", "date_part(week, '20220502 04:05:06.789')", "18"),
    ("DATE_PART", "date_part(w, timestamp '2008-06-17 09:44:54')", "25"),
    ("DATE_PART", "date_part(dow, timestamp '2008-06-17 09:44:54')", "2"),
    ("EXTRACT", "extract(qtrs from timestamp '2008-06-17 09:44:54')", "2"),
    ("EXTRACT", "extract(sec from timestamp '2009-09-21 11:10:03.989717')", "3"),
    ("EXTRACT", "extract(ms from timestamp '2009-09-09 12:08:43.101')", "101"),
    ("EXTRACT", "extract('us' from time '12:08:43.189717')", "717"),
    ("EXTRACT", "extract(hour from timetz '04:00:00-02')", "6"),
    ("EXTRACT", "extract(month from interval '10 years 5 months')", "5"),
    ("EXTRACT", "extract(day from '2009-09-08')", "8"),
    ("EXTRACT", "extract(epoch from timestamp '9999-12-31')", "253402214400"),
    ("EXTRACT", "extract(decade from timestamp '1999-02-16 20:38:40')", "200"),
    ("EXTRACT", "extract(decade from timestamp '2010-02-16 20:38:40')", "202"),
    ("EXTRACT", "extract(century from timestamp '2000-12-16 12:21:13')", "20"),
    ("EXTRACT", "extract(timezone_hour from timestamptz '2008-01-05 00:00+00')", "0"),
    ("TO_DATE", "to_date('02 Oct 2001', 'DD Mon YYYY')", "2001-10-02"),
    ("TO_DATE", "to_date('20010631', 'YYYYMMDD', FALSE)", "2001-07-01"),
    (
        "TO_TIMESTAMP",
        "to_timestamp('2011-12-18 24:38:15', 'YYYY-MM-DD HH24:MI:SS')",
        "2011-12-19 00:38:15+00",
    ),
    ("TO_TIMESTAMP", "to_timestamp('2017', 'YYYY')", "2017-01-01 00:00:00+00"),
    ("TO_TIMESTAMP", "to_timestamp(sysdate, 'YYYY-MM-DD') <= sysdate", "t"),
    ("ISNULL", "isnull(null, 'b')", "b"),
    ("SOUNDEX", "soundex('AWS Amazon') || soundex('+-*/%') || soundex('smyth')", "A252S530"),
    ("DIFFERENCE", "difference('%', '@') || ' ' || difference('Amazon', '')", "1 0"),
    ("DIFFERENCE", "difference('Amazon', 'Ama')", "2"),
    ("DIFFERENCE", "difference('Amazon', '+-*/%Amazon')", "4"),
    ("OCTETINDEX", "octetindex('q', 'Amazon Redshift') || '' || octetindex('', 'Amazon')", "01"),
    ("OCTETINDEX", "octetindex('Redshift', 'Άμαζον Amazon Redshift')", "21"),
    ("FLOOR", "dfloor(-2.5) || ' ' || dceil(-2.5) || ' ' || dround(2.4)", "-3 -2 2"),
    ("DATE_TRUNC", "date_trunc('week', date '2008-06-17')", "2008-06-16 00:00:00"),
    ("TRUNC", "trunc(timestamp '2011-07-21 10:32:38.248109')", "2011-07-21"),
    ("LAST_DAY", "last_day('2004-02-10')", "2004-02-29"),
    ("ADD_MONTHS", "add_months('2008-02-29', 1)", "2008-03-31 00:00:00"),
    ("ADD_MONTHS", "add_months(date '2008-01-31', 1)", "2008-02-29 00:00:00"),
    ("MONTHS_BETWEEN", "months_between('1969-01-18', '1969-03-18')", "-2"),
    (
        "MONTHS_BETWEEN",
        "round(months_between('2008-12-25 15:00', '2008-01-21 19:30')::numeric(9, 4), 2)",
        "11.12",
    ),
    ("NEXT_DAY", "next_day('2014-08-20', 'Tuesday')", "2014-08-26"),
    (
        "CONVERT_TIMEZONE",
        "convert_timezone('EST', 'PST', '20080305 12:25:29')",
        "2008-03-05 09:25:29",
    ),
    (
        "CONVERT_TIMEZONE",
        "convert_timezone('America/New_York', '2013-06-01 08:00:00')",
        "2013-06-01 04:00:00",
    ),
    (
        "CONVERT_TIMEZONE",
        "convert_timezone('GMT', 'NEWZONE-2:15', '2014-05-17 12:00:00')",
        "2014-05-17 14:15:00",
    ),
    ("CONVERT", "convert(integer, '162') + 1", "163"),
    ("LEN", "len('français')", "8"),
    ("CHARINDEX", "charindex('fish', 'dogfish')", "4"),
    ("REPLICATE", "replicate('ab', 2)", "abab"),
    ("STRTOL", "strtol('0xf', 16)", "15"),
    ("STRTOL", "strtol('abcd1234', 16)", "2882343476"),
    ("STRTOL", "strtol('110101', 2)", "53"),
    (
        "SHA2",
        "sha2('Amazon Redshift', 256)",
        "15013dc10bc5b293f1f66ea28d818387f191cafeb26f89639fae0b4acf9c8772",
    ),
    ("ROUND", "round(28.05::float8, 1)", "28.1"),
    (
        "JSON_EXTRACT_PATH_TEXT",
        r#"json_extract_path_text('{"f2":{"f3":1},"f4":{"f5":99,"f6":"star"}}', 'f4', 'f6')"#,
        "star",
    ),
    (
        "JSON_EXTRACT_PATH_TEXT",
        r#"json_extract_path_text('{"f4":{"f6":"star"}', 'f4', 'f6', true) is null"#,
        "t",
    ),
    ("JSON_EXTRACT_PATH_TEXT", r#"json_extract_path_text('{"a":1}', 'b') is null"#, "t"),
    ("JSON_ARRAY_LENGTH", r#"json_array_length('[11,12,13,{"f1":1,"f2":[5,6]},14]')"#, "5"),
    ("JSON_ARRAY_LENGTH", "json_array_length('[11,12', true) is null", "t"),
    (
        "JSON_EXTRACT_ARRAY_ELEMENT_TEXT",
        "json_extract_array_element_text('[111,112,113]', 2)",
        "113",
    ),
    (
        "JSON_EXTRACT_ARRAY_ELEMENT_TEXT",
        r#"json_extract_array_element_text('["a",["b",1,["c",2,3,null,]]]', 1, true) is null"#,
        "t",
    ),
    ("IS_VALID_JSON", r#"is_valid_json('{"a":[1,2,"b"]}')"#, "t"),
    ("IS_VALID_JSON", "is_valid_json('{{}}')", "f"),
    ("IS_VALID_JSON_ARRAY", r#"is_valid_json_array('["a",["b",1]]')"#, "t"),
    (
        "JSON_SERIALIZE",
        "json_serialize(json_parse('[10001,10002,\"abc\"]'))",
        "[10001,10002,\"abc\"]",
    ),
    (
        "JSON_SERIALIZE",
        r#"json_serialize(json_parse('{"b": [1, 2], "a c" : "x\\\\" }'))"#,
        r#"{"b":[1,2],"a c":"x\\"}"#,
    ),
    ("SPLIT_TO_ARRAY", "split_to_array('12|345|6789', '|')", "[\"12\",\"345\",\"6789\"]"),
    ("GET_ARRAY_LENGTH", "get_array_length(split_to_array('1,2,3'))", "3"),
];

#[tokio::test]
async fn functions_answer_as_in_the_guide() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    for (page, expression, expected) in EXAMPLES {
        let value = session.value(&format!("select {expression}")).await;
        assert_eq!(value, *expected, "{page}: {expression}");
    }
}

#[tokio::test]
async fn functions_of_rows_answer_as_in_the_guide() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a int, b varchar(9), c date); insert into t values \
             (1, 'x', '2019-01-31'), (2, 'y', '2019-02-01'), (2, null, null), (5, 'x', null)",
        )
        .await;
    for (sql, expected) in [
        ("select listagg(b, ', ') within group (order by a desc) from t", "x, y, x"),
        ("select listagg(distinct b, '|') within group (order by b) from t", "x|y"),
        ("select listagg(a) within group (order by a) from t", "1225"),
        ("select nvl(listagg(b), 'none') from t where a = 0", "none"),
        ("select median(a) from t", "2"),
        ("select avg(a) from t", "2"), // 10 / 4
        ("select avg(-a) from t", "-2"),
        ("select avg(a::bigint) from t", "2"),
        ("select avg(distinct a::smallint) from t", "2"), // 8 / 3
        ("select avg(a::decimal(8, 2)) from t", "2.50"),
        ("select avg(a::decimal(8, 2)) from t where a < 5", "1.66"),
        ("select avg(a::float) from t", "2.5"),
        ("select nvl(avg(a), -1) from t where a = 0", "-1"),
        ("select max(v) from (select avg(a) over (partition by b) as v from t)", "3"),
        ("select any_value(b) from t where a = 1", "x"),
        ("select max(v) from (select lag(a) respect nulls over (order by a) as v from t)", "2"),
        ("select top 1 a from t order by a desc", "5"),
        ("select count(*) from (select top 2 a from t order by a)", "2"),
        ("select approximate count(distinct a) from t", "3"),
        ("select sum(datediff(month, c, '2019-03-01'::date)) from t", "3"),
        ("select max(dateadd(day, a, c)) from t", "2019-02-03 00:00:00"),
    ] {
        assert_eq!(session.value(sql).await, expected, "{sql}");
    }
    let columns = async |sql: &str| {
        let statement = session.client.prepare(sql).await.unwrap();
        let names = statement.columns().iter().map(|column| column.name().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    let sql = "select dateadd(day, 1, c), datediff(day, c, c), nvl(a, 1), median(a) from t \
               group by a, c";
    assert_eq!(columns(sql).await, "date_add date_diff coalesce median");
    let sql = "select extract(day from c), date_part(day, c), sysdate, avg(a) from t group by c";
    assert_eq!(columns(sql).await, "date_part pgdate_part timestamp avg");
    let types = session.client.prepare(sql).await.unwrap();
    let types: Vec<_> = types.columns().iter().map(|column| column.type_().name()).collect();
    assert_eq!(types, ["int4", "float8", "timestamp", "int8"]);
    let error = session.client.batch_execute("select datediff(fortnight, c, c) from t").await;
    assert!(error.is_err());
    let error = session.client.query("select listagg(b) over () from t", &[]).await.unwrap_err();
    assert_eq!(said(&error).0, "0A000");
}

#[tokio::test]
async fn what_is_not_taken_is_said_by_name() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int, b int)").await;
    for (sql, code, message) in [
        (
            "select to_date('20010631', 'YYYYMMDD', TRUE)",
            "22008",
            "date/time field value out of range: \"20010631\"",
        ),
        (
            "select sum(a) over (order by b) from t",
            "0A000",
            "Aggregate window functions with an ORDER BY clause require a frame clause",
        ),
        (
            "select sum(a) over (order by b range unbounded preceding) from t",
            "0A000",
            "RANGE clause of window functions not yet implemented",
        ),
        (
            "select a from t except all select b from t",
            "0A000",
            "Redshift does not support INTERSECT ALL and EXCEPT ALL",
        ),
        (
            "select * exclude (a) from t",
            "0A000",
            "SELECT * EXCLUDE: not emulated yet by this Redshift stand-in",
        ),
        ("select urlencode('a')", "0A000", "URLENCODE: not emulated yet by this Redshift stand-in"),
    ] {
        let error = session.client.simple_query(sql).await.expect_err(sql);
        let (said_code, said_message) = said(&error);
        assert_eq!((said_code.as_str(), said_message.as_str()), (code, message), "{sql}");
    }
    // Queries of the catalog run on the leader node.
    session.run("select sum(relpages) over (order by relname) from pg_class").await;
}

#[tokio::test]
async fn settings_are_taken_at_the_start_too() {
    let kit = Kit::start().await;
    let options = "-c query_group=abc -c enable_case_sensitive_identifier=true";
    let session = Kit::connected(kit.config().options(options)).await;
    assert_eq!(session.value("show query_group").await, "abc");
    assert_eq!(session.value("select \"A\" from (select 1 as \"A\", 2 as \"a\")").await, "1");
    let session = kit.connect().await;
    for name in [
        "activate_aqua",
        "auto_mv",
        "enable_case_sensitive_super_attribute",
        "interval_forbid_composite_literals",
        "json_parse_truncate_strings",
        "navigate_super_null_on_error",
        "parse_super_null_on_error",
    ] {
        session.run(&format!("set {name} to true")).await;
        assert_eq!(session.value(&format!("show {name}")).await, "true", "{name}");
    }
}
