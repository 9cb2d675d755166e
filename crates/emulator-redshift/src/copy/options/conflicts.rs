//! Which options of a COPY exclude or need each other (Database Developer Guide, "Data format
//! parameters", "Data load operations", "COPY from columnar data formats").

use super::parse::Given;
use super::{CompUpdate, CopyOptions};
use crate::copy::tokens::CopySyntaxError;

/// Each row: at most one of these.
const ALTERNATIVES: [&[&str]; 3] = [
    &["CSV", "FIXEDWIDTH", "JSON", "AVRO", "PARQUET", "ORC", "SHAPEFILE"],
    &["GZIP", "BZIP2", "LZOP", "ZSTD"],
    &["MAXERROR", "IGNOREALLERRORS"],
];

/// "You cannot use the following parameters with COPY from Amazon S3" ("COPY from Amazon S3").
pub(in crate::copy) const NOT_FROM_S3: [&str; 2] = ["SSH", "READRATIO"];

/// Each row: the first excludes the others.
const EXCLUSIONS: [(&str, &[&str]); 5] = [
    ("JSON", NOT_WITH_OBJECTS),
    ("AVRO", NOT_WITH_OBJECTS),
    ("CSV", &["ESCAPE", "REMOVEQUOTES"]),
    ("FIXEDWIDTH", &["DELIMITER", "ESCAPE", "REMOVEQUOTES"]),
    // "MASTER_SYMMETRIC_KEY can't be used with the CREDENTIALS parameter" (there).
    ("MASTER_SYMMETRIC_KEY", &["CREDENTIALS"]),
];

const NOT_WITH_OBJECTS: &[&str] =
    &["DELIMITER", "ESCAPE", "FILLRECORD", "IGNOREBLANKLINES", "NULL", "READRATIO", "REMOVEQUOTES"];

/// Each row: the first needs one of the others.
const NEEDS: [(&str, &[&str]); 4] = [
    ("QUOTE", &["CSV"]),
    ("SERIALIZETOJSON", &["PARQUET", "ORC"]),
    ("MASTER_SYMMETRIC_KEY", &["ENCRYPTED"]),
    // The key may be in the credentials.
    ("ENCRYPTED", &["MASTER_SYMMETRIC_KEY", "CREDENTIALS"]),
];

/// All that PARQUET and ORC go with (§9).
const COLUMNAR: [&str; 12] = [
    "PARQUET",
    "ORC",
    "IAM_ROLE",
    "CREDENTIALS",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SESSION_TOKEN",
    "ACCEPTINVCHARS",
    "FILLRECORD",
    "STATUPDATE",
    "MANIFEST",
    "EXPLICIT_IDS",
];

/// The first conflict between the options, at the later of the two.
pub(super) fn refuse_conflicts(
    given: &[Given],
    options: &CopyOptions,
) -> Result<(), CopySyntaxError> {
    let find = |keyword: &str| given.iter().find(|given| given.keyword == keyword);
    for alternatives in ALTERNATIVES {
        let mut found = given.iter().filter(|given| alternatives.contains(&given.keyword));
        if let (Some(first), Some(second)) = (found.next(), found.next()) {
            return Err(conflict(first, second));
        }
    }
    for (keyword, excluded) in EXCLUSIONS {
        let Some(owner) = find(keyword) else { continue };
        if let Some(other) = given.iter().find(|given| excluded.contains(&given.keyword)) {
            return Err(conflict(owner, other));
        }
    }
    if let Some(other) = given.iter().find(|given| NOT_FROM_S3.contains(&given.keyword)) {
        let message = format!("{} is not supported for COPY from Amazon S3", other.keyword);
        return Err(CopySyntaxError::new(message, other.position));
    }
    for (keyword, owners) in NEEDS {
        let Some(found) = find(keyword) else { continue };
        if !owners.iter().any(|owner| find(owner).is_some()) {
            let message = match keyword {
                "ENCRYPTED" => format!("ENCRYPTED is only for a key in {}", owners.join(" or ")),
                _ => format!("{keyword} is only for {}", owners.join(" and ")),
            };
            return Err(CopySyntaxError::new(message, found.position));
        }
    }
    let Some(columnar) = find("PARQUET").or(find("ORC")) else { return Ok(()) };
    let allowed = |keyword| match keyword {
        "SERIALIZETOJSON" => true,
        // So in an example ("Loading semi-structured data into Amazon Redshift").
        "REGION" => find("SERIALIZETOJSON").is_some(),
        // Programs send it with every format, and it asks for nothing.
        "COMPUPDATE" => options.comp_update == Some(CompUpdate::Off),
        keyword => COLUMNAR.contains(&keyword),
    };
    match given.iter().find(|given| !allowed(given.keyword)) {
        // The wording is that of the service's answer to REGION (§1); clients have seen 0A000.
        Some(other) => Err(CopySyntaxError::unsupported(
            format!(
                "{} argument is not supported for {} based COPY",
                other.keyword, columnar.keyword
            ),
            other.position,
        )),
        None => Ok(()),
    }
}

fn conflict(one: &Given, other: &Given) -> CopySyntaxError {
    let (first, second) = match one.position < other.position {
        true => (one, other),
        false => (other, one),
    };
    let message = format!("{} is not allowed with {}", second.keyword, first.keyword);
    CopySyntaxError::new(message, second.position)
}
