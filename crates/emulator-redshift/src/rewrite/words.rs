//! Words that mean something else in Redshift, in whatever statement they stand.

use std::ops::Range;

use super::column_types::NUMERIC_DEFAULT;
use super::edits::Edits;
use crate::sql::statement::Statement;
use crate::sql::tokens::Kind;

/// The words that a `#name` may follow: there, `#` begins the name of a temporary table.
const BEFORE_TABLES: &[&str] = &[
    "table", "into", "from", "join", "update", "using", "exists", "only", "truncate", "lock",
    "analyze", "vacuum", "like", "merge", "delete",
];

/// Rewrites the words of a statement.
pub(super) fn rewrite(statement: &Statement<'_>, edits: &mut Edits) {
    for (index, token) in statement.tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol(b'#') => temporary_name(statement, index, edits),
            Kind::Word => word(statement, index, edits),
            Kind::Number => number(statement, index, edits),
            Kind::Text => varbyte_literal(statement, index, edits),
            Kind::Quoted if !statement.case_sensitive => {
                // ASCII letters only ("Names and identifiers"); `U&"…"` has escapes.
                let text = token.text(statement.sql);
                if text.starts_with('"') && text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    edits.replace(token.start()..token.end(), text.to_ascii_lowercase());
                }
            }
            _ => {}
        }
    }
}

/// `#name` is a table of that very name ("CREATE TABLE", temporary tables).
fn temporary_name(statement: &Statement<'_>, index: usize, edits: &mut Edits) {
    let (Some(mark), Some(name)) = (statement.tokens.get(index), statement.tokens.get(index + 1))
    else {
        return;
    };
    let is_table = index.checked_sub(1).is_some_and(|before| {
        statement.is_symbol(before, b',')
            || BEFORE_TABLES.iter().any(|word| statement.is_word(before, word))
    });
    if name.kind == Kind::Word && name.start() == mark.end() && is_table {
        // SELECT … INTO makes the table.
        let makes = statement.is_word(index - 1, "into")
            && !["insert", "merge"]
                .iter()
                .any(|verb| index.checked_sub(2).is_some_and(|at| statement.is_word(at, verb)));
        let temporary = if makes { "TEMP " } else { "" };
        let name = name.text(statement.sql).to_ascii_lowercase();
        edits.replace(mark.start()..mark.end() + name.len(), format!("{temporary}\"#{name}\""));
    }
}

/// `4WHEN` is a number and a word, as in Postgres before 15; `redshift_connector` writes that.
fn number(statement: &Statement<'_>, index: usize, edits: &mut Edits) {
    let token = statement.tokens[index];
    let text = token.text(statement.sql).as_bytes();
    let digits = |from: usize, point: bool| {
        let belongs = |byte: &u8| byte.is_ascii_digit() || (point && *byte == b'.');
        from + text[from..].iter().take_while(|byte| belongs(byte)).count()
    };
    let mantissa = digits(0, true);
    let has_exponent = matches!(text.get(mantissa), Some(b'e' | b'E'));
    let is_signed = has_exponent
        && mantissa + 1 == text.len()
        && (statement.is_symbol(index + 1, b'-') || statement.is_symbol(index + 1, b'+'));
    let exponent_end = if has_exponent { digits(mantissa + 1, false) } else { mantissa };
    let end = if mantissa + 1 < exponent_end { exponent_end } else { mantissa };
    let is_other_base = matches!(text, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', _, ..]);
    if end < text.len() && !is_signed && !is_other_base {
        edits.insert(token.start() + end, " ");
    }
}

fn word(statement: &Statement<'_>, index: usize, edits: &mut Edits) {
    let token = statement.tokens[index];
    let range = token.start()..token.end();
    let text = token.text(statement.sql);
    let is = |wanted: &str| text.eq_ignore_ascii_case(wanted);
    let behind_dot = 0 < index && statement.is_symbol(index - 1, b'.');
    if is("sysdate") && !behind_dot && !statement.is_symbol(index + 1, b'(') {
        // The start of the transaction; its column is called timestamp ("SYSDATE function").
        edits.replace(range, "pg_catalog.\"timestamp\"()");
    } else if is("minus") && !behind_dot && begins_query(statement, index + 1) {
        edits.replace(range, "EXCEPT");
    } else if is("current_user_id") && !behind_dot && !statement.is_symbol(index + 1, b'(') {
        edits.replace(range, "pg_catalog.current_user_id()");
    } else if is("current_setting") && server_version(statement, index) {
        let name = if behind_dot && 2 <= index { index - 2 } else { index };
        let start = statement.tokens[name].start();
        edits.replace(start..statement.tokens[index + 3].end(), "'8.0.2'::text");
    } else if is("relhasoids") || is("proisagg") || is("proiswindow") {
        // psql asks servers as old as we say we are for columns that are gone by now.
        let qualifier = if behind_dot && 2 <= index { Some(index - 2) } else { None };
        let start = qualifier.map_or(token.start(), |at| statement.tokens[at].start());
        let name = qualifier.map_or("", |at| statement.text(at));
        let dot = if qualifier.is_some() { "." } else { "" };
        let value = match text.as_bytes().get(5).map(u8::to_ascii_lowercase) {
            Some(b'a') => format!("({name}{dot}prokind = 'a')"),
            Some(b'w') => format!("({name}{dot}prokind = 'w')"),
            _ => "false".to_owned(), // Rows have had no oids for a long time.
        };
        edits.replace(start..token.end(), value);
    } else if !behind_dot && is("varbinary") && names_type(statement, index) {
        varbyte(statement, index..index + 1, edits);
    } else if is("binary") && statement.is_word(index + 1, "varying") {
        varbyte(statement, index..index + 2, edits);
    } else if (is("datetime") || is("nvarchar")) && is_type(statement, index) {
        edits.replace(range, if is("datetime") { "timestamp" } else { "varchar" });
    } else if is("returning") {
        // Whoever means the clause has been refused: it is a name.
        edits.replace(range, "\"returning\"");
    } else if (is("decimal") || is("numeric") || is("dec")) && is_cast(statement, index) {
        edits.insert(token.end(), NUMERIC_DEFAULT);
    } else if is("max") && statement.is_symbol(index + 1, b')') && 2 <= index {
        let is_type = |names: &[&str]| names.iter().any(|name| statement.is_word(index - 2, name));
        if !statement.is_symbol(index - 1, b'(') {
        } else if is_type(&["varchar", "nvarchar", "varying"]) {
            edits.replace(range, "65535");
        } else if is_type(&["char", "nchar", "character"]) {
            edits.replace(range, "4096");
        }
    }
}

/// Whether a query follows a set operator here.
fn begins_query(statement: &Statement<'_>, at: usize) -> bool {
    let at = at + usize::from(statement.is_word(at, "all") || statement.is_word(at, "distinct"));
    statement.is_word(at, "select")
        || (statement.is_symbol(at, b'(') && statement.is_word(at + 1, "select"))
}

/// Whether the word stands where a type does: behind a column's name, `::` or AS.
fn names_type(statement: &Statement<'_>, index: usize) -> bool {
    0 < index && (statement.is_identifier(index - 1) || statement.is_symbol(index - 1, b':'))
}

/// Whether the word stands where only a type may: in a cast, as an argument of a procedure, a
/// function or PREPARE, or behind RETURNS.
fn is_type(statement: &Statement<'_>, index: usize) -> bool {
    if 2 <= index && statement.matches(index - 2, ": :") || is_cast_target(statement, index) {
        return true;
    }
    let behind = |word: &str| 0 < index && statement.is_word(index - 1, word);
    if behind("returns") || (2 <= index && statement.matches(index - 2, "convert (")) {
        return true;
    }
    // A variable of PL/pgSQL, as `bodies` has it.
    if statement.leads("perform")
        && (index == 2 || (index == 3 && statement.is_word(2, "constant")))
    {
        return true;
    }
    let prepares = statement.leads("prepare") && statement.is_symbol(2, b'(');
    let routine = ["function", "procedure"].iter().any(|kind| {
        ["create or replace ", "create ", "drop ", "alter "]
            .iter()
            .any(|verb| statement.leads(&format!("{verb}{kind}")))
    });
    let open = (1..index).find(|at| statement.is_symbol(*at, b'('));
    // A type stands last but for its length, or before DEFAULT.
    let after = match statement.is_symbol(index + 1, b'(') {
        true => statement.after_parenthesis(index + 1),
        false => index + 1,
    };
    let ends = statement.is_symbol(after, b',')
        || statement.is_symbol(after, b')')
        || statement.is_word(after, "default");
    (prepares || routine)
        && ends
        && open.is_some_and(|open| index < statement.after_parenthesis(open))
}

/// Whether the word is the type of `CAST(… AS type)`.
fn is_cast_target(statement: &Statement<'_>, index: usize) -> bool {
    if index == 0 || !statement.is_word(index - 1, "as") {
        return false;
    }
    let mut depth = 0_usize;
    for at in (0..index).rev() {
        if statement.is_symbol(at, b')') {
            depth += 1;
        } else if statement.is_symbol(at, b'(') {
            if depth == 0 {
                return 0 < at && statement.is_word(at - 1, "cast");
            }
            depth -= 1;
        }
    }
    false
}

/// Whether a type without a precision stands behind `::`, or in `CAST(… AS type)`.
fn is_cast(statement: &Statement<'_>, index: usize) -> bool {
    let before = |back: usize, symbol: u8| {
        index.checked_sub(back).is_some_and(|at| statement.is_symbol(at, symbol))
    };
    let behind_as = 0 < index && statement.is_word(index - 1, "as");
    !statement.is_symbol(index + 1, b'(')
        && ((before(1, b':') && before(2, b':'))
            || (behind_as && statement.is_symbol(index + 1, b')')))
}

/// Whether `current_setting` is asked for the version, which every driver hears as Redshift's.
fn server_version(statement: &Statement<'_>, index: usize) -> bool {
    statement.is_symbol(index + 1, b'(')
        && statement.text(index + 2).eq_ignore_ascii_case("'server_version'")
        && statement.is_symbol(index + 3, b')')
}

/// A literal that is cast to VARBYTE stands for its own bytes, as any text does; to Postgres it would
/// be one in the notation of BYTEA, where a backslash means something.
fn varbyte_literal(statement: &Statement<'_>, index: usize, edits: &mut Edits) {
    let is_cast =
        2 <= index && statement.matches(index - 2, "cast (") && statement.is_word(index + 1, "as");
    let target = match statement.matches(index + 1, ": :") {
        true => index + 3,
        false if is_cast => index + 2,
        false => return,
    };
    let names = ["varbyte", "varbinary", "binary varying"];
    if names.iter().any(|name| statement.matches(target, name)) {
        edits.insert(statement.tokens[index].end(), "::text");
    }
}

/// VARBYTE by its other names ("VARBYTE type").
fn varbyte(statement: &Statement<'_>, name: Range<usize>, edits: &mut Edits) {
    let (first, last) = (statement.tokens[name.start], statement.tokens[name.end - 1]);
    edits.replace(first.start()..last.end(), "varbyte");
}
