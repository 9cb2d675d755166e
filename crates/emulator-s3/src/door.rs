//! Where requests come in: takes signatures and `aws-chunked` off, hands over to `s3s`, and gives
//! the answers what S3 puts on all of its answers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use emulator_core::serve::{Body, Request, Response, full};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use s3s::service::S3Service;
use s3s::{HttpError, HttpRequest, HttpResponse, S3Error};
use uuid::Uuid;

use crate::body::{self, SharedBody};
use crate::credentials;
use crate::error::{ELEMENTS_HEADER, Refusal, element};
use crate::limits;
use crate::xml_characters::referenced;

/// Answers one request.
pub(crate) async fn answer(s3: &S3Service, now_s: u64, request: Request) -> Response {
    let (mut parts, incoming) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    // Who waits for `100 Continue` sends no body that nobody asked for.
    let sends_unasked = !parts.headers.contains_key(header::EXPECT);
    let stamp = Stamp::new();
    let path = parts.uri.path().to_owned();
    let shared = SharedBody::new(incoming);
    let answered = match admit(&mut parts, shared.clone(), now_s) {
        Ok(body) => s3.call(HttpRequest::from_parts(parts, body)).await,
        Err(refusal) => S3Error::from(refusal)
            .to_http_response()
            .map_err(|error| HttpError::new(Box::new(error))),
    };
    let response = answered.unwrap_or_else(|error| {
        let error: s3s::StdError = error.into();
        tracing::error!(%error, "answer not serialised");
        let mut response = HttpResponse::new(s3s::Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    });
    let is_refused = !response.status().is_success();
    if is_refused && sends_unasked {
        shared.drain().await;
    }
    let mut response = finish(response, is_head, &path, &stamp);
    if is_refused && !sends_unasked {
        // Who was refused instead of told to continue may or may not send its body now; on a
        // connection that goes on, nobody could tell that body from the next request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn admit(parts: &mut Parts, body: SharedBody, now_s: u64) -> Result<s3s::Body, Refusal> {
    credentials::unsign(parts, now_s)?;
    // S3 ignores a Range it cannot read, several ranges among them. API Reference, "GetObject".
    if let Some(range) = parts.headers.get(header::RANGE) {
        let range = range.to_str().ok().and_then(|range| s3s::dto::Range::parse(range).ok());
        if range.is_none() {
            parts.headers.remove(header::RANGE);
        }
    }
    body::decoded(parts, body)
}

fn finish(response: HttpResponse, is_head: bool, path: &str, stamp: &Stamp) -> Response {
    let (mut parts, body) = response.into_parts();
    let elements = parts.headers.remove(ELEMENTS_HEADER);
    let elements = elements.and_then(|encoded| BASE64.decode(encoded).ok()).unwrap_or_default();
    stamp.mark(&mut parts.headers);
    let is_error = parts.status.is_client_error() || parts.status.is_server_error();
    let body = if parts.status == StatusCode::NOT_MODIFIED {
        parts.headers.remove(header::CONTENT_TYPE);
        Body::default()
    } else if let (true, Some(xml)) = (is_error, body.bytes()) {
        let xml = stamp.complete(&xml, &String::from_utf8_lossy(&elements), path);
        full(referenced(&xml).into_owned())
    } else if let (true, Some(xml)) = (is_xml(&parts.headers), body.bytes()) {
        match std::str::from_utf8(&xml).map(referenced) {
            Ok(Cow::Owned(xml)) => {
                parts.headers.remove(header::CONTENT_LENGTH);
                full(xml)
            }
            _ => body.boxed_unsync(),
        }
    } else {
        body.boxed_unsync()
    };
    // s3s knows `206 Partial Content` for GET only.
    let is_partial = parts.headers.contains_key(header::CONTENT_RANGE);
    if is_head && is_partial && parts.status == StatusCode::OK {
        parts.status = StatusCode::PARTIAL_CONTENT;
    }
    Response::from_parts(parts, body)
}

/// Whether the answer is one of S3's own in XML: objects, which may be XML too, have a date.
fn is_xml(headers: &HeaderMap) -> bool {
    let xml = HeaderValue::from_static("application/xml");
    headers.get(header::CONTENT_TYPE) == Some(&xml) && !headers.contains_key(header::LAST_MODIFIED)
}

/// What S3 puts on all its answers. API Reference, "Common response headers" and "REST error
/// responses".
struct Stamp {
    request_id: String,
    host_id: String,
}

impl Stamp {
    fn new() -> Self {
        let host_id = Uuid::new_v4().simple().to_string();
        let request_id = host_id[..16].to_ascii_uppercase();
        Self { request_id, host_id }
    }

    fn mark(&self, headers: &mut HeaderMap) {
        let value = |id: &str| HeaderValue::try_from(id).expect("hexadecimal is a legal value");
        headers.insert("x-amz-request-id", value(&self.request_id));
        headers.insert("x-amz-id-2", value(&self.host_id));
        headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
    }

    /// Adds to the XML of an error what `s3s` leaves out.
    fn complete(&self, xml: &[u8], elements: &str, path: &str) -> String {
        let xml = String::from_utf8_lossy(xml);
        let Some(open) = xml.strip_suffix("</Error>") else { return xml.into_owned() };
        let message = if open.contains("<Message>") { "" } else { missing_message(open) };
        let found = missing_elements(open, path);
        let (request_id, host_id) = (&self.request_id, &self.host_id);
        format!(
            "{open}{message}{elements}{found}<RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
        )
    }
}

fn code(xml: &str) -> Option<&str> {
    let rest = xml.split_once("<Code>")?.1;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// What S3 adds to errors that `s3s` finds itself, read off the path.
fn missing_elements(xml: &str, path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    match code(xml) {
        Some("InvalidBucketName") => element("BucketName", bucket),
        Some("KeyTooLongError") => {
            element("Size", &key.len().to_string())
                + &element("MaxSizeAllowed", &limits::KEY_BYTES_MAX.to_string())
        }
        _ => String::new(),
    }
}

/// The texts of errors that `s3s` finds itself. API Reference, "List of error codes".
fn missing_message(xml: &str) -> &'static str {
    match code(xml) {
        Some("InvalidBucketName") => "<Message>The specified bucket is not valid.</Message>",
        Some("InvalidURI") => "<Message>Couldn't parse the specified URI.</Message>",
        Some("KeyTooLongError") => "<Message>Your key is too long</Message>",
        Some("MethodNotAllowed") => {
            "<Message>The specified method is not allowed against this resource.</Message>"
        }
        Some("IncompleteBody") => {
            "<Message>You did not provide the number of bytes specified by the Content-Length \
             HTTP header</Message>"
        }
        Some("MissingContentLength") => {
            "<Message>You must provide the Content-Length HTTP header.</Message>"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_completed_with_what_s3_says_besides() {
        let stamp = Stamp { request_id: "R".to_owned(), host_id: "H".to_owned() };
        let check = |before: &str, after: &str| {
            assert_eq!(stamp.complete(before.as_bytes(), "", "/a%20b/k%C3%BC/"), after);
        };
        let tail = "<RequestId>R</RequestId><HostId>H</HostId>";
        check(
            "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>",
            &format!("<Error><Code>NoSuchKey</Code><Message>gone</Message>{tail}</Error>"),
        );
        check(
            "<Error><Code>KeyTooLongError</Code></Error>",
            &format!(
                "<Error><Code>KeyTooLongError</Code><Message>Your key is too long</Message>\
                 <Size>4</Size><MaxSizeAllowed>1024</MaxSizeAllowed>{tail}</Error>"
            ),
        );
        check(
            "<Error><Code>InvalidBucketName</Code></Error>",
            &format!(
                "<Error><Code>InvalidBucketName</Code><Message>The specified bucket is not valid.\
                 </Message><BucketName>a b</BucketName>{tail}</Error>"
            ),
        );
        check("<Else/>", "<Else/>");
    }
}
