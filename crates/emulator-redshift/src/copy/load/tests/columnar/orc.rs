//! ORC ("COPY from columnar data formats").

use super::*;

const TYPES: &str = "flag boolean, tiny smallint, small smallint, number integer, long bigint, \
    single real, double double precision, price numeric(10,2), huge numeric(38,10), \
    words character varying(20), code character(5), name character varying(8), day date, \
    at timestamp without time zone, raw varbyte(4)";

const TYPES_ROWS: &str = "\
t\t-128\t-32768\t-2147483648\t-9223372036854775808\t0.5\t0.1\t-012345678.90\t\
-01234567890123456789012345678.0123456789\ta|b\\t\"ü\\\\\tabc\tn\t2000-02-29\t\
2019-08-06 10:11:12.345678\t\\\\x00ff\n\
\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n\
f\t127\t32767\t2147483647\t9223372036854775807\t-1e30\t1e300\t00.05\t00.0000000000\t\txyz\t\t\
1969-12-31\t1969-12-31 23:59:58.999999\t\\\\x\n";

#[tokio::test]
async fn every_type_and_codec_is_read() {
    for file in ["none", "zlib", "snappy", "lz4", "zstd"] {
        let loaded = load_fixture(&format!("types-{file}.orc"), TYPES, "ORC").await;
        let rows = loaded.rows.replace("abc  ", "abc").replace("xyz  ", "xyz");
        assert_eq!(rows, TYPES_ROWS, "{file}: {:?}", loaded.outcome);
        assert_eq!(loaded.report().files[0].lines, 3);
    }
}

#[tokio::test]
async fn every_kind_of_run_is_read() {
    let loaded = load_fixture("numbers.orc", "n bigint", "ORC").await;
    assert_eq!(loaded.rows.as_bytes(), fixture("numbers.txt"));
    let columns = "id integer, word character varying(8), long bigint, half double precision, \
                   flag boolean, at timestamp without time zone";
    for file in ["many.orc", "many-dictionary.orc"] {
        let loaded = load_fixture(file, columns, "ORC").await;
        assert_eq!(loaded.report().rows_loaded, 1500, "{file}");
        for (i, line) in loaded.rows.lines().enumerate() {
            let i = i as i64;
            let word = if i % 7 == 0 { "\\N".to_string() } else { format!("word-{}", i % 10) };
            let long = i * i * if i % 2 == 0 { 1 } else { -1 };
            let flag = if i % 3 == 0 { "t" } else { "f" };
            let flag = if i % 5 == 0 { "\\N" } else { flag };
            let fraction = if i % 3 == 0 { String::new() } else { format!(".{:06}", i % 3 * 1000) };
            let (minute, second) = (i / 60, i % 60);
            let half = format!("{:?}", i as f64 / 8.0);
            let half = if i == 0 { "0" } else { &half };
            let at = format!("2019-08-06 00:{minute:02}:{second:02}{fraction}");
            assert_eq!(line, format!("{i}\t{word}\t{long}\t{half}\t{flag}\t{at}"), "{file}");
        }
    }
}

#[tokio::test]
async fn columns_must_fit_by_position() {
    let rows = "1\ta\t2019-08-06 10:11:12.345678\n2\t\\N\t\\N\n";
    let columns = "x integer, y character varying(8), z timestamp without time zone";
    assert_eq!(load_fixture("three.orc", columns, "ORC").await.rows, rows);
    let loaded = load_fixture("two.orc", columns, "ORC").await;
    assert_eq!(
        told(&loaded),
        "Spectrum Scan Error 15007: Unmatched number of columns between table and file. Table \
         columns: 3, Data columns: 2, File name: https://s3.us-east-1.amazonaws.com/lake/f"
    );
    assert_eq!(load_fixture("two.orc", columns, "ORC FILLRECORD").await.rows, "1\ta\t\\N\n");
    let loaded = load_fixture("three.orc", "x bigint, y text, z date", "ORC").await;
    assert_eq!(
        told(&loaded),
        "Spectrum Scan Error 15007: File 'https://s3.us-east-1.amazonaws.com/lake/f' has an \
         incompatible ORC schema for column 's3://lake/f.id'. Column type: BIGINT, ORC schema:\nint"
    );
    let loaded = load_fixture("long-name.orc", columns, "ORC").await;
    let length = "The length of the data column y is longer than the length defined in the table. \
                  Table: 8, Data: 9";
    assert!(told(&loaded).contains(length), "{}", told(&loaded));
    let not_null = columns.replace("x integer", "x integer!");
    let loaded = load_fixture("null-id.orc", &not_null, "ORC").await;
    assert_eq!(loaded.rejects(), ["f:2 x 1213 Missing data for not-null field"]);
    assert_eq!(load_fixture("empty.orc", columns, "ORC").await.rows, "");
}

#[tokio::test]
async fn nested_columns_go_into_super_with_serializetojson() {
    let columns = "id integer, tags super, who super, counts super";
    let loaded = load_fixture("nested.orc", columns, "ORC SERIALIZETOJSON").await;
    let lines: Vec<&str> = loaded.rows.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "1\t[\"a\",null,\"b\\\\\"\"]\t{\"name\":\"x\",\"age\":1}\t{\"k\":1}",
            "2\t[]\t\\N\t{}",
            "3\t\\N\t{\"name\":null,\"age\":null}\t\\N",
        ]
    );
    // A map has no order.
    assert!(lines[3].starts_with("4\t[\"c\"]\t{\"name\":\"y\",\"age\":2}\t{"), "{}", lines[3]);
    let loaded = load_fixture("nested.orc", columns, "ORC").await;
    let needed = "SUPER column in COPY query requires SERIALIZETOJSON option";
    assert_eq!(told(&loaded), needed);
    let loaded = load_fixture("union.orc", "id super", "ORC SERIALIZETOJSON").await;
    assert_eq!(told(&loaded), "ORC with a union is not emulated yet");
}

#[tokio::test]
async fn what_is_no_orc_says_so() {
    let whole = fixture("three.orc");
    let columns = "id integer, name text, at timestamp without time zone";
    for (bytes, expected) in [
        (b"id,name\n1,a\n".to_vec(), "it does not end as an ORC file"),
        (b"ORC".to_vec(), "unexpected end"),
        (whole[..whole.len() - 1].to_vec(), ""),
        (whole[100..].to_vec(), ""),
    ] {
        let loaded = load_bytes(&bytes, columns, "ORC").await;
        let told = told(&loaded);
        assert!(told.contains("is not a valid ORC file: ") && told.contains(expected), "{told}");
    }
}
