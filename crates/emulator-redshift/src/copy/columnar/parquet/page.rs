//! Pages: their headers, and their bytes decompressed (parquet-format, "Data pages").

use super::footer::Chunk;
use super::thrift::Thrift;
use crate::copy::columnar::codec::decompress;
use crate::copy::columnar::input::{FileError, Input};
use crate::copy::columnar::spool::Spool;

/// A page may not be larger, compressed or not. Writers aim at 1 MiB.
pub(super) const PAGE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How much is read for a header; again with more if it is longer (it may have statistics).
const HEADER_BYTES: [u64; 3] = [4 * 1024, 64 * 1024, 4 * 1024 * 1024];

/// What a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Dictionary,
    /// Levels and values are compressed together, each level after its length.
    DataV1,
    /// Only values are compressed; levels stand before them.
    DataV2 {
        repetition_bytes: usize,
        definition_bytes: usize,
    },
    /// Nothing that is read.
    Other,
}

pub(super) struct Page {
    pub(super) content: Content,
    pub(super) value_count: u64,
    pub(super) encoding: i64,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
struct Header {
    kind: i64,
    bytes: i64,
    stored_bytes: i64,
    value_count: i64,
    encoding: i64,
    level_encoding: i64,
    repetition_bytes: i64,
    definition_bytes: i64,
    plain: bool,
}

/// Reads the page at `at`, which is moved behind it.
pub(super) fn read_page(
    spool: &mut Spool,
    chunk: &Chunk,
    at: &mut u64,
    end: u64,
) -> Result<Page, FileError> {
    let (header, header_bytes) = read_header(spool, *at, end)?;
    let size = |bytes: i64| -> Result<u64, FileError> {
        let bytes = u64::try_from(bytes).map_err(|_| FileError::Malformed("negative page size"))?;
        match bytes > PAGE_BYTES_MAX {
            true => Err(FileError::TooLarge { what: "a page", bytes, bytes_max: PAGE_BYTES_MAX }),
            false => Ok(bytes),
        }
    };
    let (bytes, stored_bytes) = (size(header.bytes)? as usize, size(header.stored_bytes)?);
    let from = at.checked_add(header_bytes).ok_or(FileError::Truncated)?;
    *at = from.checked_add(stored_bytes).filter(|at| *at <= end).ok_or(FileError::Truncated)?;
    let content = match header.kind {
        0 => Content::DataV1,
        2 => Content::Dictionary,
        3 => Content::DataV2 {
            repetition_bytes: size(header.repetition_bytes)? as usize,
            definition_bytes: size(header.definition_bytes)? as usize,
        },
        _ => Content::Other,
    };
    if content == Content::DataV1 && header.level_encoding != 3 {
        return Err(FileError::Unsupported("Parquet with bit-packed levels".to_string()));
    }
    let stored = match content {
        Content::Other => Vec::new(),
        _ => spool.read(from, stored_bytes)?,
    };
    let mut page = Vec::new();
    match content {
        Content::DataV2 { repetition_bytes, definition_bytes } => {
            let levels = repetition_bytes + definition_bytes;
            let (levels, values) = stored.split_at_checked(levels).ok_or(FileError::Truncated)?;
            let room = bytes.checked_sub(levels.len()).ok_or(FileError::Truncated)?;
            let mut decompressed = Vec::new();
            page = levels.to_vec();
            match header.plain || values.is_empty() {
                true => page.extend_from_slice(values),
                false => {
                    decompress(chunk.codec, values, room, &mut decompressed)?;
                    page.extend_from_slice(&decompressed);
                }
            }
        }
        Content::Other => {}
        _ => decompress(chunk.codec, &stored, bytes, &mut page)?,
    }
    let value_count = u64::try_from(header.value_count)
        .map_err(|_| FileError::Malformed("negative value count"))?;
    Ok(Page { content, value_count, encoding: header.encoding, bytes: page })
}

fn read_header(spool: &mut Spool, at: u64, end: u64) -> Result<(Header, u64), FileError> {
    let room = end.checked_sub(at).ok_or(FileError::Truncated)?;
    for bytes_max in HEADER_BYTES {
        let bytes = spool.read_up_to(at, bytes_max.min(room))?;
        let mut thrift = Thrift::new(Input::new(&bytes));
        match parse_header(&mut thrift) {
            Ok(header) => return Ok((header, thrift.position() as u64)),
            Err(FileError::Truncated) if bytes.len() as u64 == bytes_max => {}
            Err(error) => return Err(error),
        }
    }
    Err(FileError::Malformed("a page header is too long"))
}

fn parse_header(thrift: &mut Thrift<'_>) -> Result<Header, FileError> {
    let mut header = Header { level_encoding: 3, ..Header::default() };
    thrift.root()?;
    while let Some((id, kind)) = thrift.field()? {
        match id {
            1 => header.kind = thrift.integer(kind)?,
            2 => header.bytes = thrift.integer(kind)?,
            3 => header.stored_bytes = thrift.integer(kind)?,
            // DataPageHeader, DictionaryPageHeader, DataPageHeaderV2
            5 | 7 | 8 => {
                thrift.structure(kind)?;
                while let Some((part, kind)) = thrift.field()? {
                    match (id, part) {
                        (_, 1) => header.value_count = thrift.integer(kind)?,
                        (5 | 7, 2) | (8, 4) => header.encoding = thrift.integer(kind)?,
                        (5, 3) => header.level_encoding = thrift.integer(kind)?,
                        (8, 5) => header.definition_bytes = thrift.integer(kind)?,
                        (8, 6) => header.repetition_bytes = thrift.integer(kind)?,
                        (8, 7) => header.plain = !thrift.boolean(kind)?,
                        _ => thrift.skip(kind)?,
                    }
                }
            }
            _ => thrift.skip(kind)?,
        }
    }
    Ok(header)
}
