//! Where a COPY goes: the table, its columns, and the values of those that the files do not fill.

use bytes::{BufMut, Bytes, BytesMut};

use super::Session;
use crate::copy::options::{CompUpdate, Flag, Format};
use crate::copy::statement::CopyStatement;
use crate::copy::target::{ColumnType, Identity, TargetColumn, TargetTable};
use crate::error::{SessionError, SqlError};
use crate::sql::quotes;
use crate::system_tables::copies::Recording;
use crate::wire::Frame;

/// The table, if `$1` names one, with its columns: search path and temporary tables count as for
/// the client's own statements. `$1` is the name as written, `$2` the same in lower case.
const LOOKUP: &str = "SELECT c.oid, n.nspname, c.relname, r.oid, \
    a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, \
    CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END, \
    pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relkind \
    FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_roles r ON r.rolname = current_user \
    LEFT JOIN pg_catalog.pg_attribute a \
        ON a.attrelid = c.oid AND 0 < a.attnum AND NOT a.attisdropped \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE c.oid = coalesce(pg_catalog.to_regclass($1), pg_catalog.to_regclass($2)) \
    ORDER BY a.attnum";

const SCHEMA_LOOKUP: &str = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname IN ($1::pg_catalog.text, $2::pg_catalog.text)";

const COMPRESS: &str = "SELECT pg_catalog.blueshift_compress($1, $2)";

/// Where a COPY goes.
pub(super) struct Destination {
    pub(super) table: TargetTable,
    pub(super) user_id: i32,
    /// Columns with a DEFAULT that calls a function, and the expression.
    pub(super) defaults: Vec<(String, String)>,
    /// Whether the user owns the table, or is a superuser.
    pub(super) owned: bool,
    /// Not a view.
    is_table: bool,
}

/// Columns that get the same value in every row ("Loading default column values").
#[derive(Debug, Default)]
pub(super) struct Constants {
    pub(super) columns: Vec<String>,
    /// Their values, as they follow those of a row in PostgreSQL's COPY text format.
    suffix: Vec<u8>,
}

impl Constants {
    /// Adds the values to every row; each ends with the only line feed that it has.
    pub(super) fn complete(&self, rows: Bytes) -> Bytes {
        if self.suffix.is_empty() {
            return rows;
        }
        let mut completed = BytesMut::with_capacity(rows.len() + rows.len() / 4);
        for row in rows.split_inclusive(|byte| *byte == b'\n') {
            let (values, end) = match row.strip_suffix(b"\n") {
                Some(values) => (values, &b"\n"[..]),
                None => (row, &b""[..]),
            };
            completed.put_slice(values);
            completed.put_slice(&self.suffix);
            completed.put_slice(end);
        }
        completed.freeze()
    }

    fn push(&mut self, column: &str, value: Option<&[u8]>) {
        self.columns.push(column.to_owned());
        self.suffix.push(b'\t');
        let Some(value) = value else {
            self.suffix.extend_from_slice(b"\\N");
            return;
        };
        for byte in value {
            match byte {
                b'\t' => self.suffix.extend_from_slice(b"\\t"),
                b'\n' => self.suffix.extend_from_slice(b"\\n"),
                b'\r' => self.suffix.extend_from_slice(b"\\r"),
                b'\\' => self.suffix.extend_from_slice(b"\\\\"),
                byte => self.suffix.push(*byte),
            }
        }
    }
}

impl Session {
    /// Looks the table up; `None` if there is none, of which the client has been told.
    pub(super) async fn destination(
        &mut self,
        statement: &CopyStatement,
        recording: &mut Recording,
    ) -> Result<Option<Destination>, SessionError> {
        let current = &self.identity.database;
        if let Some(other) = statement.database.as_ref().filter(|database| *database != current) {
            let message = format!("cross-database COPY into \"{other}\" is not supported");
            recording.aborted(message.as_str());
            self.relay.fail(SqlError::new("0A000", message)).await?;
            return Ok(None);
        }
        let name = qualified(statement.schema.as_deref(), &statement.table);
        let parameters = vec![
            Some(Bytes::from(name.clone().into_bytes())),
            Some(Bytes::from(name.to_lowercase().into_bytes())),
        ];
        let Some(rows) = self.relay.query_own(LOOKUP, parameters).await? else {
            return Ok(None);
        };
        let mut destination = read_destination(&rows);
        if destination.is_none() {
            let Some(error) = self.nonexistent(statement).await? else { return Ok(None) };
            recording.aborted(error.message.as_str());
            self.relay.fail(error).await?;
        }
        if let Some(found) = &destination {
            recording.record.user_id = found.user_id;
            recording.record.table_id = found.table.oid;
            recording.record.table_name.clone_from(&found.table.name);
        }
        // As PostgreSQL 8.0 has it. [?]
        if let Some(found) = destination.take_if(|found| !found.is_table) {
            let message = format!("cannot copy to view \"{}\"", found.table.name);
            recording.aborted(message.as_str());
            self.relay.fail(SqlError::new("42809", message)).await?;
        }
        // "If STATUPDATE is used, the current user must be either the table owner or a superuser"
        // ("Data load operations").
        let updates = statement.options.stat_update.is_some();
        if let Some(found) = destination.take_if(|found| updates && !found.owned) {
            let message = format!("must be owner of relation {}", found.table.name);
            recording.aborted(message.as_str());
            self.relay.fail(SqlError::new("42501", message)).await?;
        }
        Ok(destination)
    }

    /// Why there is no such table, in the words that clients know: estuary/connectors #918, and of
    /// a schema those of PostgreSQL 8.0. `None` if Postgres failed.
    async fn nonexistent(
        &mut self,
        statement: &CopyStatement,
    ) -> Result<Option<SqlError>, SessionError> {
        if let Some(schema) = &statement.schema {
            let names = [schema.clone(), schema.to_lowercase()];
            let parameters = names.map(|name| Some(Bytes::from(name.into_bytes())));
            let Some(rows) = self.relay.query_own(SCHEMA_LOOKUP, parameters.to_vec()).await? else {
                return Ok(None);
            };
            if rows.is_empty() {
                let message = format!("schema \"{schema}\" does not exist");
                return Ok(Some(SqlError::new("3F000", message)));
            }
        }
        let message = format!("Cannot COPY into nonexistent table {}", statement.table);
        Ok(Some(SqlError::new("XX000", message)))
    }

    /// Gives the columns of an empty table an encoding; false if that failed, of which the client
    /// has been told. A sample of the rows, as ON has it, is not taken.
    pub(super) async fn compress(
        &mut self,
        statement: &CopyStatement,
        recording: &mut Recording,
    ) -> Result<bool, SessionError> {
        let options = &statement.options;
        let preset = match options.comp_update {
            None => false,
            Some(CompUpdate::Preset) => true,
            Some(CompUpdate::On | CompUpdate::Off) => return Ok(true),
        };
        // "COPY from columnar data formats": not with COMPUPDATE.
        if options.has(Flag::NoLoad) || matches!(options.format, Format::Parquet | Format::Orc) {
            return Ok(true);
        }
        let table = recording.record.table_id.to_string();
        let parameters = [table, preset.to_string()].map(|value| Some(Bytes::from(value)));
        let Some(rows) = self.relay.query_own(COMPRESS, parameters.to_vec()).await? else {
            return Ok(false);
        };
        let changes = rows.first().and_then(|row| row.fields().row()?.first().copied()?);
        let changes = changes.and_then(|changes| serde_json::from_slice(changes).ok());
        recording.record.encodings = changes.unwrap_or_default();
        Ok(true)
    }

    /// Evaluates the DEFAULT of every column that is not listed, once for the whole COPY; `None`
    /// if that failed, of which the client has been told.
    pub(super) async fn constants(
        &mut self,
        defaults: &[(String, String)],
        listed: &[String],
    ) -> Result<Option<Constants>, SessionError> {
        let mut constants = Constants::default();
        let absent: Vec<_> =
            defaults.iter().filter(|(column, _)| !listed.contains(column)).collect();
        if absent.is_empty() {
            return Ok(Some(constants));
        }
        let expressions: Vec<String> =
            absent.iter().map(|(_, default)| format!("({default})::pg_catalog.text")).collect();
        let sql = format!("SELECT {}", expressions.join(", "));
        let Some(rows) = self.relay.query_own(&sql, Vec::new()).await? else {
            return Ok(None);
        };
        let values = rows.first().and_then(|row| row.fields().row());
        for ((column, _), value) in absent.iter().zip(values.into_iter().flatten()) {
            constants.push(column, value);
        }
        Ok(Some(constants))
    }
}

fn read_destination(rows: &[Frame]) -> Option<Destination> {
    let text = |value: Option<&[u8]>| Some(String::from_utf8_lossy(value?).into_owned());
    let mut destination: Option<Destination> = None;
    for frame in rows {
        let row = frame.fields().row()?;
        let [table @ .., column, column_type, not_null, identity, default, owned, kind] = &row[..]
        else {
            return None;
        };
        let &[oid, schema, name, user_id] = table else { return None };
        if destination.is_none() {
            destination = Some(Destination {
                table: TargetTable {
                    oid: text(oid)?.parse().ok()?,
                    schema: text(schema)?,
                    name: text(name)?,
                    columns: Vec::new(),
                },
                user_id: text(user_id)?.parse().unwrap_or_default(),
                defaults: Vec::new(),
                owned: *owned == Some(b"t"),
                is_table: matches!(kind, Some(b"r" | b"p")),
            });
        }
        if let (Some(found), Some(column)) = (&mut destination, text(*column)) {
            let default = text(*default);
            let has_default = default.is_some();
            // Only a function can give another value for each row.
            if let Some(default) = default.filter(|default| default.contains('(')) {
                found.defaults.push((column.clone(), default));
            }
            found.table.columns.push(TargetColumn {
                name: column,
                column_type: ColumnType::from_postgres(&text(*column_type)?),
                not_null: *not_null == Some(b"t"),
                has_default,
                identity: match identity {
                    Some(b"a") => Some(Identity::Always),
                    Some(b"d") => Some(Identity::ByDefault),
                    _ => None,
                },
            });
        }
    }
    destination
}

pub(super) fn qualified(schema: Option<&str>, table: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", quotes::identifier(schema), quotes::identifier(table)),
        None => quotes::identifier(table),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_follow_the_values_of_every_row() {
        let mut constants = Constants::default();
        assert_eq!(constants.complete(Bytes::from("1\n2\n")), "1\n2\n");
        constants.push("a", Some(b"x\ty\\"));
        constants.push("b", None);
        assert_eq!(
            constants.complete(Bytes::from("1\n\n")),
            "1\tx\\ty\\\\\t\\N\n\tx\\ty\\\\\t\\N\n"
        );
    }
}
