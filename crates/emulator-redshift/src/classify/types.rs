//! Data types that Postgres has and Redshift lacks, or that this stand-in does not have yet.
//!
//! They are refused where a table would store them (CREATE and ALTER TABLE) and as the target of a
//! cast in a query of user tables. Queries of the catalog may use them: Redshift runs those on its
//! leader node, which is an old Postgres ("Unsupported PostgreSQL data types").

use crate::sql::statement::Statement;

/// A type that is not to be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// Redshift has no such type; the value says what to use instead.
    Unsupported(&'static str),
    /// Redshift has it, this stand-in does not.
    NotEmulated,
}

/// "Unsupported PostgreSQL data types", with what to use instead.
const UNSUPPORTED: &[(&[&str], &str)] = &[
    (&["json", "jsonb", "jsonpath", "hstore", "xml"], "store the text in a VARCHAR, or use SUPER"),
    (&["uuid"], "use VARCHAR(36)"),
    (&["bytea", "bit", "varbit"], "use VARBYTE, or VARCHAR with an encoding"),
    (&["inet", "cidr", "macaddr", "macaddr8"], "use VARCHAR(45)"),
    (&["money"], "use DECIMAL"),
    (
        &["serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"],
        "use BIGINT IDENTITY(1, 1)",
    ),
    (&["tsvector", "tsquery"], "use LIKE or REGEXP_SUBSTR on a VARCHAR"),
    (&["point", "line", "lseg", "box", "path", "polygon", "circle"], "use GEOMETRY"),
    (
        &[
            "int4range",
            "int8range",
            "numrange",
            "tsrange",
            "tstzrange",
            "daterange",
            "int4multirange",
            "int8multirange",
            "nummultirange",
            "tsmultirange",
            "tstzmultirange",
            "datemultirange",
        ],
        "use two columns",
    ),
];

/// Unsupported as a column only: catalog-minded tools cast to them.
const UNSUPPORTED_AS_COLUMN: &[&str] = &[
    "oid",
    "name",
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regrole",
    "cid",
    "tid",
    "xid",
    "xid8",
    "pg_lsn",
    "pg_snapshot",
    "txid_snapshot",
    "\"char\"",
];

const NOT_EMULATED: &[&str] = &["geometry", "geography", "hllsketch"];

/// The types that Redshift lacks, with what to use instead; and those that this stand-in lacks.
pub(crate) fn rows() -> (Vec<(&'static str, &'static str)>, &'static [&'static str]) {
    let each = |(names, instead): &(&'static [&'static str], &'static str)| {
        let instead = *instead;
        names.iter().map(move |name| (*name, instead)).collect::<Vec<_>>()
    };
    (UNSUPPORTED.iter().flat_map(each).collect(), NOT_EMULATED)
}

/// Judges the type whose name is the token `index`; the value is the type's name.
pub(super) fn column_type(
    statement: &Statement<'_>,
    index: usize,
) -> Option<(String, Unavailable)> {
    let name = statement.text(index).to_ascii_lowercase();
    if UNSUPPORTED_AS_COLUMN.contains(&name.as_str()) {
        return Some((name, Unavailable::Unsupported("use INTEGER, BIGINT or VARCHAR")));
    }
    cast_target(statement, index)
}

/// Judges the type of a cast.
pub(super) fn cast_target(
    statement: &Statement<'_>,
    index: usize,
) -> Option<(String, Unavailable)> {
    let name = statement.text(index).to_ascii_lowercase();
    if NOT_EMULATED.contains(&name.as_str()) {
        return Some((name, Unavailable::NotEmulated));
    }
    if let Some((_, instead)) = UNSUPPORTED.iter().find(|(names, _)| names.contains(&name.as_str()))
    {
        return Some((name, Unavailable::Unsupported(instead)));
    }
    let behind = index + 1;
    let after_length = match statement.is_symbol(behind, b'(') {
        true => statement.after_parenthesis(behind),
        false => behind,
    };
    let is_array = [behind, after_length]
        .into_iter()
        .any(|at| statement.is_symbol(at, b'[') || statement.is_word(at, "array"));
    is_array.then(|| (format!("{name}[]"), Unavailable::Unsupported("use SUPER, or rows")))
}
