//! Decompression of an object (Database Developer Guide, "File compression parameters").
//!
//! The codec is the statement's, never guessed. Concatenated gzip members are read to the end.

use std::io::{BufRead, Read, Result as IoResult};

use flate2::bufread::MultiGzDecoder;

use super::pieces::PieceReader;
use crate::copy::failure::CopyFailure;
use crate::copy::options::Compression;

/// The uncompressed bytes of an object.
pub(in crate::copy) enum Decompressed {
    /// As stored.
    Plain(PieceReader),
    /// Gzip. An empty object has no member, and no rows.
    Gzip(Box<MultiGzDecoder<PieceReader>>),
}

impl Decompressed {
    /// Other compressions than gzip are refused before a COPY begins.
    pub(in crate::copy) fn new(
        compression: Option<Compression>,
        reader: PieceReader,
    ) -> Decompressed {
        match compression {
            None => Decompressed::Plain(reader),
            Some(_) => Decompressed::Gzip(Box::new(MultiGzDecoder::new(reader))),
        }
    }

    /// Bytes of the object that have arrived, compressed.
    pub(in crate::copy) fn bytes_read(&self) -> u64 {
        match self {
            Decompressed::Plain(reader) => reader.bytes_read(),
            Decompressed::Gzip(decoder) => decoder.get_ref().bytes_read(),
        }
    }

    /// Why reading failed, if it was not the decompression.
    pub(in crate::copy) fn into_failure(self) -> Option<CopyFailure> {
        match self {
            Decompressed::Plain(reader) => reader.into_failure(),
            Decompressed::Gzip(decoder) => decoder.into_inner().into_failure(),
        }
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        match self {
            Decompressed::Plain(reader) => reader.read(buffer),
            Decompressed::Gzip(decoder) => {
                let reader = decoder.get_mut();
                if reader.bytes_read() == 0 && reader.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                decoder.read(buffer)
            }
        }
    }
}
