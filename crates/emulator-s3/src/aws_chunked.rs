//! The `aws-chunked` content encoding, taken off piece by piece.
//!
//! API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in
//! Multiple Chunks" and "… Including trailing headers". Chunk signatures are read over, since no
//! secret is known here; lengths and trailers are not.

use bytes::{Buf as _, Bytes};

/// Longest line of framing: a chunk's size and signature, or one trailer.
const LINE_BYTES_MAX: usize = 16 * 1024;
/// Most trailers of one body.
const TRAILERS_MAX: usize = 32;

/// Why a body is not `aws-chunked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkedError {
    #[error("chunk header is not a hexadecimal size")]
    Size,
    #[error("chunk does not end in CRLF")]
    ChunkEnd,
    #[error("trailer is not a name and a value")]
    Trailer,
    #[error("line of framing is longer than {LINE_BYTES_MAX} bytes")]
    Line,
    #[error("body ends before its last chunk")]
    Incomplete,
}

/// A decoder that is fed pieces of any length.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    trailers: Vec<(String, String)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Payload {
        bytes_left: u64,
    },
    PayloadEnd,
    Trailers,
    Done,
}

impl Decoder {
    /// Takes framing and at most one run of payload off the front of `input`; `None` once `input`
    /// is used up. The payload is a window into `input`.
    pub(crate) fn decode(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, ChunkedError> {
        while !input.is_empty() {
            match self.state {
                State::Payload { bytes_left } => {
                    let length = usize::try_from(bytes_left).unwrap_or(usize::MAX).min(input.len());
                    let bytes_left = bytes_left - length as u64;
                    self.state = match bytes_left {
                        0 => State::PayloadEnd,
                        _ => State::Payload { bytes_left },
                    };
                    return Ok(Some(input.split_to(length)));
                }
                State::Done => input.clear(),
                State::Size | State::PayloadEnd | State::Trailers => {
                    if let Some(line) = self.take_line(input)? {
                        self.state = self.next_state(&line)?;
                    }
                }
            }
        }
        Ok(None)
    }

    /// The trailers, once the body has ended.
    pub(crate) fn finish(mut self) -> Result<Vec<(String, String)>, ChunkedError> {
        match self.state {
            State::Done => {}
            // Some writers leave out the last CRLF.
            State::Trailers if self.line.is_empty() => {}
            State::Trailers => {
                let line = std::mem::take(&mut self.line);
                self.next_state(&line)?;
            }
            _ => return Err(ChunkedError::Incomplete),
        }
        Ok(self.trailers)
    }

    fn next_state(&mut self, line: &[u8]) -> Result<State, ChunkedError> {
        match self.state {
            State::Size => {
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                let digits = std::str::from_utf8(digits).map_err(|_| ChunkedError::Size)?;
                match u64::from_str_radix(digits.trim(), 16).map_err(|_| ChunkedError::Size)? {
                    0 => Ok(State::Trailers),
                    bytes_left => Ok(State::Payload { bytes_left }),
                }
            }
            State::PayloadEnd if line.is_empty() => Ok(State::Size),
            State::PayloadEnd => Err(ChunkedError::ChunkEnd),
            State::Trailers if line.is_empty() => Ok(State::Done),
            State::Trailers => {
                let line = std::str::from_utf8(line).map_err(|_| ChunkedError::Trailer)?;
                let (name, value) = line.split_once(':').ok_or(ChunkedError::Trailer)?;
                if self.trailers.len() == TRAILERS_MAX {
                    return Err(ChunkedError::Trailer);
                }
                let name = name.trim().to_ascii_lowercase();
                self.trailers.push((name, value.trim().to_owned()));
                Ok(State::Trailers)
            }
            State::Payload { .. } | State::Done => unreachable!("these states read no lines"),
        }
    }

    /// A whole line without its end, `None` if the end is still to come.
    fn take_line(&mut self, input: &mut Bytes) -> Result<Option<Vec<u8>>, ChunkedError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(input.len());
        if LINE_BYTES_MAX < self.line.len() + taken {
            return Err(ChunkedError::Line);
        }
        self.line.extend_from_slice(&input[..taken]);
        if end.is_none() {
            input.clear();
            return Ok(None);
        }
        input.advance(taken + 1);
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Decoded = (String, Vec<(String, String)>);

    fn decode(body: &str, piece_bytes: usize) -> Result<Decoded, ChunkedError> {
        let mut decoder = Decoder::default();
        let mut payload = Vec::new();
        for piece in body.as_bytes().chunks(piece_bytes) {
            let mut piece = Bytes::copy_from_slice(piece);
            while let Some(run) = decoder.decode(&mut piece)? {
                payload.extend_from_slice(&run);
            }
        }
        Ok((String::from_utf8(payload).unwrap(), decoder.finish()?))
    }

    #[test]
    fn every_form_of_body_is_decoded_however_it_is_cut() {
        let check = |body: &str, payload: &str, trailers: &[(&str, &str)]| {
            for piece_bytes in 1..=body.len() {
                let (decoded, trailing) = decode(body, piece_bytes).unwrap();
                assert_eq!(decoded, payload, "{body:?} in pieces of {piece_bytes}");
                let trailing: Vec<_> =
                    trailing.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                assert_eq!(trailing, trailers, "{body:?} in pieces of {piece_bytes}");
            }
        };
        check("0\r\n\r\n", "", &[]);
        check("5\r\nhello\r\nA\r\n, you\r\nall\r\n0\r\n\r\n", "hello, you\r\nall", &[]);
        check("5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", "hello", &[]);
        check(
            "5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg==\r\n\r\n",
            "hello",
            &[("x-amz-checksum-crc32", "NhCmhg==")],
        );
        check(
            "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\
             \n\r\nx-amz-trailer-signature:ef\r\n\r\n",
            "hello",
            &[("x-amz-checksum-crc32", "NhCmhg==")],
        );
        check("1\r\na\r\n0\r\nname:value", "a", &[("name", "value")]);
    }

    #[test]
    fn what_is_no_such_body_is_refused() {
        let check = |body: &str, expected| {
            assert_eq!(decode(body, 3).unwrap_err(), expected, "{body:?}");
        };
        check("hello", ChunkedError::Incomplete);
        check("hello\r\n", ChunkedError::Size);
        check("5\r\nhello!\r\n", ChunkedError::ChunkEnd);
        check("5\r\nhel", ChunkedError::Incomplete);
        check("5\r\nhello\r\n", ChunkedError::Incomplete);
        check("0\r\nno trailer\r\n\r\n", ChunkedError::Trailer);
        check(&"0".repeat(LINE_BYTES_MAX + 2), ChunkedError::Line);
    }
}
