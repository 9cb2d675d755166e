//! Reads the pieces of an object as one stream. Blocks; belongs on a blocking thread.

use std::io::{BufRead, Error, Read, Result as IoResult};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::copy::failure::CopyFailure;
use crate::copy::fetch::Piece;

/// The bytes of one object.
pub(in crate::copy) struct PieceReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
    bytes_read: u64,
    failure: Option<CopyFailure>,
}

impl PieceReader {
    pub(in crate::copy) fn new(pieces: mpsc::Receiver<Piece>) -> PieceReader {
        let current = Bytes::new();
        PieceReader { pieces, current, ended: false, bytes_read: 0, failure: None }
    }

    /// Waits for the first piece; false if there is no such object.
    pub(in crate::copy) fn exists(&mut self) -> Result<bool, CopyFailure> {
        match self.pieces.blocking_recv() {
            Some(Piece::Missing) => Ok(false),
            Some(Piece::Failed(failure)) => Err(failure),
            Some(Piece::End) => {
                self.ended = true;
                Ok(true)
            }
            Some(Piece::Bytes(bytes)) => {
                self.accept(bytes);
                Ok(true)
            }
            None => Err(CopyFailure::Cancelled),
        }
    }

    /// Bytes of the object that have arrived.
    pub(in crate::copy) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Why reading failed, if it was not the decompression.
    pub(in crate::copy) fn into_failure(self) -> Option<CopyFailure> {
        self.failure
    }

    fn accept(&mut self, bytes: Bytes) {
        self.bytes_read += bytes.len() as u64;
        self.current = bytes;
    }
}

impl BufRead for PieceReader {
    fn fill_buf(&mut self) -> IoResult<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.accept(bytes),
                Some(Piece::End) => self.ended = true,
                Some(Piece::Failed(failure)) => {
                    self.failure = Some(failure);
                    return Err(Error::other("object cannot be read"));
                }
                Some(Piece::Missing) | None => {
                    self.failure = Some(CopyFailure::Cancelled);
                    return Err(Error::other("load was cancelled"));
                }
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
