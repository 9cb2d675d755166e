//! The small HTTP server behind `--metrics-listen`.
//!
//! Answers GET (and HEAD) of `/metrics` and `/healthz`, and nothing else. Bounded: so many
//! connections at once, and a client that sends nothing is hung up on.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::{Health, Metrics};

/// Connections at once; a scraper needs one.
const CONNECTIONS_MAX: usize = 32;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait when the system gives no connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// OpenMetrics' own content type, which Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A running server; stops when it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl MetricsServer {
    /// Where it listens: with port 0 asked for, the port that was free.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Serves `metrics` at `/metrics`, and at `/healthz` 200 or, with the reason, 503.
///
/// # Errors
/// If nobody may listen there.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn serve(
    listen: SocketAddr,
    metrics: Metrics,
    health: Health,
) -> std::io::Result<MetricsServer> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "metrics are served");
    let serving = tokio::spawn(accept(listener, metrics, health));
    Ok(MetricsServer { address, serving })
}

async fn accept(listener: TcpListener, metrics: Metrics, health: Health) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&room).acquire_owned().await.expect("nobody closes it");
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "no connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (metrics, health) = (metrics.clone(), health.clone());
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| {
                let response = answer(&request, &metrics, &health);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            let http = http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "connection for metrics ended");
            }
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    health: &Health,
) -> Response<Full<Bytes>> {
    let plain = |status, text: String| response(status, "text/plain; charset=utf-8", text);
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET is allowed\n".to_owned());
        refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => response(StatusCode::OK, OPEN_METRICS, metrics.text()),
        "/healthz" => match health.reason() {
            None => plain(StatusCode::OK, "ok\n".to_owned()),
            Some(reason) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        },
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n".to_owned()),
    }
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn get(address: SocketAddr, line: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("somebody listens");
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    fn start(metrics: &Metrics, health: &Health) -> MetricsServer {
        let listen = "127.0.0.1:0".parse().expect("an address");
        serve(listen, metrics.clone(), health.clone()).expect("a free port")
    }

    #[tokio::test]
    async fn the_figures_and_the_health_are_served() {
        let (metrics, health) = (Metrics::new("upload-data"), Health::new());
        let server = start(&metrics, &health);
        metrics.counter("rows", "Rows").add(5);
        let answer = get(server.address(), "GET /metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("application/openmetrics-text"), "{answer}");
        assert!(answer.ends_with("upload_data_rows_total 5\n# EOF\n"), "{answer}");
        let answer = get(server.address(), "GET /healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok\n"), "{answer}");
        health.failing("redshift is away");
        let answer = get(server.address(), "GET /healthz").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("redshift is away\n"), "{answer}");
    }

    #[tokio::test]
    async fn nothing_else_is_answered() {
        let server = start(&Metrics::new("p"), &Health::new());
        for (line, status) in [
            ("GET /", "404"),
            ("GET /metrics/", "404"),
            ("POST /metrics", "405"),
            ("HEAD /metrics?x=1", "200"),
        ] {
            let answer = get(server.address(), line).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {answer}");
        }
    }

    #[tokio::test]
    async fn the_port_is_free_again_after_the_drop() {
        let (metrics, health) = (Metrics::new("p"), Health::new());
        let server = start(&metrics, &health);
        let address = server.address();
        let taken = serve(address, metrics.clone(), health.clone()).expect_err("taken");
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
        drop(server);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while let Err(error) = serve(address, metrics.clone(), health.clone()) {
            assert!(tokio::time::Instant::now() < deadline, "{error}");
            tokio::task::yield_now().await;
        }
    }
}
