//! Decompression of the parts of a file, each into no more bytes than it may have.

use std::io::Read;

use super::input::FileError;

/// How a page, block or chunk is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Plain,
    Snappy,
    /// Deflate with a gzip header.
    Gzip,
    /// Deflate alone.
    Deflate,
    Zstd,
    /// One LZ4 block.
    Lz4,
    /// LZ4 blocks, each after its two lengths, as Hadoop writes them.
    Lz4Hadoop,
}

/// Replaces `out` by the decompressed bytes: at most `bytes_max`.
///
/// # Errors
/// Bytes that are not of the codec, or more of them than allowed.
pub(super) fn decompress(
    codec: Codec,
    bytes: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), FileError> {
    out.clear();
    match codec {
        Codec::Plain if bytes.len() <= bytes_max => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Codec::Plain => Err(too_long()),
        Codec::Snappy => {
            let broken = |_| FileError::Malformed("not compressed with snappy");
            let length = snap::raw::decompress_len(bytes).map_err(broken)?;
            if length > bytes_max {
                return Err(too_long());
            }
            out.resize(length, 0);
            snap::raw::Decoder::new().decompress(bytes, out).map(|_| ()).map_err(broken)
        }
        Codec::Gzip => read_all(flate2::read::MultiGzDecoder::new(bytes), bytes_max, out),
        Codec::Deflate => read_all(flate2::read::DeflateDecoder::new(bytes), bytes_max, out),
        Codec::Zstd => {
            let broken = |_| FileError::Malformed("not compressed with zstd");
            let decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(broken)?;
            read_all(decoder, bytes_max, out)
        }
        Codec::Lz4 => lz4_block(bytes, bytes_max, out),
        // Older writers wrote plain blocks under this name.
        Codec::Lz4Hadoop => match lz4_hadoop(bytes, bytes_max, out) {
            Ok(()) => Ok(()),
            Err(_) => {
                out.clear();
                lz4_block(bytes, bytes_max, out)
            }
        },
    }
}

fn read_all(reader: impl Read, bytes_max: usize, out: &mut Vec<u8>) -> Result<(), FileError> {
    let mut reader = reader.take(bytes_max as u64 + 1);
    reader.read_to_end(out).map_err(|_| FileError::Malformed("broken compressed bytes"))?;
    if out.len() > bytes_max { Err(too_long()) } else { Ok(()) }
}

fn lz4_block(bytes: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), FileError> {
    let start = out.len();
    out.resize(start + bytes_max, 0);
    let length = lz4_flex::block::decompress_into(bytes, &mut out[start..])
        .map_err(|_| FileError::Malformed("not compressed with lz4"))?;
    out.truncate(start + length);
    Ok(())
}

fn lz4_hadoop(bytes: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), FileError> {
    let mut input = super::input::Input::new(bytes);
    while input.remaining() > 0 {
        let length = u32::from_be_bytes(input.array()?) as usize;
        let compressed = u32::from_be_bytes(input.array()?) as usize;
        if length > bytes_max - out.len() {
            return Err(too_long());
        }
        let end = out.len() + length;
        lz4_block(input.take(compressed)?, length, out)?;
        if out.len() != end {
            return Err(FileError::Malformed("not compressed with lz4"));
        }
    }
    Ok(())
}

fn too_long() -> FileError {
    FileError::Malformed("more bytes than announced")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_announced_is_refused_before_it_takes_memory() {
        // Ten bytes that announce four GiB, and a megabyte of zeros in gzip.
        let bomb = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0, 0, 0, 0, 0];
        assert!(decompress(Codec::Snappy, &bomb, 1 << 20, &mut Vec::new()).is_err());
        let mut zeros = Vec::new();
        let level = flate2::Compression::default();
        flate2::read::GzEncoder::new(&[0; 1 << 20][..], level).read_to_end(&mut zeros).unwrap();
        let mut out = Vec::new();
        assert!(decompress(Codec::Gzip, &zeros, 1000, &mut out).is_err());
        assert!(out.len() <= 1001);
        assert!(decompress(Codec::Gzip, &zeros, 1 << 20, &mut out).is_ok());
        assert_eq!(out.len(), 1 << 20);
    }

    #[test]
    fn garbage_is_an_error_of_every_codec() {
        let codecs =
            [Codec::Snappy, Codec::Gzip, Codec::Deflate, Codec::Zstd, Codec::Lz4, Codec::Lz4Hadoop];
        for codec in codecs {
            let outcome = decompress(codec, &[0xF7; 40], 64, &mut Vec::new());
            assert!(outcome.is_err(), "{codec:?}");
        }
    }
}
