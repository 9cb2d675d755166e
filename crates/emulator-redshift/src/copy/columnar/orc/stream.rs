//! One stream of a file: its bytes, chunk by chunk decompressed (ORC specification v1,
//! "Compression").

use crate::copy::columnar::budget::Held;
use crate::copy::columnar::codec::{Codec, decompress};
use crate::copy::columnar::input::FileError;
use crate::copy::columnar::spool::Spool;

/// What is read at once of a stream that is not compressed.
const PLAIN_BYTES: u64 = 64 * 1024;

/// How all streams of a file are compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compression {
    pub(super) codec: Option<Codec>,
    /// No chunk has more bytes.
    pub(super) block_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Stream {
    compression: Compression,
    at: u64,
    end: u64,
    chunk: Vec<u8>,
    /// The next byte of the chunk.
    next: usize,
    held: Held,
}

impl Stream {
    pub(super) fn new(
        compression: Compression,
        at: u64,
        end: u64,
        held: Held,
    ) -> Result<Stream, FileError> {
        match at <= end {
            true => Ok(Stream { compression, at, end, chunk: Vec::new(), next: 0, held }),
            false => Err(FileError::Truncated),
        }
    }

    /// A stream without bytes, where the file has none.
    pub(super) fn empty() -> Stream {
        let compression = Compression { codec: None, block_bytes: 0 };
        let (chunk, held) = (Vec::new(), Held::default());
        Stream { compression, at: 0, end: 0, chunk, next: 0, held }
    }

    /// What is left of the chunk, which is the next one if nothing is left; empty at the end.
    fn rest(&mut self, spool: &mut Spool) -> Result<&[u8], FileError> {
        while self.next == self.chunk.len() && self.at < self.end {
            self.next = 0;
            let Some(codec) = self.compression.codec else {
                self.chunk = spool.read(self.at, PLAIN_BYTES.min(self.end - self.at))?;
                self.at += self.chunk.len() as u64;
                self.held.set(self.chunk.len())?;
                break;
            };
            let header = spool.read(self.at, 3)?;
            let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
            let (stored_bytes, original) = (u64::from(header >> 1), header & 1 == 1);
            let from = self.at + 3;
            self.at = from + stored_bytes;
            if self.at > self.end {
                return Err(FileError::Truncated);
            }
            let stored = spool.read(from, stored_bytes)?;
            let codec = if original { Codec::Plain } else { codec };
            decompress(codec, &stored, self.compression.block_bytes, &mut self.chunk)?;
            self.held.set(self.chunk.len())?;
        }
        Ok(&self.chunk[self.next..])
    }

    pub(super) fn byte(&mut self, spool: &mut Spool) -> Result<u8, FileError> {
        let byte = self.rest(spool)?.first().copied().ok_or(FileError::Truncated)?;
        self.next += 1;
        Ok(byte)
    }

    /// Appends so many bytes to `out`.
    pub(super) fn take(
        &mut self,
        spool: &mut Spool,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        let mut left = count;
        while left > 0 {
            let rest = self.rest(spool)?;
            let taken = rest.len().min(left);
            if taken == 0 {
                return Err(FileError::Truncated);
            }
            out.extend_from_slice(&rest[..taken]);
            self.next += taken;
            left -= taken;
        }
        Ok(())
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        spool: &mut Spool,
    ) -> Result<[u8; N], FileError> {
        let mut array = [0; N];
        for byte in &mut array {
            *byte = self.byte(spool)?;
        }
        Ok(array)
    }

    /// Seven bits a byte, the lowest first: at most 128 of them.
    pub(super) fn varint(&mut self, spool: &mut Spool) -> Result<u128, FileError> {
        let mut value = 0_u128;
        for shift in (0..128).step_by(7) {
            let byte = self.byte(spool)?;
            value |= u128::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FileError::Malformed("a number of more than 128 bits"))
    }

    /// All that is left, if it is no more than allowed.
    pub(super) fn read_all(
        &mut self,
        spool: &mut Spool,
        bytes_max: usize,
    ) -> Result<Vec<u8>, FileError> {
        let mut all = Vec::new();
        loop {
            let rest = self.rest(spool)?;
            if rest.is_empty() {
                return Ok(all);
            }
            if all.len() + rest.len() > bytes_max {
                let what = "a part of the file";
                let bytes = (all.len() + rest.len()) as u64;
                return Err(FileError::TooLarge { what, bytes, bytes_max: bytes_max as u64 });
            }
            all.extend_from_slice(rest);
            self.next = self.chunk.len();
        }
    }
}
