//! Files that are cut, damaged or made to hurt: an error each, no panic, no memory.

use super::*;

const THREE: &str = "id integer, name character varying(8), at timestamp without time zone";

#[tokio::test]
async fn what_is_no_parquet_says_so() {
    let whole = fixture("three.parquet");
    let mut long_footer = whole.clone();
    let at = long_footer.len() - 8;
    long_footer[at..at + 4].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    for (bytes, expected) in [
        (b"id,name\n1,a and more\n".to_vec(), "it does not end with PAR1"),
        (b"PAR1".to_vec(), "unexpected end"),
        (whole[..whole.len() - 1].to_vec(), "it does not end with PAR1"),
        (long_footer, "its footer has 2147483647 bytes, more than 67108864"),
        (b"PAR1\xff\xff\0\0PAR1".to_vec(), "unexpected end"),
        (b"PAR1\0\0\0\0PAR1".to_vec(), "unexpected end"),
    ] {
        let loaded = load_bytes(&bytes, THREE, "PARQUET").await;
        assert_eq!(
            told(&loaded),
            format!(
                "Spectrum Scan Error 15007: File 'https://s3.us-east-1.amazonaws.com/lake/f' is \
                 not a valid Parquet file: {expected}."
            )
        );
    }
}

/// Changes bytes of a file by a seed, and cuts it, again and again: whatever comes out, it ends.
async fn mutate(file: &str, columns: &str, format: &str, rounds: u64) {
    let whole = fixture(file);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let mutants = (0..rounds).map(|round| {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] = match random(3) {
                0 => 0xFF,
                1 => 0,
                _ => random(256) as u8,
            };
        }
        if round % 5 == 0 {
            // What is at the end says where all the rest is: keep it.
            let cut = random(bytes.len() - 8);
            bytes.drain(cut..(cut + 1 + random(8)).min(bytes.len() - 8));
        }
        bytes
    });
    let mutants: Vec<Vec<u8>> = mutants.collect();
    // Most of the time of a load goes into waiting for the canned S3.
    let loads = stream::iter(mutants.iter().map(|bytes| load_bytes(bytes, columns, format)));
    let outcomes: Vec<Loaded> = loads.buffered(32).collect().await;
    assert!(!outcomes.iter().any(|loaded| matches!(loaded.outcome, Err(CopyFailure::Cancelled))));
}

#[tokio::test]
async fn damaged_files_are_errors_or_rows_and_never_panics() {
    mutate("three.parquet", THREE, "PARQUET", 150).await;
    let many = "id integer, word text, long bigint, half double precision, flag boolean";
    mutate("many-delta.parquet", many, "PARQUET", 60).await;
    mutate("many-delta-length.parquet", many, "PARQUET", 60).await;
    let nested = "id integer, tags super, who super, counts super, deep super";
    mutate("nested.parquet", nested, "PARQUET SERIALIZETOJSON", 100).await;
    mutate("three.orc", THREE, "ORC", 150).await;
    let many = "id integer, word text, long bigint, half double precision, flag boolean, \
                at timestamp without time zone";
    mutate("many-dictionary.orc", many, "ORC", 60).await;
    mutate("numbers.orc", "n bigint", "ORC", 60).await;
    let nested = "id integer, tags super, who super, counts super";
    mutate("nested.orc", nested, "ORC SERIALIZETOJSON", 100).await;
    let avro = "id integer, nested text, price numeric(10,2), at timestamp without time zone";
    mutate("types-null.avro", avro, "AVRO", 150).await;
    mutate("types-snappy.avro", avro, "AVRO", 60).await;
}

#[tokio::test]
async fn records_without_bytes_do_not_go_on_for_ever() {
    let schema = br#"{"type":"record","name":"r","fields":[{"name":"id","type":"null"}]}"#;
    let mut file = b"Obj\x01\x02\x16avro.schema".to_vec();
    file.extend([0x86, 0x01]);
    assert_eq!(schema.len(), 67);
    file.extend(schema);
    file.push(0);
    file.extend([7; 16]);
    // 2^62 records in no bytes.
    file.extend([0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0]);
    file.extend([7; 16]);
    let loaded = load_bytes(&file, "id integer", "AVRO NOLOAD").await;
    let reason = loaded.failure().rejects()[0].err_reason.clone();
    assert!(reason.contains("too many values"));
}
