//! An HTTP/1.1 server round one [`Service`].
//!
//! The caller binds the listener and decides the end, so a test starts it on port 0. It knows no
//! routes: telling SQS from S3 is the caller's business.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
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
pub type Request = http::Request<RequestBody>;
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
    /// Answers one request. Errors are answers too: an emulator never drops a connection, unless
    /// it is told to ([`no_answer`]).
    fn call(&self, request: Request) -> ResponseFuture;
}

/// The body of a [`Request`].
#[derive(Debug)]
pub enum RequestBody {
    /// Still on the wire, or some of it.
    Wire(Incoming),
    /// Somebody had to look at it before it was passed on.
    Read(Full<Bytes>),
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Read(Full::new(bytes))
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Wire(body) => Pin::new(body).poll_frame(context),
            Self::Read(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Read(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Wire(body) => body.size_hint(),
            Self::Read(body) => body.size_hint(),
        }
    }
}

/// Marks a response that is not to be sent: the connection ends instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoAnswer;

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("connection cut on purpose")
    }
}

impl std::error::Error for NoAnswer {}

/// What a service returns that wants the connection to end without an answer.
pub fn no_answer() -> Response {
    let mut response = http::Response::new(full(Bytes::new()));
    response.extensions_mut().insert(NoAnswer);
    response
}

/// Whether the response is one of [`no_answer`].
pub fn is_no_answer(response: &Response) -> bool {
    response.extensions().get::<NoAnswer>().is_some()
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
    let answer = service_fn(move |request: http::Request<Incoming>| {
        let answered = service.call(request.map(RequestBody::Wire));
        async move {
            let response = answered.await;
            if is_no_answer(&response) { Err(NoAnswer) } else { Ok(response) }
        }
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
