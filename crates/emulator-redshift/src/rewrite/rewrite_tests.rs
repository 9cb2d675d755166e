//! What Postgres is given for what a client writes.

use serde_json::{Value, json};

use super::*;

fn rewritten(sql: &str) -> String {
    match rewrite(&Statement::new(sql), &None).map(|rewritten| rewritten.text) {
        // Blanks where attributes stood are of no interest here, nor what is remembered of them.
        Ok(Some(text)) => {
            without_declaration(&text).split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Ok(None) => "(unchanged)".to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

fn without_declaration(text: &str) -> String {
    match text.split_once(&format!(" {}", declared::MARK)) {
        Some((before, rest)) => before.to_owned() + rest.split_once("*/").unwrap().1,
        None => text.to_owned(),
    }
}

/// What the statement tells the catalog, without what says nothing.
fn declaration(sql: &str) -> Result<serde_json::Value, String> {
    let rewritten = rewrite(&Statement::new(sql), &None).map_err(|error| error.message)?;
    let text = rewritten.text.unwrap_or_default();
    let Some((_, rest)) = text.split_once(declared::MARK) else { return Ok(json!("nothing")) };
    let mut value = serde_json::from_str(rest.split_once("*/").unwrap().0).unwrap();
    strip(&mut value);
    Ok(value)
}

/// Removes members that are empty.
fn strip(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(strip),
        Value::Object(members) => {
            members.values_mut().for_each(strip);
            let empty =
                |value: &Value| [json!(null), json!([]), json!({}), json!(false)].contains(value);
            members.retain(|_, value| !empty(value));
        }
        _ => {}
    }
}

#[test]
fn what_is_declared_travels_in_a_comment() {
    let check = |sql: &str, expected: Value| assert_eq!(declaration(sql), Ok(expected), "{sql}");
    check(
        "create table if not exists s.\"T\" (a int distkey, b varbyte(9) encode ZSTD sortkey)",
        json!({"create": true, "table": "t", "diststyle": "KEY", "distkey": "a",
            "sortstyle": "COMPOUND", "sortkey": ["b"],
            "columns": {"b": {"encoding": "zstd"}}}),
    );
    check(
        "create temp table #X (a int, b int, constraint k primary key (a), unique (b, a), \
         foreign key (b) references s.u (x)) backup yes diststyle key distkey (a) \
         interleaved sortkey (b, a);",
        json!({"create": true, "table": "#x", "backup": true, "diststyle": "KEY", "distkey": "a",
        "sortstyle": "INTERLEAVED", "sortkey": ["b", "a"], "keys": [
            {"kind": "p", "name": "k", "columns": ["a"]},
            {"kind": "u", "columns": ["b", "a"]},
            {"kind": "f", "columns": ["b"], "references": "\"s\".\"u\"", "referenced": ["x"]},
        ]}),
    );
    check(
        "create table t (a int primary key, b int constraint r references u unique)",
        json!({"create": true, "table": "t", "keys": [
            {"kind": "p", "columns": ["a"]},
            {"kind": "f", "name": "r", "columns": ["b"], "references": "\"u\""},
            {"kind": "u", "columns": ["b"]},
        ]}),
    );
    check(
        "create table t (like s.u) sortkey auto",
        json!({"create": true, "table": "t", "like": ["\"s\".\"u\""], "sortstyle": "AUTO"}),
    );
    check(
        "create table t distkey (a) as select 1 as a -- end",
        json!({"create": true, "table": "t", "diststyle": "KEY", "distkey": "a"}),
    );
    check(
        "alter table s.t alter diststyle key distkey c",
        json!({"table": "t", "diststyle": "KEY", "distkey": "c"}),
    );
    check(
        "alter table t alter column a encode lzo, alter b encode raw",
        json!({"table": "t", "columns": {"a": {"encoding": "lzo"}, "b": {"encoding": "none"}}}),
    );
    check(
        "alter table t alter compound sortkey (a), alter distkey b",
        json!({"table": "t", "sortstyle": "COMPOUND", "sortkey": ["a"], "diststyle": "KEY",
            "distkey": "b"}),
    );
    check(
        "alter table t append from s.u ignoreextra",
        json!({"table": "t", "append": "\"s\".\"u\"", "mode": "ignoreextra"}),
    );
    check(
        "alter table t add column c int encode az64",
        json!({"table": "t", "columns": {"c": {"encoding": "az64"}}}),
    );
    check("alter table t rename to u", json!("nothing"));
    check(
        "alter table s.t alter column a type varchar(9)",
        json!({"table": "t", "resize": "a", "written": "\"s\".\"t\""}),
    );
}

#[test]
fn declarations_that_contradict_each_other_are_refused() {
    for (sql, message) in [
        ("create table t (a int distkey, b int distkey)", "only one DISTKEY is allowed"),
        ("create table t (a int sortkey) sortkey (a)", "only one SORTKEY is allowed"),
        ("create table t (a int) diststyle key", "DISTSTYLE KEY needs a DISTKEY"),
        ("create table t (a int distkey) diststyle all", "a DISTKEY needs DISTSTYLE KEY, not ALL"),
        ("create table t (a int) diststyle odd", "invalid DISTSTYLE ODD"),
        (
            "create table t (a int encode gzip)",
            "invalid encoding type \"gzip\" specified for column \"a\"",
        ),
    ] {
        assert_eq!(declaration(sql), Err(message.to_owned()), "{sql}");
    }
}

#[test]
fn no_name_ends_the_comment() {
    let text = rewrite(&Statement::new("create table \"a*/b\" (\"c*/\" int sortkey)"), &None);
    let text = text.map(|rewritten| rewritten.text);
    let text = text.unwrap().unwrap();
    let (_, comment) = text.split_once(declared::MARK).unwrap();
    assert!(comment.ends_with("*/") && comment.matches("*/").count() == 1, "{comment}");
}

#[test]
fn names_in_quotes_are_folded_too() {
    // "Names and identifiers": unless enable_case_sensitive_identifier is on.
    insta::assert_snapshot!(rewritten("select \"A É\", 'B' as \"c\"\"D\" from \"s\".\"T\""),
        @r#"select "a É", 'B' as "c""d" from "s"."t""#);
    let mut statement = Statement::new("create table \"T\" (\"A\" int sortkey)");
    statement.case_sensitive = true;
    let text = rewrite(&statement, &None).unwrap().text.unwrap();
    assert!(text.starts_with("create table \"T\" (\"A\" int"), "{text}");
    assert!(text.contains(r#""table":"T""#), "{text}");
}

#[test]
fn the_prototypes_table_becomes_one_of_postgres() {
    let sql = "CREATE TABLE events (
    id VARCHAR(36) NOT NULL,
    timestamp TIMESTAMP NOT NULL SORTKEY,
    sent_at TIMESTAMP NOT NULL
);";
    let text = rewrite(&Statement::new(sql), &None).unwrap().text.unwrap();
    assert_eq!(
        without_declaration(&text),
        sql.replace("SORTKEY", "       "),
        "and every position stays"
    );
}

#[test]
fn storage_attributes_of_columns_and_tables_go() {
    insta::assert_snapshot!(rewritten(
        "create table if not exists s.t (a int encode az64, b bigint default 1 \
         encode raw not null, \"encode\" char(3) default encode('a', 'hex')) backup no \
         diststyle key distkey (a) interleaved sortkey (a, b);"
    ), @r#"create table if not exists s.t (a int , b bigint default 1 not null, "encode" char(3) default encode('a', 'hex')) ;"#);
    insta::assert_snapshot!(rewritten(
        "create table t distkey(a) compound sortkey (a, b) backup yes as select a, b from u"
    ), @"create table t as select a, b from u");
    insta::assert_snapshot!(rewritten("create temp table t (a, b) diststyle even as (select 1, 2)"),
        @"create temp table t (a, b) as (select 1, 2)");
    let automatic = "create table t (a int) diststyle auto sortkey auto encode auto";
    insta::assert_snapshot!(rewritten(automatic), @"create table t (a int)");
}

#[test]
fn keys_are_never_enforced_but_a_primary_key_is_not_null() {
    insta::assert_snapshot!(rewritten(
        "create table t (a int primary key, b int unique references u (c) not null)"
    ), @"create table t (a int NOT NULL , b int not null)");
    insta::assert_snapshot!(rewritten(
        "create table t (a int, \"B\" int, primary key (a, b), unique (a), \
         constraint f foreign key (a) references u (x))"
    ), @r#"create table t (a int NOT NULL, "b" int NOT NULL )"#);
    insta::assert_snapshot!(rewritten("create table t (unique (a), primary key (b), a int, b int)"),
        @"create table t ( a int, b int NOT NULL)");
    insta::assert_snapshot!(rewritten("create table t (a int constraint k primary key distkey)"),
        @"create table t (a int NOT NULL )");
    insta::assert_snapshot!(rewritten("alter table only s.t add constraint k primary key (a, b)"),
        @r#"alter table only s.t ALTER COLUMN "a" SET NOT NULL, ALTER COLUMN "b" SET NOT NULL"#);
    insta::assert_snapshot!(rewritten("alter table t add foreign key (a) references u"),
        @"alter table t REPLICA IDENTITY DEFAULT");
}

#[test]
fn lengths_are_redshifts() {
    insta::assert_snapshot!(rewritten(
        "create table t (a varchar, b varchar(max), c text not null, d bpchar, e char(max), \
         f nvarchar(9), g character varying, h character varying(max), i nchar(2), j datetime)"
    ), @"create table t (a varchar(256), b varchar(65535), c varchar(256) not null, d char(256), e char(4096), f varchar(9), g character varying(256), h character varying(65535), i char(2), j timestamp)");
    insta::assert_snapshot!(rewritten("select cast(a as varchar(max)), max(b) from t"),
        @"select cast(a as varchar(65535)), max(b) from t");
    insta::assert_snapshot!(rewritten("create table t (a varchar(65536))"),
        @"error: length for type varchar cannot exceed 65535 (22023)");
    insta::assert_snapshot!(rewritten("create table t (a char(99999999999))"),
        @"error: length for type char cannot exceed 4096 (22023)");
    insta::assert_snapshot!(rewritten("alter table t add column c varchar encode lzo default 'x'"),
        @"alter table t add column c varchar(256) default 'x'");
}

#[test]
fn decimals_have_eighteen_digits_unless_they_say_more() {
    insta::assert_snapshot!(
        rewritten("create table t (a decimal, b numeric not null, c dec(38,37), d numeric(38))"),
        @"create table t (a decimal(18,0), b numeric(18,0) not null, c dec(38,37), d numeric(38))"
    );
    insta::assert_snapshot!(rewritten("select a::decimal, cast(b as numeric), c::numeric(9, 2)"),
        @"select a::decimal(18,0), cast(b as numeric(18,0)), c::numeric(9, 2)");
    insta::assert_snapshot!(rewritten("select decimal, numeric as decimal from dec"), @"(unchanged)");
    insta::assert_snapshot!(rewritten("create table t (a decimal(39, 2))"),
        @"error: NUMERIC precision 39 must be between 1 and 38 (22023)");
    insta::assert_snapshot!(rewritten("alter table t add a decimal(38, 38)"),
        @"error: NUMERIC scale 38 must be between 0 and 37 (22023)");
    insta::assert_snapshot!(rewritten("create table t (a varbyte(16777217))"),
        @"error: length for type varbyte cannot exceed 16777216 (22023)");
}

#[test]
fn a_table_has_columns_and_identities_are_integers() {
    insta::assert_snapshot!(rewritten("create table t ()"),
        @"error: a table needs at least one column (42601)");
    insta::assert_snapshot!(rewritten("create table t (a smallint identity(1, 1))"),
        @"error: an IDENTITY column must be INT or BIGINT (42601)");
}

#[test]
fn users_roles_and_deletes_lose_a_word_or_gain_one() {
    let cases = [
        ("create user u password disable", "create user u password NULL"),
        ("create user u createuser password 'x'", "create user u CREATEROLE CREATEDB password 'x'"),
        ("alter user u nocreateuser", "alter user u NOCREATEROLE"),
        ("set session authorization 'u'", "set ROLE 'u'"),
        ("set local session authorization default", "set local ROLE NONE"),
        ("reset session authorization", "reset ROLE"),
        ("grant role a to role b, role c", "grant  a to  b,  c"),
        ("grant select on t to role r, group g", "grant select on t to  r, group g"),
        ("delete t where a = 1", "delete FROM t where a = 1"),
        ("delete from role", "(unchanged)"),
        ("grant select on t, role to u", "(unchanged)"),
        ("revoke select on role from u", "(unchanged)"),
    ];
    for (sql, expected) in cases {
        let written = rewritten(sql).split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(written, expected, "{sql}");
    }
}

#[test]
fn identity_columns_keep_seed_and_step() {
    insta::assert_snapshot!(rewritten("create table t (a bigint identity(0, 1) not null, b int)"),
        @"create table t (a bigint GENERATED ALWAYS AS IDENTITY (START WITH 0 INCREMENT BY 1 MINVALUE 0) not null, b int)");
    let explicit = "create table t (a int generated by default as identity(5,-2))";
    insta::assert_snapshot!(rewritten(explicit), @"create table t (a int generated by default as IDENTITY (START WITH 5 INCREMENT BY -2 MAXVALUE 5))");
}

#[test]
fn temporary_names_and_sysdate_are_translated() {
    insta::assert_snapshot!(rewritten("create table #Stage (a int)"),
        @r##"create TEMP table "#stage" (a int)"##);
    insta::assert_snapshot!(rewritten("insert into t select a # b, sysdate from #stage, #x"),
        @r##"insert into t select a # b, pg_catalog."timestamp"() from "#stage", "#x""##);
    insta::assert_snapshot!(rewritten("select t.sysdate, 'sysdate' from t"), @"(unchanged)");
}

#[test]
fn what_psql_asks_old_servers_for_is_answered() {
    insta::assert_snapshot!(rewritten("select c.relhasoids, c.relkind from pg_catalog.pg_class c"),
        @"select false, c.relkind from pg_catalog.blueshift_listed_pg_class c");
    insta::assert_snapshot!(rewritten("select case when p.proisagg then 1 end from pg_proc p"),
        @"select case when (p.prokind = 'a') then 1 end from pg_proc p");
    insta::assert_snapshot!(rewritten("show server_version;"),
        @"SELECT '8.0.2'::varchar AS server_version;");
}

#[test]
fn settings_of_redshift_are_kept_under_a_prefix() {
    insta::assert_snapshot!(rewritten("set local Query_Group to 'x'"),
        @"set local redshift.Query_Group to 'x'");
    insta::assert_snapshot!(rewritten("reset wlm_query_slot_count"),
        @"reset redshift.wlm_query_slot_count");
    insta::assert_snapshot!(rewritten("show query_group"),
        @"SELECT coalesce(nullif(current_setting('redshift.query_group', true), ''), 'unset')::varchar AS query_group");
    insta::assert_snapshot!(rewritten("set search_path to query_group"), @"(unchanged)");
}

#[test]
fn vacuum_and_analyze_are_postgres_own() {
    let check = |sql: &str, expected: &str| assert_eq!(rewritten(sql), expected, "{sql}");
    check("vacuum", "(unchanged)");
    check("vacuum t", "(unchanged)");
    check("vacuum full;", "vacuum ;");
    check("vacuum sort only s.t to 75 percent", "vacuum s.t");
    check("vacuum delete only t to 100 percent boost", "vacuum t");
    check("vacuum reindex t boost", "vacuum t");
    check("vacuum recluster t", "vacuum t");
    check("analyze verbose t (a, b)", "(unchanged)");
    check("analyze t predicate columns", "analyze t");
    check("analyze all columns", "analyze");
}

#[test]
fn changes_of_storage_change_nothing() {
    for sql in [
        "alter table t alter sortkey (a)",
        "alter table t alter distkey a",
        "alter table t alter column a encode zstd",
    ] {
        assert_eq!(rewritten(sql), "alter table t REPLICA IDENTITY DEFAULT");
    }
    assert_eq!(
        rewritten("alter table t alter column a type varchar(9)"),
        "alter table t alter column a type varchar(9)"
    );
    assert_eq!(
        rewritten("alter table t alter column a type text"),
        "alter table t alter column a type varchar(256)"
    );
}

#[test]
fn a_number_ends_where_a_word_begins() {
    let check = |sql: &str, expected: &str| assert_eq!(rewritten(sql), expected);
    check(
        "select case a when 1then -4when 2else 3.5end",
        "select case a when 1 then -4 when 2 else 3.5 end",
    );
    for sql in ["select 1.5e3, 2e-3, 0x1F, 1", "select 1e+2"] {
        check(sql, "(unchanged)");
    }
}

#[test]
fn everything_else_stays_as_it_is() {
    for sql in [
        "select 1",
        "create table t (like u)",
        "create table t (a timestamptz, b double precision, c numeric(3, 1) default (1))",
        "create view v as select b || 'distkey' from t",
        "create table",
        "create table t (",
        "create table t (a",
        "create table t (a varchar",
        "alter table",
        "alter table t add",
        "create table t (a int identity(",
    ] {
        let statement = Statement::new(sql);
        let text = rewrite(&statement, &None).unwrap().text.map(|text| without_declaration(&text));
        let same = text.as_deref().is_none_or(|text| text == sql);
        assert!(same || sql.ends_with("varchar"), "{sql} became {text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_statement_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "create", "table", "alter", "add", "column", "(", ")", ",", "a", "int", "varchar",
                "max", "identity", "as", "references", "primary", "key", "unique", "encode", "#",
                "sortkey", "compound", "constraint", ".", "1", "-", "sysdate", "relhasoids", "'é'",
                "generated", "collate", "cs", "temp", "if", "not", "exists", "only",
            ]),
            0..24,
        ),
        prefix in proptest::sample::select(vec!["", "create table ", "alter table t add "]),
    ) {
        let sql = format!("{prefix}{}", words.join(" "));
        let _ = rewrite(&Statement::new(&sql), &None);
    }
}
