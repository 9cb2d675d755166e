//! What stands between two fields: one character or several (Database Developer Guide, "Data format
//! parameters", DELIMITER: "multiple characters such as |~|").

/// Bytes that a delimiter may have. The guide names no bound. [?]
pub(in crate::copy) const DELIMITER_BYTES_MAX: usize = 16;

/// A delimiter: one byte or several, in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::copy) struct Delimiter {
    bytes: [u8; DELIMITER_BYTES_MAX],
    length: usize,
}

impl Delimiter {
    /// None if it has no bytes, or more than [`DELIMITER_BYTES_MAX`].
    pub(in crate::copy) fn new(text: &str) -> Option<Delimiter> {
        let mut bytes = [0; DELIMITER_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.is_empty()).then_some(Delimiter { bytes, length: text.len() })
    }

    pub(in crate::copy) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(in crate::copy) fn contains(&self, byte: u8) -> bool {
        self.bytes().contains(&byte)
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn first(&self) -> u8 {
        self.bytes[0]
    }

    /// Whether the text has the delimiter at this place.
    pub(super) fn is_at(&self, text: &[u8], at: usize) -> bool {
        match self.length {
            1 => text.get(at) == Some(&self.bytes[0]),
            _ => text.get(at..).is_some_and(|rest| rest.starts_with(self.bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_found_as_a_whole() {
        let bar = Delimiter::new("|").unwrap();
        assert!(bar.is_at(b"a|", 1) && !bar.is_at(b"a|", 0) && !bar.is_at(b"a|", 2));
        let several = Delimiter::new("|~|").unwrap();
        assert!(several.is_at(b"a|~|b", 1));
        assert!(!several.is_at(b"a|~", 1) && !several.is_at(b"a|~|", 3));
        assert_eq!((several.first(), several.length()), (b'|', 3));
        assert!(several.contains(b'~') && !several.contains(b'a'));
    }

    #[test]
    fn a_delimiter_has_bounds() {
        assert_eq!(Delimiter::new(""), None);
        assert_eq!(Delimiter::new("seventeen bytes !"), None);
        assert_eq!(Delimiter::new("sixteen bytes !!").unwrap().length(), DELIMITER_BYTES_MAX);
    }
}
