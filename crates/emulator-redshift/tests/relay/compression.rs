//! The encodings that COPY gives to the columns of an empty table ("Data load operations",
//! COMPUPDATE).

use crate::support::{Connected, Kit};

const ROWS: &[&str] = &[r#"{"a": 1, "b": "x", "c": true, "d": 1.5, "k": 1}"#];
const TABLE: &str = "(a int encode mostly8, b varchar(9) encode raw, c bool encode zstd, \
    d decimal(9, 2) encode raw, k bigint encode lzo, l super) sortkey (k)";
const DECLARED: &str = "mostly8 none zstd none lzo zstd";
const PRESET: &str = "az64 lzo none az64 none zstd";

async fn encodings(session: &Connected, table: &str) -> String {
    let sql = format!(
        "select listagg(encoding, ' ') within group (order by attnum) \
         from pg_catalog.blueshift_attributes where attrelid = '{table}'::regclass and 0 < attnum"
    );
    session.value(&sql).await
}

#[tokio::test]
async fn preset_replaces_the_encodings_of_an_empty_table() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run(&format!("create table t {TABLE}")).await;
    let copy = kit.copy_of("t", "rows", ROWS);
    for other in ["compupdate off", "compupdate on", "noload compupdate preset", ""] {
        session.run(&format!("begin; {copy} {other}; rollback")).await;
        assert_eq!(encodings(&session, "t").await, DECLARED, "{other}");
    }
    session.run(&format!("begin; {copy} compupdate preset; rollback")).await;
    assert_eq!(encodings(&session, "t").await, DECLARED);
    session.run(&format!("{copy}; {copy} compupdate preset")).await;
    assert_eq!(encodings(&session, "t").await, DECLARED, "not empty");
    session.run("delete from t").await;
    session.run(&format!("{copy} compupdate preset")).await;
    assert_eq!(encodings(&session, "t").await, PRESET);
    let history = "select listagg(col || ' ' || trim(old_encoding) || ' ' || trim(new_encoding), ',') \
                   within group (order by col) || ' ' || min(trim(mode)) \
                   from stl_analyze_compression where tbl = 't'::regclass and xid = \
                   (select xid from stl_query where query = pg_last_copy_id())";
    let changes = "0 mostly8 az64,1 none lzo,2 zstd none,3 none az64,4 lzo none PRESET";
    assert_eq!(session.value(history).await, changes);
}

#[tokio::test]
async fn without_compupdate_only_raw_columns_are_compressed() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a int encode raw, b varchar(9) encode raw)").await;
    session.run("create temp table s (a int, b varchar(9))").await;
    for table in ["t", "s"] {
        assert_eq!(encodings(&session, table).await, "none none");
        session.run(&kit.copy_of(table, "rows", ROWS)).await;
        assert_eq!(encodings(&session, table).await, "az64 lzo", "{table}");
    }
}

#[tokio::test]
async fn copies_into_the_same_empty_table_do_not_wait_for_each_other() {
    let kit = Kit::start().await;
    let (one, two) = (kit.connect().await, kit.connect().await);
    one.run("create table t (a int encode raw, b varchar(9) encode raw)").await;
    let copy = kit.copy_of("t", "rows", ROWS);
    two.run("begin; select count(*) from t").await;
    one.run(&format!("begin; {copy} compupdate preset")).await;
    two.run(&format!("{copy} compupdate preset")).await;
    one.run("commit").await;
    two.run(&format!("{copy} compupdate preset; commit")).await;
    assert_eq!(encodings(&two, "t").await, "az64 lzo");
    assert_eq!(two.value("select count(*) from t").await, "3");
}
