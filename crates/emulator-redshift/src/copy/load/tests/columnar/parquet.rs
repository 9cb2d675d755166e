//! PARQUET ("COPY from columnar data formats").

use super::*;

/// The columns of `types-*.parquet`.
const TYPES: &str = "flag boolean, small smallint, number integer, long bigint, single real, \
    double double precision, price numeric(10,2), huge numeric(38,10), \
    words character varying(20), code character(5), day date, at timestamp without time zone, \
    zoned timestamp with time zone, clock time without time zone, raw varbyte(4)";

const TYPES_ROWS: &str = "\
t\t-32768\t-2147483648\t-9223372036854775808\t0.1\t0.1\t-012345678.90\t\
-01234567890123456789012345678.0123456789\ta|b\\t\"ü\\\\\tabc\t2000-02-29\t\
2019-08-06 10:11:12.345678\t2019-08-06 10:11:12+00:00\t23:59:59.000001\t\\\\x00ff\n\
\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n\
f\t32767\t2147483647\t9223372036854775807\t-1e30\t1e300\t00.05\t00.0000000000\t\txyz\t1969-12-31\t\
1969-12-31 23:59:59.999999\t2019-08-06 10:11:12.345000+00:00\t00:00:00\t\\\\x\n";

#[tokio::test]
async fn every_type_and_codec_is_read() {
    for file in ["none", "snappy", "gzip", "zstd", "lz4", "v2", "int96"] {
        let loaded = load_fixture(&format!("types-{file}.parquet"), TYPES, "PARQUET").await;
        assert_eq!(loaded.rows, TYPES_ROWS, "{file}: {:?}", loaded.outcome);
        assert_eq!(loaded.report().rows_loaded, 3);
        assert_eq!(loaded.report().files[0].lines, 3);
    }
}

#[tokio::test]
async fn every_encoding_is_read_over_pages_and_row_groups() {
    let columns = "id integer, word character varying(20), long bigint, \
                   half double precision, flag boolean";
    for file in ["delta", "delta-length", "dictionary"] {
        let loaded = load_fixture(&format!("many-{file}.parquet"), columns, "PARQUET").await;
        assert_eq!(loaded.report().rows_loaded, 600, "{file}");
        for (i, line) in loaded.rows.lines().enumerate() {
            let fields: Vec<&str> = line.split('\t').collect();
            let i = i as i64;
            assert_eq!(fields[0], i.to_string());
            assert_eq!(fields[1] == "\\N", i % 7 == 0, "{file}: {line}");
            assert!(i % 7 == 0 || fields[1].starts_with("word-"), "{file}: {line}");
            assert_eq!(fields[2], (i * i * if i % 2 == 0 { 1 } else { -1 }).to_string());
            assert_eq!(fields[3].parse::<f64>().unwrap(), i as f64 / 8.0);
            let flag = if i % 3 == 0 { "t" } else { "f" };
            assert_eq!(fields[4], if i % 5 == 0 { "\\N" } else { flag }, "{file}: {line}");
        }
    }
}

#[tokio::test]
async fn columns_are_taken_by_position_and_must_be_as_many() {
    let rows = "1\ta\t2019-08-06 10:11:12.345678\n2\t\\N\t\\N\n";
    let other_names = "x integer!, y character varying(8), z timestamp without time zone";
    assert_eq!(load_fixture("three.parquet", other_names, "PARQUET").await.rows, rows);
    let four = format!("{other_names}, more date");
    let unmatched = |table: u32, data: u32| {
        format!(
            "Spectrum Scan Error 15007: Unmatched number of columns between table and file. Table \
             columns: {table}, Data columns: {data}, File name: \
             https://s3.us-east-1.amazonaws.com/lake/f"
        )
    };
    let loaded = load_fixture("three.parquet", &four, "PARQUET").await;
    assert_eq!(told(&loaded), unmatched(4, 3));
    let two = "x integer, y character varying(8)";
    let loaded = load_fixture("three.parquet", two, "PARQUET FILLRECORD").await;
    assert_eq!(told(&loaded), unmatched(2, 3));
    // FILLRECORD fills what is missing at the end.
    let loaded = load_fixture("three.parquet", &four, "PARQUET FILLRECORD").await;
    assert_eq!(loaded.rows, "1\ta\t2019-08-06 10:11:12.345678\t\\N\n2\t\\N\t\\N\t\\N\n");
}

#[tokio::test]
async fn a_type_that_differs_is_refused_in_the_service_s_words() {
    let loaded = load_fixture(
        "three.parquet",
        "id character varying(8), name character varying(8), at timestamp without time zone",
        "PARQUET",
    )
    .await;
    assert_eq!(
        told(&loaded),
        "Spectrum Scan Error 15007: File 'https://s3.us-east-1.amazonaws.com/lake/f' has an \
         incompatible Parquet schema for column 's3://lake/f.id'. Column type: VARCHAR, Parquet \
         schema:\noptional int32 id [i:0 d:1 r:0]\n"
    );
    for (file, columns, expected) in [
        (
            "long-id",
            "id integer, name text, at date",
            "Column type: INT, Parquet schema:\noptional int64 id",
        ),
        (
            "three",
            "id bigint, name text, at date",
            "Column type: BIGINT, Parquet schema:\noptional int32 id",
        ),
        (
            "three",
            "id integer, name text, at date",
            "Column type: DATE, Parquet schema:\noptional int64 at [i:2",
        ),
        (
            "three",
            "id integer, name integer, at date",
            "Column type: INT, Parquet schema:\noptional byte_array name",
        ),
        (
            "types-none",
            &TYPES.replace("numeric(10,2)", "numeric(10,3)"),
            "Column type: DECIMAL(10, 3), Parquet schema:\noptional fixed_len_byte_array price",
        ),
    ] {
        let loaded = load_fixture(&format!("{file}.parquet"), columns, "PARQUET").await;
        assert!(told(&loaded).contains(expected), "{file}: {}", told(&loaded));
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_is_told_to_the_client() {
    let columns = "id integer, name character varying(8), at timestamp without time zone";
    let loaded = load_fixture("long-name.parquet", columns, "PARQUET").await;
    assert_eq!(
        told(&loaded),
        "Spectrum Scan Error 15007: The length of the data column name is longer than the length \
         defined in the table. Table: 8, Data: 9, File name: \
         https://s3.us-east-1.amazonaws.com/lake/f"
    );
}

#[tokio::test]
async fn a_missing_or_broken_value_is_a_load_error() {
    let columns = "id integer!, name character varying(8), at timestamp without time zone";
    let loaded = load_fixture("null-id.parquet", columns, "PARQUET").await;
    assert_eq!(loaded.rejects(), ["f:2 id 1213 Missing data for not-null field"]);
    let loaded = load_fixture("invalid-text.parquet", columns, "PARQUET").await;
    assert!(loaded.rejects()[0].starts_with("f:1 name 1220 "), "{:?}", loaded.rejects());
    let loaded = load_fixture("invalid-text.parquet", columns, "PARQUET ACCEPTINVCHARS").await;
    assert_eq!(loaded.rows, "1\ta?\t2019-08-06 10:11:12.345678\n");
}

#[tokio::test]
async fn nested_columns_go_into_super_with_serializetojson() {
    let columns = "id integer, tags super, who super, counts super, deep super";
    let loaded = load_fixture("nested.parquet", columns, "PARQUET SERIALIZETOJSON").await;
    assert_eq!(
        loaded.rows,
        "1\t[\"a\",null,\"b\\\\\"\"]\t{\"name\":\"x\",\"age\":1}\t{\"k\":1}\t\
         [[{\"at\":[\"2019-08-06 10:11:12.345678\"]}],[]]\n\
         2\t[]\t\\N\t{}\t[]\n\
         3\t\\N\t{\"name\":null,\"age\":null}\t\\N\t\\N\n\
         4\t[\"c\"]\t{\"name\":\"y\",\"age\":2}\t{\"a\":null,\"b\":2}\t[null,[{\"at\":[]},null]]\n"
    );
    let loaded = load_fixture("nested.parquet", columns, "PARQUET").await;
    let needed = "SUPER column in COPY query requires SERIALIZETOJSON option";
    assert_eq!(told(&loaded), needed);
    let columns = columns.replace("tags super", "tags character varying(100)");
    let loaded = load_fixture("nested.parquet", &columns, "PARQUET SERIALIZETOJSON").await;
    assert!(told(&loaded).contains("Column type: VARCHAR"), "{}", told(&loaded));
    // A scalar is a value of SUPER too.
    let columns = "id super, name super, at super";
    let loaded = load_fixture("three.parquet", columns, "PARQUET SERIALIZETOJSON").await;
    assert_eq!(loaded.rows, "1\t\"a\"\t\"2019-08-06 10:11:12.345678\"\n2\t\\N\t\\N\n");
}

#[tokio::test]
async fn files_without_rows_and_without_bytes_load_nothing() {
    let columns = "id integer, name text, at timestamp without time zone";
    for bytes in [fixture("empty.parquet"), Vec::new()] {
        let loaded = load_bytes(&bytes, columns, "PARQUET").await;
        assert_eq!((loaded.rows.as_str(), loaded.report().files.len()), ("", 1));
    }
}

#[tokio::test]
async fn what_is_not_read_is_refused_by_name() {
    let loaded = load_fixture("brotli.parquet", TYPES, "PARQUET").await;
    assert_eq!(told(&loaded), "Parquet compressed with Brotli is not emulated yet");
}

#[tokio::test]
async fn a_file_whose_name_ends_in_gz_is_decompressed() {
    let file = gzip(&fixture("three.parquet"));
    let s3 = CannedS3::start(&[("f.parquet.gz", &file)]).await;
    let sql = "COPY t FROM 's3://lake/f' IAM_ROLE default PARQUET";
    let columns = "id integer, name text, at timestamp without time zone";
    let loaded = load_into(&s3, &parse(sql).unwrap(), table_of(columns)).await;
    assert_eq!(loaded.report().rows_loaded, 2);
    assert_eq!(loaded.report().files[0].bytes, file.len() as u64);
}

async fn load_manifest(entry: &str) -> Loaded {
    let manifest = format!("{{\"entries\":[{{\"url\":\"s3://lake/f\"{entry}}}]}}");
    let file = fixture("three.parquet");
    let s3 = CannedS3::start(&[("f", &file), ("m", manifest.as_bytes())]).await;
    let sql = "COPY t FROM 's3://lake/m' IAM_ROLE default PARQUET MANIFEST";
    let columns = "id integer, name text, at timestamp without time zone";
    load_into(&s3, &parse(sql).unwrap(), table_of(columns)).await
}

#[tokio::test]
async fn a_manifest_needs_the_length_of_each_file() {
    let length = fixture("three.parquet").len();
    let loaded = load_manifest(&format!(",\"meta\":{{\"content_length\":{length}}}")).await;
    assert_eq!(loaded.report().rows_loaded, 2);
    for entry in ["", ",\"meta\":{}"] {
        let told = told(&load_manifest(entry).await);
        assert_eq!(told, "File entry does not have 'meta' key. 15003: ");
    }
    let told = told(&load_manifest(",\"meta\":{\"content_length\":9999}").await);
    assert!(told.starts_with("HTTP response error code: 416 Message: InvalidRange"), "{told}");
}
