//! Which options of COPY are emulated: each is parsed, and asked for as a statement would.

use super::options::conflicts::NOT_FROM_S3;
use super::options::{COMPRESSIONS, ENCODINGS, FLAGS};
use super::statement::parse;
use crate::emulated::{Row, Status};

/// "Data format parameters"; the texts are those of a statement.
const FORMATS: &[(&str, &str)] = &[
    ("delimited text", ""),
    ("CSV", "CSV"),
    ("FIXEDWIDTH", "FIXEDWIDTH 'a:1'"),
    ("JSON 'auto'", "JSON 'auto'"),
    ("JSON 'auto ignorecase'", "JSON 'auto ignorecase'"),
    ("JSON 's3://…jsonpaths'", "JSON 's3://b/paths'"),
    ("JSON 'noshred'", "JSON 'noshred'"),
    ("AVRO 'auto'", "AVRO 'auto'"),
    ("AVRO 'auto ignorecase'", "AVRO 'auto ignorecase'"),
    ("AVRO 's3://…'", "AVRO 's3://b/paths'"),
    ("AVRO 'noshred'", "AVRO 'noshred'"),
    ("PARQUET", "PARQUET"),
    ("ORC", "ORC"),
    ("SHAPEFILE", "SHAPEFILE"),
];

/// Options with an argument.
const OPTIONS: &[(&str, &str)] = &[
    ("DELIMITER", "DELIMITER ';'"),
    ("QUOTE", "QUOTE '\\''"),
    ("NULL AS", "NULL AS 'x'"),
    ("ACCEPTINVCHARS", "ACCEPTINVCHARS '^'"),
    ("IGNOREHEADER", "IGNOREHEADER 1"),
    ("DATEFORMAT", "DATEFORMAT 'auto'"),
    ("TIMEFORMAT", "TIMEFORMAT 'auto'"),
    ("MAXERROR", "MAXERROR 9"),
    ("REGION", "REGION 'eu-west-1'"),
    ("MASTER_SYMMETRIC_KEY", "MASTER_SYMMETRIC_KEY 'k' ENCRYPTED"),
    ("READRATIO", "READRATIO 50"),
];

/// Options that have no effect on what is loaded.
const WITHOUT_EFFECT: &[(&str, &str)] =
    &[("COMPROWS", "COMPROWS 1000"), ("STATUPDATE", "STATUPDATE ON")];

/// The rows about COPY.
pub(crate) fn copy_options() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |area, feature: &str, text: &str| {
        let not_from_s3 = NOT_FROM_S3.contains(&feature);
        let (status, note) = match not_from_s3 {
            true => (Status::Refused, "not with COPY from Amazon S3"),
            false => (status(text), ""),
        };
        let note = note.to_owned();
        rows.push(Row { area, feature: feature.to_owned(), status, note });
    };
    for (name, text) in FORMATS {
        add("COPY: formats", name, text);
    }
    for (name, _) in COMPRESSIONS {
        add("COPY: compression", name, name);
    }
    for (name, _) in ENCODINGS {
        add("COPY: encodings", name, &format!("ENCODING {name}"));
    }
    for (name, _) in FLAGS {
        add("COPY: options", name, name);
    }
    for (name, text) in OPTIONS {
        add("COPY: options", name, text);
    }
    rows.push(Row {
        area: "COPY: options",
        feature: "COMPUPDATE".to_owned(),
        status: status("COMPUPDATE PRESET"),
        note: "PRESET, or none, sets encodings of an empty table by type; ON changes none"
            .to_owned(),
    });
    for (name, text) in WITHOUT_EFFECT {
        let status = if status(text) == Status::Emulated { Status::Accepted } else { status(text) };
        let (area, feature, note) = ("COPY: options", (*name).to_owned(), String::new());
        rows.push(Row { area, feature, status, note });
    }
    rows
}

/// Whether an option is executed with any format that it may go with.
fn status(option: &str) -> Status {
    let formats = ["", "CSV", "JSON 'auto'", "PARQUET", "AVRO 'auto'"];
    let executed = formats.into_iter().any(|format| {
        let sql = format!("COPY t FROM 's3://b/k' IAM_ROLE default {option} {format}");
        parse(&sql).is_ok_and(|statement| statement.options.unsupported().is_none())
    });
    if executed { Status::Emulated } else { Status::NotEmulated }
}
