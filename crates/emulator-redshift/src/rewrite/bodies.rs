//! The bodies of procedures and functions: their SQL is Redshift's, as anywhere ("CREATE PROCEDURE",
//! "Supported PL/pgSQL statements").
//!
//! A body is cut where PL/pgSQL's own words end, and every statement in between is judged and
//! rewritten as if it stood alone (what EXECUTE is given: `dynamic`); `handlers` gives EXCEPTION
//! Redshift's meaning.

mod dynamic;
mod handlers;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use self::handlers::Blocks;
use super::declared::MARK;
use super::edits::Edits;
use super::lateral::{Columns, Question};
use super::names::items;
use crate::classify::refusals;
use crate::error::SqlError;
use crate::sql::quotes;
use crate::sql::statement::Statement;
use crate::sql::tokens::{Kind, Token, tokens};
use crate::system_tables::SystemViews;

/// Words that begin a statement of SQL.
const VERBS: &[&str] = &[
    "alter",
    "analyze",
    "call",
    "comment",
    "copy",
    "create",
    "delete",
    "do",
    "drop",
    "explain",
    "grant",
    "insert",
    "listen",
    "lock",
    "merge",
    "notify",
    "prepare",
    "refresh",
    "release",
    "reset",
    "revoke",
    "savepoint",
    "select",
    "set",
    "show",
    "table",
    "truncate",
    "unload",
    "update",
    "vacuum",
    "values",
    "with",
];

/// Rewrites the body of CREATE PROCEDURE and CREATE FUNCTION, and a procedure's OUT arguments, as
/// far as `columns` are known. The value is what has to be known to say more.
pub(super) fn rewrite(
    statement: &Statement<'_>,
    columns: &Columns,
    edits: &mut Edits,
) -> Result<Vec<Question>, SqlError> {
    let replaces = if statement.leads("create or replace") { 3 } else { 1 };
    let procedure = statement.is_word(replaces, "procedure");
    if !statement.leads("create") || !(procedure || statement.is_word(replaces, "function")) {
        return Ok(Vec::new());
    }
    let arguments = statement.after_name(replaces + 1);
    if procedure {
        out_arguments(statement, arguments, edits)?;
    }
    let count = statement.tokens.len();
    let body = (arguments..count).find(|at| {
        statement.is_word(*at, "as")
            && statement.tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Text)
    });
    let plpgsql = (arguments..count).any(|at| statement.matches(at, "language plpgsql"));
    let Some(token) = body.and_then(|at| statement.tokens.get(at + 1)) else {
        return Ok(Vec::new());
    };
    let Some(text) = content(token.text(statement.sql)) else { return Ok(Vec::new()) };
    let mut rewritten = Body {
        plpgsql,
        case_sensitive: statement.case_sensitive,
        columns,
        variables: argument_names(statement, arguments),
        executed: HashMap::new(),
        questions: Vec::new(),
    };
    let changed = rewritten.rewrite(&text).map_err(|error| {
        let position = body.map(|at| statement.position(at + 1));
        SqlError { position, ..error }
    })?;
    if changed != text {
        edits.replace(token.start()..token.end(), quotes::dollars(&changed));
    }
    Ok(rewritten.questions)
}

/// The names in the parenthesis of a procedure's arguments, and more.
fn argument_names(statement: &Statement<'_>, open: usize) -> HashSet<String> {
    if !statement.is_symbol(open, b'(') {
        return HashSet::new();
    }
    (open..statement.after_parenthesis(open)).filter_map(|at| statement.identifier(at)).collect()
}

/// OUT arguments are not given in CALL ("CALL"). Postgres wants them there, unless they have a
/// default and take values too.
fn out_arguments(
    statement: &Statement<'_>,
    open: usize,
    edits: &mut Edits,
) -> Result<(), SqlError> {
    if !statement.is_symbol(open, b'(') {
        return Ok(());
    }
    let end = statement.after_parenthesis(open) - 1;
    let mut out = None;
    for argument in items(statement, open + 1..end.max(open + 1)) {
        let last = argument.end.min(argument.start + 2);
        let word = (argument.start..last).find(|at| statement.is_word(*at, "out"));
        match (word, out) {
            (Some(at), _) => {
                let token = statement.tokens[at];
                edits.replace(token.start()..token.end(), "INOUT");
                edits.insert(statement.tokens[argument.end - 1].end(), " DEFAULT NULL");
                out = Some(at);
            }
            (None, Some(at)) => {
                let message = "an OUT argument before others: not emulated yet by this Redshift \
                               stand-in";
                let error = SqlError::new("0A000", message).with_hint("put it last");
                return Err(error.at(statement, at));
            }
            (None, None) => {}
        }
    }
    Ok(())
}

/// What a string holds.
fn content(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('$') {
        let tag = rest.find('$')? + 2;
        return text.get(tag..text.len().checked_sub(tag)?).map(str::to_owned);
    }
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut content = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                characters.next();
                content.push('\'');
            }
            '\\' => match characters.next()? {
                'n' => content.push('\n'),
                't' => content.push('\t'),
                'r' => content.push('\r'),
                // Octal and hexadecimal escapes: Postgres reads the body itself.
                'x' | 'b' | 'f' | '0'..='9' => return None,
                escaped => content.push(escaped),
            },
            _ => content.push(character),
        }
    }
    Some(content)
}

/// A piece of a body for Postgres.
#[derive(Debug, Default)]
struct Piece {
    text: String,
    /// How it ends the transaction; a COMMIT or ROLLBACK has no other text than NULL.
    ends: Option<&'static str>,
}

/// What the pieces of a body have in common.
struct Body<'a> {
    plpgsql: bool,
    case_sensitive: bool,
    columns: &'a Columns,
    /// Names of arguments and variables, which no name of a select list stands for.
    variables: HashSet<String>,
    /// Variables that EXECUTE is given, and what is known of the statements in them.
    executed: HashMap<String, dynamic::Executed>,
    questions: Vec<Question>,
}

impl Body<'_> {
    fn rewrite(&mut self, body: &str) -> Result<String, SqlError> {
        let significant: Vec<Token> = tokens(body).filter(|token| !token.is_blank()).collect();
        let pieces = pieces(body, &significant);
        let mut edits = Edits::default();
        let changes = if self.plpgsql {
            let blocks = Blocks::read(body, &significant, &pieces)?;
            self.variables.extend(variables(body, &significant));
            self.executed = dynamic::executed(body, &pieces);
            let rewritten: Result<Vec<Piece>, SqlError> =
                pieces.iter().map(|piece| self.piece(&body[piece.clone()])).collect();
            blocks.change(body, &pieces, rewritten?)?
        } else {
            let text = |piece: &Range<usize>| {
                let text = self.piece(&body[piece.clone()])?.text;
                Ok((piece.clone(), text))
            };
            pieces.iter().map(text).collect::<Result<_, SqlError>>()?
        };
        for (range, text) in changes {
            edits.replace(range, text);
        }
        Ok(edits.apply(body).unwrap_or_else(|| body.to_owned()))
    }

    /// One statement, or an expression among PL/pgSQL's words.
    fn piece(&mut self, piece: &str) -> Result<Piece, SqlError> {
        // No statement begins with it: an expression is judged by what it calls.
        const EXPRESSION: &str = "perform ";
        let whole = Statement::new(piece);
        let begins = |at: usize| VERBS.iter().any(|verb| whole.is_word(at, verb));
        if self.plpgsql {
            if whole.leads("exception") {
                return Ok(Piece { text: "EXCEPTION WHEN OTHERS".to_owned(), ends: None });
            }
            for (word, ends) in [("commit", "COMMIT"), ("rollback", "ROLLBACK")] {
                if whole.leads(word) {
                    return Ok(Piece { text: "NULL".to_owned(), ends: Some(ends) });
                }
            }
            if let Some(executing) = dynamic::rewrite(self, &whole)? {
                return Ok(executing);
            }
        }
        let sql = if begins(0) {
            Some(0)
        } else {
            (1..whole.tokens.len()).find(|at| {
                let before = ["in", "for", "query", "is"].iter().any(|w| whole.is_word(at - 1, w));
                before && (whole.is_word(*at, "select") || whole.is_word(*at, "with"))
            })
        };
        let start = sql.map_or(0, |at| whole.tokens[at].start());
        let (head, text) = piece.split_at(start);
        let text = if sql.is_some() { text.to_owned() } else { format!("{EXPRESSION}{text}") };
        let Sql { mut text, declared, then, ends } = self.sql(&text)?;
        if sql.is_none() {
            text = text.strip_prefix(EXPRESSION).unwrap_or(piece).to_owned();
        }
        if let Some(json) = declared {
            text = format!("{}; {text}", declares(&quotes::literal(&json)));
        }
        if let Some(then) = then {
            text += &format!("; {then}");
        }
        Ok(Piece { text: format!("{head}{text}"), ends: ends.filter(|_| self.plpgsql) })
    }

    /// Judges and rewrites a statement as if it stood alone.
    fn sql(&mut self, text: &str) -> Result<Sql, SqlError> {
        let mut statement = Statement::new(text);
        statement.case_sensitive = self.case_sensitive;
        for name in ["copy", "unload", "vacuum"] {
            if statement.leads(name) {
                let name = name.to_uppercase();
                let message =
                    format!("{name} in a procedure: not emulated yet by this Redshift stand-in");
                let hint = "execute it by itself, before or after CALL";
                return Err(SqlError::new("0A000", message).with_hint(hint));
            }
        }
        if text.contains(MARK) {
            // Put together of several literals.
            let message = format!("{MARK} is reserved by this Redshift stand-in");
            return Err(SqlError::new("42939", message));
        }
        refusals::judge(&statement, &SystemViews::default())?;
        let rewritten = super::rewrite(&statement, self.columns)?;
        let asked = rewritten.questions.into_iter();
        self.questions.extend(asked.filter(|asked| !self.variables.contains(&asked.name)));
        let mut sql = Sql {
            text: rewritten.text.unwrap_or_else(|| text.to_owned()),
            declared: None,
            then: rewritten.then,
            ends: statement.leads("truncate").then_some("COMMIT"), // "TRUNCATE", usage notes.
        };
        if let Some(mark) = sql.text.find(MARK) {
            let (json, rest) = sql.text[mark + MARK.len()..].split_once("*/").unwrap_or_default();
            sql.declared = Some(json.to_owned());
            sql.text = format!("{}{rest}", &sql.text[..mark]);
        }
        Ok(sql)
    }
}

/// A statement of a body for Postgres.
struct Sql {
    text: String,
    /// What it declares.
    declared: Option<String>,
    then: Option<String>,
    /// How it ends the transaction.
    ends: Option<&'static str>,
}

/// Says beforehand what the next statement declares; `json` is an expression.
fn declares(json: &str) -> String {
    format!("PERFORM pg_catalog.set_config('blueshift.declared', {json}, false)")
}

/// The names of the variables of a body, and of what its loops go through.
fn variables(body: &str, significant: &[Token]) -> HashSet<String> {
    let word = |token: &Token| token.text(body).trim_matches('"').to_ascii_lowercase();
    let mut found = HashSet::new();
    let mut declaring = false;
    for pair in significant.windows(2) {
        let first = word(&pair[0]);
        declaring = (declaring || first == "declare") && first != "begin";
        let declares = (declaring && matches!(first.as_str(), "declare" | ";")) || first == "for";
        if declares && matches!(pair[1].kind, Kind::Word | Kind::Quoted) {
            found.insert(word(&pair[1]));
        }
    }
    found
}

/// The statements and expressions of a body, in bytes.
fn pieces(body: &str, significant: &[Token]) -> Vec<Range<usize>> {
    let is = |token: &Token, word: &str| {
        token.kind == Kind::Word && token.text(body).eq_ignore_ascii_case(word)
    };
    let mut pieces = Vec::new();
    let (mut first, mut depth, mut cases) = (None::<Token>, 0_usize, 0_usize);
    let mut last_end = 0;
    for token in significant {
        let begins = first.is_none();
        let start = first.map_or(token.start(), |first| first.start());
        let merges = first.is_some_and(|first| is(&first, "merge"));
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let control = depth == 0 && cases == 0 && !merges;
        let cuts = token.kind == Kind::Symbol(b';')
            || (control && ["then", "loop", "else"].iter().any(|word| is(token, word)))
            || (begins && ["begin", "declare"].iter().any(|word| is(token, word)));
        if cuts {
            if !begins {
                pieces.push(start..last_end);
            }
            (first, depth, cases) = (None, 0, 0);
            continue;
        }
        if !begins && is(token, "case") && !first.is_some_and(|first| is(&first, "end")) {
            cases += 1;
        } else if is(token, "end") {
            cases = cases.saturating_sub(1);
        }
        first = first.or(Some(*token));
        last_end = token.end();
    }
    if let Some(first) = first {
        pieces.push(first.start()..last_end);
    }
    pieces
}

#[cfg(test)]
#[path = "bodies_tests.rs"]
mod tests;
