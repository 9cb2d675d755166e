//! Thrift's compact protocol, in which the directory and the page headers are written (Apache
//! Thrift, "Thrift compact protocol encoding"). Reads what is asked for and passes over the rest.

use crate::copy::columnar::input::{FileError, Input};

/// Structures inside structures; ours nest no deeper than five.
const DEPTH_MAX: u32 = 32;

/// The type of a value, as its field or list says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Reads the fields of one structure after the other.
#[derive(Debug, Clone)]
pub(super) struct Thrift<'a> {
    input: Input<'a>,
    /// The last field of each structure that is open.
    open: Vec<i16>,
}

impl<'a> Thrift<'a> {
    pub(super) fn new(input: Input<'a>) -> Thrift<'a> {
        Thrift { input, open: Vec::new() }
    }

    pub(super) fn position(&self) -> usize {
        self.input.position()
    }

    /// Opens the structure that begins here, of a field or element of this type.
    pub(super) fn structure(&mut self, kind: Kind) -> Result<(), FileError> {
        if kind.0 != STRUCT || self.open.len() as u32 == DEPTH_MAX {
            return Err(unexpected());
        }
        self.open.push(0);
        Ok(())
    }

    /// Opens the structure that the bytes begin with.
    pub(super) fn root(&mut self) -> Result<(), FileError> {
        self.structure(Kind(STRUCT))
    }

    /// The next field; `None` closes the structure.
    pub(super) fn field(&mut self) -> Result<Option<(i16, Kind)>, FileError> {
        let header = self.input.byte()?;
        if header == 0 {
            self.open.pop();
            return Ok(None);
        }
        let last = self.open.last().copied().unwrap_or(0);
        let id = match header >> 4 {
            0 => i16::try_from(self.input.zigzag()?).map_err(|_| unexpected())?,
            delta => last.checked_add(i16::from(delta)).ok_or_else(unexpected)?,
        };
        if let Some(last) = self.open.last_mut() {
            *last = id;
        }
        Ok(Some((id, Kind(header & 0x0F))))
    }

    pub(super) fn boolean(&mut self, kind: Kind) -> Result<bool, FileError> {
        match kind.0 {
            TRUE => Ok(true),
            FALSE => Ok(false),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn integer(&mut self, kind: Kind) -> Result<i64, FileError> {
        match kind.0 {
            BYTE => Ok(i64::from(self.input.byte()? as i8)),
            4..=I64 => self.input.zigzag(),
            _ => Err(unexpected()),
        }
    }

    pub(super) fn binary(&mut self, kind: Kind) -> Result<&'a [u8], FileError> {
        if kind.0 != BINARY {
            return Err(unexpected());
        }
        let length = usize::try_from(self.input.varint()?).map_err(|_| unexpected())?;
        self.input.take(length)
    }

    /// The number of elements of a list, and their type. Each has at least one byte, so there are
    /// no more than bytes.
    pub(super) fn list(&mut self, kind: Kind) -> Result<(usize, Kind), FileError> {
        if !matches!(kind.0, LIST | SET) {
            return Err(unexpected());
        }
        let header = self.input.byte()?;
        let count = match header >> 4 {
            15 => self.input.varint()?,
            short => u64::from(short),
        };
        let count = usize::try_from(count).ok().filter(|count| *count <= self.input.remaining());
        Ok((count.ok_or(FileError::Truncated)?, Kind(header & 0x0F)))
    }

    /// Passes over the value of a field.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), FileError> {
        match kind.0 {
            // The value of a boolean field is its type.
            TRUE | FALSE => Ok(()),
            _ => self.skip_value(kind),
        }
    }

    /// Passes over an element of a list.
    pub(super) fn skip_value(&mut self, kind: Kind) -> Result<(), FileError> {
        match kind.0 {
            TRUE | FALSE | BYTE => self.input.take(1).map(|_| ()),
            4..=I64 => self.input.varint().map(|_| ()),
            DOUBLE => self.input.take(8).map(|_| ()),
            BINARY => self.binary(kind).map(|_| ()),
            LIST | SET => {
                let (count, element) = self.list(kind)?;
                self.nest(|thrift| (0..count).try_for_each(|_| thrift.skip_value(element)))
            }
            MAP => {
                let count = self.input.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.input.byte()?;
                self.nest(|thrift| {
                    for _ in 0..count {
                        thrift.skip_value(Kind(kinds >> 4))?;
                        thrift.skip_value(Kind(kinds & 0x0F))?;
                    }
                    Ok(())
                })
            }
            STRUCT => {
                self.structure(kind)?;
                while let Some((_, kind)) = self.field()? {
                    self.skip(kind)?;
                }
                Ok(())
            }
            _ => Err(unexpected()),
        }
    }

    /// Lists in lists count as structures in structures.
    fn nest(
        &mut self,
        read: impl FnOnce(&mut Thrift<'a>) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        self.structure(Kind(STRUCT))?;
        read(self)?;
        self.open.pop();
        Ok(())
    }
}

fn unexpected() -> FileError {
    FileError::Malformed("unexpected type in its metadata")
}
