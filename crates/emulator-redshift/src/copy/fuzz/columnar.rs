//! AVRO, PARQUET and ORC files, which others' tools wrote and mutations broke.

use tokio::sync::mpsc;

use super::Target;
use super::files::{Columns, Loaded, context, open, table};
use super::mutation::Random;
use crate::copy::columnar::{self, FileLayout, ValueRules};
use crate::copy::failure::CopyFailure;
use crate::copy::fetch;
use crate::copy::jsonpaths;
use crate::copy::rows::Plan;
use crate::copy::statement::parse;

/// The columns that the files `types-*.parquet` fit.
const PARQUET_TYPES: Columns<'_> = &[
    ("flag", "boolean", false),
    ("small", "smallint", false),
    ("number", "integer", false),
    ("long", "bigint", false),
    ("single", "real", false),
    ("double", "double precision", false),
    ("price", "numeric(10,2)", false),
    ("huge", "numeric(38,10)", false),
    ("text", "character varying(8)", false),
    ("code", "character(3)", false),
    ("day", "date", false),
    ("at", "timestamp without time zone", false),
    ("zoned", "timestamp with time zone", false),
    ("clock", "time without time zone", false),
    ("raw", "varbyte", false),
];

/// The columns that the files `types-*.orc` fit.
const ORC_TYPES: Columns<'_> = &[
    ("flag", "boolean", false),
    ("tiny", "smallint", false),
    ("small", "smallint", false),
    ("number", "integer", false),
    ("long", "bigint", false),
    ("single", "real", false),
    ("double", "double precision", false),
    ("price", "numeric(10,2)", false),
    ("huge", "numeric(38,10)", false),
    ("words", "character varying(8)", false),
    ("code", "character(5)", false),
    ("name", "character varying(8)", false),
    ("day", "date", false),
    ("at", "timestamp without time zone", false),
    ("raw", "varbyte", false),
];

/// Those of `many*.parquet`; ORC's have one more.
const MANY: Columns<'_> = &[
    ("id", "integer", true),
    ("word", "character varying(12)", false),
    ("long", "bigint", false),
    ("real", "double precision", false),
    ("flag", "boolean", false),
    ("at", "timestamp without time zone", false),
];

const NESTED: Columns<'_> = &[
    ("id", "integer", false),
    ("tags", "super", false),
    ("who", "super", false),
    ("counts", "super", false),
    ("deep", "super", false),
];

const AVRO_TYPES: Columns<'_> = &[
    ("id", "integer", true),
    ("name", "character varying(8)", false),
    ("flag", "boolean", false),
    ("long", "bigint", false),
    ("kind", "character(5)", false),
    ("day", "date", false),
    ("at", "timestamp without time zone", false),
    ("price", "numeric(10,2)", false),
    ("nested", "super", false),
];

const AVRO_PATHS: &[u8] = br#"{"jsonpaths": ["$['id']", "$['Name']", "$['flag']", "$['long']",
 "$['kind']", "$['day']", "$['at']", "$['nested']['list'][1]", "$['nested']"]}"#;

/// Loads a file as [`crate::copy::load`] does.
fn load(options: &str, columns: Columns<'_>, file: &[u8], cuts: Option<&mut Random>) -> Loaded {
    let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default {options}");
    let statement = parse(&sql).expect(&sql);
    let mut plan = Plan::new(&statement, &table(columns), &context()).expect(&sql);
    if sql.contains("AVRO 's3://") {
        let paths = jsonpaths::parse(AVRO_PATHS).expect("a good file").expect("with paths");
        plan.follow(&paths).expect("as many as columns");
    }
    let region = "us-east-1";
    let layout = FileLayout::new(&statement.options, &plan.columns, region).expect("columnar");
    let rules = ValueRules::new(&statement.options, region).expect(&sql);
    let (sender, mut groups) = mpsc::channel(10_000);
    let objects = open(file, cuts);
    columnar::decode_objects(&layout, objects, &sender, fetch::nothing_found(&statement));
    drop(sender);
    let mut loaded = Loaded::default();
    while let Ok(group) = groups.try_recv() {
        let converted = match group {
            Ok(group) => columnar::convert(&plan, &rules, group),
            Err(failure) => {
                assert!(!matches!(failure, CopyFailure::Cancelled), "nobody cancels");
                return Loaded::failed(failure);
            }
        };
        if let Some(refusal) = &converted.failure {
            return Loaded::failed(refusal);
        }
        loaded.add(converted);
    }
    loaded
}

/// Loads a file into each of these tables, as one and in pieces, and checks what both give.
fn check(choices: &[(&str, Columns<'_>)], file: &[u8], random: &mut Random) {
    for (options, columns) in choices {
        let whole = load(options, columns, file, None);
        whole.check_rows(columns.len(), options);
        if random.once_in(4) {
            assert_eq!(load(options, columns, file, Some(random)), whole, "{options}");
        }
    }
}

#[test]
fn any_parquet_gives_rows_or_is_refused() {
    let choices = [
        ("PARQUET ACCEPTINVCHARS", PARQUET_TYPES),
        ("PARQUET FILLRECORD", MANY),
        ("PARQUET SERIALIZETOJSON", NESTED),
    ];
    let check = |input: &[u8], random: &mut Random| check(&choices, input, random);
    let samples: &[&[u8]] = &[
        include_bytes!("../../../../../fixtures/copy/columnar/types-none.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-v2.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-int96.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-zstd.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/many-delta.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/many-delta-length.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/many-dictionary.parquet"),
        include_bytes!("../../../../../fixtures/copy/columnar/nested.parquet"),
    ];
    let words: &[&[u8]] = &[
        b"PAR1",
        b"\x15\x00",
        b"\x19\xfc",
        b"\xff\xff\xff\xff\x0f",
        b"\x00",
        b"\x18\x04",
        b"\x80",
    ];
    Target { samples, words, check: &check }.run();
}

#[test]
fn any_orc_gives_rows_or_is_refused() {
    let choices = [
        ("ORC ACCEPTINVCHARS", ORC_TYPES),
        ("ORC", MANY),
        ("ORC SERIALIZETOJSON FILLRECORD", NESTED),
    ];
    let check = |input: &[u8], random: &mut Random| check(&choices, input, random);
    let samples: &[&[u8]] = &[
        include_bytes!("../../../../../fixtures/copy/columnar/types-none.orc"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-zlib.orc"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-lz4.orc"),
        include_bytes!("../../../../../fixtures/copy/columnar/many.orc"),
        include_bytes!("../../../../../fixtures/copy/columnar/many-dictionary.orc"),
        include_bytes!("../../../../../fixtures/copy/columnar/nested.orc"),
    ];
    let words: &[&[u8]] =
        &[b"ORC", b"\x08\x01", b"\x12\x7f", b"\xff\xff\xff\xff\xff\x01", b"\x00", b"\xc0", b"\x5c"];
    Target { samples, words, check: &check }.run();
}

#[test]
fn any_avro_gives_rows_and_rejects() {
    let choices = [
        ("AVRO 'auto ignorecase' ACCEPTINVCHARS", AVRO_TYPES),
        ("AVRO 's3://b/paths' TRUNCATECOLUMNS", AVRO_TYPES),
        ("AVRO TIMEFORMAT 'epochmillisecs'", AVRO_TYPES),
    ];
    let check = |input: &[u8], random: &mut Random| check(&choices, input, random);
    let samples: &[&[u8]] = &[
        include_bytes!("../../../../../fixtures/copy/columnar/types-null.avro"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-deflate.avro"),
        include_bytes!("../../../../../fixtures/copy/columnar/types-snappy.avro"),
        include_bytes!("../../../../../fixtures/copy/columnar/many.avro"),
        include_bytes!("../../../../../fixtures/copy/columnar/bad-rows.avro"),
    ];
    let words: &[&[u8]] = &[
        b"Obj\x01",
        b"0123456789abcdef",
        b"\x00",
        b"\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\"type\":",
        b"{\"type\":\"array\",\"items\":",
        b"\"null\"",
        b"[",
    ];
    Target { samples, words, check: &check }.run();
}
