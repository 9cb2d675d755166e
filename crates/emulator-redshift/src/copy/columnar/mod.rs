//! AVRO, PARQUET and ORC: from a file to rows of text (Database Developer Guide, "Data format
//! parameters", "COPY from columnar data formats"; §9).
//!
//! One blocking thread reads a file row by row; the workers convert the text by the same rules as
//! that of any other format. Avro is read as a stream; the other two have their directory at the
//! end, so the object is first put where any place of it can be read. The readers are our own: they
//! check every length against the bytes there are, keep one page or chunk of each column, and have
//! nothing that panics.

mod avro;
mod budget;
mod codec;
mod fields;
mod input;
mod orc;
mod parquet;
mod rows;
mod scalar;
mod spool;
mod text;

use std::io::BufRead;
use std::sync::Arc;

use tokio::sync::mpsc;

use self::fields::{FieldGroup, RowSink};
use self::input::FileError;
pub(super) use self::rows::{ValueRules, convert};
use self::spool::Spool;
use super::decode::codec::decompress;
use super::decode::pieces::PieceReader;
use super::decode::{each_object, read_failure};
use super::failure::{CopyFailure, Refusal, SCAN_ERROR_CODE};
use super::fetch::OpenObject;
use super::options::{Compression, CopyOptions, Flag, Format, Mapping};
use super::target::{ColumnType, TargetColumn};

/// What is needed to read a file.
#[derive(Debug, Clone)]
pub(super) struct FileLayout {
    format: FileFormat,
    columns: Arc<[TargetColumn]>,
    /// FILLRECORD
    fill_record: bool,
    /// SERIALIZETOJSON
    serialize_to_json: bool,
    /// The compression that the statement names.
    compression: Option<Compression>,
    region: String,
}

#[derive(Debug, Clone)]
enum FileFormat {
    Avro(avro::Reading),
    Parquet,
    Orc,
}

impl FileLayout {
    /// `None` if the format is not of this folder.
    pub(super) fn new(
        options: &CopyOptions,
        columns: &[TargetColumn],
        region: &str,
    ) -> Option<FileLayout> {
        let format = match &options.format {
            Format::Avro(mapping) => FileFormat::Avro(avro::Reading {
                ignore_case: *mapping == Mapping::AutoIgnoreCase,
                whole_records: matches!(mapping, Mapping::Paths(_) | Mapping::NoShred),
                // Then a timestamp is read from its number, as that of any other format.
                numeric_times: matches!(
                    options.time_format.as_deref(),
                    Some("epochsecs" | "epochmillisecs")
                ),
            }),
            Format::Parquet => FileFormat::Parquet,
            Format::Orc => FileFormat::Orc,
            _ => return None,
        };
        Some(FileLayout {
            format,
            columns: columns.into(),
            fill_record: options.has(Flag::FillRecord),
            serialize_to_json: options.has(Flag::SerializeToJson),
            compression: options.compression,
            region: region.to_string(),
        })
    }

    /// Whether the file needs no more columns of the table than it has.
    fn accepts_width(&self, file_columns: usize) -> bool {
        let table_columns = self.columns.len();
        file_columns == table_columns
            || (self.fill_record && 0 < file_columns && file_columns < table_columns)
    }

    /// Whether a nested column can go into this one: SERIALIZETOJSON, into SUPER ("Loading
    /// semistructured data into Amazon Redshift").
    fn takes_nested(&self, column: &TargetColumn) -> bool {
        self.serialize_to_json && column.column_type == ColumnType::Super
    }

    fn format_name(&self) -> &'static str {
        match self.format {
            FileFormat::Avro(_) => "AVRO",
            FileFormat::Parquet => "Parquet",
            FileFormat::Orc => "ORC",
        }
    }
}

/// Why the reading of a file ended early.
#[derive(Debug, thiserror::Error)]
enum ScanError {
    #[error(transparent)]
    File(#[from] FileError),
    /// What Redshift Spectrum says of a file that is sound but does not fit.
    #[error("{0}")]
    Mismatch(String),
    /// The load ended for another reason.
    #[error(transparent)]
    Failed(#[from] CopyFailure),
}

/// Reads all objects and sends their rows, in order. An error is sent as the last thing. Blocks.
pub(super) fn decode_objects(
    layout: &FileLayout,
    objects: mpsc::Receiver<Result<OpenObject, CopyFailure>>,
    groups: &mpsc::Sender<Result<FieldGroup, CopyFailure>>,
    nothing_found: Refusal,
) {
    let outcome =
        each_object(objects, nothing_found, |object| decode_object(layout, object, groups));
    if let Err(failure) = outcome {
        // A closed channel means that the load ended for another reason.
        let _ = groups.blocking_send(Err(failure));
    }
}

/// Whether the object exists.
fn decode_object(
    layout: &FileLayout,
    object: OpenObject,
    groups: &mpsc::Sender<Result<FieldGroup, CopyFailure>>,
) -> Result<bool, CopyFailure> {
    let url: Arc<str> = object.url.as_str().into();
    let mut reader = PieceReader::new(object.pieces);
    if !reader.exists()? {
        return Ok(false);
    }
    let width = match &layout.format {
        FileFormat::Avro(reading) if reading.whole_records => 1,
        _ => layout.columns.len(),
    };
    let sink = RowSink::new(groups, url.clone(), width);
    let progress = reader.progress();
    let compression = match layout.format {
        FileFormat::Avro(_) => layout.compression,
        _ => compression_of_name(&url),
    };
    let fail = |error| read_failure(&url, compression, &progress, &error);
    let columnar = !matches!(layout.format, FileFormat::Avro(_));
    let plain = columnar && begins_as_columnar(reader.fill_buf().map_err(fail)?);
    let compression = compression.filter(|_| !plain);
    let fail = |error| read_failure(&url, compression, &progress, &error);
    let mut source = decompress(compression, reader).map_err(fail)?;
    if let FileFormat::Avro(reading) = &layout.format {
        return match avro::read(&mut source, &progress, *reading, &layout.columns, sink) {
            Ok(()) => Ok(true),
            Err(ScanError::Failed(failure)) => Err(failure),
            Err(error) => Err(fail(std::io::Error::other(error))),
        };
    }
    let refuse = |error| refusal(&url, layout, error);
    let mut spool = Spool::fill(&mut source).map_err(|error| match error {
        FileError::Unreadable(error) => fail(error),
        error => refuse(error.into()),
    })?;
    let bytes = progress.bytes_read();
    if object.content_length.is_some_and(|length| length != bytes) {
        let message = "HTTP response error code: 416 Message: InvalidRange The requested range is \
                       not satisfiable";
        return Err(Refusal::internal(SCAN_ERROR_CODE, message, object.url).into());
    }
    // An empty object has no rows, as one of any other format. [?]
    if spool.length() == 0 {
        return sink.finish(&progress).map(|()| true);
    }
    let outcome = match layout.format {
        FileFormat::Orc => orc::read(&mut spool, layout, &url, sink),
        _ => parquet::read(&mut spool, layout, &url, sink),
    };
    let sink = outcome.map_err(refuse)?;
    sink.finish(&progress).map(|()| true)
}

/// "If the file includes one of these extensions, we decompress the data": .gz and .bz2 at the end
/// of its name. A .snappy file has its pages compressed, which it says itself.
fn compression_of_name(url: &str) -> Option<Compression> {
    let extensions = [(".gz", Compression::Gzip), (".bz2", Compression::Bzip2)];
    let found = extensions.into_iter().find(|(extension, _)| url.ends_with(extension));
    found.map(|(_, compression)| compression)
}

/// A file of that name whose pages alone are compressed (`x.parquet.gz` as Spark and others call
/// it) begins as any other: with `PAR1` or `ORC`, where `.gz` and `.bz2` begin with other bytes.
fn begins_as_columnar(bytes: &[u8]) -> bool {
    let begins = |magic: &[u8]| magic.starts_with(&bytes[..bytes.len().min(magic.len())]);
    !bytes.is_empty() && (begins(b"PAR1") || begins(b"ORC"))
}

/// Where Spectrum reads an object from, as its messages write it.
fn https_url(url: &str, region: &str) -> String {
    let path = url.strip_prefix("s3://").unwrap_or(url);
    format!("https://s3.{region}.amazonaws.com/{path}")
}

fn scan_refusal(context: String) -> Refusal {
    Refusal::internal(SCAN_ERROR_CODE, "Spectrum Scan Error", context)
}

fn refusal(url: &str, layout: &FileLayout, error: ScanError) -> CopyFailure {
    let file = https_url(url, &layout.region);
    let name = layout.format_name();
    match error {
        ScanError::Failed(failure) => failure,
        ScanError::Mismatch(context) => scan_refusal(context).into(),
        ScanError::File(FileError::Unsupported(what)) => Refusal::not_emulated(&what).into(),
        ScanError::File(error) => {
            scan_refusal(format!("File '{file}' is not a valid {name} file: {error}.")).into()
        }
    }
}

/// The message for a file with another number of columns than the load.
fn unmatched_columns(layout: &FileLayout, url: &str, file_columns: usize) -> ScanError {
    ScanError::Mismatch(format!(
        "Unmatched number of columns between table and file. Table columns: {}, Data columns: \
         {file_columns}, File name: {}",
        layout.columns.len(),
        https_url(url, &layout.region),
    ))
}

/// The message for a column whose type the table's column cannot take; `schema` is the file's own
/// description of it.
fn incompatible(
    layout: &FileLayout,
    url: &str,
    name: &str,
    column: &TargetColumn,
    schema: &str,
) -> ScanError {
    let format = layout.format_name();
    ScanError::Mismatch(format!(
        "File '{}' has an incompatible {format} schema for column '{url}.{name}'. Column type: {}, \
         {format} schema:\n{schema}",
        https_url(url, &layout.region),
        scalar::spectrum_name(&column.column_type),
    ))
}
