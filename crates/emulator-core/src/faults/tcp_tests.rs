//! Each fault against a server that counts connections and sends back what it gets.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::plan::{Calls, Plan, Rule};
use super::*;

const WITHIN: Duration = Duration::from_secs(10);

/// A proxy in front of an echo; `arrived` counts bytes that reached the echo.
struct Setup {
    proxy: TcpProxy,
    faults: Faults,
    arrived: Arc<AtomicUsize>,
}

async fn setup(rules: Vec<Rule>) -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    counter.fetch_add(count, Ordering::SeqCst);
                    if stream.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let faults = Faults::default();
    faults.set_plan(Plan { seed: 1, rules });
    let proxy = TcpProxy::start("echo", upstream, faults.clone()).await.unwrap();
    Setup { proxy, faults, arrived }
}

impl Setup {
    /// What comes back for `sent`, and how the connection ended.
    async fn exchange(&self, sent: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let mut got = Vec::new();
        let outcome = tokio::time::timeout(WITHIN, async {
            let mut stream = TcpStream::connect(self.proxy.address()).await?;
            stream.write_all(sent).await?;
            stream.shutdown().await?;
            stream.read_to_end(&mut got).await?;
            Ok(())
        });
        let outcome = outcome.await.expect("the connection ends");
        (got, outcome)
    }
}

fn on_connect(action: Action) -> Rule {
    Rule::new("fault", "Connect", action)
}

#[tokio::test]
async fn without_a_fault_everything_passes_and_so_does_the_end() {
    let setup = setup(Vec::new()).await;
    let sent = vec![7; 300_000];
    let (got, outcome) = setup.exchange(&sent).await;
    outcome.unwrap();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn a_connection_is_cut_before_or_after_its_effect_or_within_the_answer() {
    for (action, arrived, answered) in [
        (Action::Cut, 0, 0),
        (Action::Lose, 10, 0),
        (Action::CutAfter { bytes: 4 }, 10, 4),
        (Action::CutAfter { bytes: 10 }, 10, 10),
    ] {
        let setup = setup(vec![on_connect(action.clone())]).await;
        let (got, outcome) = setup.exchange(&[7; 10]).await;
        // A reset may overtake the bytes before it.
        assert!(got.len() <= answered, "{action:?}: {} bytes", got.len());
        assert_eq!(outcome.is_ok(), answered == 10, "{action:?}: {outcome:?}");
        assert_eq!(setup.arrived.load(Ordering::SeqCst), arrived, "{action:?}");
        let journal = setup.faults.journal();
        assert_eq!((&*journal[0].call.resource, &*journal[0].call.caller), ("echo", "127.0.0.1"));
    }
}

#[tokio::test]
async fn a_slow_or_late_connection_takes_its_time() {
    for (action, seconds) in
        [(Action::Delay { ms: 200 }, 0.2), (Action::Slow { bytes_per_second: 5_000 }, 0.18)]
    {
        let setup = setup(vec![on_connect(action.clone())]).await;
        let started_at = Instant::now();
        let (got, outcome) = setup.exchange(&[7; 1_000]).await;
        outcome.unwrap();
        assert_eq!(got.len(), 1_000);
        let elapsed = started_at.elapsed().as_secs_f64();
        assert!(seconds <= elapsed, "{action:?} took {elapsed} s");
    }
}

#[tokio::test]
async fn a_held_connection_goes_on_or_is_cut_when_it_is_released() {
    for (moment, release, arrived_held) in [
        (Moment::Before, Release::Continue, 0),
        (Moment::Before, Release::Cut, 0),
        (Moment::After, Release::Continue, 10),
        (Moment::After, Release::Cut, 10),
    ] {
        let setup = setup(vec![on_connect(Action::Hold(moment))]).await;
        let held = async {
            tokio::time::timeout(WITHIN, setup.faults.until_held("fault")).await.unwrap();
            let arrived = setup.arrived.load(Ordering::SeqCst);
            assert_eq!(arrived, arrived_held, "{moment:?} {release:?}");
            setup.faults.release(release);
        };
        let ((got, outcome), ()) = tokio::join!(setup.exchange(&[7; 10]), held);
        let goes_on = release == Release::Continue;
        assert_eq!(
            (got.len() == 10, outcome.is_ok()),
            (goes_on, goes_on),
            "{moment:?} {release:?}"
        );
    }
}

#[tokio::test]
async fn a_seed_decides_which_connections_are_hit() {
    let mut outcomes = Vec::new();
    for _ in 0..2 {
        let setup = setup(vec![on_connect(Action::Cut).calls(Calls::Share(0.5))]).await;
        let mut hits = Vec::new();
        for _ in 0..12 {
            hits.push(setup.exchange(b"x").await.1.is_err());
        }
        outcomes.push(hits);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert!(outcomes[0].contains(&true) && outcomes[0].contains(&false), "{:?}", outcomes[0]);
}

#[tokio::test]
async fn who_is_away_resets_what_there_is_and_refuses_what_comes_until_it_is_back() {
    let setup = setup(Vec::new()).await;
    let mut stream = TcpStream::connect(setup.proxy.address()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    for _ in 0..2 {
        setup.proxy.go_away().await.unwrap();
        let (_, refused) = setup.exchange(b"x").await;
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
    let ended = tokio::time::timeout(WITHIN, stream.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    for _ in 0..2 {
        setup.proxy.come_back().await.unwrap();
        let (got, welcome) = setup.exchange(b"x").await;
        welcome.unwrap();
        assert_eq!(got, b"x");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_passes_any_more_when_it_has_gone_away() {
    for _ in 0..200 {
        let setup = setup(Vec::new()).await;
        let mut stream = TcpStream::connect(setup.proxy.address()).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        // It does not block: what is not there by now comes too late.
        let mut stream = stream.into_std().unwrap();
        setup.proxy.go_away().await.unwrap();
        let ended = std::io::Read::read(&mut stream, &mut [0]);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
