//! Puts the fields of a row together from the leaves (Dremel's record assembly, one row at a time).

use super::column::{ColumnReader, Stored};
use super::schema::{Leaf, Meaning, Node, Physical, Shape};
use crate::copy::columnar::fields::{FieldKind, ROW_BYTES_MAX};
use crate::copy::columnar::input::FileError;
use crate::copy::columnar::scalar::Style;
use crate::copy::columnar::spool::Spool;
use crate::copy::columnar::text;

/// The Julian day of 1970-01-01, from which INT96 counts.
const JULIAN_EPOCH: i64 = 2_440_588;

const MICROSECONDS: Meaning = Meaning::Timestamp(1_000_000);
const MICROSECONDS_OF_DAY: i64 = 86_400_000_000;

pub(super) struct Assembler<'a> {
    pub(super) spool: &'a mut Spool,
    pub(super) leaves: &'a [Leaf],
    pub(super) readers: Vec<ColumnReader>,
}

impl Assembler<'_> {
    /// Appends the field of a top-level column.
    pub(super) fn field(
        &mut self,
        node: &Node,
        style: Style,
        out: &mut Vec<u8>,
    ) -> Result<FieldKind, FileError> {
        let first = node.leaves.start;
        if !node.repeated && matches!(node.shape, Shape::Leaf) {
            self.levels(first)?;
            return match self.readers[first].take()? {
                None => Ok(FieldKind::Null),
                Some(value) => push_value(&self.leaves[first], value, style, out),
            };
        }
        let (_, definition) = self.levels(first)?;
        if !node.repeated && definition < node.definition {
            self.pass(node)?;
            return Ok(FieldKind::Null);
        }
        self.json(node, out)?;
        Ok(FieldKind::Text)
    }

    fn levels(&mut self, leaf: usize) -> Result<(u32, u32), FileError> {
        let levels = self.readers[leaf].peek(self.spool)?;
        levels.ok_or(FileError::Malformed("a column has fewer values than rows"))
    }

    /// Takes the one entry that each leaf has for something that is not there.
    fn pass(&mut self, node: &Node) -> Result<(), FileError> {
        for leaf in node.leaves.clone() {
            self.levels(leaf)?;
            self.readers[leaf].take()?;
        }
        Ok(())
    }

    /// Appends a node as JSON: a repeated one that is not wrapped is an array of its own.
    fn json(&mut self, node: &Node, out: &mut Vec<u8>) -> Result<(), FileError> {
        if node.repeated {
            out.push(b'[');
            self.repeat(node, out, |assembler, out| assembler.present(node, out))?;
            out.push(b']');
            return Ok(());
        }
        let (_, definition) = self.levels(node.leaves.start)?;
        if node.optional && definition < node.definition {
            self.pass(node)?;
            out.extend_from_slice(b"null");
            return Ok(());
        }
        self.present(node, out)
    }

    /// Appends a node that is there.
    fn present(&mut self, node: &Node, out: &mut Vec<u8>) -> Result<(), FileError> {
        match &node.shape {
            Shape::Leaf => {
                let leaf = node.leaves.start;
                self.levels(leaf)?;
                match self.readers[leaf].take()? {
                    None => out.extend_from_slice(b"null"),
                    Some(value) => {
                        push_value(&self.leaves[leaf], value, Style::Json, out)?;
                    }
                }
            }
            Shape::Group(children) => {
                out.push(b'{');
                for (index, child) in children.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    text::push_json_string(child.name.as_bytes(), out);
                    out.push(b':');
                    self.json(child, out)?;
                }
                out.push(b'}');
            }
            Shape::List(wrapper) => {
                out.push(b'[');
                self.repeat(wrapper, out, |assembler, out| match &wrapper.shape {
                    // "Backward-compatibility rules": the wrapper of a list that has one field,
                    // unless it is named as the element itself.
                    Shape::Group(children) if children.len() == 1 && wrapper.name != "array" => {
                        assembler.json(&children[0], out)
                    }
                    _ => assembler.present(wrapper, out),
                })?;
                out.push(b']');
            }
            Shape::Map(wrapper) => {
                out.push(b'{');
                self.repeat(wrapper, out, |assembler, out| assembler.entry(wrapper, out))?;
                out.push(b'}');
            }
        }
        Ok(())
    }

    /// Appends the repetitions of a node, with commas between them.
    fn repeat(
        &mut self,
        node: &Node,
        out: &mut Vec<u8>,
        mut push: impl FnMut(&mut Self, &mut Vec<u8>) -> Result<(), FileError>,
    ) -> Result<(), FileError> {
        let first = node.leaves.start;
        if self.levels(first)?.1 < node.definition {
            return self.pass(node);
        }
        loop {
            push(self, out)?;
            if out.len() > 2 * ROW_BYTES_MAX {
                return Err(FileError::Malformed("a row has more than 4 MB"));
            }
            match self.readers[first].peek(self.spool)? {
                Some((repetition, _)) if repetition == node.repetition => out.push(b','),
                _ => return Ok(()),
            }
        }
    }

    /// Appends `"key":value`.
    fn entry(&mut self, wrapper: &Node, out: &mut Vec<u8>) -> Result<(), FileError> {
        let Shape::Group(children) = &wrapper.shape else {
            return Err(FileError::Malformed("its schema is wrong"));
        };
        let start = out.len();
        self.json(&children[0], out)?;
        if out.get(start) != Some(&b'"') {
            // A key that is no text becomes one.
            let key = out.split_off(start);
            text::push_json_string(&key, out);
        }
        out.push(b':');
        self.json(&children[1], out)
    }
}

/// Appends the text of a value, or its JSON.
fn push_value(
    leaf: &Leaf,
    value: Stored<'_>,
    style: Style,
    out: &mut Vec<u8>,
) -> Result<FieldKind, FileError> {
    let json = style == Style::Json;
    match (leaf.meaning, value) {
        (_, Stored::Boolean(value)) => text::push_boolean(value, out),
        (Meaning::Decimal { scale, .. }, Stored::Integer(value)) => {
            text::push_decimal(i128::from(value), scale, out);
        }
        (Meaning::Decimal { scale, .. }, Stored::Bytes(bytes)) => {
            let value = text::big_endian(bytes);
            let value = value.ok_or(FileError::Malformed("a decimal has more than 38 digits"))?;
            text::push_decimal(value, scale, out);
        }
        (Meaning::Date | Meaning::Timestamp(_) | Meaning::Time(_), Stored::Integer(value)) => {
            push_moment(leaf.meaning, value, json, out);
            return Ok(FieldKind::Moment);
        }
        (Meaning::Unsigned, Stored::Integer(value)) if leaf.physical == Physical::Int32 => {
            text::push_integer(value as u32, out);
        }
        (Meaning::Unsigned, Stored::Integer(value)) => text::push_integer(value as u64, out),
        (_, Stored::Integer(value)) => text::push_integer(value, out),
        (Meaning::Uuid, Stored::Bytes(bytes)) if style != Style::Hexadecimal => {
            let mut uuid = Vec::new();
            text::push_uuid(bytes, &mut uuid);
            text::push_bytes(&uuid, style, out);
        }
        (_, Stored::Bytes(bytes)) => return Ok(push_bytes(leaf, bytes, style, out)),
    }
    Ok(FieldKind::Text)
}

fn push_bytes(leaf: &Leaf, bytes: &[u8], style: Style, out: &mut Vec<u8>) -> FieldKind {
    let json = style == Style::Json;
    match (leaf.physical, bytes) {
        (Physical::Float, [a, b, c, d]) => {
            text::push_single(f32::from_le_bytes([*a, *b, *c, *d]), json, out);
        }
        (Physical::Double, [a, b, c, d, e, f, g, h]) => {
            let value = f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            text::push_float(value, json, out);
        }
        (Physical::Int96, [a, b, c, d, e, f, g, h, i, j, k, l]) => {
            let nanoseconds = i64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            let day = i64::from(i32::from_le_bytes([*i, *j, *k, *l])) - JULIAN_EPOCH;
            // A day that is out of range stays so: it becomes the last moment there is.
            let at = day.saturating_mul(MICROSECONDS_OF_DAY).saturating_add(nanoseconds / 1000);
            push_moment(MICROSECONDS, at, json, out);
            return FieldKind::Moment;
        }
        (Physical::Fixed(2), [low, high]) if leaf.meaning == Meaning::Float16 => {
            text::push_single(half(u16::from_le_bytes([*low, *high])), json, out);
        }
        _ => text::push_bytes(bytes, style, out),
    }
    FieldKind::Text
}

fn push_moment(meaning: Meaning, value: i64, json: bool, out: &mut Vec<u8>) {
    if json {
        out.push(b'"');
    }
    let microseconds = |per_second: i64| match per_second {
        1_000 => value.checked_mul(1_000),
        1_000_000 => Some(value),
        _ => Some(value.div_euclid(1_000)),
    };
    match meaning {
        Meaning::Timestamp(per_second) => match microseconds(per_second) {
            Some(at) => text::push_timestamp(at, out),
            None => text::push_integer(value, out),
        },
        Meaning::Time(per_second) => match microseconds(per_second) {
            Some(at @ 0..86_400_000_000) => text::push_time(at, out),
            _ => text::push_integer(value, out),
        },
        _ => text::push_date(value, out),
    }
    if json {
        out.push(b'"');
    }
}

/// A half-precision number.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f32::from(bits & 0x3FF));
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}
