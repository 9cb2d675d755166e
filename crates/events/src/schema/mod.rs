//! The table that the events are loaded into, read from its `CREATE TABLE` statement.
//!
//! Understands Redshift's dialect of it (Database Developer Guide, "CREATE TABLE"): column types,
//! column and table attributes, constraints, comments, quoted names. Everything that does not
//! decide whether an event fits (SORTKEY, DISTKEY, ENCODE, …) is checked for its form and dropped.
//! Names are folded to lower case, quoted or not, as Redshift does by default.

mod column_type;
mod parser;
mod tokens;

pub use column_type::ColumnType;

/// A table and its columns, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The schema named in the statement, if one is.
    pub schema: Option<String>,
    /// The table's bare name.
    pub name: String,
    /// All columns in the order of the statement.
    pub columns: Vec<Column>,
}

/// One column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, in lower case.
    pub name: String,
    /// The type that a value must fit.
    pub column_type: ColumnType,
    /// Whether NULL is refused: `NOT NULL`, or part of the primary key.
    pub not_null: bool,
    /// `IDENTITY(…)`: Redshift numbers the rows itself, and COPY leaves the column out.
    pub identity: bool,
}

impl Table {
    /// Reads the one `CREATE TABLE` statement in `create_table_sql`.
    ///
    /// Other statements beside it (`SET`, `GRANT`, `COMMENT`, …) are skipped.
    ///
    /// # Errors
    /// If there is no `CREATE TABLE`, or more than one, or it is not well formed. Errors name line
    /// and column, both counted from 1.
    pub fn parse(create_table_sql: &str) -> Result<Table, SchemaError> {
        parser::parse(create_table_sql)
    }

    /// The column of that name (lower case).
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Why a `CREATE TABLE` statement could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The text holds no `CREATE TABLE`.
    #[error("no CREATE TABLE statement found")]
    NoTable,
    /// A second `CREATE TABLE`: it must be clear which table the events go to.
    #[error("line {line}, column {column}: a second CREATE TABLE; one table takes the events")]
    SecondTable {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// A word or sign stands where the grammar has no place for it.
    #[error("line {line}, column {column}: expected {expected}, found {found}")]
    Unexpected {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What could have stood there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A quote or comment is opened and never closed.
    #[error("line {line}, column {column}: the {what} that begins here has no end")]
    Unterminated {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// `quoted name`, `string` or `comment`.
        what: &'static str,
    },
    /// Not a type that a Redshift column can have.
    #[error("line {line}, column {column}: {name} is not a Redshift column type")]
    UnknownType {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The type's name as written.
        name: String,
    },
    /// A length, precision or scale beyond what Redshift allows.
    #[error("line {line}, column {column}: {what} must be {minimum} to {maximum}, not {value}")]
    OutOfRange {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// Which number.
        what: &'static str,
        /// The smallest number allowed.
        minimum: u32,
        /// The largest number allowed.
        maximum: u32,
        /// The number as written.
        value: String,
    },
    /// Two columns of one name.
    #[error("line {line}, column {column}: the column {name} is declared twice")]
    DuplicateColumn {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests;
