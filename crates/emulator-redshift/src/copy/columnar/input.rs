//! Bytes of a file that are read from front to back, each step checked: what a hostile file says of
//! its own lengths is believed only as far as its bytes go.

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It contradicts its format.
    #[error("{0}")]
    Malformed(&'static str),
    /// It ends where its format goes on.
    #[error("unexpected end")]
    Truncated,
    /// It uses a part of its format that is not read.
    #[error("{0} is not emulated yet")]
    Unsupported(String),
    /// A part of it would need more memory than a COPY gets.
    #[error("{what} has {bytes} bytes, more than {bytes_max}")]
    TooLarge { what: &'static str, bytes: u64, bytes_max: u64 },
    /// The temporary file, or the object, could not be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
}

/// A place in some bytes.
#[derive(Debug, Clone)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, at: 0 }
    }

    /// Beginning at a byte; behind the end there is nothing to read.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Input<'a> {
        Input { bytes, at: at.min(bytes.len()) }
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], FileError> {
        let end = self.at.checked_add(count).ok_or(FileError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(FileError::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// As many bytes as the file says.
    pub(super) fn take_counted(&mut self, count: i64) -> Result<&'a [u8], FileError> {
        let count = usize::try_from(count).map_err(|_| FileError::Malformed("negative length"))?;
        self.take(count)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, FileError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Seven bits a byte, the lowest first.
    pub(super) fn varint(&mut self) -> Result<u64, FileError> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FileError::Malformed("number of more than 64 bits"))
    }

    /// A signed varint.
    pub(super) fn zigzag(&mut self) -> Result<i64, FileError> {
        self.varint().map(unzigzag)
    }
}

/// 0, -1, 1, -2 … of 0, 1, 2, 3 …
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_last_bit_and_not_beyond() {
        let read = |bytes: &[u8]| Input::new(bytes).varint().ok();
        assert_eq!(read(&[0x96, 0x01]), Some(150));
        assert_eq!(read(&[0xFF; 9].iter().copied().chain([1]).collect::<Vec<_>>()), Some(u64::MAX));
        assert_eq!(read(&[0xFF; 9].iter().copied().chain([2]).collect::<Vec<_>>()), None);
        assert_eq!(read(&[0x80; 20]), None);
        assert_eq!(read(&[0x80]), None);
        assert_eq!([0, 1, 2, 3, u64::MAX].map(unzigzag), [0, -1, 1, -2, i64::MIN]);
    }

    #[test]
    fn a_length_beyond_the_end_takes_nothing() {
        let mut input = Input::new(b"abc");
        assert!(input.take(usize::MAX).is_err());
        assert!(input.take_counted(-1).is_err());
        assert_eq!(input.take(3).ok(), Some(&b"abc"[..]));
        assert!(input.byte().is_err());
        assert_eq!(Input::at(b"abc", 9).remaining(), 0);
    }
}
