//! What CREATE TABLE and ALTER TABLE declare and Postgres does not keep: distribution, sort keys,
//! encodings, informational keys ("CREATE TABLE", "ALTER TABLE").
//!
//! It travels with the statement, as a comment at its end; an event trigger of `catalog` writes it
//! down in the client's transaction. So it follows rollbacks and renames, whoever sends what.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::edits::Edits;
use super::table::{Column, Constraint, Form, TableStatement, constraint};
use crate::error::SqlError;
use crate::sql::quotes;
use crate::sql::statement::Statement;

/// How the comment begins.
pub(crate) const MARK: &str = "/*blueshift:";

/// "Compression encodings", "CREATE TABLE" (ENCODE).
const ENCODINGS: &[&str] = &[
    "auto",
    "az64",
    "bytedict",
    "delta",
    "delta32k",
    "lzo",
    "mostly16",
    "mostly32",
    "mostly8",
    "raw",
    "runlength",
    "text255",
    "text32k",
    "zstd",
];

/// The members are those that `catalog/declared.sql` reads.
#[derive(Debug, Default, Serialize)]
struct Declaration {
    create: bool,
    table: String,
    diststyle: Option<String>,
    distkey: Option<String>,
    sortstyle: Option<&'static str>,
    sortkey: Vec<String>,
    backup: Option<bool>,
    columns: BTreeMap<String, DeclaredColumn>,
    keys: Vec<Key>,
    like: Vec<String>,
    append: Option<String>,
    mode: Option<&'static str>,
    /// The column whose type is changed, and its table as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    resize: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    /// The query of a view, as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<String>,
    /// The names of a view's columns, in parentheses.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_refresh: Option<bool>,
}

#[derive(Debug, Default, Serialize)]
struct DeclaredColumn {
    encoding: Option<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    /// As in `pg_constraint.contype`.
    kind: char,
    name: Option<String>,
    columns: Vec<String>,
    /// The table of a foreign key, quoted.
    references: Option<String>,
    referenced: Vec<String>,
}

/// Adds what a statement declares to it.
pub(super) fn rewrite(
    statement: &Statement<'_>,
    table: &TableStatement,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    let mut declared = Declaration { table: bare_name(statement, table), ..Default::default() };
    for element in table.elements() {
        if let Some(key) = table_key(statement, element) {
            declared.keys.push(key);
        } else if statement.is_word(element.start, "like") {
            declared.like.push(quoted_name(statement, element.start + 1));
        }
    }
    for column in table.columns(statement) {
        read_column(statement, &column, &mut declared)?;
    }
    match table.form {
        Form::Create { .. } => {
            declared.create = true;
            let mut at = table.attributes.start;
            while at < table.attributes.end {
                at = read_attribute(statement, at, &mut declared)?;
            }
        }
        Form::Alter { action } => {
            read_actions(statement, action, &mut declared)?;
            declared.resize = resized(statement).and_then(|at| statement.identifier(at));
            declared.written = declared.resize.is_some().then(|| quoted_name(statement, 2));
            if declared.declares_nothing() {
                return Ok(());
            }
        }
    }
    declared.check()?;
    declared.add(statement, edits);
    Ok(())
}

/// Adds the text of a view that is made, and what a materialized one declares ("CREATE VIEW",
/// "CREATE MATERIALIZED VIEW", "ALTER MATERIALIZED VIEW").
pub(super) fn view(statement: &Statement<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    let materialized = statement.is_word(1, "materialized");
    let refreshes = |at: usize| match () {
        () if statement.matches(at, "auto refresh yes") => Some(true),
        () if statement.matches(at, "auto refresh no") => Some(false),
        () => None,
    };
    let mut declared = Declaration::default();
    if statement.leads("alter materialized view") {
        let after = statement.after_name(3);
        declared.auto_refresh = refreshes(after);
        declared.table = statement.identifier(after - 1).unwrap_or_default();
        if declared.auto_refresh.is_some() {
            declared.add(statement, edits);
        }
        return Ok(());
    }
    let view = (1..4).find(|at| statement.is_word(*at, "view"));
    let Some(view) = view.filter(|_| statement.leads("create")) else { return Ok(()) };
    let exists = statement.matches(view + 1, "if not exists");
    let name = view + if exists { 4 } else { 1 };
    let mut at = statement.after_name(name);
    declared.table = statement.identifier(at - 1).unwrap_or_default();
    declared.create = true;
    let text = |from: usize, end: usize| {
        let (first, last) = (statement.tokens.get(from)?, statement.tokens.get(end - 1)?);
        statement.sql.get(first.start()..last.end()).map(str::to_owned)
    };
    if statement.is_symbol(at, b'(') {
        let end = statement.after_parenthesis(at);
        declared.names = text(at, end);
        at = end;
    }
    while at < statement.tokens.len() && !statement.is_word(at, "as") {
        declared.auto_refresh = refreshes(at).or(declared.auto_refresh);
        at = match materialized {
            true => read_attribute(statement, at, &mut declared)?,
            false => at + 1,
        };
    }
    if at + 1 < statement.tokens.len() {
        declared.view = text(at + 1, statement.tokens.len());
        declared.check()?;
        declared.add(statement, edits);
    }
    Ok(())
}

impl Declaration {
    /// Puts it behind the statement.
    fn add(&self, statement: &Statement<'_>, edits: &mut Edits) {
        let json = serde_json::to_string(self).expect("names and numbers make JSON");
        // No name may end the comment.
        let json = json.replace('*', "\\u002a").replace('/', "\\u002f");
        if let Some(last) = statement.tokens.last() {
            edits.insert(last.end(), format!(" {MARK}{json}*/"));
        }
    }

    fn declares_nothing(&self) -> bool {
        self.diststyle.is_none()
            && self.distkey.is_none()
            && self.sortstyle.is_none()
            && self.append.is_none()
            && self.resize.is_none()
            && self.columns.is_empty()
            && self.keys.is_empty()
    }

    fn set_distkey(&mut self, column: Option<String>) -> Result<(), SqlError> {
        if self.distkey.is_some() {
            return Err(invalid("only one DISTKEY is allowed"));
        }
        self.distkey = column;
        Ok(())
    }

    fn set_sortkey(&mut self, style: &'static str, columns: Vec<String>) -> Result<(), SqlError> {
        if self.sortstyle.is_some() {
            return Err(invalid("only one SORTKEY is allowed"));
        }
        // "CREATE TABLE": up to 400 columns, or 8 of an interleaved key.
        let columns_max = if style == "INTERLEAVED" { 8 } else { 400 };
        if columns_max < columns.len() {
            return Err(invalid(&format!("a sort key has at most {columns_max} columns")));
        }
        let doubled = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name));
        if let Some((_, name)) = doubled {
            return Err(SqlError::new("42701", format!("duplicate column \"{name}\" in sort key")));
        }
        self.sortstyle = Some(style);
        self.sortkey = columns;
        Ok(())
    }

    fn check(&mut self) -> Result<(), SqlError> {
        let style = self.diststyle.get_or_insert_default().clone();
        match (style.as_str(), &self.distkey) {
            ("", None) => self.diststyle = None,
            ("", Some(_)) => self.diststyle = Some("KEY".to_owned()),
            ("KEY", Some(_)) | ("AUTO" | "EVEN" | "ALL", None) => {}
            ("KEY", None) => return Err(invalid("DISTSTYLE KEY needs a DISTKEY")),
            ("AUTO" | "EVEN" | "ALL", Some(_)) => {
                return Err(invalid(&format!("a DISTKEY needs DISTSTYLE KEY, not {style}")));
            }
            _ => return Err(invalid(&format!("invalid DISTSTYLE {style}"))),
        }
        Ok(())
    }
}

fn invalid(message: &str) -> SqlError {
    SqlError::new("42601", message)
}

fn bare_name(statement: &Statement<'_>, table: &TableStatement) -> String {
    let after = match table.form {
        Form::Create { name, .. } => statement.after_name(name),
        Form::Alter { action } => action,
    };
    let last = after.saturating_sub(1);
    let name = statement.identifier(last).unwrap_or_default();
    let temporary = 0 < last && statement.is_symbol(last - 1, b'#');
    if temporary { format!("#{name}") } else { name }
}

/// A possibly qualified name with quotes round each part.
pub(super) fn quoted_name(statement: &Statement<'_>, index: usize) -> String {
    let hash = if statement.is_symbol(index, b'#') { "#" } else { "" };
    let parts = (index..statement.after_name(index)).filter_map(|at| statement.identifier(at));
    let quoted: Vec<String> =
        parts.map(|part| quotes::identifier(&format!("{hash}{part}"))).collect();
    quoted.join(".")
}

/// The identifiers in the parenthesis at `open`.
fn identifiers(statement: &Statement<'_>, open: usize) -> Vec<String> {
    if !statement.is_symbol(open, b'(') {
        return Vec::new();
    }
    let end = statement.after_parenthesis(open);
    (open..end).filter_map(|index| statement.identifier(index)).collect()
}

fn table_key(statement: &Statement<'_>, element: &Range<usize>) -> Option<Key> {
    let named = statement.is_word(element.start, "constraint");
    let name = named.then(|| statement.identifier(element.start + 1)).flatten();
    let at = element.start + if named { 2 } else { 0 };
    let key = |kind, columns| Key { kind, name, columns, references: None, referenced: Vec::new() };
    match constraint(statement, element)? {
        Constraint::PrimaryKey { columns } => Some(key('p', identifiers(statement, columns))),
        Constraint::Informational if statement.is_word(at, "unique") => {
            Some(key('u', identifiers(statement, at + 1)))
        }
        Constraint::Informational => {
            let mut key = key('f', identifiers(statement, at + 2));
            let references = statement.after_parenthesis(at + 2);
            refer(statement, references, &mut key);
            Some(key)
        }
        Constraint::Other => None,
    }
}

/// Reads `REFERENCES table [ (columns) ]` that begins at `at`.
fn refer(statement: &Statement<'_>, at: usize, key: &mut Key) {
    key.references = Some(quoted_name(statement, at + 1));
    key.referenced = identifiers(statement, statement.after_name(at + 1));
}

fn read_column(
    statement: &Statement<'_>,
    column: &Column,
    declared: &mut Declaration,
) -> Result<(), SqlError> {
    let Some(name) = statement.identifier(column.tokens.start) else { return Ok(()) };
    let mut read = DeclaredColumn::default();
    let mut key_name = None;
    let mut at = column.type_index();
    while at < column.tokens.end {
        let is = |pattern: &str| statement.matches(at, pattern);
        let key = |kind, name| {
            let columns = vec![statement.identifier(column.tokens.start).unwrap_or_default()];
            Key { kind, name, columns, references: None, referenced: Vec::new() }
        };
        if statement.is_symbol(at, b'(') {
            at = statement.after_parenthesis(at);
            continue;
        } else if is("encode") && !statement.is_symbol(at + 1, b'(') {
            read.encoding = Some(encoding(statement, at + 1, &name)?);
            at += 1;
        } else if is("distkey") {
            declared.set_distkey(Some(name.clone()))?;
        } else if is("sortkey") {
            declared.set_sortkey("COMPOUND", vec![name.clone()])?;
        } else if is("constraint") {
            key_name = statement.identifier(at + 1);
            at += 1;
        } else if is("primary key") {
            declared.keys.push(key('p', key_name.take()));
        } else if is("unique") {
            declared.keys.push(key('u', key_name.take()));
        } else if is("references") {
            let mut key = key('f', key_name.take());
            refer(statement, at, &mut key);
            declared.keys.push(key);
        }
        at += 1;
    }
    if read.encoding.is_some() {
        declared.columns.insert(name, read);
    }
    Ok(())
}

/// The name of an encoding, as `pg_table_def` shows it.
fn encoding(statement: &Statement<'_>, at: usize, column: &str) -> Result<String, SqlError> {
    let name = statement.text(at).to_ascii_lowercase();
    if !ENCODINGS.contains(&name.as_str()) {
        let message = format!("invalid encoding type \"{name}\" specified for column \"{column}\"");
        return Err(SqlError::new("42601", message).at(statement, at));
    }
    Ok(if name == "raw" { "none".to_owned() } else { name })
}

/// Reads a table attribute at `at`; the value is the token behind it.
fn read_attribute(
    statement: &Statement<'_>,
    at: usize,
    declared: &mut Declaration,
) -> Result<usize, SqlError> {
    let is = |pattern: &str| statement.matches(at, pattern);
    if is("diststyle") {
        declared.diststyle = Some(statement.text(at + 1).to_ascii_uppercase());
        return Ok(at + 2);
    }
    if is("backup yes") || is("backup no") {
        declared.backup = Some(is("backup yes"));
        return Ok(at + 2);
    }
    if is("distkey") {
        let open = at + 1;
        if statement.is_symbol(open, b'(') {
            declared.set_distkey(identifiers(statement, open).into_iter().next())?;
            return Ok(statement.after_parenthesis(open));
        }
        declared.set_distkey(statement.identifier(open))?; // ALTER TABLE … ALTER DISTKEY
        return Ok(at + 2);
    }
    let interleaved = is("interleaved sortkey");
    let key = at + usize::from(interleaved || is("compound sortkey"));
    if !statement.is_word(key, "sortkey") {
        return Ok(if statement.is_symbol(at, b'(') {
            statement.after_parenthesis(at)
        } else {
            at + 1
        });
    }
    let open = key + 1;
    if statement.is_symbol(open, b'(') {
        let style = if interleaved { "INTERLEAVED" } else { "COMPOUND" };
        declared.set_sortkey(style, identifiers(statement, open))?;
        return Ok(statement.after_parenthesis(open));
    }
    let style = if statement.is_word(open, "none") { "NONE" } else { "AUTO" };
    declared.set_sortkey(style, Vec::new())?;
    Ok(open + 1)
}

/// Whether all actions of an ALTER TABLE concern storage only, and nothing is left for Postgres.
pub(super) fn concerns_storage_only(statement: &Statement<'_>, action: usize) -> bool {
    let mut actions = actions(statement, action).peekable();
    actions.peek().is_some() && actions.all(|at| is_storage_action(statement, at))
}

/// The column of which an ALTER TABLE changes the type.
pub(crate) fn resized(statement: &Statement<'_>) -> Option<usize> {
    let action = statement.leads("alter table").then(|| statement.after_name(2))?;
    let changes =
        statement.matches(action, "alter column") && statement.is_word(action + 3, "type");
    changes.then_some(action + 2)
}

/// Whether an action of ALTER TABLE concerns storage only.
pub(crate) fn is_storage_action(statement: &Statement<'_>, at: usize) -> bool {
    const STORAGE: &[&str] = &[
        "alter sortkey",
        "alter compound sortkey",
        "alter distkey",
        "alter diststyle",
        "alter encode",
        "append from",
    ];
    let is = |pattern: &&str| statement.matches(at, pattern);
    let column = at + 1 + usize::from(statement.matches(at, "alter column"));
    STORAGE.iter().any(is)
        || (statement.is_word(at, "alter") && statement.is_word(column + 1, "encode"))
}

/// Where the actions of an ALTER TABLE begin.
pub(crate) fn actions<'a>(
    statement: &'a Statement<'_>,
    first: usize,
) -> impl Iterator<Item = usize> + 'a {
    let mut next = Some(first).filter(|at| *at < statement.tokens.len());
    std::iter::from_fn(move || {
        let action = next?;
        let mut at = action;
        while at < statement.tokens.len() && !statement.is_symbol(at, b',') {
            let open = statement.is_symbol(at, b'(');
            at = if open { statement.after_parenthesis(at) } else { at + 1 };
        }
        next = Some(at + 1).filter(|at| *at < statement.tokens.len());
        Some(action)
    })
}

fn read_actions(
    statement: &Statement<'_>,
    first: usize,
    declared: &mut Declaration,
) -> Result<(), SqlError> {
    for at in actions(statement, first) {
        if !is_storage_action(statement, at) {
            continue;
        }
        if statement.matches(at, "append from") {
            declared.append = Some(quoted_name(statement, at + 2));
            let mode = statement.after_name(at + 2);
            declared.mode = ["ignoreextra", "filltarget"]
                .into_iter()
                .find(|word| statement.is_word(mode, word));
        } else if statement.matches(at, "alter encode") {
            continue; // AUTO: nothing is fixed.
        } else if statement.matches(at, "alter diststyle") {
            let after = read_attribute(statement, at + 1, declared)?;
            if statement.is_word(after, "distkey") {
                read_attribute(statement, after, declared)?;
            }
        } else if ["distkey", "sortkey", "compound"]
            .iter()
            .any(|word| statement.is_word(at + 1, word))
        {
            read_attribute(statement, at + 1, declared)?;
        } else {
            let column = at + 1 + usize::from(statement.is_word(at + 1, "column"));
            let name = statement.identifier(column).unwrap_or_default();
            let encoding = Some(encoding(statement, column + 2, &name)?);
            declared.columns.insert(name, DeclaredColumn { encoding });
        }
    }
    Ok(())
}
