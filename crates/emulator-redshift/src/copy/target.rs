//! The table that is loaded: its columns and their types.
//!
//! Does not look them up; the relay reads them from the catalog.

use super::failure::{CopyFailure, Refusal};
use super::statement::CopyStatement;

/// A table as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTable {
    /// `pg_class.oid`
    pub oid: u32,
    /// The schema.
    pub schema: String,
    /// The bare name.
    pub name: String,
    /// All live columns in order.
    pub columns: Vec<TargetColumn>,
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetColumn {
    /// The name.
    pub name: String,
    /// The type.
    pub column_type: ColumnType,
    /// Whether it is NOT NULL.
    pub not_null: bool,
}

/// A type that COPY converts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// SMALLINT
    SmallInt,
    /// INTEGER
    Integer,
    /// BIGINT
    BigInt,
    /// NUMERIC(precision, scale)
    Numeric {
        /// Digits in all.
        precision: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// REAL
    Real,
    /// DOUBLE PRECISION
    Double,
    /// BOOLEAN
    Boolean,
    /// CHAR(bytes)
    Char(u32),
    /// VARCHAR(bytes)
    Varchar(u32),
    /// DATE
    Date,
    /// TIMESTAMP
    Timestamp,
    /// TIMESTAMPTZ
    TimestampTz,
    /// Anything else, as PostgreSQL writes it; COPY into it is refused.
    Other(String),
}

impl ColumnType {
    /// Reads what PostgreSQL's `format_type` writes, as `character varying(36)`.
    ///
    /// A type without its length or precision has Redshift's default ("Character types",
    /// "Numeric types"): VARCHAR and TEXT 256 bytes, CHAR 1, NUMERIC(18, 0).
    pub fn from_postgres(format_type: &str) -> ColumnType {
        let (name, arguments) = split_arguments(format_type);
        let first = arguments.first().copied();
        match name.as_str() {
            "smallint" => ColumnType::SmallInt,
            "integer" => ColumnType::Integer,
            "bigint" => ColumnType::BigInt,
            "numeric" => ColumnType::Numeric {
                precision: first.unwrap_or(18),
                scale: arguments.get(1).copied().unwrap_or(0),
            },
            "real" => ColumnType::Real,
            "double precision" => ColumnType::Double,
            "boolean" => ColumnType::Boolean,
            "character" | "bpchar" => {
                let default = if name == "character" { 1 } else { 256 };
                ColumnType::Char(first.unwrap_or(default))
            }
            "character varying" | "text" => ColumnType::Varchar(first.unwrap_or(256)),
            "date" => ColumnType::Date,
            "timestamp without time zone" => ColumnType::Timestamp,
            "timestamp with time zone" => ColumnType::TimestampTz,
            _ => ColumnType::Other(format_type.to_string()),
        }
    }

    /// The name in `stl_load_errors.type`.
    pub fn system_name(&self) -> &str {
        match self {
            ColumnType::SmallInt => "int2",
            ColumnType::Integer => "int4",
            ColumnType::BigInt => "int8",
            ColumnType::Numeric { .. } => "numeric",
            ColumnType::Real => "float4",
            ColumnType::Double => "float8",
            ColumnType::Boolean => "bool",
            ColumnType::Char(_) => "char",
            ColumnType::Varchar(_) => "varchar",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::TimestampTz => "timestamptz",
            ColumnType::Other(name) => name,
        }
    }

    /// The text in `stl_load_errors.col_length`: bytes, or precision and scale, else 0. [?]
    pub fn system_length(&self) -> String {
        match self {
            ColumnType::Char(bytes) | ColumnType::Varchar(bytes) => bytes.to_string(),
            ColumnType::Numeric { precision, scale } => format!("{precision}, {scale}"),
            _ => "0".to_string(),
        }
    }

    /// Whether values are text, so that an empty one is not NULL.
    pub(super) fn is_character(&self) -> bool {
        matches!(self, ColumnType::Char(_) | ColumnType::Varchar(_))
    }
}

/// `character varying(36)` → the name and `[36]`; `timestamp(3) without time zone` keeps its words.
fn split_arguments(format_type: &str) -> (String, Vec<u32>) {
    let Some((before, rest)) = format_type.split_once('(') else {
        return (format_type.trim().to_string(), Vec::new());
    };
    let Some((inside, after)) = rest.split_once(')') else {
        return (format_type.to_string(), Vec::new());
    };
    let arguments = inside.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    (format!("{}{}", before.trim_end(), after), arguments)
}

/// The columns that a statement loads, in the order in which their values are sent.
///
/// # Errors
/// A column that the table does not have (42703), one that is listed twice (42701), one of a type
/// that COPY does not convert to yet.
pub fn load_columns<'a>(
    statement: &CopyStatement,
    table: &'a TargetTable,
) -> Result<Vec<&'a TargetColumn>, CopyFailure> {
    let columns = match &statement.columns {
        None => table.columns.iter().collect(),
        Some(names) => listed_columns(names, table)?,
    };
    for column in &columns {
        if let ColumnType::Other(name) = &column.column_type {
            let message =
                format!("COPY into column \"{}\" of type {name} is not emulated yet", column.name);
            return Err(Refusal::new("0A000", message).into());
        }
    }
    Ok(columns)
}

fn listed_columns<'a>(
    names: &[String],
    table: &'a TargetTable,
) -> Result<Vec<&'a TargetColumn>, CopyFailure> {
    let mut columns: Vec<&TargetColumn> = Vec::with_capacity(names.len());
    for name in names {
        let exact = table.columns.iter().find(|column| column.name == *name);
        // Redshift folds names in quotes too, so another case still means the same column.
        let folded = || table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name));
        let Some(column) = exact.or_else(folded) else {
            let message =
                format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
            return Err(Refusal::new("42703", message).into());
        };
        if columns.iter().any(|earlier| earlier.name == column.name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(Refusal::new("42701", message).into());
        }
        columns.push(column);
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copy::statement::parse;

    #[test]
    fn types_are_read_as_postgres_writes_them() {
        for (text, expected) in [
            ("smallint", ColumnType::SmallInt),
            ("integer", ColumnType::Integer),
            ("bigint", ColumnType::BigInt),
            ("numeric(10,2)", ColumnType::Numeric { precision: 10, scale: 2 }),
            ("numeric", ColumnType::Numeric { precision: 18, scale: 0 }),
            ("real", ColumnType::Real),
            ("double precision", ColumnType::Double),
            ("boolean", ColumnType::Boolean),
            ("character(3)", ColumnType::Char(3)),
            ("character", ColumnType::Char(1)),
            ("bpchar", ColumnType::Char(256)),
            ("character varying(36)", ColumnType::Varchar(36)),
            ("character varying", ColumnType::Varchar(256)),
            ("text", ColumnType::Varchar(256)),
            ("date", ColumnType::Date),
            ("timestamp without time zone", ColumnType::Timestamp),
            ("timestamp(3) without time zone", ColumnType::Timestamp),
            ("timestamp with time zone", ColumnType::TimestampTz),
            ("jsonb", ColumnType::Other("jsonb".to_string())),
            ("integer[]", ColumnType::Other("integer[]".to_string())),
            ("odd(", ColumnType::Other("odd(".to_string())),
        ] {
            assert_eq!(ColumnType::from_postgres(text), expected, "{text}");
        }
    }

    fn table() -> TargetTable {
        let column = |name: &str, column_type| TargetColumn {
            name: name.to_string(),
            column_type,
            not_null: false,
        };
        TargetTable {
            oid: 7,
            schema: "public".to_string(),
            name: "t".to_string(),
            columns: vec![
                column("a", ColumnType::Integer),
                column("b", ColumnType::Integer),
                column("c", ColumnType::Other("jsonb".to_string())),
            ],
        }
    }

    fn check(columns: &str, expected: Result<&[&str], (&str, &str)>) {
        let sql = format!("COPY t {columns} FROM 's3://b/k' IAM_ROLE default JSON");
        let table = table();
        let found = load_columns(&parse(&sql).unwrap(), &table);
        match (found, expected) {
            (Ok(found), Ok(names)) => {
                let found: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
                assert_eq!(found, names);
            }
            (Err(failure), Err((sqlstate, message))) => {
                assert_eq!(failure.message("t"), message);
                assert_eq!(failure.sqlstate(), sqlstate);
            }
            (found, _) => panic!("{columns}: {found:?}"),
        }
    }

    #[test]
    fn the_column_list_decides_order_and_is_checked() {
        check("(b, a)", Ok(&["b", "a"]));
        check("(\"B\")", Ok(&["b"]));
        check("(x)", Err(("42703", "column \"x\" of relation \"t\" does not exist")));
        check("(a, b, A)", Err(("42701", "column \"a\" specified more than once")));
        let other = "COPY into column \"c\" of type jsonb is not emulated yet";
        check("", Err(("0A000", other)));
        check("(c)", Err(("0A000", other)));
    }
}
