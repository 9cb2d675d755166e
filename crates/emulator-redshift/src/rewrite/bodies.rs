//! The bodies of procedures and functions: their SQL is Redshift's, as anywhere ("CREATE PROCEDURE",
//! "Supported PL/pgSQL statements").
//!
//! A body is cut where PL/pgSQL's own words end, and every statement in between is judged and
//! rewritten as if it stood alone. What EXECUTE is given is text until then, and not looked at.

use std::ops::Range;

use super::declared::MARK;
use super::edits::Edits;
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

/// Rewrites the body of CREATE PROCEDURE and CREATE FUNCTION, and a procedure's OUT arguments.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) -> Result<(), SqlError> {
    let replaces = if statement.leads("create or replace") { 3 } else { 1 };
    let procedure = statement.is_word(replaces, "procedure");
    if !statement.leads("create") || !(procedure || statement.is_word(replaces, "function")) {
        return Ok(());
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
    let Some(token) = body.and_then(|at| statement.tokens.get(at + 1)) else { return Ok(()) };
    let Some(text) = content(token.text(statement.sql)) else { return Ok(()) };
    let changed = rewrite_body(&text, plpgsql, statement.case_sensitive).map_err(|error| {
        let position = body.map(|at| statement.position(at + 1));
        SqlError { position, ..error }
    })?;
    if changed != text {
        edits.replace(token.start()..token.end(), quotes::dollars(&changed));
    }
    Ok(())
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

fn rewrite_body(body: &str, plpgsql: bool, case_sensitive: bool) -> Result<String, SqlError> {
    let mut changed = String::with_capacity(body.len());
    let mut at = 0;
    for piece in pieces(body) {
        changed += &body[at..piece.start];
        at = piece.end;
        changed += &rewrite_piece(&body[piece], plpgsql, case_sensitive)?;
    }
    changed += &body[at..];
    Ok(changed)
}

/// One statement, or an expression among PL/pgSQL's words.
fn rewrite_piece(piece: &str, plpgsql: bool, case_sensitive: bool) -> Result<String, SqlError> {
    // No statement begins with it: an expression is judged by what it calls.
    const EXPRESSION: &str = "perform ";
    let whole = Statement::new(piece);
    let begins = |at: usize| VERBS.iter().any(|verb| whole.is_word(at, verb));
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
    let mut statement = Statement::new(&text);
    statement.case_sensitive = case_sensitive;
    for name in ["copy", "unload", "vacuum"] {
        if statement.leads(name) {
            let name = name.to_uppercase();
            let message =
                format!("{name} in a procedure: not emulated yet by this Redshift stand-in");
            let hint = "execute it by itself, before or after CALL";
            return Err(SqlError::new("0A000", message).with_hint(hint));
        }
    }
    refusals::judge(&statement, &SystemViews::default())?;
    let rewritten = super::rewrite(&statement, &None)?;
    let mut result = rewritten.text.unwrap_or_else(|| text.clone());
    if sql.is_none() {
        result = result.strip_prefix(EXPRESSION).unwrap_or(piece).to_owned();
    }
    if let Some(mark) = result.find(MARK) {
        let (json, rest) = result[mark + MARK.len()..].split_once("*/").unwrap_or_default();
        let (says, json) = ("PERFORM pg_catalog.set_config", quotes::literal(json));
        result = format!("{says}('blueshift.declared', {json}, false); {}{rest}", &result[..mark]);
    }
    if plpgsql && statement.leads("truncate") {
        result += "; COMMIT"; // "TRUNCATE", usage notes.
    }
    if let Some(then) = rewritten.then {
        result += &format!("; {then}");
    }
    Ok(format!("{head}{result}"))
}

/// The statements and expressions of a body, in bytes.
fn pieces(body: &str) -> Vec<Range<usize>> {
    let significant: Vec<Token> = tokens(body).filter(|token| !token.is_blank()).collect();
    let is = |token: &Token, word: &str| {
        token.kind == Kind::Word && token.text(body).eq_ignore_ascii_case(word)
    };
    let mut pieces = Vec::new();
    let (mut first, mut depth, mut cases) = (None::<Token>, 0_usize, 0_usize);
    let mut last_end = 0;
    for token in &significant {
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
mod tests {
    use super::*;

    fn rewritten(sql: &str) -> Result<String, String> {
        let mut edits = Edits::default();
        rewrite(&Statement::new(sql), &mut edits).map_err(|error| error.message)?;
        Ok(edits.apply(sql).unwrap_or_else(|| sql.to_owned()))
    }

    #[test]
    fn the_sql_of_a_body_is_rewritten() {
        let check = |body: &str, expected: &str| {
            let created =
                |quoted: &str| format!("create procedure p() as {quoted} language plpgsql");
            let sql = created(&format!("$${body}$$"));
            assert_eq!(rewritten(&sql).unwrap(), created(&quotes::dollars(expected)));
        };
        check(
            "declare x int := nvl(a, 1); begin if nvl(x, 0) = 1 then x := 2; else \
             insert into t select case when a then nvl(b, 1) else 2 end from u; end if; end",
            "declare x int := COALESCE(a, 1); begin if COALESCE(x, 0) = 1 then x := 2; else \
             insert into t select case when a then COALESCE(b, 1) else 2 end from u; end if; end",
        );
        check(
            "begin for r in select sysdate from t loop delete t where a = r.a; end loop; end;",
            "begin for r in select pg_catalog.\"timestamp\"() from t loop \
             delete FROM t where a = r.a; end loop; end;",
        );
        check("begin truncate t; end", "begin truncate t; COMMIT; end");
        check(
            "begin merge into t using s on t.id = s.id when matched then update set a = nvl(s.a, 1) \
             when not matched then insert values (s.id); end",
            "begin merge into t using s on t.id = s.id when matched then update set \
             a = COALESCE(s.a, 1) when not matched then insert values (s.id); end",
        );
    }

    #[test]
    fn what_is_refused_outside_is_refused_inside() {
        for (statement, message) in [
            (
                "copy t from 's3://b/k' iam_role default csv",
                "COPY in a procedure: not emulated yet",
            ),
            ("x := string_agg(a, ',')", "Redshift does not support STRING_AGG"),
            (
                "if 1 = 1 then insert into t values (1) on conflict do nothing; end if",
                "INSERT … ON",
            ),
            ("create table t (a uuid)", "Redshift does not support the type uuid"),
        ] {
            let sql =
                format!("create procedure p() as $$ begin {statement}; end $$ language plpgsql");
            let error = rewritten(&sql).expect_err(statement);
            assert!(error.contains(message), "{statement}: {error}");
        }
    }

    #[test]
    fn out_arguments_need_not_be_given() {
        let sql = "create procedure p(f1 IN int, f2 INOUT varchar(256), o OUT varchar(256)) as \
                   $$ begin o := f2; end $$ language plpgsql";
        let expected = sql.replace("OUT varchar(256)) as", "INOUT varchar(256) DEFAULT NULL) as");
        assert_eq!(rewritten(sql).unwrap(), expected);
        assert!(rewritten("create procedure p(out a int, b int) as $$ begin end $$").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(
            words in proptest::collection::vec(
                proptest::sample::select(vec![
                    "begin", "end", "if", "then", "else", "loop", "for", "in", "select", "case",
                    "merge", "(", ")", ";", ",", "a", "nvl", "create", "table", "$$", "'x'", "out",
                ]),
                0..24,
            ),
        ) {
            let _ = pieces(&words.join(" "));
            let _ = rewritten(&format!("create procedure p({}", words.join(" ")));
            let _ = rewritten(&format!("create procedure p() as $b${}$b$", words.join(" ")));
        }
    }
}
