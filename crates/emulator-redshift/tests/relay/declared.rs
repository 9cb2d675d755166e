//! What CREATE TABLE and ALTER TABLE declare is remembered, and follows the table.

use tokio_postgres::error::SqlState;

use crate::support::{Connected, Kit, said};

const SALES: &str = "create table sales (id int not null encode az64 distkey, \
    at timestamp not null sortkey, note varchar(10) encode zstd, raw varbyte(9), \
    price numeric(8,2) default 1, primary key (id)) diststyle key";

/// The rows of `pg_table_def`, one line each.
async fn definition(session: &Connected, table: &str) -> Vec<String> {
    let sql = format!(
        "select \"column\" || ' ' || type || ' ' || trim(encoding) || ' ' || distkey || ' ' || \
         sortkey || ' ' || \"notnull\" from pg_table_def where tablename = '{table}'"
    );
    let rows = session.client.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn pg_table_def_shows_what_was_declared() {
    // "PG_TABLE_DEF"; "CREATE TABLE" (default encodings of ENCODE AUTO).
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.client.execute(SALES, &[]).await.unwrap();
    let expected = [
        "id integer az64 true 0 true",
        "at timestamp without time zone none false 1 true",
        "note character varying(10) zstd false 0 false",
        "raw binary varying(9) lzo false 0 false",
        "price numeric(8,2) az64 false 0 false",
    ];
    assert_eq!(definition(&session, "sales").await, expected);
    // Temporary tables, and scripts of several statements.
    session
        .run(
            "create table #a (x int, y int) interleaved sortkey (y, x); drop table #a; \
             create table #a (x int, y int) compound sortkey (y, x); create table b (like #a)",
        )
        .await;
    let sorted = ["x integer none false 2 false", "y integer none false 1 false"];
    assert_eq!(definition(&session, "#a").await, sorted);
    assert_eq!(definition(&session, "b").await, sorted);
    session
        .run("create table c diststyle even interleaved sortkey (y, x) as select * from b")
        .await;
    let interleaved = ["x integer none false -2 false", "y integer none false 1 false"];
    assert_eq!(definition(&session, "c").await, interleaved);
}

#[tokio::test]
async fn it_follows_renames_rollbacks_and_drops() {
    // "ALTER TABLE".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int distkey, b int sortkey, c int)").await;
    session.run("begin; alter table t alter diststyle all, alter sortkey (c)").await;
    assert_eq!(definition(&session, "t").await[2], "c integer none false 1 false");
    session.run("rollback").await;
    assert_eq!(definition(&session, "t").await[2], "c integer az64 false 0 false");
    session.run("alter table t rename to u; alter table u rename column a to z").await;
    assert_eq!(definition(&session, "u").await[0], "z integer az64 true 0 false");
    session.run("alter table u alter column c encode bytedict").await;
    session.run("alter table u alter distkey c; alter table u alter sortkey none").await;
    assert_eq!(
        definition(&session, "u").await,
        [
            "z integer az64 false 0 false",
            "b integer az64 false 0 false",
            "c integer bytedict true 0 false"
        ]
    );
    session.run("alter table u add column d varchar(9) encode lzo default 'x'").await;
    assert_eq!(definition(&session, "u").await[3], "d character varying(9) lzo false 0 false");
    let error = session.client.batch_execute("alter table u drop column c").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED));
    session.run("alter table u drop column d; drop table u; create table u (c int)").await;
    assert_eq!(definition(&session, "u").await, ["c integer az64 false 0 false"]);
    session.run("create table if not exists u (c int distkey)").await;
    assert_eq!(definition(&session, "u").await, ["c integer az64 false 0 false"]);
    let missing = "create table v (a int) distkey (x)";
    let error = session.client.batch_execute(missing).await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::UNDEFINED_COLUMN));
}

#[tokio::test]
async fn keys_are_in_the_catalog_and_never_enforced() {
    // "CREATE TABLE": "UNIQUE and PRIMARY KEY are informational only".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table u (x int primary key); create table t (a int references u, b int, \
             constraint k unique (a, b)); insert into u values (1), (1)",
        )
        .await;
    let sql = "select string_agg(conname || ' ' || pg_get_constraintdef(oid), ', ' order by \
               conname) from pg_constraint where conrelid in ('t'::regclass, 'u'::regclass)";
    assert_eq!(
        session.value(sql).await,
        "k UNIQUE (a, b), t_a_fkey FOREIGN KEY (a) REFERENCES u(x), u_pkey PRIMARY KEY (x)"
    );
    let sql = "select count(*) from information_schema.table_constraints \
               where table_name = 't' and constraint_type in ('UNIQUE', 'FOREIGN KEY')";
    assert_eq!(session.value(sql).await, "2");
    session.run("alter table t drop constraint k").await;
    assert_eq!(session.value(sql).await, "1");
    let error = session.client.batch_execute("drop table u").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST));
    session
        .run("alter table u add column y varchar(3); truncate u; drop table t; drop table u")
        .await;
    let left = "select count(*) from pg_constraint where contype in ('p', 'u', 'f') \
                and conindid = 0";
    assert_eq!(session.value(left).await, "0");
}

#[tokio::test]
async fn show_table_and_svv_table_info_answer_from_it() {
    // "SHOW TABLE", "SVV_TABLE_INFO", "STV_TBL_PERM".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(SALES).await;
    session.run("create table \"Plain\" (id bigint identity(3, 2)) backup no").await;
    assert_eq!(
        session.value("show table sales").await,
        "CREATE TABLE public.sales (\n    id integer NOT NULL ENCODE az64 distkey,\n    \
         at timestamp without time zone NOT NULL,\n    \
         note character varying(10) ENCODE zstd,\n    raw binary varying(9) ENCODE lzo,\n    \
         price numeric(8,2) DEFAULT 1 ENCODE az64,\n    PRIMARY KEY (id)\n)\n\
         DISTSTYLE KEY\nSORTKEY ( at );"
    );
    let shown = session.client.query_one("show table public.PLAIN;", &[]).await.unwrap();
    assert_eq!(shown.columns()[0].name(), "Show Table DDL statement");
    assert_eq!(
        shown.get::<_, &str>(0),
        "CREATE TABLE public.plain (\n    id bigint NOT NULL identity(3,2) ENCODE az64\n)\n\
         BACKUP NO\nDISTSTYLE AUTO;"
    );
    let info = "select \"table\" || ' ' || encoded || ' ' || diststyle || ' ' || sortkey1 || ' ' \
                || sortkey_num || ' ' || tbl_rows || ' ' || max_varchar from svv_table_info";
    assert!(
        session.client.query(info, &[]).await.unwrap().is_empty(),
        "empty tables are not shown"
    );
    session.run("insert into sales (id, at) values (1, getdate())").await;
    assert_eq!(session.value(info).await, "sales Y KEY(id) at 1 1 10");
    let perm =
        "select trim(name) || ' ' || rows || ' ' || backup from stv_tbl_perm order by id desc";
    assert_eq!(session.value(perm).await, "plain 0 0");
}

#[tokio::test]
async fn append_moves_the_rows() {
    // "ALTER TABLE APPEND".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a int, b int default 7); create table s (a int, c int); \
             insert into s values (1, 2), (3, 4)",
        )
        .await;
    let refused = async |sql: &str| said(&session.client.batch_execute(sql).await.unwrap_err()).1;
    let extra = "source table has column \"c\", which the target table lacks";
    assert_eq!(refused("alter table t append from s").await, extra);
    session.run("alter table s drop column c").await;
    let lacking = "target table has column \"b\", which the source table lacks";
    assert_eq!(refused("alter table t append from s").await, lacking);
    for begun in ["begin; select 1", "begin"] {
        session.run(begun).await;
        let alone = "ALTER TABLE APPEND cannot run inside a transaction block";
        assert_eq!(refused("alter table t append from s filltarget").await, alone);
        session.run("rollback").await;
        let sql = "select 1; alter table t append from s filltarget";
        assert_eq!(refused(sql).await, alone);
    }
    session.run("begin").await;
    let sql = "alter table t append from s filltarget";
    let error = session.client.execute(sql, &[]).await.unwrap_err();
    assert_eq!(said(&error).0, "25001");
    session.run("rollback").await;
    session.run("alter table t append from public.s filltarget").await;
    assert_eq!(session.value("select sum(a) || ' ' || sum(b) from t").await, "4 14");
    assert_eq!(session.value("select count(*) from s").await, "0");
}
