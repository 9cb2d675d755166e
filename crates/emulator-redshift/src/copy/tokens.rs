//! Splits a statement into tokens, each with its position.
//!
//! Knows Redshift's literals, identifiers and comments, but no keyword of COPY. Tokens have no
//! `Debug`: a literal may be a secret.

/// Why a text is not a COPY statement, and where.
///
/// Never quotes the content of a string literal, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CopySyntaxError {
    /// What is wrong, in words.
    pub message: String,
    /// The 1-based character of the statement at which it is wrong.
    pub position: usize,
    /// The SQLSTATE.
    pub sqlstate: &'static str,
}

impl CopySyntaxError {
    pub(super) fn new(message: impl Into<String>, position: usize) -> CopySyntaxError {
        CopySyntaxError { message: message.into(), position, sqlstate: "42601" }
    }

    /// What the statement asks for is known, and not supported.
    pub(super) fn unsupported(message: impl Into<String>, position: usize) -> CopySyntaxError {
        CopySyntaxError { sqlstate: "0A000", ..CopySyntaxError::new(message, position) }
    }
}

/// What a token is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A keyword or an identifier without quotes, as written.
    Word(&'a str),
    /// An identifier in double quotes, decoded.
    Quoted(String),
    /// A string: decoded, and as written between its quotes.
    Literal { value: String, written: &'a str },
    /// Digits.
    Number(&'a str),
    /// Any other character.
    Symbol(char),
    /// The end of the statement.
    End,
}

/// A token and the 1-based character at which it begins.
#[derive(Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) position: usize,
}

impl Token<'_> {
    /// The token as an error may show it.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::Word(word) => format!("\"{}\"", word.chars().take(64).collect::<String>()),
            TokenKind::Quoted(_) => "a quoted identifier".to_string(),
            TokenKind::Literal { .. } => "a string".to_string(),
            TokenKind::Number(_) => "a number".to_string(),
            TokenKind::Symbol(symbol) => format!("\"{symbol}\""),
            TokenKind::End => "the end of the statement".to_string(),
        }
    }

    /// The word in capitals; empty if this is no word.
    pub(super) fn keyword(&self) -> String {
        match self.kind {
            TokenKind::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }
}

/// The first token of a statement, if there is one.
pub(super) fn first(sql: &str) -> Option<Token<'_>> {
    Lexer { rest: sql, position: 1 }.next_token().ok()
}

/// Reads tokens one after the other, one ahead.
pub(super) struct Cursor<'a> {
    lexer: Lexer<'a>,
    ahead: Token<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str) -> Result<Cursor<'a>, CopySyntaxError> {
        let mut lexer = Lexer { rest: sql, position: 1 };
        let ahead = lexer.next_token()?;
        Ok(Cursor { lexer, ahead })
    }

    pub(super) fn peek(&self) -> &Token<'a> {
        &self.ahead
    }

    pub(super) fn advance(&mut self) -> Result<Token<'a>, CopySyntaxError> {
        let next = self.lexer.next_token()?;
        Ok(std::mem::replace(&mut self.ahead, next))
    }

    /// Takes the next token if it is this keyword.
    pub(super) fn accept(&mut self, keyword: &str) -> Result<bool, CopySyntaxError> {
        let found = matches!(self.ahead.kind, TokenKind::Word(word)
            if word.eq_ignore_ascii_case(keyword));
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes the next token if it is this symbol.
    pub(super) fn accept_symbol(&mut self, symbol: char) -> Result<bool, CopySyntaxError> {
        let found = self.ahead.kind == TokenKind::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// An identifier: without quotes it is folded to lower case, in quotes it is kept as written.
    pub(super) fn identifier(&mut self, what: &str) -> Result<String, CopySyntaxError> {
        let token = self.advance()?;
        match token.kind {
            TokenKind::Word(word) => Ok(word.to_ascii_lowercase()),
            TokenKind::Quoted(name) => Ok(name),
            _ => Err(expected(what, &token)),
        }
    }

    /// A string; `owner` is the option that needs it. What stands there instead is not shown.
    pub(super) fn string(&mut self, owner: &str) -> Result<String, CopySyntaxError> {
        let token = self.advance()?;
        match token.kind {
            TokenKind::Literal { value, .. } => Ok(value),
            _ => Err(CopySyntaxError::new(format!("{owner} needs a string"), token.position)),
        }
    }

    /// A whole number up to `max`; `owner` is the option that needs it.
    pub(super) fn number(&mut self, owner: &str, max: u64) -> Result<u64, CopySyntaxError> {
        let token = self.advance()?;
        let TokenKind::Number(digits) = token.kind else {
            return Err(CopySyntaxError::new(format!("{owner} needs a number"), token.position));
        };
        match digits.parse::<u64>() {
            Ok(number) if number <= max => Ok(number),
            _ => Err(CopySyntaxError::new(
                format!("{owner} must be between 0 and {max}"),
                token.position,
            )),
        }
    }
}

/// The error for a token that is not what the grammar asks for.
pub(super) fn expected(what: &str, found: &Token<'_>) -> CopySyntaxError {
    let message = format!("syntax error at or near {}: expected {what}", found.describe());
    CopySyntaxError::new(message, found.position)
}

struct Lexer<'a> {
    rest: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    fn next_token(&mut self) -> Result<Token<'a>, CopySyntaxError> {
        self.skip_blanks()?;
        let position = self.position;
        let Some(character) = self.peek() else {
            return Ok(Token { kind: TokenKind::End, position });
        };
        let kind = match character {
            '\'' => self.literal()?,
            'e' | 'E' if self.rest[1..].starts_with('\'') => {
                self.bump();
                self.literal()?
            }
            '"' => self.quoted()?,
            '0'..='9' => TokenKind::Number(self.take_while(|c| c.is_ascii_digit())),
            c if begins_word(c) => TokenKind::Word(
                self.take_while(|c| begins_word(c) || c.is_ascii_digit() || c == '$'),
            ),
            symbol => {
                self.bump();
                TokenKind::Symbol(symbol)
            }
        };
        Ok(Token { kind, position })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.rest = &self.rest[character.len_utf8()..];
        self.position += 1;
        Some(character)
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.peek().is_some_and(&keep) {
            self.bump();
        }
        &start[..start.len() - self.rest.len()]
    }

    /// White space, `-- …` to the end of the line, and `/* … */`, which nests.
    fn skip_blanks(&mut self) -> Result<(), CopySyntaxError> {
        loop {
            self.take_while(char::is_whitespace);
            if self.rest.starts_with("--") {
                self.take_while(|c| c != '\n');
            } else if self.rest.starts_with("/*") {
                self.skip_block_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), CopySyntaxError> {
        let start = self.position;
        let mut depth = 0_usize;
        loop {
            let step = if self.rest.starts_with("/*") {
                depth += 1;
                2
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                2
            } else {
                1
            };
            for _ in 0..step {
                if self.bump().is_none() {
                    return Err(CopySyntaxError::new("unterminated comment", start));
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn quoted(&mut self) -> Result<TokenKind<'a>, CopySyntaxError> {
        let start = self.position;
        self.bump();
        let mut name = String::new();
        loop {
            match self.bump() {
                Some('"') if self.peek() == Some('"') => {
                    self.bump();
                    name.push('"');
                }
                Some('"') if name.is_empty() => {
                    return Err(CopySyntaxError::new("zero-length identifier", start));
                }
                Some('"') => return Ok(TokenKind::Quoted(name)),
                Some(character) => name.push(character),
                None => return Err(CopySyntaxError::new("unterminated identifier", start)),
            }
        }
    }

    fn literal(&mut self) -> Result<TokenKind<'a>, CopySyntaxError> {
        let start = self.position;
        self.bump();
        let body = self.rest;
        // Bytes, because an octal escape names a byte, not a character.
        let mut value = Vec::new();
        let mut buffer = [0; 4];
        loop {
            let end = body.len() - self.rest.len();
            match self.bump() {
                Some('\'') if self.peek() == Some('\'') => {
                    self.bump();
                    value.push(b'\'');
                }
                Some('\'') => {
                    let value = String::from_utf8(value)
                        .map_err(|_| CopySyntaxError::new("string is not UTF-8", start))?;
                    return Ok(TokenKind::Literal { value, written: &body[..end] });
                }
                Some('\\') => self.escape(&mut value),
                Some(other) => value.extend(other.encode_utf8(&mut buffer).bytes()),
                None => return Err(CopySyntaxError::new("unterminated string", start)),
            }
        }
    }

    /// What follows a backslash: a control character, up to three octal digits, or itself.
    /// (PostgreSQL 8.0's literals, on which Redshift's are built; §1.)
    fn escape(&mut self, value: &mut Vec<u8>) {
        let mut buffer = [0; 4];
        match self.bump() {
            Some('b') => value.push(8),
            Some('f') => value.push(12),
            Some('n') => value.push(b'\n'),
            Some('r') => value.push(b'\r'),
            Some('t') => value.push(b'\t'),
            Some(digit @ '0'..='7') => {
                let mut byte = digit as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(next @ '0'..='7') = self.peek() else { break };
                    byte = byte * 8 + (next as u32 - '0' as u32);
                    self.bump();
                }
                // `\777` is more than a byte; PostgreSQL keeps the lower eight bits.
                value.push((byte & 0xFF) as u8);
            }
            Some(other) => value.extend(other.encode_utf8(&mut buffer).bytes()),
            // The literal is unterminated; the caller says so.
            None => {}
        }
    }
}

fn begins_word(character: char) -> bool {
    // `#` begins the name of a temporary table.
    character.is_alphabetic() || character == '_' || character == '#' || !character.is_ascii()
}
