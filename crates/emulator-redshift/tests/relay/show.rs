//! SHOW of what a database holds ("SHOW DATABASES", "SHOW SCHEMAS", "SHOW TABLES", "SHOW COLUMNS",
//! "SHOW CONSTRAINTS", "SHOW VIEW").

use crate::support::{Connected, Kit, said};

async fn columns(session: &Connected, sql: &str) -> Vec<String> {
    let statement = session.client.prepare(sql).await.unwrap();
    statement.columns().iter().map(|column| column.name().to_owned()).collect()
}

#[tokio::test]
async fn schemas_tables_and_columns_are_shown_by_pattern() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let database = &kit.database;
    session
        .run(
            "create schema sales; create table sales.one (id int not null distkey, \
             at timestamp sortkey, name varchar(9) default 'x' collate case_insensitive); \
             create view sales.two as select id from sales.one; create table sales.other (a int)",
        )
        .await;
    let sql = format!("show databases like '{database}'");
    assert_eq!(session.value(&sql).await, *database);
    let sql = format!("show schemas from database {database} like 'sa%'");
    let row = session.client.query_one(&sql, &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), (database.as_str(), "sales"));
    assert_eq!(
        columns(&session, &sql).await.join(" "),
        "database_name schema_name schema_owner schema_type schema_acl source_database schema_option"
    );
    let sql = format!("show tables from schema {database}.sales");
    let rows = session.client.query(&sql, &[]).await.unwrap();
    let shown: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row.get::<_, &str>(2),
                row.get::<_, &str>(3),
                row.get::<_, &str>(10)
            )
        })
        .collect();
    assert_eq!(
        shown,
        ["one TABLE REGULAR TABLE", "other TABLE REGULAR TABLE", "two VIEW REGULAR VIEW"]
    );
    assert_eq!(
        columns(&session, &sql).await.join(" "),
        "database_name schema_name table_name table_type table_acl remarks owner last_altered_time \
         last_modified_time dist_style table_subtype"
    );
    let rows = session.client.query(&format!("{sql} like 'o%' limit 1"), &[]).await.unwrap();
    assert_eq!((rows.len(), rows[0].get::<_, &str>(9)), (1, "KEY(id)"));
    let sql = format!("SHOW COLUMNS FROM TABLE {database}.sales.one");
    assert_eq!(
        columns(&session, &sql).await.join(" "),
        "database_name schema_name table_name column_name ordinal_position column_default \
         is_nullable data_type character_maximum_length numeric_precision numeric_scale remarks \
         sort_key_type sort_key dist_key encoding collation"
    );
    let rows = session.client.query(&sql, &[]).await.unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.get(3)).collect();
    assert_eq!(names, ["id", "at", "name"]);
    assert_eq!((rows[0].get::<_, &str>(6), rows[0].get::<_, i32>(14)), ("NO", 1));
    assert_eq!((rows[1].get::<_, &str>(12), rows[1].get::<_, i32>(13)), ("COMPOUND", 1));
    assert_eq!((rows[2].get::<_, i32>(8), rows[2].get::<_, &str>(16)), (9, "case_insensitive"));
    let sql = "show columns from table sales.one like 'n%'";
    assert_eq!(session.client.query(sql, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_and_views_are_shown() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table u (x int, y int, primary key (x, y)); \
             create table t (a int, b int, constraint k foreign key (a, b) references u (x, y)); \
             create view v as select a from t",
        )
        .await;
    let shown = async |sql: &str, wanted: &[usize]| {
        let rows = session.client.query(sql, &[]).await.unwrap();
        let line = |row: &tokio_postgres::Row| {
            wanted.iter().map(|at| row.get::<_, String>(*at)).collect::<Vec<_>>().join(" ")
        };
        rows.iter().map(line).collect::<Vec<_>>()
    };
    let sql = "show constraints primary keys from table public.u";
    assert_eq!(shown(sql, &[2, 3, 5]).await, ["u x u_pkey", "u y u_pkey"]);
    let imported = "show constraints foreign keys from table t";
    let exported = "show constraints foreign keys exported from table u";
    for sql in [imported, exported] {
        let expected = ["u x t a k u_pkey", "u y t b k u_pkey"];
        assert_eq!(shown(sql, &[2, 3, 6, 7, 11, 12]).await, expected, "{sql}");
    }
    assert!(shown("show constraints foreign keys from table u", &[]).await.is_empty());
    let row = session.client.query_one("show view v", &[]).await.unwrap();
    assert_eq!(row.columns()[0].name(), "Show View DDL statement");
    assert!(row.get::<_, &str>(0).starts_with("CREATE VIEW public.v AS\nselect "));
    for (sql, state) in [
        ("show view t", "42809"),
        ("show table v", "42809"),
        ("show tables from schema missing", "3F000"),
        ("show columns from table missing", "42P01"),
        ("show schemas from database missing", "3D000"),
        ("show schemas from database postgres", "0A000"),
    ] {
        let error = session.client.batch_execute(sql).await.unwrap_err();
        assert_eq!(said(&error).0, state, "{sql}");
    }
}

#[tokio::test]
async fn users_are_shown_what_they_may_read() {
    // "SHOW TABLES", "SHOW SCHEMAS", "SHOW COLUMNS": usage notes.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    let name = format!("reader_{}", kit.database);
    session
        .run(&format!(
            "create user {name} password 'Aa345678'; create schema hidden; \
             create table hidden.t (a int); create table secret (a int primary key); \
             create table blueshift_mine (a int); grant select on blueshift_mine to {name}"
        ))
        .await;
    let reader = Kit::connected(kit.config().user(&name)).await;
    let rows = reader.client.query("show tables from schema public", &[]).await.unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row.get(2)).collect();
    assert_eq!(names, ["blueshift_mine"]);
    let schemas = format!("show schemas from database {} like 'hid%'", kit.database);
    assert!(reader.client.query(&schemas, &[]).await.unwrap().is_empty());
    for sql in [
        "show columns from table secret",
        "show constraints primary keys from table secret",
        "show table secret",
    ] {
        let error = reader.client.batch_execute(sql).await.unwrap_err();
        assert_eq!(said(&error).0, "42501", "{sql}");
        session.run(sql).await;
    }
    let databases = session.client.query("show databases", &[]).await.unwrap();
    assert!(databases.iter().all(|row| row.get::<_, &str>(0) != "postgres"));
    session.run(&format!("drop table blueshift_mine; drop user {name}")).await;
}

#[tokio::test]
async fn a_name_in_quotes_is_shown_as_any_other() {
    // "SHOW TABLE", "SHOW VIEW", "Names and identifiers".
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table \"MiXed\" (a int); create view \"MV\" as select a from mixed").await;
    for sql in ["show table \"MiXed\"", "show table public.MIXED", "show view \"MV\""] {
        assert!(session.value(sql).await.contains("mixed"), "{sql}");
    }
    session.run("set enable_case_sensitive_identifier to true; create table \"Own\" (a int)").await;
    assert!(session.value("show table \"Own\"").await.contains("Own"));
    session.run("create table #t (a int)").await;
    assert!(session.value("show table #t").await.contains("#t"));
}
