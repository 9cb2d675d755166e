//! Finds the interesting bytes of a text, eight at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first `"`, `\` or control character at or after `from`; the length if there is none.
pub(super) fn find_string_stop(bytes: &[u8], from: usize) -> usize {
    let mut index = from;
    while let Some(chunk) = bytes.get(index..index + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
        let stops = zeros(word ^ (ONES * u64::from(b'"')))
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS);
        if stops != 0 {
            // Borrows can only set bits above a true one, so the lowest is right.
            return index + stops.trailing_zeros() as usize / 8;
        }
        index += 8;
    }
    while index < bytes.len() && !matches!(bytes[index], b'"' | b'\\' | 0..=0x1F) {
        index += 1;
    }
    index
}

/// The first `one`, `other`, `\` or control character at or after `from`, or the length.
pub(super) fn find_field_stop(bytes: &[u8], from: usize, one: u8, other: u8) -> usize {
    let mut index = from;
    while let Some(chunk) = bytes.get(index..index + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("the slice has eight bytes"));
        let stops = zeros(word ^ (ONES * u64::from(one)))
            | zeros(word ^ (ONES * u64::from(other)))
            | zeros(word ^ (ONES * u64::from(b'\\')))
            | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS);
        if stops != 0 {
            return index + stops.trailing_zeros() as usize / 8;
        }
        index += 8;
    }
    let is_stop = |byte: u8| byte == one || byte == other || matches!(byte, b'\\' | 0..=0x1F);
    while index < bytes.len() && !is_stop(bytes[index]) {
        index += 1;
    }
    index
}

/// The high bit of each byte that is zero.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// White space of JSON.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_loop_finds(
            bytes in prop::collection::vec(prop_oneof![
                8 => b' '..=255u8, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0..0x20u8
            ], 0..80),
            from in 0..80usize,
        ) {
            let from = from.min(bytes.len());
            let plain = bytes[from..]
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F))
                .map_or(bytes.len(), |offset| from + offset);
            prop_assert_eq!(find_string_stop(&bytes, from), plain);
            for (one, other) in [(b'"', b'"'), (b'|', 0xFF), (b'a', b'\t')] {
                let is_stop = |byte: &u8| {
                    *byte == one || *byte == other || matches!(byte, b'\\' | 0..=0x1F)
                };
                let plain = bytes[from..].iter().position(is_stop);
                let plain = plain.map_or(bytes.len(), |offset| from + offset);
                prop_assert_eq!(find_field_stop(&bytes, from, one, other), plain);
            }
        }
    }
}
