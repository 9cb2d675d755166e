//! Whole files: decompressed, split, decoded, converted.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc};

use super::Target;
use super::mutation::Random;
use crate::copy::decode::decode_objects;
use crate::copy::failure::CopyFailure;
use crate::copy::fetch::{self, OpenObject, Piece};
use crate::copy::jsonpaths;
use crate::copy::load::CopyContext;
use crate::copy::rows::Plan;
use crate::copy::statement::parse;
use crate::copy::target::{ColumnType, TargetColumn, TargetTable};

const COLUMNS: [(&str, &str, bool); 12] = [
    ("id", "integer", true),
    ("v", "character varying(20)", false),
    ("c", "character(5)", false),
    ("d", "numeric(8,2)", false),
    ("b", "boolean", false),
    ("at", "timestamp without time zone", false),
    ("tz", "timestamp with time zone", false),
    ("day", "date", false),
    ("f", "double precision", false),
    ("s", "smallint", false),
    ("r", "real", false),
    ("l", "bigint", false),
];

/// What a file gave.
#[derive(Debug, Default, PartialEq)]
struct Loaded {
    rows: String,
    row_count: u64,
    reject_count: u64,
    /// Line, column, code, reason, row.
    rejects: Vec<String>,
    failure: Option<String>,
}

/// Loads a file with these options, in pieces of random lengths or as one.
fn load(options: &str, file: &[u8], cuts: Option<&mut Random>) -> Loaded {
    let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default {options}");
    let statement = parse(&sql).expect(&sql);
    let mut plan = Plan::new(&statement, &table(), &context()).expect(&sql);
    if sql.contains("JSON 's3://") {
        let paths = jsonpaths::parse(PATHS).expect("a good file").expect("with paths");
        plan.follow(&paths).expect("as many as columns");
    }
    let (objects, object_receiver) = mpsc::channel(1);
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a fresh semaphore");
    let pieces = pieces(file, cuts);
    let (piece_sender, piece_receiver) = mpsc::channel(pieces.len());
    for piece in pieces {
        piece_sender.try_send(piece).expect("there is room");
    }
    let (url, pieces) = ("s3://b/k".to_owned(), piece_receiver);
    let object = OpenObject { url, content_length: None, pieces, _permit: permit };
    objects.try_send(Ok(object)).expect("there is room");
    drop(objects);
    let (group_sender, mut groups) = mpsc::channel(10_000);
    decode_objects(plan.reading, object_receiver, &group_sender, fetch::nothing_found(&statement));
    drop(group_sender);
    let mut loaded = Loaded::default();
    let mut rows = Vec::new();
    while let Ok(group) = groups.try_recv() {
        let group = match group {
            Ok(group) => plan.convert(group),
            Err(failure) => {
                assert!(!matches!(failure, CopyFailure::Cancelled), "nobody cancels");
                return Loaded { failure: Some(failure.to_string()), ..Loaded::default() };
            }
        };
        for chunk in group.chunks {
            assert_eq!(chunk.last(), Some(&b'\n'), "a chunk has whole rows");
            rows.extend_from_slice(&chunk);
        }
        loaded.row_count += group.row_count;
        loaded.reject_count += group.reject_count;
        for reject in group.rejects {
            assert!(reject.err_reason.chars().count() <= 100 && -1 <= reject.position);
            assert!(reject.raw_line.chars().count() <= 1024 && 0 < reject.line_number);
            loaded.rejects.push(format!(
                "{} {} {} {} {}",
                reject.line_number,
                reject.colname,
                reject.err_code,
                reject.err_reason,
                reject.raw_line
            ));
        }
    }
    loaded.rows = String::from_utf8(rows).expect("rows are UTF-8");
    loaded
}

fn pieces(file: &[u8], cuts: Option<&mut Random>) -> Vec<Piece> {
    let mut file = Bytes::copy_from_slice(file);
    let mut pieces = Vec::new();
    if let Some(random) = cuts {
        while !file.is_empty() && pieces.len() < 2000 {
            let length_max = file.len().min(1 + random.below(2000));
            let length = 1 + random.below(length_max);
            pieces.push(Piece::Bytes(file.split_to(length.min(file.len()))));
        }
    }
    if !file.is_empty() {
        pieces.push(Piece::Bytes(file));
    }
    pieces.push(Piece::End);
    pieces
}

/// Loads a file as one and in pieces, and checks what both give.
fn check(options: &str, file: &[u8], random: &mut Random) {
    let whole = load(options, file, None);
    let mut lines = 0;
    for line in whole.rows.split_terminator('\n') {
        lines += 1;
        assert_eq!(line.split('\t').count(), COLUMNS.len(), "{options}: {line:?}");
        for field in line.split('\t') {
            assert!(!field.contains(['\0', '\r']), "{options}: {line:?}");
            let mut rest = field;
            while let Some((_, after)) = rest.split_once('\\') {
                let known = after.starts_with(['\\', 't', 'n', 'r']) || field == "\\N";
                assert!(known, "{options}: {line:?}");
                rest = &after[1..];
            }
        }
    }
    assert_eq!(lines, whole.row_count, "{options}");
    assert!(whole.rejects.len() as u64 <= whole.reject_count, "{options}");
    // Beyond one group a run of stray characters is reported with as much of it as its group has.
    if file.len() < 60_000 {
        assert_eq!(load(options, file, Some(random)), whole, "{options}");
    }
}

fn table() -> TargetTable {
    let column = |(name, format_type, not_null): &(&str, &str, bool)| TargetColumn {
        name: (*name).to_owned(),
        column_type: ColumnType::from_postgres(format_type),
        not_null: *not_null,
        identity: None,
    };
    TargetTable {
        oid: 7,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        columns: COLUMNS.iter().map(column).collect(),
    }
}

fn context() -> CopyContext {
    CopyContext {
        query_id: 1,
        session_pid: 2,
        user_id: 3,
        database: "dev".to_owned(),
        started_at: SystemTime::UNIX_EPOCH,
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

const JSON: &[u8] = br#"{"id": 1, "v": "text \u00fc\n\ud83e\udd80", "c": "ab", "d": 12.345, "b": true,
 "at": "2019-02-11 05:09:12.195", "tz": "2019-02-11T05:09:12Z", "day": "2019-02-11", "f": 1.5e3, "s": -7}
{"id": "2", "v": {"a": [1, {"b": null}]}, "r": 0.5, "l": 9223372036854775807}{"id": 3, "unknown": []}
"#;

const PATHS: &[u8] =
    br#"{"jsonpaths": ["$['id']", "$['v']", "$['c']", "$['d']", "$['b']", "$['at']",
 "$['tz']", "$['day']", "$['v']['a'][1]['b']", "$['s']", "$['v']['a'][0]", "$[3]"]}"#;

const JSON_WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\\"",
    b",",
    b":",
    b"\n",
    b" ",
    b"null",
    b"true",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\xff",
    b"\xe2\x82",
    b"\0",
    b"{\"id\":1}",
    b"\"id\"",
    b"1e999",
    b"-0",
    b"0.",
    b"\xef\xbb\xbf",
    b"[{",
    b"}]",
    b"\r\n",
    b"{\"a\":",
    b"\x1f\x8b",
];

const ROWS: &[u8] = b"1,text,ab,12.345,true,2019-02-11 05:09:12.195,2019-02-11T05:09:12Z,2019-02-11,\
1.5e3,-7,0.5,9\n2,\"a \"\"quoted\"\" text,\nof two lines\",,,f,,,,,,,\n3,\\N,x\\|y,'q',no,,,,,,,\r\n\n4";

const ROW_WORDS: &[&[u8]] = &[
    b",",
    b"|",
    b"\"",
    b"\"\"",
    b"'",
    b"\\",
    b"\\N",
    b"\\\n",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"\xc3\xbc",
    b"\xf0\x9f\xa6\x80",
    b"%",
    b"\n\n",
    b",,,,,,,,,,,",
    b"\xef\xbb\xbf",
    b"1,2,3,4,5,6,7,8,9,10,11,12\n",
    b"||||||||||||",
    b"9999999999",
    b"\\.",
    b"\n\\.\n",
];

#[test]
fn any_json_gives_rows_and_rejects() {
    let options = [
        "JSON 'auto'",
        "JSON 'auto ignorecase' TIMEFORMAT 'auto' DATEFORMAT 'auto'",
        "JSON ACCEPTINVCHARS TRUNCATECOLUMNS ACCEPTANYDATE EMPTYASNULL",
        "JSON 's3://b/paths' ACCEPTINVCHARS",
        "JSON IGNOREHEADER 2 ROUNDEC BLANKSASNULL TRIMBLANKS TIMEFORMAT 'epochmillisecs'",
    ];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    Target { samples: &[JSON], words: JSON_WORDS, check: &check }.run();
}

#[test]
fn any_csv_gives_rows_and_rejects() {
    let options = [
        "CSV",
        "CSV QUOTE '%' DELIMITER '|' NULL AS 'no'",
        "CSV IGNOREHEADER 1 IGNOREBLANKLINES ACCEPTINVCHARS AS '^' FILLRECORD EMPTYASNULL",
        "CSV FILLRECORD TRUNCATECOLUMNS TIMEFORMAT 'auto' NULL AS '\\000'",
        "CSV QUOTE '''' DELIMITER ' '",
    ];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    Target { samples: &[ROWS], words: ROW_WORDS, check: &check }.run();
}

#[test]
fn any_delimited_text_gives_rows_and_rejects() {
    let options = [
        "DELIMITER ','",
        "DELIMITER ',' ESCAPE",
        "DELIMITER ',' REMOVEQUOTES",
        "DELIMITER ',' ESCAPE REMOVEQUOTES FILLRECORD",
        "FILLRECORD NULL AS '\\0' IGNOREBLANKLINES",
        "DELIMITER '\\000' ACCEPTINVCHARS TRUNCATECOLUMNS FILLRECORD ESCAPE",
        "DELIMITER '\\t' IGNOREHEADER 3 BLANKSASNULL EMPTYASNULL TRIMBLANKS",
    ];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    Target { samples: &[ROWS], words: ROW_WORDS, check: &check }.run();
}

#[test]
fn any_fixed_width_text_gives_rows_and_rejects() {
    let widths = "FIXEDWIDTH 'id:2,v:6,c:5,d:8,b:2,at:20,tz:20,day:11,f:6,s:3,r:4,l:9'";
    let narrow = "FIXEDWIDTH 'a:1,b:1,c:1,d:1,e:1,f:1,g:1,h:1,i:1,j:1,k:1,l:1'";
    let more = format!("{widths} ACCEPTINVCHARS TRUNCATECOLUMNS FILLRECORD ACCEPTANYDATE");
    let options = [widths, narrow, &more];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    let row =
        b"1 text  ab   12.345  t 2019-02-11 05:09:12 2019-02-11 05:09:12 2019-02-11 1.5   -7 \
                0.5 9        \n2 \xc3\xbc\xc3\xbc\n";
    Target { samples: &[row, ROWS], words: ROW_WORDS, check: &check }.run();
}

#[test]
fn any_gzip_is_read_or_refused() {
    let (one, two) = (gzip(JSON), gzip(&JSON.repeat(50)));
    let (members, stored) = ([&one[..], &two[..]].concat(), gzip(ROWS));
    let options = ["GZIP JSON TIMEFORMAT 'auto'", "GZIP CSV FILLRECORD", "GZIP DELIMITER ','"];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    let samples: &[&[u8]] = &[&one, &two, &members, &stored];
    let words: &[&[u8]] = &[b"\x1f\x8b\x08\0", b"\0", b"\xff\xff", b"\x1f\x8b\x08\x1f", &one];
    Target { samples, words, check: &check }.run();
}

#[test]
fn any_other_compression_is_read_or_refused() {
    let samples: [(&str, &[u8]); 6] = [
        ("BZIP2 DELIMITER ','", include_bytes!("../decode/codec/tests/best.bz2")),
        ("LZOP DELIMITER ','", include_bytes!("../decode/codec/tests/best.lzo")),
        ("LZOP DELIMITER ','", include_bytes!("../decode/codec/tests/crc32.lzo")),
        // What mutations break is then found by the decoder itself.
        ("LZOP JSON", include_bytes!("../decode/codec/tests/no-checksums.lzo")),
        ("ZSTD CSV", include_bytes!("../decode/codec/tests/best.zst")),
        ("ZSTD JSON", include_bytes!("../decode/codec/tests/fast.zst")),
    ];
    // Mostly by the codec that its first bytes name.
    let magic = |input: &[u8], sample: &[u8]| input.first() == sample.first();
    let check = |input: &[u8], random: &mut Random| {
        let fitting = samples.iter().filter(|(_, sample)| magic(input, sample));
        let mut options: Vec<&str> = fitting.map(|(options, _)| *options).collect();
        if options.is_empty() || random.once_in(10) {
            options = samples.iter().map(|(options, _)| *options).collect();
        }
        check(random.pick(&options), input, random);
    };
    let samples: Vec<&[u8]> = samples.iter().map(|(_, sample)| *sample).collect();
    let words: &[&[u8]] = &[b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01", b"\x7f", b"\x80\0\0\0"];
    Target { samples: &samples, words, check: &check }.run();
}

#[test]
fn any_utf16_gives_rows_and_rejects() {
    let wide = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let (rows, json) = (wide(ROWS), wide(JSON));
    let marked = [b"\xff\xfe", &rows[..]].concat();
    let options = ["CSV ENCODING UTF16", "DELIMITER ',' ENCODING UTF16BE", "JSON ENCODING UTF16LE"];
    let check = |input: &[u8], random: &mut Random| {
        check(random.pick(&options), input, random);
    };
    let words: &[&[u8]] =
        &[b"\xff\xfe", b"\xfe\xff", b"\n\0", b"\"\0", b"\x3d\xd8", b"\0\xdc", b"\0"];
    Target { samples: &[&marked, &rows, &json], words, check: &check }.run();
}
