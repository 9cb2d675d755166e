//! ENCODING: every encoding becomes UTF-8 (Database Developer Guide, "Data conversion parameters",
//! ENCODING).
//!
//! Half a surrogate pair becomes the three bytes that would encode it, and half a unit a byte that
//! needs another: not UTF-8, so that the check of the column reports or replaces them.

use std::io::{Cursor, Read, Result as IoResult};

use super::latin1::Latin1Reader;
use crate::copy::options::Encoding;

/// Units that are converted in one go.
const UNITS: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

/// The text of an object as UTF-8; `None` if it has another encoding than it should have.
///
/// UTF16 needs a byte order mark, UTF16LE and UTF16BE take one if it is theirs. As UTF-8 is refused
/// only what has a mark of UTF-16 and a NUL in its first unit. [?]
pub(super) fn to_utf8<'a>(
    encoding: Encoding,
    mut source: Box<dyn Read + 'a>,
) -> IoResult<Option<Box<dyn Read + 'a>>> {
    let mut head = Vec::new();
    (&mut source).take(4).read_to_end(&mut head)?;
    let (mark, mark_bytes) = match head[..] {
        [0xFF, 0xFE, ..] => (Some(Order::Little), 2),
        [0xFE, 0xFF, ..] => (Some(Order::Big), 2),
        _ => (None, 0),
    };
    let order = match (encoding, mark) {
        (Encoding::Iso88591, _) => {
            let source = Cursor::new(head).chain(source);
            return Ok(Some(Box::new(Latin1Reader::new(source))));
        }
        (Encoding::Utf8, Some(_)) if head[2..].contains(&0) => return Ok(None),
        (Encoding::Utf8, _) => return Ok(Some(Box::new(Cursor::new(head).chain(source)))),
        // Without a byte there is no mark, and no row either.
        (Encoding::Utf16, None) if head.is_empty() => Order::Little,
        (Encoding::Utf16, mark) => match mark {
            Some(order) => order,
            None => return Ok(None),
        },
        (Encoding::Utf16Le, Some(Order::Big)) | (Encoding::Utf16Be, Some(Order::Little)) => {
            return Ok(None);
        }
        (Encoding::Utf16Le, _) => Order::Little,
        (Encoding::Utf16Be, _) => Order::Big,
    };
    let source = Cursor::new(head.split_off(mark_bytes)).chain(source);
    Ok(Some(Box::new(Utf16Reader {
        source,
        order,
        raw: Vec::new(),
        text: Vec::new(),
        taken: 0,
        ended: false,
    })))
}

struct Utf16Reader<R> {
    source: R,
    order: Order,
    /// Bytes that are not converted yet: half a pair at most, between reads.
    raw: Vec<u8>,
    text: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<R: Read> Utf16Reader<R> {
    fn fill(&mut self) -> IoResult<()> {
        let wanted = (UNITS * 2 - self.raw.len()) as u64;
        let count = (&mut self.source).take(wanted).read_to_end(&mut self.raw)?;
        self.ended = count == 0;
        self.text.clear();
        self.taken = 0;
        let units = self.raw.chunks_exact(2).map(|unit| match self.order {
            Order::Little => u16::from_le_bytes([unit[0], unit[1]]),
            Order::Big => u16::from_be_bytes([unit[0], unit[1]]),
        });
        let units: Vec<u16> = units.collect();
        // A pair is not torn apart while more may come.
        let keep = !self.ended && matches!(units.last(), Some(0xD800..=0xDBFF));
        let done = units.len() - usize::from(keep);
        for character in char::decode_utf16(units[..done].iter().copied()) {
            match character {
                Ok(character) => {
                    self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Err(half) => {
                    let half = half.unpaired_surrogate();
                    let low = |shift: u16| 0x80 | ((half >> shift) & 0x3F) as u8;
                    self.text.extend_from_slice(&[0xED, low(6), low(0)]);
                }
            }
        }
        self.raw.drain(..done * 2);
        if self.ended && !self.raw.is_empty() {
            self.raw.clear();
            self.text.push(0xC2);
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        while self.taken == self.text.len() && !self.ended {
            self.fill()?;
        }
        let count = buffer.len().min(self.text.len() - self.taken);
        buffer[..count].copy_from_slice(&self.text[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(encoding: Encoding, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        to_utf8(encoding, Box::new(bytes)).unwrap()?.read_to_end(&mut text).unwrap();
        Some(text)
    }

    fn encoded(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn check(encoding: Encoding, bytes: &[u8], expected: Option<&[u8]>) {
        assert_eq!(read(encoding, bytes).as_deref(), expected, "{encoding:?} {bytes:?}");
    }

    #[test]
    fn the_mark_decides_or_must_fit() {
        use Encoding::{Utf8, Utf16, Utf16Be, Utf16Le};
        let little = encoded("\u{feff}ü𝄞", false);
        let big = encoded("\u{feff}ü𝄞", true);
        let text = Some("ü𝄞".as_bytes());
        for (encoding, bytes, expected) in [
            (Utf16, &little[..], text),
            (Utf16, &big, text),
            (Utf16, &little[2..], None),
            (Utf16, b"", Some(&b""[..])),
            (Utf16Le, &little, text),
            (Utf16Le, &little[2..], text),
            (Utf16Le, &big, None),
            (Utf16Be, &big, text),
            (Utf16Be, &big[2..], text),
            (Utf16Be, &little, None),
            (Utf8, &encoded("\u{feff}a", false), None),
            (Utf8, &encoded("\u{feff}a", true), None),
            (Utf8, b"\xff\xfe", Some(b"\xff\xfe")),
            (Utf8, b"\xff\xfeab", Some(b"\xff\xfeab")),
            (Utf8, b"abcde", Some(b"abcde")),
            (Utf8, b"", Some(b"")),
            // Only the first mark is one.
            (Utf16, &encoded("\u{feff}\u{feff}", true), Some("\u{feff}".as_bytes())),
        ] {
            check(encoding, bytes, expected);
        }
    }

    #[test]
    fn halves_are_not_utf8_afterwards() {
        check(Encoding::Utf16Le, &[0x34, 0xD8, 0x61, 0], Some(b"\xed\xa0\xb4a"));
        check(Encoding::Utf16Be, &[0xDD, 0x1E, 0, 0x61], Some(b"\xed\xb4\x9ea"));
        check(Encoding::Utf16Be, &[0xD8, 0x34], Some(b"\xed\xa0\xb4"));
        check(Encoding::Utf16Le, &[0x61, 0, 0x62], Some(b"a\xc2"));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_read_back(
            text in "[a\u{e9}\u{20ac}\u{1d11e}\u{10ffff}]{0,40}",
            big: bool,
        ) {
            // Longer than one go, with pairs over its border.
            let text = text.repeat(3000);
            let encoding = if big { Encoding::Utf16Be } else { Encoding::Utf16Le };
            prop_assert_eq!(read(encoding, &encoded(&text, big)), Some(text.into_bytes()));
        }
    }
}
