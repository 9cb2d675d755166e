//! The bytes of an object: shared blocks, never copied once they are here.
//!
//! What arrives is copied once, into blocks of the object's own: the pieces the HTTP server hands
//! out are windows into its read buffer, and keeping a window of ten bytes would keep the whole
//! buffer. The copy is cheap beside the MD5 that reads the same bytes while they are in the cache.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

/// Size of a block but the last.
const BLOCK_BYTES: u64 = 1024 * 1024;

/// Immutable bytes in blocks; a clone shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    blocks: Arc<[Bytes]>,
    bytes: u64,
}

impl Content {
    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn blocks(&self) -> &[Bytes] {
        &self.blocks
    }

    /// The part of it in `range`, which must lie within; shares the blocks.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= self.bytes);
        let mut blocks = Vec::new();
        let mut block_start = 0;
        for block in self.blocks.iter() {
            let block_end = block_start + block.len() as u64;
            let start = range.start.max(block_start);
            let end = range.end.min(block_end);
            if start < end {
                let within = |position: u64| (position - block_start) as usize;
                blocks.push(block.slice(within(start)..within(end)));
            }
            block_start = block_end;
        }
        Self { blocks: blocks.into(), bytes: range.end - range.start }
    }

    /// One content after the other; shares the blocks.
    pub(crate) fn concat<'a>(contents: impl Iterator<Item = &'a Content>) -> Self {
        let mut blocks = Vec::new();
        let mut bytes = 0;
        for content in contents {
            blocks.extend_from_slice(&content.blocks);
            bytes += content.bytes;
        }
        Self { blocks: blocks.into(), bytes }
    }

    /// A stream over the blocks.
    pub(crate) fn stream(&self) -> ContentStream {
        ContentStream { content: self.clone(), index: 0, bytes_left: self.bytes }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self { blocks: Arc::new([bytes]), bytes: length }
    }
}

/// Packs pieces into blocks.
#[derive(Debug)]
pub(crate) struct ContentWriter {
    blocks: Vec<Bytes>,
    open: Vec<u8>,
    bytes: u64,
    bytes_expected: u64,
}

impl ContentWriter {
    /// `bytes_expected` is what the sender announced: blocks are cut to fit it.
    pub(crate) fn new(bytes_expected: u64) -> Self {
        Self { blocks: Vec::new(), open: Vec::new(), bytes: 0, bytes_expected }
    }

    /// How many bytes were pushed so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            if self.open.len() == self.open.capacity() {
                self.seal();
                let missing = self.bytes_expected.saturating_sub(self.bytes);
                let missing = missing.max(piece.len() as u64).min(BLOCK_BYTES);
                self.open = Vec::with_capacity(missing as usize);
            }
            let room = self.open.capacity() - self.open.len();
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.open.extend_from_slice(now);
            self.bytes += now.len() as u64;
            piece = later;
        }
    }

    pub(crate) fn finish(mut self) -> Content {
        self.seal();
        Content { blocks: self.blocks.into(), bytes: self.bytes }
    }

    fn seal(&mut self) {
        let block = std::mem::take(&mut self.open);
        if !block.is_empty() {
            self.blocks.push(Bytes::from(block));
        }
    }
}

/// Hands out the blocks of a [`Content`], by reference count.
#[derive(Debug)]
pub(crate) struct ContentStream {
    content: Content,
    index: usize,
    bytes_left: u64,
}

impl Stream for ContentStream {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let block = self.content.blocks.get(self.index).cloned();
        self.index += 1;
        self.bytes_left -= block.as_ref().map_or(0, |block| block.len() as u64);
        Poll::Ready(block.map(Ok))
    }
}

impl ByteStream for ContentStream {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.bytes_left)
            .map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(length: usize, piece_bytes: usize, expected: u64) -> (Vec<u8>, Content) {
        let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        let mut writer = ContentWriter::new(expected);
        bytes.chunks(piece_bytes).for_each(|piece| writer.push(piece));
        assert_eq!(writer.bytes(), length as u64);
        (bytes, writer.finish())
    }

    fn flat(content: &Content) -> Vec<u8> {
        content.blocks().concat()
    }

    #[test]
    fn what_is_pushed_in_pieces_comes_out_whole_and_in_blocks() {
        for (length, piece, expected) in
            [(0, 1, 0), (1, 1, 1), (3_000_000, 4_096, 3_000_000), (9, 4, 3), (9, 2, 100)]
        {
            let (bytes, content) = written(length, piece, expected);
            assert_eq!(flat(&content), bytes, "{length} bytes in pieces of {piece}");
            assert_eq!(content.bytes(), length as u64);
        }
        assert_eq!(written(3_000_000, 4_096, 3_000_000).1.blocks().len(), 3);
    }

    #[test]
    fn a_slice_is_the_range_of_the_bytes_whatever_the_blocks() {
        let (bytes, content) = written(2_500_000, 65_536, 2_500_000);
        for range in [0..0, 0..1, 1_048_575..1_048_577, 1_048_576..2_097_152, 0..2_500_000] {
            let slice = content.slice(range.clone());
            let expected = &bytes[range.start as usize..range.end as usize];
            assert_eq!(flat(&slice), expected, "{range:?}");
            assert_eq!(slice.bytes(), expected.len() as u64);
        }
    }

    #[test]
    fn contents_one_after_the_other_share_their_blocks() {
        let (first, second) = (Content::from(Bytes::from("ab")), Content::from(Bytes::from("c")));
        let both = Content::concat([&first, &second].into_iter());
        assert_eq!(flat(&both), b"abc");
        assert_eq!(both.blocks()[0].as_ptr(), first.blocks()[0].as_ptr());
    }
}
