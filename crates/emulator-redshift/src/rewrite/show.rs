//! SHOW of what a database holds ("SHOW DATABASES", "SHOW SCHEMAS", "SHOW TABLES", "SHOW COLUMNS",
//! "SHOW CONSTRAINTS", "SHOW TABLE", "SHOW VIEW").
//!
//! Each becomes a query of what `catalog/show.sql` makes. What does not have the guide's syntax
//! passes, and Postgres finds the error.

use super::declared::quoted_name;
use super::edits::Edits;
use crate::sql::quotes;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// One kind of SHOW with a LIKE and a LIMIT.
struct Shown {
    leads: &'static str,
    /// How many names it takes: `database.schema.table` is three. The database may be left out,
    /// if it is not the only one, and of a table the schema too.
    names: usize,
    query: &'static str,
    /// The column that LIKE looks at; the rows come in its order.
    column: &'static str,
}

const DATABASES: &str = "pg_catalog.svv_redshift_databases";

const SHOWN: &[Shown] = &[
    shown("show databases", 0, DATABASES, "database_name"),
    shown("show schemas from database", 1, "pg_catalog.blueshift_show_schemas", "schema_name"),
    shown("show tables from schema", 2, "pg_catalog.blueshift_show_tables", "table_name"),
    shown("show columns from table", 3, "pg_catalog.blueshift_show_columns", "column_name"),
    shown(
        "show constraints primary keys from table",
        3,
        "pg_catalog.blueshift_show_primary_keys",
        "",
    ),
    shown(
        "show constraints foreign keys from table",
        3,
        "pg_catalog.blueshift_show_foreign_keys",
        "",
    ),
    shown(
        "show constraints foreign keys exported from table",
        3,
        "pg_catalog.blueshift_show_foreign_keys",
        "",
    ),
];

const fn shown(
    leads: &'static str,
    names: usize,
    query: &'static str,
    column: &'static str,
) -> Shown {
    Shown { leads, names, query, column }
}

/// Rewrites a SHOW.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    if !statement.leads("show") {
        return;
    }
    definition(statement, "table", edits);
    definition(statement, "view", edits);
    let Some(shown) = SHOWN.iter().find(|shown| statement.leads(shown.leads)) else { return };
    if let Some(query) = query(statement, shown)
        && let Some(last) = statement.tokens.last()
    {
        edits.replace(statement.tokens[0].start()..last.end(), query);
    }
}

fn query(statement: &Statement<'_>, shown: &Shown) -> Option<String> {
    let mut at = shown.leads.split(' ').count();
    let mut source = shown.query.to_owned();
    if 0 < shown.names {
        let after = statement.after_name(at);
        let mut names: Vec<String> =
            (at..after).step_by(2).map(|at| statement.identifier(at)).collect::<Option<_>>()?;
        if shown.names < names.len() {
            return None;
        }
        names.iter_mut().for_each(|name| *name = quotes::literal(name));
        if names.len() + 1 < shown.names {
            names.insert(0, "pg_catalog.current_schema()".to_owned());
        }
        if names.len() < shown.names {
            names.insert(0, "pg_catalog.current_database()".to_owned());
        }
        if shown.leads.contains(" foreign ") {
            names.push(shown.leads.contains(" exported ").to_string());
        }
        source = format!("{source}({})", names.join(", "));
        at = after;
    }
    let column = shown.column;
    let mut query = format!("SELECT * FROM {source}");
    if statement.is_word(at, "like") && !column.is_empty() {
        let pattern = statement.tokens.get(at + 1).filter(|token| token.kind == Kind::Text)?;
        query += &format!(" WHERE {column} LIKE {}", pattern.text(statement.sql));
        at += 2;
    }
    if column == "column_name" {
        query += " ORDER BY ordinal_position";
    } else if !column.is_empty() {
        query += &format!(" ORDER BY {column}");
    }
    if statement.is_word(at, "limit") {
        statement.tokens.get(at + 1).filter(|token| token.kind == Kind::Number)?;
        query += &format!(" LIMIT {}", statement.text(at + 1));
        at += 2;
    }
    (at == statement.tokens.len()).then_some(query)
}

/// `SHOW TABLE` and `SHOW VIEW`, which answer a statement that would make it.
fn definition(statement: &Statement<'_>, kind: &str, edits: &mut Edits) {
    let named = statement.is_identifier(2) || statement.is_symbol(2, b'#');
    if !statement.is_word(1, kind) || !named {
        return;
    }
    let last = statement.after_name(2).min(statement.tokens.len()) - 1;
    let name = quotes::literal(&quoted_name(statement, 2));
    let whole = statement.tokens[0].start()..statement.tokens[last].end();
    let call = format!("pg_catalog.blueshift_show_{kind}({name}::pg_catalog.regclass)");
    let title = if kind == "view" { "Show View DDL statement" } else { "Show Table DDL statement" };
    edits.replace(whole, format!("SELECT {call} AS \"{title}\""));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: &str) {
        let mut edits = Edits::default();
        rewrite(&Statement::new(sql), &mut edits);
        assert_eq!(edits.apply(sql).as_deref().unwrap_or(sql), expected);
    }

    #[test]
    fn what_is_shown_is_a_query() {
        check(
            "show databases like 'd%';",
            "SELECT * FROM pg_catalog.svv_redshift_databases WHERE database_name LIKE 'd%' \
             ORDER BY database_name;",
        );
        check(
            "SHOW TABLES FROM SCHEMA public LIMIT 5",
            "SELECT * FROM pg_catalog.blueshift_show_tables(pg_catalog.current_database(), \
             'public') ORDER BY table_name LIMIT 5",
        );
        check(
            "show columns from table \"D\".s.\"it's\" like 'a'",
            "SELECT * FROM pg_catalog.blueshift_show_columns('d', 's', 'it''s') \
             WHERE column_name LIKE 'a' ORDER BY ordinal_position",
        );
        check(
            "show constraints foreign keys exported from table t",
            "SELECT * FROM pg_catalog.blueshift_show_foreign_keys(pg_catalog.current_database(), \
             pg_catalog.current_schema(), 't', true)",
        );
        check(
            "show view s.v",
            "SELECT pg_catalog.blueshift_show_view('\"s\".\"v\"'::pg_catalog.regclass) AS \
             \"Show View DDL statement\"",
        );
    }

    #[test]
    fn what_is_not_the_guides_syntax_stays() {
        for sql in [
            "show tables from schema a.b.c",
            "show schemas from database",
            "show databases like d",
            "show columns from table t limit x",
            "show tables from schema s where 1",
            "show tables",
        ] {
            check(sql, sql);
        }
    }
}
