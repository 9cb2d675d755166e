//! Random numbers from a seed, and inputs made with them.

/// Bytes of an input at most: enough for several groups of records.
const INPUT_BYTES_MAX: usize = 700_000;

/// SplitMix64.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `end - 1`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// True once in `count` times.
    pub(super) fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// A length that is mostly small.
    fn length(&mut self, max: usize) -> usize {
        let bits = self.below(usize::BITS as usize - max.leading_zeros() as usize + 1);
        self.below((1 << bits).min(max) + 1)
    }
}

/// A good input that has been changed in a few places; rarely nothing but noise.
pub(super) fn mutate(samples: &[&[u8]], words: &[&[u8]], random: &mut Random) -> Vec<u8> {
    if random.once_in(50) {
        let length = random.length(300);
        return (0..length).map(|_| random.next() as u8).collect();
    }
    let mut input = random.pick(samples).to_vec();
    for _ in 0..random.below(6) {
        change(&mut input, samples, words, random);
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}

fn change(input: &mut Vec<u8>, samples: &[&[u8]], words: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.length(input.len() - at);
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next() as u8,
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            // Part of another sample.
            let other = random.pick(samples);
            let from = random.below(other.len() + 1);
            let to = from + random.length(other.len() - from);
            input.splice(at..end, other[from..to].iter().copied());
        }
        5 => {
            // The same again and again: depth, width, length.
            let part = input[at..end].to_vec();
            let times = random.length(60_000 / part.len().max(1));
            input.splice(at..at, part.repeat(times));
        }
        6 => {
            let word = random.pick(words);
            let times = random.length(60_000 / word.len().max(1));
            input.splice(at..at, word.repeat(times));
        }
        _ => {
            let word = random.pick(words);
            input.splice(at..end.min(at + word.len()), word.iter().copied());
        }
    }
}
