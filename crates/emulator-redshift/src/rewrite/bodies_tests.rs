//! What becomes of bodies.

use super::*;

fn rewritten(sql: &str) -> Result<String, String> {
    let mut edits = Edits::default();
    rewrite(&Statement::new(sql), &None, &mut edits).map_err(|error| error.message)?;
    Ok(edits.apply(sql).unwrap_or_else(|| sql.to_owned()))
}

#[test]
fn the_sql_of_a_body_is_rewritten() {
    let check = |body: &str, expected: &str| {
        let created = |quoted: &str| format!("create procedure p() as {quoted} language plpgsql");
        let sql = created(&format!("$${body}$$"));
        assert_eq!(rewritten(&sql).unwrap(), created(&quotes::dollars(expected)));
    };
    check(
        "declare x int := nvl(a, 1); begin if nvl(x, 0) = 1 then x := 2; else \
         insert into t select case when a then nvl(b, 1) else 2 end from u; end if; end",
        "declare x int := COALESCE(a, 1); begin if COALESCE(x, 0) = 1 then x := 2; else \
         insert into t select case when a then COALESCE(b, 1) else 2 end from u; end if; end",
    );
    check(
        "begin for r in select sysdate from t loop delete t where a = r.a; end loop; end;",
        "begin for r in select pg_catalog.\"timestamp\"() from t loop \
         delete FROM t where a = r.a; end loop; end;",
    );
    check("begin truncate t; end", "begin truncate t; COMMIT; end");
    check(
        "begin merge into t using s on t.id = s.id when matched then update set a = nvl(s.a, 1) \
         when not matched then insert values (s.id); end",
        "begin merge into t using s on t.id = s.id when matched then update set \
         a = COALESCE(s.a, 1) when not matched then insert values (s.id); end",
    );
}

fn check(body: &str, expected: &str) {
    let created = |quoted: &str| format!("create procedure p() as {quoted} language plpgsql");
    let sql = created(&format!("$${body}$$"));
    assert_eq!(rewritten(&sql).unwrap(), created(&quotes::dollars(expected)));
}

#[test]
fn a_handler_throws_its_exception_again() {
    check(
        "begin a := 1; exception when others then raise info 'x'; return; end",
        "begin a := 1; EXCEPTION WHEN OTHERS then raise info 'x'; RAISE; RAISE; end",
    );
    check(
        "begin a := 1; exception exit_handler when others then insert into l values (1); end;",
        "begin a := 1; EXCEPTION WHEN OTHERS then ROLLBACK; insert into l values (1); \
         COMMIT; RAISE; end;",
    );
    check(
        "begin a := 1; commit; truncate t; b := 1; exception when others then call l(); end",
        "begin BEGIN a := 1; NULL; EXCEPTION WHEN OTHERS then ROLLBACK; call l(); COMMIT; RAISE; \
         END; COMMIT; BEGIN NULL; truncate t; EXCEPTION WHEN OTHERS then ROLLBACK; call l(); \
         COMMIT; RAISE; END; COMMIT; BEGIN NULL; b := 1; EXCEPTION WHEN OTHERS then ROLLBACK; \
         call l(); COMMIT; RAISE; END; end",
    );
}

#[test]
fn what_execute_is_given_is_rewritten() {
    check(
        "begin execute 'select nvl(a, ' || b || ', 1) from ' || quote_ident(t) into c; end",
        "begin execute 'select COALESCE(a, ' || (b) || ', 1) from ' || \
         pg_catalog.lower(quote_ident(t)) into c; end",
    );
    check("begin execute 'truncate ' || t; end", "begin execute 'truncate ' || (t); COMMIT; end");
    check(
        "declare s varchar(99) := 'select nvl(''a'', 1)'; begin execute s; end",
        "declare s varchar(99) := 'select COALESCE(''a'', 1)'; begin PERFORM \
         pg_catalog.set_config('blueshift.declared', coalesce(pg_catalog.substring(s, \
         '/[*]blueshift:(.*)[*]/'), ''), false); EXECUTE s; end",
    );
}

#[test]
fn what_is_refused_outside_is_refused_inside() {
    for (statement, message) in [
        ("copy t from 's3://b/k' iam_role default csv", "COPY in a procedure: not emulated yet"),
        ("x := string_agg(a, ',')", "Redshift does not support STRING_AGG"),
        ("if 1 = 1 then insert into t values (1) on conflict do nothing; end if", "INSERT … ON"),
        ("create table t (a uuid)", "Redshift does not support the type uuid"),
        ("execute 'create table t (a uuid, ' || b || ')'", "support the type uuid"),
        ("execute 'commit'", "COMMIT and ROLLBACK in dynamic SQL"),
        ("exception when division_by_zero then a := 1", "EXCEPTION other than OTHERS"),
        ("exception when others then a := 1; when others then a := 2", "other than OTHERS"),
        ("exception when others or no_data then a := 1", "other than OTHERS"),
        ("exception continue_handler when others then a := 1", "CONTINUE_HANDLER: not"),
        ("if a then commit; end if; exception when others then a := 1", "commit in an IF"),
        ("exception when others then exit", "EXIT out of an exception handler"),
        (
            "begin a := 1; exception when others then delete from t; end; exception when others \
             then raise info 'x'",
            "whose handler executes SQL",
        ),
    ] {
        let sql = format!("create procedure p() as $$ begin {statement}; end $$ language plpgsql");
        let error = rewritten(&sql).expect_err(statement);
        assert!(error.contains(message), "{statement}: {error}");
    }
}

#[test]
fn out_arguments_need_not_be_given() {
    let sql = "create procedure p(f1 IN int, f2 INOUT varchar(256), o OUT varchar(256)) as \
               $$ begin o := f2; end $$ language plpgsql";
    let expected = sql.replace("OUT varchar(256)) as", "INOUT varchar(256) DEFAULT NULL) as");
    assert_eq!(rewritten(sql).unwrap(), expected);
    assert!(rewritten("create procedure p(out a int, b int) as $$ begin end $$").is_err());
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "begin", "end", "if", "then", "else", "loop", "for", "in", "select", "case",
                "merge", "(", ")", ";", ",", "a", "nvl", "create", "table", "$$", "'x'", "out",
                "exception", "when", "others", "then", "commit", "execute", "||", ":=", "using",
            ]),
            0..24,
        ),
    ) {
        let _ = rewritten(&format!("create procedure p({}", words.join(" ")));
        let _ = rewritten(&format!("create procedure p() as $b${}$b$", words.join(" ")));
    }
}
