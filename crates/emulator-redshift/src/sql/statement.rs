//! Statements of a script, and questions to ask of one.
//!
//! A question is a pattern: keywords and symbols separated by blanks, such as `"insert into"` or
//! `"distinct on ("`. Strings, quoted identifiers and comments never match.

use super::tokens::{Kind, Token, tokens};

/// Cuts a script after each semicolon that ends a statement; the pieces together are the script.
pub(crate) fn split(script: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for token in tokens(script) {
        if token.kind == Kind::Symbol(b';') {
            pieces.push(&script[start..token.end()]);
            start = token.end();
        }
    }
    if start < script.len() {
        pieces.push(&script[start..]);
    }
    pieces
}

/// One statement as its tokens, without blanks, comments and the final semicolon.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'a> {
    /// The piece of the script that it was read from.
    pub(crate) sql: &'a str,
    pub(crate) tokens: Vec<Token>,
    /// Whether names in quotes keep their case (`enable_case_sensitive_identifier`).
    pub(crate) case_sensitive: bool,
}

impl<'a> Statement<'a> {
    /// Reads one piece of a script.
    pub(crate) fn new(sql: &'a str) -> Self {
        let significant = |token: &Token| !token.is_blank() && token.kind != Kind::Symbol(b';');
        Self { sql, tokens: tokens(sql).filter(significant).collect(), case_sensitive: false }
    }

    /// Whether there is nothing to execute.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The text of a token; empty behind the last one.
    pub(crate) fn text(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| token.text(self.sql))
    }

    /// Whether the token is a keyword or an unquoted identifier; `wanted` in lower case.
    pub(crate) fn is_word(&self, index: usize, wanted: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| {
            token.kind == Kind::Word && token.text(self.sql).eq_ignore_ascii_case(wanted)
        })
    }

    /// Whether the token is this one character.
    pub(crate) fn is_symbol(&self, index: usize, wanted: u8) -> bool {
        self.tokens.get(index).is_some_and(|token| token.kind == Kind::Symbol(wanted))
    }

    /// Whether the tokens from `index` on match `pattern`.
    pub(crate) fn matches(&self, index: usize, pattern: &str) -> bool {
        pattern.split(' ').enumerate().all(|(offset, wanted)| match wanted.as_bytes() {
            [symbol] if !symbol.is_ascii_alphabetic() => self.is_symbol(index + offset, *symbol),
            _ => self.is_word(index + offset, wanted),
        })
    }

    /// Whether the statement begins with `pattern`.
    pub(crate) fn leads(&self, pattern: &str) -> bool {
        self.matches(0, pattern)
    }

    /// Whether the token is an identifier, quoted or not.
    pub(crate) fn is_identifier(&self, index: usize) -> bool {
        let kind = self.tokens.get(index).map(|token| token.kind);
        matches!(kind, Some(Kind::Word | Kind::Quoted))
    }

    /// An identifier as the catalog holds it: lower case whether quoted or not, unless the session
    /// wants it otherwise ("Names and identifiers").
    pub(crate) fn identifier(&self, index: usize) -> Option<String> {
        let token = self.tokens.get(index)?;
        let text = token.text(self.sql);
        match token.kind {
            // Other letters than ASCII's keep their case.
            Kind::Word => Some(text.to_ascii_lowercase()),
            Kind::Quoted => {
                let inner = text.strip_prefix('"')?.strip_suffix('"')?;
                let name = inner.replace("\"\"", "\"");
                Some(if self.case_sensitive { name } else { name.to_ascii_lowercase() })
            }
            _ => None,
        }
    }

    /// The 1-based character at which a token begins, as error messages count.
    pub(crate) fn position(&self, index: usize) -> usize {
        let start = self.tokens.get(index).map_or(0, Token::start);
        self.sql[..start].chars().count() + 1
    }

    /// The token behind a possibly qualified name (`a.b.c`) that begins at `index`.
    pub(crate) fn after_name(&self, index: usize) -> usize {
        let mut after = index + usize::from(self.is_symbol(index, b'#')) + 1;
        while self.is_symbol(after, b'.') {
            after += 2;
        }
        after
    }

    /// The token behind the parenthesis that closes the one at `open`; the number of tokens if it
    /// is never closed.
    pub(crate) fn after_parenthesis(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for index in open..self.tokens.len() {
            if self.is_symbol(index, b'(') {
                depth += 1;
            } else if self.is_symbol(index, b')') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
        }
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_script_is_cut_only_at_semicolons_that_end_statements() {
        let check = |script, expected: &[&str]| assert_eq!(split(script), expected);
        check("a; b;c", &["a;", " b;", "c"]);
        check("a ';' \";\" $$;$$ /*;*/ --;\n;b;", &["a ';' \";\" $$;$$ /*;*/ --;\n;", "b;"]);
        check(r"select '\';'; x", &[r"select '\';';", " x"]);
        check("", &[]);
    }

    #[test]
    fn patterns_match_words_in_any_case_and_never_strings() {
        let statement = Statement::new("INSERT /*x*/ INTO t VALUES ('on conflict', \"returning\")");
        assert!(statement.leads("insert into"));
        let matches = |pattern: &str| (0..12).filter(|at| statement.matches(*at, pattern)).count();
        assert_eq!(matches("values ("), 1);
        assert_eq!(matches("on conflict"), 0);
        assert_eq!(matches("returning"), 0);
    }

    #[test]
    fn names_and_parentheses_are_skipped_as_a_whole() {
        let statement = Statement::new("t.\"u\".v (a, (b), c) #x y");
        assert_eq!(statement.after_name(0), 5);
        assert_eq!(statement.after_parenthesis(5), 14);
        assert_eq!(statement.text(statement.after_name(14)), "y");
        assert_eq!(Statement::new("( ( )").after_parenthesis(0), 3);
    }

    proptest! {
        #[test]
        fn the_pieces_of_any_script_are_the_script(
            script in r#"([a-c'"\\;/*\-$ \né]|\$\$){0,40}"#,
        ) {
            prop_assert_eq!(split(&script).concat(), script);
        }

        #[test]
        fn no_text_makes_it_panic(script in any::<String>()) {
            let pieces = split(&script);
            for piece in &pieces {
                let statement = Statement::new(piece);
                let _ = (statement.after_name(0), statement.after_parenthesis(0));
            }
            prop_assert_eq!(pieces.concat(), script);
        }
    }
}
