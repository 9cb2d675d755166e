//! What ALTER TABLE cannot do ("ALTER TABLE"), in Redshift's words where they are known.
//!
//! What depends on the table is judged by `catalog/alterations.sql`.

use crate::error::SqlError;
use crate::rewrite::declared::{actions, is_storage_action};
use crate::sql::statement::Statement;

/// Actions that only PostgreSQL has, by their first words.
const FOREIGN: &[&str] = &[
    "set", "reset", "inherit", "no", "of", "not", "force", "attach", "detach", "enable", "disable",
    "cluster", "validate", "replica",
];

/// Refuses an ALTER TABLE that Redshift would not execute.
pub(super) fn judge(statement: &Statement<'_>) -> Result<(), SqlError> {
    if !statement.leads("alter table") {
        return Ok(());
    }
    let first = if statement.matches(2, "if exists") { 4 } else { 2 };
    let mut others = 0;
    for (index, at) in actions(statement, statement.after_name(first)).enumerate() {
        others += usize::from(!is_storage_action(statement, at));
        if 0 < index && 0 < others {
            let (feature, instead) = match statement.is_word(at, "add") {
                true => ("several ADD", "add one column at a time"),
                false => ("several actions", "one action in each statement"),
            };
            return refuse(statement, at, &format!("ALTER TABLE with {feature}"), instead);
        }
        judge_action(statement, at)?;
    }
    Ok(())
}

fn judge_action(statement: &Statement<'_>, at: usize) -> Result<(), SqlError> {
    let is = |pattern: &str| statement.matches(at, pattern);
    if let Some(word) = FOREIGN.iter().find(|word| is(word)) {
        let feature = format!("ALTER TABLE … {}", word.to_uppercase());
        return refuse(statement, at, &feature, "see ALTER TABLE in the guide");
    }
    if is("add") {
        return judge_added(statement, at + 1);
    }
    if is("alter") {
        return judge_changed(statement, at);
    }
    let named = statement.is_word(at + 1, "column") && statement.is_identifier(at + 2);
    if is("rename") && !is("rename to") && !named {
        return unexpected(statement, at + 1);
    }
    if is("drop if") || is("drop column if") {
        return unexpected(statement, at + if named { 2 } else { 1 });
    }
    Ok(())
}

/// Judges what stands behind ADD.
fn judge_added(statement: &Statement<'_>, at: usize) -> Result<(), SqlError> {
    const KEYS: &[&str] = &["constraint", "primary key", "unique (", "foreign key", "partition"];
    if KEYS.iter().any(|pattern| statement.matches(at, pattern)) {
        return Ok(());
    }
    let name = at + usize::from(statement.is_word(at, "column"));
    if statement.matches(name, "if not exists") {
        return unexpected(statement, name + 1);
    }
    const CANNOT: &[(&str, &str)] = &[
        ("unique", "UNIQUE or PRIMARY KEY constraints"),
        ("primary key", "UNIQUE or PRIMARY KEY constraints"),
        ("references", "REFERENCES constraints"),
        ("identity", "IDENTITY"),
        ("distkey", "DISTKEY"),
        ("sortkey", "SORTKEY"),
    ];
    let (mut not_null, mut default) = (None, false);
    let mut part = name + 2;
    while part < statement.tokens.len() {
        let is = |pattern: &str| statement.matches(part, pattern);
        if let Some((_, what)) = CANNOT.iter().find(|(pattern, _)| is(pattern)) {
            let message =
                format!("ALTER TABLE ADD COLUMN does not support columns defined with {what}");
            return Err(SqlError::new("0A000", message).at(statement, part));
        }
        if is("not null") {
            not_null = Some(part);
        }
        default |= is("default") && !is("default null");
        let open = statement.is_symbol(part, b'(');
        part = if open { statement.after_parenthesis(part) } else { part + 1 };
    }
    match not_null {
        Some(part) if !default => {
            let message = "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default \
                           expression";
            Err(SqlError::new("0A000", message).at(statement, part))
        }
        _ => Ok(()),
    }
}

/// Judges an ALTER COLUMN: it changes the size of a VARCHAR and the encoding, nothing else.
fn judge_changed(statement: &Statement<'_>, at: usize) -> Result<(), SqlError> {
    const STORAGE: &[&str] = &["sortkey", "compound", "distkey", "diststyle", "encode"];
    let named = statement.is_word(at + 1, "column") && statement.is_identifier(at + 2);
    if !named && STORAGE.iter().any(|word| statement.is_word(at + 1, word)) {
        return Ok(());
    }
    if !named {
        return unexpected(statement, at + 1);
    }
    let change = at + 3;
    let is = |pattern: &str| statement.matches(change, pattern);
    let unsupported = |message: &str| {
        Err(SqlError::new("0A000", message)
            .with_hint("make a new column, and copy the values into it")
            .at(statement, change))
    };
    if is("set not null") {
        return unsupported("ALTER COLUMN SET NOT NULL is not supported");
    } else if is("drop not null") {
        return unsupported("ALTER COLUMN DROP NOT NULL is not supported");
    } else if is("set default") || is("drop default") {
        return unsupported("ALTER COLUMN SET/DROP DEFAULT is not supported");
    } else if is("set") || is("drop") {
        return unsupported("Redshift does not support ALTER COLUMN … SET and DROP");
    } else if !is("type") {
        return Ok(());
    }
    const SIZED: &[&str] =
        &["varchar", "nvarchar", "character varying", "text", "varbyte", "varbinary"];
    if !SIZED.iter().any(|name| statement.matches(change + 1, name)) {
        let feature = "ALTER COLUMN … TYPE of other types than VARCHAR";
        return refuse(statement, change, feature, "only the length of a VARCHAR can be changed");
    }
    if (change..statement.tokens.len()).any(|at| statement.is_word(at, "using")) {
        return unsupported("ALTER TABLE ALTER COLUMN does not support USING expression");
    }
    Ok(())
}

fn refuse(
    statement: &Statement<'_>,
    at: usize,
    feature: &str,
    instead: &str,
) -> Result<(), SqlError> {
    let message = format!("Redshift does not support {feature}");
    Err(SqlError::new("0A000", message).with_hint(instead).at(statement, at))
}

fn unexpected(statement: &Statement<'_>, at: usize) -> Result<(), SqlError> {
    let found = statement.text(at);
    let message = match found {
        "" => "syntax error at end of input".to_owned(),
        _ => format!("syntax error at or near \"{found}\""),
    };
    Err(SqlError::new("42601", message).at(statement, at))
}
