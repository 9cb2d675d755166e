//! What EXECUTE is given ("Dynamic SQL"): the text of literals is rewritten like any statement,
//! and what stands between them for a name in it.
//!
//! A variable counts as such a text where it is assigned as a whole. Texts that are put together
//! step by step, or come from elsewhere, are not looked into: of the tables that they make,
//! `catalog/executed.sql` sees to the lengths and refuses the keys.

use std::collections::HashMap;
use std::ops::Range;

use super::{Body, Piece, declares};
use crate::error::SqlError;
use crate::sql::quotes;
use crate::sql::statement::{Statement, split};
use crate::sql::tokens::{Kind, tokens};

/// Begins the name that stands for the part of this number.
const PART: &str = "blueshift_part_";

/// What is known of the texts in a variable.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Executed {
    /// Whether a literal is assigned to it.
    literal: bool,
    /// Whether it is made longer from itself.
    extended: bool,
    truncates: bool,
}

/// A text with names for what is no literal in it.
struct Template {
    text: String,
    parts: Vec<String>,
}

/// The variables that EXECUTE is given in a body.
pub(super) fn executed(body: &str, pieces: &[Range<usize>]) -> HashMap<String, Executed> {
    let mut found = HashMap::new();
    let statements: Vec<Statement<'_>> =
        pieces.iter().map(|piece| Statement::new(&body[piece.clone()])).collect();
    for statement in &statements {
        let given = execute(statement).map(|at| at..end_of_text(statement, at));
        if let Some(variable) = given.and_then(|given| lone_name(statement, &given)) {
            found.insert(variable, Executed::default());
        }
    }
    for statement in &statements {
        let Some((name, value)) = assignment(statement) else { continue };
        let Some(executed) = found.get_mut(&name) else { continue };
        executed.extended |=
            value.clone().any(|at| statement.identifier(at).is_some_and(|used| used == name));
        if let Some(template) = template(statement, value) {
            executed.literal = true;
            executed.truncates |= Statement::new(&template.text).leads("truncate");
        }
    }
    found
}

/// Rewrites EXECUTE, and what assigns the text of one to a variable; `None` if it is neither.
pub(super) fn rewrite(
    body: &mut Body<'_>,
    statement: &Statement<'_>,
) -> Result<Option<Piece>, SqlError> {
    if let Some((name, value)) = assignment(statement) {
        let known = body.executed.get(&name).copied().unwrap_or_default();
        if !known.literal || known.extended {
            return Ok(None);
        }
        let Some(template) = template(statement, value.clone()) else { return Ok(None) };
        let head = statement.sql[..statement.tokens[value.start].start()].trim_end();
        let head = expression(body, head)?;
        let read = text_of(body, template, Declares::Within)?;
        return Ok(Some(Piece { text: format!("{head} {}", read.expression), ends: None }));
    }
    let Some(at) = execute(statement) else { return Ok(None) };
    let end = end_of_text(statement, at);
    let head = &statement.sql[..statement.tokens[at - 1].end()];
    let rest = match statement.tokens.get(end) {
        Some(token) => expression(body, &statement.sql[token.start()..])?,
        None => String::new(),
    };
    if let Some(name) = lone_name(statement, &(at..end)) {
        let known = body.executed.get(&name).copied().unwrap_or_default();
        return Ok(
            (known.literal && at == 1).then(|| of_variable(statement.text(at), known, &rest))
        );
    }
    let Some(template) = template(statement, at..end) else { return Ok(None) };
    let read = text_of(body, template, Declares::Before)?;
    let mut text = format!("{head} {} {rest}", read.expression).trim_end().to_owned();
    if let Some(json) = read.declared.filter(|_| at == 1) {
        text = format!("{}; {text}", declares(&json));
    }
    Ok(Some(Piece { text, ends: read.truncates.then_some("COMMIT") }))
}

/// `EXECUTE variable`.
fn of_variable(name: &str, known: Executed, rest: &str) -> Piece {
    let json = format!("coalesce(pg_catalog.substring({name}, '/[*]blueshift:(.*)[*]/'), '')");
    let mut text = format!("{}; EXECUTE {name} {rest}", declares(&json)).trim_end().to_owned();
    if known.truncates {
        text += &format!("; IF pg_catalog.ltrim({name}) ILIKE 'truncate%' THEN COMMIT; END IF");
    }
    Piece { text, ends: None }
}

/// The token behind an EXECUTE of dynamic SQL.
fn execute(statement: &Statement<'_>) -> Option<usize> {
    let leads = |at: usize| ["in", "for", "query"].iter().any(|word| statement.is_word(at, word));
    (0..statement.tokens.len())
        .find(|at| statement.is_word(*at, "execute") && (*at == 0 || leads(at - 1)))
        .map(|at| at + 1)
}

/// Where INTO or USING follow, or nothing.
fn end_of_text(statement: &Statement<'_>, start: usize) -> usize {
    let mut at = start;
    while at < statement.tokens.len() {
        if statement.is_word(at, "into") || statement.is_word(at, "using") {
            return at;
        }
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    at
}

fn lone_name(statement: &Statement<'_>, tokens: &Range<usize>) -> Option<String> {
    if tokens.len() == 1 { statement.identifier(tokens.start) } else { None }
}

/// A variable and what it is assigned, in DECLARE too.
fn assignment<'a>(statement: &Statement<'a>) -> Option<(String, Range<usize>)> {
    let name = statement.identifier(0)?;
    let count = statement.tokens.len();
    let mut at = 1;
    while at < count {
        let behind = match () {
            () if statement.matches(at, ": =") => Some(at + 2),
            () if statement.is_word(at, "default") => Some(at + 1),
            () if at == 1 && statement.is_symbol(at, b'=') => Some(at + 1),
            () => None,
        };
        if let Some(behind) = behind.filter(|behind| *behind < count) {
            return Some((name, behind..count));
        }
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    None
}

/// Literals and other parts between `||`; `None` without any literal.
fn template(statement: &Statement<'_>, mut given: Range<usize>) -> Option<Template> {
    while statement.is_symbol(given.start, b'(')
        && statement.after_parenthesis(given.start) == given.end
        && statement.is_symbol(given.end - 1, b')')
    {
        given = given.start + 1..given.end - 1;
    }
    let mut template = Template { text: String::new(), parts: Vec::new() };
    let mut has_literal = false;
    let (mut start, mut at) = (given.start, given.start);
    while at <= given.end {
        let joins = statement.matches(at, "| |");
        if at < given.end && !joins {
            let open = statement.is_symbol(at, b'(');
            at = if open { statement.after_parenthesis(at) } else { at + 1 };
            continue;
        }
        if at <= start || given.end < at {
            return None;
        }
        let token = statement.tokens[start];
        let text = (at == start + 1 && token.kind == Kind::Text)
            .then(|| super::content(token.text(statement.sql)))
            .flatten();
        has_literal |= text.is_some();
        template.text += &text.unwrap_or_else(|| {
            let part = &statement.sql[token.start()..statement.tokens[at - 1].end()];
            template.parts.push(part.to_owned());
            format!("{PART}{}_", template.parts.len() - 1)
        });
        at += 2;
        start = at;
    }
    has_literal.then_some(template)
}

/// Where it is said what a statement declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declares {
    Before,
    /// In a comment at the end of the text.
    Within,
}

struct Read {
    expression: String,
    /// As an expression.
    declared: Option<String>,
    truncates: bool,
}

/// Rewrites a text for EXECUTE.
fn text_of(body: &mut Body<'_>, template: Template, says: Declares) -> Result<Read, SqlError> {
    let mut read = Read { expression: String::new(), declared: None, truncates: false };
    let mut parts = Vec::new();
    for part in &template.parts {
        parts.push(expression(body, part)?);
    }
    let mut text = String::new();
    for piece in split(&template.text) {
        let statement = Statement::new(piece);
        if statement.is_empty() {
            text += piece;
            continue;
        }
        if ["commit", "rollback", "end"].iter().any(|word| statement.leads(word)) {
            let message = "Redshift does not support COMMIT and ROLLBACK in dynamic SQL";
            return Err(SqlError::new("0A000", message).with_hint("write it without EXECUTE"));
        }
        let sql = body.sql(piece).map_err(|error| {
            let message = error.message.split(PART).collect::<Vec<_>>().join("…");
            SqlError { message, position: None, ..error }
        })?;
        text += &sql.text;
        read.truncates |= sql.ends.is_some();
        if let Some(json) = sql.declared.map(|json| without_part(&json)) {
            if says == Declares::Within {
                text += &format!(" {}{json}*/", super::MARK);
            } else {
                read.declared = Some(joined(&json, &parts, Place::Json));
            }
        }
        if let Some(then) = sql.then {
            text += &format!("; {then}");
        }
    }
    let place = if body.case_sensitive { Place::CaseSensitive } else { Place::Sql };
    read.expression = joined(&text, &parts, place);
    Ok(read)
}

/// An expression among PL/pgSQL's words, as Postgres has it.
fn expression(body: &mut Body<'_>, text: &str) -> Result<String, SqlError> {
    const EXPRESSION: &str = "perform ";
    let sql = body.sql(&format!("{EXPRESSION}{text}"))?;
    Ok(sql.text.strip_prefix(EXPRESSION).unwrap_or(text).to_owned())
}

/// A declaration whose table is not known before it is made has none.
fn without_part(json: &str) -> String {
    let Ok(mut declared) = serde_json::from_str::<serde_json::Value>(json) else {
        return json.to_owned();
    };
    let table = declared.get_mut("table");
    if let Some(table) = table.filter(|table| table.as_str().is_some_and(|t| t.contains(PART))) {
        *table = serde_json::Value::Null;
    }
    declared.to_string().replace('*', "\\u002a").replace('/', "\\u002f")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Sql,
    /// SQL in which names in quotes keep their case.
    CaseSensitive,
    Json,
}

/// The text as literals and parts between `||`.
fn joined(text: &str, parts: &[String], place: Place) -> String {
    let mut joined: Vec<String> = Vec::new();
    let mut literal = String::new();
    for token in tokens(text) {
        let mut rest = token.text(text);
        let quoted = token.kind == Kind::Quoted;
        while let Some((before, number, behind)) = part(rest) {
            literal += before;
            rest = behind;
            let Some(part) = parts.get(number) else { continue };
            if !literal.is_empty() {
                joined.push(quotes::literal(&std::mem::take(&mut literal)));
            }
            let named = part.to_ascii_lowercase();
            let is_name = named.contains("quote_ident");
            joined.push(match place {
                Place::Json => format!("pg_catalog.btrim(pg_catalog.lower({part}), '\"')"),
                Place::Sql if quoted || is_name => format!("pg_catalog.lower({part})"),
                Place::Sql | Place::CaseSensitive => format!("({part})"),
            });
        }
        literal += rest;
    }
    if !literal.is_empty() || joined.is_empty() {
        joined.push(quotes::literal(&literal));
    }
    joined.join(" || ")
}

/// The first part that a text names, and what stands before and behind it.
fn part(text: &str) -> Option<(&str, usize, &str)> {
    let at = text.find(PART)?;
    let (number, behind) = text[at + PART.len()..].split_once('_')?;
    Some((&text[..at], number.parse().ok()?, behind))
}
