//! ENCODING ISO88591: ISO-8859-1 becomes UTF-8 (Database Developer Guide, "Data conversion
//! parameters", ENCODING). Every byte is the character of its number, so that nothing can fail.

use std::io::{Read, Result as IoResult};

/// Bytes that are converted in one go.
const BYTES: usize = 32 * 1024;

/// Reads ISO-8859-1 as UTF-8.
pub(super) struct Latin1Reader<R> {
    source: R,
    text: Vec<u8>,
    taken: usize,
}

impl<R: Read> Latin1Reader<R> {
    pub(super) fn new(source: R) -> Latin1Reader<R> {
        Latin1Reader { source, text: Vec::new(), taken: 0 }
    }

    fn fill(&mut self) -> IoResult<()> {
        let mut raw = Vec::with_capacity(BYTES);
        (&mut self.source).take(BYTES as u64).read_to_end(&mut raw)?;
        self.text.clear();
        self.taken = 0;
        for byte in raw {
            match byte.is_ascii() {
                true => self.text.push(byte),
                false => self.text.extend([0xC0 | (byte >> 6), 0x80 | (byte & 0x3F)]),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Latin1Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.taken == self.text.len() {
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

    #[test]
    fn every_byte_is_the_character_of_its_number() {
        let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut text = String::new();
        Latin1Reader::new(&all[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, all.iter().map(|byte| char::from(*byte)).collect::<String>());
    }
}
