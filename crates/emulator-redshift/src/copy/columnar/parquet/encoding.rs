//! The encodings of levels and values (parquet-format, "Encodings"). Each decoder holds its place in
//! the page and is given the page with every step.

use crate::copy::columnar::input::{FileError, Input};

/// RLE and bit-packed runs of small numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width: u32,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    Same { left: u64, value: u32 },
    Packed { left: u64, first: usize, index: u64 },
}

impl Default for Run {
    fn default() -> Run {
        Run::Same { left: 0, value: 0 }
    }
}

impl Hybrid {
    /// Runs between two places of the page, of numbers with `width` bits.
    pub(super) fn new(at: usize, end: usize, width: u32) -> Result<Hybrid, FileError> {
        match width {
            0..=32 => Ok(Hybrid { at, end, width, run: Run::default() }),
            _ => Err(FileError::Malformed("too wide numbers in a page")),
        }
    }

    pub(super) fn next(&mut self, page: &[u8]) -> Result<u32, FileError> {
        loop {
            match &mut self.run {
                Run::Same { left, value } if *left > 0 => {
                    *left -= 1;
                    return Ok(*value);
                }
                Run::Packed { left, first, index } if *left > 0 => {
                    let packed = page.get(*first..self.end).ok_or(FileError::Truncated)?;
                    let value = bits(packed, *index * u64::from(self.width), self.width)?;
                    *left -= 1;
                    *index += 1;
                    return Ok(value as u32);
                }
                _ => self.begin_run(page)?,
            }
        }
    }

    fn begin_run(&mut self, page: &[u8]) -> Result<(), FileError> {
        let page = page.get(..self.end).ok_or(FileError::Truncated)?;
        let mut input = Input::at(page, self.at);
        let header = input.varint()?;
        if header & 1 == 1 {
            let groups = header >> 1;
            let bytes = groups.checked_mul(u64::from(self.width)).ok_or(FileError::Truncated)?;
            let first = input.position();
            // The last run may be cut where its values end.
            let taken = bytes.min(input.remaining() as u64);
            input.take(taken as usize)?;
            let left = groups.saturating_mul(8);
            self.run = Run::Packed { left, first, index: 0 };
        } else {
            let bytes = input.take(self.width.div_ceil(8) as usize)?;
            let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            self.run = Run::Same { left: header >> 1, value };
        }
        self.at = input.position();
        Ok(())
    }
}

/// At most 64 bits from a bit on, the lowest first.
fn bits(bytes: &[u8], from: u64, width: u32) -> Result<u64, FileError> {
    if width == 0 {
        return Ok(0);
    }
    let (first, shift) = ((from / 8) as usize, (from % 8) as u32);
    let count = (shift + width).div_ceil(8) as usize;
    let mut input = Input::at(bytes, first);
    let mut value = 0_u128;
    for (index, byte) in input.take(count)?.iter().enumerate() {
        value |= u128::from(*byte) << (8 * index);
    }
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    Ok((value >> shift) as u64 & mask)
}

/// DELTA_BINARY_PACKED.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    at: usize,
    block_values: u64,
    miniblocks: usize,
    left: u64,
    last: i64,
    first: bool,
    min_delta: i64,
    widths: Vec<u8>,
    miniblock: usize,
    /// Values of the miniblock that have been read.
    index: u64,
}

/// No writer has more miniblocks in a block; each has a byte for its width.
const MINIBLOCKS_MAX: u64 = 1024;

impl Deltas {
    pub(super) fn new(page: &[u8], at: usize) -> Result<Deltas, FileError> {
        let mut input = Input::at(page, at);
        let block_values = input.varint()?;
        let miniblocks = input.varint()?;
        let left = input.varint()?;
        let last = input.zigzag()?;
        if miniblocks == 0
            || miniblocks > MINIBLOCKS_MAX
            || block_values == 0
            || !block_values.is_multiple_of(miniblocks * 8)
        {
            return Err(FileError::Malformed("wrong delta block in a page"));
        }
        Ok(Deltas {
            at: input.position(),
            block_values,
            miniblocks: miniblocks as usize,
            left,
            last,
            first: true,
            min_delta: 0,
            widths: Vec::new(),
            miniblock: 0,
            index: 0,
        })
    }

    pub(super) fn next(&mut self, page: &[u8]) -> Result<i64, FileError> {
        self.left = self.left.checked_sub(1).ok_or(FileError::Truncated)?;
        if self.first {
            self.first = false;
            return Ok(self.last);
        }
        let per_miniblock = self.block_values / self.miniblocks as u64;
        if self.index == per_miniblock {
            self.end_miniblock(per_miniblock)?;
        }
        if self.miniblock == self.widths.len() {
            let mut input = Input::at(page, self.at);
            self.min_delta = input.zigzag()?;
            self.widths = input.take(self.miniblocks)?.to_vec();
            self.at = input.position();
            (self.miniblock, self.index) = (0, 0);
        }
        let width = u32::from(self.widths[self.miniblock]);
        if width > 64 {
            return Err(FileError::Malformed("too wide numbers in a page"));
        }
        let packed = page.get(self.at..).ok_or(FileError::Truncated)?;
        let delta = bits(packed, self.index * u64::from(width), width)?;
        self.index += 1;
        self.last = self.last.wrapping_add(self.min_delta).wrapping_add(delta as i64);
        Ok(self.last)
    }

    fn end_miniblock(&mut self, per_miniblock: u64) -> Result<(), FileError> {
        let width = u64::from(self.widths[self.miniblock]);
        let bytes = (per_miniblock / 8).checked_mul(width).ok_or(FileError::Truncated)?;
        let bytes = usize::try_from(bytes).map_err(|_| FileError::Truncated)?;
        self.at = self.at.checked_add(bytes).ok_or(FileError::Truncated)?;
        self.miniblock += 1;
        self.index = 0;
        Ok(())
    }

    /// Where the bytes after all the numbers begin; reads to there.
    pub(super) fn end(mut self, page: &[u8]) -> Result<usize, FileError> {
        while self.left > 0 {
            self.next(page)?;
        }
        if self.miniblock < self.widths.len() {
            // The miniblock that was begun is whole, those after it are not there.
            self.end_miniblock(self.block_values / self.miniblocks as u64)?;
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_the_format_s_example_has_them() {
        // "Encodings": 0 to 7 with three bits, after a run of four times 5.
        let page = [8, 5, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let mut hybrid = Hybrid::new(0, page.len(), 3).unwrap();
        let values: Vec<u32> = (0..12).map(|_| hybrid.next(&page).unwrap()).collect();
        assert_eq!(values, [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(hybrid.next(&page).is_err());
        assert!(Hybrid::new(0, 0, 33).is_err());
    }

    #[test]
    fn deltas_are_read_as_the_format_s_example_has_them() {
        // 1 to 5: one block of 128 in 4 miniblocks, all deltas the same.
        let page = [0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0];
        let mut deltas = Deltas::new(&page, 0).unwrap();
        let values: Vec<i64> = (0..5).map(|_| deltas.next(&page).unwrap()).collect();
        assert_eq!(values, [1, 2, 3, 4, 5]);
        assert!(deltas.next(&page).is_err());
        assert_eq!(Deltas::new(&page, 0).unwrap().end(&page).unwrap(), page.len());
        for broken in [&[0, 0, 1, 0][..], &[1], &[0x80, 1, 0, 5, 2], &[0x80, 1, 4, 5, 2, 2, 99]] {
            let read = Deltas::new(broken, 0).and_then(|mut deltas| {
                deltas.next(broken)?;
                deltas.next(broken)
            });
            assert!(read.is_err(), "{broken:?}");
        }
    }

    #[test]
    fn bits_come_from_any_place() {
        assert_eq!(bits(&[0xFF; 9], 7, 64).unwrap(), u64::MAX);
        assert_eq!(bits(&[0b1010_0000, 0b1], 5, 4).unwrap(), 0b1101);
        assert!(bits(&[0xFF], 5, 4).is_err());
    }
}
