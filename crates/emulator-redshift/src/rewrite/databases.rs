//! CREATE DATABASE and ALTER DATABASE ("CREATE DATABASE", "ALTER DATABASE").
//!
//! Owner and connection limit are Postgres' own; the isolation level becomes a setting of the
//! database, which new sessions read.

use super::edits::Edits;
use crate::error::SqlError;
use crate::isolation::Isolation;
use crate::sql::statement::Statement;

/// Options of Postgres that Redshift lacks.
const FOREIGN: &[&str] = &[
    "template",
    "encoding",
    "locale",
    "lc_collate",
    "lc_ctype",
    "tablespace",
    "allow_connections",
    "is_template",
    "strategy",
    "locale_provider",
    "icu_locale",
    "oid",
    "collation_version",
    "set",
    "reset",
];

/// Rewrites the options. The value is what Postgres has to execute behind the statement.
pub(super) fn rewrite(
    statement: &Statement<'_>,
    edits: &mut Edits,
) -> Result<Option<String>, SqlError> {
    let creates = statement.leads("create database");
    if !creates && !statement.leads("alter database") || !statement.is_identifier(2) {
        return Ok(None);
    }
    let token = statement.tokens[2];
    let name = &statement.sql[token.start()..token.end()];
    let mut isolation = None;
    let mut at = 3;
    while at < statement.tokens.len() {
        if let Some(word) = FOREIGN.iter().find(|word| statement.is_word(at, word)) {
            let word = word.to_uppercase();
            let message = format!("Redshift does not support {word} of a database");
            return Err(SqlError::new("0A000", message)
                .with_hint("leave it out")
                .at(statement, at));
        }
        if statement.is_word(at, "from") {
            let message = "CREATE DATABASE … FROM: not emulated yet by this Redshift stand-in";
            return Err(SqlError::new("0A000", message).at(statement, at));
        }
        let after_limit = at + 2 + usize::from(statement.is_symbol(at + 2, b'='));
        if statement.matches(at, "connection limit") && statement.is_word(after_limit, "unlimited")
        {
            let unlimited = statement.tokens[after_limit];
            edits.replace(unlimited.start()..unlimited.end(), "-1");
            at = after_limit + 1;
        } else if statement.matches(at, "collate case_sensitive")
            || statement.matches(at, "collate cs")
        {
            blank(statement, at, at + 2, edits);
            at += 2;
        } else if statement.matches(at, "collate case_insensitive")
            || statement.matches(at, "collate ci")
        {
            let message = "databases in COLLATE CASE_INSENSITIVE: not emulated yet by this \
                           Redshift stand-in";
            return Err(SqlError::new("0A000", message)
                .with_hint("say COLLATE CASE_INSENSITIVE of the columns that need it")
                .at(statement, at));
        } else if statement.matches(at, "isolation level") {
            isolation = Some(level(statement, at + 2)?);
            blank(statement, at, at + 3, edits);
            at += 3;
        } else if statement.is_word(at, "owner") || statement.is_word(at, "to") {
            at += 2 + usize::from(statement.is_symbol(at + 1, b'=')); // Its name may be any word.
        } else {
            at += 1;
        }
    }
    let setting = isolation
        .map(|isolation| format!("SET default_transaction_isolation = '{}'", isolation.setting()));
    if creates {
        return Ok(setting.map(|setting| format!("ALTER DATABASE {name} {setting}")));
    }
    if let Some(setting) = setting {
        if statement.identifier(2).is_some_and(|name| name == "dev") {
            let message = "the isolation level of database \"dev\" cannot be altered";
            return Err(SqlError::new("0A000", message)
                .with_hint("start with --isolation, or CREATE DATABASE … ISOLATION LEVEL")
                .at(statement, 2));
        }
        // ALTER DATABASE takes one action; what else it said is not Redshift's syntax.
        edits.insert(token.end(), format!(" {setting}"));
    } else if statement.matches(3, "collate case_sensitive") {
        edits.insert(token.end(), " CONNECTION LIMIT -1");
    }
    Ok(None)
}

fn level(statement: &Statement<'_>, at: usize) -> Result<Isolation, SqlError> {
    statement.text(at).parse().map_err(|_| {
        let found = statement.text(at);
        SqlError::new("42601", format!("syntax error at or near \"{found}\"")).at(statement, at)
    })
}

fn blank(statement: &Statement<'_>, from: usize, to: usize, edits: &mut Edits) {
    let last = statement.tokens[to.min(statement.tokens.len()) - 1];
    edits.blank(statement.sql, statement.tokens[from].start()..last.end());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Result<(String, Option<String>), SqlError> {
        let mut edits = Edits::default();
        let then = rewrite(&Statement::new(sql), &mut edits)?;
        let text = edits.apply(sql).unwrap_or_else(|| sql.to_owned());
        Ok((text.split_whitespace().collect::<Vec<_>>().join(" "), then))
    }

    #[test]
    fn options_become_those_of_postgres() {
        let check = |sql: &str, expected: &str, then: Option<&str>| {
            let (text, follows) = read(sql).unwrap();
            assert_eq!((text.as_str(), follows.as_deref()), (expected, then), "{sql}");
        };
        check(
            "create database d with owner = serial connection limit unlimited",
            "create database d with owner = serial connection limit -1",
            None,
        );
        check(
            "create database d collate case_sensitive isolation level serializable",
            "create database d",
            Some("ALTER DATABASE d SET default_transaction_isolation = 'serializable'"),
        );
        check(
            "ALTER DATABASE \"d\" ISOLATION LEVEL SNAPSHOT",
            "ALTER DATABASE \"d\" SET default_transaction_isolation = 'repeatable read'",
            None,
        );
        check("alter database d connection limit 5", "alter database d connection limit 5", None);
        check("alter database d rename to e", "alter database d rename to e", None);
        check(
            "alter database d collate case_sensitive",
            "alter database d CONNECTION LIMIT -1",
            None,
        );
    }

    #[test]
    fn what_redshift_lacks_is_refused() {
        for sql in [
            "create database d template template0",
            "create database d encoding 'UTF8'",
            "alter database d set work_mem = 1",
            "create database d from datashare s of namespace 'n'",
            "alter database dev isolation level serializable",
            "create database d isolation level chaos",
        ] {
            assert!(read(sql).is_err(), "{sql}");
        }
    }
}
