//! Whole files of text: decompressed, split, decoded, converted.

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
use crate::copy::rows::{ConvertedGroup, Plan};
use crate::copy::statement::parse;
use crate::copy::target::{ColumnType, TargetColumn, TargetTable};

/// Columns of the table that is loaded: name, type, NOT NULL.
pub(super) type Columns<'a> = &'a [(&'a str, &'a str, bool)];

const COLUMNS: Columns<'_> = &[
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
pub(super) struct Loaded {
    pub(super) rows: String,
    row_count: u64,
    reject_count: u64,
    /// Line, column, code, reason, row.
    rejects: Vec<String>,
    pub(super) failure: Option<String>,
}

impl Loaded {
    pub(super) fn failed(failure: impl std::fmt::Display) -> Loaded {
        Loaded { failure: Some(failure.to_string()), ..Loaded::default() }
    }

    /// Adds what became of a group.
    pub(super) fn add(&mut self, group: ConvertedGroup) {
        for chunk in group.chunks {
            assert_eq!(chunk.last(), Some(&b'\n'), "a chunk has whole rows");
            self.rows.push_str(std::str::from_utf8(&chunk).expect("rows are UTF-8"));
        }
        self.row_count += group.row_count;
        self.reject_count += group.reject_count;
        for reject in group.rejects.into_rows() {
            assert!(reject.err_reason.chars().count() <= 100 && -1 <= reject.position);
            assert!(reject.raw_line.chars().count() <= 1024 && 0 < reject.line_number);
            self.rejects.push(format!(
                "{} {} {} {} {} {:?}",
                reject.line_number,
                reject.colname,
                reject.err_code,
                reject.err_reason,
                reject.raw_line,
                // Those of later groups have none, and groups end elsewhere.
                reject.details.last()
            ));
        }
    }

    /// Checks that the rows are what Postgres' COPY reads: one line each with all fields.
    pub(super) fn check_rows(&self, width: usize, options: &str) {
        let mut lines = 0;
        for line in self.rows.split_terminator('\n') {
            lines += 1;
            assert_eq!(line.split('\t').count(), width, "{options}: {line:?}");
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
        assert_eq!(lines, self.row_count, "{options}");
        assert!(self.rejects.len() as u64 <= self.reject_count, "{options}");
    }
}

/// An S3 with one object, in pieces of random lengths or as one.
pub(super) fn open(
    file: &[u8],
    cuts: Option<&mut Random>,
) -> mpsc::Receiver<Result<OpenObject, CopyFailure>> {
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
    object_receiver
}

/// Loads a file with these options, in pieces of random lengths or as one.
fn load(options: &str, columns: Columns<'_>, file: &[u8], cuts: Option<&mut Random>) -> Loaded {
    let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default {options}");
    let statement = parse(&sql).expect(&sql);
    let mut plan = Plan::new(&statement, &table(columns), &context()).expect(&sql);
    if sql.contains("JSON 's3://") {
        let paths = jsonpaths::parse(PATHS).expect("a good file").expect("with paths");
        plan.follow(&paths).expect("as many as columns");
    }
    let objects = open(file, cuts);
    let (group_sender, mut groups) = mpsc::channel(10_000);
    decode_objects(plan.reading, objects, &group_sender, fetch::nothing_found(&statement));
    drop(group_sender);
    let mut loaded = Loaded::default();
    while let Ok(group) = groups.try_recv() {
        match group {
            Ok(group) => loaded.add(plan.convert(group)),
            Err(failure) => {
                assert!(!matches!(failure, CopyFailure::Cancelled), "nobody cancels");
                return Loaded::failed(failure);
            }
        }
    }
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
    check_into(COLUMNS, options, file, random);
}

fn check_into(columns: Columns<'_>, options: &str, file: &[u8], random: &mut Random) -> Loaded {
    let whole = load(options, columns, file, None);
    whole.check_rows(columns.len(), options);
    // Beyond one group a run of stray characters is reported with as much of it as its group has.
    if file.len() < 60_000 {
        assert_eq!(load(options, columns, file, Some(random)), whole, "{options}");
    }
    whole
}

pub(super) fn table(columns: Columns<'_>) -> TargetTable {
    let column = |(name, format_type, not_null): &(&str, &str, bool)| TargetColumn {
        name: (*name).to_owned(),
        column_type: ColumnType::from_postgres(format_type),
        not_null: *not_null,
        has_default: false,
        identity: None,
    };
    TargetTable {
        oid: 7,
        schema: "public".to_owned(),
        name: "t".to_owned(),
        columns: columns.iter().map(column).collect(),
    }
}

pub(super) fn context() -> CopyContext {
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
fn any_super_value_is_json() {
    let columns: Columns<'_> = &[("id", "integer", false), ("doc", "super", false)];
    let whole: Columns<'_> = &[("doc", "super", false)];
    let choices: [(&str, Columns<'_>); 5] = [
        ("JSON 'auto ignorecase'", columns),
        ("JSON 'noshred'", whole),
        ("CSV FILLRECORD", columns),
        ("DELIMITER '|' ESCAPE FILLRECORD", columns),
        ("JSON 'noshred' IGNOREHEADER 1 ACCEPTINVCHARS", whole),
    ];
    let check = |input: &[u8], random: &mut Random| {
        let (options, columns) = choices[random.below(choices.len())];
        let loaded = check_into(columns, options, input, random);
        for line in loaded.rows.split_terminator('\n') {
            let value = line.rsplit('\t').next().unwrap_or_default();
            if value != "\\N" {
                let json = value.replace("\\\\", "\\");
                let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&json);
                assert!(parsed.is_ok(), "{options}: {value:?}");
            }
        }
    };
    let documents = br#"{"id": 1, "doc": {"a": [1, {"b": null}], "c": "x \"y\" \u00fc"}}
{"id": 2, "doc": "text"}{"doc": 1.50, "ID": 3}[1, [2, [3]]] {"doc": [[[]]]}"#;
    let rows = br#"1|{"a": [1, 2]}
2,"{""a"": ""b,c""}"
3|"text"
4|null"#;
    Target { samples: &[documents, rows, JSON], words: JSON_WORDS, check: &check }.run();
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
