//! One leaf column of a row group, value by value. Holds one page and the dictionary.

use super::encoding::{Deltas, Hybrid};
use super::footer::Chunk;
use super::page::{Content, Page, read_page};
use super::schema::{Leaf, Physical};
use crate::copy::columnar::budget::Held;
use crate::copy::columnar::input::{FileError, Input};
use crate::copy::columnar::spool::Spool;

/// A stored value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stored<'a> {
    Boolean(bool),
    Integer(i64),
    /// Everything else, as in the page.
    Bytes(&'a [u8]),
}

pub(super) struct ColumnReader {
    leaf: Leaf,
    chunk: Chunk,
    /// Where the next page is, and where there are no more.
    at: u64,
    end: u64,
    values_left: u64,
    page: Vec<u8>,
    page_values_left: u64,
    repetition: Option<Hybrid>,
    definition: Option<Hybrid>,
    values: Values,
    dictionary: Option<Dictionary>,
    /// The levels of the next value.
    levels: Option<(u32, u32)>,
    /// A value that is not in the page as it is.
    assembled: Vec<u8>,
    held: Held,
}

/// Where the values of the page are.
enum Values {
    None,
    Plain {
        at: usize,
    },
    PlainBits {
        at: usize,
        index: usize,
    },
    Bits(Hybrid),
    Dictionary(Hybrid),
    Deltas(Deltas),
    /// DELTA_LENGTH_BYTE_ARRAY
    Lengths {
        lengths: Deltas,
        at: usize,
    },
    /// DELTA_BYTE_ARRAY: the value before it is in `assembled`.
    Suffixes {
        prefixes: Deltas,
        lengths: Deltas,
        at: usize,
    },
    /// BYTE_STREAM_SPLIT
    Split {
        at: usize,
        count: usize,
        index: usize,
    },
}

struct Dictionary {
    page: Vec<u8>,
    /// The end of each byte array; values of one length need none.
    ends: Option<Vec<u32>>,
}

impl ColumnReader {
    pub(super) fn new(leaf: &Leaf, chunk: &Chunk, held: Held) -> Result<Self, FileError> {
        let expected = match leaf.physical {
            Physical::Boolean => 0,
            Physical::Int32 => 1,
            Physical::Int64 => 2,
            Physical::Int96 => 3,
            Physical::Float => 4,
            Physical::Double => 5,
            Physical::ByteArray => 6,
            Physical::Fixed(_) => 7,
        };
        if chunk.physical != expected {
            return Err(FileError::Malformed("a column has another type than its schema"));
        }
        Ok(ColumnReader {
            leaf: leaf.clone(),
            at: chunk.start,
            end: chunk.start.checked_add(chunk.bytes).ok_or(FileError::Truncated)?,
            values_left: chunk.value_count,
            chunk: chunk.clone(),
            page: Vec::new(),
            page_values_left: 0,
            repetition: None,
            definition: None,
            values: Values::None,
            dictionary: None,
            levels: None,
            assembled: Vec::new(),
            held,
        })
    }

    /// Repetition and definition level of the next value, or `None` after the last.
    pub(super) fn peek(&mut self, spool: &mut Spool) -> Result<Option<(u32, u32)>, FileError> {
        if let Some(levels) = self.levels {
            return Ok(Some(levels));
        }
        if self.values_left == 0 {
            return Ok(None);
        }
        while self.page_values_left == 0 {
            self.next_page(spool)?;
        }
        let level = |levels: &mut Option<Hybrid>, level_max: u32| match levels {
            None => Ok(0),
            Some(levels) => match levels.next(&self.page)? {
                level if level <= level_max => Ok(level),
                _ => Err(FileError::Malformed("a level is too high")),
            },
        };
        let repetition = level(&mut self.repetition, self.leaf.repetition_max)?;
        let definition = level(&mut self.definition, self.leaf.definition_max)?;
        self.values_left -= 1;
        self.page_values_left -= 1;
        self.levels = Some((repetition, definition));
        Ok(self.levels)
    }

    /// Takes the levels that were peeked, and the value if there is one.
    pub(super) fn take(&mut self) -> Result<Option<Stored<'_>>, FileError> {
        let levels = self.levels.take().ok_or(FileError::Truncated)?;
        match levels.1 == self.leaf.definition_max {
            true => self.value().map(Some),
            false => Ok(None),
        }
    }

    fn next_page(&mut self, spool: &mut Spool) -> Result<(), FileError> {
        if self.at >= self.end {
            return Err(FileError::Malformed("a column has fewer values than announced"));
        }
        let page = read_page(spool, &self.chunk, &mut self.at, self.end)?;
        match page.content {
            Content::Other => return Ok(()),
            Content::Dictionary => {
                self.held.set(self.page.len() + page.bytes.len())?;
                self.dictionary = Some(self.read_dictionary(page)?);
                return Ok(());
            }
            _ => {
                let dictionary = self.dictionary.as_ref().map_or(0, |known| known.page.len());
                self.held.set(dictionary + page.bytes.len())?;
            }
        }
        let mut input = Input::new(&page.bytes);
        let (leaf, bytes) = (&self.leaf, &page.bytes);
        let (first, second) = match page.content {
            Content::DataV2 { repetition_bytes, definition_bytes } => {
                (Some(repetition_bytes), Some(definition_bytes))
            }
            _ => (None, None),
        };
        self.repetition = levels(&mut input, leaf.repetition_max, first)?;
        self.definition = levels(&mut input, leaf.definition_max, second)?;
        let at = input.position();
        self.values = match page.encoding {
            0 if leaf.physical == Physical::Boolean => Values::PlainBits { at, index: 0 },
            0 => Values::Plain { at },
            2 | 8 => {
                let width = input.byte().map_or(0, u32::from);
                Values::Dictionary(Hybrid::new(input.position(), bytes.len(), width)?)
            }
            3 if leaf.physical == Physical::Boolean => {
                Values::Bits(Hybrid::new((at + 4).min(bytes.len()), bytes.len(), 1)?)
            }
            5 if matches!(leaf.physical, Physical::Int32 | Physical::Int64) => {
                Values::Deltas(Deltas::new(bytes, at)?)
            }
            6 if leaf.physical == Physical::ByteArray => {
                let lengths = Deltas::new(bytes, at)?;
                Values::Lengths { at: lengths.clone().end(bytes)?, lengths }
            }
            7 if matches!(leaf.physical, Physical::ByteArray | Physical::Fixed(_)) => {
                let prefixes = Deltas::new(bytes, at)?;
                let lengths = Deltas::new(bytes, prefixes.clone().end(bytes)?)?;
                Values::Suffixes { at: lengths.clone().end(bytes)?, prefixes, lengths }
            }
            9 => match self.width() {
                Some(width) => Values::Split { at, count: (bytes.len() - at) / width, index: 0 },
                None => return Err(FileError::Malformed("wrong encoding of a page")),
            },
            _ => return Err(FileError::Malformed("unknown encoding of a page")),
        };
        self.assembled.clear();
        self.page_values_left = page.value_count;
        self.page = page.bytes;
        Ok(())
    }

    fn read_dictionary(&self, page: Page) -> Result<Dictionary, FileError> {
        if self.leaf.physical != Physical::ByteArray {
            return Ok(Dictionary { page: page.bytes, ends: None });
        }
        let mut input = Input::new(&page.bytes);
        let mut ends = Vec::new();
        for _ in 0..page.value_count {
            let length = u32::from_le_bytes(input.array()?);
            input.take(length as usize)?;
            ends.push(input.position() as u32);
        }
        Ok(Dictionary { page: page.bytes, ends: Some(ends) })
    }

    /// Bytes of a stored value, if all have the same.
    fn width(&self) -> Option<usize> {
        match self.leaf.physical {
            Physical::Boolean | Physical::ByteArray => None,
            Physical::Int32 | Physical::Float => Some(4),
            Physical::Int64 | Physical::Double => Some(8),
            Physical::Int96 => Some(12),
            Physical::Fixed(width) => Some(width),
        }
    }

    fn value(&mut self) -> Result<Stored<'_>, FileError> {
        let width = self.width();
        let physical = self.leaf.physical;
        let page = &self.page;
        match &mut self.values {
            Values::None => Err(FileError::Truncated),
            Values::Plain { at } => {
                let mut input = Input::at(page, *at);
                let width = match width {
                    Some(width) => width,
                    None => u32::from_le_bytes(input.array()?) as usize,
                };
                let bytes = input.take(width)?;
                *at = input.position();
                Ok(stored(physical, bytes))
            }
            Values::PlainBits { at, index } => {
                let byte = page.get(*at + *index / 8).ok_or(FileError::Truncated)?;
                let bit = byte >> (*index % 8) & 1;
                *index += 1;
                Ok(Stored::Boolean(bit == 1))
            }
            Values::Bits(bits) => Ok(Stored::Boolean(bits.next(page)? == 1)),
            Values::Dictionary(indexes) => {
                let index = indexes.next(page)? as usize;
                let dictionary = self.dictionary.as_ref();
                let bytes = dictionary.and_then(|dictionary| dictionary.get(index, width));
                let missing = FileError::Malformed("a value is not in its dictionary");
                Ok(stored(physical, bytes.ok_or(missing)?))
            }
            Values::Deltas(deltas) => {
                let value = deltas.next(page)?;
                let narrow = physical == Physical::Int32;
                Ok(Stored::Integer(if narrow { i64::from(value as i32) } else { value }))
            }
            Values::Lengths { lengths, at } => {
                let mut input = Input::at(page, *at);
                let bytes = input.take_counted(lengths.next(page)?)?;
                *at = input.position();
                Ok(Stored::Bytes(bytes))
            }
            Values::Suffixes { prefixes, lengths, at } => {
                let prefix = usize::try_from(prefixes.next(page)?).ok();
                let prefix = prefix.filter(|prefix| *prefix <= self.assembled.len());
                let mut input = Input::at(page, *at);
                let suffix = input.take_counted(lengths.next(page)?)?;
                *at = input.position();
                self.assembled.truncate(prefix.ok_or(FileError::Truncated)?);
                self.assembled.extend_from_slice(suffix);
                Ok(Stored::Bytes(&self.assembled))
            }
            Values::Split { at, count, index } => {
                if *index == *count {
                    return Err(FileError::Truncated);
                }
                let places = (0..width.unwrap_or(0)).map(|byte| *at + byte * *count + *index);
                self.assembled.clear();
                self.assembled.extend(places.map(|place| page[place]));
                *index += 1;
                Ok(stored(physical, &self.assembled))
            }
        }
    }
}

/// The levels of a page; in a page of version 1 their length stands before them.
fn levels(
    input: &mut Input<'_>,
    level_max: u32,
    bytes: Option<usize>,
) -> Result<Option<Hybrid>, FileError> {
    let bytes = match bytes {
        Some(bytes) => bytes,
        None if level_max == 0 => return Ok(None),
        None => u32::from_le_bytes(input.array()?) as usize,
    };
    let from = input.position();
    input.take(bytes)?;
    match level_max {
        0 => Ok(None),
        _ => Hybrid::new(from, input.position(), u32::BITS - level_max.leading_zeros()).map(Some),
    }
}

fn stored(physical: Physical, bytes: &[u8]) -> Stored<'_> {
    match (physical, bytes) {
        (Physical::Int32, [a, b, c, d]) => {
            Stored::Integer(i64::from(i32::from_le_bytes([*a, *b, *c, *d])))
        }
        (Physical::Int64, [a, b, c, d, e, f, g, h]) => {
            Stored::Integer(i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        _ => Stored::Bytes(bytes),
    }
}

impl Dictionary {
    fn get(&self, index: usize, width: Option<usize>) -> Option<&[u8]> {
        match (&self.ends, width) {
            (Some(ends), _) => {
                let end = *ends.get(index)? as usize;
                let start = if index == 0 { 0 } else { *ends.get(index - 1)? as usize };
                self.page.get(start + 4..end)
            }
            (None, Some(width)) => {
                let start = index.checked_mul(width)?;
                self.page.get(start..start.checked_add(width)?)
            }
            (None, None) => None,
        }
    }
}
