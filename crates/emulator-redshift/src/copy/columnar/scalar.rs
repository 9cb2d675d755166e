//! What a column of a columnar file holds, and which columns of a table can take it.

use crate::copy::target::ColumnType;

/// A type that is not nested, whatever file it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Boolean,
    /// Up to 32 bits, signed.
    Integer,
    /// Up to 64 bits, signed.
    Long,
    Single,
    Double,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Text,
    /// Bytes that nothing says are text.
    Binary,
    Date,
    Timestamp,
    Time,
}

impl Scalar {
    /// Whether COPY loads this into the column.
    ///
    /// The types must be the same ("How do I resolve data incompatibility errors in Redshift
    /// Spectrum?"; "doesn't do any type of coercions": bluelabsio/records-mover #85): a wider
    /// integer is not narrowed (seen by many) and a narrower one not widened, save that 32 bits
    /// are all that the files have for SMALLINT. A DECIMAL must have the column's scale, and no
    /// more digits. [?]
    pub(super) fn fits(self, column: &ColumnType) -> bool {
        match (self, column) {
            (Scalar::Boolean, ColumnType::Boolean)
            | (Scalar::Integer, ColumnType::SmallInt | ColumnType::Integer)
            | (Scalar::Long, ColumnType::BigInt)
            | (Scalar::Single, ColumnType::Real)
            | (Scalar::Double, ColumnType::Double)
            | (Scalar::Text | Scalar::Binary, ColumnType::Char(_) | ColumnType::Varchar(_))
            | (Scalar::Date, ColumnType::Date)
            | (Scalar::Timestamp, ColumnType::Timestamp | ColumnType::TimestampTz)
            | (Scalar::Time, ColumnType::Time)
            | (Scalar::Text | Scalar::Binary, ColumnType::Varbyte(_))
            // A scalar is a value of SUPER too.
            | (_, ColumnType::Super) => true,
            (Scalar::Decimal { precision, scale }, ColumnType::Numeric { precision: p, scale: s }) => {
                scale == *s && precision <= *p
            }
            _ => false,
        }
    }
}

/// How the values for a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// As text.
    Plain,
    /// As a JSON value, for SUPER.
    Json,
    /// Bytes as hexadecimal digits, for VARBYTE.
    Hexadecimal,
}

impl Style {
    pub(super) fn of(column: &ColumnType) -> Style {
        match column {
            ColumnType::Super => Style::Json,
            ColumnType::Varbyte(_) => Style::Hexadecimal,
            _ => Style::Plain,
        }
    }
}

/// The type of a column as the messages of Redshift Spectrum write it. [?]
pub(super) fn spectrum_name(column: &ColumnType) -> String {
    match column {
        ColumnType::SmallInt => "SMALLINT".to_string(),
        ColumnType::Integer => "INT".to_string(),
        ColumnType::BigInt => "BIGINT".to_string(),
        ColumnType::Numeric { precision, scale } => format!("DECIMAL({precision}, {scale})"),
        ColumnType::Real => "FLOAT".to_string(),
        ColumnType::Double => "DOUBLE".to_string(),
        ColumnType::Boolean => "BOOLEAN".to_string(),
        ColumnType::Char(_) => "CHAR".to_string(),
        ColumnType::Varchar(_) => "VARCHAR".to_string(),
        ColumnType::Date => "DATE".to_string(),
        ColumnType::Timestamp => "TIMESTAMP".to_string(),
        ColumnType::TimestampTz => "TIMESTAMPTZ".to_string(),
        other => other.system_name().to_uppercase(),
    }
}
