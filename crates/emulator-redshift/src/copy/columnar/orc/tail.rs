//! The directory at the end of an ORC file, and that of a stripe (ORC specification v1, "File tail",
//! "Stripes").

use super::protobuf;
use super::stream::{Compression, Stream};
use crate::copy::columnar::budget::Held;
use crate::copy::columnar::codec::Codec;
use crate::copy::columnar::input::FileError;
use crate::copy::columnar::spool::Spool;

/// A directory larger than this is a mistake.
const FOOTER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Writers use 64 to 256 KiB.
const BLOCK_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Tail {
    pub(super) compression: Compression,
    pub(super) stripes: Vec<Stripe>,
    pub(super) types: Vec<Type>,
}

/// A stripe: rows, columns by columns.
#[derive(Debug, Clone, Default)]
pub(super) struct Stripe {
    offset: u64,
    index_bytes: u64,
    data_bytes: u64,
    footer_bytes: u64,
    pub(super) row_count: u64,
}

/// A type; its parts are further types.
#[derive(Debug, Default)]
pub(super) struct Type {
    pub(super) kind: u64,
    pub(super) parts: Vec<u64>,
    pub(super) names: Vec<String>,
    pub(super) precision: u64,
    pub(super) scale: u64,
}

/// Where the streams of a stripe are, and how its columns are encoded.
#[derive(Debug, Default)]
pub(super) struct StripeFooter {
    /// Kind, column, first byte, bytes.
    pub(super) streams: Vec<(u64, u64, u64, u64)>,
    /// Kind and the size of the dictionary, for each type.
    pub(super) encodings: Vec<(u64, u64)>,
    pub(super) time_zone: String,
}

impl Tail {
    pub(super) fn read(spool: &mut Spool) -> Result<Tail, FileError> {
        let last = spool.length().checked_sub(1).ok_or(FileError::Truncated)?;
        let length = u64::from(spool.read(last, 1)?[0]);
        let at = last.checked_sub(length).ok_or(FileError::Truncated)?;
        let postscript = spool.read(at, length)?;
        let (mut footer_bytes, mut codec, mut block_bytes, mut magic) = (0, 0, 262_144, &[][..]);
        protobuf::read(&postscript, |field, value| {
            match field {
                1 => footer_bytes = value.number()?,
                2 => codec = value.number()?,
                3 => block_bytes = value.number()?,
                8000 => magic = value.bytes()?,
                _ => {}
            }
            Ok(())
        })
        .map_err(|_| not_orc())?;
        if magic != b"ORC" {
            return Err(not_orc());
        }
        if block_bytes > BLOCK_BYTES_MAX {
            let what = "a compression block";
            let bytes_max = BLOCK_BYTES_MAX;
            return Err(FileError::TooLarge { what, bytes: block_bytes, bytes_max });
        }
        let codec = codec_of(codec)?;
        let compression = Compression { codec, block_bytes: block_bytes as usize };
        let from = at.checked_sub(footer_bytes).ok_or(FileError::Truncated)?;
        let mut footer = Stream::new(compression, from, at, Held::default())?;
        let footer = footer.read_all(spool, FOOTER_BYTES_MAX)?;
        Tail::parse(compression, &footer)
    }

    fn parse(compression: Compression, footer: &[u8]) -> Result<Tail, FileError> {
        let (mut stripes, mut types) = (Vec::new(), Vec::new());
        protobuf::read(footer, |field, value| {
            match field {
                3 => stripes.push(read_stripe(value.bytes()?)?),
                4 => types.push(read_type(value.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Tail { compression, stripes, types })
    }
}

fn not_orc() -> FileError {
    FileError::Malformed("it does not end as an ORC file")
}

fn codec_of(code: u64) -> Result<Option<Codec>, FileError> {
    Ok(match code {
        0 => None,
        1 => Some(Codec::Deflate),
        2 => Some(Codec::Snappy),
        3 => return Err(FileError::Unsupported("ORC compressed with LZO".to_string())),
        4 => Some(Codec::Lz4),
        5 => Some(Codec::Zstd),
        _ => return Err(FileError::Malformed("unknown compression")),
    })
}

fn read_stripe(message: &[u8]) -> Result<Stripe, FileError> {
    let mut stripe = Stripe::default();
    protobuf::read(message, |field, value| {
        match field {
            1 => stripe.offset = value.number()?,
            2 => stripe.index_bytes = value.number()?,
            3 => stripe.data_bytes = value.number()?,
            4 => stripe.footer_bytes = value.number()?,
            5 => stripe.row_count = value.number()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(stripe)
}

fn read_type(message: &[u8]) -> Result<Type, FileError> {
    let mut read = Type::default();
    protobuf::read(message, |field, value| {
        match field {
            1 => read.kind = value.number()?,
            2 => value.numbers(&mut read.parts)?,
            3 => read.names.push(String::from_utf8_lossy(value.bytes()?).into_owned()),
            5 => read.precision = value.number()?,
            6 => read.scale = value.number()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(read)
}

impl StripeFooter {
    pub(super) fn read(
        spool: &mut Spool,
        compression: Compression,
        stripe: &Stripe,
    ) -> Result<StripeFooter, FileError> {
        let after = |at: u64, bytes: u64| at.checked_add(bytes).ok_or(FileError::Truncated);
        let from = after(after(stripe.offset, stripe.index_bytes)?, stripe.data_bytes)?;
        let to = after(from, stripe.footer_bytes)?;
        let mut stream = Stream::new(compression, from, to, Held::default())?;
        let message = stream.read_all(spool, FOOTER_BYTES_MAX)?;
        let mut footer = StripeFooter::default();
        let mut offset = stripe.offset;
        protobuf::read(&message, |field, value| {
            match field {
                1 => {
                    let (kind, column, bytes) = read_three(value.bytes()?)?;
                    footer.streams.push((kind, column, offset, bytes));
                    offset = after(offset, bytes)?;
                }
                2 => {
                    let (kind, size, _) = read_three(value.bytes()?)?;
                    footer.encodings.push((kind, size));
                }
                3 => footer.time_zone = String::from_utf8_lossy(value.bytes()?).into_owned(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(footer)
    }
}

/// The first three fields, all numbers.
fn read_three(message: &[u8]) -> Result<(u64, u64, u64), FileError> {
    let mut numbers = [0; 3];
    protobuf::read(message, |field, value| {
        if let 1..=3 = field {
            numbers[field as usize - 1] = value.number()?;
        }
        Ok(())
    })?;
    Ok((numbers[0], numbers[1], numbers[2]))
}
