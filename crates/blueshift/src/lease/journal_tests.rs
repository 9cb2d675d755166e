//! A journal under a sweep: while it is begun, when it is damaged, when it belongs elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;

use emulator_core::serve::{Request, ResponseFuture, Service};
use emulator_sqs::{Sqs, SqsConfig};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::lease::Programs;
use crate::process::Process;
use crate::provision::sdk_config;

fn nowhere() -> Endpoints {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Endpoints::local(address, address, None, "us-east-1".to_owned())
}

fn queue(name: &str) -> Thing {
    Thing::Queue(name.to_owned())
}

#[test]
fn what_is_left_is_what_was_announced_and_not_removed() {
    let text = "{\"place\":\"here\"}\n\
        {\"making\":{\"queue\":\"a\"}}\n\
        {\"at\":7}\n\
        {\"making\":{\"objects\":{\"bucket\":\"b\",\"prefix\":\"p/\"}}}\n\
        {\"removed\":{\"queue\":\"a\"}}\n\
        {\"making\":{\"sch";
    let thing = Thing::Objects { bucket: "b".to_owned(), prefix: "p/".to_owned() };
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    let read = contents(text).expect("all lines but the last are entries");
    let expected = vec![Made { thing, at }];
    assert_eq!(read, Contents { place: "here".to_owned(), things: expected, programs: Vec::new() });
    let (line, _) = contents(&format!("{text}\n")).expect_err("the last line is no entry");
    assert_eq!(line, 6);
}

#[tokio::test]
async fn a_damaged_journal_is_said_and_kept_and_so_is_one_of_another_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = Place::new(&nowhere(), Some("111111111111"));
    let elsewhere = Place::new(&nowhere(), Some("222222222222"));
    let journal = Journal::begin(folder.path(), "theirs", &elsewhere).expect("begun");
    journal.making(&[queue("q")]).expect("written");
    drop(journal);
    std::fs::write(folder.path().join("damaged.ndjson"), "{\"place\":\"x\"}\n?\n")
        .expect("written");
    let mut left = sweep(folder.path(), &nowhere(), &here).await.left;
    left.sort_unstable();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].contains("line 2") && left[0].contains("damaged.ndjson"), "{left:?}");
    assert!(left[1].contains("1 things at account 222222222222"), "{left:?}");
    assert!(left[1].contains("here is account 111111111111"), "{left:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2);
}

#[tokio::test]
async fn a_line_that_was_cut_off_does_not_spoil_what_is_written_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::new(&nowhere(), None);
    let journal = Journal::begin(folder.path(), "run", &place).expect("begun");
    let things = [queue("a"), queue("b")];
    journal.making(&things).expect("written");
    let mut file = OpenOptions::new().append(true).open(&journal.path).expect("there");
    file.write_all(b"{\"making\":{\"sch").expect("written");
    assert_eq!(journal.read().expect("readable").things.len(), 2);
    journal.removed(&things[0]).expect("written");
    assert_eq!(journal.read().expect("readable").things.len(), 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state/journals");
    let _journal = Journal::begin(&path, "run", &Place::new(&nowhere(), None)).expect("begun");
    for (path, expected) in [(path.clone(), 0o700), (path.join("run.ndjson"), 0o600)] {
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, expected, "{}", path.display());
    }
}

#[tokio::test]
async fn a_program_that_outlived_its_run_is_ended_and_no_other_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, elsewhere) = (Place::new(&nowhere(), None), Place::new(&nowhere(), Some("1")));
    let mut orphan = std::process::Command::new("sleep").arg("600").spawn().expect("it starts");
    let programs = Programs {
        journal: Some(Arc::new(Journal::begin(folder.path(), "run", &elsewhere).expect("begun"))),
        ..Programs::default()
    };
    programs.started("consume-events", orphan.id()).expect("written");
    let journal = programs.journal.as_ref().expect("given");
    // The id became another's since.
    let process = Process { started: "before".to_owned(), ..Process::this() };
    journal.started(&Program { name: "old".to_owned(), process }).expect("written");
    // Its run lives.
    assert_eq!(sweep(folder.path(), &nowhere(), &here).await, Swept::default());
    assert_eq!(orphan.try_wait().expect("its state"), None);
    drop(programs);
    let swept = sweep(folder.path(), &nowhere(), &here).await;
    let ended = format!("program consume-events (process {})", orphan.id());
    assert_eq!(swept, Swept { removed: vec![ended], left: Vec::new() });
    assert!(!orphan.wait().expect("it has ended").success());
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_never_takes_a_journal_that_is_just_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::new(&nowhere(), None);
    let path = folder.path().to_owned();
    let done = CancellationToken::new();
    let sweeper = tokio::spawn({
        let (path, place, done) = (path.clone(), place.clone(), done.clone());
        async move {
            while !done.is_cancelled() {
                let swept = sweep(&path, &nowhere(), &place).await;
                assert_eq!(swept, Swept::default());
                tokio::task::yield_now().await;
            }
        }
    });
    for run in 0..200 {
        let journal = Journal::begin(&path, &format!("run-{run}"), &place).expect("begun");
        assert!(journal.path.exists(), "run {run}: the sweep has taken it");
    }
    done.cancel();
    sweeper.await.expect("every sweep found nothing");
}

/// An SQS that tells of each call by a permit.
struct Told {
    sqs: Sqs,
    calls: Semaphore,
}

impl Service for Told {
    fn call(&self, request: Request) -> ResponseFuture {
        self.calls.add_permits(1);
        self.sqs.call(request)
    }
}

#[tokio::test]
async fn a_queue_that_is_listed_only_later_is_removed_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let sqs = Sqs::new(SqsConfig {
        account_id: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        clock: emulator_core::clock::Clock::default(),
    });
    let shutdown = CancellationToken::new();
    let told = Arc::new(Told { sqs: sqs.clone(), calls: Semaphore::new(0) });
    tokio::spawn(emulator_core::serve::serve(listener, told.clone(), shutdown.clone()));
    let endpoints = Endpoints::local(address, address, None, "us-east-1".to_owned());
    let client = aws_sdk_sqs::Client::new(&sdk_config(&endpoints).await);
    let thing = queue("late");
    let made = Made { thing: thing.clone(), at: SystemTime::now() };
    let (removed, ()) = tokio::join!(remove(&made, &endpoints), async {
        // Whoever asks a second time was told by the first answer that it is not there.
        told.calls.acquire_many(2).await.expect("open").forget();
        client.create_queue().queue_name("late").send().await.expect("made");
    });
    removed.expect("removed");
    assert_eq!(sqs.queue_names(), Vec::<String>::new());
    // One that was announced long ago was never made.
    let began_at = std::time::Instant::now();
    remove(&Made { thing, at: SystemTime::UNIX_EPOCH }, &endpoints).await.expect("gone");
    assert!(began_at.elapsed() < Duration::from_secs(5));
    shutdown.cancel();
}
