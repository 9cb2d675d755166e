//! The columns of a stripe, value by value (ORC specification v1, "Column encodings").

use super::runs::{BitRuns, ByteRuns, IntegerRuns};
use super::schema::{Kind, Node};
use super::stream::{Compression, Stream};
use super::tail::StripeFooter;
use crate::copy::columnar::budget::Held;
use crate::copy::columnar::fields::{FieldKind, ROW_BYTES_MAX};
use crate::copy::columnar::input::FileError;
use crate::copy::columnar::scalar::Style;
use crate::copy::columnar::spool::Spool;
use crate::copy::columnar::text;

/// 2015-01-01, from which timestamps count.
const EPOCH_SECONDS: i64 = 1_420_070_400;

/// More than that no dictionary may have.
const DICTIONARY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A column of one stripe.
pub(super) struct Column {
    present: Option<BitRuns>,
    values: Values,
    /// What its dictionary holds.
    _held: Held,
}

enum Values {
    Boolean(BitRuns),
    Byte(ByteRuns),
    Integer(IntegerRuns),
    Float(Stream),
    Double(Stream),
    Bytes { lengths: IntegerRuns, bytes: Stream },
    Dictionary { indexes: IntegerRuns, bytes: Vec<u8>, ends: Vec<usize> },
    Decimal { digits: Stream, scales: IntegerRuns, scale: u32 },
    Date(IntegerRuns),
    Timestamp { seconds: IntegerRuns, nanoseconds: IntegerRuns },
    Struct(Vec<(String, Column)>),
    List { lengths: IntegerRuns, element: Box<Column> },
    Map { lengths: IntegerRuns, key: Box<Column>, value: Box<Column> },
}

/// Makes the columns of one stripe.
pub(super) struct Opener<'a> {
    pub(super) spool: &'a mut Spool,
    pub(super) compression: Compression,
    pub(super) footer: &'a StripeFooter,
    pub(super) held: &'a Held,
}

const PRESENT: u64 = 0;
const DATA: u64 = 1;
const LENGTH: u64 = 2;
const DICTIONARY_DATA: u64 = 3;
const SECONDARY: u64 = 5;

impl Opener<'_> {
    fn find(&self, node: &Node, kind: u64) -> Result<Option<Stream>, FileError> {
        let found = self.footer.streams.iter().find(|s| (s.0, s.1) == (kind, node.id as u64));
        let Some((_, _, at, bytes)) = found else { return Ok(None) };
        let end = at.checked_add(*bytes).ok_or(FileError::Truncated)?;
        Stream::new(self.compression, *at, end, self.held.share()).map(Some)
    }

    /// A column that is NULL everywhere may have no other stream than PRESENT.
    fn stream(&self, node: &Node, kind: u64) -> Result<Stream, FileError> {
        Ok(self.find(node, kind)?.unwrap_or_else(Stream::empty))
    }

    pub(super) fn open(&mut self, node: &Node) -> Result<Column, FileError> {
        let encoding = self.footer.encodings.get(node.id).copied();
        let (encoding, size) = encoding.ok_or(FileError::Malformed("a column has no encoding"))?;
        // DIRECT, DICTIONARY, and both with runs of the second version.
        let (dictionary, second) = match encoding {
            0..=3 => (encoding % 2 == 1, encoding >= 2),
            _ => return Err(FileError::Malformed("unknown encoding of a column")),
        };
        let runs = |opener: &Self, kind: u64, signed: bool| {
            Ok::<_, FileError>(IntegerRuns::new(opener.stream(node, kind)?, second, signed))
        };
        let mut held = self.held.share();
        let values = match &node.kind {
            Kind::Boolean => Values::Boolean(BitRuns::new(self.stream(node, DATA)?)),
            Kind::Byte => Values::Byte(ByteRuns::new(self.stream(node, DATA)?)),
            Kind::Integer | Kind::Long => Values::Integer(runs(self, DATA, true)?),
            Kind::Float => Values::Float(self.stream(node, DATA)?),
            Kind::Double => Values::Double(self.stream(node, DATA)?),
            Kind::Text | Kind::Binary if dictionary => {
                let mut lengths = runs(self, LENGTH, false)?;
                let mut bytes = self.stream(node, DICTIONARY_DATA)?;
                let bytes = bytes.read_all(self.spool, DICTIONARY_BYTES_MAX)?;
                let ends = read_ends(self.spool, &mut lengths, size, bytes.len())?;
                held.set(bytes.len() + ends.len() * size_of::<usize>())?;
                Values::Dictionary { indexes: runs(self, DATA, false)?, bytes, ends }
            }
            Kind::Text | Kind::Binary => {
                let bytes = self.stream(node, DATA)?;
                Values::Bytes { lengths: runs(self, LENGTH, false)?, bytes }
            }
            Kind::Decimal { scale, .. } => Values::Decimal {
                digits: self.stream(node, DATA)?,
                scales: runs(self, SECONDARY, true)?,
                scale: *scale,
            },
            Kind::Date => Values::Date(runs(self, DATA, true)?),
            Kind::Timestamp { instant } => {
                let zone = self.footer.time_zone.as_str();
                if !instant && !matches!(zone, "" | "UTC" | "GMT" | "Etc/UTC") {
                    let what = format!("ORC with timestamps written in the time zone {zone}");
                    return Err(FileError::Unsupported(what));
                }
                let nanoseconds = runs(self, SECONDARY, false)?;
                Values::Timestamp { seconds: runs(self, DATA, true)?, nanoseconds }
            }
            Kind::Struct(parts) => {
                let mut columns = Vec::with_capacity(parts.len());
                for (name, part) in parts {
                    columns.push((name.clone(), self.open(part)?));
                }
                Values::Struct(columns)
            }
            Kind::List(part) => {
                let element = Box::new(self.open(part)?);
                Values::List { lengths: runs(self, LENGTH, false)?, element }
            }
            Kind::Map(key, value) => {
                let (key, value) = (Box::new(self.open(key)?), Box::new(self.open(value)?));
                Values::Map { lengths: runs(self, LENGTH, false)?, key, value }
            }
        };
        let present = self.find(node, PRESENT)?.map(BitRuns::new);
        Ok(Column { present, values, _held: held })
    }
}

/// Where each of the dictionary's entries ends.
fn read_ends(
    spool: &mut Spool,
    lengths: &mut IntegerRuns,
    count: u64,
    bytes: usize,
) -> Result<Vec<usize>, FileError> {
    let mut ends = Vec::new();
    let mut end = 0_usize;
    for _ in 0..count {
        let length = usize::try_from(lengths.next(spool)?).ok();
        let next = length.and_then(|length| end.checked_add(length)).filter(|end| *end <= bytes);
        end = next.ok_or(FileError::Malformed("a dictionary entry is too long"))?;
        // Only one entry can be empty.
        if ends.len() > bytes + 1 {
            return Err(FileError::Malformed("a dictionary has too many entries"));
        }
        ends.push(end);
    }
    Ok(ends)
}

impl Column {
    /// Appends the next value.
    pub(super) fn push(
        &mut self,
        spool: &mut Spool,
        style: Style,
        out: &mut Vec<u8>,
    ) -> Result<FieldKind, FileError> {
        if out.len() > 2 * ROW_BYTES_MAX {
            return Err(FileError::Malformed("a row has more than 4 MB"));
        }
        if let Some(present) = &mut self.present
            && !present.next(spool)?
        {
            return Ok(FieldKind::Null);
        }
        let json = style == Style::Json;
        match &mut self.values {
            Values::Boolean(bits) => text::push_boolean(bits.next(spool)?, out),
            Values::Byte(bytes) => text::push_integer(bytes.next(spool)? as i8, out),
            Values::Integer(integers) => text::push_integer(integers.next(spool)?, out),
            Values::Float(stream) => {
                text::push_single(f32::from_le_bytes(stream.array(spool)?), json, out);
            }
            Values::Double(stream) => {
                text::push_float(f64::from_le_bytes(stream.array(spool)?), json, out);
            }
            Values::Bytes { lengths, bytes } => {
                let length = usize::try_from(lengths.next(spool)?).ok();
                let length = length.filter(|length| *length <= ROW_BYTES_MAX);
                let length = length.ok_or(FileError::Malformed("a value has more than 4 MB"))?;
                if style == Style::Plain {
                    bytes.take(spool, length, out)?;
                } else {
                    let mut value = Vec::new();
                    bytes.take(spool, length, &mut value)?;
                    text::push_bytes(&value, style, out);
                }
            }
            Values::Dictionary { indexes, bytes, ends } => {
                let index = usize::try_from(indexes.next(spool)?).ok();
                let missing = FileError::Malformed("a value is not in its dictionary");
                let index = index.filter(|index| *index < ends.len()).ok_or(missing)?;
                let start = if index == 0 { 0 } else { ends[index - 1] };
                text::push_bytes(&bytes[start..ends[index]], style, out);
            }
            Values::Decimal { digits, scales, scale } => {
                let value = digits.varint(spool)?;
                let value = (value >> 1) as i128 ^ -((value & 1) as i128);
                text::push_decimal(rescaled(value, scales.next(spool)?, *scale)?, *scale, out);
            }
            Values::Date(_) | Values::Timestamp { .. } => return self.moment(spool, json, out),
            _ => self.nested(spool, out)?,
        }
        Ok(FieldKind::Text)
    }

    fn moment(
        &mut self,
        spool: &mut Spool,
        json: bool,
        out: &mut Vec<u8>,
    ) -> Result<FieldKind, FileError> {
        if json {
            out.push(b'"');
        }
        match &mut self.values {
            Values::Date(days) => text::push_date(days.next(spool)?, out),
            Values::Timestamp { seconds, nanoseconds } => {
                let nanoseconds = nanoseconds.next(spool)?;
                let (digits, zeros) = (nanoseconds >> 3, nanoseconds & 7);
                let factor = if zeros == 0 { 1 } else { 10_i64.pow(zeros as u32 + 1) };
                let nanoseconds = digits.wrapping_mul(factor);
                let mut seconds = seconds.next(spool)?.wrapping_add(EPOCH_SECONDS);
                // Writers cut seconds towards zero, also those before 1970.
                if seconds < 0 && nanoseconds > 999_999 {
                    seconds = seconds.saturating_sub(1);
                }
                let at = seconds.checked_mul(1_000_000);
                let at = at.and_then(|at| at.checked_add(nanoseconds / 1000));
                let at = at.ok_or(FileError::Malformed("a timestamp is out of range"))?;
                text::push_timestamp(at, out);
            }
            _ => {}
        }
        if json {
            out.push(b'"');
        }
        Ok(FieldKind::Moment)
    }

    fn json(&mut self, spool: &mut Spool, out: &mut Vec<u8>) -> Result<(), FileError> {
        if self.push(spool, Style::Json, out)? == FieldKind::Null {
            out.extend_from_slice(b"null");
        }
        Ok(())
    }

    fn nested(&mut self, spool: &mut Spool, out: &mut Vec<u8>) -> Result<(), FileError> {
        match &mut self.values {
            Values::Struct(parts) => {
                out.push(b'{');
                for (index, (name, part)) in parts.iter_mut().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    text::push_json_string(name.as_bytes(), out);
                    out.push(b':');
                    part.json(spool, out)?;
                }
                out.push(b'}');
            }
            Values::List { lengths, element } => {
                out.push(b'[');
                for index in 0..lengths.next(spool)? {
                    if index > 0 {
                        out.push(b',');
                    }
                    element.json(spool, out)?;
                }
                out.push(b']');
            }
            Values::Map { lengths, key, value } => {
                out.push(b'{');
                for index in 0..lengths.next(spool)? {
                    if index > 0 {
                        out.push(b',');
                    }
                    let start = out.len();
                    key.json(spool, out)?;
                    if out.get(start) != Some(&b'"') {
                        // A key that is no text becomes one.
                        let key = out.split_off(start);
                        text::push_json_string(&key, out);
                    }
                    out.push(b':');
                    value.json(spool, out)?;
                }
                out.push(b'}');
            }
            _ => {}
        }
        Ok(())
    }
}

/// A number of one scale in another; what is cut is beyond the column's own scale.
fn rescaled(value: i128, from: i64, to: u32) -> Result<i128, FileError> {
    let wrong = || FileError::Malformed("a decimal is out of range");
    let shift = i64::from(to).checked_sub(from).filter(|shift| shift.abs() <= 38);
    let shift = shift.ok_or_else(wrong)?;
    let factor = 10_i128.pow(shift.unsigned_abs() as u32);
    match shift >= 0 {
        true => value.checked_mul(factor).ok_or_else(wrong),
        false => Ok(value / factor),
    }
}
