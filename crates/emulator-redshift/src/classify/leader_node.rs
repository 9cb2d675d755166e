//! Which statements ask the catalog: Redshift runs those on its leader node, which is an old
//! Postgres ("SQL functions supported on the leader node", "System catalog tables").

use crate::sql::statement::Statement;

/// Relations of the catalog, without `pg_`; those that begin with `pg_stat` need no list.
const RELATIONS: &[&str] = &[
    "aggregate",
    "am",
    "amop",
    "amproc",
    "attrdef",
    "attribute",
    "auth_members",
    "authid",
    "cast",
    "class",
    "collation",
    "constraint",
    "conversion",
    "cursors",
    "database",
    "database_info",
    "default_acl",
    "depend",
    "description",
    "enum",
    "event_trigger",
    "extension",
    "external_schema",
    "foreign_data_wrapper",
    "foreign_server",
    "foreign_table",
    "group",
    "index",
    "indexes",
    "inherits",
    "init_privs",
    "language",
    "largeobject",
    "locks",
    "matviews",
    "namespace",
    "opclass",
    "operator",
    "opfamily",
    "partitioned_table",
    "policies",
    "policy",
    "prepared_statements",
    "prepared_xacts",
    "proc",
    "proc_info",
    "publication",
    "publication_namespace",
    "publication_rel",
    "publication_tables",
    "range",
    "replication_origin",
    "replication_slots",
    "rewrite",
    "roles",
    "rules",
    "seclabel",
    "seclabels",
    "sequence",
    "sequences",
    "settings",
    "shadow",
    "shdepend",
    "shdescription",
    "subscription",
    "subscription_rel",
    "table_def",
    "tables",
    "tablespace",
    "timezone_abbrevs",
    "timezone_names",
    "transform",
    "trigger",
    "ts_config",
    "ts_config_map",
    "ts_dict",
    "ts_parser",
    "ts_template",
    "type",
    "user",
    "user_info",
    "user_mapping",
    "user_mappings",
    "views",
];

/// Words that a relation may follow.
const BEFORE_RELATIONS: &[&str] = &["from", "join", "into", "only", "table", "update", "using"];

/// Whether the token is the name of a relation of the catalog, where a relation may stand.
pub(super) fn names_catalog(statement: &Statement<'_>, index: usize, name: &str) -> bool {
    if name.eq_ignore_ascii_case("information_schema") {
        return statement.is_symbol(index + 1, b'.');
    }
    let Some(rest) = name.get(3..).filter(|_| name[..3].eq_ignore_ascii_case("pg_")) else {
        return false;
    };
    let rest = rest.to_ascii_lowercase();
    if !(rest.starts_with("stat") || RELATIONS.contains(&rest.as_str())) {
        return false;
    }
    let Some(before) = index.checked_sub(1) else { return false };
    let qualified = statement.is_symbol(before, b'.')
        && 2 <= index
        && statement.identifier(index - 2).is_some_and(|schema| schema == "pg_catalog");
    let in_place = qualified
        || statement.is_symbol(before, b',')
        || statement.is_symbol(before, b'(')
        || BEFORE_RELATIONS.iter().any(|word| statement.is_word(before, word));
    in_place && !statement.is_symbol(index + 1, b'(')
}
