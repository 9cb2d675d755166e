//! The types that a Redshift column can have.

use std::fmt;

/// A column's type (Database Developer Guide, "Data types").
///
/// Displays as Redshift spells it, length included: `VARCHAR(36)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Two-byte integer.
    SmallInt,
    /// Four-byte integer.
    Integer,
    /// Eight-byte integer.
    BigInt,
    /// Exact number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u32,
        /// Digits after the point, 0 to 37.
        scale: u32,
    },
    /// Four-byte floating point number.
    Real,
    /// Eight-byte floating point number.
    DoublePrecision,
    /// True or false.
    Boolean,
    /// Single-byte characters, padded with blanks to this many bytes.
    Char(u32),
    /// UTF-8 text of at most this many *bytes*.
    Varchar(u32),
    /// A day.
    Date,
    /// A time of day.
    Time,
    /// A time of day with an offset from UTC.
    TimeTz,
    /// A day and time, without zone.
    Timestamp,
    /// A day and time, stored as UTC.
    TimestampTz,
    /// Semi-structured value.
    Super,
    /// Bytes; COPY fills it from CSV, Parquet and ORC only.
    Varbyte(u32),
    /// Spatial types, sketches and intervals: nothing that COPY takes from a JSON value as such.
    Opaque(&'static str),
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallInt => write!(formatter, "SMALLINT"),
            Self::Integer => write!(formatter, "INTEGER"),
            Self::BigInt => write!(formatter, "BIGINT"),
            Self::Decimal { precision, scale } => write!(formatter, "DECIMAL({precision},{scale})"),
            Self::Real => write!(formatter, "REAL"),
            Self::DoublePrecision => write!(formatter, "DOUBLE PRECISION"),
            Self::Boolean => write!(formatter, "BOOLEAN"),
            Self::Char(bytes) => write!(formatter, "CHAR({bytes})"),
            Self::Varchar(bytes) => write!(formatter, "VARCHAR({bytes})"),
            Self::Date => write!(formatter, "DATE"),
            Self::Time => write!(formatter, "TIME"),
            Self::TimeTz => write!(formatter, "TIMETZ"),
            Self::Timestamp => write!(formatter, "TIMESTAMP"),
            Self::TimestampTz => write!(formatter, "TIMESTAMPTZ"),
            Self::Super => write!(formatter, "SUPER"),
            Self::Varbyte(bytes) => write!(formatter, "VARBYTE({bytes})"),
            Self::Opaque(name) => write!(formatter, "{name}"),
        }
    }
}
