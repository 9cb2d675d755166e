//! The columns of a Parquet file, nested or not, and what their leaves hold (parquet-format,
//! "Logical types").

use crate::copy::columnar::input::FileError;
use crate::copy::columnar::scalar::Scalar;

/// Groups in groups.
const DEPTH_MAX: u32 = 64;

/// A schema element as it is written.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) physical: Option<i64>,
    pub(super) length: i64,
    pub(super) repetition: i64,
    pub(super) name: String,
    pub(super) child_count: i64,
    pub(super) converted: Option<i64>,
    pub(super) scale: i64,
    pub(super) precision: i64,
    /// The member of `LogicalType`.
    pub(super) logical: Option<i16>,
    /// 1 milliseconds, 2 microseconds, 3 nanoseconds.
    pub(super) time_unit: Option<i16>,
    pub(super) bit_width: i64,
    pub(super) unsigned: bool,
}

/// The top-level columns, and the leaves of all in order.
#[derive(Debug)]
pub(super) struct SchemaTree {
    pub(super) columns: Vec<Node>,
    pub(super) leaves: Vec<Leaf>,
}

/// A column, or a part of a nested one.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) optional: bool,
    pub(super) repeated: bool,
    /// The level of definition at which this is there.
    pub(super) definition: u32,
    /// The level of repetition at which this begins again.
    pub(super) repetition: u32,
    pub(super) shape: Shape,
    /// The first leaf below, and one past the last.
    pub(super) leaves: std::ops::Range<usize>,
}

#[derive(Debug)]
pub(super) enum Shape {
    Leaf,
    Group(Vec<Node>),
    /// LIST: its only child is repeated, and is or has the element.
    List(Box<Node>),
    /// MAP: its only child is repeated, and has key and value.
    Map(Box<Node>),
}

/// A column of values.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) name: String,
    pub(super) physical: Physical,
    pub(super) meaning: Meaning,
    pub(super) definition_max: u32,
    pub(super) repetition_max: u32,
    repetition_name: &'static str,
}

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    ByteArray,
    Fixed(usize),
}

/// What stored values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Plain,
    Unsigned,
    Text,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Date,
    /// So many in a second.
    Timestamp(i64),
    /// So many in a second, of the day.
    Time(i64),
    Uuid,
    Float16,
}

impl Leaf {
    /// What kind of column can take it.
    pub(super) fn scalar(&self) -> Scalar {
        match (self.meaning, self.physical) {
            (Meaning::Decimal { precision, scale }, _) => Scalar::Decimal { precision, scale },
            (Meaning::Date, _) => Scalar::Date,
            (Meaning::Timestamp(_), _) | (_, Physical::Int96) => Scalar::Timestamp,
            (Meaning::Time(_), _) => Scalar::Time,
            (Meaning::Text | Meaning::Uuid, _) => Scalar::Text,
            (Meaning::Float16, _) => Scalar::Single,
            (_, Physical::Boolean) => Scalar::Boolean,
            (_, Physical::Int32) => Scalar::Integer,
            (_, Physical::Int64) => Scalar::Long,
            (_, Physical::Float) => Scalar::Single,
            (_, Physical::Double) => Scalar::Double,
            (_, Physical::ByteArray | Physical::Fixed(_)) => Scalar::Binary,
        }
    }

    /// As Redshift Spectrum writes it: `optional int64 l_orderkey [i:0 d:1 r:0]`.
    pub(super) fn describe(&self, index: usize) -> String {
        let physical = match self.physical {
            Physical::Boolean => "boolean",
            Physical::Int32 => "int32",
            Physical::Int64 => "int64",
            Physical::Int96 => "int96",
            Physical::Float => "float",
            Physical::Double => "double",
            Physical::ByteArray => "byte_array",
            Physical::Fixed(_) => "fixed_len_byte_array",
        };
        let Leaf { name, repetition_name, definition_max, repetition_max, .. } = self;
        format!(
            "{repetition_name} {physical} {name} [i:{index} d:{definition_max} r:{repetition_max}]\n"
        )
    }
}

impl SchemaTree {
    pub(super) fn new(elements: Vec<Element>) -> Result<SchemaTree, FileError> {
        let mut builder = Builder { elements: elements.into_iter(), leaves: Vec::new() };
        let root = builder.elements.next().ok_or_else(malformed)?;
        let columns = builder.children(root.child_count, (0, 0), 0)?;
        if builder.elements.next().is_some() {
            return Err(malformed());
        }
        Ok(SchemaTree { columns, leaves: builder.leaves })
    }
}

struct Builder {
    elements: std::vec::IntoIter<Element>,
    leaves: Vec<Leaf>,
}

impl Builder {
    fn children(
        &mut self,
        count: i64,
        levels: (u32, u32),
        depth: u32,
    ) -> Result<Vec<Node>, FileError> {
        // The elements end before a wrong count does.
        (0..count).map(|_| self.node(levels, depth)).collect()
    }

    fn node(&mut self, above: (u32, u32), depth: u32) -> Result<Node, FileError> {
        let element = self.elements.next().filter(|_| depth < DEPTH_MAX).ok_or_else(malformed)?;
        let (optional, repeated) = match element.repetition {
            0 => (false, false),
            1 => (true, false),
            2 => (false, true),
            _ => return Err(malformed()),
        };
        let definition = above.0 + u32::from(optional || repeated);
        let repetition = above.1 + u32::from(repeated);
        let first = self.leaves.len();
        let shape = if element.child_count > 0 {
            let count = element.child_count;
            let mut children = self.children(count, (definition, repetition), depth + 1)?;
            let wrapper = children.len() == 1 && children[0].repeated;
            // LogicalType LIST 3, MAP 2; ConvertedType LIST 3, MAP 1, MAP_KEY_VALUE 2.
            let is_list = element.logical == Some(3) || element.converted == Some(3);
            let is_map = element.logical == Some(2) || matches!(element.converted, Some(1 | 2));
            match children.pop() {
                Some(child) if is_list && wrapper => Shape::List(Box::new(child)),
                Some(child) if is_map && wrapper && has_two(&child) => Shape::Map(Box::new(child)),
                Some(child) => {
                    children.push(child);
                    Shape::Group(children)
                }
                None => return Err(malformed()),
            }
        } else {
            self.leaves.push(leaf(&element, definition, repetition)?);
            Shape::Leaf
        };
        let leaves = first..self.leaves.len();
        let name = element.name;
        Ok(Node { name, optional, repeated, definition, repetition, shape, leaves })
    }
}

fn has_two(node: &Node) -> bool {
    matches!(&node.shape, Shape::Group(children) if children.len() == 2)
}

fn leaf(element: &Element, definition: u32, repetition: u32) -> Result<Leaf, FileError> {
    let length = usize::try_from(element.length).ok();
    let physical = match element.physical {
        Some(0) => Physical::Boolean,
        Some(1) => Physical::Int32,
        Some(2) => Physical::Int64,
        Some(3) => Physical::Int96,
        Some(4) => Physical::Float,
        Some(5) => Physical::Double,
        Some(6) => Physical::ByteArray,
        Some(7) => Physical::Fixed(length.filter(|length| *length > 0).ok_or_else(malformed)?),
        _ => return Err(malformed()),
    };
    let repetition_name = ["required", "optional", "repeated"];
    let repetition_name = usize::try_from(element.repetition).map(|index| repetition_name[index]);
    Ok(Leaf {
        name: element.name.clone(),
        physical,
        meaning: meaning(element, physical)?,
        definition_max: definition,
        repetition_max: repetition,
        repetition_name: repetition_name.map_err(|_| malformed())?,
    })
}

fn meaning(element: &Element, physical: Physical) -> Result<Meaning, FileError> {
    let per_second = match element.time_unit {
        Some(1) => Some(1_000),
        Some(2) => Some(1_000_000),
        Some(3) => Some(1_000_000_000),
        _ => None,
    };
    let found = match (element.logical, element.converted) {
        (Some(1 | 4 | 12), _) | (None, Some(0 | 4 | 19)) => Meaning::Text,
        (Some(5), _) | (None, Some(5)) => decimal(element)?,
        (Some(6), _) | (None, Some(6)) => Meaning::Date,
        (Some(7), _) => Meaning::Time(per_second.ok_or_else(malformed)?),
        (Some(8), _) => Meaning::Timestamp(per_second.ok_or_else(malformed)?),
        (None, Some(7)) => Meaning::Time(1_000),
        (None, Some(8)) => Meaning::Time(1_000_000),
        (None, Some(9)) => Meaning::Timestamp(1_000),
        (None, Some(10)) => Meaning::Timestamp(1_000_000),
        (Some(10), _) if element.unsigned => Meaning::Unsigned,
        (None, Some(11..=14)) => Meaning::Unsigned,
        (Some(14), _) => Meaning::Uuid,
        (Some(15), _) => Meaning::Float16,
        _ => Meaning::Plain,
    };
    let stored = match found {
        Meaning::Plain => true,
        Meaning::Unsigned => matches!(physical, Physical::Int32 | Physical::Int64),
        Meaning::Text => matches!(physical, Physical::ByteArray | Physical::Fixed(_)),
        Meaning::Decimal { .. } => matches!(
            physical,
            Physical::Int32 | Physical::Int64 | Physical::ByteArray | Physical::Fixed(_)
        ),
        Meaning::Date => physical == Physical::Int32,
        Meaning::Timestamp(_) => physical == Physical::Int64,
        Meaning::Time(_) => matches!(physical, Physical::Int32 | Physical::Int64),
        Meaning::Uuid => physical == Physical::Fixed(16),
        Meaning::Float16 => physical == Physical::Fixed(2),
    };
    if stored { Ok(found) } else { Err(malformed()) }
}

fn decimal(element: &Element) -> Result<Meaning, FileError> {
    let part = |value: i64| u32::try_from(value).ok().filter(|value| *value <= 38);
    match (part(element.precision), part(element.scale)) {
        (Some(precision), Some(scale)) => Ok(Meaning::Decimal { precision, scale }),
        _ => Err(FileError::Unsupported("a decimal of more than 38 digits".to_string())),
    }
}

fn malformed() -> FileError {
    FileError::Malformed("its schema is wrong")
}
