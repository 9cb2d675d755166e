//! Characters that XML 1.0 cannot hold, such as U+0001, in answers.
//!
//! S3 takes keys with them, and writes them into its XML as character references (`&#x1;`), which
//! lenient parsers read and strict ones refuse (API Reference, "ListObjectsV2": `encoding-type`;
//! botocore issue 3496 and riak_cs issue 1255 show answers of S3). A carriage return is legal, but
//! would be read as a line feed if it stood there as it is ("Extensible Markup Language 1.0", "2.11
//! End-of-Line Handling").

use std::borrow::Cow;
use std::fmt::Write as _;

/// `xml` with references in the place of what cannot stand in it.
pub(crate) fn referenced(xml: &str) -> Cow<'_, str> {
    if !xml.chars().any(needs_reference) {
        return Cow::Borrowed(xml);
    }
    let mut written = String::with_capacity(xml.len() + 16);
    for character in xml.chars() {
        if character == '\r' {
            written.push_str("&#13;");
        } else if needs_reference(character) {
            write!(written, "&#x{:x};", u32::from(character)).expect("a String takes all");
        } else {
            written.push(character);
        }
    }
    Cow::Owned(written)
}

/// Whether it is no `Char` of XML 1.0, or no longer itself once it is read.
fn needs_reference(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::referenced;

    #[test]
    fn only_what_xml_cannot_hold_becomes_a_reference() {
        for (xml, expected) in [
            ("<Key>a b\tc\nü🦀</Key>", "<Key>a b\tc\nü🦀</Key>"),
            ("<Key>\u{1}\u{1b}</Key>", "<Key>&#x1;&#x1b;</Key>"),
            ("Icon\r", "Icon&#13;"),
            ("\u{fffd}\u{fffe}\u{ffff}\u{7f}", "\u{fffd}&#xfffe;&#xffff;\u{7f}"),
        ] {
            assert_eq!(referenced(xml), expected);
        }
    }
}
