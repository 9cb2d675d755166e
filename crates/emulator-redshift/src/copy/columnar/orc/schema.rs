//! The types of an ORC file as a tree (ORC specification v1, "Type information").

use super::tail::Type;
use crate::copy::columnar::input::FileError;
use crate::copy::columnar::scalar::Scalar;

/// Types in types.
const DEPTH_MAX: u32 = 64;

/// A column, or a part of a nested one.
#[derive(Debug)]
pub(super) struct Node {
    /// Its place in the list of types, by which streams name it.
    pub(super) id: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Boolean,
    Byte,
    /// SMALLINT and INT
    Integer,
    Long,
    Float,
    Double,
    Text,
    Binary,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Date,
    Timestamp {
        /// TIMESTAMP WITH LOCAL TIME ZONE: of UTC, whoever wrote it.
        instant: bool,
    },
    Struct(Vec<(String, Node)>),
    List(Box<Node>),
    Map(Box<Node>, Box<Node>),
}

impl Node {
    /// The root.
    pub(super) fn root(types: &[Type]) -> Result<Node, FileError> {
        Node::new(types, 0, 0)
    }

    fn new(types: &[Type], id: usize, depth: u32) -> Result<Node, FileError> {
        let read = types.get(id).filter(|_| depth < DEPTH_MAX).ok_or_else(malformed)?;
        // Parts come after the whole, so no type has itself as a part.
        let part = |index: usize| {
            let part = read.parts.get(index).and_then(|part| usize::try_from(*part).ok());
            let part = part.filter(|part| *part > id).ok_or_else(malformed)?;
            Node::new(types, part, depth + 1)
        };
        let kind = match read.kind {
            0 => Kind::Boolean,
            1 => Kind::Byte,
            2 | 3 => Kind::Integer,
            4 => Kind::Long,
            5 => Kind::Float,
            6 => Kind::Double,
            7 | 16 | 17 => Kind::Text,
            8 => Kind::Binary,
            9 => Kind::Timestamp { instant: false },
            10 => Kind::List(Box::new(part(0)?)),
            11 => Kind::Map(Box::new(part(0)?), Box::new(part(1)?)),
            12 => {
                let names = read.names.iter().cloned();
                let parts: Result<Vec<(String, Node)>, FileError> =
                    names.enumerate().map(|(index, name)| Ok((name, part(index)?))).collect();
                let parts = parts?;
                // A row without columns would have no end.
                if parts.is_empty() || parts.len() != read.parts.len() {
                    return Err(malformed());
                }
                Kind::Struct(parts)
            }
            13 => return Err(FileError::Unsupported("ORC with a union".to_string())),
            14 => {
                let number = |value: u64| u32::try_from(value).ok().filter(|value| *value <= 38);
                match (number(read.precision), number(read.scale)) {
                    (Some(precision), Some(scale)) => Kind::Decimal { precision, scale },
                    _ => return Err(malformed()),
                }
            }
            15 => Kind::Date,
            18 => Kind::Timestamp { instant: true },
            _ => return Err(malformed()),
        };
        Ok(Node { id, kind })
    }

    /// What kind of column can take it; `None` if it is nested.
    pub(super) fn scalar(&self) -> Option<Scalar> {
        Some(match self.kind {
            Kind::Boolean => Scalar::Boolean,
            Kind::Byte | Kind::Integer => Scalar::Integer,
            Kind::Long => Scalar::Long,
            Kind::Float => Scalar::Single,
            Kind::Double => Scalar::Double,
            Kind::Text => Scalar::Text,
            Kind::Binary => Scalar::Binary,
            Kind::Decimal { precision, scale } => Scalar::Decimal { precision, scale },
            Kind::Date => Scalar::Date,
            Kind::Timestamp { .. } => Scalar::Timestamp,
            Kind::Struct(_) | Kind::List(_) | Kind::Map(..) => return None,
        })
    }

    /// The type as Hive writes it.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Boolean => "boolean".to_string(),
            Kind::Byte => "tinyint".to_string(),
            Kind::Integer => "int".to_string(),
            Kind::Long => "bigint".to_string(),
            Kind::Float => "float".to_string(),
            Kind::Double => "double".to_string(),
            Kind::Text => "string".to_string(),
            Kind::Binary => "binary".to_string(),
            Kind::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Kind::Date => "date".to_string(),
            Kind::Timestamp { .. } => "timestamp".to_string(),
            Kind::Struct(_) => "struct".to_string(),
            Kind::List(_) => "array".to_string(),
            Kind::Map(..) => "map".to_string(),
        }
    }
}

fn malformed() -> FileError {
    FileError::Malformed("its schema is wrong")
}
