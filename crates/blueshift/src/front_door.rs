//! The one HTTP port: tells SQS from S3 and both from the kit's own pages.

use std::sync::Arc;
use std::time::Instant;

use emulator_core::faults::Faults;
use emulator_core::serve::{Request, Response, ResponseFuture, Service, full};
use emulator_redshift::SystemTables;
use emulator_sqs::Sqs;
use http::{Method, StatusCode, header};
use serde_json::json;

use crate::error::StackError;
use crate::localstack_pages::Used;
use crate::readiness::{Phase, Readiness};
use crate::reset::Reset;
use crate::{caller_identity, fault_pages, localstack_pages};

/// Routes by what a request is signed for; what is not SQS's nor the kit's is S3's.
pub(crate) struct FrontDoor {
    pub(crate) sqs: Arc<dyn Service>,
    pub(crate) s3: Arc<dyn Service>,
    /// Where the last COPYs are written down.
    pub(crate) copies: SystemTables,
    pub(crate) faults: Faults,
    pub(crate) readiness: Readiness,
    pub(crate) reset: Reset,
    pub(crate) used: Used,
}

impl Service for FrontDoor {
    fn call(&self, request: Request) -> ResponseFuture {
        let path = request.uri().path();
        if path == "/_blueshift/faults" || path.starts_with("/_blueshift/faults/") {
            return fault_pages::answer(self.faults.clone(), request);
        }
        if request.method() == Method::POST
            && matches!(path, "/_blueshift/reset" | "/_localstack/state/reset")
        {
            let reset = self.reset.clone();
            return Box::pin(async move { reset_page(&reset).await });
        }
        if let Some(page) = path.strip_prefix("/_localstack/") {
            let answer =
                localstack_pages::answer(&self.readiness, &self.used, request.method(), page);
            return Box::pin(async move { answer });
        }
        if let Some(page) = path.strip_prefix("/_blueshift/") {
            let answer = self.kit_page(request.method(), page);
            return Box::pin(async move { answer });
        }
        let (parts, body) = request.into_parts();
        if caller_identity::handles(&parts) {
            return Box::pin(caller_identity::answer(Request::from_parts(parts, body)));
        }
        let is_sqs = Sqs::handles(&parts);
        self.used.note(is_sqs);
        let request = Request::from_parts(parts, body);
        if is_sqs { self.sqs.call(request) } else { self.s3.call(request) }
    }
}

impl FrontDoor {
    fn kit_page(&self, method: &Method, page: &str) -> Response {
        match (method, page) {
            (&Method::GET | &Method::HEAD, "health") => {
                let services = json!({ "sqs": "running", "s3": "running", "redshift": "running" });
                let phase = self.readiness.phase();
                let status = match phase {
                    Phase::Running => StatusCode::OK,
                    _ => StatusCode::SERVICE_UNAVAILABLE,
                };
                let init = self.readiness.scripts();
                answer(status, &json!({ "status": phase, "services": services, "init": init }))
            }
            (&Method::GET | &Method::HEAD, "copies") => {
                let mut copies = self.copies.copies();
                copies.reverse(); // Who looks wants the last one first.
                answer(StatusCode::OK, &json!({ "copies": copies }))
            }
            _ => {
                let known = "GET /_blueshift/health, /_blueshift/copies and /_blueshift/faults; \
                             POST /_blueshift/reset";
                let error = format!("no page {method} /_blueshift/{page}; there are {known}");
                answer(StatusCode::NOT_FOUND, &json!({ "error": error }))
            }
        }
    }
}

/// `POST /_blueshift/reset`, for which LocalStack's path of the same purpose does too.
async fn reset_page(reset: &Reset) -> Response {
    let began_at = Instant::now();
    match reset.run().await {
        Ok(()) => {
            let seconds = began_at.elapsed().as_secs_f64();
            answer(StatusCode::OK, &json!({ "status": "running", "reset_seconds": seconds }))
        }
        Err(error) => {
            let status = match &error {
                StackError::ScriptRuns { .. } => StatusCode::CONFLICT,
                StackError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            answer(status, &json!({ "error": format!("{:#}", anyhow::Error::from(error)) }))
        }
    }
}

pub(crate) fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    http::Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(full(body.to_string()))
        .expect("a status and one known header make a response")
}
