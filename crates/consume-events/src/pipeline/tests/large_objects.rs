//! Objects that go to S3 in parts.

use super::fakes::{Fakes, Fault, all_good, distinct, run, start, tuning, until};
use crate::error::CallError;
use crate::object::Compression;
use crate::pipeline::Tuning;

const EVENTS: u64 = 8_000;

/// One batch of everything, in parts of few bytes.
fn in_parts(compression: Compression) -> Tuning {
    let mut tuning = Tuning { part_bytes: 1_000, compression, ..tuning() };
    tuning.limits.events_max = 5_000;
    tuning.limits.bytes_max = usize::MAX;
    tuning
}

#[tokio::test(start_paused = true)]
async fn a_large_object_goes_in_parts_and_is_whole() {
    // More than a compressor keeps to itself.
    const COUNT: u64 = 20_000;
    for compression in [Compression::Gzip, Compression::Zstd] {
        let fakes = Fakes::with_events(COUNT);
        let mut tuning = in_parts(compression);
        tuning.limits.events_max = 20_000;
        run(&fakes, tuning).await.unwrap();
        assert_eq!(fakes.stored(), all_good(COUNT));
        assert!(fakes.object_keys().iter().all(|key| key.ends_with(compression.extension())));
        assert!(2 * fakes.object_keys().len() < fakes.calls("put_part") as usize);
        // What the compressor keeps to itself comes at once at times: a block of it.
        assert!(fakes.part_bytes_max() < 150_000, "{}", fakes.part_bytes_max());
        assert_eq!((fakes.unfinished_uploads(), fakes.left()), (0, (0, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_on_the_way_is_tried_again_and_the_object_is_whole() {
    for operation in ["begin", "put_part", "complete"] {
        for fault in [Fault::Unavailable, Fault::AnswerLost] {
            let fakes = Fakes::with_events(EVENTS);
            fakes.fail(operation, &[fault; 3]);
            let summary = run(&fakes, in_parts(Compression::Gzip)).await.unwrap();
            assert_eq!(fakes.stored(), all_good(EVENTS), "{operation} {fault:?}");
            assert_eq!(summary.stored, EVENTS);
            assert_eq!(fakes.left(), (0, 0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unclear_completion_is_resolved_by_looking() {
    let fakes = Fakes::with_events(5_000);
    fakes.fail("complete", &[Fault::AnswerLost]);
    fakes.fail("is_there", &[Fault::Unavailable]);
    run(&fakes, in_parts(Compression::Gzip)).await.unwrap();
    assert_eq!(fakes.stored(), all_good(5_000), "stored once");
    assert_eq!((fakes.calls("is_there"), fakes.given_back()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_somebody_aborted_costs_another_try_of_its_messages() {
    let fakes = Fakes::with_events(5_000);
    let (_shutdown, running) = start(&fakes, in_parts(Compression::Gzip));
    until("a part is stored", || 0 < fakes.calls("put_part")).await;
    fakes.forget_uploads();
    running.await.unwrap().unwrap();
    assert_eq!(distinct(fakes.stored()), all_good(5_000));
    assert!(0 < fakes.given_back());
    assert_eq!(fakes.left(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_refuses_a_part_gets_no_more_and_the_rest_is_aborted() {
    let fakes = Fakes::with_events(EVENTS);
    fakes.fail("put_part", &[Fault::Denied]);
    let error = run(&fakes, in_parts(Compression::Gzip)).await.unwrap_err();
    assert!(matches!(error, CallError::Denied(_)), "{error}");
    assert_eq!((fakes.calls("abort"), fakes.unfinished_uploads()), (1, 0));
    assert_eq!(fakes.left().1, 0, "nothing is held any more");
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_s3_is_away_leaves_no_upload_and_gives_back_everything() {
    let fakes = Fakes::with_events(5_000);
    let (shutdown, running) = start(&fakes, in_parts(Compression::Gzip));
    until("a part is stored", || 0 < fakes.calls("put_part")).await;
    fakes.fail("put_part", &[Fault::Unavailable; 1_000]);
    fakes.fail("abort", &[Fault::Unavailable]);
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!((fakes.stored().len(), fakes.unfinished_uploads()), (0, 0));
    assert_eq!(fakes.left(), (5_000, 0));
}
