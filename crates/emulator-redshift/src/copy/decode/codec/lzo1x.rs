//! Decompresses a block of LZO1X, after the description of the stream in the documentation of the
//! Linux kernel ("LZO stream format as understood by Linux's LZO decompressor").
//!
//! Total: whatever the bytes are, it neither reads nor writes out of bounds, and never writes more
//! than it was promised.

/// Why a block is not LZO1X.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LzoError {
    /// It ends in the middle of an instruction.
    #[error("lzo block is cut off")]
    Cut,
    /// It copies from before its beginning.
    #[error("lzo block refers to what is not there")]
    Distance,
    /// It is longer or shorter than promised, or goes on after its end.
    #[error("lzo block has another size than promised")]
    Size,
}

/// How the instruction before ended: the literals it copied, at most 3, or a long run.
const LONG_RUN: usize = 4;

/// Appends exactly `bytes_max` bytes to `out`, which is empty.
pub(super) fn decompress(
    block: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), LzoError> {
    let mut input = Input { block, at: 0 };
    let mut state = 0;
    // A first byte above 17 is a run of literals without an instruction.
    if let Some(first @ 18..) = block.first().copied() {
        input.at = 1;
        let count = usize::from(first) - 17;
        copy_literals(&mut input, count, bytes_max, out)?;
        state = count.min(LONG_RUN);
    }
    loop {
        let code = usize::from(input.byte()?);
        let (distance, length, literals) = match code {
            0..=15 if state == 0 => {
                let count = if code == 0 { 15 + input.long_length()? } else { code };
                copy_literals(&mut input, count + 3, bytes_max, out)?;
                state = LONG_RUN;
                continue;
            }
            0..=15 => {
                let high = usize::from(input.byte()?) << 2;
                let near = if state == LONG_RUN { (2049, 3) } else { (1, 2) };
                (high + (code >> 2) + near.0, near.1, code & 3)
            }
            16..=31 => {
                let length = input.length(code & 7, 7)?;
                let low = input.u16()?;
                let distance = 16_384 + ((code & 8) << 11) + (low >> 2);
                if distance == 16_384 {
                    break;
                }
                (distance, length, low & 3)
            }
            32..=63 => {
                let length = input.length(code & 31, 31)?;
                let low = input.u16()?;
                ((low >> 2) + 1, length, low & 3)
            }
            _ => {
                let high = usize::from(input.byte()?) << 3;
                let length = if code < 128 { 3 + ((code >> 5) & 1) } else { 5 + ((code >> 5) & 3) };
                (high + ((code >> 2) & 7) + 1, length, code & 3)
            }
        };
        copy_match(distance, length, bytes_max, out)?;
        copy_literals(&mut input, literals, bytes_max, out)?;
        state = literals;
    }
    match input.at == block.len() && out.len() == bytes_max {
        true => Ok(()),
        false => Err(LzoError::Size),
    }
}

struct Input<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, LzoError> {
        let byte = *self.block.get(self.at).ok_or(LzoError::Cut)?;
        self.at += 1;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<usize, LzoError> {
        Ok(usize::from(u16::from_le_bytes([self.byte()?, self.byte()?])))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], LzoError> {
        let taken = self.block[self.at..].get(..count).ok_or(LzoError::Cut)?;
        self.at += count;
        Ok(taken)
    }

    /// The length of a match: in the instruction, or in the bytes after it.
    fn length(&mut self, written: usize, mask: usize) -> Result<usize, LzoError> {
        Ok(2 + if written == 0 { mask + self.long_length()? } else { written })
    }

    /// 255 for each zero byte, and the byte after them.
    fn long_length(&mut self) -> Result<usize, LzoError> {
        let mut length = 0;
        loop {
            match self.byte()? {
                0 => length += 255,
                last => return Ok(length + usize::from(last)),
            }
        }
    }
}

fn copy_literals(
    input: &mut Input<'_>,
    count: usize,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), LzoError> {
    if bytes_max - out.len() < count {
        return Err(LzoError::Size);
    }
    out.extend_from_slice(input.take(count)?);
    Ok(())
}

fn copy_match(
    distance: usize,
    length: usize,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), LzoError> {
    if bytes_max - out.len() < length {
        return Err(LzoError::Size);
    }
    let start = out.len().checked_sub(distance).ok_or(LzoError::Distance)?;
    // The match may overlap what it writes: each round copies what is there by then.
    let mut left = length;
    while 0 < left {
        let count = left.min(out.len() - start);
        out.extend_from_within(start..start + count);
        left -= count;
    }
    Ok(())
}
