//! Fuzzing of everything that reads what others wrote, on stable Rust, as part of `cargo test`.
//!
//! Each target takes random and mutated inputs for half a second, or for `FUZZ_SECONDS`; then the
//! seed comes from the clock, and a failure names the one to repeat it with: `FUZZ_SEED=… cargo test
//! -p emulator-redshift copy::fuzz`. Without them the seed is fixed, so that a run is repeatable.
//!
//! What is checked beside panics: files cut into pieces anywhere give the same rows and rejects;
//! rows are what Postgres' COPY reads; nothing takes long.

mod columnar;
mod files;
mod mutation;
mod texts;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use self::mutation::{Random, mutate};

/// How long each target runs in a plain `cargo test`.
const PLAIN: Duration = Duration::from_millis(500);

/// The seed of a plain run.
const PLAIN_SEED: u64 = 0xB10E_5117;

/// No input is so large that it may take longer, debug build and busy machine included.
const RUN_WITHIN: Duration = Duration::from_secs(10);

/// What is fuzzed.
struct Target<'a> {
    /// Good inputs, which are mutated.
    samples: &'a [&'a [u8]],
    /// What is put into them.
    words: &'a [&'a [u8]],
    /// Panics if something is wrong.
    check: &'a dyn Fn(&[u8], &mut Random),
}

impl Target<'_> {
    fn run(&self) {
        let (budget, first_seed) = plan();
        let started_at = Instant::now();
        let mut seeds = Random::new(first_seed);
        let mut seed = first_seed;
        while started_at.elapsed() < budget {
            self.run_one(seed);
            seed = seeds.next();
        }
    }

    fn run_one(&self, seed: u64) {
        let mut random = Random::new(seed);
        let input = mutate(self.samples, self.words, &mut random);
        let started_at = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.check)(&input, &mut random)));
        let seconds = started_at.elapsed();
        let shown = String::from_utf8_lossy(&input[..input.len().min(4000)]);
        let place = format!("FUZZ_SEED={seed}, {} bytes: {shown:?}", input.len());
        match outcome {
            Ok(()) => assert!(seconds < RUN_WITHIN, "{seconds:?} for {place}"),
            Err(panic) => {
                tracing::error!("{place}");
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied());
                match text {
                    Some(text) => panic!("{text}\n{place}"),
                    None => resume_unwind(panic),
                }
            }
        }
    }
}

/// How long to run, and the first seed.
#[allow(clippy::disallowed_methods)] // A test has no flags.
fn plan() -> (Duration, u64) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("FUZZ_SECONDS");
    let clock = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or_default()
    };
    let seed = number("FUZZ_SEED").unwrap_or_else(|| seconds.map_or(PLAIN_SEED, |_| clock()));
    (seconds.map_or(PLAIN, Duration::from_secs), seed)
}
