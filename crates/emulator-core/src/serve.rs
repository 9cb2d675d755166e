//! An HTTP/1.1 server round one [`Service`].
//!
//! The caller binds the listener and decides the end, so a test starts it on port 0. It knows no
//! routes: telling SQS from S3 is the caller's business.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Any error a response body can end in.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a [`Response`].
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// A request as it comes off the wire.
pub type Request = http::Request<Incoming>;
/// What a [`Service`] answers.
pub type Response = http::Response<Body>;
/// What [`Service::call`] returns.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// How long connections may take to finish their last answer once the server has been told to stop.
const GRACE: Duration = Duration::from_secs(1);
/// First and longest pause after a failed `accept` (out of file descriptors, for example).
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(1);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Answers requests; shared by all connections.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Errors are answers too: an emulator never drops a connection.
    fn call(&self, request: Request) -> ResponseFuture;
}

/// A body that is already in memory.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Serves until `shutdown` is cancelled, then lets open requests finish for at most one second.
pub async fn serve(listener: TcpListener, service: Arc<dyn Service>, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    let mut pause = ACCEPT_PAUSE_MIN;
    loop {
        match shutdown.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((stream, peer))) => {
                pause = ACCEPT_PAUSE_MIN;
                connections.spawn(serve_connection(
                    stream,
                    peer,
                    Arc::clone(&service),
                    shutdown.clone(),
                ));
            }
            Some(Err(error)) => {
                tracing::warn!(%error, ?pause, "connection not accepted");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    service: Arc<dyn Service>,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY not set");
    }
    let answer = service_fn(move |request| {
        let answered = service.call(request);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}
