//! What stored procedures do: EXCEPTION, EXECUTE, names of select lists.

use crate::support::{Connected, Kit, said};

/// Executes statements: an answer, nothing, or the beginning of an error behind `!`.
async fn check(session: &Connected, table: &[(&str, &str)]) {
    for (sql, expected) in table {
        match expected.strip_prefix('!') {
            Some(message) => {
                let error = session.client.batch_execute(sql).await.expect_err(sql);
                let said = said(&error).1;
                assert!(said.contains(message), "{sql}: {said}");
            }
            None if expected.is_empty() => session.run(sql).await,
            None => assert_eq!(session.value(sql).await, *expected, "{sql}"),
        }
    }
}

#[tokio::test]
async fn an_exception_is_thrown_again_and_its_handler_committed() {
    // "Trapping errors".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let rows = "select listagg(a, ' ') within group (order by a) from t";
    check(
        &session,
        &[
            ("create table t (a int)", ""),
            (
                "create procedure p() as $$ begin insert into t values (1); begin \
                 insert into t values (2); raise exception 'boom %', 1; exception when others then \
                 insert into t values (3); raise info 'handled %', sqlerrm; return; end; \
                 insert into t values (4); end $$ language plpgsql",
                "",
            ),
            ("call p()", "!boom 1"),
            (rows, "3"),
            ("begin; insert into t values (9); end", ""),
            (
                "create procedure outer_p() as $$ begin insert into t values (5); call p(); \
                 insert into t values (6); end $$ language plpgsql",
                "",
            ),
            ("call outer_p()", "!boom 1"),
            (rows, "3 3 9"),
            (
                "create procedure caught() as $$ begin call outer_p(); exception when others then \
                 raise info 'outer'; end $$ language plpgsql",
                "",
            ),
            (
                "create procedure parted(n int) as $$ declare x int := n; begin \
                 truncate t; insert into t values (x); commit; insert into t values (1 / (x - 7)); \
                 exception when others then insert into t values (x * 10); end $$ language plpgsql",
                "",
            ),
            ("call parted(7)", "!division by zero"),
            (rows, "7 70"),
            ("call parted(8)", ""),
            (rows, "1 8"),
            ("drop table t", ""),
            ("call parted(8)", "!relation \"t\" does not exist"),
            (
                "create procedure q() as $$ begin x := 1; exception when division_by_zero then \
                 raise info 'x'; end $$ language plpgsql",
                "!Redshift does not support conditions of EXCEPTION other than OTHERS",
            ),
        ],
    )
    .await;
    let notices = session.take_notices();
    assert!(notices.contains(&"INFO: handled boom 1".to_owned()), "{notices:?}");
}

#[tokio::test]
async fn what_execute_is_given_is_redshifts_sql() {
    // "Dynamic SQL".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let long = "x".repeat(257);
    check(
        &session,
        &[
            (
                "create procedure p(name varchar, n int) as $$ declare s varchar(max) := \
                 'create table made_by_variable (id int primary key, v varchar, d datetime) \
                 sortkey (d)'; c int; t varchar(99); begin \
                 execute 'create table dd (id int identity(1, 1) primary key, v varchar, \
                 \"MixedCase\" int) distkey (id)'; \
                 execute 'create table ' || quote_ident(name) || ' (id int primary key, b text \
                 encode zstd) diststyle all'; execute s; \
                 execute 'insert into dd (v, mixedcase) select nvl(null, ''a''), ' || n; \
                 execute 'select datediff(day, ''2024-01-01''::date, ''2024-01-0' || n || '''::date)' into c; \
                 execute 'insert into ' || name || ' values (' || c || ', ''b''), (' || c || ', null)'; \
                 t := 'select a as k, k + 1 from (select ' || n || ' as a) s'; \
                 execute t into c, n; execute 'insert into dd (mixedcase) values (' || n || ')'; \
                 end $$ language plpgsql",
                "",
            ),
            ("call p('Other', 3)", ""),
            ("select listagg(mixedcase, ' ') within group (order by id) from dd", "3 4"),
            ("select id || ' ' || count(*) from other group by id", "2 2"),
            (
                "select listagg(\"column\" || ' ' || type, ', ') within group (order by 1) \
                 from pg_table_def where tablename = 'other'",
                "id integer, b character varying(256)",
            ),
            ("select diststyle from svv_table_info where \"table\" = 'other'", "ALL"),
            ("select distkey from pg_table_def where tablename = 'dd' and \"column\" = 'id'", "t"),
            (
                "select sortkey from pg_table_def where tablename = 'made_by_variable' \
                 and \"column\" = 'd'",
                "1",
            ),
            ("insert into made_by_variable (id) values (1), (1)", ""),
            (
                "create procedure e(t varchar) as $$ declare s varchar(99); begin execute \
                 'truncate ' || t; s := 'truncate dd'; execute s; raise exception 'after'; end $$ \
                 language plpgsql",
                "",
            ),
            ("call e('other')", "!after"),
            ("select (select count(*) from other) + (select count(*) from dd)", "0"),
            (
                "create procedure unread(s varchar(max)) as $$ begin execute s; end $$ \
                 language plpgsql",
                "",
            ),
            ("call unread('create table k (id int primary key)')", "!a key of a table in a text"),
            ("call unread('create table k (v varchar, c char)')", ""),
            ("insert into k (c) values ('ab')", "!value too long"),
        ],
    )
    .await;
    let error = session.client.batch_execute(&format!("insert into k (v) values ('{long}')")).await;
    assert!(said(&error.unwrap_err()).1.contains("value too long"));
}

#[tokio::test]
async fn names_of_select_lists_are_put_in_place_in_bodies() {
    // "SELECT list": a column comes first, and here a variable, too.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    check(
        &session,
        &[
            ("create table t (a int); insert into t values (1), (2), (3)", ""),
            ("create table found (a int, b int)", ""),
            (
                "create procedure p() as $$ declare rec record; v int := 2; w int; begin \
                 for rec in select a as k, k * 2 as kk from t where kk > 4 loop \
                 insert into found values (rec.k, rec.kk); end loop; \
                 insert into found select a as v, v + 1 from t where a = v; \
                 select a as k, k + 1 into v, w from t where k = 2; \
                 insert into found values (v * 10, w * 10); \
                 create temp table made as select a as k, k + 100 as l from t where l = 101; \
                 insert into found select * from made; end $$ language plpgsql",
                "",
            ),
            ("call p()", ""),
            (
                "select listagg(a || '-' || b, ' ') within group (order by a, b) from found",
                "1-101 2-3 3-6 20-30",
            ),
        ],
    )
    .await;
}
