//! Postgres' message framing: a type byte, a length, a body.
//!
//! Everything a client sends is hostile until checked, so its bytes are read here with bounds
//! checks; the decoders of `pgwire` panic on a body that is too short. `pgwire` encodes what the
//! relay itself sends. Knows nothing of SQL.

pub(crate) mod duplex;
pub(crate) mod stream;

use bytes::{Bytes, BytesMut};

/// The largest message the relay takes, Postgres' own limit (`PQ_LARGE_MESSAGE_LIMIT`).
pub(crate) const MESSAGE_BYTES_MAX: usize = 0x3fff_fffe;
/// Type byte and length.
const HEADER_BYTES: usize = 5;

/// One complete message, header included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    bytes: Bytes,
}

/// A header that no Postgres peer would send.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid message length {length} in a message of type 0x{tag:02x}")]
pub(crate) struct BadFrame {
    tag: u8,
    length: i32,
}

impl Frame {
    /// Takes the first whole message off `inbox`; `None` while it is not complete yet. Memory
    /// grows with what has arrived, never with what a header promises.
    pub(crate) fn take(inbox: &mut BytesMut) -> Result<Option<Self>, BadFrame> {
        let Some(header) = inbox.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [tag, length @ ..] = *header;
        let length = i32::from_be_bytes(length);
        let total = match usize::try_from(length) {
            Ok(bytes) if (4..=MESSAGE_BYTES_MAX).contains(&bytes) => bytes + 1,
            _ => return Err(BadFrame { tag, length }),
        };
        if inbox.len() < total {
            return Ok(None);
        }
        Ok(Some(Self { bytes: inbox.split_to(total).freeze() }))
    }

    /// The type byte.
    pub(crate) fn tag(&self) -> u8 {
        self.bytes[0]
    }

    /// What follows the length.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The whole message as it came.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as a reader of fields.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields { rest: self.body() }
    }

    /// Whether this is an ErrorResponse after which the sender closes the connection.
    pub(crate) fn is_fatal_error(&self) -> bool {
        matches!(self.error_field(b'V'), Some(b"FATAL" | b"PANIC"))
    }

    /// A field of an ErrorResponse ("PostgreSQL, Error and Notice Message Fields").
    pub(crate) fn error_field(&self, wanted: u8) -> Option<&[u8]> {
        let mut fields = self.fields();
        while let Some([code]) = fields.array::<1>() {
            let value = fields.text()?;
            if code == wanted {
                return Some(value);
            }
        }
        None
    }
}

/// Reads a message body field by field; `None` means the body is too short.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads `body` from its start.
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// A zero-terminated string, without the zero.
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Some(text)
    }

    /// Exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*array)
    }

    /// The next `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    /// A big-endian 32-bit integer.
    pub(crate) fn int32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The values of a DataRow; `None` inside for SQL NULL.
    pub(crate) fn row(mut self) -> Option<Vec<Option<&'a [u8]>>> {
        let count = self.array().map(u16::from_be_bytes)?;
        (0..count)
            .map(|_| match self.int32()? {
                -1 => Some(None),
                length => {
                    let length = usize::try_from(length).ok()?;
                    let value = self.rest.get(..length)?;
                    self.rest = &self.rest[length..];
                    Some(Some(value))
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_taken_only_when_it_is_whole() {
        let mut inbox = BytesMut::from(&b"Q\0\0\0\x06a"[..]);
        assert_eq!(Frame::take(&mut inbox), Ok(None));
        inbox.extend_from_slice(b"\0S\0");
        let frame = Frame::take(&mut inbox).unwrap().unwrap();
        assert_eq!((frame.tag(), frame.body()), (b'Q', &b"a\0"[..]));
        assert_eq!(&inbox[..], b"S\0");
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        for length in [-1_i32, 0, 3, i32::MAX, i32::MIN] {
            let mut inbox = BytesMut::from(&b"Q"[..]);
            inbox.extend_from_slice(&length.to_be_bytes());
            assert_eq!(Frame::take(&mut inbox), Err(BadFrame { tag: b'Q', length }));
        }
    }

    #[test]
    fn a_row_shorter_than_it_says_is_no_row() {
        assert_eq!(Fields::new(b"\0\x02\0\0\0\x01x\xff\xff\xff\xff").row().unwrap().len(), 2);
        assert_eq!(Fields::new(b"\0\x02\0\0\0\x09x").row(), None);
        assert_eq!(Fields::new(b"").row(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut inbox = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = Frame::take(&mut inbox) {
                let _ = (frame.is_fatal_error(), frame.error_field(b'C'), frame.fields().row(), frame.fields().text());
            }
        }
    }
}
