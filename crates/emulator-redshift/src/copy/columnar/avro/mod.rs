//! AVRO: object container files (Avro specification 1.11, "Object container files"; Database
//! Developer Guide, "Data format parameters", AVRO).
//!
//! The root is a record whose fields go into the columns of their names; what has no column is
//! passed over, a column without a field is NULL. What is wrong with a file is an error of the row
//! where it was found, as the service reports it, and ends the load.

mod schema;
mod value;

use std::io::{BufReader, Read};

use self::schema::{Node, NodeId, Schema};
use self::value::Values;
use super::ScanError;
use super::codec::{Codec, decompress};
use super::fields::{ROW_BYTES_MAX, RowSink};
use super::input::{FileError, Input, unzigzag};
use super::scalar::Style;
use crate::copy::decode::pieces::Progress;
use crate::copy::target::TargetColumn;

/// "The maximum size of the Avro file header is 1 MB."
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// "The maximum size of a single Avro data block is 4 MB."
const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that are taken from the object in one go.
const READ_BYTES: usize = 64 * 1024;

/// What the statement says of reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// 'auto ignorecase'
    pub(super) ignore_case: bool,
    /// Each row has one field, its record as JSON: a JSONPaths file says what becomes of it.
    pub(super) whole_records: bool,
    /// Timestamps stay numbers, for TIMEFORMAT 'epochsecs' and 'epochmillisecs'.
    pub(super) numeric_times: bool,
}

/// Reads a file to its end. Its own faults go to the sink.
pub(super) fn read(
    source: impl Read,
    progress: &Progress,
    reading: Reading,
    columns: &[TargetColumn],
    mut sink: RowSink<'_>,
) -> Result<(), ScanError> {
    let mut stream = Stream { reader: BufReader::with_capacity(READ_BYTES, source), read: 0 };
    match read_blocks(&mut stream, reading, columns, &mut sink) {
        Ok(()) => Ok(sink.finish(progress)?),
        Err(ScanError::File(error @ FileError::Unreadable(_))) => Err(error.into()),
        Err(ScanError::File(error)) => {
            sink.drop_row();
            Ok(sink.finish_broken(reason(&error))?)
        }
        Err(error) => Err(error),
    }
}

/// In the words of the service ([wild]: databricks/spark-redshift #96).
fn reason(error: &FileError) -> String {
    match error {
        FileError::Truncated => "Invalid AVRO file found. Unexpected end of AVRO file.".to_string(),
        error => format!("Invalid AVRO file found. {error}."),
    }
}

fn read_blocks(
    stream: &mut Stream<impl Read>,
    reading: Reading,
    columns: &[TargetColumn],
    sink: &mut RowSink<'_>,
) -> Result<(), ScanError> {
    let header = read_header(stream)?;
    let (schema, root) = Schema::parse(&header.schema)?;
    let Node::Record(fields) = schema.get(root) else {
        return Err(FileError::Malformed("Its root is not a record").into());
    };
    let fields = match reading.whole_records {
        true => vec![(root, Some(0))],
        false => columns_of(fields, columns, reading.ignore_case),
    };
    let (mut block, mut records) = (Vec::new(), Vec::new());
    let mut block_count = 0_u64;
    while let Some(record_count) = stream.long_or_end()? {
        let size = stream.long()?;
        stream.take(size, BLOCK_BYTES_MAX, "a block", &mut block)?;
        if stream.array::<16>()? != header.sync {
            return Err(FileError::Malformed("A block has no sync marker").into());
        }
        header.codec.decompress(&block, &mut records)?;
        let mut values = Values::new(&schema, &records, reading.numeric_times);
        for _ in 0..record_count {
            sink.begin_row();
            for (field, column) in &fields {
                let Some(column) = *column else {
                    values.skip(*field)?;
                    continue;
                };
                let start = sink.out().len();
                let style = match reading.whole_records {
                    true => Style::Json,
                    false => Style::of(&columns[column].column_type),
                };
                let kind = values.field(*field, style, sink.out())?;
                sink.set(column, kind, start);
            }
            values.count_record()?;
            if sink.row_is_too_large() {
                let bytes_max = ROW_BYTES_MAX as u64;
                let bytes = bytes_max + 1;
                return Err(FileError::TooLarge { what: "a row", bytes, bytes_max }.into());
            }
            sink.end_row()?;
        }
        if values.input.remaining() > 0 || record_count < 0 {
            return Err(FileError::Malformed("A block has more bytes than its records").into());
        }
        block_count += 1;
    }
    match block_count {
        0 => Err(FileError::Truncated.into()),
        _ => Ok(()),
    }
}

/// The column of each field. Of two fields for one column the last one counts. [?]
fn columns_of(
    fields: &[(String, NodeId)],
    columns: &[TargetColumn],
    ignore_case: bool,
) -> Vec<(NodeId, Option<usize>)> {
    let same = |field: &str, column: &str| match ignore_case {
        true => field.to_lowercase() == column.to_lowercase(),
        false => field == column,
    };
    let place = |name: &str| columns.iter().position(|column| same(name, &column.name));
    fields.iter().map(|(name, node)| (*node, place(name))).collect()
}

struct Header {
    schema: Vec<u8>,
    codec: BlockCodec,
    sync: [u8; 16],
}

fn read_header(stream: &mut Stream<impl Read>) -> Result<Header, FileError> {
    if stream.array()? != *b"Obj\x01" {
        return Err(FileError::Malformed("It does not begin as an AVRO file"));
    }
    let (mut schema, mut codec) = (None, BlockCodec::Null);
    let (mut key, mut value) = (Vec::new(), Vec::new());
    loop {
        let mut count = stream.long()?;
        if count == 0 {
            break;
        }
        if count < 0 {
            stream.long()?;
            count = count.checked_neg().ok_or(FileError::Malformed("Its header is wrong"))?;
        }
        for _ in 0..count {
            for part in [&mut key, &mut value] {
                let length = stream.long()?;
                let room = HEADER_BYTES_MAX.saturating_sub(stream.read);
                stream.take(length, room, "the header", part)?;
            }
            match key.as_slice() {
                b"avro.schema" => schema = Some(std::mem::take(&mut value)),
                b"avro.codec" => codec = BlockCodec::of_name(&value)?,
                _ => {}
            }
        }
    }
    let schema = schema.ok_or(FileError::Malformed("It has no schema"))?;
    Ok(Header { schema, codec, sync: stream.array()? })
}

/// The codecs that the guide names.
#[derive(Debug, Clone, Copy)]
enum BlockCodec {
    Null,
    Deflate,
    Snappy,
}

impl BlockCodec {
    fn of_name(name: &[u8]) -> Result<BlockCodec, FileError> {
        match name {
            b"null" | b"" => Ok(BlockCodec::Null),
            b"deflate" => Ok(BlockCodec::Deflate),
            b"snappy" => Ok(BlockCodec::Snappy),
            _ => Err(FileError::Malformed("Its codec is none of null, deflate and snappy")),
        }
    }

    fn decompress(self, block: &[u8], out: &mut Vec<u8>) -> Result<(), FileError> {
        match self {
            BlockCodec::Null => decompress(Codec::Plain, block, BLOCK_BYTES_MAX, out),
            BlockCodec::Deflate => decompress(Codec::Deflate, block, BLOCK_BYTES_MAX, out),
            BlockCodec::Snappy => {
                let mut input = Input::new(block);
                let compressed = input.take(block.len().saturating_sub(4))?;
                let checksum = u32::from_be_bytes(input.array()?);
                decompress(Codec::Snappy, compressed, BLOCK_BYTES_MAX, out)?;
                let mut crc = flate2::Crc::new();
                crc.update(out);
                match crc.sum() == checksum {
                    true => Ok(()),
                    false => Err(FileError::Malformed("A block has another checksum")),
                }
            }
        }
    }
}

/// The bytes of a file as they come.
struct Stream<R> {
    reader: R,
    read: usize,
}

impl<R: Read> Stream<R> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), FileError> {
        self.read = self.read.saturating_add(buffer.len());
        self.reader.read_exact(buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => FileError::Truncated,
            _ => error.into(),
        })
    }

    fn long(&mut self) -> Result<i64, FileError> {
        self.long_or_end()?.ok_or(FileError::Truncated)
    }

    /// `None` if the file ends before the number.
    fn long_or_end(&mut self) -> Result<Option<i64>, FileError> {
        let mut bytes = [0; 10];
        for index in 0..bytes.len() {
            match self.array() {
                Ok([byte]) => bytes[index] = byte,
                Err(FileError::Truncated) if index == 0 => return Ok(None),
                Err(error) => return Err(error),
            }
            if bytes[index] & 0x80 == 0 {
                return Input::new(&bytes[..=index]).varint().map(unzigzag).map(Some);
            }
        }
        Err(FileError::Malformed("It has a number of more than 64 bits"))
    }

    /// Replaces `out` by as many bytes as the file says, if they are no more than allowed.
    fn take(
        &mut self,
        count: i64,
        bytes_max: usize,
        what: &'static str,
        out: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        let count =
            u64::try_from(count).map_err(|_| FileError::Malformed("Its length is wrong"))?;
        if count > bytes_max as u64 {
            let bytes_max = bytes_max as u64;
            return Err(FileError::TooLarge { what, bytes: count, bytes_max });
        }
        out.resize(count as usize, 0);
        self.fill(out)
    }
}
