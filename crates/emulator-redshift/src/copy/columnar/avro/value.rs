//! The values of a block: as text for a column, as JSON inside of another value, or passed over.

use super::schema::{Node, NodeId, Schema};
use crate::copy::columnar::fields::{FieldKind, ROW_BYTES_MAX};
use crate::copy::columnar::input::{FileError, Input};
use crate::copy::columnar::scalar::Style;
use crate::copy::columnar::text;

/// Values of one block, so that one that says it has more than it can is not read for ever: there
/// are values without bytes.
const VALUES_MAX: u64 = 16 * 1024 * 1024;

/// A recursive type nests as deep as its data.
const DEPTH_MAX: u32 = 200;

/// Reads the values of one block.
pub(super) struct Values<'a> {
    schema: &'a Schema,
    pub(super) input: Input<'a>,
    numeric_times: bool,
    values_left: u64,
    depth: u32,
}

impl<'a> Values<'a> {
    pub(super) fn new(schema: &'a Schema, block: &'a [u8], numeric_times: bool) -> Values<'a> {
        let input = Input::new(block);
        Values { schema, input, numeric_times, values_left: VALUES_MAX, depth: 0 }
    }

    /// Counts a record, which may have no field.
    pub(super) fn count_record(&mut self) -> Result<(), FileError> {
        self.values_left = self.values_left.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }

    fn enter(&mut self, id: NodeId) -> Result<&'a Node, FileError> {
        if self.values_left == 0 || self.depth == DEPTH_MAX {
            return Err(too_many());
        }
        self.values_left -= 1;
        self.depth += 1;
        Ok(self.schema.get(id))
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, id: NodeId) -> Result<(), FileError> {
        let node = self.enter(id)?;
        match node {
            Node::Null => {}
            Node::Boolean => drop(self.input.take(1)?),
            Node::Int
            | Node::Long
            | Node::Enum(_)
            | Node::Date
            | Node::TimeMillis
            | Node::TimeMicros
            | Node::Timestamp(_) => drop(self.input.varint()?),
            Node::Float => drop(self.input.take(4)?),
            Node::Double => drop(self.input.take(8)?),
            Node::Bytes | Node::String | Node::Decimal { fixed: None, .. } => drop(self.bytes()?),
            Node::Fixed(size) | Node::Decimal { fixed: Some(size), .. } => {
                self.input.take(*size)?;
            }
            Node::Union(branches) => {
                let branch = self.branch(branches)?;
                self.skip(branch)?;
            }
            Node::Record(fields) => {
                for (_, field) in fields {
                    self.skip(*field)?;
                }
            }
            Node::Array(element) => self.skip_blocks(*element, false)?,
            Node::Map(element) => self.skip_blocks(*element, true)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn skip_blocks(&mut self, element: NodeId, keys: bool) -> Result<(), FileError> {
        loop {
            let count = self.input.zigzag()?;
            if count == 0 {
                return Ok(());
            }
            // A negative count is followed by the bytes of the block.
            if count < 0 {
                let bytes = self.input.zigzag()?;
                self.input.take_counted(bytes)?;
                continue;
            }
            for _ in 0..count {
                if keys {
                    self.bytes()?;
                }
                self.skip(element)?;
            }
        }
    }

    /// Appends the text of a value for a column.
    pub(super) fn field(
        &mut self,
        id: NodeId,
        style: Style,
        out: &mut Vec<u8>,
    ) -> Result<FieldKind, FileError> {
        let start = out.len();
        match style {
            Style::Json => self.json(id, out)?,
            _ => return self.text(id, out),
        }
        Ok(if &out[start..] == b"null" { FieldKind::Null } else { FieldKind::Text })
    }

    fn text(&mut self, id: NodeId, out: &mut Vec<u8>) -> Result<FieldKind, FileError> {
        let node = self.enter(id)?;
        let kind = match node {
            Node::Null => FieldKind::Null,
            Node::Union(branches) => {
                let branch = self.branch(branches)?;
                self.text(branch, out)?
            }
            Node::Bytes | Node::String => {
                out.extend_from_slice(self.bytes()?);
                FieldKind::Text
            }
            Node::Fixed(size) => {
                out.extend_from_slice(self.input.take(*size)?);
                FieldKind::Text
            }
            Node::Enum(symbols) => {
                out.extend_from_slice(self.symbol(symbols)?.as_bytes());
                FieldKind::Text
            }
            Node::Date | Node::TimeMillis | Node::TimeMicros | Node::Timestamp(_) => {
                self.moment(node, out)?
            }
            Node::Array(_) | Node::Map(_) | Node::Record(_) => {
                self.nested(node, out)?;
                FieldKind::Text
            }
            _ => {
                self.scalar(node, false, out)?;
                FieldKind::Text
            }
        };
        self.depth -= 1;
        Ok(kind)
    }

    /// Appends a value as JSON.
    fn json(&mut self, id: NodeId, out: &mut Vec<u8>) -> Result<(), FileError> {
        if out.len() > 2 * ROW_BYTES_MAX {
            let bytes = out.len() as u64;
            let bytes_max = ROW_BYTES_MAX as u64;
            return Err(FileError::TooLarge { what: "a row", bytes, bytes_max });
        }
        let node = self.enter(id)?;
        match node {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Union(branches) => {
                let branch = self.branch(branches)?;
                self.json(branch, out)?;
            }
            Node::Bytes | Node::String => {
                let bytes = self.bytes()?;
                text::push_json_string(bytes, out);
            }
            Node::Fixed(size) => text::push_json_string(self.input.take(*size)?, out),
            Node::Enum(symbols) => {
                let symbol = self.symbol(symbols)?;
                text::push_json_string(symbol.as_bytes(), out);
            }
            Node::Date | Node::TimeMillis | Node::TimeMicros | Node::Timestamp(_) => {
                out.push(b'"');
                self.moment(node, out)?;
                out.push(b'"');
            }
            Node::Array(_) | Node::Map(_) | Node::Record(_) => self.nested(node, out)?,
            _ => self.scalar(node, true, out)?,
        }
        self.depth -= 1;
        Ok(())
    }

    fn nested(&mut self, node: &'a Node, out: &mut Vec<u8>) -> Result<(), FileError> {
        let (open, close) =
            if matches!(node, Node::Array(_)) { (b'[', b']') } else { (b'{', b'}') };
        out.push(open);
        let first = out.len();
        let separate = |out: &mut Vec<u8>| {
            if out.len() > first {
                out.push(b',');
            }
        };
        match node {
            Node::Record(fields) => {
                for (name, field) in fields {
                    separate(out);
                    text::push_json_string(name.as_bytes(), out);
                    out.push(b':');
                    self.json(*field, out)?;
                }
            }
            Node::Array(element) | Node::Map(element) => loop {
                let mut count = self.input.zigzag()?;
                if count == 0 {
                    break;
                }
                if count < 0 {
                    self.input.zigzag()?;
                    count =
                        count.checked_neg().ok_or(FileError::Malformed("Its count is wrong"))?;
                }
                for _ in 0..count {
                    separate(out);
                    if matches!(node, Node::Map(_)) {
                        let key = self.bytes()?;
                        text::push_json_string(key, out);
                        out.push(b':');
                    }
                    self.json(*element, out)?;
                }
            },
            _ => {}
        }
        out.push(close);
        Ok(())
    }

    /// Numbers and booleans.
    fn scalar(&mut self, node: &Node, json: bool, out: &mut Vec<u8>) -> Result<(), FileError> {
        match node {
            Node::Boolean => text::push_boolean(self.input.byte()? != 0, out),
            Node::Int | Node::Long => text::push_integer(self.input.zigzag()?, out),
            Node::Float => text::push_single(f32::from_le_bytes(self.input.array()?), json, out),
            Node::Double => text::push_float(f64::from_le_bytes(self.input.array()?), json, out),
            Node::Decimal { fixed, scale } => {
                let bytes = match fixed {
                    Some(size) => self.input.take(*size)?,
                    None => self.bytes()?,
                };
                let broken = FileError::Malformed("It has a decimal of more than 38 digits");
                text::push_decimal(text::big_endian(bytes).ok_or(broken)?, *scale, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn moment(&mut self, node: &Node, out: &mut Vec<u8>) -> Result<FieldKind, FileError> {
        let value = self.input.zigzag()?;
        let per_second = match node {
            Node::Timestamp(per_second) => *per_second,
            Node::TimeMillis => 1_000,
            _ => 1_000_000,
        };
        let microseconds = match per_second > 1_000_000 {
            true => Some(value.div_euclid(per_second / 1_000_000)),
            false => value.checked_mul(1_000_000 / per_second),
        };
        match (node, microseconds) {
            (Node::Date, _) => text::push_date(value, out),
            (Node::Timestamp(_), Some(at)) if !self.numeric_times => text::push_timestamp(at, out),
            (Node::TimeMillis | Node::TimeMicros, Some(at @ 0..86_400_000_000)) => {
                text::push_time(at, out);
            }
            _ => {
                text::push_integer(value, out);
                return Ok(FieldKind::Text);
            }
        }
        Ok(FieldKind::Moment)
    }

    fn bytes(&mut self) -> Result<&'a [u8], FileError> {
        let length = self.input.zigzag()?;
        self.input.take_counted(length)
    }

    fn branch(&mut self, branches: &[NodeId]) -> Result<NodeId, FileError> {
        let index = usize::try_from(self.input.zigzag()?).ok();
        let branch = index.and_then(|index| branches.get(index));
        branch.copied().ok_or(FileError::Malformed("It has a value of no branch of its union"))
    }

    fn symbol<'s>(&mut self, symbols: &'s [String]) -> Result<&'s str, FileError> {
        let index = usize::try_from(self.input.zigzag()?).ok();
        let symbol = index.and_then(|index| symbols.get(index));
        symbol.map(String::as_str).ok_or(FileError::Malformed("It has a value of no symbol"))
    }
}

fn too_many() -> FileError {
    FileError::Malformed("It has too many values in a block")
}
