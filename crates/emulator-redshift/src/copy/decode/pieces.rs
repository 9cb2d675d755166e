//! Reads the pieces of an object as one stream. Blocks; belongs on a blocking thread.

use std::io::{BufRead, Error, Read, Result as IoResult};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::copy::failure::CopyFailure;
use crate::copy::fetch::{Piece, Stored};
use crate::copy::load::LoadedFile;

/// The bytes of one object.
pub(in crate::copy) struct PieceReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
    progress: Arc<Progress>,
}

/// How far an object has been read. Kept apart from the reader, which is inside its decoder.
#[derive(Default)]
pub(in crate::copy) struct Progress {
    bytes_read: AtomicU64,
    stored: OnceLock<Stored>,
    failure: Mutex<Option<CopyFailure>>,
}

impl Progress {
    /// Bytes of the object that have arrived.
    pub(in crate::copy) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The object as a file that was read to its end.
    pub(in crate::copy) fn file(&self, url: &str, lines: u64) -> LoadedFile {
        let Stored { entity_tag, last_modified } = self.stored.get().cloned().unwrap_or_default();
        let (url, bytes) = (url.to_owned(), self.bytes_read());
        LoadedFile { url, lines, bytes, entity_tag, last_modified }
    }

    /// Why reading failed, if it was not the decompression.
    pub(in crate::copy) fn take_failure(&self) -> Option<CopyFailure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn fail(&self, failure: CopyFailure) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }
}

impl PieceReader {
    pub(in crate::copy) fn new(pieces: mpsc::Receiver<Piece>) -> PieceReader {
        let current = Bytes::new();
        PieceReader { pieces, current, ended: false, progress: Arc::default() }
    }

    /// Tells how far the reader is, wherever it is.
    pub(in crate::copy) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Waits for the first piece; false if there is no such object.
    pub(in crate::copy) fn exists(&mut self) -> Result<bool, CopyFailure> {
        match self.pieces.blocking_recv() {
            Some(Piece::Missing) => Ok(false),
            Some(Piece::Opened(stored)) => {
                // Nothing has been set before the first piece.
                let _ = self.progress.stored.set(stored);
                Ok(true)
            }
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

    fn accept(&mut self, bytes: Bytes) {
        self.progress.bytes_read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
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
                    self.progress.fail(failure);
                    return Err(Error::other("object cannot be read"));
                }
                Some(Piece::Opened(_) | Piece::Missing) | None => {
                    self.progress.fail(CopyFailure::Cancelled);
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
