//! What the programs `lzop`, `zstd`, `bzip2` wrote is read back; what is damaged is an error.

use std::io::BufReader;

use proptest::prelude::*;

use super::*;

/// What the files beside this one hold: rows, and runs that make long, far and overlapping matches
/// and more than one block.
fn sample() -> Vec<u8> {
    let row = |i: usize| {
        let letter = char::from(b'a' + u8::try_from(i % 10).expect("a digit"));
        format!("{i}|{}|{}\n", i * i % 997, String::from(letter).repeat(i % 7))
    };
    let rows: String = (0..300).map(row).collect();
    let (short, long) = ("z".repeat(20_000), "z".repeat(300_000));
    format!("{rows}{short}\n{rows}{long}\n{rows}").into_bytes()
}

fn read(compression: Compression, bytes: &[u8]) -> IoResult<Vec<u8>> {
    // A small buffer, so that every border of it is met.
    let reader = BufReader::with_capacity(61, bytes);
    let mut content = Vec::new();
    decompress(Some(compression), reader)?.read_to_end(&mut content)?;
    Ok(content)
}

const FILES: [(Compression, &[u8]); 7] = [
    (Compression::Lzop, include_bytes!("tests/fast.lzo")),
    (Compression::Lzop, include_bytes!("tests/best.lzo")),
    (Compression::Lzop, include_bytes!("tests/crc32.lzo")),
    (Compression::Lzop, include_bytes!("tests/no-checksums.lzo")),
    (Compression::Zstd, include_bytes!("tests/fast.zst")),
    (Compression::Zstd, include_bytes!("tests/best.zst")),
    (Compression::Bzip2, include_bytes!("tests/best.bz2")),
];

#[test]
fn what_the_programs_write_is_read_back() {
    for (index, (compression, file)) in FILES.iter().enumerate() {
        assert!(read(*compression, file).unwrap() == sample(), "file {index}");
    }
}

#[test]
fn members_are_read_to_the_last() {
    for (compression, file) in FILES {
        assert!(read(compression, &file.repeat(3)).unwrap() == sample().repeat(3));
        assert_eq!(read(compression, b"").unwrap(), b"");
    }
    // A skippable frame (RFC 8878) is no content.
    let (compression, file) = FILES[4];
    let mut frames = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    frames.extend_from_slice(file);
    frames.extend_from_slice(b"\x5f\x2a\x4d\x18\0\0\0\0");
    assert!(read(compression, &frames).unwrap() == sample());
    frames.extend_from_slice(b"\x5f\x2a\x4d\x18\x09\0\0\0ab");
    assert!(read(compression, &frames).is_err());
}

#[test]
fn what_is_cut_off_or_goes_on_is_an_error() {
    for (compression, file) in FILES {
        for length in [1, 8, 30, file.len() / 2, file.len() - 4, file.len() - 1] {
            assert!(read(compression, &file[..length]).is_err(), "{compression:?} {length}");
        }
        let mut garbage = file.to_vec();
        garbage.extend_from_slice(b"garbage that is no member");
        assert!(read(compression, &garbage).is_err(), "{compression:?}");
        assert!(read(compression, b"1|a\n2|b\n").is_err(), "{compression:?}");
    }
}

#[test]
fn checksums_are_checked() {
    for (compression, file) in [FILES[0], FILES[1], FILES[2], FILES[5], FILES[6]] {
        let mut errors = 0;
        for at in (20..file.len()).step_by(file.len() / 10) {
            let mut damaged = file.to_vec();
            damaged[at] ^= 0x10;
            // Another distance inside a run may give the same bytes.
            match read(compression, &damaged) {
                Ok(content) => assert!(content == sample(), "{compression:?} {at}"),
                Err(_) => errors += 1,
            }
        }
        assert!(5 < errors, "{compression:?}");
    }
    assert_eq!(lzop::adler32(b"Wikipedia"), 0x11E6_0398);
}

#[test]
fn filtered_lzop_files_are_refused() {
    // "COPY doesn't support files that are compressed using the lzop --filter option."
    let error = read(Compression::Lzop, include_bytes!("tests/filter.lzo")).unwrap_err();
    assert_eq!(error.to_string(), "lzop files made with --filter are not supported");
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    // A block that promises more than the program would write.
    let (_, file) = FILES[3];
    let header = file.windows(4).position(|four| four == [0, 4, 0, 0]).expect("a block of 256 KiB");
    let mut huge = file.to_vec();
    huge[header..header + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let error = read(Compression::Lzop, &huge).unwrap_err();
    assert_eq!(error.to_string(), "lzop block has an impossible size");
    // A frame with a window of 1 GiB.
    let frame = b"\x28\xb5\x2f\xfd\x00\xa0\x01\0\0";
    let error = read(Compression::Zstd, frame).unwrap_err();
    assert!(error.to_string().to_lowercase().contains("window"), "{error}");
}

proptest! {
    // Each case decompresses 350 KB.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn damaged_files_never_panic(
        index in 0..FILES.len(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (compression, file) = FILES[index];
        let mut damaged = file.to_vec();
        for (at, byte) in damages {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        // An error or, where there are no checksums, other bytes.
        let _ = read(compression, &damaged);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_block_or_an_error(
        block in prop::collection::vec(any::<u8>(), 0..60),
        bytes_max in 0..400usize,
    ) {
        let mut out = Vec::new();
        let outcome = lzo1x::decompress(&block, bytes_max, &mut out);
        prop_assert!(out.len() <= bytes_max);
        prop_assert!(outcome.is_err() || out.len() == bytes_max);
    }
}
