//! The table as Redshift has it, beside the one that `create_table.sql` declares.

use events::Table;
use events::schema::{Column, ColumnType};
use runtime::redshift::{Session, quote_literal};
use tokio_postgres::SimpleQueryMessage;

/// A column as the catalog shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` spells it.
    pub type_name: String,
    /// Whether NULL is refused.
    pub not_null: bool,
}

/// A statement that failed, in the server's words.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {words}")]
pub struct StatementError {
    doing: &'static str,
    words: String,
    /// The server's code; `None`: it did not answer.
    pub sqlstate: Option<String>,
}

impl StatementError {
    /// Says what was being done.
    pub fn new(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        let words = match error.as_db_error() {
            Some(said) => match said.detail() {
                Some(detail) => format!("{}: {}", said.message(), detail.trim()),
                None => said.message().to_owned(),
            },
            None => error.to_string(),
        };
        Self { doing, words, sqlstate: error.code().map(|code| code.code().to_owned()) }
    }
}

/// The columns of a table in their order; none if there is no such table.
///
/// # Errors
/// If Redshift does not answer or refuses.
pub async fn columns(
    session: &Session,
    schema: Option<&str>,
    table: &str,
) -> Result<Vec<Present>, StatementError> {
    let schema = schema.map_or("current_schema()".to_owned(), quote_literal);
    let sql = format!(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull\n\
         FROM pg_catalog.pg_attribute a\n\
         JOIN pg_catalog.pg_class c ON a.attrelid = c.oid\n\
         JOIN pg_catalog.pg_namespace n ON c.relnamespace = n.oid\n\
         WHERE n.nspname = {schema} AND c.relname = {}\n\
         AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        quote_literal(table)
    );
    let answer = session.client.simple_query(&sql).await;
    let answer = answer.map_err(|error| StatementError::new("look at the table", &error))?;
    let rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows
        .map(|row| Present {
            name: row.get(0).unwrap_or_default().to_owned(),
            type_name: row.get(1).unwrap_or_default().to_owned(),
            not_null: row.get(2) == Some("t"),
        })
        .collect())
}

/// How a table differs from its declaration, and the columns that can simply be added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Each in words.
    pub named: Vec<String>,
    /// Declared, not there, and allowed to be NULL: `ALTER TABLE … ADD COLUMN` does.
    pub addable: Vec<Column>,
}

/// Compares. A column that the declaration lacks is a difference only if it must not be NULL:
/// nobody would fill it.
pub fn compare(declared: &Table, present: &[Present]) -> Differences {
    let mut found = Differences::default();
    for column in &declared.columns {
        let name = &column.name;
        let Some(here) = present.iter().find(|here| here.name == *name) else {
            found.named.push(format!("column {name} {} is missing", column.column_type));
            if !column.not_null && !column.identity {
                found.addable.push(column.clone());
            }
            continue;
        };
        if spelled(column.column_type).is_some_and(|expected| expected != here.type_name) {
            let (is, declared) = (&here.type_name, column.column_type);
            found.named.push(format!("column {name} is {is}, not {declared}"));
        }
        match (column.not_null, here.not_null) {
            (true, false) => found.named.push(format!("column {name} may be NULL")),
            (false, true) => found.named.push(format!("column {name} must not be NULL")),
            _ => {}
        }
    }
    for here in present.iter().filter(|here| here.not_null) {
        if declared.column(&here.name).is_none() {
            let name = &here.name;
            found.named.push(format!("column {name} must not be NULL, and nobody fills it"));
        }
    }
    found
}

/// As `format_type` spells it; `None` where versions and emulations differ.
fn spelled(column_type: ColumnType) -> Option<String> {
    Some(match column_type {
        ColumnType::SmallInt => "smallint".to_owned(),
        ColumnType::Integer => "integer".to_owned(),
        ColumnType::BigInt => "bigint".to_owned(),
        ColumnType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        ColumnType::Real => "real".to_owned(),
        ColumnType::DoublePrecision => "double precision".to_owned(),
        ColumnType::Boolean => "boolean".to_owned(),
        ColumnType::Char(bytes) => format!("character({bytes})"),
        ColumnType::Varchar(bytes) => format!("character varying({bytes})"),
        ColumnType::Date => "date".to_owned(),
        ColumnType::Time => "time without time zone".to_owned(),
        ColumnType::TimeTz => "time with time zone".to_owned(),
        ColumnType::Timestamp => "timestamp without time zone".to_owned(),
        ColumnType::TimestampTz => "timestamp with time zone".to_owned(),
        ColumnType::Super | ColumnType::Varbyte(_) | ColumnType::Opaque(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(name: &str, type_name: &str, not_null: bool) -> Present {
        Present { name: name.to_owned(), type_name: type_name.to_owned(), not_null }
    }

    fn declared() -> Table {
        let sql = "CREATE TABLE t (id VARCHAR(36) NOT NULL, at TIMESTAMP, note VARCHAR(8))";
        Table::parse(sql).unwrap()
    }

    #[test]
    fn a_table_as_declared_has_no_differences_and_may_have_more_columns() {
        let found = compare(
            &declared(),
            &[
                present("id", "character varying(36)", true),
                present("at", "timestamp without time zone", false),
                present("note", "character varying(8)", false),
                present("loaded_at", "timestamp without time zone", false),
            ],
        );
        assert_eq!(found, Differences::default());
    }

    #[test]
    fn every_difference_is_named_and_only_what_may_be_null_can_be_added() {
        let found = compare(
            &declared(),
            &[
                present("at", "date", true),
                present("id", "character varying(36)", false),
                present("who", "integer", true),
            ],
        );
        assert_eq!(
            found.named,
            [
                "column id may be NULL",
                "column at is date, not TIMESTAMP",
                "column at must not be NULL",
                "column note VARCHAR(8) is missing",
                "column who must not be NULL, and nobody fills it",
            ]
        );
        let addable: Vec<_> = found.addable.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(addable, ["note"]);
        let found = compare(&declared(), &[present("at", "timestamp without time zone", false)]);
        assert_eq!(found.addable.len(), 1, "id must not be NULL");
    }
}
