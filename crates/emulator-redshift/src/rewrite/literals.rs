//! The types of literals that become columns: a string is a VARCHAR of its length, a number with
//! decimals a NUMERIC of its digits ("CREATE TABLE AS", "Numeric types").
//!
//! What else a query computes is judged by `catalog/views.sql`, once the table is made.

use super::edits::Edits;
use super::names::items;
use super::queries::is_any;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Gives the literals in the select lists of CREATE TABLE AS, SELECT INTO and CREATE VIEW a type.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    let count = statement.tokens.len();
    let makes = statement.leads("create") || statement.leads("select");
    if !makes {
        return;
    }
    let is_definition = statement.leads("create")
        && (1..5).any(|at| is_any(statement, at, &["table", "view"]))
        && outside(statement, |at| statement.is_word(at, "as"));
    let is_into =
        statement.leads("select") && outside(statement, |at| statement.is_word(at, "into"));
    if !is_definition && !is_into {
        return;
    }
    const ENDS: &[&str] =
        &["from", "into", "where", "union", "intersect", "except", "minus", "limit", "order"];
    let mut at = 0;
    while at < count {
        if statement.is_symbol(at, b'(') {
            // The query of a CREATE TABLE AS may stand in parentheses.
            at = match 0 < at && statement.is_word(at - 1, "as") {
                true => at + 1,
                false => statement.after_parenthesis(at),
            };
            continue;
        }
        if !statement.is_word(at, "select") {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < count && !is_any(statement, end, ENDS) && !statement.is_symbol(end, b')') {
            end = match statement.is_symbol(end, b'(') {
                true => statement.after_parenthesis(end),
                false => end + 1,
            };
        }
        let start = at + 1 + usize::from(is_any(statement, at + 1, &["distinct", "all"]));
        for item in items(statement, start..end.max(start)) {
            literal(statement, item.start, item.end, edits);
        }
        at = end;
    }
}

/// Whether a token outside all parentheses is what is looked for.
fn outside(statement: &Statement<'_>, is_it: impl Fn(usize) -> bool) -> bool {
    let mut at = 0;
    while at < statement.tokens.len() {
        if is_it(at) {
            return true;
        }
        at = if statement.is_symbol(at, b'(') { statement.after_parenthesis(at) } else { at + 1 };
    }
    false
}

/// An item that is nothing but a literal, and its name.
fn literal(statement: &Statement<'_>, start: usize, end: usize, edits: &mut Edits) {
    let named = start + 1 + usize::from(statement.is_word(start + 1, "as"));
    let alone = end == start + 1 || (named + 1 == end && statement.is_identifier(named));
    let Some(token) = statement.tokens.get(start).filter(|_| alone) else { return };
    let text = token.text(statement.sql);
    let kind = match token.kind {
        Kind::Text if text.starts_with('\'') => {
            format!("varchar({})", content_bytes(text).max(1))
        }
        Kind::Number if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            let Some((whole, decimals)) = text.split_once('.') else { return };
            let digits = whole.len() + decimals.len();
            if decimals.is_empty() || decimals.contains('.') || 38 < digits {
                return;
            }
            format!("numeric({digits},{})", decimals.len())
        }
        _ => return,
    };
    edits.insert(token.end(), format!("::{kind}"));
}

/// The bytes that a plain string stands for, at most.
fn content_bytes(text: &str) -> usize {
    let mut bytes = text.bytes().skip(1).peekable();
    let mut count = 0;
    while let Some(byte) = bytes.next() {
        // The last quote is alone; a doubled one, or what a backslash escapes, counts once.
        if byte == b'\'' && bytes.peek().is_none() {
            break;
        }
        if matches!(byte, b'\'' | b'\\') {
            bytes.next();
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_that_become_columns_have_a_type() {
        let check = |sql: &str, expected: &str| {
            let mut edits = Edits::default();
            rewrite(&Statement::new(sql), &mut edits);
            assert_eq!(edits.apply(sql).as_deref().unwrap_or(sql), expected);
        };
        check(
            "create table q as select 1.5 n, 'it''s' as x, current_user, 'a' || 'b', 2 from t",
            "create table q as select 1.5::numeric(2,1) n, 'it''s'::varchar(4) as x, \
             current_user, 'a' || 'b', 2 from t",
        );
        check(
            "create view v as (select '' as e union all select distinct 'é' where 'a' = b)",
            "create view v as (select ''::varchar(1) as e union all select distinct \
             'é'::varchar(2) where 'a' = b)",
        );
        check("select 0.25 into t", "select 0.25::numeric(3,2) into t");
        for sql in ["select 'a', 1.5", "create table t (a int default 1.5)", "select f('a') into t"]
        {
            check(sql, sql);
        }
    }
}
