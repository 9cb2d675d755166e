//! VARBYTE ("VARBYTE type", "VARBYTE operators" and the functions that they name).

use tokio_postgres::types::{FromSql, Type};

use crate::support::raw::Raw;
use crate::support::{Connected, Kit, said};

/// The bytes of a value in binary format.
struct Bytes(Vec<u8>);

impl<'a> FromSql<'a> for Bytes {
    fn from_sql(
        _: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + std::marker::Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(column_type: &Type) -> bool {
        column_type.name() == "varbyte"
    }
}

async fn refused(session: &Connected, sql: &str) -> (String, String) {
    said(&session.client.batch_execute(sql).await.expect_err(sql))
}

#[tokio::test]
async fn values_are_shown_as_plain_hexadecimal_digits_of_type_6551() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    for (expression, shown) in [
        ("'abc'::varbyte", "616263"),
        ("from_hex('6162')", "6162"),
        ("5::smallint::varbyte", "0005"),
        ("5::int::varbinary", "00000005"),
        ("5::bigint::binary varying", "0000000000000005"),
        ("to_varbyte('6162', 'hex')", "6162"),
        ("to_varbyte('01001101', 'binary')", "4d"),
        ("to_varbyte('a', 'UTF8')", "61"),
        ("to_varbyte('4', 'hex')", "04"),
        ("'a'::varbyte || 'b'::varbyte", "6162"),
        ("'a'::varbyte + 'b'::varbyte", "6162"),
        ("concat('a'::varbyte, 'b'::varbyte)", "6162"),
        ("~'a'::varbyte", "9e"),
        ("'a'::varbyte | 'b'::varbyte", "63"),
        ("'a'::varbyte # 'b'::varbyte", "03"),
        ("substring('abc'::varbyte, 2, 1)", "62"),
        ("substr('abc'::varbyte, 2)", "6263"),
        ("cast('abc' as varbyte(2))", "6162"),
        (r"'\\x61'::varbyte", "5c783631"),
        (r"cast('a\\b' as varbinary)", "615c62"),
        ("coalesce(null, 'abc'::varbyte)", "616263"),
        ("max('abc'::varbyte)", "616263"),
    ] {
        let sql = format!("select {expression}");
        assert_eq!(session.value(&sql).await, shown, "{sql}");
        let statement = session.client.prepare(&sql).await.unwrap();
        assert_eq!(statement.columns()[0].type_().oid(), 6551, "{sql}");
        let row = session.client.query_one(&statement, &[]).await.unwrap();
        let digits: String = row.get::<_, Bytes>(0).0.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digits, shown, "{sql}");
    }
}

#[tokio::test]
async fn it_is_cast_compared_and_measured() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run("create table t (c char(10)); insert into t values ('aa'); create table v (b varbyte)")
        .await;
    session.run("insert into v select c::varbyte from t; insert into v values ('b'), ('a')").await;
    for (sql, expected) in [
        ("select b from v where b < 'aaa' order by b desc", "61612020202020202020"),
        ("select count(distinct b) || ' ' || max(b)::varchar from v", "3 b"),
        ("select count(*) from v one join v two on one.b = two.b", "3"),
        ("select from_varbyte('ab', 'hex')", "6162"),
        ("select from_varbyte(from_hex('4d'), 'binary')", "01001101"),
        ("select from_varbyte('a'::varbyte & 'b'::varbyte, 'binary')", "01100000"),
        ("select to_varbyte('6162', 'hex')::varchar", "ab"),
        (
            "select from_varbyte('abc', 'base64') || to_varbyte('YWJj', 'base64')::char(3)",
            "YWJjabc",
        ),
        ("select to_hex(2147676847) || to_hex('abc'::varbyte)", "8002f2af616263"),
        ("select getbit(from_hex('4d'), 7) || '' || getbit(from_hex('4d'), 2)", "01"),
        (
            "select len('é'::varbyte) || ' ' || octet_length('é'::varbyte) || ' ' || len('é')",
            "2 2 1",
        ),
        ("select from_hex('ffff')::smallint || ' ' || from_hex('ffff')::int", "-1 65535"),
        ("select concat('a', 'b') || nvl(concat('a', null), 'x')", "abx"),
        ("select concat(1, 'a') || nvl(concat(1, null), 'x')", "1ax"),
        ("select regexp_substr('xababy', '(ab)\\\\1')", "abab"),
    ] {
        assert_eq!(session.value(sql).await, expected, "{sql}");
    }
    let statement = session.client.prepare("select b from v where b = $1::varchar::varbyte").await;
    let rows = session.client.query(&statement.unwrap(), &[&"a"]).await.unwrap();
    assert_eq!(rows.len(), 1);
    // "to_varbyte" has three formats, and "getbit" no bit beyond the last.
    assert_eq!(refused(&session, "select to_varbyte('a', 'hexa')").await.0, "22023");
    assert_eq!(refused(&session, "select getbit('a'::varbyte, 8)").await.0, "2202E");
    session.run("begin; declare c cursor for select b from v order by b").await;
    assert_eq!(session.value("fetch 1 from c").await, "61");
    session.run("commit").await;
    assert!(session.take_notices().is_empty());
}

#[tokio::test]
async fn its_length_counts_wherever_it_is_stored() {
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session
        .run(
            "create table t (a varbyte(3), b varbinary, c binary varying(16777216)); \
             create table u (like t); create table w as select a from t; \
             insert into t (a) values ('abc'), ('abcd'::varbyte(3))",
        )
        .await;
    let long = ("22001".to_owned(), "value too long for type binary varying(3)".to_owned());
    for sql in [
        "insert into t (a) values ('abcd')",
        "insert into u (a) select 'abcd'::varbyte",
        "insert into w values (from_hex('01020304'))",
        "update t set a = 'abcd'",
    ] {
        assert_eq!(refused(&session, sql).await, long, "{sql}");
    }
    let defaults = "insert into t (b) select to_varbyte(repeat('x', 64001), 'utf8')";
    let (_, message) = refused(&session, defaults).await;
    assert_eq!(message, "value too long for type binary varying(64000)");
    let types = "select listagg(type, ', ') within group (order by \"column\") from pg_table_def \
                 where tablename = 't'";
    assert_eq!(
        session.value(types).await,
        "binary varying(3), binary varying(64000), binary varying(16777216)"
    );
    let types = "select data_type || ' ' || character_maximum_length from svv_columns \
                 where table_name = 'w'";
    assert_eq!(session.value(types).await, "binary varying 3");
    assert!(session.value("show table u").await.contains("a binary varying(3) ENCODE lzo"));
    let zero = ("22023".to_owned(), "length for type varbyte must be at least 1".to_owned());
    assert_eq!(refused(&session, "create table x (a varbyte(0))").await, zero);
    session.run("create table y as select from_hex('61') as a, 'x' || len('y') as b").await;
    let types = "select listagg(type, ', ') from pg_table_def where tablename = 'y'";
    assert_eq!(session.value(types).await, "binary varying(64000), character varying(65535)");
    session.run("insert into y values ('abc'::varbyte, 'z')").await;
    for sql in ["create table x (a varbyte distkey)", "create table x (a varbyte) sortkey (a)"] {
        let (state, message) = refused(&session, sql).await;
        assert_eq!(state, "0A000", "{message}");
    }
}

/// A Bind of one parameter in text format.
fn bind(statement: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap();
    let mut body = [b"\0", statement.as_bytes(), b"\0", &[0, 0, 0, 1]].concat();
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(value.as_bytes());
    body.extend_from_slice(&[0, 0]);
    let length = u32::try_from(4 + body.len()).unwrap();
    [b"B".as_slice(), &length.to_be_bytes(), &body].concat()
}

#[tokio::test]
async fn a_parameter_in_text_format_is_hexadecimal_digits() {
    // redshift_connector sends bytes so, after it has asked to describe the statement.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (a varbyte, b varchar)").await;
    let mut raw = Raw::connect(&kit).await;
    for (number, value) in ["616263", "00FF", "xyz", ""].into_iter().enumerate() {
        let insert = format!("insert into t values ($1, '{number}')");
        raw.parse("s", &insert).describe(b'S', "s").sync();
        assert_eq!(raw.tags(1).await, "1tnZi ");
        raw.bytes(&bind("s", value)).execute("").close(b'S', "s").sync();
        assert_eq!(raw.tags(1).await, "2C3Zi ");
    }
    // Another statement of the name, with a parameter of another type.
    raw.parse("s", "insert into t (b) values ($1)").describe(b'S', "s").sync();
    raw.bytes(&bind("s", "6162")).execute("").sync();
    assert_eq!(raw.tags(2).await, "1tnZi 2CZi ");
    let sql = "select listagg(nvl(to_hex(a), b), ' ') within group (order by length(b), b) from t";
    assert_eq!(session.value(sql).await, "616263 00ff 78797a  6162");
}

/// A Parse that declares the type of one parameter.
fn parse(statement: &str, sql: &str, declared: u32) -> Vec<u8> {
    let mut body = [statement.as_bytes(), b"\0", sql.as_bytes(), b"\0", &[0, 1]].concat();
    body.extend_from_slice(&declared.to_be_bytes());
    let length = u32::try_from(4 + body.len()).unwrap();
    [b"P".as_slice(), &length.to_be_bytes(), &body].concat()
}

#[tokio::test]
async fn it_is_that_too_without_a_describe_or_before_its_answer() {
    // libpq's PQexecParams and node-postgres describe the portal only, behind the Bind.
    let kit = Kit::start().await;
    let session = kit.connect().await;
    session.run("create table t (n int, a varbyte, b varchar)").await;
    let mut raw = Raw::connect(&kit).await;
    let bytes = "insert into t (n, a) values (1, $1)";
    let text = "insert into t (n, b) values (2, $1)";
    for declared in [6551, 0, 705] {
        raw.bytes(&parse("", bytes, declared)).bytes(&bind("", "6162")).describe(b'P', "");
        raw.execute("").sync();
        assert_eq!(raw.tags(1).await, "12nCZi ", "{declared}");
    }
    // Nothing declared, everything in one pipeline, the name used anew before the answers are read.
    raw.parse("", bytes).describe(b'S', "").bytes(&bind("", "6162")).execute("");
    raw.parse("", text).describe(b'S', "").bytes(&bind("", "6162")).execute("");
    raw.parse("", bytes).bytes(&bind("", "6162")).execute("").sync();
    assert_eq!(raw.tags(1).await, "1tn2C1tn2C12CZi ");
    // What a client declares as a text is one.
    raw.bytes(&parse("", bytes, 1043)).bytes(&bind("", "6162")).execute("").sync();
    assert_eq!(raw.tags(1).await, "12CZi ");
    // A statement that does not exist, or fails, is an error of the client's only.
    raw.bytes(&bind("gone", "6162")).execute("").sync();
    raw.parse("", "insert into gone values ($1)").bytes(&bind("", "6162")).execute("").sync();
    assert_eq!(raw.tags(2).await, "E26000 Zi E42P01 Zi ");
    let sql = "select listagg(nvl(to_hex(a), b), ' ') within group (order by n, to_hex(a)) from t";
    assert_eq!(session.value(sql).await, "36313632 6162 6162 6162 6162 6162 6162");
}
