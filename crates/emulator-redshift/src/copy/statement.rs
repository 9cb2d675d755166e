//! The COPY statement: from text to a value and back.
//!
//! Total: every text gives a statement or an error with its position. Says nothing about whether
//! the stand-in can execute the statement; that is `CopyOptions::unsupported`.

use super::authorization::{Authorization, AuthorizationParts};
use super::options::CopyOptions;
use super::options::parse::parse_options;
pub use super::tokens::CopySyntaxError;
use super::tokens::{Cursor, Token, TokenKind, expected, first};
use crate::sql::quotes;

/// A COPY statement (Database Developer Guide, "COPY").
///
/// Names without quotes are folded to lower case, names in quotes are kept as written. (Redshift
/// folds both unless `enable_case_sensitive_identifier` is on, which only the session knows.)
///
/// `Display` prints a statement that parses back to the same one, save that secrets print as `***`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatement {
    /// The database, if the name has three parts.
    pub database: Option<String>,
    /// The schema, if it is named.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The column list.
    pub columns: Option<Vec<String>>,
    /// Where the objects are.
    pub source: CopySource,
    /// Who may read them.
    pub authorization: Authorization,
    /// Everything else.
    pub options: CopyOptions,
}

/// `s3://bucket/key`: a key prefix, or with MANIFEST the key of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CopySource {
    /// The bucket.
    pub bucket: String,
    /// The key or its beginning; may be empty.
    pub key: String,
}

impl CopySource {
    /// Reads `s3://bucket[/key]`.
    pub fn parse(url: &str) -> Option<CopySource> {
        let (scheme, rest) = url.split_at_checked("s3://".len())?;
        if !scheme.eq_ignore_ascii_case("s3://") {
            return None;
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return None;
        }
        Some(CopySource { bucket: bucket.to_string(), key: key.to_string() })
    }
}

impl std::fmt::Display for CopySource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Whether the first keyword is COPY; comments before it are skipped.
pub fn is_copy(sql: &str) -> bool {
    first(sql).is_some_and(|token| token.keyword() == "COPY")
}

/// Parses one COPY statement; one trailing `;` is allowed.
///
/// # Errors
/// What is not a COPY of Redshift, with the position of the first character that is wrong.
pub fn parse(sql: &str) -> Result<CopyStatement, CopySyntaxError> {
    let mut cursor = Cursor::new(sql)?;
    if !cursor.accept("COPY")? {
        return Err(expected("COPY", cursor.peek()));
    }
    let (database, schema, table) = parse_table(&mut cursor)?;
    let columns = parse_columns(&mut cursor)?;
    parse_from(&mut cursor)?;
    let source = parse_source(&mut cursor)?;
    let mut authorization = AuthorizationParts::default();
    let options = parse_options(&mut cursor, &mut authorization)?;
    let end = cursor.peek().position;
    cursor.accept_symbol(';')?;
    if cursor.peek().kind != TokenKind::End {
        return Err(expected("a COPY option", cursor.peek()));
    }
    let authorization = authorization.finish(end)?;
    Ok(CopyStatement { database, schema, table, columns, source, authorization, options })
}

type TableName = (Option<String>, Option<String>, String);

fn parse_table(cursor: &mut Cursor<'_>) -> Result<TableName, CopySyntaxError> {
    let start = cursor.peek().clone();
    match (&start.kind, start.keyword().as_str()) {
        (TokenKind::Symbol('('), _) => return Err(no_such_copy("of a query: use UNLOAD", &start)),
        (_, "FROM" | "TO") => return Err(expected("a table", &start)),
        _ => {}
    }
    let mut names = vec![cursor.identifier("a table")?];
    while names.len() < 3 && cursor.accept_symbol('.')? {
        names.push(cursor.identifier("a name")?);
    }
    let table = names.pop().expect("one name was read");
    let schema = names.pop();
    Ok((names.pop(), schema, table))
}

fn parse_columns(cursor: &mut Cursor<'_>) -> Result<Option<Vec<String>>, CopySyntaxError> {
    if !cursor.accept_symbol('(')? {
        return Ok(None);
    }
    let mut columns = vec![cursor.identifier("a column")?];
    while cursor.accept_symbol(',')? {
        columns.push(cursor.identifier("a column")?);
    }
    match cursor.accept_symbol(')')? {
        true => Ok(Some(columns)),
        false => Err(expected("\",\" or \")\"", cursor.peek())),
    }
}

fn parse_from(cursor: &mut Cursor<'_>) -> Result<(), CopySyntaxError> {
    let token = cursor.peek().clone();
    match token.keyword().as_str() {
        "FROM" => cursor.advance().map(|_| ()),
        "TO" => Err(no_such_copy("TO: use UNLOAD", &token)),
        _ => Err(expected("FROM", &token)),
    }
}

fn parse_source(cursor: &mut Cursor<'_>) -> Result<CopySource, CopySyntaxError> {
    let token = cursor.advance()?;
    match (&token.kind, token.keyword().as_str()) {
        (_, from @ ("STDIN" | "PROGRAM")) => {
            let what = format!("FROM {from}: the source must be an s3:// path");
            Err(no_such_copy(&what, &token))
        }
        (TokenKind::Literal { value, .. }, _) => {
            CopySource::parse(value).ok_or_else(|| refuse_source(value, &token))
        }
        _ => Err(expected("an s3:// path in quotes", &token)),
    }
}

fn refuse_source(url: &str, token: &Token<'_>) -> CopySyntaxError {
    for scheme in ["dynamodb://", "emr://"] {
        if url.starts_with(scheme) {
            let message = format!("COPY FROM {scheme} is not emulated: only s3:// is");
            return CopySyntaxError::new(message, token.position);
        }
    }
    if url.len() >= 5 && url.as_bytes()[..5].eq_ignore_ascii_case(b"s3://") {
        return CopySyntaxError::new("the s3:// path names no bucket", token.position);
    }
    no_such_copy("FROM a file: the source must be an s3:// path", token)
}

fn no_such_copy(what: &str, token: &Token<'_>) -> CopySyntaxError {
    CopySyntaxError::new(format!("Redshift has no COPY {what}"), token.position)
}

impl std::fmt::Display for CopyStatement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("COPY ")?;
        for qualifier in [&self.database, &self.schema].into_iter().flatten() {
            write!(formatter, "{}.", quotes::identifier(qualifier))?;
        }
        write!(formatter, "{}", quotes::identifier(&self.table))?;
        if let Some(columns) = &self.columns {
            let columns: Vec<String> =
                columns.iter().map(|name| quotes::identifier(name)).collect();
            write!(formatter, " ({})", columns.join(", "))?;
        }
        let source = quotes::literal(&self.source.to_string());
        write!(formatter, " FROM {source} {}{}", self.authorization, self.options)
    }
}

#[cfg(test)]
mod tests;
