//! Refuses what Redshift does not take in CREATE FUNCTION, whose functions are one SELECT each, of
//! their arguments alone ("CREATE FUNCTION").

use std::ops::Range;

use crate::error::SqlError;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// What Redshift lacks, with what to do instead.
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    (LANGUAGE, "use LANGUAGE sql, or CREATE PROCEDURE"),
    (NAMES, "give types only, and say $1, $2 in the body"),
    (MODES, "a function has one result: RETURNS type"),
    (DEFAULTS, "give every argument, or make a second function"),
    (MANY, "pass fewer"),
    (OPTIONS, "leave it out"),
    (BODY, "write AS $$ SELECT … $$"),
    (CLAUSES, "compute it of the arguments alone, and query tables around the call"),
];

const LANGUAGE: &str = "functions in other languages than sql";
const NAMES: &str = "names of arguments of SQL functions";
const MODES: &str = "IN, OUT, INOUT and VARIADIC arguments of functions";
const DEFAULTS: &str = "defaults of arguments";
const MANY: &str = "functions of more than 32 arguments";
const OPTIONS: &str = "STRICT, SECURITY, COST and other options of functions";
const BODY: &str = "bodies of functions that are not one SELECT in dollar quotes";
const CLAUSES: &str = "FROM, INTO, WHERE, GROUP BY, ORDER BY and LIMIT in SQL functions";

const ARGUMENTS_MAX: usize = 32;

/// Types of two words or more; any other second word follows a name.
const TYPES_OF_WORDS: &[&str] = &[
    "double precision",
    "character varying",
    "char varying",
    "national character",
    "national char",
    "binary varying",
    "bit varying",
    "timestamp with",
    "timestamp without",
    "time with",
    "time without",
    "interval year",
    "interval day",
];

/// Refuses a CREATE FUNCTION that Redshift would not execute.
pub(super) fn judge(statement: &Statement<'_>) -> Result<(), SqlError> {
    let function = if statement.leads("create or replace function") {
        3
    } else if statement.leads("create function") {
        1
    } else {
        return Ok(());
    };
    let open = statement.after_name(function + 1);
    if !statement.is_symbol(open, b'(') {
        return Ok(()); // Postgres finds the syntax error.
    }
    let behind = statement.after_parenthesis(open);
    judge_language(statement, behind)?;
    judge_arguments(statement, open + 1..behind - 1)?;
    judge_options(statement, behind)?;
    judge_body(statement, behind)
}

fn judge_language(statement: &Statement<'_>, behind: usize) -> Result<(), SqlError> {
    let named = (behind..statement.tokens.len()).find(|at| statement.is_word(*at, "language"));
    let Some(at) = named else { return Ok(()) };
    match statement.text(at + 1).trim_matches(['\'', '"']).to_ascii_lowercase().as_str() {
        "sql" | "" => Ok(()),
        _ => Err(refused(LANGUAGE, statement, at + 1)),
    }
}

fn judge_arguments(statement: &Statement<'_>, arguments: Range<usize>) -> Result<(), SqlError> {
    let end = arguments.end;
    let mut start = arguments.start;
    let mut count = 0;
    while start < end {
        let mut comma = start;
        while comma < end && !statement.is_symbol(comma, b',') {
            let nested = statement.is_symbol(comma, b'(');
            comma = if nested { statement.after_parenthesis(comma) } else { comma + 1 };
        }
        judge_argument(statement, start..comma.min(end))?;
        count += 1;
        if ARGUMENTS_MAX < count {
            return Err(refused(MANY, statement, start));
        }
        start = comma + 1;
    }
    Ok(())
}

fn judge_argument(statement: &Statement<'_>, argument: Range<usize>) -> Result<(), SqlError> {
    let start = argument.start;
    let modes = ["in", "out", "inout", "variadic"];
    let first = start..argument.end.min(start + 2);
    let mode = |at: &usize| modes.iter().any(|mode| statement.is_word(*at, mode));
    if let Some(at) = first.into_iter().find(mode) {
        return Err(refused(MODES, statement, at));
    }
    let default = |at: &usize| statement.is_word(*at, "default") || statement.is_symbol(*at, b'=');
    if let Some(at) = argument.clone().find(default) {
        return Err(refused(DEFAULTS, statement, at));
    }
    let is_type = TYPES_OF_WORDS.iter().any(|words| statement.matches(start, words));
    if start + 1 < argument.end && statement.is_identifier(start + 1) && !is_type {
        return Err(refused(NAMES, statement, start));
    }
    Ok(())
}

fn judge_options(statement: &Statement<'_>, behind: usize) -> Result<(), SqlError> {
    const REFUSED: &[&str] = &[
        "strict",
        "called on",
        "returns null",
        "security",
        "external security",
        "cost",
        "rows",
        "parallel",
        "leakproof",
        "not leakproof",
        "window",
        "support",
        "set",
        "transform",
    ];
    for at in behind..statement.tokens.len() {
        if REFUSED.iter().any(|option| statement.matches(at, option)) {
            return Err(refused(OPTIONS, statement, at));
        }
    }
    let volatility = ["volatile", "stable", "immutable"];
    let says = |at: usize| volatility.iter().any(|word| statement.is_word(at, word));
    if (behind..statement.tokens.len()).any(says) {
        return Ok(());
    }
    let message = "CREATE FUNCTION needs VOLATILE, STABLE or IMMUTABLE";
    let hint = "say IMMUTABLE if the same arguments always give the same result";
    Err(SqlError::new("42601", message).with_hint(hint))
}

fn judge_body(statement: &Statement<'_>, behind: usize) -> Result<(), SqlError> {
    let count = statement.tokens.len();
    let Some(at) = (behind..count).find(|at| statement.is_word(*at, "as")) else {
        return Err(refused(BODY, statement, behind));
    };
    let text = statement.text(at + 1);
    let quoted = statement.tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Text);
    let tag = text.strip_prefix('$').and_then(|rest| rest.find('$')).map(|end| end + 2);
    let body = tag.and_then(|tag| text.get(tag..text.len().checked_sub(tag)?));
    let Some(body) = body.filter(|_| quoted) else {
        return Err(refused(BODY, statement, at));
    };
    let query = Statement::new(body);
    if !query.leads("select") {
        return Err(refused(BODY, statement, at + 1));
    }
    match has_clause(&query) {
        true => Err(refused(CLAUSES, statement, at + 1)),
        false => Ok(()),
    }
}

/// Whether a SELECT, or one in parentheses within it, has a clause of rows; `SUBSTRING(a FROM 2)`
/// has none.
fn has_clause(query: &Statement<'_>) -> bool {
    const CLAUSES: &[&str] =
        &["from", "into", "where", "group by", "order by", "limit", "having", "union"];
    // Whether a SELECT begins the parentheses that are open.
    let mut selects = vec![true];
    for at in 0..query.tokens.len() {
        if query.is_symbol(at, b'(') {
            selects.push(query.is_word(at + 1, "select"));
        } else if query.is_symbol(at, b')') {
            selects.pop();
        } else if selects.last() == Some(&true)
            && !query.is_word(at.wrapping_sub(1), "as")
            && CLAUSES.iter().any(|clause| query.matches(at, clause))
        {
            return true;
        }
    }
    false
}

fn refused(feature: &str, statement: &Statement<'_>, at: usize) -> SqlError {
    let instead = UNSUPPORTED.iter().find(|(name, _)| *name == feature).map(|(_, hint)| *hint);
    SqlError::new("0A000", format!("Redshift does not support {feature}"))
        .with_hint(instead.unwrap_or_default())
        .at(statement, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str) -> Option<String> {
        judge(&Statement::new(sql)).err().map(|error| error.message)
    }

    #[test]
    fn functions_of_the_guide_pass() {
        for sql in [
            "create function f_sql_greater (float, float) returns float stable as $$ select case \
             when $1 > $2 then $1 else $2 end $$ language sql;",
            "create or replace function s.f(double precision, character varying(9), timestamp \
             with time zone, decimal(9, 2)) returns int immutable as $x$ select f(1) $x$ \
             language sql",
            "create function f() returns timestamp volatile language sql as $$select sysdate$$",
            "create function f(varchar) returns varchar immutable as $$ select substring($1 from \
             2) || extract(year from sysdate) || trim(both ' ' from $1) $$ language sql",
            "create procedure p(a int, b out int) as $$ begin b := a; end; $$ language plpgsql",
            "create function",
            "create function f",
        ] {
            assert_eq!(check(sql), None, "{sql}");
        }
    }

    #[test]
    fn what_the_syntax_lacks_is_refused_by_name() {
        let whole = |arguments: &str, rest: &str| {
            format!("create function f({arguments}) returns int {rest} language sql")
        };
        let (body, many) = ("stable as $$ select 1 $$", vec!["int"; 33].join(", "));
        for (sql, expected) in [
            (whole("a int", body), NAMES),
            (whole("int, \"b\" decimal(9, 2)", body), NAMES),
            (whole("time timestamp", body), NAMES),
            (whole("out int", body), MODES),
            (whole("a inout int", body), MODES),
            (whole("int default 1", body), DEFAULTS),
            (whole("int = 1", body), DEFAULTS),
            (whole(&many, body), MANY),
            (whole("int", "stable strict as $$ select 1 $$"), OPTIONS),
            (whole("int", "stable security definer as $$ select 1 $$"), OPTIONS),
            (whole("int", "stable as 'select 1'"), BODY),
            (whole("int", "stable as $$ delete from t $$"), BODY),
            (whole("int", "stable return $1"), BODY),
            (whole("int", "stable as $$ select a from t $$"), CLAUSES),
            (whole("int", "stable as $$ select (select max(a) from t) $$"), CLAUSES),
            (whole("int", "stable as $$ select $1 limit 1 $$"), CLAUSES),
            (whole("int", body).replace("language sql", "language plpgsql"), LANGUAGE),
        ] {
            let said = check(&sql).unwrap_or_default();
            assert_eq!(said, format!("Redshift does not support {expected}"), "{sql}");
        }
        let said = check(&whole("int", "as $$ select 1 $$")).unwrap_or_default();
        assert!(said.starts_with("CREATE FUNCTION needs VOLATILE"), "{said}");
    }
}
