//! Cuts SQL text into tokens whose ranges, put together, are the text.
//!
//! Unfinished strings, identifiers and comments reach to the end of the text; Postgres is the one
//! to complain about them.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or an unquoted identifier.
    Word,
    /// An identifier in double quotes.
    Quoted,
    /// A string in any notation: `'…'`, `E'…'`, `$tag$…$tag$`.
    Text,
    Number,
    /// `$1`.
    Parameter,
    /// One character that is none of the above.
    Symbol(u8),
    /// White space.
    Space,
    /// `-- …` or a (nested) `/* … */`.
    Comment,
}

/// A token and its byte range, which always lies on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    start: u32,
    end: u32,
}

impl Token {
    /// First byte.
    pub(crate) fn start(&self) -> usize {
        self.start as usize
    }

    /// Byte after the last.
    pub(crate) fn end(&self) -> usize {
        self.end as usize
    }

    /// The token's text.
    pub(crate) fn text<'a>(&self, sql: &'a str) -> &'a str {
        &sql[self.start()..self.end()]
    }

    /// Whether the token only separates others.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// The tokens of a text of less than 4 GiB.
pub(crate) fn tokens(sql: &str) -> impl Iterator<Item = Token> + '_ {
    let bytes = sql.as_bytes();
    let mut start = 0;
    std::iter::from_fn(move || {
        let first = *bytes.get(start)?;
        let (kind, end) = scan(bytes, start, first);
        let offset = |at: usize| u32::try_from(at).expect("messages are shorter than 4 GiB");
        let token = Token { kind, start: offset(start), end: offset(end) };
        start = end;
        Some(token)
    })
}

fn scan(bytes: &[u8], start: usize, first: u8) -> (Kind, usize) {
    let next = bytes.get(start + 1).copied();
    match first {
        b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => {
            (Kind::Space, run(bytes, start + 1, |byte| byte == 0x0b || byte.is_ascii_whitespace()))
        }
        b'-' if next == Some(b'-') => (Kind::Comment, run(bytes, start, |byte| byte != b'\n')),
        b'/' if next == Some(b'*') => (Kind::Comment, block_comment_end(bytes, start)),
        b'\'' => (Kind::Text, quoted_end(bytes, start + 1, b'\'')),
        b'"' => (Kind::Quoted, quoted_end(bytes, start + 1, b'"')),
        b'$' => dollar(bytes, start),
        b'0'..=b'9' => (Kind::Number, run(bytes, start, |byte| is_word(byte) || byte == b'.')),
        _ if starts_word(first) => word(bytes, start),
        _ => (Kind::Symbol(first), start + 1),
    }
}

fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !belongs(*byte)).map_or(bytes.len(), |count| from + count)
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || 0x80 <= byte
}

fn is_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// A word, or the string that it introduces: `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `U&"…"`.
fn word(bytes: &[u8], start: usize) -> (Kind, usize) {
    let end = run(bytes, start, is_word);
    let is_prefix = |letters: &[u8]| end == start + 1 && letters.contains(&bytes[start]);
    match bytes[end..] {
        [b'\'', ..] if is_prefix(b"eEbBxXnN") => (Kind::Text, quoted_end(bytes, end + 1, b'\'')),
        [b'&', b'\'', ..] if is_prefix(b"uU") => (Kind::Text, quoted_end(bytes, end + 2, b'\'')),
        [b'&', b'"', ..] if is_prefix(b"uU") => (Kind::Quoted, quoted_end(bytes, end + 2, b'"')),
        _ => (Kind::Word, end),
    }
}

/// The end of what a quote opened before `at`; doubled quotes belong to it, and in strings what
/// a backslash escapes.
fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' if quote == b'\'' => at += 2,
            byte if byte != quote => at += 1,
            _ if bytes.get(at + 1) == Some(&quote) => at += 2,
            _ => return at + 1,
        }
    }
    bytes.len()
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// `$1`, `$tag$…$tag$`, or a lone dollar sign.
fn dollar(bytes: &[u8], start: usize) -> (Kind, usize) {
    let after = start + 1;
    if bytes.get(after).is_some_and(u8::is_ascii_digit) {
        return (Kind::Parameter, run(bytes, after, |byte| byte.is_ascii_digit()));
    }
    let tag_end = run(bytes, after, |byte| is_word(byte) && byte != b'$');
    if bytes.get(tag_end) != Some(&b'$') {
        return (Kind::Symbol(b'$'), after);
    }
    let body = tag_end + 1;
    let delimiter = &bytes[start..body];
    let end = find(&bytes[body..], delimiter);
    (Kind::Text, end.map_or(bytes.len(), |at| body + at + delimiter.len()))
}

/// Where `needle` first stands; linear, because a needle begins with a dollar sign and has no
/// other but its last character.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| *byte == b'$') {
        let at = from + at;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(sql: &str, expected: &[&str]) {
        let actual: Vec<String> = tokens(sql)
            .filter(|token| token.kind != Kind::Space)
            .map(|token| token.text(sql).to_owned())
            .collect();
        assert_eq!(actual, expected);
    }

    #[test]
    fn strings_end_where_redshift_ends_them() {
        check(r"'a''b' 'c\'d' 'e\\' f", &[r"'a''b'", r"'c\'d'", r"'e\\'", "f"]);
        check(r"E'a\'b'x B'01' u&'d' u", &[r"E'a\'b'", "x", "B'01'", "u&'d'", "u"]);
        check("$$a;$b$ $$ $x$ $$ ' $x$;", &["$$a;$b$ $$", "$x$ $$ ' $x$", ";"]);
        check(r#""a""b" "c\" d"#, &[r#""a""b""#, r#""c\""#, "d"]);
    }

    #[test]
    fn comments_nest_and_hide_quotes() {
        check("a /* ' /* \" */ ; */ b -- 'c\nd", &["a", "/* ' /* \" */ ; */", "b", "-- 'c", "d"]);
    }

    #[test]
    fn parameters_numbers_and_words_stand_apart() {
        check("$1::int4 a$b 1.5e3 $ x", &["$1", ":", ":", "int4", "a$b", "1.5e3", "$", "x"]);
    }

    #[test]
    fn what_is_not_finished_reaches_to_the_end() {
        for sql in ["'a;b", "\"a;b", "$a$;b", "/* ;b", "'a\\"] {
            assert_eq!(tokens(sql).count(), 1, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn the_tokens_of_any_text_are_the_text(
            sql in r#"([a-eE$'"\\;/*\-&uU \n1.é😀]|\$\$|/\*|\*/|--){0,40}"#,
        ) {
            let together: String = tokens(&sql).map(|token| token.text(&sql)).collect();
            prop_assert_eq!(together, sql);
        }
    }
}
