//! Whatever fails, in whatever order: every good event is stored, every bad one dead-lettered.

use proptest::prelude::*;

use super::fakes::{Fakes, Fault, all_good, distinct, good, run, tuning};

const FAULTS: [Fault; 4] =
    [Fault::Unavailable, Fault::AnswerLost, Fault::FirstEntry, Fault::FirstEntryForGood];

/// Which calls of an operation are hit, and by what.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    prop::collection::vec(prop::sample::select(FAULTS.to_vec()), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_whatever_fails_in_between(
        good_count in 0_u64..400,
        bad_count in 0_u64..30,
        receive in faults(),
        delete in faults(),
        put in faults(),
        put_rejected in faults(),
        send in faults(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let fakes = Fakes::default();
            for number in 0..good_count {
                fakes.send_body(number, good(number));
            }
            for number in good_count..good_count + bad_count {
                fakes.send_body(number, format!("bad {number}"));
            }
            for (operation, faults) in [
                ("receive", receive),
                ("delete", delete),
                ("put", put),
                ("put_rejected", put_rejected),
                ("send", send),
            ] {
                fakes.fail(operation, &faults);
            }
            let summary = run(&fakes, tuning()).await.expect("only transient faults");
            assert_eq!(fakes.left(), (0, 0));
            assert_eq!(distinct(fakes.stored()), all_good(good_count));
            let rejected = fakes.rejected();
            let rejected = rejected.iter().map(|it| it["body"].as_str().unwrap().to_owned());
            let letters = fakes.letters().into_iter().map(|(body, _)| body).chain(rejected);
            let letters = letters.collect();
            let bad = (good_count..good_count + bad_count).map(|number| format!("bad {number}"));
            assert_eq!(distinct(letters), distinct(bad.collect()));
            assert_eq!(summary.stored as usize, fakes.stored().len());
        });
    }
}
