//! The run-length encodings (ORC specification v1, "Run length encoding").

use super::stream::Stream;
use crate::copy::columnar::input::{FileError, unzigzag};
use crate::copy::columnar::spool::Spool;

/// Bytes in runs.
#[derive(Debug)]
pub(super) struct ByteRuns {
    stream: Stream,
    left: u32,
    /// The byte of a run; none if each byte is in the stream.
    same: Option<u8>,
}

impl ByteRuns {
    pub(super) fn new(stream: Stream) -> ByteRuns {
        ByteRuns { stream, left: 0, same: None }
    }

    pub(super) fn next(&mut self, spool: &mut Spool) -> Result<u8, FileError> {
        if self.left == 0 {
            match self.stream.byte(spool)? as i8 {
                run @ 0.. => {
                    self.left = u32::from(run.unsigned_abs()) + 3;
                    self.same = Some(self.stream.byte(spool)?);
                }
                literals => {
                    self.left = u32::from(literals.unsigned_abs());
                    self.same = None;
                }
            }
        }
        self.left -= 1;
        match self.same {
            Some(byte) => Ok(byte),
            None => self.stream.byte(spool),
        }
    }
}

/// Bits in bytes in runs, the highest first.
#[derive(Debug)]
pub(super) struct BitRuns {
    bytes: ByteRuns,
    byte: u8,
    left: u32,
}

impl BitRuns {
    pub(super) fn new(stream: Stream) -> BitRuns {
        BitRuns { bytes: ByteRuns::new(stream), byte: 0, left: 0 }
    }

    pub(super) fn next(&mut self, spool: &mut Spool) -> Result<bool, FileError> {
        if self.left == 0 {
            self.byte = self.bytes.next(spool)?;
            self.left = 8;
        }
        self.left -= 1;
        Ok(self.byte >> self.left & 1 == 1)
    }
}

/// Integers in runs of at most 512, by either version.
#[derive(Debug)]
pub(super) struct IntegerRuns {
    stream: Stream,
    second_version: bool,
    signed: bool,
    run: Vec<i64>,
    index: usize,
}

impl IntegerRuns {
    pub(super) fn new(stream: Stream, second_version: bool, signed: bool) -> IntegerRuns {
        IntegerRuns { stream, second_version, signed, run: Vec::new(), index: 0 }
    }

    pub(super) fn next(&mut self, spool: &mut Spool) -> Result<i64, FileError> {
        if self.index == self.run.len() {
            self.run.clear();
            self.index = 0;
            match self.second_version {
                true => self.read_second(spool)?,
                false => self.read_first(spool)?,
            }
        }
        let value = self.run.get(self.index).copied().ok_or(FileError::Truncated)?;
        self.index += 1;
        Ok(value)
    }

    fn number(&mut self, spool: &mut Spool, signed: bool) -> Result<i64, FileError> {
        let value = self.stream.varint(spool)?;
        let value = u64::try_from(value);
        let value = value.map_err(|_| FileError::Malformed("a number of more than 64 bits"))?;
        Ok(if signed { unzigzag(value) } else { value as i64 })
    }

    fn read_first(&mut self, spool: &mut Spool) -> Result<(), FileError> {
        match self.stream.byte(spool)? as i8 {
            run @ 0.. => {
                let delta = i64::from(self.stream.byte(spool)? as i8);
                let mut value = self.number(spool, self.signed)?;
                for _ in 0..i64::from(run) + 3 {
                    self.run.push(value);
                    value = value.wrapping_add(delta);
                }
            }
            literals => {
                for _ in 0..literals.unsigned_abs() {
                    let value = self.number(spool, self.signed)?;
                    self.run.push(value);
                }
            }
        }
        Ok(())
    }

    fn read_second(&mut self, spool: &mut Spool) -> Result<(), FileError> {
        let header = self.stream.byte(spool)?;
        if header >> 6 == 0 {
            let width = u32::from(header >> 3 & 7) + 1;
            let value = self.big_endian(spool, width)?;
            let value = if self.signed { unzigzag(value) } else { value as i64 };
            self.run.resize(usize::from(header & 7) + 3, value);
            return Ok(());
        }
        let code = u32::from(header >> 1 & 0x1F);
        let length = usize::from(header & 1) << 8 | usize::from(self.stream.byte(spool)?);
        match header >> 6 {
            1 => {
                let signed = self.signed;
                let values = self.packed(spool, width_of(code), length + 1)?;
                let value = |value: u64| if signed { unzigzag(value) } else { value as i64 };
                self.run.extend(values.into_iter().map(value));
                Ok(())
            }
            2 => self.read_patched(spool, width_of(code), length + 1),
            _ => {
                // Here a width of no bits stands for a delta that is always the same.
                let width = if code == 0 { 0 } else { width_of(code) };
                self.read_deltas(spool, width, length + 1)
            }
        }
    }

    fn read_patched(
        &mut self,
        spool: &mut Spool,
        width: u32,
        length: usize,
    ) -> Result<(), FileError> {
        let [third, fourth] = self.stream.array(spool)?;
        let base_width = u32::from(third >> 5) + 1;
        let patch_width = width_of(u32::from(third & 0x1F));
        let gap_width = u32::from(fourth >> 5) + 1;
        let patch_count = usize::from(fourth & 0x1F);
        let base = self.big_endian(spool, base_width)?;
        let sign = 1_u64 << (base_width * 8 - 1);
        let magnitude = (base & !sign) as i64;
        let base = if base & sign == 0 { magnitude } else { magnitude.wrapping_neg() };
        let mut values = self.packed(spool, width, length)?;
        let entry_width = fixed_width(patch_width + gap_width);
        let entry_width = entry_width.ok_or(FileError::Malformed("a run has too wide patches"))?;
        let mut at = 0;
        for entry in self.packed(spool, entry_width, patch_count)? {
            let gap = if patch_width == 64 { 0 } else { entry >> patch_width };
            let patch = if patch_width == 64 { entry } else { entry & ((1 << patch_width) - 1) };
            at += gap as usize;
            let value =
                values.get_mut(at).ok_or(FileError::Malformed("a run has a patch too far"))?;
            *value |= if width == 64 { 0 } else { patch << width };
        }
        self.run.extend(values.into_iter().map(|value| base.wrapping_add(value as i64)));
        Ok(())
    }

    fn read_deltas(
        &mut self,
        spool: &mut Spool,
        width: u32,
        length: usize,
    ) -> Result<(), FileError> {
        let mut value = self.number(spool, self.signed)?;
        let first = self.number(spool, true)?;
        self.run.push(value);
        if length > 1 {
            value = value.wrapping_add(first);
            self.run.push(value);
        }
        let deltas = match width {
            0 => vec![first.unsigned_abs(); length.saturating_sub(2)],
            width => self.packed(spool, width, length.saturating_sub(2))?,
        };
        for delta in deltas {
            let delta = delta as i64;
            let delta = if first < 0 { delta.wrapping_neg() } else { delta };
            value = value.wrapping_add(delta);
            self.run.push(value);
        }
        Ok(())
    }

    fn big_endian(&mut self, spool: &mut Spool, bytes: u32) -> Result<u64, FileError> {
        let mut value = 0;
        for _ in 0..bytes {
            value = value << 8 | u64::from(self.stream.byte(spool)?);
        }
        Ok(value)
    }

    /// Numbers of some bits, the highest bit first, to the end of a byte.
    fn packed(
        &mut self,
        spool: &mut Spool,
        width: u32,
        count: usize,
    ) -> Result<Vec<u64>, FileError> {
        let mut values = Vec::with_capacity(count);
        let (mut bits, mut bit_count) = (0_u128, 0);
        for _ in 0..count {
            while bit_count < width {
                bits = bits << 8 | u128::from(self.stream.byte(spool)?);
                bit_count += 8;
            }
            bit_count -= width;
            let mask = (1_u128 << width) - 1;
            values.push((bits >> bit_count & mask) as u64);
            bits &= (1 << bit_count) - 1;
        }
        Ok(values)
    }
}

/// The width that five bits stand for.
fn width_of(code: u32) -> u32 {
    match code {
        0..=23 => code + 1,
        24..=27 => 26 + (code - 24) * 2,
        _ => 40 + (code - 28) * 8,
    }
}

/// The next width that five bits can stand for.
fn fixed_width(bits: u32) -> Option<u32> {
    (0..32).map(width_of).find(|width| *width >= bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::columnar::budget::Held;
    use crate::copy::columnar::orc::stream::Compression;

    fn integers(bytes: &[u8], second: bool, signed: bool, count: usize) -> Vec<i64> {
        let mut spool = Spool::fill(bytes).unwrap();
        let compression = Compression { codec: None, block_bytes: 0 };
        let stream = Stream::new(compression, 0, bytes.len() as u64, Held::default()).unwrap();
        let mut runs = IntegerRuns::new(stream, second, signed);
        let values = (0..count).map(|_| runs.next(&mut spool).unwrap()).collect();
        assert!(runs.next(&mut spool).is_err());
        values
    }

    #[test]
    fn runs_are_read_as_the_specification_s_examples_have_them() {
        assert_eq!(integers(&[0x61, 0x00, 0x07], false, false, 100), vec![7; 100]);
        let down: Vec<i64> = (1..=100).rev().collect();
        assert_eq!(integers(&[0x61, 0xFF, 0x64], false, false, 100), down);
        let literals = integers(&[0xFB, 0x02, 0x03, 0x06, 0x07, 0x0B], false, false, 5);
        assert_eq!(literals, [2, 3, 6, 7, 11]);
        assert_eq!(integers(&[0x0A, 0x27, 0x10], true, false, 5), [10_000; 5]);
        let direct = [0x5E, 0x03, 0x5C, 0xA1, 0xAB, 0x1E, 0xDE, 0xAD, 0xBE, 0xEF];
        assert_eq!(integers(&direct, true, false, 4), [23_713, 43_806, 57_005, 48_879]);
        let patched = [
            0x8E, 0x13, 0x2B, 0x21, 0x07, 0xD0, 0x1E, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3C, 0x46,
            0x50, 0x5A, 0x64, 0x6E, 0x78, 0x82, 0x8C, 0x96, 0xA0, 0xAA, 0xB4, 0xBE, 0xFC, 0xE8,
        ];
        let mut expected: Vec<i64> = (2030..=2220).step_by(10).collect();
        (expected[1], expected[2], expected[3]) = (2000, 2020, 1_000_000);
        expected.splice(4.., (2040..=2190).step_by(10));
        assert_eq!(integers(&patched, true, false, 20), expected);
        let deltas = [0xC6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46];
        let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
        assert_eq!(integers(&deltas, true, false, 10), primes);
    }
}
