//! A proxy in front of an SQS and S3 that are not ours, so that plans of faults work there too.
//!
//! Passes requests on as they come, the `Host` included: queue URLs then name the proxy. Knows no
//! signatures, so what checks them (AWS itself) cannot stand behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use emulator_core::faults::Faults;
use emulator_core::faults::http::{Dialect, Faulty};
use emulator_core::serve::{Request, RequestBody, Response, ResponseFuture, Service, full};
use emulator_sqs::Sqs;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use http::{StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Routes by what a request is signed for, through the faults of its service.
pub(crate) struct Gate {
    sqs: Faulty,
    s3: Faulty,
}

impl Gate {
    /// A gate to the server at `upstream`, which speaks HTTP.
    pub(crate) fn new(upstream: SocketAddr, faults: &Faults) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let forward: Arc<dyn Service> = Arc::new(Forward { upstream, client });
        Self {
            sqs: Faulty::new(Arc::clone(&forward), Dialect::Sqs, faults.clone()),
            s3: Faulty::new(forward, Dialect::S3, faults.clone()),
        }
    }
}

impl Service for Gate {
    fn call(&self, request: Request) -> ResponseFuture {
        let (parts, body) = request.into_parts();
        let is_sqs = Sqs::handles(&parts);
        let request = Request::from_parts(parts, body);
        if is_sqs { self.sqs.call(request) } else { self.s3.call(request) }
    }
}

/// Passes every request on.
struct Forward {
    upstream: SocketAddr,
    client: Client<HttpConnector, RequestBody>,
}

impl Service for Forward {
    fn call(&self, mut request: Request) -> ResponseFuture {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("http://{}{path}", self.upstream).parse::<Uri>();
        let Ok(uri) = uri else {
            return Box::pin(std::future::ready(unreachable_upstream("its path is no URI's")));
        };
        *request.uri_mut() = uri;
        let length = request.body().size_hint().exact();
        reframe(request.headers_mut(), length);
        let answer = self.client.request(request);
        Box::pin(async move {
            match answer.await {
                Ok(mut response) => {
                    response.headers_mut().remove(CONNECTION);
                    response.headers_mut().remove(TRANSFER_ENCODING);
                    response.map(|body| body.map_err(Into::into).boxed_unsync())
                }
                Err(error) => {
                    tracing::debug!(%error, "request not passed on");
                    unreachable_upstream("the server behind the proxy does not answer")
                }
            }
        })
    }
}

/// What belongs to the connection it came over is left out; how long the body is, is said anew.
fn reframe(headers: &mut HeaderMap, length: Option<u64>) {
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, EXPECT] {
        headers.remove(name);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn unreachable_upstream(why: &'static str) -> Response {
    http::Response::builder()
        .status(StatusCode::BAD_GATEWAY)
        .header(CONTENT_TYPE, "text/plain")
        .body(full(why))
        .expect("a status and one known header make a response")
}
