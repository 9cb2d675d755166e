//! Zstandard frames, one after the other (RFC 8878); skippable frames are skipped.

use std::io::{BufRead, Error, Read, Result as IoResult};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A frame's window is held in memory; what `zstd -20` and below writes needs no more.
const WINDOW_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The content of all frames of a source.
pub(super) struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(source: R) -> ZstdReader<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        ZstdReader { source, decoder, in_frame: false }
    }

    /// Begins the next frame; false at the end of the source.
    fn open_frame(&mut self) -> IoResult<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.source).take(u64::from(length));
                    let count = std::io::copy(&mut skipped, &mut std::io::sink())?;
                    if count < u64::from(length) {
                        return Err(Error::other("skippable frame is cut off"));
                    }
                }
                Err(error) => return Err(Error::other(error)),
            }
        }
        Ok(false)
    }

    /// Ends the frame whose last byte has been taken.
    fn close_frame(&mut self) -> IoResult<()> {
        self.in_frame = false;
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(Error::other("checksum of the content does not match"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        loop {
            if !self.in_frame && !self.open_frame()? {
                return Ok(0);
            }
            self.in_frame = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(Error::other)?;
            }
            let count = self.decoder.read(buffer)?;
            if self.decoder.is_finished() && self.decoder.can_collect() == 0 {
                self.close_frame()?;
            }
            if 0 < count || buffer.is_empty() {
                return Ok(count);
            }
        }
    }
}
