//! The objects that make a Postgres cluster look and behave like Redshift.
//!
//! The kit installs them once, into the cluster that it copies for every start:
//! 1. [`template_sql`] as the superuser in `template1`, before any other database is made;
//! 2. every statement of [`cluster_statements`] on its own, as the superuser in `postgres`.
//!
//! Knows nothing of the relay: what the relay sets (`blueshift.…` settings) is only read here.

use std::collections::HashSet;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// SQL for `template1`, file by file: lengths of VARCHAR and CHAR in bytes ("Character types"),
/// `version()`, `pg_last_copy_count()` and its like; types; VARBYTE (`varbyte.sql`); system
/// tables of loads; views and what CREATE TABLE AS makes
/// (`views.sql`); what tables declare, what of it may be changed (`alterations.sql`), and the views
/// that show it ("PG_TABLE_DEF", "SVV_TABLE_INFO"); zone maps of sort keys (`zone_maps.sql`); what
/// COPY compresses (`compression.sql`); what drivers and tools ask the
/// catalog (`clients.sql`); queries, sessions and locks (`operations.sql`); users, roles and groups
/// (`roles.sql`); SHOW (`show.sql`);
/// Redshift's functions (`functions.sql`; of times `dates.sql`; AVG and others `aggregates.sql`);
/// implicit conversions (`conversions.sql`); at the end the event trigger (`triggers.sql`), and one
/// for what procedures EXECUTE (`executed.sql`).
///
/// May be sent as one simple Query. Every statement ends with a semicolon and an empty line, and
/// nothing inside one does, so `postgres --single -j` takes it too.
pub fn template_sql() -> &'static str {
    concat!(
        include_str!("template.sql"),
        "\n",
        include_str!("types.sql"),
        "\n",
        include_str!("varbyte.sql"),
        "\n",
        include_str!("system_tables.sql"),
        "\n",
        include_str!("views.sql"),
        "\n",
        include_str!("declared.sql"),
        "\n",
        include_str!("alterations.sql"),
        "\n",
        include_str!("zone_maps.sql"),
        "\n",
        include_str!("tables.sql"),
        "\n",
        include_str!("compression.sql"),
        "\n",
        include_str!("clients.sql"),
        "\n",
        include_str!("operations.sql"),
        "\n",
        include_str!("roles.sql"),
        "\n",
        include_str!("show.sql"),
        "\n",
        include_str!("functions.sql"),
        "\n",
        include_str!("dates.sql"),
        "\n",
        include_str!("aggregates.sql"),
        "\n",
        include_str!("conversions.sql"),
        "\n",
        include_str!("triggers.sql"),
        "\n",
        include_str!("executed.sql")
    )
}

/// Whether a function of this name is one of the template's.
pub(crate) fn is_own_function(name: &str) -> bool {
    static NAMES: OnceLock<HashSet<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let made = template_sql().split("CREATE FUNCTION pg_catalog.").skip(1);
        made.filter_map(|rest| rest.split('(').next()).collect()
    });
    names.contains(name)
}

/// Statements that make the role `awsuser` and the database `dev`, the defaults of a new cluster
/// ("CreateCluster"). CREATE DATABASE must not share a Query with another statement.
///
/// `awsuser` is a superuser of Redshift: it reads and writes every table and may do what the owner
/// may, as a member of `blueshift_superusers`, which `rewrite` makes a member of every user. It is
/// none of Postgres: the roles that open the server's files and programs are removed, because before
/// Postgres 16 whoever may create roles could take them.
pub fn cluster_statements() -> &'static [&'static str] {
    &[
        "CREATE ROLE blueshift_superusers IN ROLE \
         pg_monitor, pg_signal_backend, pg_read_all_data, pg_write_all_data",
        "CREATE ROLE awsuser LOGIN CREATEDB CREATEROLE",
        "GRANT blueshift_superusers TO awsuser WITH ADMIN OPTION",
        "DELETE FROM pg_catalog.pg_authid WHERE rolname IN \
         ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')",
        "CREATE DATABASE dev OWNER awsuser TEMPLATE template1",
    ]
}

/// Changes whenever the SQL changes: a cluster made with another one is stale. 64 hexadecimal
/// digits.
pub fn fingerprint() -> String {
    let mut hash = Sha256::new();
    hash.update(template_sql());
    for statement in cluster_statements() {
        hash.update([0]);
        hash.update(statement);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::statement::{Statement, split};

    #[test]
    fn single_user_mode_cuts_the_script_where_the_relay_would() {
        let pieces: Vec<_> = template_sql().split_inclusive(";\n\n").map(str::trim).collect();
        let statements: Vec<_> = split(template_sql()).into_iter().map(str::trim).collect();
        let statements: Vec<_> =
            statements.into_iter().filter(|piece| !Statement::new(piece).is_empty()).collect();
        assert_eq!(pieces, statements);
    }

    #[test]
    fn no_literal_depends_on_how_backslashes_are_read() {
        assert!(!template_sql().contains('\\'));
    }

    #[test]
    fn the_fingerprint_has_64_digits() {
        assert_eq!(fingerprint().len(), 64);
    }
}
