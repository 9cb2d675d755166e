//! The container of the program `lzop`: members of a header and blocks with checksums.
//!
//! Written after the format as its header names it; files made with `--filter` are refused, as the
//! guide says ("File compression parameters", LZOP).

use std::io::{BufRead, Error, Read, Result as IoResult};

use flate2::Crc;

use super::lzo1x;

const MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0, 0x0D, 0x0A, 0x1A, 0x0A];

/// The program writes no larger blocks.
const BLOCK_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Versions from this one on have further fields.
const VERSION_WITH_LEVEL: u16 = 0x0940;

const FLAG_ADLER32_CONTENT: u32 = 0x1;
const FLAG_ADLER32_COMPRESSED: u32 = 0x2;
const FLAG_EXTRA_FIELD: u32 = 0x40;
const FLAG_CRC32_CONTENT: u32 = 0x100;
const FLAG_CRC32_COMPRESSED: u32 = 0x200;
const FLAG_FILTER: u32 = 0x800;
const FLAG_CRC32_HEADER: u32 = 0x1000;

/// The content of all members of a source.
pub(super) struct LzopReader<R> {
    source: R,
    /// The flags of the open member.
    member: Option<u32>,
    compressed: Vec<u8>,
    block: Vec<u8>,
    taken: usize,
}

impl<R: BufRead> LzopReader<R> {
    pub(super) fn new(source: R) -> LzopReader<R> {
        let (compressed, block) = (Vec::new(), Vec::new());
        LzopReader { source, member: None, compressed, block, taken: 0 }
    }

    /// Reads the next block; false at the end of the source.
    fn next_block(&mut self) -> IoResult<bool> {
        loop {
            let flags = match self.member {
                Some(flags) => flags,
                None if self.source.fill_buf()?.is_empty() => return Ok(false),
                None => read_header(&mut self.source)?,
            };
            self.member = Some(flags);
            let content_bytes = read_u32(&mut self.source)?;
            if content_bytes == 0 {
                self.member = None;
                continue;
            }
            self.read_block(flags, content_bytes)?;
            return Ok(true);
        }
    }

    fn read_block(&mut self, flags: u32, content_bytes: u32) -> IoResult<()> {
        let compressed_bytes = read_u32(&mut self.source)?;
        if BLOCK_BYTES_MAX < content_bytes || content_bytes < compressed_bytes {
            return Err(Error::other("lzop block has an impossible size"));
        }
        let stored = content_bytes == compressed_bytes;
        let mut checksum = |flag: u32| match flags & flag {
            0 => Ok(None),
            _ => read_u32(&mut self.source).map(Some),
        };
        let content_sums = [checksum(FLAG_ADLER32_CONTENT)?, checksum(FLAG_CRC32_CONTENT)?];
        let compressed_sums = match stored {
            true => [None, None],
            false => [checksum(FLAG_ADLER32_COMPRESSED)?, checksum(FLAG_CRC32_COMPRESSED)?],
        };
        self.compressed.clear();
        // The vector grows with what arrives, not with what the header promises.
        (&mut self.source).take(u64::from(compressed_bytes)).read_to_end(&mut self.compressed)?;
        if self.compressed.len() < compressed_bytes as usize {
            return Err(Error::other("lzop block is cut off"));
        }
        check_sums(&self.compressed, compressed_sums)?;
        self.taken = 0;
        if stored {
            std::mem::swap(&mut self.block, &mut self.compressed);
        } else {
            self.block.clear();
            lzo1x::decompress(&self.compressed, content_bytes as usize, &mut self.block)
                .map_err(Error::other)?;
        }
        check_sums(&self.block, content_sums)
    }
}

impl<R: BufRead> Read for LzopReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        if self.taken == self.block.len() && !self.next_block()? {
            return Ok(0);
        }
        let count = buffer.len().min(self.block.len() - self.taken);
        buffer[..count].copy_from_slice(&self.block[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

/// Reads the header of a member up to its first block; gives its flags.
fn read_header(source: &mut impl Read) -> IoResult<u32> {
    if read_array::<9>(source)? != MAGIC {
        return Err(Error::other("not an lzop file"));
    }
    // From here on the header's checksum counts.
    let mut header = Vec::new();
    let mut field = |bytes: usize, source: &mut dyn Read| -> IoResult<u32> {
        let start = header.len();
        header.resize(start + bytes, 0);
        source.read_exact(&mut header[start..])?;
        Ok(header[start..].iter().fold(0, |value, byte| (value << 8) | u32::from(*byte)))
    };
    let version = field(2, source)? as u16;
    field(2, source)?; // the version of the library
    let has_level = VERSION_WITH_LEVEL <= version;
    if has_level {
        field(2, source)?; // the version needed to extract
    }
    let method = field(1, source)?;
    if has_level {
        field(1, source)?; // the level
    }
    let flags = field(4, source)?;
    if flags & FLAG_FILTER != 0 {
        return Err(Error::other("lzop files made with --filter are not supported"));
    }
    // The mode, the time, and in later versions its upper half.
    for _ in 0..if has_level { 3 } else { 2 } {
        field(4, source)?;
    }
    for _ in 0..field(1, source)? {
        field(1, source)?; // the name of the file
    }
    let crc = flags & FLAG_CRC32_HEADER != 0;
    let written = Some(read_u32(source)?);
    check_sums(&header, if crc { [None, written] } else { [written, None] })?;
    if !(1..=3).contains(&method) {
        return Err(Error::other(format!("lzop method {method} is unknown")));
    }
    if flags & FLAG_EXTRA_FIELD != 0 {
        // With a checksum after it.
        let bytes = u64::from(read_u32(source)?) + 4;
        std::io::copy(&mut source.take(bytes), &mut std::io::sink())?;
    }
    Ok(flags)
}

/// Compares a checksum each of Adler-32 and CRC-32, where there is one.
fn check_sums(bytes: &[u8], [adler, crc]: [Option<u32>; 2]) -> IoResult<()> {
    let crc32 = || {
        let mut sum = Crc::new();
        sum.update(bytes);
        sum.sum()
    };
    if adler.is_some_and(|adler| adler != adler32(bytes)) || crc.is_some_and(|crc| crc != crc32()) {
        return Err(Error::other("lzop checksum does not match"));
    }
    Ok(())
}

/// The checksum of RFC 1950.
pub(super) fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // As many bytes as cannot overflow the sums.
    const RUN: usize = 5_552;
    let (mut low, mut high) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            low += u32::from(*byte);
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
    }
    (high << 16) | low
}

fn read_array<const N: usize>(source: &mut impl Read) -> IoResult<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_u32(source: &mut impl Read) -> IoResult<u32> {
    read_array(source).map(u32::from_be_bytes)
}
