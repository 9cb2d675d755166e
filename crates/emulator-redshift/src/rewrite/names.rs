//! Which words of a select list are names: what names an item, and where a name is used.
//!
//! Only those places count that could be nothing but a column's: what stands before and behind has
//! to be known to adjoin values.

use std::ops::Range;

use super::queries::{WIDER_COLUMNS, is_any};
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// Words with a meaning of their own in or behind an expression: unquoted they are no alias.
const SYNTAX: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "between",
    "binary",
    "both",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "cross",
    "cube",
    "current",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "current_user_id",
    "default",
    "desc",
    "distinct",
    "double",
    "else",
    "end",
    "escape",
    "except",
    "exclude",
    "exists",
    "false",
    "following",
    "for",
    "from",
    "full",
    "group",
    "grouping",
    "groups",
    "having",
    "ignore",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "last",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "local",
    "localtime",
    "localtimestamp",
    "minus",
    "national",
    "natural",
    "not",
    "notnull",
    "null",
    "nulls",
    "offset",
    "on",
    "only",
    "operator",
    "or",
    "order",
    "others",
    "outer",
    "overlaps",
    "partition",
    "pivot",
    "placing",
    "preceding",
    "prior",
    "qualify",
    "respect",
    "right",
    "rollup",
    "select",
    "sets",
    "similar",
    "some",
    "symmetric",
    "sysdate",
    "system_user",
    "table",
    "then",
    "ties",
    "to",
    "top",
    "trailing",
    "true",
    "unbounded",
    "union",
    "unique",
    "unknown",
    "unpivot",
    "user",
    "using",
    "values",
    "variadic",
    "varying",
    "when",
    "where",
    "window",
    "with",
    "without",
];

/// Names that other rewriting takes for columns of the catalog.
const CATALOG: &[&str] =
    &["indisprimary", "relhasoids", "proisagg", "proiswindow", "ctid", "tableoid", "xmin", "xmax"];

/// Words that an expression may begin behind.
const BEFORE_VALUE: &[&str] = &[
    "all", "and", "between", "by", "case", "distinct", "else", "escape", "for", "from", "ilike",
    "in", "like", "not", "or", "then", "when", "where",
];

/// Words that may stand behind a value.
const BEHIND_VALUE: &[&str] = &[
    "and", "as", "asc", "at", "between", "collate", "desc", "else", "end", "escape", "for", "from",
    "groups", "ignore", "ilike", "in", "is", "isnull", "like", "not", "notnull", "nulls", "or",
    "order", "range", "respect", "rows", "similar", "then", "when",
];

/// Words that are values themselves, so that an alias may stand behind them without AS.
const VALUES: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "end",
    "false",
    "localtime",
    "localtimestamp",
    "null",
    "sysdate",
    "true",
    "user",
];

/// Functions whose first argument is a word: a date part or a type.
const WORD_FIRST: &[&str] = &[
    "convert",
    "date_add",
    "date_diff",
    "date_part",
    "date_trunc",
    "dateadd",
    "datediff",
    "datepart",
    "extract",
    "pgdate_part",
    "timestampadd",
    "timestampdiff",
];

/// The items of a list between commas.
pub(super) fn items(statement: &Statement<'_>, tokens: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut start, mut at) = (tokens.start, tokens.start);
    while at < tokens.end {
        if statement.is_symbol(at, b',') {
            found.push(start..at);
            start = at + 1;
        }
        at = after(statement, at);
    }
    if !tokens.is_empty() {
        found.push(start..tokens.end);
    }
    found
}

/// The token that names an item, behind AS or without one.
pub(super) fn alias(statement: &Statement<'_>, item: &Range<usize>) -> Option<usize> {
    let last = item.end.checked_sub(1)?;
    if last < item.start + 1 || !statement.is_identifier(last) {
        return None;
    }
    let before = last - 1;
    if statement.is_word(before, "as") {
        return (item.start < before).then_some(last);
    }
    let is_word = |at: usize| statement.tokens[at].kind == Kind::Word;
    if is_word(last) && is_any(statement, last, SYNTAX) {
        return None;
    }
    let ends_value = match statement.tokens[before].kind {
        // INTERVAL '1' DAY
        Kind::Text => before == item.start || !statement.is_word(before - 1, "interval"),
        Kind::Number | Kind::Parameter | Kind::Quoted => true,
        Kind::Word => !is_any(statement, before, SYNTAX) || is_any(statement, before, VALUES),
        Kind::Symbol(symbol) => matches!(symbol, b')' | b']'),
        Kind::Space | Kind::Comment => false,
    };
    ends_value.then_some(last)
}

/// Whether an item of ORDER BY is a name and nothing else, in parentheses or not.
pub(super) fn is_name_alone(statement: &Statement<'_>, mut item: Range<usize>) -> bool {
    while item.start < item.end && is_any(statement, item.end - 1, &["first", "last", "nulls"]) {
        item.end -= 1;
    }
    while item.start < item.end && is_any(statement, item.end - 1, &["asc", "desc"]) {
        item.end -= 1;
    }
    while statement.is_symbol(item.start, b'(')
        && statement.after_parenthesis(item.start) == item.end
        && 2 <= item.len()
    {
        item = item.start + 1..item.end - 1;
    }
    item.len() <= 1
}

/// Where names stand among `tokens` that can be nothing but columns, and not in an inner query.
pub(super) fn uses<'a>(
    statement: &'a Statement<'_>,
    tokens: Range<usize>,
) -> impl Iterator<Item = usize> + 'a {
    let mut next = tokens.start;
    std::iter::from_fn(move || {
        while next < tokens.end {
            let at = next;
            if statement.is_symbol(at, b'(')
                && is_any(statement, at + 1, &["select", "with", "values"])
            {
                next = statement.after_parenthesis(at);
                continue;
            }
            next += 1;
            if is_name(statement, at)
                && (at == tokens.start || begins_value(statement, at))
                && (at + 1 == tokens.end || ends_value(statement, at + 1))
            {
                return Some(at);
            }
        }
        None
    })
}

/// Whether the token is a name that could be an alias.
fn is_name(statement: &Statement<'_>, at: usize) -> bool {
    let is_word = statement.tokens[at].kind == Kind::Word;
    statement.identifier(at).is_some_and(|name| {
        let name = name.as_str();
        !((is_word && SYNTAX.contains(&name))
            || WIDER_COLUMNS.contains(&name)
            || CATALOG.contains(&name))
    })
}

/// Whether what stands before `at` leads to a value.
fn begins_value(statement: &Statement<'_>, at: usize) -> bool {
    let before = at - 1;
    match statement.tokens[before].kind {
        Kind::Word => is_any(statement, before, BEFORE_VALUE),
        Kind::Symbol(b'(') => {
            let call = before.checked_sub(1).and_then(|call| statement.identifier(call));
            call.is_none_or(|call| {
                !WORD_FIRST.contains(&call.as_str()) && !["over", "as"].contains(&call.as_str())
            })
        }
        Kind::Symbol(symbol) => b",[+-*/%^<>=!|&~".contains(&symbol),
        _ => false,
    }
}

/// Whether what stands at `at` can follow a value.
fn ends_value(statement: &Statement<'_>, at: usize) -> bool {
    let token = statement.tokens[at];
    let adjoins = |symbol: u8| {
        statement.is_symbol(at + 1, symbol)
            && statement.tokens.get(at + 1).is_some_and(|next| next.start() == token.end())
    };
    match token.kind {
        Kind::Word => is_any(statement, at, BEHIND_VALUE),
        Kind::Symbol(b'=') => !adjoins(b'>'), // The name of an argument.
        Kind::Symbol(b':') => adjoins(b':'),
        Kind::Symbol(b')') => !adjoins(b'.'), // A table's: (t).a
        Kind::Symbol(symbol) => b"),][+-*/%^<>!|&~".contains(&symbol),
        _ => false,
    }
}

/// The token behind the one at `at`, or behind the parenthesis or bracket that it opens.
pub(super) fn after(statement: &Statement<'_>, at: usize) -> usize {
    if statement.is_symbol(at, b'(') {
        return statement.after_parenthesis(at);
    }
    if !statement.is_symbol(at, b'[') {
        return at + 1;
    }
    let mut depth = 0_usize;
    for index in at..statement.tokens.len() {
        depth += usize::from(statement.is_symbol(index, b'['));
        depth -= usize::from(statement.is_symbol(index, b']'));
        if depth == 0 {
            return index + 1;
        }
    }
    statement.tokens.len()
}
