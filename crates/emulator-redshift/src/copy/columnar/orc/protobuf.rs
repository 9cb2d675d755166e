//! Protocol Buffers, as far as the directory of an ORC file uses them ("Encoding").

use crate::copy::columnar::input::{FileError, Input};

/// A field's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A fixed number of bytes; no field of ours has one.
    Fixed,
}

impl<'a> Value<'a> {
    pub(super) fn number(self) -> Result<u64, FileError> {
        match self {
            Value::Number(number) => Ok(number),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], FileError> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(unexpected()),
        }
    }

    /// A repeated number: one, or several packed.
    pub(super) fn numbers(self, into: &mut Vec<u64>) -> Result<(), FileError> {
        match self {
            Value::Number(number) => into.push(number),
            Value::Bytes(bytes) => {
                let mut input = Input::new(bytes);
                while input.remaining() > 0 {
                    into.push(input.varint()?);
                }
            }
            Value::Fixed => return Err(unexpected()),
        }
        Ok(())
    }
}

/// Calls `take` with each field of a message.
pub(super) fn read<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u64, Value<'a>) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let mut input = Input::new(message);
    while input.remaining() > 0 {
        let tag = input.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(input.varint()?),
            2 => {
                let length = usize::try_from(input.varint()?).map_err(|_| FileError::Truncated)?;
                Value::Bytes(input.take(length)?)
            }
            1 => input.take(8).map(|_| Value::Fixed)?,
            5 => input.take(4).map(|_| Value::Fixed)?,
            _ => return Err(unexpected()),
        };
        take(tag >> 3, value)?;
    }
    Ok(())
}

fn unexpected() -> FileError {
    FileError::Malformed("unexpected type in its metadata")
}
