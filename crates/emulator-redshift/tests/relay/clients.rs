//! What clients of Redshift ask the catalog, shaped as they write it (dialect sheet, P1). The clients
//! themselves run in `.ci/redshift-clients`.

use crate::support::{Connected, Kit};

const TABLES: &str = "create schema shop; \
    create table shop.orders (id int not null, note varchar(20) default 'none', price numeric(10,2)); \
    create view shop.notes as select note from shop.orders; \
    comment on table shop.orders is 'what was sold'";

/// All rows of a simple Query, columns separated by `|`.
async fn rows(session: &Connected, sql: &str) -> String {
    let messages = session.client.simple_query(sql).await.unwrap_or_else(|error| {
        panic!("{sql}: {error}: {:?}", error.as_db_error());
    });
    let mut text = String::new();
    for message in messages {
        if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
            let values: Vec<_> = (0..row.len()).map(|at| row.get(at).unwrap_or("-")).collect();
            text.push_str(&values.join("|"));
            text.push('\n');
        }
    }
    text
}

#[tokio::test]
async fn sqlalchemy_reflects_columns() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    let sql = "SELECT n.nspname as \"schema\", c.relname as \"table_name\", \
            format_encoding(att.attencodingtype::integer) as \"encode\", \
            format_type(att.atttypid, att.atttypmod) as \"type\", att.attisdistkey as \"distkey\", \
            att.attsortkeyord as \"sortkey\", adsrc, attnum, \
            CASE c.reldiststyle WHEN 0 THEN 'EVEN' WHEN 1 THEN 'KEY' END AS \"diststyle\" \
        FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_catalog.pg_attribute att ON att.attrelid = c.oid \
        LEFT JOIN pg_catalog.pg_attrdef ad ON (att.attrelid, att.attnum) = (ad.adrelid, ad.adnum) \
        WHERE n.nspname !~ '^pg_' AND att.attnum > 0 AND schema = 'shop' AND table_name = 'orders' \
        UNION \
        SELECT view_schema as \"schema\", view_name as \"table_name\", null as \"encode\", \
            col_type as \"type\", null as \"distkey\", 0 as \"sortkey\", null as \"adsrc\", \
            null as \"attnum\", null as \"diststyle\" \
        FROM pg_get_late_binding_view_cols() cols(view_schema name, view_name name, \
            col_name name, col_type varchar, col_num int) \
        WHERE 1 AND schema = 'shop' AND table_name = 'orders' \
        UNION \
        SELECT c.schemaname AS \"schema\", c.tablename AS \"table_name\", null AS \"encode\", \
            c.external_type AS \"type\", false AS \"distkey\", 0 AS \"sortkey\", null AS \"adsrc\", \
            c.columnnum AS \"attnum\", null AS \"diststyle\" \
        FROM svv_external_columns c JOIN svv_external_schemas s ON s.schemaname = c.schemaname \
        WHERE 1 AND schema = 'shop' ORDER BY \"schema\", \"table_name\", \"attnum\";";
    assert_eq!(
        rows(&session, sql).await,
        "shop|orders|az64|integer|f|0|-|1|-\n\
         shop|orders|lzo|character varying(20)|f|0|'none'::character varying|2|-\n\
         shop|orders|az64|numeric(10,2)|f|0|-|3|-\n"
    );
}

#[tokio::test]
async fn sqlalchemy_lists_tables() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table orders (id int); create temp table passing (id int)").await;
    let sql = "SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class \
        JOIN pg_catalog.pg_namespace \
        ON pg_catalog.pg_namespace.\"oid\" = pg_catalog.pg_class.relnamespace \
        WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p']) \
        AND pg_catalog.pg_class.relpersistence != 't' \
        AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.\"oid\") \
        AND pg_catalog.pg_namespace.nspname != 'pg_catalog'";
    assert_eq!(rows(&session, sql).await, "orders\n");
}

#[tokio::test]
async fn redshift_connector_finds_primary_keys() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create schema shop; create table shop.items (note int unique, price int, \
             id int not null, day date not null, primary key (day, id))",
        )
        .await;
    let sql = "SELECT current_database() AS TABLE_CAT, n.nspname AS TABLE_SCHEM, \
        ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, a.attnum AS KEY_SEQ, \
        ci.relname AS PK_NAME \
        FROM pg_catalog.pg_namespace n, pg_catalog.pg_class ct, pg_catalog.pg_class ci, \
        pg_catalog.pg_attribute a, pg_catalog.pg_index i \
        WHERE ct.oid=i.indrelid AND ci.oid=i.indexrelid AND a.attrelid=ci.oid AND i.indisprimary \
        AND ct.relnamespace = n.oid AND n.nspname = 'shop' \
        ORDER BY table_name, pk_name, key_seq";
    let database = &kit.database;
    assert_eq!(
        rows(&session, sql).await,
        format!("{database}|shop|items|day|1|items_pkey\n{database}|shop|items|id|2|items_pkey\n")
    );
}

#[tokio::test]
async fn redshift_connector_lists_tables_and_columns() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    let sql = "SELECT * FROM (SELECT CAST(current_database() AS VARCHAR(124)) AS TABLE_CAT, \
        table_schema AS TABLE_SCHEM, table_name AS TABLE_NAME, table_type, REMARKS FROM svv_tables) \
        WHERE true AND TABLE_SCHEM LIKE 'shop' ORDER BY TABLE_TYPE";
    let database = &kit.database;
    assert_eq!(
        rows(&session, sql).await,
        format!("{database}|shop|orders|BASE TABLE|what was sold\n{database}|shop|notes|VIEW|-\n")
    );
    let sql = "SELECT column_name, CASE data_type WHEN 'integer' THEN -4WHEN 'x' THEN 2 END AS SIZE, \
        CASE WHEN left(column_default, 10) = '\"identity\"' THEN 'YES' ELSE 'NO' END \
        AS IS_AUTOINCREMENT, IS_AUTOINCREMENT AS IS_GENERATEDCOLUMN FROM svv_columns \
        WHERE true AND table_schema LIKE 'shop' AND table_name LIKE 'orders' \
        ORDER BY ORDINAL_POSITION";
    assert_eq!(rows(&session, sql).await, "id|-4|NO|NO\nnote|-|NO|NO\nprice|-|NO|NO\n");
    let sql = "select 1 from pg_catalog.svv_all_columns where table_name = $1 and column_name = $2 \
        and schema_name = $3";
    let found = session.client.query(sql, &[&"orders", &"note", &"shop"]).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn every_view_for_clients_can_be_read_by_everybody() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(TABLES).await;
    for view in [
        "pg_external_schema",
        "pg_proc_info",
        "stv_mv_info",
        "svv_all_columns",
        "svv_all_schemas",
        "svv_all_tables",
        "svv_columns",
        "svv_external_columns",
        "svv_external_databases",
        "svv_external_partitions",
        "svv_external_schemas",
        "svv_external_tables",
        "svv_mv_info",
        "svv_redshift_columns",
        "svv_redshift_databases",
        "svv_redshift_schemas",
        "svv_redshift_tables",
        "svv_relation_privileges",
        "svv_tables",
    ] {
        session.run(&format!("select * from {view}")).await;
    }
    let granted = "grant select on shop.orders to public; select privilege_type, identity_type from \
        svv_relation_privileges where relation_name = 'orders' and identity_name = 'public'";
    assert_eq!(rows(&session, granted).await, "SELECT|public\n");
}

#[tokio::test]
async fn databases_come_and_go_and_have_the_catalog() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let name = format!("{}_second", kit.database);
    session.client.execute(&format!("create database {name}"), &[]).await.unwrap();
    let mut config = kit.config();
    let (second, connection) = config.dbname(&name).connect(tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let row = second.query_one("select current_database()::varchar, version()", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), name);
    assert!(row.get::<_, &str>(1).contains("Redshift 1.0."));
    second.batch_execute("create table t (a varchar(3)); select * from svv_tables").await.unwrap();
    drop(second);
    let _ = driver.await;
    // The Postgres session ends a moment after its client.
    crate::support::until("the database is dropped", || async {
        session.client.execute(&format!("drop database {name}"), &[]).await.is_ok()
    })
    .await;
}
