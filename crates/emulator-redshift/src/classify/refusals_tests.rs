//! A statement for every row of the table, and many that must pass.

use super::*;

/// What is refused, with a statement that uses it.
const REFUSED: &[(&str, &str)] = &[
    ("INSERT … ON CONFLICT", "insert into t values (1) on conflict do nothing"),
    ("INSERT … ON CONFLICT", "insert into t values (1) on conflict (a) do update set b = 1"),
    ("RETURNING", "insert into t values (1) returning a"),
    ("RETURNING", "delete from t RETURNING *"),
    ("an empty select list", "select from t"),
    ("options of VACUUM and ANALYZE in parentheses", "vacuum (analyze) t"),
    ("SELECT DISTINCT ON", "select distinct on (a) a, b from t"),
    ("LOCK … NOWAIT", "lock table t nowait"),
    ("LOCK … IN … MODE", "lock t in share mode"),
    ("SELECT … FOR UPDATE", "select a from t for update"),
    ("SELECT … FOR UPDATE", "select a from t for no key update"),
    ("advisory locks", "select pg_advisory_lock(1)"),
    ("advisory locks", "select pg_catalog.pg_try_advisory_xact_lock(1)"),
    ("indexes", "create unique index i on t (a)"),
    ("indexes", "reindex table t"),
    ("CLUSTER", "cluster t using i"),
    ("LISTEN and NOTIFY", "listen x"),
    ("triggers", "create trigger x after insert on t execute function f()"),
    ("rules", "create rule r as on insert to t do nothing"),
    ("sequences", "create sequence s"),
    ("sequence functions", "select nextval('s')"),
    ("tablespaces", "create tablespace x location '/x'"),
    ("TABLESPACE", "create table t (a int) tablespace x"),
    ("extensions", "create extension hstore"),
    ("domains", "create domain d as int"),
    ("user-defined types", "create type e as enum ('a')"),
    ("user-defined aggregates and operators", "create aggregate a (int) (sfunc = f, stype = int)"),
    ("foreign data wrappers", "create server s foreign data wrapper w"),
    ("logical replication", "create publication p for all tables"),
    ("CREATE POLICY", "create policy p on t"),
    ("CREATE STATISTICS", "create statistics s on a, b from t"),
    ("unlogged tables", "create unlogged table t (a int)"),
    ("table inheritance", "create table t (a int) inherits (u)"),
    ("table partitioning", "create table t (a int) partition by range (a)"),
    ("table partitioning", "create table t partition of u default"),
    ("CHECK constraints", "create table t (a int check (0 < a))"),
    ("EXCLUDE constraints", "create table t (a int, exclude using gist (a with =))"),
    ("referential actions", "create table t (a int references u on delete cascade)"),
    ("generated columns", "create table t (a int, b int generated always as (a + 1) stored)"),
    ("savepoints", "savepoint s"),
    ("savepoints", "rollback to s"),
    ("two-phase commit", "prepare transaction 'x'"),
    ("DO blocks", "do $$ begin end $$"),
    ("VALUES as a table", "values (1), (2)"),
    ("VALUES as a table", "select * from (values (1), (2)) as v"),
    ("the TABLE command", "table t"),
    ("TABLESAMPLE", "select * from t tablesample system (1)"),
    ("FILTER (WHERE …)", "select count(*) filter (where a = 1) from t"),
    ("LATERAL", "select * from t, lateral (select t.a) u"),
    ("array constructors", "select array[1, 2]"),
    ("IS DISTINCT FROM", "select a is not distinct from b from t"),
    ("STRING_AGG", "select string_agg(a, ',') from t"),
    ("ARRAY_AGG and UNNEST", "select array_agg(a) from t"),
    ("JSON and XML functions of PostgreSQL", "select row_to_json(t) from t"),
    ("statistical aggregates", "select corr(a, b) from t"),
    ("EVERY", "select every(a) from t"),
    ("CLOCK_TIMESTAMP and TRANSACTION_TIMESTAMP", "select clock_timestamp()"),
    ("JUSTIFY functions", "select justify_days(a) from t"),
    ("PG_SLEEP", "select pg_sleep(1)"),
    ("DIV, SETSEED and WIDTH_BUCKET", "select div(9, 4)"),
    ("string functions of PostgreSQL", "select format('%s', a) from t"),
    ("INTERSECT ALL and EXCEPT ALL", "select a from t intersect all select a from u"),
    ("INTERSECT ALL and EXCEPT ALL", "select a from t except all select a from u"),
    ("GEN_RANDOM_UUID", "select gen_random_uuid()"),
    ("functions of arrays", "select array_length(a, 1) from t"),
    ("functions of enumerated types", "select enum_first(a) from t"),
    ("functions of ranges", "select int4range(1, 2)"),
    ("functions of network addresses", "select masklen(a) from t"),
    ("functions of text search", "select to_tsvector(a) from t"),
    ("functions of XML", "select xmlelement(name a)"),
    ("GENERATE_SERIES over tables", "insert into t select * from generate_series(1, 9)"),
    ("backup control functions", "select pg_switch_wal()"),
    ("recovery functions", "select pg_is_in_recovery()"),
    ("functions of the location and size of objects", "select pg_relation_size('t')"),
    ("file access functions", "select pg_read_file('x')"),
    ("server signaling functions", "select pg_reload_conf()"),
    ("functions of transaction ids and snapshots", "select txid_current()"),
    ("system information functions of PostgreSQL", "select inet_server_addr()"),
    ("functions of XML", "select xmlparse(content '<a/>')"),
    ("access privilege inquiry functions", "select has_column_privilege('t', 'a', 'select')"),
    ("comment information functions", "select obj_description(1)"),
    ("schema visibility inquiry functions", "select pg_table_is_visible(1)"),
    ("geometric functions of PostgreSQL", "select point(a, b) from t"),
    ("date functions of PostgreSQL", "select make_date(2019, 1, 2)"),
    (
        "trigger functions",
        "create function f() returns trigger as $$ begin return new; end $$ language plpgsql",
    ),
    ("system columns", "select ctid from t"),
    ("system columns", "delete from t where t.xmin = 1"),
    ("ONLY", "select a from only t"),
    ("ONLY", "alter table only t drop column a"),
    (
        "MERGE … DO NOTHING",
        "merge into t using s on t.id = s.id when matched then do nothing \
         when not matched then insert values (s.id)",
    ),
    (
        "MERGE … WHEN … AND",
        "merge into t using s on t.id = s.id when matched and s.a = 1 then delete \
         when not matched then insert values (s.id)",
    ),
    ("an alias for the target table of MERGE", "merge into t as x using s on x.id = s.id"),
    ("the operators of JSON", "select a->>'b' from t"),
    ("the operators of arrays and ranges", "select a && b from t"),
    ("the operators of text search", "select a @@ 'b' from t"),
    ("CURRENT_CATALOG", "select current_catalog"),
    ("row constructors", "select * from t where row(a, b) = row(1, 2)"),
    ("table functions", "create function f() returns setof int as $$ select 1 $$ language sql"),
    ("ON COMMIT", "create temp table t (a int) on commit drop"),
    ("storage parameters", "create table t (a int) with (fillfactor = 70)"),
    ("LIKE … INCLUDING other than DEFAULTS", "create table t (like u including all)"),
    ("EXPLAIN ANALYZE and its options", "explain analyze select a from t"),
    ("EXPLAIN ANALYZE and its options", "explain (format json) select a from t"),
    ("DISCARD", "discard all"),
    ("DROP OWNED and REASSIGN OWNED", "drop owned by u"),
    ("CREATE RECURSIVE VIEW", "create recursive view v (n) as select 1"),
    ("FETCH FIRST … WITH TIES", "select a from t order by a fetch first 2 rows with ties"),
    ("TRUNCATE … CASCADE and RESTART IDENTITY", "truncate t restart identity"),
    ("table access methods", "create table t (a int) using heap"),
    ("columns INCLUDEd in a key", "create table t (a int, b int, unique (a) include (b))"),
    ("GENERATED ALWAYS AS IDENTITY", "create table t (a int generated always as identity)"),
    ("OVERRIDING in INSERT", "insert into t (a) overriding system value values (1)"),
    ("scrollable and holdable cursors", "declare c scroll cursor for select a from t"),
    ("scrollable and holdable cursors", "declare c cursor with hold for select a from t"),
    ("FETCH in other directions than FORWARD", "fetch absolute 3 from c"),
    ("CONCAT of more than two arguments", "select concat(a, concat(b, c), d) from t"),
    ("JSON and XML functions of PostgreSQL", "select jsonb_typeof(a) from t"),
    // Names that look like the catalog's, and names in quotes.
    ("ARRAY_AGG and UNNEST", "select array_agg(a) from fz pg_alias"),
    ("ARRAY_AGG and UNNEST", "with pg_q as (select 1 as a) select array_agg(a) from pg_q"),
    ("ARRAY_AGG and UNNEST", "select array_agg(a) from t as pg_class"),
    ("STRING_AGG", "select pg_catalog.string_agg(a, ',') from t"),
    ("STRING_AGG", "select \"string_agg\"(a, ',') from t"),
    ("PG_SLEEP", "select * from pg_sleep(0)"),
    ("actions of ALTER TABLE that only PostgreSQL has", "alter table t set schema s"),
    ("actions of ALTER TABLE that only PostgreSQL has", "alter table t replica identity full"),
];

const NOT_YET: &[(&str, &str)] = &[
    ("functions of roles", "select role_is_member_of('a', 'b')"),
    ("USE", "use dev"),
    ("DROP ROLE … FORCE", "drop role r force"),
    ("roles that the system defines", "grant role sys:monitor to u"),
    ("URLENCODE", "select urlencode(a) from t"),
    ("GROUPING_ID", "select grouping_id(a, b) from t group by cube (a, b)"),
    ("DB_COLLATION", "select db_collation()"),
    ("SLICE_NUM", "select slice_num() from t"),
    ("IGNORE NULLS", "select lag(a) ignore nulls over (order by b) from t"),
    ("functions of hashes", "select farmfingerprint64(a) from t"),
    ("functions of hashes", "select murmur3_32_hash(a), checksum(b) from t"),
    ("UNLOAD", "unload ('select 1') to 's3://b/k' iam_role default"),
    ("Spectrum", "create external schema s from data catalog database 'd'"),
    ("datashares", "create datashare d"),
    ("MERGE … REMOVE DUPLICATES", "merge into t using s on t.id = s.id remove duplicates"),
    ("COLLATE", "select collate(a, 'case_insensitive') from t"),
    ("QUALIFY", "select a from t qualify row_number() over (order by a) = 1"),
    ("CONNECT BY", "select a from t start with a = 1 connect by prior a = b"),
    ("PIVOT and UNPIVOT", "select * from t pivot (sum(a) for b in (1, 2))"),
    (
        "APPROXIMATE PERCENTILE_DISC",
        "select approximate percentile_disc(0.5) within group (order by a) from t",
    ),
    ("ANALYZE COMPRESSION", "analyze compression t"),
    ("CANCEL", "cancel 802"),
    ("SHOW of the catalog", "show grants on table t"),
    ("ROW LEVEL SECURITY and MASKING of a table", "alter table t row level security on"),
    ("SYSLOG ACCESS", "alter user u syslog access unrestricted"),
    ("functions of hashes", "select fnv_hash(a) from t"),
    ("RATIO_TO_REPORT", "select ratio_to_report(a) over () from t"),
    ("TRY_CAST", "select try_cast(a as int) from t"),
    ("functions of SUPER", "select array(1, 2)"),
    ("libraries", "create library l language plpythonu from 's3://b/k'"),
    (
        "Python functions",
        "create function f(int) returns int stable as $$ return 1 $$ language plpythonu",
    ),
    ("row and column policies", "create rls policy p using (true)"),
    ("row and column policies", "attach masking policy p on t(a) to public"),
    ("CREATE MODEL", "create model m from t target a"),
    ("NONATOMIC procedures", "create procedure p() nonatomic as $$ begin end $$ language plpgsql"),
    ("QUOTA of a schema", "create schema s quota 50 gb"),
    ("SESSION TIMEOUT", "alter user u session timeout 120"),
    ("privileges that only Redshift has", "grant drop on table t to u"),
    ("privileges that only Redshift has", "grant assumerole on default to u for copy"),
    ("WITH NO SCHEMA BINDING", "create view v as select a from t with no schema binding"),
];

const PASSES: &[&str] = &[
    "create table t (inherit int, library int, tablespace int, returning int, quota int)",
    "create table quota (a int)",
    "create table u as select tablespace from t",
    "insert into t (returning) select returning from u where returning = 1",
    "update t set returning = 1 where a = 2",
    "with box (a) as (select 1), every (b) as (select 2) select a, b from box, every",
    "declare c cursor without hold for select a from t",
    "select s.string_agg(a), concat(a, b) from t",
    "explain select a from t",
    "fetch forward 5 from c",
    "insert into t (a, format, returning_customer) values (1, 'on conflict do', \"returning\")",
    "insert into format (a) values (1)",
    "select generate_series(1, 10)",
    "alter table t add column a int default (1)",
    "alter table t alter column a type varchar(20)",
    "alter table t alter column a type character varying(20)",
    "alter table t rename column add to b",
    "alter table t drop column a cascade",
    "alter table t owner to u",
    "alter table t alter distkey a, alter sortkey (a, b)",
    "alter table t alter column a encode lzo, alter column b encode zstd",
    "select distinct a from t join u on conflict = 1",
    "select 'for update' /* for update */ -- for update",
    "create table t (id varchar(36) not null, timestamp timestamp not null sortkey)",
    "create table t (a int identity(1, 1), b varchar(max) encode zstd distkey)",
    "create table t (like u including defaults)",
    "create temp table if not exists t distkey (a) as select a from u",
    "select rank() over (partition by a order by b) from t",
    "select count(distinct a), sum(case when a then 1 else 0 end) from t",
    "select cast(a as varchar(3)), a::date, cast('{' as varchar) as json from t",
    "select a as uuid from (select b as json from t)",
    "lock load_ledger",
    "lock table a, b",
    "rollback",
    "begin; ",
    "set query_group to 'x'",
    "set search_path to a, b",
    "update t set a = 1 from u where t.id = u.id",
    "merge into t using s on t.id = s.id when matched then update set a = s.a \
     when not matched then insert values (s.id, s.a)",
    "select min(a) as xmin from t order by xmin",
    "select a - -1, a < @b, - a from t",
    "grant select on all tables in schema s to group g",
    "alter table t add column c varchar(9) encode lzo default 'x'",
    "comment on table t is $x$ create index $x$",
    "create or replace view v as select 1",
    "create procedure p() as $$ begin perform pg_sleep(1); end $$ language plpgsql",
    "create procedure p() as $$ begin perform copy_of('s3://b/k'); end $$ language plpgsql",
    "create procedure p() as $$ begin copy_all(); end -- s3:// copy $$ language plpgsql",
    "prepare p as select 1",
    "explain select 1",
    // The catalog queries of tools, which run on the leader node.
    "select n.nspname, pg_catalog.array_to_string(array_agg(c.relacl), E'\\n') \
     from pg_catalog.pg_class c",
    "select oid::pg_catalog.regtype, typname::text[] from pg_type where x is distinct from y",
    "select string_agg(column_name, ',') from information_schema.columns",
    "select c.oid::json from pg_class c, lateral (values (1)) v",
];

fn judged(sql: &str) -> Result<(), SqlError> {
    judge(&Statement::new(sql), &SystemViews::new()).map(|_| ())
}

#[test]
fn a_procedure_that_loads_is_refused_by_name() {
    for (sql, verb) in [
        (
            "create or replace procedure p() as $$ begin
             COPY t from 's3://b/k' iam_role default; end $$ language plpgsql",
            "COPY",
        ),
        (
            "create procedure p() as $$ begin execute 'copy ' || t || ' from ''s3://b'''; end $$
             language plpgsql",
            "COPY",
        ),
        (
            "create procedure p() as 'begin unload (''select 1'') to ''s3://b''; end'
             language plpgsql",
            "UNLOAD",
        ),
    ] {
        let error = judged(sql).expect_err(sql);
        assert!(error.message.starts_with(&format!("{verb} in a procedure: not")), "{error}");
        assert_eq!(error.sqlstate, "0A000");
    }
}

#[test]
fn every_row_refuses_its_statement_by_name() {
    for (feature, sql) in REFUSED {
        let error = judged(sql).expect_err(sql);
        assert_eq!(error.message, format!("Redshift does not support {feature}"), "{sql}");
        assert!(error.hint.is_some_and(|hint| !hint.is_empty()), "{sql}");
        assert_eq!(error.sqlstate, "0A000");
    }
    for (feature, sql) in NOT_YET {
        let error = judged(sql).expect_err(sql);
        assert!(error.message.starts_with(&format!("{feature}: not emulated")), "{error}");
    }
}

#[test]
fn every_row_has_a_statement_here() {
    for refusal in REFUSALS {
        assert!(REFUSED.iter().any(|(feature, _)| *feature == refusal.feature), "{refusal:?}");
    }
    for refusal in NOT_EMULATED {
        assert!(NOT_YET.iter().any(|(feature, _)| *feature == refusal.feature), "{refusal:?}");
    }
}

#[test]
fn what_redshift_has_passes() {
    for sql in PASSES {
        assert_eq!(judged(sql), Ok(()), "{sql}");
    }
}

#[test]
fn types_are_refused_where_they_would_be_stored_or_computed() {
    let check = |sql: &str, name: &str| {
        let message = format!("Redshift does not support the type {name}");
        assert_eq!(judged(sql).expect_err(sql).message, message, "{sql}");
    };
    for name in ["json", "jsonb", "uuid", "bytea", "inet", "money", "serial", "xml", "tsvector"] {
        check(&format!("create table t (a int, b {name} not null)"), name);
        check(&format!("alter table t add column b {name}"), name);
        check(&format!("select a::{name} from t"), name);
        check(&format!("select cast(f(a) as {name}) from t"), name);
    }
    check("create table t (a name)", "name");
    check("create table t (a varchar(3)[])", "varchar[]");
    check("create table t (a int array)", "int[]");
    check("select a::int[] from t", "int[]");
    let error = judged("create table t (a geometry)").unwrap_err();
    assert_eq!(error.message, "the type geometry is not emulated yet by this Redshift stand-in");
}

#[test]
fn alter_table_changes_little_of_a_column() {
    // "ALTER TABLE".
    let added = "ALTER TABLE ADD COLUMN does not support columns defined with ";
    let keys = format!("{added}UNIQUE or PRIMARY KEY constraints");
    let default =
        "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression";
    for (message, action) in [
        ("Redshift does not support ALTER TABLE with several ADD", "add a int, add b int"),
        ("Redshift does not support ALTER TABLE with several actions", "drop a, drop b"),
        ("Redshift does not support ALTER TABLE … SET", "set (fillfactor = 70)"),
        ("ALTER COLUMN SET NOT NULL is not supported", "alter column a set not null"),
        ("ALTER COLUMN SET/DROP DEFAULT is not supported", "alter column a drop default"),
        (
            "Redshift does not support ALTER COLUMN … TYPE of other types than VARCHAR",
            "alter column a type bigint",
        ),
        (
            "ALTER TABLE ALTER COLUMN does not support USING expression",
            "alter column a type varchar(9) using a::varchar",
        ),
        (&keys, "add a int unique"),
        (&keys, "add column a int not null primary key"),
        (&format!("{added}REFERENCES constraints"), "add column a int references u (b)"),
        (&format!("{added}IDENTITY"), "add column a int identity(1, 1)"),
        (&format!("{added}IDENTITY"), "add a int generated by default as identity(1, 1)"),
        (&format!("{added}DISTKEY"), "add column a int distkey"),
        (&format!("{added}SORTKEY"), "add column a int encode raw sortkey"),
        (default, "add column a int not null"),
        (default, "add column a int default null not null"),
    ] {
        let error = judged(&format!("alter table t {action}")).expect_err(action);
        assert_eq!(error.message, message, "{action}");
        assert_eq!(error.sqlstate, "0A000");
    }
    for (action, found) in [
        ("alter a type varchar(9)", "a"),
        ("rename a to b", "a"),
        ("drop column if exists a", "if"),
        ("add column if not exists a int", "not"),
    ] {
        let error = judged(&format!("alter table t {action}")).expect_err(action);
        assert_eq!(error.message, format!("syntax error at or near \"{found}\""), "{action}");
    }
    for action in [
        "add column a int not null default 0",
        "add constraint k primary key (a)",
        "add unique (a)",
        "add primary key (a)",
        "add column a varchar(9) null encode zstd",
        "alter column type type varchar(9)",
        "alter encode auto",
        "drop column \"if\"",
        "drop constraint k",
        "alter column a encode zstd, alter distkey b, alter sortkey (a)",
        "rename column column to b",
        "rename to b",
        "owner to u",
    ] {
        judged(&format!("alter table t {action}")).expect(action);
    }
    let error = judged("create table t (a int, \"OID\" int)").unwrap_err();
    assert_eq!(error.message, "column name \"oid\" conflicts with a system column name");
}

#[test]
fn a_refusal_points_at_what_it_refuses() {
    let error = judged("select 'é', string_agg(a) from t").unwrap_err();
    assert_eq!(error.position, Some(13));
}

#[test]
fn settings_that_redshift_does_not_know_are_unknown() {
    for sql in ["show standard_conforming_strings", "SET standard_conforming_strings = on"] {
        let error = judged(sql).unwrap_err();
        assert_eq!(error.sqlstate, "42704", "{sql}");
        assert_eq!(
            error.message,
            "unrecognized configuration parameter \"standard_conforming_strings\""
        );
    }
}
