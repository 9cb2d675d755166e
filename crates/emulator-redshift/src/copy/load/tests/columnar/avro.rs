//! AVRO ("Data format parameters").

use super::*;

const COLUMNS: &str = "nested character varying(200), id integer, name character varying(8), \
    flag boolean, long bigint, single real, double double precision, raw character varying(8), \
    kind character varying(8), fixed character(4), day date, at timestamp without time zone, \
    micros timestamp with time zone, price numeric(10,2), missing date";

#[tokio::test]
async fn every_type_and_codec_is_read_by_name() {
    let rows = |first: &str, second: &str| {
        format!(
            "{{\"list\":[null,\"a\\\\\"b\",\"RED\"],\"again\":{{\"list\":[],\"again\":null,\
             \"map\":{{}}}},\"map\":{{\"k\":0.5}}}}\t1\t{first}\tt\t-9223372036854775808\t0.5\t\
             1e300\traw\tGREEN\tabcd\t2000-02-29\t2019-08-06 10:11:12.345000\t\
             2019-08-06 10:11:12.345678+00:00\t-012.34\t\\N\n\
             {{\"list\":[],\"again\":null,\"map\":{{}}}}\t2\t{second}\t\\N\t0\t0\t0\t\tRED\t{}\t\
             0001-01-01\t\\N\t1969-12-31 23:59:59.999999+00:00\t00.00\t\\N\n",
            "    "
        )
    };
    for codec in ["null", "deflate", "snappy"] {
        let file = format!("types-{codec}.avro");
        // The field is `Name`, and column names are lower case.
        let loaded = load_fixture(&file, COLUMNS, "AVRO 'auto'").await;
        assert_eq!(loaded.rows, rows("\\N", "\\N"), "{codec}: {:?}", loaded.outcome);
        let loaded = load_fixture(&file, COLUMNS, "AVRO 'auto ignorecase'").await;
        assert_eq!(loaded.rows, rows("a\\tü", "\\N"), "{codec}");
    }
}

#[tokio::test]
async fn a_nested_value_goes_into_super_as_it_is() {
    let columns = "nested super, name super, Name super, long super, at super";
    let loaded = load_fixture("types-null.avro", columns, "AVRO 'auto'").await;
    assert_eq!(
        loaded.rows,
        "{\"list\":[null,\"a\\\\\"b\",\"RED\"],\"again\":{\"list\":[],\"again\":null,\"map\":{}},\
         \"map\":{\"k\":0.5}}\t\\N\t\"a\\\\tü\"\t-9223372036854775808\t\
         \"2019-08-06 10:11:12.345000\"\n\
         {\"list\":[],\"again\":null,\"map\":{}}\t\\N\t\\N\t0\t\\N\n"
    );
}

#[tokio::test]
async fn times_are_read_with_and_without_a_format() {
    let columns = "id integer, at timestamp without time zone";
    for format in
        ["", "TIMEFORMAT 'auto'", "TIMEFORMAT 'epochmillisecs'", "TIMEFORMAT 'DD.MM.YYYY'"]
    {
        let loaded =
            load_fixture("types-null.avro", columns, &format!("AVRO 'auto' {format}")).await;
        let rows = loaded.rows.replace(".345000", ".345");
        assert_eq!(rows, "1\t2019-08-06 10:11:12.345\n2\t\\N\n", "{format}");
    }
}

#[tokio::test]
async fn all_blocks_are_read_and_the_file_may_be_compressed() {
    let expected: String = (0..1000)
        .map(|id| if id % 3 == 0 { format!("{id}\tn{id}\n") } else { format!("{id}\t\\N\n") })
        .collect();
    let columns = "id integer, name character varying(8)";
    let loaded = load_fixture("many.avro", columns, "AVRO").await;
    assert_eq!(loaded.rows, expected);
    assert_eq!(loaded.report().files[0].lines, 1000);
    let compressed = gzip(&fixture("many.avro"));
    let loaded = load_bytes(&compressed, columns, "AVRO GZIP").await;
    assert_eq!(loaded.rows, expected);
}

#[tokio::test]
async fn bad_rows_are_counted_by_their_number() {
    let columns = "id integer!, name character varying(8)";
    let loaded = load_fixture("bad-rows.avro", columns, "AVRO 'auto' MAXERROR 3").await;
    assert_eq!(loaded.rows, "1\ta\n4\td\n");
    assert_eq!(
        loaded.rejects(),
        [
            "f:2 id 1213 Missing data for not-null field",
            "f:3 name 1204 String length exceeds DDL length"
        ]
    );
    let loaded = load_fixture("bad-rows.avro", columns, "AVRO 'auto'").await;
    assert_eq!(loaded.rejects().len(), 1);
    assert_eq!(loaded.failure().rejects()[0].raw_line, "|b");
}

#[tokio::test]
async fn a_file_that_is_none_is_a_load_error_whatever_maxerror_is() {
    let whole = fixture("many.avro");
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 20].fill(0xFF);
    for (bytes, expected) in [
        (fixture("header-only.avro"), "Invalid AVRO file found. Unexpected end of AVRO file."),
        (
            whole[..whole.len() - 1].to_vec(),
            "Invalid AVRO file found. Unexpected end of AVRO file.",
        ),
        (whole[..40].to_vec(), "Invalid AVRO file found. Unexpected end of AVRO file."),
        (b"{\"id\":1}".to_vec(), "Invalid AVRO file found. It does not begin as an AVRO file."),
        (fixture("no-record.avro"), "Invalid AVRO file found. Its root is not a record."),
        (fixture("bzip2.avro"), "Invalid AVRO file found. Its codec is none of null, deflate and"),
        (damaged, "Invalid AVRO file found. "),
    ] {
        let loaded = load_bytes(&bytes, "id integer, name text", "AVRO MAXERROR 9").await;
        let rejects = loaded.failure().rejects();
        assert_eq!(rejects.len(), 1);
        assert!(rejects[0].err_reason.starts_with(expected), "{}", rejects[0].err_reason);
    }
    let loaded = load_bytes(&gzip(&whole)[..200], "id integer, name text", "AVRO GZIP").await;
    assert!(loaded.outcome.is_err());
}

#[tokio::test]
async fn headers_and_blocks_have_a_largest_size() {
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    // A header of 2 MiB is announced; it need not be there.
    file.extend([0x80, 0x80, 0x80, 0x02]);
    let loaded = load_bytes(&file, "id integer", "AVRO").await;
    let reason = &loaded.failure().rejects()[0].err_reason;
    assert!(reason.contains("the header has 2097152 bytes, more than 10485"), "{reason}");
    let simple = fixture("bad-rows.avro");
    let end = simple.windows(16).position(|window| window == b"0123456789abcdef").unwrap() + 16;
    let mut file = simple[..end].to_vec();
    // One record in five MiB.
    file.extend([0x02, 0x80, 0x80, 0x80, 0x05]);
    let loaded = load_bytes(&file, "id integer", "AVRO").await;
    let reason = &loaded.failure().rejects()[0].err_reason;
    assert!(reason.contains("a block has 5242880 bytes, more than 4194304"), "{reason}");
}

async fn load_by_paths(paths: &str, file: &[u8], options: &str) -> Loaded {
    let s3 = CannedS3::start(&[("f", file), ("paths", paths.as_bytes())]).await;
    let sql =
        format!("COPY t FROM 's3://lake/f' IAM_ROLE default AVRO 's3://lake/paths' {options}");
    let columns = "id integer!, again character varying(80), at timestamp without time zone";
    load_into(&s3, &parse(&sql).expect(&sql), table_of(columns)).await
}

#[tokio::test]
async fn a_jsonpaths_file_says_which_value_feeds_which_column() {
    let paths = r#"{"jsonpaths": ["$.id", "$.nested.list[1]", "$.at"]}"#;
    let file = fixture("types-snappy.avro");
    let loaded = load_by_paths(paths, &file, "MAXERROR 2").await;
    assert_eq!(loaded.rows, "1\ta\"b\t2019-08-06 10:11:12.345000\n", "{:?}", loaded.outcome);
    let reason = "Invalid JSONPath format: Not an array or index out of range.";
    assert!(loaded.rejects()[0].starts_with("f:2 "), "{:?}", loaded.rejects());
    assert!(loaded.rejects()[0].ends_with(reason), "{:?}", loaded.rejects());
    let paths = r#"{"jsonpaths": ["$['id']", "$['nested']['again']", "$['at']"]}"#;
    let loaded = load_by_paths(paths, &file, "TIMEFORMAT 'epochmillisecs'").await;
    let again = "{\"list\":[],\"again\":null,\"map\":{}}";
    let rows = format!("1\t{again}\t2019-08-06 10:11:12.345000\n2\t\\N\t\\N\n");
    assert_eq!(loaded.rows.replace(".345\n", ".345000\n"), rows);
    // A file that breaks off is an error of the row after the last one.
    let loaded = load_by_paths(paths, &file[..file.len() - 1], "MAXERROR 9").await;
    let reason = "f:1  1216 Invalid AVRO file found. Unexpected end of AVRO file.";
    assert_eq!(loaded.rejects(), [reason]);
    let loaded = load_by_paths(r#"{"jsonpaths": ["$.id"]}"#, &file, "").await;
    let message = "Number of jsonpaths and the number of columns should match. JSONPath size: 1, \
                   Number of columns in table or column list: 3";
    assert_eq!(loaded.failure().message("t"), message);
}
