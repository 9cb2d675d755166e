//! Text made part of a statement: nothing else here puts quotes round anything.

/// A string literal that reads back as `text`, by Redshift's rules: a backslash escapes.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for character in text.chars() {
        match character {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\000"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// An identifier that is `name`, letter by letter.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` between dollar quotes that it does not end, whatever it holds.
pub(crate) fn dollars(text: &str) -> String {
    let quoted = (0_u64..).find_map(|number| {
        let quote = format!("$blueshift{number}$");
        let closed = format!("{text}{quote}");
        // Also not together with the quote's own beginning.
        (closed.find(&quote) == Some(text.len())).then(|| quote + &closed)
    });
    quoted.expect("a text is finite, and so cannot hold every number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tokens::{Kind, tokens};

    const HOSTILE: &[&str] = &[
        "",
        "a",
        "'",
        "\"",
        "\\",
        "\\'; DROP TABLE t; --",
        "\"; DROP TABLE t; --",
        "$blueshift0$",
        "$blueshift0",
        "x$blueshift0$; $blueshift1",
        "$blueshift0$blueshift0",
        "/* ' */ -- \" $$",
        "Ünïcödé 日本",
    ];

    #[test]
    fn whatever_is_quoted_is_one_token() {
        for text in HOSTILE {
            for (quoted, kind) in [
                (literal(text), Kind::Text),
                (dollars(text), Kind::Text),
                (identifier(text), Kind::Quoted),
            ] {
                let found: Vec<_> = tokens(&quoted).map(|token| token.kind).collect();
                assert_eq!(found, [kind], "{quoted}");
            }
        }
    }

    #[test]
    fn what_is_between_the_quotes_reads_back() {
        assert_eq!(literal(r"it's \n"), r"'it''s \\n'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(dollars("x"), "$blueshift0$x$blueshift0$");
        assert_eq!(dollars("x$blueshift0"), "$blueshift1$x$blueshift0$blueshift1$");
    }
}
