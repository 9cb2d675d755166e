//! Faults in front of a service of HTTP: which operation a request asks for, and what is done to
//! it.
//!
//! Pages: SQS Developer Guide, "Making Query API requests using AWS JSON protocol"; S3 API
//! Reference, "Operations".

use std::sync::Arc;

use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::plan::{Action, Call, Moment};
use super::{Faults, Hit, Release};
use crate::serve::{Request, RequestBody, Response, ResponseFuture, Service, full, no_answer};

/// No request of SQS is larger (SQS Developer Guide, "Message quotas": 1 MiB of text, which JSON can
/// write with six bytes per character).
const SQS_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How a service writes its requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQS with AWS JSON.
    Sqs,
    /// S3 with XML.
    S3,
}

/// A service with faults in front of it.
pub struct Faulty {
    inner: Arc<dyn Service>,
    dialect: Dialect,
    faults: Faults,
}

impl Faulty {
    /// Puts `faults` in front of `inner`.
    pub fn new(inner: Arc<dyn Service>, dialect: Dialect, faults: Faults) -> Self {
        Self { inner, dialect, faults }
    }
}

impl Service for Faulty {
    fn call(&self, request: Request) -> ResponseFuture {
        if !self.faults.is_armed() {
            return self.inner.call(request);
        }
        let (inner, faults) = (Arc::clone(&self.inner), self.faults.clone());
        let dialect = self.dialect;
        Box::pin(async move { answer(&*inner, dialect, &faults, request).await })
    }
}

async fn answer(
    inner: &dyn Service,
    dialect: Dialect,
    faults: &Faults,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let (call, body) = match dialect {
        Dialect::S3 => (s3_call(&parts), body),
        Dialect::Sqs => {
            // Only the body says which queue is meant.
            let Ok(body) = Limited::new(body, SQS_BODY_BYTES_MAX).collect().await else {
                return no_answer();
            };
            let bytes = body.to_bytes();
            (sqs_call(&parts, &bytes), RequestBody::from(bytes))
        }
    };
    let request = Request::from_parts(parts, body);
    let Some(hit) = faults.judge(&call) else { return inner.call(request).await };
    apply(inner, dialect, faults, request, &hit).await
}

async fn apply(
    inner: &dyn Service,
    dialect: Dialect,
    faults: &Faults,
    request: Request,
    hit: &Hit,
) -> Response {
    match &hit.action {
        Action::Refuse { status, code } => {
            let is_head = request.method() == Method::HEAD;
            // A client that still writes would see a broken pipe instead of the answer.
            drain(request.into_body()).await;
            refusal(dialect, *status, code, is_head)
        }
        Action::FailEntries { count, code, sender_fault } => {
            fail_entries(inner, request, *count, code, *sender_fault).await
        }
        Action::Cut => {
            drain(request.into_body()).await;
            no_answer()
        }
        Action::Lose => {
            let response = inner.call(request).await;
            // What streams has its effect while it is read.
            let _ = response.into_body().collect().await;
            no_answer()
        }
        Action::Delay { .. } => {
            tokio::time::sleep(hit.action.delay()).await;
            inner.call(request).await
        }
        Action::Hold(Moment::Before) => match faults.hold(hit).await {
            Release::Continue => inner.call(request).await,
            Release::Cut => no_answer(),
        },
        Action::Hold(Moment::After) => {
            let (parts, body) = inner.call(request).await.into_parts();
            // What streams has its effect while it is read.
            let Ok(body) = body.collect().await else { return no_answer() };
            let body = body.map_err(|never| match never {}).boxed_unsync();
            let response = Response::from_parts(parts, body);
            match faults.hold(hit).await {
                Release::Continue => response,
                Release::Cut => no_answer(),
            }
        }
        // No plan hits requests with these: they are for connections.
        Action::Slow { .. } | Action::CutAfter { .. } => inner.call(request).await,
    }
}

async fn drain(mut body: RequestBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// The access key that signed the request.
fn caller(parts: &Parts) -> String {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let signed = header.and_then(|value| value.split_once("Credential=")).map(|(_, rest)| rest);
    let query = parts.uri.query().and_then(|query| query.split_once("X-Amz-Credential="));
    let credential = signed.or(query.map(|(_, rest)| rest)).unwrap_or("anonymous");
    let ends = credential.find(['/', '%', ',', '&']).unwrap_or(credential.len());
    credential[..ends].to_owned()
}

fn sqs_call(parts: &Parts, body: &[u8]) -> Call {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("AmazonSQS.")).unwrap_or("");
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let queue = body["QueueUrl"].as_str().or(body["QueueName"].as_str()).unwrap_or_default();
    Call {
        service: "sqs".to_owned(),
        operation: operation.to_owned(),
        caller: caller(parts),
        resource: queue.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

fn s3_call(parts: &Parts) -> Call {
    let path = parts.uri.path().trim_start_matches('/');
    let resource = match bucket_of_host(&parts.headers) {
        Some(bucket) if path.is_empty() => bucket.to_owned(),
        Some(bucket) => format!("{bucket}/{path}"),
        None => path.trim_end_matches('/').to_owned(),
    };
    let operation = match resource.split_once('/') {
        _ if resource.is_empty() => "ListBuckets",
        None => bucket_operation(parts),
        Some(_) => object_operation(parts),
    };
    Call {
        service: "s3".to_owned(),
        operation: operation.to_owned(),
        caller: caller(parts),
        resource,
    }
}

/// The bucket in the host name: `lake.s3.eu-central-1.amazonaws.com`, `lake.localhost:4566`.
fn bucket_of_host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let end = host.find(".s3.").or_else(|| host.find(".localhost"))?;
    Some(&host[..end]).filter(|bucket| *bucket != "s3")
}

fn has_parameter(parts: &Parts, name: &str) -> bool {
    let fields = parts.uri.query().unwrap_or_default().split('&');
    fields.map(|field| field.split('=').next().unwrap_or_default()).any(|field| field == name)
}

fn bucket_operation(parts: &Parts) -> &'static str {
    let has = |name| has_parameter(parts, name);
    match parts.method {
        Method::GET if has("list-type") => "ListObjectsV2",
        Method::GET if has("uploads") => "ListMultipartUploads",
        Method::GET if has("location") => "GetBucketLocation",
        Method::GET => "ListObjects",
        Method::HEAD => "HeadBucket",
        Method::PUT => "CreateBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST if has("delete") => "DeleteObjects",
        _ => "",
    }
}

fn object_operation(parts: &Parts) -> &'static str {
    let has = |name| has_parameter(parts, name);
    let copies = parts.headers.contains_key("x-amz-copy-source");
    match parts.method {
        Method::GET if has("uploadId") => "ListParts",
        Method::GET => "GetObject",
        Method::HEAD => "HeadObject",
        Method::PUT if has("partNumber") && copies => "UploadPartCopy",
        Method::PUT if has("partNumber") => "UploadPart",
        Method::PUT if copies => "CopyObject",
        Method::PUT => "PutObject",
        Method::DELETE if has("uploadId") => "AbortMultipartUpload",
        Method::DELETE => "DeleteObject",
        Method::POST if has("uploads") => "CreateMultipartUpload",
        Method::POST if has("uploadId") => "CompleteMultipartUpload",
        _ => "",
    }
}

/// An error as the service would write it.
fn refusal(dialect: Dialect, status: u16, code: &str, is_head: bool) -> Response {
    let message = "refused by a fault of the plan";
    let (content_type, text) = match dialect {
        Dialect::Sqs => {
            let body = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": message });
            ("application/x-amz-json-1.0", body.to_string())
        }
        Dialect::S3 if is_head => ("application/xml", String::new()),
        Dialect::S3 => {
            let escaped = code.replace('&', "&amp;").replace('<', "&lt;");
            let body = format!("<Error><Code>{escaped}</Code><Message>{message}</Message></Error>");
            ("application/xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{body}"))
        }
    };
    let mut response = Response::new(full(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if dialect == Dialect::Sqs
        && let Ok(value) = HeaderValue::try_from(format!("{code};Sender"))
    {
        headers.insert("x-amzn-query-error", value);
    }
    response
}

/// Passes a batch on without its first entries and lists those as failed.
async fn fail_entries(
    inner: &dyn Service,
    request: Request,
    count: usize,
    code: &str,
    sender_fault: bool,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return no_answer(),
    };
    let mut batch: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let Some(entries) = batch["Entries"].as_array_mut() else {
        // No batch: nothing to take out.
        return inner.call(Request::from_parts(parts, RequestBody::from(bytes))).await;
    };
    let failed: Vec<Value> = entries
        .drain(..count.min(entries.len()))
        .map(|entry| json!({ "Id": entry["Id"], "Code": code, "SenderFault": sender_fault }))
        .collect();
    let is_empty = entries.is_empty();
    let (mut answer_parts, mut answer) = if is_empty {
        Response::new(full(Bytes::new())).into_parts()
    } else {
        let text = Bytes::from(batch.to_string());
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        inner.call(Request::from_parts(parts, RequestBody::from(text))).await.into_parts()
    };
    let Ok(answered) = answer.collect().await.map(|body| body.to_bytes()) else {
        return no_answer();
    };
    let mut answered_json: Value = serde_json::from_slice(&answered).unwrap_or_else(|_| json!({}));
    if !answer_parts.status.is_success() {
        return Response::from_parts(answer_parts, full(answered));
    }
    for list in ["Successful", "Failed"] {
        if !answered_json[list].is_array() {
            answered_json[list] = json!([]);
        }
    }
    if let Some(list) = answered_json["Failed"].as_array_mut() {
        list.extend(failed);
    }
    answer = full(answered_json.to_string());
    answer_parts.headers.remove(header::CONTENT_LENGTH);
    let content_type = HeaderValue::from_static("application/x-amz-json-1.0");
    answer_parts.headers.insert(header::CONTENT_TYPE, content_type);
    Response::from_parts(answer_parts, answer)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
