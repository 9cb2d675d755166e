//! Removal against the kit's own S3 and Redshift.

use std::sync::Arc;
use std::time::SystemTime;

use emulator_core::clock::Clock;
use emulator_s3::S3Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::lease::Lessor;
use crate::lease::journal::{Journal, Place};
use crate::stack::Stack;

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_go_page_by_page_and_only_those_below_the_prefix() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let shutdown = CancellationToken::new();
    let service = Arc::new(emulator_s3::service(S3Store::new(Clock::default())));
    tokio::spawn(emulator_core::serve::serve(listener, service, shutdown.clone()));
    let endpoints = Endpoints::local(address, address, None, "us-east-1".to_owned());
    let s3 = s3_client(&endpoints).await;
    s3.create_bucket().bucket("lake").send().await.expect("made");
    let begin = async |key: String| {
        s3.create_multipart_upload().bucket("lake").key(key).send().await.expect("begun");
    };
    begin("theirs/a".to_owned()).await;
    // A page has at most 1,000.
    for number in 0..1_002 {
        begin(format!("ours/{}", number % 7)).await;
    }
    let thing = Thing::Objects { bucket: "lake".to_owned(), prefix: "ours/".to_owned() };
    let made = Made { thing, at: SystemTime::now() };
    remove(&made, &endpoints).await.expect("removed");
    let left = s3.list_multipart_uploads().bucket("lake").send().await.expect("listed");
    let left: Vec<_> = left.uploads().iter().filter_map(|upload| upload.key()).collect();
    assert_eq!(left, ["theirs/a"]);
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_just_being_made_does_not_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::in_process().await.expect("it starts");
    let place = Place::new(stack.endpoints(), None);
    let journal = Journal::begin(folder.path(), "run", &place).expect("begun");
    stack.lessor = Lessor::journaled("run".to_owned(), None, journal);
    let table = folder.path().join("t.sql");
    let text = "CREATE TABLE events (a INT); LOCK TABLE public.held;";
    std::fs::write(&table, text).expect("written");
    let holder = stack.redshift().await.expect("a session");
    holder.batch_execute("CREATE TABLE public.held (a INT)").await.expect("made");
    holder.batch_execute("BEGIN; LOCK TABLE public.held").await.expect("held");
    let watcher = stack.redshift().await.expect("a session");
    let waiting = async |count: i64| {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let until = Instant::now() + Duration::from_secs(30);
        while watcher.query_one(waiting, &[]).await.expect("a row").get::<_, i64>(0) < count {
            assert!(Instant::now() < until, "fewer than {count} wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Given up in the middle, as Ctrl-C does.
    tokio::select! {
        made = stack.lease("x", &table) => panic!("the lock is held: {made:?}"),
        () = waiting(1) => {}
    }
    let (endpoints, lessor) = (&stack.endpoints, &stack.lessor);
    tokio::join!(lessor.remove_all(endpoints), async {
        waiting(2).await;
        holder.batch_execute("COMMIT").await.expect("released");
    });
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'run_1'";
    let left: i64 = watcher.query_one(left, &[]).await.expect("a row").get(0);
    assert_eq!(left, 0);
    stack.lessor = Lessor::of_own_stack();
    let journals = std::fs::read_dir(folder.path()).expect("there").flatten();
    let journals = journals.map(|entry| entry.file_name()).collect::<Vec<_>>();
    assert_eq!(journals, ["t.sql"], "nothing is left to be removed");
    stack.shutdown().await;
}
