//! Decompression of an object (Database Developer Guide, "File compression parameters").
//!
//! The codec is the statement's, never guessed. Members and frames are read to the last.

mod lzo1x;
mod lzop;
mod zstd;

use std::io::{BufRead, Read, Result as IoResult};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use self::lzop::LzopReader;
use self::zstd::ZstdReader;
use crate::copy::options::Compression;

/// The uncompressed bytes of an object. An empty object has no member, and no rows.
///
/// # Errors
/// An object that cannot be read.
pub(in crate::copy) fn decompress<'a>(
    compression: Option<Compression>,
    mut reader: impl BufRead + 'a,
) -> IoResult<Box<dyn Read + 'a>> {
    if reader.fill_buf()?.is_empty() {
        return Ok(Box::new(std::io::empty()));
    }
    Ok(match compression {
        None => Box::new(reader),
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(reader)),
        Some(Compression::Bzip2) => Box::new(MultiBzDecoder::new(reader)),
        Some(Compression::Zstd) => Box::new(ZstdReader::new(reader)),
        Some(Compression::Lzop) => Box::new(LzopReader::new(reader)),
    })
}

#[cfg(test)]
mod tests;
