//! Cuts SQL text into words, names, strings and signs, each with its place.

use super::SchemaError;

/// A token and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A bare word: a keyword or a name, as written.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A number, as written.
    Number(String),
    /// A string in single quotes; its text never matters to us.
    Text,
    /// Any other sign.
    Sign(char),
    /// The end of the text.
    End,
}

impl std::fmt::Display for TokenKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) | Self::Number(word) => write!(formatter, "{word}"),
            Self::Quoted(name) => write!(formatter, "\"{name}\""),
            Self::Text => write!(formatter, "a string"),
            Self::Sign(sign) => write!(formatter, "{}", sign.escape_debug()),
            Self::End => write!(formatter, "the end of the text"),
        }
    }
}

/// Cuts `sql` into tokens; the last one is always [`TokenKind::End`].
pub(super) fn tokenize(sql: &str) -> Result<Vec<Token>, SchemaError> {
    let mut reader = Reader { rest: sql.chars().peekable(), line: 1, column: 1 };
    let mut tokens = Vec::new();
    loop {
        reader.skip_blanks_and_comments()?;
        let (line, column) = (reader.line, reader.column);
        let kind = match reader.peek() {
            None => TokenKind::End,
            Some('"') => TokenKind::Quoted(reader.quoted('"', "quoted name")?),
            Some('\'') => {
                reader.quoted('\'', "string")?;
                TokenKind::Text
            }
            Some(first) if first.is_ascii_digit() => {
                TokenKind::Number(reader.take_while(|c| c.is_ascii_alphanumeric() || c == '.'))
            }
            Some(first) if first.is_alphabetic() || first == '_' => TokenKind::Word(
                reader.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$')),
            ),
            Some(sign) => {
                reader.advance();
                TokenKind::Sign(sign)
            }
        };
        let is_end = kind == TokenKind::End;
        tokens.push(Token { kind, line, column });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    fn advance(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(character)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(character) = self.peek().filter(|&c| belongs(c)) {
            word.push(character);
            self.advance();
        }
        word
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), SchemaError> {
        loop {
            match (self.peek(), self.peek_second()) {
                (Some(blank), _) if blank.is_whitespace() || blank == '\u{feff}' => {
                    self.advance();
                }
                (Some('-'), Some('-')) => {
                    self.take_while(|c| c != '\n');
                }
                (Some('/'), Some('*')) => self.skip_block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) -> Result<(), SchemaError> {
        let unterminated =
            SchemaError::Unterminated { line: self.line, column: self.column, what: "comment" };
        let mut depth = 0_usize;
        loop {
            match (self.peek(), self.peek_second()) {
                (Some('/'), Some('*')) => {
                    self.advance();
                    depth += 1;
                }
                (Some('*'), Some('/')) => {
                    self.advance();
                    depth -= 1;
                }
                (None, _) => return Err(unterminated),
                _ => {}
            }
            self.advance();
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Reads from an opening quote to its end. A doubled quote stands for one; in strings (not in
    /// names) a backslash takes the next character with it, as in Redshift.
    fn quoted(&mut self, quote: char, what: &'static str) -> Result<String, SchemaError> {
        let unterminated = SchemaError::Unterminated { line: self.line, column: self.column, what };
        self.advance();
        let mut text = String::new();
        while let Some(character) = self.advance() {
            if character == '\\' && quote == '\'' {
                text.extend(self.advance());
            } else if character != quote {
                text.push(character);
            } else if self.peek() == Some(quote) {
                self.advance();
                text.push(quote);
            } else {
                return Ok(text);
            }
        }
        Err(unterminated)
    }
}
