//! The directory at the end of a Parquet file (parquet-format, `parquet.thrift`).
//!
//! Row groups are read from it one at a time: a file may have any number of them.

use super::schema::{Element, SchemaTree};
use super::thrift::{Kind, Thrift};
use crate::copy::columnar::codec::Codec;
use crate::copy::columnar::input::{FileError, Input};
use crate::copy::columnar::spool::Spool;

/// A directory larger than this is a mistake.
const FOOTER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// More elements than that no table has ("Quotas and limits": 1,600 columns), nesting included.
const ELEMENTS_MAX: usize = 65_536;

const MAGIC: [u8; 4] = *b"PAR1";

pub(super) struct Footer {
    bytes: Vec<u8>,
    pub(super) schema: SchemaTree,
    /// Where the next row group is, and how many are left.
    next: usize,
    kind: Option<Kind>,
    left: usize,
}

/// One row group.
#[derive(Debug, Default)]
pub(super) struct RowGroup {
    pub(super) row_count: u64,
    /// In the order of the leaves of the schema.
    pub(super) chunks: Vec<Chunk>,
}

/// The values of one leaf in a row group.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) physical: i64,
    pub(super) codec: Codec,
    pub(super) value_count: u64,
    /// Where its first page is, and how long all are.
    pub(super) start: u64,
    pub(super) bytes: u64,
}

impl Footer {
    pub(super) fn read(spool: &mut Spool) -> Result<Footer, FileError> {
        let length = spool.length();
        let tail_at = length.checked_sub(12).ok_or(FileError::Truncated)? + 4;
        let bytes = spool.read(tail_at, 8)?;
        let mut tail = Input::new(&bytes);
        let footer_bytes = u64::from(u32::from_le_bytes(tail.array()?));
        match tail.array()? {
            MAGIC => {}
            [b'P', b'A', b'R', b'E'] => {
                return Err(FileError::Unsupported("encrypted Parquet".to_string()));
            }
            _ => return Err(FileError::Malformed("it does not end with PAR1")),
        }
        if footer_bytes > FOOTER_BYTES_MAX {
            let what = "its footer";
            let bytes_max = FOOTER_BYTES_MAX;
            return Err(FileError::TooLarge { what, bytes: footer_bytes, bytes_max });
        }
        let from = tail_at.checked_sub(footer_bytes).ok_or(FileError::Truncated)?;
        Footer::parse(spool.read(from, footer_bytes)?)
    }

    fn parse(bytes: Vec<u8>) -> Result<Footer, FileError> {
        let mut thrift = Thrift::new(Input::new(&bytes));
        thrift.root()?;
        let (mut schema, mut next, mut left, mut group_kind) = (None, 0, 0, None);
        while let Some((id, kind)) = thrift.field()? {
            match id {
                2 => schema = Some(read_schema(&mut thrift, kind)?),
                4 => {
                    let (count, kind) = thrift.list(kind)?;
                    (next, left, group_kind) = (thrift.position(), count, Some(kind));
                    for _ in 0..count {
                        thrift.skip_value(kind)?;
                    }
                }
                _ => thrift.skip(kind)?,
            }
        }
        let schema = schema.ok_or(FileError::Malformed("it has no schema"))?;
        Ok(Footer { schema, next, kind: group_kind, left, bytes })
    }

    pub(super) fn next_group(&mut self) -> Result<Option<RowGroup>, FileError> {
        let (Some(kind), true) = (self.kind, self.left > 0) else { return Ok(None) };
        let mut thrift = Thrift::new(Input::at(&self.bytes, self.next));
        let group = read_group(&mut thrift, kind)?;
        self.next = thrift.position();
        self.left -= 1;
        Ok(Some(group))
    }
}

fn read_schema(thrift: &mut Thrift<'_>, kind: Kind) -> Result<SchemaTree, FileError> {
    let (count, kind) = thrift.list(kind)?;
    if count > ELEMENTS_MAX {
        return Err(FileError::Malformed("it has too many columns"));
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(read_element(thrift, kind)?);
    }
    SchemaTree::new(elements)
}

fn read_element(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Element, FileError> {
    let mut element = Element::default();
    thrift.structure(kind)?;
    while let Some((id, kind)) = thrift.field()? {
        match id {
            1 => element.physical = Some(thrift.integer(kind)?),
            2 => element.length = thrift.integer(kind)?,
            3 => element.repetition = thrift.integer(kind)?,
            4 => element.name = String::from_utf8_lossy(thrift.binary(kind)?).into_owned(),
            5 => element.child_count = thrift.integer(kind)?,
            6 => element.converted = Some(thrift.integer(kind)?),
            7 => element.scale = thrift.integer(kind)?,
            8 => element.precision = thrift.integer(kind)?,
            10 => read_logical(thrift, kind, &mut element)?,
            _ => thrift.skip(kind)?,
        }
    }
    Ok(element)
}

/// The union `LogicalType`: which member it is, and what of the member counts.
fn read_logical(
    thrift: &mut Thrift<'_>,
    kind: Kind,
    element: &mut Element,
) -> Result<(), FileError> {
    thrift.structure(kind)?;
    while let Some((member, kind)) = thrift.field()? {
        element.logical = Some(member);
        thrift.structure(kind)?;
        while let Some((id, kind)) = thrift.field()? {
            match (member, id) {
                (5, 1) => element.scale = thrift.integer(kind)?,
                (5, 2) => element.precision = thrift.integer(kind)?,
                (7 | 8, 2) => {
                    thrift.structure(kind)?;
                    while let Some((unit, kind)) = thrift.field()? {
                        element.time_unit = Some(unit);
                        thrift.skip(kind)?;
                    }
                }
                (10, 1) => element.bit_width = thrift.integer(kind)?,
                (10, 2) => element.unsigned = !thrift.boolean(kind)?,
                _ => thrift.skip(kind)?,
            }
        }
    }
    Ok(())
}

fn read_group(thrift: &mut Thrift<'_>, kind: Kind) -> Result<RowGroup, FileError> {
    let mut group = RowGroup::default();
    thrift.structure(kind)?;
    while let Some((id, kind)) = thrift.field()? {
        match id {
            1 => {
                let (count, kind) = thrift.list(kind)?;
                for _ in 0..count {
                    group.chunks.push(read_chunk(thrift, kind)?);
                }
            }
            3 => {
                let rows = u64::try_from(thrift.integer(kind)?);
                group.row_count = rows.map_err(|_| FileError::Malformed("negative row count"))?;
            }
            _ => thrift.skip(kind)?,
        }
    }
    Ok(group)
}

fn read_chunk(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Chunk, FileError> {
    let mut chunk = None;
    thrift.structure(kind)?;
    while let Some((id, kind)) = thrift.field()? {
        match id {
            1 => {
                thrift.binary(kind)?;
                return Err(FileError::Unsupported("Parquet in several files".to_string()));
            }
            3 => chunk = Some(read_chunk_metadata(thrift, kind)?),
            _ => thrift.skip(kind)?,
        }
    }
    chunk.ok_or(FileError::Malformed("a column has no metadata"))
}

fn read_chunk_metadata(thrift: &mut Thrift<'_>, kind: Kind) -> Result<Chunk, FileError> {
    let (mut physical, mut codec, mut values, mut bytes) = (0, 0, 0, 0);
    let (mut data, mut dictionary) = (0, None);
    thrift.structure(kind)?;
    while let Some((id, kind)) = thrift.field()? {
        match id {
            1 => physical = thrift.integer(kind)?,
            4 => codec = thrift.integer(kind)?,
            5 => values = thrift.integer(kind)?,
            7 => bytes = thrift.integer(kind)?,
            9 => data = thrift.integer(kind)?,
            11 => dictionary = Some(thrift.integer(kind)?),
            _ => thrift.skip(kind)?,
        }
    }
    let start = match dictionary {
        // Some writers put a 0 where there is no dictionary.
        Some(dictionary) if 0 < dictionary && dictionary < data => dictionary,
        _ => data,
    };
    let unsigned = |value: i64| {
        u64::try_from(value).map_err(|_| FileError::Malformed("negative number in its footer"))
    };
    Ok(Chunk {
        physical,
        codec: codec_of(codec)?,
        value_count: unsigned(values)?,
        start: unsigned(start)?,
        bytes: unsigned(bytes)?,
    })
}

fn codec_of(code: i64) -> Result<Codec, FileError> {
    Ok(match code {
        0 => Codec::Plain,
        1 => Codec::Snappy,
        2 => Codec::Gzip,
        3 => return Err(FileError::Unsupported("Parquet compressed with LZO".to_string())),
        4 => return Err(FileError::Unsupported("Parquet compressed with Brotli".to_string())),
        5 => Codec::Lz4Hadoop,
        6 => Codec::Zstd,
        7 => Codec::Lz4,
        _ => return Err(FileError::Malformed("unknown compression")),
    })
}
