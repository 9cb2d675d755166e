//! The options of a COPY, and which of them the stand-in executes.
//!
//! All options of the Database Developer Guide are known here, so that one that is not emulated yet
//! is refused by its name and never ignored.

pub(super) mod conflicts;
pub(super) mod parse;

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result as FormatResult};

use super::authorization::Secret;
use super::statement::CopySource;
use crate::sql::quotes;

/// Every option but the authorization. `Default` is a COPY without options: delimited text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyOptions {
    /// The file format.
    pub format: Format,
    /// How every file is compressed.
    pub compression: Option<Compression>,
    /// The options without argument.
    pub flags: BTreeSet<Flag>,
    /// REGION
    pub region: Option<String>,
    /// ENCODING
    pub encoding: Option<Encoding>,
    /// MASTER_SYMMETRIC_KEY
    pub master_symmetric_key: Option<Secret>,
    /// DELIMITER: one character or several.
    pub delimiter: Option<String>,
    /// QUOTE
    pub quote: Option<char>,
    /// NULL AS
    pub null_as: Option<String>,
    /// ACCEPTINVCHARS: an ASCII character, `?` if not named.
    pub accept_inv_chars: Option<char>,
    /// IGNOREHEADER: lines of every file that are skipped.
    pub ignore_header: Option<u64>,
    /// DATEFORMAT
    pub date_format: Option<String>,
    /// TIMEFORMAT
    pub time_format: Option<String>,
    /// MAXERROR, at most 100,000.
    pub max_error: Option<u64>,
    /// COMPROWS
    pub comp_rows: Option<u64>,
    /// COMPUPDATE
    pub comp_update: Option<CompUpdate>,
    /// STATUPDATE
    pub stat_update: Option<bool>,
    /// READRATIO
    pub read_ratio: Option<u64>,
}

/// What the files are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Format {
    /// Fields with a delimiter between them.
    #[default]
    Text,
    /// `CSV`
    Csv,
    /// `FIXEDWIDTH 'label:width,…'`
    FixedWidth(String),
    /// `JSON`
    Json(Mapping),
    /// `AVRO`
    Avro(Mapping),
    /// `PARQUET`
    Parquet,
    /// `ORC`
    Orc,
    /// `SHAPEFILE [SIMPLIFY [AUTO] ['tolerance']]`
    Shapefile(Option<Simplify>),
}

/// How the members of an object find their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mapping {
    /// `'auto'`: by name, case-sensitive.
    #[default]
    Auto,
    /// `'auto ignorecase'`
    AutoIgnoreCase,
    /// `'noshred'`: the whole object goes into one SUPER column.
    NoShred,
    /// `'s3://…'`: a JSONPaths file.
    Paths(CopySource),
}

/// How a shape is simplified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simplify {
    /// AUTO
    pub auto: bool,
    /// The tolerance, as written.
    pub tolerance: Option<String>,
}

/// A compression of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `GZIP`
    Gzip,
    /// `BZIP2`
    Bzip2,
    /// `LZOP`
    Lzop,
    /// `ZSTD`
    Zstd,
}

impl Compression {
    /// The program that makes it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Bzip2 => "bzip2",
            Compression::Lzop => "lzop",
            Compression::Zstd => "zstd",
        }
    }
}

/// An encoding of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `UTF8`, the default.
    Utf8,
    /// `UTF16`
    Utf16,
    /// `UTF16LE`
    Utf16Le,
    /// `UTF16BE`
    Utf16Be,
    /// `ISO88591`
    Iso88591,
}

/// The argument of COMPUPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompUpdate {
    /// `PRESET`
    Preset,
    /// `ON`, `TRUE` or nothing.
    On,
    /// `OFF` or `FALSE`
    Off,
}

/// An option without argument, named by its keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The keyword in FLAGS says it all.
pub enum Flag {
    Manifest,
    Encrypted,
    Ssh,
    Escape,
    RemoveQuotes,
    FillRecord,
    IgnoreBlankLines,
    AcceptAnyDate,
    BlanksAsNull,
    EmptyAsNull,
    ExplicitIds,
    RoundEc,
    TrimBlanks,
    TruncateColumns,
    IgnoreAllErrors,
    NoLoad,
    SerializeToJson,
}

pub(super) const FLAGS: [(&str, Flag); 17] = [
    ("MANIFEST", Flag::Manifest),
    ("ENCRYPTED", Flag::Encrypted),
    ("SSH", Flag::Ssh),
    ("ESCAPE", Flag::Escape),
    ("REMOVEQUOTES", Flag::RemoveQuotes),
    ("FILLRECORD", Flag::FillRecord),
    ("IGNOREBLANKLINES", Flag::IgnoreBlankLines),
    ("ACCEPTANYDATE", Flag::AcceptAnyDate),
    ("BLANKSASNULL", Flag::BlanksAsNull),
    ("EMPTYASNULL", Flag::EmptyAsNull),
    ("EXPLICIT_IDS", Flag::ExplicitIds),
    ("ROUNDEC", Flag::RoundEc),
    ("TRIMBLANKS", Flag::TrimBlanks),
    ("TRUNCATECOLUMNS", Flag::TruncateColumns),
    ("IGNOREALLERRORS", Flag::IgnoreAllErrors),
    ("NOLOAD", Flag::NoLoad),
    ("SERIALIZETOJSON", Flag::SerializeToJson),
];

pub(super) const COMPRESSIONS: [(&str, Compression); 4] = [
    ("GZIP", Compression::Gzip),
    ("BZIP2", Compression::Bzip2),
    ("LZOP", Compression::Lzop),
    ("ZSTD", Compression::Zstd),
];

pub(super) const ENCODINGS: [(&str, Encoding); 5] = [
    ("UTF8", Encoding::Utf8),
    ("UTF16", Encoding::Utf16),
    ("UTF16LE", Encoding::Utf16Le),
    ("UTF16BE", Encoding::Utf16Be),
    ("ISO88591", Encoding::Iso88591),
];

/// The key of a value in one of the tables above.
fn keyword_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(_, known)| known == value)
        .map(|(keyword, _)| *keyword)
        .expect("every value has a row in its table")
}

impl CopyOptions {
    /// Whether an option without argument was given.
    pub fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// The first option that parses but that the stand-in does not execute yet, by its name.
    pub fn unsupported(&self) -> Option<String> {
        let format = match &self.format {
            Format::Json(_) | Format::Text | Format::Csv | Format::FixedWidth(_) => None,
            Format::Avro(_) if self.encoding.is_some_and(|encoding| encoding != Encoding::Utf8) => {
                Some("AVRO with ENCODING")
            }
            Format::Avro(_) if self.ignore_header.is_some() => Some("AVRO with IGNOREHEADER"),
            Format::Avro(_) | Format::Parquet | Format::Orc => None,
            Format::Shapefile(_) => Some("SHAPEFILE"),
        };
        // Objects encrypted by S3 itself need no option.
        let encrypted = self.has(Flag::Encrypted).then_some("ENCRYPTED (client-side encryption)");
        encrypted.or(format).map(str::to_string)
    }
}

impl Display for CopyOptions {
    /// Each option with a blank before it.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        write!(formatter, "{}", self.format)?;
        if let Some(compression) = &self.compression {
            write!(formatter, " {}", keyword_of(&COMPRESSIONS, compression))?;
        }
        for flag in &self.flags {
            write!(formatter, " {}", keyword_of(&FLAGS, flag))?;
        }
        if let Some(encoding) = &self.encoding {
            write!(formatter, " ENCODING {}", keyword_of(&ENCODINGS, encoding))?;
        }
        if self.master_symmetric_key.is_some() {
            formatter.write_str(" MASTER_SYMMETRIC_KEY '***'")?;
        }
        let character = |value: &Option<char>| value.map(String::from);
        for (keyword, text) in [
            ("REGION", self.region.clone()),
            ("DELIMITER", self.delimiter.clone()),
            ("QUOTE", character(&self.quote)),
            ("NULL", self.null_as.clone()),
            ("ACCEPTINVCHARS", character(&self.accept_inv_chars)),
            ("DATEFORMAT", self.date_format.clone()),
            ("TIMEFORMAT", self.time_format.clone()),
        ] {
            if let Some(text) = text {
                write!(formatter, " {keyword} AS {}", quotes::literal(&text))?;
            }
        }
        for (keyword, number) in [
            ("IGNOREHEADER", self.ignore_header),
            ("MAXERROR", self.max_error),
            ("COMPROWS", self.comp_rows),
            ("READRATIO", self.read_ratio),
        ] {
            if let Some(number) = number {
                write!(formatter, " {keyword} {number}")?;
            }
        }
        match self.comp_update {
            None => {}
            Some(CompUpdate::Preset) => formatter.write_str(" COMPUPDATE PRESET")?,
            Some(CompUpdate::On) => formatter.write_str(" COMPUPDATE ON")?,
            Some(CompUpdate::Off) => formatter.write_str(" COMPUPDATE OFF")?,
        }
        match self.stat_update {
            None => Ok(()),
            Some(true) => formatter.write_str(" STATUPDATE ON"),
            Some(false) => formatter.write_str(" STATUPDATE OFF"),
        }
    }
}

impl Display for Format {
    /// Nothing for delimited text; else a blank and the format.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        match self {
            Format::Text => Ok(()),
            Format::Csv => formatter.write_str(" FORMAT AS CSV"),
            Format::FixedWidth(widths) => {
                write!(formatter, " FORMAT AS FIXEDWIDTH {}", quotes::literal(widths))
            }
            Format::Json(mapping) => write!(formatter, " FORMAT AS JSON {mapping}"),
            Format::Avro(mapping) => write!(formatter, " FORMAT AS AVRO {mapping}"),
            Format::Parquet => formatter.write_str(" FORMAT AS PARQUET"),
            Format::Orc => formatter.write_str(" FORMAT AS ORC"),
            Format::Shapefile(None) => formatter.write_str(" FORMAT AS SHAPEFILE"),
            Format::Shapefile(Some(simplify)) => {
                formatter.write_str(" FORMAT AS SHAPEFILE SIMPLIFY")?;
                if simplify.auto {
                    formatter.write_str(" AUTO")?;
                }
                match &simplify.tolerance {
                    Some(tolerance) => write!(formatter, " {}", quotes::literal(tolerance)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Display for Mapping {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> FormatResult {
        match self {
            Mapping::Auto => formatter.write_str("'auto'"),
            Mapping::AutoIgnoreCase => formatter.write_str("'auto ignorecase'"),
            Mapping::NoShred => formatter.write_str("'noshred'"),
            Mapping::Paths(source) => formatter.write_str(&quotes::literal(&source.to_string())),
        }
    }
}
