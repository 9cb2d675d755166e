//! A TCP proxy with faults: it cuts, delays, slows, holds and refuses connections of anything, a
//! container's or a Postgres' too.
//!
//! It knows no protocol. To the plan a connection is one call: service `tcp`, operation `Connect`,
//! the address of the client as the caller, the proxy's name as the resource.
//!
//! | action | what happens to the connection |
//! |---|---|
//! | `cut` | reset as soon as it is accepted |
//! | `lose` | what the client sends passes; at the first byte of the answer it is reset |
//! | `cut-after` | reset after so many bytes of answer |
//! | `delay` | accepted, but nothing passes before the time is over |
//! | `slow` | at most so many bytes a second pass in each direction |
//! | `hold` `before` | accepted, but nothing passes before it is released |
//! | `hold` `after` | what the client sends passes; the answer waits for the release |
//!
//! A plan cannot make the system refuse a connection, for it is asked only when one was accepted:
//! that is what [`TcpProxy::go_away`] is for.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::plan::{Action, Call, Moment};
use super::{Faults, Hit, Release};

/// What is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// A slow connection passes so many portions a second, and no larger ones.
const PORTIONS_PER_SECOND: u64 = 50;
/// Clients that wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long to wait after a connection that could not be accepted (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A proxy on a free port of the loopback. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    route: Arc<Route>,
    listening: tokio::sync::Mutex<Listening>,
}

/// What connections share.
#[derive(Debug)]
struct Route {
    name: String,
    upstream: SocketAddr,
    faults: Faults,
    /// Ends the connections there are.
    cut: Mutex<CancellationToken>,
    /// The connections there are.
    connections: TaskTracker,
}

#[derive(Debug)]
struct Listening {
    /// The one task that owns the listener; empty while the proxy is away.
    accepting: JoinSet<()>,
    /// Keeps the port while the proxy is away, or somebody else might get it.
    reserved: Option<TcpSocket>,
}

impl TcpProxy {
    /// Starts to pass connections on to `upstream`. Plans know the proxy by `name`.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(name: &str, upstream: SocketAddr, faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (name, cut, connections) = (name.to_owned(), Mutex::default(), TaskTracker::new());
        let route = Arc::new(Route { name, upstream, faults, cut, connections });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&route)));
        let listening = tokio::sync::Mutex::new(Listening { accepting, reserved: None });
        Ok(Self { address, route, listening })
    }

    /// Where it listens; the same for ever.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every connection, and has the system refuse new ones until
    /// [`TcpProxy::come_back`]. Does nothing if it is away already. When it returns, nothing that
    /// either side sends can reach the other any more.
    ///
    /// # Errors
    /// If somebody else took the port in the instant between; it stays away then.
    pub async fn go_away(&self) -> io::Result<()> {
        let mut listening = self.listening.lock().await;
        if !listening.accepting.is_empty() {
            listening.accepting.shutdown().await;
            self.cut_all();
            // A cut is only a wish until the connection's task has heard of it.
            self.route.connections.close();
            self.route.connections.wait().await;
            self.route.connections.reopen();
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(self.address)?;
            listening.reserved = Some(socket);
        }
        Ok(())
    }

    /// Takes connections again. Does nothing if it is not away.
    ///
    /// # Errors
    /// If the system does not let it listen.
    pub async fn come_back(&self) -> io::Result<()> {
        let mut listening = self.listening.lock().await;
        if let Some(socket) = listening.reserved.take() {
            let listener = socket.listen(BACKLOG)?;
            listening.accepting.spawn(accept(listener, Arc::clone(&self.route)));
        }
        Ok(())
    }

    /// Resets every connection there is, in an instant from now; new ones are welcome.
    pub fn cut_all(&self) {
        std::mem::take(&mut *self.route.cut()).cancel();
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.cut_all();
    }
}

impl Route {
    fn cut(&self) -> MutexGuard<'_, CancellationToken> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, route: Arc<Route>) {
    loop {
        match listener.accept().await {
            Ok((mut client, peer)) => {
                let cut = route.cut().clone();
                let connections = route.connections.clone();
                let route = Arc::clone(&route);
                connections.spawn(async move {
                    let served = cut.run_until_cancelled(serve(&mut client, peer, &route)).await;
                    if served.is_none_or(|ending| ending.is_err()) {
                        // The client shall see a reset, not a polite end.
                        let _ = client.set_zero_linger();
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Passes on what both sides send, until both have ended or a fault ends it; a fault is an error.
async fn serve(client: &mut TcpStream, peer: SocketAddr, route: &Route) -> io::Result<()> {
    let call = Call {
        service: "tcp".to_owned(),
        operation: "Connect".to_owned(),
        caller: peer.ip().to_string(),
        resource: route.name.clone(),
    };
    let hit = route.faults.judge(&call);
    let (mut request, mut answer) = (Passage::default(), Passage::default());
    if let Some(hit) = hit {
        match hit.action {
            Action::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
            Action::Delay { .. } => tokio::time::sleep(hit.action.delay()).await,
            Action::Hold(Moment::Before) => held(&route.faults, &hit).await?,
            Action::Hold(Moment::After) => answer.hold = Some((route.faults.clone(), hit)),
            Action::Lose => answer.bytes_max = Some(0),
            Action::CutAfter { bytes } => answer.bytes_max = Some(bytes),
            Action::Slow { bytes_per_second } => {
                request.bytes_per_second = Some(bytes_per_second);
                answer.bytes_per_second = Some(bytes_per_second);
            }
            // No plan hits connections with these: `Action::suits`.
            Action::Refuse { .. } | Action::FailEntries { .. } => {}
        }
    }
    let mut upstream = TcpStream::connect(route.upstream).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let (client_reads, client_writes) = client.split();
    let (upstream_reads, upstream_writes) = upstream.split();
    tokio::try_join!(
        request.pass(client_reads, upstream_writes),
        answer.pass(upstream_reads, client_writes)
    )?;
    Ok(())
}

async fn held(faults: &Faults, hit: &Hit) -> io::Result<()> {
    match faults.hold(hit).await {
        Release::Continue => Ok(()),
        Release::Cut => Err(io::ErrorKind::ConnectionReset.into()),
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Passage {
    bytes_per_second: Option<u64>,
    /// The connection ends when more than these would pass.
    bytes_max: Option<u64>,
    /// The first bytes wait for this release.
    hold: Option<(Faults, Hit)>,
}

impl Passage {
    /// Passes bytes on until `from` ends, and then that end.
    async fn pass(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let portion = self.bytes_per_second.map(|rate| (rate / PORTIONS_PER_SECOND).max(1));
        let portion = portion.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(CHUNK_BYTES);
        let mut buffer = vec![0; portion.min(CHUNK_BYTES)];
        let (started_at, mut passed) = (Instant::now(), 0);
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return to.shutdown().await;
            }
            if let Some((faults, hit)) = self.hold.take() {
                held(&faults, &hit).await?;
            }
            let left = self.bytes_max.map_or(count as u64, |max| max - passed);
            let fits = count.min(usize::try_from(left).unwrap_or(count));
            to.write_all(&buffer[..fits]).await?;
            passed += fits as u64;
            if fits < count {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if let Some(rate) = self.bytes_per_second {
                let due = Duration::from_secs_f64(passed as f64 / rate.max(1) as f64);
                tokio::time::sleep_until(started_at + due).await;
            }
        }
    }
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
