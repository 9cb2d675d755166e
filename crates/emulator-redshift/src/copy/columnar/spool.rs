//! An object that can be read from anywhere, its end first: in memory while it is small, else in a
//! temporary file that has no name and vanishes with its handle.

use std::io::{Read, Seek, SeekFrom, Write};

use tempfile::SpooledTempFile;

use super::input::FileError;

/// Objects up to this size stay in memory.
const MEMORY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What one object may have on the disk, uncompressed.
const SPOOL_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Bytes that are copied in one go.
const COPY_BYTES: usize = 256 * 1024;

pub(super) struct Spool {
    file: SpooledTempFile,
    length: u64,
}

impl Spool {
    /// Reads all there is; blocks.
    pub(super) fn fill(mut reader: impl Read) -> Result<Spool, FileError> {
        let mut file = SpooledTempFile::new(MEMORY_BYTES_MAX);
        let mut buffer = vec![0; COPY_BYTES];
        let mut length = 0_u64;
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                return Ok(Spool { file, length });
            }
            length += count as u64;
            if length > SPOOL_BYTES_MAX {
                let what = "the file";
                return Err(FileError::TooLarge {
                    what,
                    bytes: length,
                    bytes_max: SPOOL_BYTES_MAX,
                });
            }
            file.write_all(&buffer[..count])?;
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Exactly these bytes, which the file must have.
    pub(super) fn read(&mut self, from: u64, count: u64) -> Result<Vec<u8>, FileError> {
        let end = from.checked_add(count).filter(|end| *end <= self.length);
        let count = match (end, usize::try_from(count)) {
            (Some(_), Ok(count)) => count,
            _ => return Err(FileError::Truncated),
        };
        let mut bytes = vec![0; count];
        self.file.seek(SeekFrom::Start(from))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// At most these bytes, as far as the file goes.
    pub(super) fn read_up_to(&mut self, from: u64, count: u64) -> Result<Vec<u8>, FileError> {
        self.read(from, count.min(self.length.saturating_sub(from)))
    }
}
